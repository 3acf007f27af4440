"""Real `yuetan` processes: started, killed and stopped as somebody at a terminal would."""

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psutil
from temporalio.client import Client

from api.demo.district import District
from domain.command import Role
from infra.identity import Issuer

T = TypeVar("T")

YUETAN = [sys.executable, "-m", "yuetan"]
ROOT = Path(__file__).parents[1]
ENVIRONMENT = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "PYTHONWARNINGS": "error"}
READY = re.compile(r"(?:ready in ([\d.]+) s|serving) at (\S+)|working: ")


class Program:
    """A `yuetan` that serves. ``url`` is where; empty for a worker. ``log`` is what it says on standard error."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, ready_in: float, log: Path) -> None:
        self.process, self.url, self.ready_in, self.log = process, url, ready_in, log

    async def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        assert self.process.stdout
        await asyncio.wait_for(self.process.stdout.read(), 20)
        return await asyncio.wait_for(self.process.wait(), 20)

    def tree(self) -> list[psutil.Process]:
        """The process and all that descend from it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    async def kill_tree(self) -> None:
        """`kill -9` of the program, its PostgreSQL and its Temporal, all at once."""
        tree = self.tree()
        for process in tree:
            with suppress(psutil.NoSuchProcess):  # it ended with the one before
                process.kill()
        await self.process.communicate()
        await asyncio.to_thread(psutil.wait_procs, tree, 20)


@asynccontextmanager
async def program(*arguments: str | Path, **environment: str) -> AsyncIterator[Program]:
    with tempfile.NamedTemporaryFile("r+") as log:
        process = await asyncio.create_subprocess_exec(
            *YUETAN,
            *arguments,
            cwd=ROOT,
            env=ENVIRONMENT | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        try:
            async with asyncio.timeout(60):
                ready = await _ready_line(process)
            yield Program(process, ready[2] or "", float(ready[1] or 0), Path(log.name))
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
            sys.stderr.write(log.read())  # beside the test, should it fail


async def _ready_line(process: asyncio.subprocess.Process) -> re.Match[str]:
    assert process.stdout
    async for line in process.stdout:
        if found := READY.search(line.decode()):
            return found
    raise AssertionError("it ended before it was ready")


def run(*arguments: str | Path, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*YUETAN, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@contextmanager
def new_folder() -> Iterator[Path]:
    """One that PostgreSQL's user may enter, for a data folder inside it."""
    with tempfile.TemporaryDirectory(prefix="yuetan-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def tokens(keys: Path) -> Callable[[str, str, str | None], str]:
    issuer = Issuer(keys)
    return lambda role, subject, org: issuer.token(Role(role), subject, UUID(org) if org else None)


@asynccontextmanager
async def district(url: str, keys: Path) -> AsyncIterator[District]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield District(client, tokens(keys))


async def readiness(client: httpx.AsyncClient, status: str, within: float = 60) -> dict[str, Any]:
    """What /readyz says once it says this status."""

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await client.get("/readyz")).json()
        return found if found["status"] == status else None

    return await eventually(look, within)


async def eventually(look: Callable[[], Awaitable[T | None]], within: float = 60) -> T:
    """What a look finds, as soon as it finds something: for what happens elsewhere."""
    async with asyncio.timeout(within):
        while not (found := await look()):
            await asyncio.sleep(0.1)
        return found


async def temporal_of(engine: Program) -> Client:
    """A client of the Temporal that an `up` brought along."""
    server = next(process for process in engine.tree() if process.name() == "temporal")
    arguments = server.cmdline()
    return await Client.connect(f"127.0.0.1:{arguments[arguments.index('--port') + 1]}")
