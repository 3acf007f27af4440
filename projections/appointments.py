"""Who was granted which role, by pseudonym."""

from collections.abc import Iterator
from typing import Any

import asyncpg

from domain.appointment import Appointment
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement

READ_MODEL = ReadModel(
    "appointments",
    version=1,
    tables="""
CREATE TABLE entries (
    id uuid PRIMARY KEY,
    holder text NOT NULL,
    role text NOT NULL,
    org_id uuid,
    revoked boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL -- of the first grant
);
CREATE INDEX ON entries (position)
""",
)


@READ_MODEL.on(Appointment.Granted)
def granted(event: Appointment.Granted, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO entries (id, holder, role, org_id, changed_at, version, position)"
        " VALUES ($1, $2, $3, $4, $5, 1, $6)",
        event.originator_id,
        event.holder,
        event.grants,
        event.org,
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Appointment.Revoked, Appointment.GrantedAgain)
def changed(event: Appointment.Event, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET revoked = $2, changed_at = $3, version = $4 WHERE id = $1",
        event.originator_id,
        isinstance(event, Appointment.Revoked),
        event.timestamp,
        event.originator_version,
    )


async def entries(
    pool: asyncpg.Pool, *, cursor: int | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], int | None]:
    """In the order in which they were granted first, and the next page's cursor."""
    rows = await pool.fetch(
        "SELECT * FROM appointments.entries WHERE position > $1 ORDER BY position LIMIT $2", cursor or 0, limit + 1
    )
    return [dict(row) for row in rows[:limit]], rows[limit - 1]["position"] if len(rows) > limit else None
