"""Real events of the domain in a real log, mirrored by a projector that runs as it does in service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from infra.event_store import EventStore
from infra.mapper import mapper
from infra.sealing import Keyring
from projections.projector import Positions, Projector, install
from tests.domain.story import Story

PATIENCE = 30.0


class Mirror:
    """A log and its read models."""

    def __init__(self, pool: asyncpg.Pool, keys: Path) -> None:
        self.pool = pool
        self.store, self.keyring = EventStore(pool), Keyring(pool, keys)
        self._positions = Positions(pool)
        self._told: set[tuple[UUID, int]] = set()

    async def tell(self, story: Story) -> None:
        """Append what is new in a story; every story has the same host, posts and units."""
        new = [event for event in story.log if (event.originator_id, event.originator_version) not in self._told]
        self._told |= {(event.originator_id, event.originator_version) for event in new}
        await self.store.insert_events([mapper.to_stored_event(event) for event in new])

    async def caught_up(self, *names: str) -> None:
        """Wait until the read models (all, if none is named) have what the log has now."""
        assert await self._positions.wait_for(await self.store.max_notification_id(), PATIENCE, *names)

    async def show(self, story: Story) -> None:
        await self.tell(story)
        await self.caught_up()


@pytest.fixture
async def log(pool: asyncpg.Pool, tmp_path: Path) -> Mirror:
    """A log, and read models that nobody carries it into yet."""
    await install(pool)
    return Mirror(pool, tmp_path)


@pytest.fixture
async def mirror(log: Mirror) -> AsyncIterator[Mirror]:
    """A log whose read models follow it."""
    running = asyncio.create_task(Projector(log.store, log.keyring).run())
    yield log
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
