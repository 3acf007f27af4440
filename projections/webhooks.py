"""Outgoing webhooks: who has subscribed, how far each has come, and what each is told.

A public subscriber is told of a petition from its acceptance on what the public timeline tells; one of handlers, what
those who handle petitions may know. Nobody is told of petitions about conduct. What is told of an event never changes,
so that one sent again, or replayed, is the same to the byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from eventsourcing.utils import get_topic

from domain.text import Text
from domain.webhook import Webhook
from infra.event_store import Recorded
from projections.read_model import ReadModel, Statement, shape, to_json
from projections.timeline import HANDLERS, PUBLIC

READ_MODEL = ReadModel(
    "webhooks",
    version=1,
    tables="""
CREATE TABLE subscriptions (
    id uuid PRIMARY KEY,
    subscribed bigint NOT NULL, -- the position of its first event: the order of the list
    url jsonb NOT NULL, -- sealed
    types text[] NOT NULL, -- none: all
    audience text NOT NULL,
    secret int NOT NULL DEFAULT 1,
    old_secret_until timestamptz,
    paused text,
    start bigint NOT NULL, -- what comes after it is sent
    started bigint NOT NULL DEFAULT 1, -- the version that said so
    version bigint NOT NULL DEFAULT 1
)
""",
)

TYPES = {
    audience: sorted(get_topic(event) for events in told for event in events)
    for audience, told in (("public", [PUBLIC]), ("handlers", [PUBLIC, HANDLERS]))
}


@READ_MODEL.on(Webhook.Subscribed)
def subscribed(event: Webhook.Subscribed, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO subscriptions (id, subscribed, url, types, audience, start) VALUES ($1, $2, $3, $4, $5, $6)",
        event.originator_id,
        at.id,
        to_json(event.url),
        event.types,
        event.audience,
        at.id if event.from_position is None else event.from_position - 1,
    )


@READ_MODEL.on(Webhook.SecretRotated)
def rotated(event: Webhook.SecretRotated, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE subscriptions SET version = $2, secret = $3, old_secret_until = $4 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.secret,
        event.old_until,
    )


@READ_MODEL.on(Webhook.Paused, Webhook.Resumed)
def paused(event: Webhook.Paused | Webhook.Resumed, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE subscriptions SET version = $2, paused = $3 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.reason if isinstance(event, Webhook.Paused) else None,
    )


@READ_MODEL.on(Webhook.Replayed)
def replayed(event: Webhook.Replayed, at: Recorded) -> Iterator[Statement]:
    yield (
        "UPDATE subscriptions SET version = $2, started = $2, start = $3 WHERE id = $1",
        event.originator_id,
        event.originator_version,
        event.from_position - 1,
    )


@READ_MODEL.on(Webhook.Cancelled)
def cancelled(event: Webhook.Cancelled, at: Recorded) -> Iterator[Statement]:
    yield "DELETE FROM subscriptions WHERE id = $1", event.originator_id


# --- what administrators see -----------------------------------------------------------------------------------------

Row = dict[str, Any]
_HEAD = "(SELECT min(position) FROM projections WHERE name IN ('board', 'timeline', 'webhooks'))"


async def statuses(
    pool: asyncpg.Pool, webhook_id: UUID | None = None, *, cursor: int | None = None, limit: int = 50
) -> tuple[list[Row], int | None]:
    """Subscriptions in the order in which they were made, each with how far it has come, and the next page's cursor."""
    rows = await pool.fetch(
        "SELECT s.id, s.subscribed, s.url, s.types, s.audience, s.old_secret_until, s.paused, s.version, p.position,"
        " greatest(log.head - p.position, 0) AS lag, coalesce(d.attempts, 0) AS attempts, d.failing_since, d.retry_at,"
        " d.delivered_at, d.error, d.error_at"
        " FROM webhooks.subscriptions AS s LEFT JOIN webhook_deliveries AS d ON d.webhook_id = s.id"
        # A replay is shown from when it is asked for, though the sender may heed it later.
        " CROSS JOIN LATERAL (SELECT CASE WHEN d.version >= s.started THEN d.position ELSE s.start END) AS p (position)"
        " CROSS JOIN (SELECT coalesce(max(notification_id), 0) AS head FROM stored_events) AS log"
        " WHERE ($1::uuid IS NULL OR s.id = $1) AND s.subscribed > $2 ORDER BY s.subscribed LIMIT $3",
        webhook_id,
        cursor or 0,
        limit + 1,
    )
    found = [shape(row, texts=["url"]) for row in rows[:limit]]
    return found, rows[limit - 1]["subscribed"] if len(rows) > limit else None


# --- what the sender does --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subscriber:
    """Who is to be sent something: all between ``position`` and ``head`` that is told to it."""

    id: UUID
    version: int
    url: Text
    types: list[str]
    audience: str
    secret: int
    old_secret_until: datetime | None
    position: int
    attempts: int
    failing_since: datetime | None
    head: int


async def waiting(conn: PoolConnectionProxy, now: datetime) -> list[UUID]:
    """Heed what administrators have changed since, and answer with those that may have something to be sent now."""
    await conn.execute(
        "INSERT INTO webhook_deliveries AS d (webhook_id, version, position)"
        " SELECT id, version, start FROM webhooks.subscriptions AS s WHERE paused IS NULL"
        " AND NOT EXISTS (SELECT FROM webhook_deliveries AS d WHERE d.webhook_id = s.id AND d.version >= s.version)"
        " ON CONFLICT (webhook_id) DO UPDATE SET version = excluded.version,"
        " position = coalesce((SELECT start FROM webhooks.subscriptions AS s"
        "  WHERE s.id = d.webhook_id AND s.started > d.version), d.position),"
        " attempts = 0, failing_since = NULL, retry_at = NULL"
    )
    rows = await conn.fetch(
        f"SELECT s.id FROM webhooks.subscriptions AS s JOIN webhook_deliveries AS d ON d.webhook_id = s.id"
        f" WHERE s.paused IS NULL AND d.version = s.version AND d.position < {_HEAD}"
        " AND (d.retry_at IS NULL OR d.retry_at <= $1)",
        now,
    )
    return [row["id"] for row in rows]


async def subscriber(pool: asyncpg.Pool, webhook_id: UUID) -> Subscriber | None:
    """None: there is nothing (more) to be sent to it, or an administrator has changed something."""
    row = await pool.fetchrow(
        "SELECT s.id, s.version, s.url, s.types, s.audience, s.secret, s.old_secret_until, d.position, d.attempts,"
        f" d.failing_since, head.position AS head"
        " FROM webhooks.subscriptions AS s JOIN webhook_deliveries AS d ON d.webhook_id = s.id"
        f" CROSS JOIN (SELECT {_HEAD} AS position) AS head"
        " WHERE s.id = $1 AND s.paused IS NULL AND d.version = s.version AND d.position < head.position",
        webhook_id,
    )
    return Subscriber(**shape(row, texts=["url"])) if row else None


async def told_to(pool: asyncpg.Pool, whom: Subscriber, *, limit: int) -> list[Row]:
    """What happened between its position and the head, as far as it is told: no text, no person."""
    rows = await pool.fetch(
        "SELECT e.position, e.petition_id, e.subject_id, e.type, e.at, e.recorded_at, e.role, e.signatures, e.data"
        " FROM timeline.events AS e JOIN board.petitions AS p ON p.id = e.petition_id"
        " WHERE e.position > $1 AND e.position <= $2 AND ($3::text[] = '{}' OR e.type = ANY ($3))"
        " AND p.category <> 'conduct' AND e.visibility IN ('public', 'handlers') AND ($4 = 'handlers'"
        "  OR $4 = 'public' AND p.public AND e.visibility = 'public' AND EXISTS (SELECT FROM timeline.events AS a"
        "   WHERE a.petition_id = e.petition_id AND a.type = 'petition.Accepted' AND a.position <= e.position))"
        " ORDER BY e.position LIMIT $5",
        whom.position,
        whom.head,
        whom.types,
        whom.audience,
        limit,
    )
    return [shape(row, json_columns=["data"]) for row in rows]


async def taken(pool: asyncpg.Pool, whom: Subscriber, up_to: int, delivered_at: datetime | None) -> bool:
    """Move the checkpoint; ``delivered_at`` None: what lay between is not for it. False: stop, and look anew.

    The position it had guards against a replay asked for meanwhile, and against another sender.
    """
    unchanged: bool | None = await pool.fetchval(
        "UPDATE webhook_deliveries SET position = $3, attempts = 0, failing_since = NULL, retry_at = NULL,"
        " delivered_at = coalesce($4, delivered_at) WHERE webhook_id = $1 AND position = $2"
        " RETURNING (SELECT version = $5 FROM webhooks.subscriptions WHERE id = $1)",
        whom.id,
        whom.position,
        up_to,
        delivered_at,
        whom.version,
    )
    return bool(unchanged)


async def refused(pool: asyncpg.Pool, whom: Subscriber, at: datetime, retry_at: datetime, error: str) -> None:
    """What comes after its position was not taken; it says how often by now, and since when."""
    await pool.execute(
        "UPDATE webhook_deliveries SET attempts = $3, failing_since = $4, error_at = $5, retry_at = $6, error = $7"
        " WHERE webhook_id = $1 AND position = $2",
        whom.id,
        whom.position,
        whom.attempts,
        whom.failing_since,
        at,
        retry_at,
        error,
    )
