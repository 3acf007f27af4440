"""An answer of the API that comes bit by bit, handed on as it comes: httpx collects the whole of it first."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from starlette.types import ASGIApp, Message


async def answer(
    app: ASGIApp, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, AsyncGenerator[bytes, None]]:
    """The status, and the parts of the body. Whoever stops listening to them breaks the request off."""
    told: asyncio.Queue[Message | None] = asyncio.Queue()
    asked = [body]

    async def receive() -> Message:
        if asked:
            return {"type": "http.request", "body": asked.pop(), "more_body": False}
        return await asyncio.Future()  # nothing more comes

    async def send(message: Message) -> None:
        told.put_nowait(message)

    async def run() -> None:
        try:
            await app(scope, receive, send)
        finally:
            told.put_nowait(None)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": ("console", 80),
    }
    running = asyncio.create_task(run())

    async def parts() -> AsyncGenerator[bytes, None]:
        try:
            while message := await told.get():
                yield message.get("body", b"")
            await running  # raises what broke it
        finally:
            running.cancel()

    start = await told.get()
    if start is None:
        await running
    assert start
    return int(start["status"]), parts()
