"""The steps that petitions take, with the waits in between: what process mining asks of a log.

Each step follows the one before of the same thing (the petition, a meeting, a task); the first of a part follows the
petition's own last. Held against domain/course.py as they come: where a history leaves it, that is a departure.

No resident is in here, other than as a role, and nothing that happens in secret: ``timeline`` says what may be told.
Of the threshold not even that. Its moment is told as another than it was, so that a wait until it, or since, would be
wrong, or tell when somebody signed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain import course
from domain.petition import Petition
from infra.event_store import Recorded
from projections import timeline
from projections.board import HANDLES, Viewer
from projections.read_model import ReadModel, Statement, shape

_MOVES = ", ".join(
    f"('{step}', '{before}', '{after}', '{after.partition(':')[0]}')" for step, before, after in course.arrows()
)

READ_MODEL = ReadModel(
    "process",
    version=1,
    tables=f"""
CREATE TABLE moves (step text, before text, goes_to text, machine text); -- domain/course.py
INSERT INTO moves VALUES {_MOVES};
CREATE INDEX ON moves (step);

CREATE TABLE steps (
    position bigint PRIMARY KEY,
    petition_id uuid NOT NULL,
    subject_id uuid NOT NULL, -- the petition, or a part of it
    step text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    role text COLLATE "C" NOT NULL,
    on_behalf_of uuid,
    previous text COLLATE "C", -- the step that it follows; null: it is the first
    waited bigint, -- seconds since
    handed_by uuid -- the organisation that acted last before, where it is another one
);
CREATE INDEX ON steps (petition_id, position);
CREATE INDEX ON steps (waited DESC, position DESC) WHERE waited > 0;

CREATE TABLE subjects (
    id uuid PRIMARY KEY,
    step text NOT NULL, -- the last
    at timestamptz NOT NULL,
    org uuid, -- that acted last
    states text[] NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE departures (
    position bigint PRIMARY KEY,
    petition_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    step text NOT NULL,
    states text[] NOT NULL -- that the subject was in, or may have been: none allows the step
)
""",
)

# $1 to $7: position, petition, subject, step, moment, role, organisation. After a departure the history goes on as if
# the step had been allowed.
STEP = """
WITH before AS (
    SELECT * FROM subjects WHERE id IN ($2::uuid, $3::uuid) ORDER BY id = $3 DESC LIMIT 1
), stood AS (
    SELECT coalesce((SELECT states FROM before WHERE id = $3), '{""}') AS states
), went AS (
    SELECT coalesce(array_agg(DISTINCT goes_to) FILTER (WHERE m.before = ANY (stood.states)), '{}') AS allowed,
        array_agg(DISTINCT goes_to) AS anyway, array_agg(DISTINCT machine) AS machines
    FROM moves AS m, stood WHERE step = $4
), stands AS (
    SELECT array_agg(s ORDER BY s) AS states FROM (
        SELECT unnest(CASE WHEN allowed = '{}' THEN anyway ELSE allowed END) AS s FROM went
        UNION SELECT s FROM stood, unnest(stood.states) AS s, went
        WHERE s <> '' AND split_part(s, ':', 1) <> ALL (machines)
    ) AS each
), moved AS (
    INSERT INTO subjects SELECT $3, $4, $5::timestamptz, coalesce($7::uuid, (SELECT org FROM before)), states
    FROM stands
    ON CONFLICT (id) DO UPDATE SET step = excluded.step, at = greatest(subjects.at, excluded.at),
        org = excluded.org, states = excluded.states
), departed AS (
    INSERT INTO departures SELECT $1::bigint, $2, $3, $4, stood.states FROM stood, went WHERE allowed = '{}'
)
INSERT INTO steps SELECT $1, $2, $3, $4, $5, $6, $7, before.step,
    floor(extract(epoch FROM greatest($5, before.at) - before.at))::bigint,
    CASE WHEN before.org <> $7 THEN before.org END
FROM stood LEFT JOIN before ON true
"""


@READ_MODEL.on(*timeline.PUBLIC, *timeline.HANDLERS)
def step(event: Any, at: Recorded) -> Iterator[Statement]:
    petition_id = event.originator_id if isinstance(event, Petition.Event) else event.matter_id
    yield (
        STEP,
        at.id,
        petition_id,
        event.originator_id,
        at.topic,
        event.timestamp,
        event.role,
        event.on_behalf_of,
    )


# --- queries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selection:
    """Which petitions: those that every field holds for. ``unit_id`` leads or supports a task of it, ``post_id`` is
    called; it was opened from a moment on, and before another."""

    host_id: UUID | None = None
    unit_id: UUID | None = None
    post_id: UUID | None = None
    category: str | None = None
    phase: str | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None


# $1 and $2 as ``HANDLES`` has them, then the fields of a selection, then those that the viewer has an interest in.
SELECTED = f"""{HANDLES} AND ($3::uuid IS NULL OR p.host_id = $3)
    AND ($4::uuid IS NULL OR EXISTS (SELECT FROM board.tasks AS t
        WHERE t.petition_id = p.id AND (t.lead_unit_id = $4 OR $4 = ANY (t.supporting_unit_ids))))
    AND ($5::uuid IS NULL OR $5 = ANY (p.called_post_ids))
    AND ($6::text IS NULL OR p.category = $6) AND ($7::text IS NULL OR p.phase = $7)
    AND ($8::timestamptz IS NULL OR p.opened_at >= $8) AND ($9::timestamptz IS NULL OR p.opened_at < $9)
    AND p.id <> ALL ($10::uuid[])"""


def _chosen(viewer: Viewer, selection: Selection, kept_out: Sequence[UUID]) -> list[Any]:
    return [viewer.role, viewer.org, *astuple(selection), list(kept_out)]


Row = dict[str, Any]


async def petitions(
    pool: asyncpg.Pool,
    viewer: Viewer,
    selection: Selection,
    *,
    cursor: int | None = None,
    limit: int = 200,
) -> tuple[list[Row], int | None]:
    """In the order in which they were opened, with the organisations that have to do with them and no words."""
    rows = await pool.fetch(
        "SELECT p.id, p.host_id, p.called_post_ids, p.category, p.phase, p.opened_at, p.opened"
        f" FROM board.petitions AS p WHERE {SELECTED} AND p.opened > $11 ORDER BY p.opened LIMIT $12",
        *_chosen(viewer, selection, ()),
        cursor or 0,
        limit + 1,
    )
    return [dict(row) for row in rows[:limit]], rows[limit - 1]["opened"] if len(rows) > limit else None


async def steps(pool: asyncpg.Pool, ids: Sequence[UUID], until: int) -> dict[UUID, list[Row]]:
    """Of these petitions the steps up to a position, in order. ``phase``: that the petition came into by it."""
    rows = await pool.fetch(
        "SELECT s.*, stay.phase FROM process.steps AS s LEFT JOIN statistics.stays AS stay USING (position)"
        " WHERE s.petition_id = ANY ($1) AND s.position <= $2 ORDER BY s.position",
        list(ids),
        until,
    )
    found: dict[UUID, list[Row]] = {id: [] for id in ids}
    for row in rows:
        found[row["petition_id"]].append(dict(row))
    return found


async def tasks(pool: asyncpg.Pool, ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """Of these petitions the tasks, with the units that do them."""
    rows = await pool.fetch(
        "SELECT id, petition_id, lead_unit_id, supporting_unit_ids FROM board.tasks WHERE petition_id = ANY ($1)",
        list(ids),
    )
    found: dict[UUID, list[Row]] = {id: [] for id in ids}
    for row in rows:
        found[row["petition_id"]].append(dict(row))
    return found


async def position(pool: asyncpg.Pool) -> int:
    """From where on the log is not in here yet."""
    found: int = await pool.fetchval(
        "SELECT min(position) FROM projections WHERE name IN ('process', 'board', 'statistics')"
    )
    return found


async def organisations(pool: asyncpg.Pool) -> dict[UUID, tuple[str, str]]:
    """All hosts, posts and units: what each is, and its name."""
    rows = await pool.fetch("SELECT id, sort, name FROM directory.entries ORDER BY position")
    return {row["id"]: (row["sort"], row["name"]) for row in rows}


async def taken_part(
    pool: asyncpg.Pool, ids: Sequence[UUID], as_resident: Sequence[tuple[UUID, str]], as_staff: str
) -> set[UUID]:
    """Those of these petitions whose log has this person: a pseudonym of theirs as a resident in one of them, or
    ``as_staff`` recused. The log says so of each event, and nothing else joins people to petitions."""
    rows = await pool.fetch(
        "SELECT DISTINCT e.originator_id FROM unnest($1::uuid[], $2::text[], $3::bool[]) AS mine (id, by, staff)"
        " JOIN stored_events AS e ON e.originator_id = mine.id AND (e.topic = $4 OR NOT mine.staff)"
        " WHERE strpos(convert_from(e.state, 'UTF8'), mine.by) > 0",
        [*(id for id, _ in as_resident), *ids],
        [*(by for _, by in as_resident), *([as_staff] * len(ids))],
        [*([False] * len(as_resident)), *([True] * len(ids))],
        Petition.Recused.TOPIC,
    )
    return {row["originator_id"] for row in rows}


_ROOM = "SET LOCAL work_mem TO '256MB'"  # to sort all waits in memory
_CHOSEN = f"process.steps AS s JOIN board.petitions AS p ON p.id = s.petition_id WHERE {SELECTED}"
_MEDIAN = "percentile_disc(0.5) WITHIN GROUP (ORDER BY s.waited) AS median_seconds"


async def _reckoned(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[Row]:
    async with pool.acquire() as conn, conn.transaction(readonly=True):
        await conn.execute(_ROOM)
        return [dict(row) for row in await conn.fetch(sql, *arguments)]


async def count(pool: asyncpg.Pool, viewer: Viewer, selection: Selection, kept_out: Sequence[UUID] = ()) -> Row:
    """How many petitions there are, and how many have departed from the course."""
    row = await pool.fetchrow(
        "SELECT count(*) AS petitions,"
        " count(*) FILTER (WHERE p.id IN (SELECT petition_id FROM process.departures)) AS departed"
        f" FROM board.petitions AS p WHERE {SELECTED}",
        *_chosen(viewer, selection, kept_out),
    )
    assert row is not None
    return dict(row)


async def arrows(pool: asyncpg.Pool, viewer: Viewer, selection: Selection, kept_out: Sequence[UUID] = ()) -> list[Row]:
    """How often each step followed each other one (``previous`` is null: it was the first), and after how many seconds,
    at the median. The most frequent first."""
    return await _reckoned(
        pool,
        f"SELECT s.previous, s.step, count(*) AS count, {_MEDIAN} FROM {_CHOSEN}"
        " GROUP BY s.previous, s.step ORDER BY count(*) DESC, s.previous, s.step",
        *_chosen(viewer, selection, kept_out),
    )


async def handovers(
    pool: asyncpg.Pool, viewer: Viewer, selection: Selection, kept_out: Sequence[UUID] = ()
) -> list[Row]:
    """How often the work on something went from one organisation to another, of how many petitions, and the median of
    the seconds before the other's first step. The most frequent first."""
    return await _reckoned(
        pool,
        "SELECT s.handed_by AS from_id, s.on_behalf_of AS to_id, count(*) AS count,"
        f" count(DISTINCT s.petition_id) AS petitions, {_MEDIAN} FROM {_CHOSEN} AND s.handed_by IS NOT NULL"
        " GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2",
        *_chosen(viewer, selection, kept_out),
    )


async def by_organisation(
    pool: asyncpg.Pool, viewer: Viewer, selection: Selection, kept_out: Sequence[UUID] = ()
) -> list[Row]:
    """How many steps each organisation took, of how many petitions, and the median of the seconds before."""
    return await _reckoned(
        pool,
        "SELECT s.on_behalf_of AS organisation_id, count(*) AS steps, count(DISTINCT s.petition_id) AS petitions,"
        f" {_MEDIAN} FROM {_CHOSEN} AND s.on_behalf_of IS NOT NULL GROUP BY 1 ORDER BY 1",
        *_chosen(viewer, selection, kept_out),
    )


Place = tuple[int, int]  # seconds and position: what a page of waits ends with


async def waits(
    pool: asyncpg.Pool, viewer: Viewer, selection: Selection, *, cursor: Place | None = None, limit: int = 50
) -> tuple[list[Row], Place | None]:
    """Single waits, the longest first, each with the step that ended it."""
    rows = await pool.fetch(
        "SELECT s.*, p.topic, p.public_topic FROM process.steps AS s JOIN board.petitions AS p ON p.id = s.petition_id"
        f" WHERE {SELECTED} AND s.waited > 0 AND ($11::bigint IS NULL OR (s.waited, s.position) < ($11, $12))"
        " ORDER BY s.waited DESC, s.position DESC LIMIT $13",
        *_chosen(viewer, selection, ()),
        *(cursor or (None, None)),
        limit + 1,
    )
    found = [shape(row, texts=("topic",)) for row in rows[:limit]]
    return found, (found[-1]["waited"], found[-1]["position"]) if len(rows) > limit else None


async def departures(
    pool: asyncpg.Pool, viewer: Viewer, selection: Selection, *, cursor: int | None = None, limit: int = 50
) -> tuple[list[Row], int | None]:
    """Steps that the course does not allow, newest first, each with the states that its subject was in."""
    rows = await pool.fetch(
        "SELECT d.*, s.at, s.role, p.topic, p.public_topic FROM process.departures AS d"
        " JOIN process.steps AS s USING (position) JOIN board.petitions AS p ON p.id = d.petition_id"
        f" WHERE {SELECTED} AND ($11::bigint IS NULL OR d.position < $11) ORDER BY d.position DESC LIMIT $12",
        *_chosen(viewer, selection, ()),
        cursor,
        limit + 1,
    )
    found = [shape(row, texts=("topic",)) for row in rows[:limit]]
    return found, found[-1]["position"] if len(rows) > limit else None
