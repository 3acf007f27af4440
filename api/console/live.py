"""Rings when something has happened that a reader may know of; their page then gets itself anew."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi.responses import StreamingResponse

from api import events
from api.console.browser import Browser
from api.deps import viewer


async def rings(browser: Browser, petition_id: UUID | None = None) -> StreamingResponse:
    """Of one petition, or of all."""
    services = browser.request.app.state.services
    start = await services.store.max_notification_id()
    told = events.lines(services, browser.request.app.state.newest, viewer(services, browser.identity), start)
    heard = f'"petition_id": "{petition_id or ""}'

    async def lines() -> AsyncIterator[str]:
        async for line in told:
            if heard in line:
                yield "event: happening\ndata: .\n\n"
            elif line.startswith((":", "retry")):
                yield line

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
