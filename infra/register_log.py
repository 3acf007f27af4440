"""Who looked at or changed whose data in the people register: written down before anybody sees anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy


@dataclass(frozen=True)
class Actor:
    """Who looks or changes: a pseudonym and a role."""

    by: str
    role: str


async def log(conn: PoolConnectionProxy, actor: Actor, act: str, people: Sequence[UUID], at: datetime) -> None:
    await conn.execute(
        "INSERT INTO register_log (at, by, role, act, person_id) SELECT $1, $2, $3, $4, unnest($5::uuid[])",
        at,
        actor.by,
        actor.role,
        act,
        people,
    )


async def looks(pool: asyncpg.Pool, person_id: UUID) -> list[Mapping[str, Any]]:
    """At one person's data, newest first; those of auditors at this log too (``accesses.py``)."""
    rows = await pool.fetch(
        "SELECT at, by, role, act FROM (SELECT at, by, role, act, id FROM register_log WHERE person_id = $1"
        " UNION ALL SELECT at, by, role, act, 0 FROM accesses WHERE subject_id = $1 AND act = 'log')"
        " ORDER BY at DESC, id DESC LIMIT 1000",
        person_id,
    )
    return [dict(row) for row in rows]
