"""What the district has in hand, by phase: how much, what of it is late, and what is due next. Read from the board."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from projections.board import HANDLES, Viewer

# The clock that runs out next, of those that have begun.
DUE = """LATERAL (SELECT min((clock ->> 'due_at')::timestamptz) AS due_at FROM jsonb_each(p.clocks) AS c (rule, clock)
    WHERE (clock ->> 'started_at')::timestamptz <= $3) AS due"""


async def phases(pool: asyncpg.Pool, viewer: Viewer, host_id: UUID | None = None) -> list[dict[str, Any]]:
    """Of each phase that has petitions. What is suspended is not overdue: its clocks stand still."""
    rows = await pool.fetch(
        "SELECT phase, count(*) AS petitions, count(*) FILTER (WHERE urgent) AS urgent,"
        " count(*) FILTER (WHERE suspended) AS suspended,"
        " count(*) FILTER (WHERE due_at <= $3 AND NOT suspended) AS overdue,"
        " min(due_at) FILTER (WHERE NOT suspended) AS next_due_at,"
        " (array_agg(id ORDER BY due_at, opened) FILTER (WHERE due_at IS NOT NULL AND NOT suspended))[1] AS next_id"
        f" FROM board.petitions AS p, {DUE} WHERE {HANDLES}"
        " AND ($4::uuid IS NULL OR host_id = $4) GROUP BY phase",
        viewer.role,
        viewer.org,
        viewer.at,
        host_id,
    )
    return [dict(row) for row in rows]


async def due_next(
    pool: asyncpg.Pool,
    viewer: Viewer,
    phase: str,
    *,
    host_id: UUID | None = None,
    category: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[UUID], str | None]:
    """Of a phase, what is urgent first, then what is due soonest; and the next page's cursor.

    ``ValueError``: that is no cursor of ours.
    """
    ordinary, due, opened = cursor.split("|") if cursor else ("false", "-infinity", "0")
    if ordinary not in ("false", "true"):
        raise ValueError
    if due not in ("-infinity", "infinity"):
        datetime.fromisoformat(due)
    rows = await pool.fetch(
        "SELECT id, NOT urgent AS ordinary, nullif(due_at, 'infinity') AS due, opened"
        f" FROM (SELECT p.id, p.urgent, p.opened, coalesce(due.due_at, 'infinity') AS due_at"
        f" FROM board.petitions AS p, {DUE} WHERE {HANDLES} AND phase = $4"
        " AND ($5::uuid IS NULL OR host_id = $5) AND ($6::text IS NULL OR category = $6)) AS found"
        " WHERE (NOT urgent, due_at, opened) > ($7::text::boolean, $8::text::timestamptz, $9::bigint)"
        " ORDER BY NOT urgent, due_at, opened LIMIT $10",
        viewer.role,
        viewer.org,
        viewer.at,
        phase,
        host_id,
        category,
        ordinary,
        due,
        int(opened),
        limit + 1,
    )
    ids = [row["id"] for row in rows[:limit]]
    if len(rows) <= limit:
        return ids, None
    last = rows[limit - 1]
    due = last["due"].isoformat() if last["due"] else "infinity"
    return ids, f"{str(last['ordinary']).lower()}|{due}|{last['opened']}"
