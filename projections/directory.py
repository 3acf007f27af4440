"""Who there is: hosts, posts and units, by name."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.directory import Host, Post, Unit
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement

READ_MODEL = ReadModel(
    "directory",
    version=3,
    tables="""
CREATE TABLE entries (
    id uuid PRIMARY KEY,
    sort text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    regulator_id uuid,
    superior_id uuid, -- of a post: a post; of a unit: a post or a unit
    charge_of uuid[] NOT NULL DEFAULT '{}', -- units, posts only
    held boolean, -- posts only: whether somebody holds it, never who
    acting boolean NOT NULL DEFAULT false, -- whether somebody stands in
    version bigint NOT NULL,
    position bigint NOT NULL -- of its registration
);
CREATE INDEX ON entries (sort, position)
""",
)

HOST, POST, UNIT = "host", "post", "unit"


@READ_MODEL.on(Host.Registered, Post.Registered, Unit.Registered)
def registered(event: Host.Registered | Post.Registered | Unit.Registered, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO entries (id, sort, name, kind, regulator_id, held, version, position)"
        " VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        event.originator_id,
        HOST if isinstance(event, Host.Registered) else POST if isinstance(event, Post.Registered) else UNIT,
        event.name,
        event.kind,
        event.regulator_id if isinstance(event, Unit.Registered) else None,
        False if isinstance(event, Post.Registered) else None,
        at.id,
    )


@READ_MODEL.on(Host.Changed, Post.Changed, Unit.Changed)
def changed(event: Host.Changed | Post.Changed | Unit.Changed, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET name = $3, version = $2 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.name,
    )


@READ_MODEL.on(Post.Placed, Unit.Placed)
def placed(event: Post.Placed | Unit.Placed, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET superior_id = $3, version = $2 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.superior_id,
    )


@READ_MODEL.on(Post.PutInCharge)
def put_in_charge(event: Post.PutInCharge, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET charge_of = $3, version = $2 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.unit_ids,
    )


@READ_MODEL.on(Post.TermStarted, Post.TermEnded)
def term_changed(event: Post.TermStarted | Post.TermEnded, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET held = $3, acting = false, version = $2 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        isinstance(event, Post.TermStarted),
    )


@READ_MODEL.on(Post.FellVacant, Post.ActingNamed, Post.ClocksMoved)
def vacant(event: Post.Event, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE entries SET acting = $3, version = $2 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        isinstance(event, Post.ActingNamed),
    )


async def entries(
    pool: asyncpg.Pool, sort: str, *, cursor: int | None = None, limit: int = 100
) -> tuple[list[dict[str, Any]], int | None]:
    """Hosts, posts or units in the order of their registration, and the next page's cursor."""
    rows = await pool.fetch(
        "SELECT id, name, kind, regulator_id, superior_id, charge_of, held, acting, version, position"
        " FROM directory.entries"
        " WHERE sort = $1 AND position > $2 ORDER BY position LIMIT $3",
        sort,
        cursor or 0,
        limit + 1,
    )
    return [dict(row) for row in rows[:limit]], rows[limit - 1]["position"] if len(rows) > limit else None


async def in_charge(pool: asyncpg.Pool, unit_ids: Collection[UUID]) -> list[UUID]:
    """The posts that are in charge of any of these units."""
    rows = await pool.fetch(
        "SELECT id FROM directory.entries WHERE sort = 'post' AND charge_of && $1 ORDER BY position", list(unit_ids)
    )
    return [row["id"] for row in rows]


async def names(pool: asyncpg.Pool, ids: Collection[UUID]) -> dict[UUID, str]:
    rows = await pool.fetch("SELECT id, name FROM directory.entries WHERE id = ANY ($1)", list(ids))
    return {row["id"]: row["name"] for row in rows}


async def with_those_below(pool: asyncpg.Pool, ids: Collection[UUID]) -> list[UUID]:
    """These, and whoever is below them by superior, charge or regulator."""
    if not ids:  # most petitions are about nobody, and are opened though this read model be away
        return []
    rows = await pool.fetch(
        "WITH RECURSIVE below (id) AS (SELECT unnest($1::uuid[])"
        " UNION SELECT e.id FROM below JOIN directory.entries AS e ON below.id IN (e.superior_id, e.regulator_id)"
        " OR e.id = ANY (ARRAY(SELECT unnest(charge_of) FROM directory.entries AS c WHERE c.id = below.id)))"
        " SELECT id FROM below ORDER BY id",
        list(ids),
    )
    return [UUID(bytes=row["id"].bytes) for row in rows]
