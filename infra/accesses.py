"""Who read what is not everybody's: one row for each person, act, subject and while, durable before it is shown.

Residents' own reading is never recorded: it would tell who takes part. Looks into the people register are written down
there (``register_log.py``).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from infra.people import People

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TERMINAL = "terminal"  # stands where others have a role
TERMINAL_SCOPE = UUID(int=1)  # of the pseudonyms of accounts
_MONDAY = datetime.fromisoformat("2024-01-01T00:00:00+08:00")  # whiles are counted from midnight in China


@dataclass(frozen=True)
class Access:
    """``by``: a pseudonym. ``act``: a stable code. ``what``: position, moment or selection, and no personal data."""

    at: datetime
    by: str
    role: str
    org_id: UUID | None
    act: str
    subject_id: UUID | None
    what: Mapping[str, Any]


def beginning(at: datetime, lasts: timedelta) -> datetime:
    """Of the while that a moment is in."""
    return at - (at - _MONDAY) % lasts


async def record(conn: asyncpg.Pool | PoolConnectionProxy, *accesses: Access) -> None:
    """Durable when it returns (unless in a transaction of yours). What is there already is not written twice."""
    await conn.execute(
        "INSERT INTO accesses (at, by, role, org_id, act, subject_id, what)"
        " SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::uuid[],"
        " $7::jsonb[]) ON CONFLICT DO NOTHING",
        *([getattr(access, name) for access in accesses] for name in ("at", "by", "role", "org_id", "act")),
        [access.subject_id for access in accesses],
        [json.dumps(access.what, ensure_ascii=False) for access in accesses],
    )


async def at_terminal(
    pool: asyncpg.Pool, people: People, act: str, subject_id: UUID | None = None, **what: str | int
) -> None:
    """The same for whoever reads with `yuetan` on the engine's own machine: known by their account there."""
    by = await people.pseudonym(f"uid {os.environ.get('SUDO_UID') or os.getuid()}", TERMINAL_SCOPE)
    at = beginning(datetime.now(UTC), MINUTE)
    await record(pool, Access(at, by, TERMINAL, None, act, subject_id, what))


async def accesses(
    pool: asyncpg.Pool,
    *,
    subjects: Sequence[UUID] | None = None,
    by: str | None = None,
    role: str | None = None,
    act: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: int | None = None,
    limit: int = 50,
) -> tuple[list[dict[str, Any]], int | None]:
    """Newest first. ``subjects``: any of these; ``until``: before."""
    rows = await pool.fetch(
        "SELECT * FROM accesses WHERE ($1::uuid[] IS NULL OR subject_id = ANY ($1)) AND ($2::text IS NULL OR by = $2)"
        " AND ($3::text IS NULL OR role = $3) AND ($4::text IS NULL OR act = $4)"
        " AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)"
        " AND ($7::bigint IS NULL OR id < $7) ORDER BY id DESC LIMIT $8",
        *(subjects, by, role, act, since, until, cursor, limit + 1),
    )
    shown = [dict(row) | {"what": json.loads(row["what"])} for row in rows[:limit]]
    return shown, rows[limit - 1]["id"] if len(rows) > limit else None


async def readers(pool: asyncpg.Pool, subjects: Sequence[UUID]) -> list[dict[str, Any]]:
    """By which offices, and on which days, any of these was read: newest first, at most 1,000."""
    rows = await pool.fetch(
        "SELECT DISTINCT (at AT TIME ZONE 'Asia/Shanghai')::date AS day, role, org_id FROM accesses"
        " WHERE subject_id = ANY ($1) ORDER BY day DESC, role, org_id LIMIT 1000",
        subjects,
    )
    return [dict(row) for row in rows]
