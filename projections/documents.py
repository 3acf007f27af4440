"""Acceptance notices, responses and supervision orders as official papers, each with its number.

A number counts the papers of its kind in its year (Chinese time) in the order of the log: given once, without a gap,
and the same after every rebuild. So the events that a kind is issued for never change: new ones need a kind of their
own. Names are those of the day of issue.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.calendar import local_day
from domain.directory import Host, Post
from domain.petition import Petition
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "documents",
    version=1,
    tables="""
CREATE TABLE documents (
    kind text NOT NULL,
    year int NOT NULL,
    nth int NOT NULL,
    petition_id uuid NOT NULL,
    round int NOT NULL,
    topic jsonb NOT NULL, -- sealed, as the text
    text jsonb,
    host text NOT NULL,
    posts text[] NOT NULL, -- the first leads
    facts jsonb NOT NULL,
    issued_at timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (kind, year, nth)
);
CREATE INDEX ON documents (petition_id);

-- What the events above do not repeat.
CREATE TABLE names (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE petitions (
    id uuid PRIMARY KEY,
    topic jsonb NOT NULL,
    host_id uuid NOT NULL,
    post_ids uuid[] NOT NULL,
    round int NOT NULL DEFAULT 1,
    tracking boolean NOT NULL DEFAULT false
)
""",
)

KINDS = {"acceptance": "约谈受", "response": "约谈复", "supervision": "约谈督"}


def number(kind: str, year: int, nth: int) -> str:
    return f"{KINDS[kind]}〔{year}〕{nth}号"


@READ_MODEL.on(Host.Registered, Host.Changed, Post.Registered, Post.Changed)
def named(event: Any, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO names (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = $2",
        event.originator_id,
        event.name,
    )


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO petitions (id, topic, host_id, post_ids) VALUES ($1, $2, $3, $4)",
        event.originator_id,
        to_json(event.topic),
        event.host_id,
        event.called_post_ids,
    )


def issue(kind: str, event: Petition.Event, at: Recorded, text: Any = None, **facts: Any) -> Statement:
    return (
        "INSERT INTO documents (kind, year, nth, petition_id, round, topic, text, host, posts, facts, issued_at,"
        " position)"
        " SELECT $2, $3, (SELECT 1 + count(*) FROM documents WHERE kind = $2 AND year = $3), p.id, p.round, p.topic,"
        " $4, (SELECT name FROM names WHERE id = p.host_id),"
        " ARRAY(SELECT name FROM unnest(p.post_ids) WITH ORDINALITY AS called (id, nth) JOIN names USING (id)"
        " ORDER BY called.nth), $5::jsonb || jsonb_build_object('tracking', p.tracking), $6, $7"
        " FROM petitions AS p WHERE p.id = $1",
        event.originator_id,
        kind,
        local_day(event.timestamp).year,
        to_json(text) if text else None,
        to_json(facts),
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Petition.Accepted)
def accepted(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    yield issue("acceptance", event, at, meeting_due_at=event.meeting.due_at, response_due_at=event.response.due_at)


@READ_MODEL.on(Petition.Answered)
def answered(event: Petition.Answered, at: Recorded) -> Iterator[Statement]:
    yield issue("response", event, at, event.text, outcome=event.outcome)


@READ_MODEL.on(Petition.CommitmentMade)
def promised(event: Petition.CommitmentMade, at: Recorded) -> Iterator[Statement]:
    """Said in the same breath as the response of the round."""
    yield (
        "UPDATE documents SET facts = facts || jsonb_build_object('due_on', $3::date)"
        " WHERE petition_id = $1 AND kind = 'response' AND round = $2",
        event.originator_id,
        event.round,
        event.due_on,
    )


@READ_MODEL.on(Petition.SupervisionOrdered)
def supervised(event: Petition.SupervisionOrdered, at: Recorded) -> Iterator[Statement]:
    yield issue("supervision", event, at, event.order)


@READ_MODEL.on(Petition.Reopened)
def reopened(event: Petition.Reopened, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET round = $2 WHERE id = $1", event.originator_id, event.round


@READ_MODEL.on(Petition.TrackingBegun, Petition.CommitmentDelivered, Petition.CommitmentMissed)
def tracked(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    tracking = isinstance(event, Petition.TrackingBegun)
    yield "UPDATE petitions SET tracking = $2 WHERE id = $1", event.originator_id, tracking


# --- query -----------------------------------------------------------------------------------------------------------


async def of(pool: asyncpg.Pool, petition_id: UUID) -> list[dict[str, Any]]:
    """A petition's papers in the order of issue. Who may see them: see ``board``."""
    rows = await pool.fetch("SELECT * FROM documents.documents WHERE petition_id = $1 ORDER BY position", petition_id)
    return [shape(row, texts=("topic", "text"), json_columns=("facts",)) for row in rows]
