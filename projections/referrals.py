"""The receipts of referrals: numbered by year in the order of the log, so that a rebuild gives the same numbers."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg

from domain.calendar import local_day
from domain.petition import Petition
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "referrals",
    version=1,
    tables="""
CREATE TABLE receipts (
    petition_id uuid PRIMARY KEY,
    year int NOT NULL, -- Chinese time
    nth int NOT NULL, -- of the year
    unit_id uuid,
    "to" jsonb,
    explanation jsonb NOT NULL,
    referred_at timestamptz NOT NULL,
    number jsonb, -- the receiving authority's own
    received_by jsonb,
    received_on date,
    UNIQUE (year, nth)
)
""",
)


@READ_MODEL.on(Petition.Referred)
def referred(event: Petition.Referred, at: Recorded) -> Iterator[Statement]:
    yield (
        'INSERT INTO receipts (petition_id, year, nth, unit_id, "to", explanation, referred_at)'
        " SELECT $1, $2, 1 + count(*), $3, $4, $5, $6 FROM receipts WHERE year = $2",
        event.originator_id,
        local_day(event.timestamp).year,
        event.unit_id,
        to_json(event.to) if event.to else None,
        to_json(event.explanation),
        event.timestamp,
    )


@READ_MODEL.on(Petition.ReferralReceived)
def received(event: Petition.ReferralReceived, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE receipts SET number = $2, received_by = $3, received_on = $4 WHERE petition_id = $1",
        event.originator_id,
        to_json(event.number),
        to_json(event.received_by),
        event.received_on,
    )


async def receipt(pool: asyncpg.Pool, petition_id: UUID) -> dict[str, Any] | None:
    """Who may see it: see ``board``."""
    row = await pool.fetchrow("SELECT * FROM referrals.receipts WHERE petition_id = $1", petition_id)
    return shape(row, texts=("to", "explanation", "number", "received_by")) if row else None
