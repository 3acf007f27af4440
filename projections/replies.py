"""Responses being drafted, for the office that drafts them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.reply import Reply, Status
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "replies",
    version=1,
    tables="""
CREATE TABLE replies (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    status text NOT NULL,
    text jsonb NOT NULL, -- sealed
    outcome text,
    due_on date,
    version bigint NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX ON replies (petition_id)
""",
)


@READ_MODEL.on(Reply.Drafted)
def drafted(event: Reply.Drafted, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO replies (id, petition_id, status, text, outcome, due_on, version, position)"
        " VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        event.originator_id,
        event.matter_id,
        Status.DRAFTED.value,
        to_json(event.text),
        event.outcome,
        event.due_on,
        at.id,
    )


@READ_MODEL.on(Reply.Revised)
def revised(event: Reply.Revised, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE replies SET version = $2, text = $3, outcome = $4, due_on = $5 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        to_json(event.text),
        event.outcome,
        event.due_on,
    )


@READ_MODEL.on(Reply.SignedOff, Reply.Discarded)
def settled(event: Reply.Event, at: Recorded) -> Iterator[Statement]:
    status = Status.SIGNED_OFF if isinstance(event, Reply.SignedOff) else Status.DISCARDED
    yield (
        "UPDATE replies SET version = $2, status = $3 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        status.value,
    )


async def of(pool: asyncpg.Pool, petition_id: UUID) -> list[dict[str, Any]]:
    """A petition's drafts, in the order in which they were begun."""
    rows = await pool.fetch("SELECT * FROM replies.replies WHERE petition_id = $1 ORDER BY position", petition_id)
    return [shape(row, texts=("text",)) for row in rows]
