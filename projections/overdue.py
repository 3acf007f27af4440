"""Which clocks have run out, and which rounds were judged badly, for those who watch over all: from the board."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.disclosure import FEWEST
from projections.board import HANDLES, Viewer
from projections.read_model import shape

Place = tuple[datetime, UUID, str]  # due at, subject and rule: what a page ends with

# Who is to act: a host, a post or a unit; none where it is the clerks or the supervisors.
_CLOCKS = """
SELECT p.id AS petition_id, p.id AS subject_id, NULL::jsonb AS title, each.clock,
    CASE WHEN each.clock ->> 'rule' = 'host_opinion' THEN p.host_id
        WHEN each.clock ->> 'rule' NOT IN ('admissibility', 'review', 'feedback', 'call_back') THEN p.called_post_ids[1]
    END AS organisation_id
FROM board.petitions AS p, jsonb_each(p.clocks) AS each (rule, clock) WHERE p.clocks <> '{}'
UNION ALL
SELECT t.petition_id, t.id, t.title, t.clock, CASE t.clock ->> 'rule'
    WHEN 'mandate' THEN coalesce(t.superior_id, t.post_id) ELSE coalesce(t.transfer_to, t.lead_unit_id) END
FROM board.tasks AS t WHERE t.clock IS NOT NULL
"""


async def clocks(
    pool: asyncpg.Pool, viewer: Viewer, *, cursor: Place | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], Place | None]:
    """Those of petitions and tasks that ran out, the longest ago first; what is suspended is not overdue."""
    rows = await pool.fetch(
        "SELECT c.*, clock ->> 'rule' AS rule, (clock ->> 'due_at')::timestamptz AS due_at, p.phase, p.topic,"
        f" p.public_topic, p.urgent FROM ({_CLOCKS}) AS c JOIN board.petitions AS p ON p.id = c.petition_id"
        f" WHERE {HANDLES} AND NOT p.suspended AND (clock ->> 'due_at')::timestamptz < $3"
        " AND ($4::timestamptz IS NULL OR ((clock ->> 'due_at')::timestamptz, subject_id, clock ->> 'rule')"
        "  > ($4, $5::uuid, $6)) ORDER BY due_at, subject_id, rule LIMIT $7",
        viewer.role,
        viewer.org,
        viewer.at,
        *(cursor or (None, None, None)),
        limit + 1,
    )
    found = [shape(row, texts=("topic", "title")) for row in rows[:limit]]
    last = found[-1] if len(rows) > limit else None
    return found, (last["due_at"], last["subject_id"], last["rule"]) if last else None


async def badly_judged(
    pool: asyncpg.Pool, viewer: Viewer, *, cursor: tuple[int, int] | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """Rounds in which fewer than half of those who judged, five at least, called it resolved or partly resolved; of the
    petitions opened last first. The cursor is such a petition's place in the list, and the round."""
    rows = await pool.fetch(
        "SELECT p.id AS petition_id, p.phase, p.topic, p.public_topic, p.called_post_ids[1] AS post_id, p.opened,"
        " f.round, f.delivery, f.invited, f.judged, f.resolved_yes, f.resolved_partly, f.resolved_no, f.satisfied"
        " FROM board.feedback AS f JOIN board.petitions AS p ON p.id = f.petition_id"
        f" WHERE {HANDLES} AND f.concluded AND f.judged >= {FEWEST} AND 2 * (resolved_yes + resolved_partly) < judged"
        " AND ($3::bigint IS NULL OR (p.opened, 2 * f.round + f.delivery::int) < ($3, $4::int))"
        " ORDER BY p.opened DESC, 2 * f.round + f.delivery::int DESC LIMIT $5",
        viewer.role,
        viewer.org,
        *(cursor or (None, None)),
        limit + 1,
    )
    found = [shape(row, texts=("topic",)) for row in rows[:limit]]
    last = found[-1] if len(rows) > limit else None
    return found, (last["opened"], 2 * last["round"] + last["delivery"]) if last else None
