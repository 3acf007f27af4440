"""Aggregates from their events, with snapshots as a shortcut for long streams."""

import asyncio
import dataclasses
import functools
import logging
from collections.abc import Iterable, Sequence
from typing import cast
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from eventsourcing.domain import Aggregate, CanMutateAggregate, Snapshot
from eventsourcing.persistence import StoredEvent

from infra.event_store import PATIENCE_SECONDS, EventStore
from infra.mapper import mapper, transcoder

log = logging.getLogger(__name__)

_NEWEST = """
SELECT s.* FROM unnest($1::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state FROM snapshots
    WHERE originator_id = wanted.id AND ($2::bigint IS NULL OR originator_version <= $2)
    ORDER BY originator_version DESC LIMIT 1
) AS s
"""
# Keeps the last two: a retried command usually asks for a version shortly before the newest snapshot.
_INSERT = """
WITH dropped AS (
    DELETE FROM snapshots WHERE originator_id = $1 AND originator_version < (
        SELECT max(originator_version) FROM snapshots WHERE originator_id = $1 AND originator_version < $2
    )
)
INSERT INTO snapshots (originator_id, originator_version, topic, state) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""


def fold(aggregate: Aggregate | None, stored: StoredEvent) -> Aggregate:
    """What an aggregate becomes by this event, which may be a snapshot."""
    event = cast("CanMutateAggregate[UUID]", mapper.to_domain_event(stored))
    return cast("Aggregate", event.mutate(aggregate))


async def newest(
    conn: asyncpg.Pool | PoolConnectionProxy, ids: Sequence[UUID], lte: int | None = None
) -> list[StoredEvent]:
    rows = await conn.fetch(_NEWEST, list(ids), lte, timeout=PATIENCE_SECONDS)
    return [StoredEvent(*row) for row in rows]


def fold_all(stored: Iterable[StoredEvent]) -> Aggregate | None:
    return functools.reduce(fold, stored, None)


async def history(store: EventStore, id: UUID, lte: int | None = None) -> list[StoredEvent]:
    """What to fold for the aggregate's state at this version: the last snapshot before it, if any, and the rest."""
    snapshot = await newest(store.pool, [id], lte)
    return snapshot + await store.select_events(id, gt=snapshot[0].originator_version if snapshot else 0, lte=lte)


class Snapshots:
    """Takes snapshots of the writer's aggregates. Only a flat copy is made at once; the rest is done in a thread.

    One that fails is logged: nothing depends on it.
    """

    def __init__(self, store: EventStore, every: int) -> None:
        self._store = store
        self._every = every
        self._due: dict[UUID, Snapshot] = {}
        self.task: asyncio.Task[None] | None = None

    def is_due(self, version: int) -> bool:
        """Rarer as the stream grows, since a snapshot grows with it: after a twentieth of it at most."""
        twentieth: int = 10 ** max(len(str(version)) - 2, 0) // 2
        return version % max(self._every, twentieth) == 0

    def take(self, aggregate: Aggregate) -> None:
        snapshot = Snapshot.take(aggregate)
        self._due[aggregate.id] = dataclasses.replace(snapshot, state=transcoder.marked(snapshot.state))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._store_due())

    async def _store_due(self) -> None:
        while self._due:
            id, snapshot = self._due.popitem()
            try:
                stored = await asyncio.to_thread(mapper.to_stored_event, snapshot)
                await self._store.pool.execute(
                    _INSERT, id, stored.originator_version, stored.topic, stored.state, timeout=PATIENCE_SECONDS
                )
            except Exception:
                log.exception("no snapshot of %s at version %d", id, snapshot.originator_version)
