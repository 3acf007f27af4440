"""What waits for discipline inspection and what it has decided, for its inspectors alone; sealed as it was written."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.report import Report, Status
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "reports",
    version=1,
    tables="""
CREATE TABLE reports (
    id uuid PRIMARY KEY,
    position bigint NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    topic jsonb,
    text jsonb NOT NULL,
    about jsonb,
    result jsonb,
    filed_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX ON reports (position)
""",
)


@READ_MODEL.on(Report.Filed)
def filed(event: Report.Filed, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO reports (id, position, kind, status, topic, text, about, filed_at, version)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
        event.originator_id,
        at.id,
        event.kind,
        Status.FILED.value,
        to_json(event.topic) if event.topic else None,
        to_json(event.text),
        to_json(event.about) if event.about else None,
        event.timestamp,
    )


@READ_MODEL.on(Report.TakenUp, Report.Closed)
def moved_on(event: Report.TakenUp | Report.Closed, at: Recorded) -> Iterator[Statement]:
    closed = isinstance(event, Report.Closed)
    yield (
        "UPDATE reports SET status = $2, result = $3, version = $4 WHERE id = $1",
        event.originator_id,
        (Status.CLOSED if closed else Status.TAKEN_UP).value,
        to_json(event.result) if isinstance(event, Report.Closed) else None,
        event.originator_version,
    )


async def reports(
    pool: asyncpg.Pool, *, id: UUID | None = None, status: str | None = None, cursor: int | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], int | None]:
    """Oldest first: who waits longest comes first. ``id``: that one alone."""
    rows = await pool.fetch(
        "SELECT * FROM reports.reports WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR status = $2)"
        " AND position > $3 ORDER BY position LIMIT $4",
        id,
        status,
        cursor or 0,
        limit + 1,
    )
    found = [shape(row, texts=("topic", "text", "about", "result")) for row in rows[:limit]]
    return found, found[-1]["position"] if len(rows) > limit else None
