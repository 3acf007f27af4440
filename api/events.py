"""Server-sent events: what happens, as it happens, to whoever may be told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from api.deps import After, Anyone, Services, Serving, position, viewer
from api.history import Happening
from api.openapi import problems
from api.problems import UNREACHABLE, Problem
from infra.event_store import EventStore
from infra.sealing import Keyring
from projections import timeline
from projections.board import Viewer
from projections.projector import Positions

router = APIRouter(prefix="/v1", tags=["history"])

HEARTBEAT_SECONDS = 15.0
LIFE_SECONDS = 600.0  # then the client connects anew, with a token that is valid still
PAGE = 100
READ_MODELS = ("board", "timeline")  # what decides who is told, and what is told
NO_TOPIC = ("-",)  # positions alone


class Newest:
    """How far the read models are, told to every stream of this process by one follower of the log."""

    def __init__(self, store: EventStore, positions: Positions) -> None:
        self._store, self._positions = store, positions
        self._position = 0
        self._moved = asyncio.Event()
        self.closed = False
        self._streams = 0
        self._task: asyncio.Task[None] | None = None

    async def after(self, position: int, timeout: float) -> int:
        """The newest position as soon as it is later than this one; or this one again, when the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._position <= position and not self.closed:
                    await self._moved.wait()
        return max(position, self._position)

    def close(self) -> None:
        """Every stream ends: the server is stopping, and waits for none."""
        self.closed = True
        self._moved.set()

    async def __aenter__(self) -> "Newest":
        self._streams += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._streams -= 1
        if not self._streams and self._task:
            self._task.cancel()
            self._task = None

    async def _follow(self) -> None:
        async with aclosing(self._store.follow(0, NO_TOPIC)) as pages:
            async for page in pages:
                await self._caught_up(page.position)
                self._position = page.position
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()

    async def _caught_up(self, position: int) -> None:
        while True:
            with suppress(*UNREACHABLE):
                if await self._positions.wait_for(position, HEARTBEAT_SECONDS, *READ_MODELS):
                    return
            await asyncio.sleep(1)  # a read model stands still, or the database is away: /readyz says so


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"description": "`id`: its position; `event`: its type.", "content": {"text/event-stream": {}}},
        **problems(401, 422, 500, 503),
    },
)
async def stream_events(
    request: Request,
    services: Serving,
    identity: Anyone,
    after: After = None,
    last_event_id: Annotated[str | None, Header(description="The last `id` that was received.")] = None,
) -> StreamingResponse:
    """From after `Last-Event-ID` (or `after`), else from now on. The public is told of what the board shows;
    others also of what they handle. A comment every 15 seconds shows that the line is open; after ten minutes it is
    closed, and an `EventSource` connects again where it was."""
    try:
        start = after if last_event_id is None else _place(services.keyring, last_event_id)
    except ValueError:
        raise Problem(422, "invalid-event-id", "事件编号无效。", "That is no id of ours.", "Last-Event-Id") from None
    if start is None:
        start = await services.store.max_notification_id()
    newest: Newest = request.app.state.newest
    told = lines(services, newest, viewer(services, identity), start)
    return StreamingResponse(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _place(keyring: Keyring, text: str) -> int:
    try:
        return position(text)
    except ValueError:
        return keyring.unveiled(text)


async def lines(services: Services, newest: Newest, who: Viewer, at: int) -> AsyncIterator[str]:
    """Nothing in it moves with what this viewer is not told of: not the first id, nor the pause before a comment."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE_SECONDS
    async with newest:
        yield f"retry: 1000\nid: {services.keyring.veiled(at)}\n\n"
        beat = loop.time() + HEARTBEAT_SECONDS
        while loop.time() < end and not newest.closed:
            head = await newest.after(at, max(0, beat - loop.time()))
            if loop.time() >= beat:
                yield ": still here\n\n"
                beat += HEARTBEAT_SECONDS
            if head == at:
                continue
            # What is later than the head, the board may not know who may be told of.
            rows = [row for row in await timeline.since(services.pool, who, at, limit=PAGE) if row["position"] <= head]
            for row in rows:
                told = Happening.model_validate(row)
                data = json.dumps(told.model_dump(mode="json"), ensure_ascii=False)
                yield f"id: {told.position}\nevent: {told.type}\ndata: {data}\n\n"
            at = rows[-1]["position"] if len(rows) == PAGE else head
