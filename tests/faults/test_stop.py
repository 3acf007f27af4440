"""Stopping, with people on the line."""

import asyncio
import signal

import httpx
import psutil

from tests.faults.conftest import DEMO_POLICY
from tests.programs import new_folder, program

HALF_A_REQUEST = b"POST /v1/petitions HTTP/1.1\r\nHost: yuetan\r\nContent-Length: 9\r\n\r\n{"


async def test_it_stops_cleanly_though_readers_follow_and_a_client_never_ends_its_request() -> None:
    with new_folder() as folder:
        up = ("up", "--data-dir", folder / "data", "--port", "0", "--policy", DEMO_POLICY)
        async with program(*up) as engine, httpx.AsyncClient(base_url=engine.url, timeout=60) as client:
            tree = engine.tree()
            address = httpx.URL(engine.url)
            _, half = await asyncio.open_connection(address.host, address.port)
            half.write(HALF_A_REQUEST)
            await half.drain()
            async with client.stream("GET", "/v1/events") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "retry: 1000"
                assert await engine.end(signal.SIGTERM) == 0
                assert [line async for line in lines][-1] == ""  # it was brought to its end, not broken off
            half.close()
            assert not [process for process in tree if psutil.pid_exists(process.pid)]
            assert "Traceback" not in engine.log.read_text()
