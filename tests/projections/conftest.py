"""Real events of the domain in a real log, mirrored by the projector as in service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from eventsourcing.utils import get_topic

from infra.event_store import EventStore
from infra.mapper import mapper
from infra.sealing import Keyring
from projections.projector import Positions, Projector, install
from projections.read_model import ReadModel
from tests.domain.story import Story

PATIENCE = 30.0


class Mirror:
    """A log and its read models, in service from the first time that somebody waits for them."""

    def __init__(self, pool: asyncpg.Pool, keys: Path) -> None:
        self.pool = pool
        self.store, self.keyring = EventStore(pool), Keyring(pool, keys)
        self._positions = Positions(pool)
        self._told: set[tuple[UUID, int]] = set()
        self._service: asyncio.Task[None] | None = None

    async def tell(self, story: Story) -> None:
        """Append what is new in a story; every story has the same host, posts and units."""
        new = [event for event in story.log if (event.originator_id, event.originator_version) not in self._told]
        self._told |= {(event.originator_id, event.originator_version) for event in new}
        await self.store.insert_events([mapper.to_stored_event(event) for event in new])

    async def show(self, story: Story) -> None:
        await self.tell(story)
        await self.caught_up()

    async def caught_up(self, *names: str) -> None:
        """Wait until the read models (all, if none is named) have what the log has now."""
        self.start()
        assert await self._positions.wait_for(await self.store.max_notification_id(), PATIENCE, *names)

    def start(self, *models: ReadModel) -> None:
        if self._service is None:
            self._service = asyncio.create_task(Projector(self.store, self.keyring, models).run())

    async def stop(self) -> None:
        if self._service is not None:
            self._service.cancel()
            with suppress(asyncio.CancelledError):
                await self._service
        self._service = None


def topics_of(*aggregates: type) -> set[str]:
    """Of all their events."""
    names = [event for aggregate in aggregates for event in vars(aggregate).values() if isinstance(event, type)]
    topics = {get_topic(event) for event in names if getattr(event, "TOPIC", None)}
    assert len(topics) > 4 * len(aggregates)
    return topics


@pytest.fixture
async def mirror(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[Mirror]:
    await install(pool)
    mirror = Mirror(pool, tmp_path)
    yield mirror
    await mirror.stop()
