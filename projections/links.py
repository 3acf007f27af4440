"""Which cases of other systems are linked to a petition. The numbers are sealed."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.link import Link
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "links",
    version=1,
    tables="""
CREATE TABLE links (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    system text NOT NULL,
    number jsonb NOT NULL,
    linked_at timestamptz NOT NULL,
    removed boolean NOT NULL DEFAULT false
);
CREATE INDEX ON links (petition_id, linked_at, id) WHERE NOT removed
""",
)


@READ_MODEL.on(Link.Made)
def made(event: Link.Made, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO links (id, petition_id, system, number, linked_at) VALUES ($1, $2, $3, $4, $5)",
        event.originator_id,
        event.matter_id,
        event.system,
        to_json(event.number),
        event.timestamp,
    )


@READ_MODEL.on(Link.MadeAgain)
def made_again(event: Link.MadeAgain, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE links SET petition_id = $2, number = $3, linked_at = $4, removed = false WHERE id = $1",
        event.originator_id,
        event.matter_id,
        to_json(event.number),
        event.timestamp,
    )


@READ_MODEL.on(Link.Removed)
def removed(event: Link.Removed, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE links SET removed = true WHERE id = $1", event.originator_id


async def links(pool: asyncpg.Pool, *, petition_id: UUID | None = None, id: UUID | None = None) -> list[dict[str, Any]]:
    """Those of a petition, or the one with this id, as long as they stand. Who may see a petition: see ``board``."""
    rows = await pool.fetch(
        "SELECT id, petition_id, system, number, linked_at FROM links.links"
        " WHERE NOT removed AND (petition_id = $1 OR id = $2) ORDER BY linked_at, id",
        petition_id,
        id,
    )
    return [shape(row, texts=("number",)) for row in rows]
