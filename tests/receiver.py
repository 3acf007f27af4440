"""A real HTTP server of somebody else's, on loopback, which keeps what it is sent and answers as a test wants."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple


class Delivery(NamedTuple):
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def position(self) -> int:
        return int(self.headers["webhook-id"])


Answer = Callable[[Delivery], Awaitable[bytes]]


def answers(status: int, *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status} as wanted\r\nContent-Length: 0\r\n{head}\r\n".encode()


class Receiver:
    """``answer`` decides on each delivery: what to send back, nothing at all to break the connection."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []  # whatever came
        self.taken: list[Delivery] = []  # and was answered with 200
        self.connections = 0
        self.url = ""
        self.status = 200
        self._grown = asyncio.Condition()

    async def answer(self, delivery: Delivery) -> bytes:
        return answers(self.status)

    async def came(self, count: int) -> None:
        await self._until(lambda: len(self.all) >= count)

    async def took(self, *, up_to: int) -> list[int]:
        """The positions that were taken, once this one is."""
        await self._until(lambda: any(delivery.position == up_to for delivery in self.taken))
        return [delivery.position for delivery in self.taken]

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30), self._grown:
            await self._grown.wait_for(true)

    async def _tell(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
                delivery = Delivery(headers, await reader.readexactly(int(headers["content-length"])))
                self.all.append(delivery)
                await self._tell()
                answer = await self.answer(delivery)
                if answer.startswith(b"HTTP/1.1 200"):
                    self.taken.append(delivery)
                await self._tell()
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"https://localhost:{port}/hook" if tls else f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        server.close()
