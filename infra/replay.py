"""What aggregates were at places in the log, folded from their events in the order in which these were written."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent

from infra.event_store import PATIENCE_SECONDS, EventStore
from infra.snapshots import fold

T = TypeVar("T")

Folded = Mapping[UUID, Aggregate]

# The last snapshot of each that is not newer than the place.
_SNAPSHOTS = """
SELECT s.* FROM unnest($1::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state FROM snapshots
    WHERE originator_id = wanted.id AND originator_version <= (
        SELECT originator_version FROM stored_events WHERE originator_id = wanted.id AND notification_id <= $2
        ORDER BY originator_version DESC LIMIT 1)
    ORDER BY originator_version DESC LIMIT 1
) AS s
"""
_EVENTS = """
SELECT e.* FROM unnest($1::uuid[], $2::bigint[]) AS known (id, version)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state, notification_id FROM stored_events
    WHERE originator_id = known.id AND originator_version > known.version AND notification_id <= $3
) AS e
ORDER BY e.notification_id
"""


async def replay(
    store: EventStore, ids: Sequence[UUID], positions: Sequence[int], view: Callable[[Folded], T]
) -> list[T]:
    """``view`` of these aggregates as they were at each of these positions, which ascend.

    Nothing that ``view`` is given may be kept or changed: the next events are folded into the same aggregates.
    """
    snapshots = await store.pool.fetch(_SNAPSHOTS, list(ids), positions[0], timeout=PATIENCE_SECONDS)
    known = {row["originator_id"]: row["originator_version"] for row in snapshots}
    rows = await store.pool.fetch(
        _EVENTS, list(ids), [known.get(id, 0) for id in ids], positions[-1], timeout=PATIENCE_SECONDS
    )
    found: dict[UUID, Aggregate] = {}
    for row in snapshots:
        if aggregate := fold(None, StoredEvent(*row)):
            found[aggregate.id] = aggregate
    seen, n = [], 0
    for position in positions:
        while n < len(rows) and rows[n]["notification_id"] <= position:
            id, version, topic, state, _ = rows[n]
            if aggregate := fold(found.get(id), StoredEvent(id, version, topic, state)):
                found[id] = aggregate
            n += 1
        seen.append(view(found))
    return seen
