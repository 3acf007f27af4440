"""Which clocks have run out, and which rounds were judged badly, for those who watch over all: from the board."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.disclosure import FEWEST
from projections.board import FIRST_DUE, HANDLES, Viewer
from projections.read_model import shape

Place = tuple[str, UUID]  # due at, as the board writes it, and subject: what a page ends with

# Who is to act: a host, a post or a unit; none where it is the clerks or the supervisors. $1 to $6: the viewer's role,
# organisation and moment as text, the place, and how many.
_PETITIONS = f"""
SELECT p.id AS petition_id, p.id AS subject_id, NULL::jsonb AS title, {FIRST_DUE} AS due, rule,
    CASE WHEN rule = 'host_opinion' THEN p.host_id
        WHEN rule NOT IN ('admissibility', 'review', 'feedback', 'call_back') THEN p.called_post_ids[1]
    END AS organisation_id, p.phase, p.topic, p.public_topic, p.urgent
FROM board.petitions AS p CROSS JOIN LATERAL (
    SELECT rule FROM jsonb_each(p.clocks) AS each (rule, clock) ORDER BY clock ->> 'due_at' COLLATE "C", rule LIMIT 1
) AS first
WHERE {FIRST_DUE} < $3 AND ({FIRST_DUE}, p.id) > ($4, $5::uuid) AND NOT p.suspended AND {HANDLES}
ORDER BY {FIRST_DUE}, p.id LIMIT $6
"""
_DUE = """(t.clock ->> 'due_at' COLLATE "C")"""
_TASKS = f"""
SELECT t.petition_id, t.id, t.title, {_DUE}, t.clock ->> 'rule', CASE t.clock ->> 'rule'
    WHEN 'mandate' THEN coalesce(t.superior_id, t.post_id) ELSE coalesce(t.transfer_to, t.lead_unit_id) END,
    p.phase, p.topic, p.public_topic, p.urgent
FROM board.tasks AS t JOIN board.petitions AS p ON p.id = t.petition_id
WHERE {_DUE} < $3 AND ({_DUE}, t.id) > ($4, $5) AND NOT p.suspended AND {HANDLES}
ORDER BY {_DUE}, t.id LIMIT $6
"""


async def clocks(
    pool: asyncpg.Pool, viewer: Viewer, *, cursor: Place | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], Place | None]:
    """What ran out first of each petition, and the clock of each task, the longest ago first; what is suspended is not
    overdue."""
    rows = await pool.fetch(
        f'SELECT * FROM (({_PETITIONS}) UNION ALL ({_TASKS})) AS late ORDER BY due COLLATE "C", subject_id LIMIT $6',
        viewer.role,
        viewer.org,
        viewer.at.astimezone(UTC).isoformat(),
        *(cursor or ("", UUID(int=0))),
        limit + 1,
    )
    found = [
        shape(row, texts=("topic", "title")) | {"due_at": datetime.fromisoformat(row["due"])} for row in rows[:limit]
    ]
    last = found[-1] if len(rows) > limit else None
    return found, (last["due"], last["subject_id"]) if last else None


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
