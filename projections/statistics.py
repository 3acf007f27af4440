"""How petitions fare: response, resolution and satisfaction, each with its denominator. Silence is "not judged".

Stores what happened to each petition, once; rates are made when somebody asks.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import accumulate, islice
from typing import Any, Literal
from uuid import UUID

import asyncpg

from domain.calendar import ONE_DAY, end_of
from domain.disclosure import FEWEST
from domain.petition import Petition
from domain.petition.words import ENDS, Phase
from domain.task import Task
from infra.event_store import Recorded
from projections import spans
from projections.read_model import ReadModel, Statement

READ_MODEL = ReadModel(
    "statistics",
    version=5,
    tables=f"""
CREATE TABLE petitions (
    id uuid PRIMARY KEY,
    host_id uuid NOT NULL,
    post_id uuid NOT NULL, -- the one that leads
    conduct boolean NOT NULL,
    phase text NOT NULL,
    outcome text,
    accepted_at timestamptz,
    response_due timestamptz,
    suspended_at timestamptz,
    answered_at timestamptz, -- for the first time
    in_time boolean,
    invited int NOT NULL DEFAULT 0, -- in the round it was closed in, as the next three; 0 where fewer than 5 judged
    judged int NOT NULL DEFAULT 0,
    resolved int NOT NULL DEFAULT 0, -- yes or partly
    satisfied int NOT NULL DEFAULT 0
);

CREATE TABLE stays (
    petition_id uuid NOT NULL,
    phase text NOT NULL,
    position bigint PRIMARY KEY, -- of the event by which the petition came into the phase
    came_at timestamptz NOT NULL,
    left_at timestamptz,
    stood_still interval NOT NULL DEFAULT '0' -- while suspended
);
CREATE INDEX ON stays (petition_id) WHERE left_at IS NULL;

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    unit_id uuid NOT NULL, -- the one that leads
    transfer_to uuid -- the one that has been asked to
);
CREATE INDEX ON tasks (petition_id);
{spans.PETITIONS}
""",
)


def enter(petition_id: UUID, phase: Phase, event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET phase = $2 WHERE id = $1", petition_id, phase.value
    yield "UPDATE stays SET left_at = $2 WHERE petition_id = $1 AND left_at IS NULL", petition_id, event.timestamp
    yield (
        "INSERT INTO stays (petition_id, phase, position, came_at) VALUES ($1, $2, $3, $4)",
        petition_id,
        phase.value,
        at.id,
        event.timestamp,
    )


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield (
        "INSERT INTO petitions (id, host_id, post_id, conduct, phase) VALUES ($1, $2, $3, $4, 'collecting')",
        id,
        event.host_id,
        event.called_post_ids[0],
        event.category == "conduct",
    )
    yield from enter(id, Phase.COLLECTING, event, at)


ENTERED: dict[type, Phase] = {
    Petition.Submitted: Phase.SUBMITTED,
    Petition.Lapsed: Phase.LAPSED,
    Petition.Rejected: Phase.REJECTED,
    Petition.Refiled: Phase.SUBMITTED,
    Petition.Referred: Phase.REFERRED,
    Petition.Merged: Phase.MERGED,
    Petition.MeetingHeld: Phase.ROADMAP,
    Petition.MeetingWaived: Phase.IN_PROGRESS,
    Petition.RoadmapPublished: Phase.IN_PROGRESS,
    Petition.FeedbackInvited: Phase.FEEDBACK,
    Petition.TrackingBegun: Phase.TRACKING,
    Petition.CommitmentDelivered: Phase.ANSWERED,
    Petition.CommitmentMissed: Phase.ANSWERED,
}


@READ_MODEL.on(*ENTERED)
def moved_on(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield from enter(event.originator_id, ENTERED[type(event)], event, at)


@READ_MODEL.on(Petition.Withdrawn)
def withdrawn(event: Petition.Withdrawn, at: Recorded) -> Iterator[Statement]:
    """What the co-signers took back before the response was due, nobody has failed to answer."""
    yield from enter(event.originator_id, Phase.WITHDRAWN, event, at)
    yield (
        "UPDATE petitions SET response_due = NULL WHERE id = $1 AND (suspended_at IS NOT NULL OR response_due > $2)",
        event.originator_id,
        event.timestamp,
    )


@READ_MODEL.on(Petition.UrgencyLifted)
def urgency_lifted(event: Petition.UrgencyLifted, at: Recorded) -> Iterator[Statement]:
    if event.signing:
        yield from enter(event.originator_id, Phase.COLLECTING, event, at)


@READ_MODEL.on(Petition.Accepted)
def accepted(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield from enter(id, Phase.ACCEPTED, event, at)
    yield (
        "UPDATE petitions SET accepted_at = $2, response_due = $3 WHERE id = $1",
        id,
        event.timestamp,
        event.response.due_at,
    )


@READ_MODEL.on(Petition.CallAcknowledged)
def call_acknowledged(event: Petition.CallAcknowledged, at: Recorded) -> Iterator[Statement]:
    """The lead post's word opens the next phase, if the meeting has not been held before."""
    moves_on = "(SELECT phase = 'accepted' AND post_id = $2 FROM petitions WHERE id = $1)"
    arguments = event.originator_id, event.post_id
    yield (
        f"UPDATE stays SET left_at = $3 WHERE petition_id = $1 AND left_at IS NULL AND {moves_on}",
        *arguments,
        event.timestamp,
    )
    yield (
        f"INSERT INTO stays (petition_id, phase, position, came_at) SELECT $1, 'meeting', $3, $4 WHERE {moves_on}",
        *arguments,
        at.id,
        event.timestamp,
    )
    yield f"UPDATE petitions SET phase = 'meeting' WHERE id = $1 AND {moves_on}", *arguments


@READ_MODEL.on(Petition.CallReassigned)
def call_reassigned(event: Petition.CallReassigned, at: Recorded) -> Iterator[Statement]:
    """The post that leads is answerable from now on; it has yet to acknowledge the call."""
    id = event.originator_id
    yield "UPDATE petitions SET post_id = $3 WHERE id = $1 AND post_id = $2", id, event.from_id, event.to_id
    if event.acknowledgement:
        goes_back = "(SELECT phase = 'meeting' FROM petitions WHERE id = $1)"
        yield (
            f"UPDATE stays SET left_at = $2 WHERE petition_id = $1 AND left_at IS NULL AND {goes_back}",
            id,
            event.timestamp,
        )
        yield (
            "INSERT INTO stays (petition_id, phase, position, came_at)"
            f" SELECT $1, 'accepted', $2, $3 WHERE {goes_back}",
            id,
            at.id,
            event.timestamp,
        )
        yield "UPDATE petitions SET phase = 'accepted' WHERE id = $1", id


@READ_MODEL.on(Petition.Answered)
def answered(event: Petition.Answered, at: Recorded) -> Iterator[Statement]:
    yield from enter(event.originator_id, Phase.ANSWERED, event, at)
    yield (
        "UPDATE petitions SET answered_at = $2, in_time = $2 <= response_due WHERE id = $1 AND answered_at IS NULL",
        event.originator_id,
        event.timestamp,
    )


@READ_MODEL.on(Petition.Reopened)
def reopened(event: Petition.Reopened, at: Recorded) -> Iterator[Statement]:
    """Perhaps by a review, after it was closed: then it counts as judged only when it is closed again."""
    yield from enter(event.originator_id, Phase.ROADMAP, event, at)
    yield (
        "UPDATE petitions SET outcome = NULL, invited = 0, judged = 0, resolved = 0, satisfied = 0 WHERE id = $1",
        event.originator_id,
    )


@READ_MODEL.on(Petition.Closed)
def closed(event: Petition.Closed, at: Recorded) -> Iterator[Statement]:
    """Fewer than five judgements are in no sum: the sum before would tell them."""
    few = event.judged < FEWEST
    yield from enter(event.originator_id, Phase.CLOSED, event, at)
    yield (
        "UPDATE petitions SET outcome = $2, invited = $3, judged = $4, resolved = $5, satisfied = $6 WHERE id = $1",
        event.originator_id,
        event.outcome,
        *((0, 0, 0, 0) if few else (event.invited, event.judged, event.resolved, event.satisfied)),
    )


RESPONSE_DUE = "UPDATE petitions SET response_due = $2 WHERE id = $1"


@READ_MODEL.on(Petition.Extended)
def extended(event: Petition.Extended, at: Recorded) -> Iterator[Statement]:
    yield RESPONSE_DUE, event.originator_id, event.response.due_at


@READ_MODEL.on(Petition.ClocksMoved)
def clocks_moved(event: Petition.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    for clock in event.clocks:
        if clock.rule == "response":
            yield RESPONSE_DUE, event.originator_id, clock.due_at


@READ_MODEL.on(Petition.Suspended)
def suspended(event: Petition.Suspended, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET suspended_at = $2 WHERE id = $1", event.originator_id, event.timestamp


@READ_MODEL.on(Petition.Resumed)
def resumed(event: Petition.Resumed, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield (
        "UPDATE stays SET stood_still = stood_still + ($2 - p.suspended_at) FROM petitions AS p"
        " WHERE p.id = $1 AND petition_id = $1 AND left_at IS NULL",
        id,
        event.timestamp,
    )
    yield "UPDATE petitions SET suspended_at = NULL WHERE id = $1", id
    for clock in event.clocks:
        if clock.rule == "response":
            yield RESPONSE_DUE, id, clock.due_at


@READ_MODEL.on(Task.Offered)
def offered(event: Task.Offered, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO tasks (id, petition_id, unit_id) VALUES ($1, $2, $3)",
        event.originator_id,
        event.matter_id,
        event.lead_unit_id,
    )


@READ_MODEL.on(Task.Mandated, Task.ObjectedAgain)
def mandated(event: Task.Mandated | Task.ObjectedAgain, at: Recorded) -> Iterator[Statement]:
    """Whoever objected with success is not judged by what others did."""
    yield "UPDATE tasks SET unit_id = $2, transfer_to = NULL WHERE id = $1", event.originator_id, event.lead_unit_id


@READ_MODEL.on(Task.Transferred)
def transferred(event: Task.Transferred, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE tasks SET transfer_to = $2 WHERE id = $1", event.originator_id, event.unit_id


@READ_MODEL.on(Task.Claimed)
def claimed(event: Task.Claimed, at: Recorded) -> Iterator[Statement]:
    """Whoever hands a task on answers for it until it is taken."""
    yield (
        "UPDATE tasks SET unit_id = transfer_to, transfer_to = NULL WHERE id = $1 AND transfer_to IS NOT NULL",
        event.originator_id,
    )


spans.keep_petitions(READ_MODEL)

# --- queries ---------------------------------------------------------------------------------------------------------

RANKABLE_FROM = 10  # petitions: no ranking of fewer

# $1 is now, $2 whether petitions about conduct count too: by post, their number alone would accuse somebody.
FIGURES = """
    count(*) AS petitions,
    count(*) FILTER (WHERE answered_at IS NOT NULL) AS answered,
    count(*) FILTER (WHERE in_time) AS in_time,
    count(*) FILTER (WHERE answered_at IS NOT NULL OR suspended_at IS NULL AND response_due < $1) AS due,
    count(*) FILTER (WHERE outcome = 'resolved') AS resolved,
    count(*) FILTER (WHERE outcome IN ('resolved', 'unresolved')) AS judged,
    count(*) FILTER (WHERE outcome = 'not_judged') AS not_judged,
    coalesce(sum(satisfied), 0) AS people_satisfied,
    coalesce(sum(judged), 0) AS people_judged,
    coalesce(sum(invited), 0) AS people_invited
"""
COLUMNS = re.findall(r"AS (\w+)", FIGURES)
COUNTED = "accepted_at IS NOT NULL AND ($2 OR NOT conduct)"
Group = Literal["host", "post", "unit", "month"]
KEYS: dict[Group, str] = {
    "host": "host_id",
    "post": "post_id",
    "unit": "unit_id",
    "month": "to_char(accepted_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM')",
}


# Where the figures come from: what stands now, and what stood at the moment $3.
PETITIONS = "statistics.petitions"
PETITIONS_THEN = f"(SELECT * FROM statistics.petitions_then WHERE {spans.at(3)}) AS p"
# Clocks that run: of petitions, and of tasks, which are their lead unit's.
_CLOCK = (
    "{0} ->> 'rule' AS rule, ({0} ->> 'started_at')::timestamptz AS started_at,"
    " ({0} ->> 'due_at')::timestamptz AS due_at"
)
CLOCKS = f"""(
    SELECT p.id AS petition_id, NULL::uuid AS unit_id, p.suspended, p.public, {_CLOCK.format("clock")}
    FROM board.petitions AS p CROSS JOIN jsonb_each(p.clocks) AS each (name, clock) WHERE p.clocks <> '{{}}'
    UNION ALL
    SELECT p.id, t.lead_unit_id, p.suspended, p.public, {_CLOCK.format("t.clock")}
    FROM board.tasks AS t JOIN board.petitions AS p ON p.id = t.petition_id WHERE t.clock IS NOT NULL
) AS clocks"""
CLOCKS_THEN = f"""(
    SELECT c.*, p.suspended_at IS NOT NULL AS suspended, p.accepted_at IS NOT NULL AND NOT p.conduct AS public
    FROM (SELECT * FROM board.clocks WHERE {spans.at(3)}) AS c JOIN {PETITIONS_THEN} ON p.id = c.petition_id
) AS clocks"""

# Those that have run out. $1 and $2 as above; the public hears of those that it may read of.
LATE = "NOT suspended AND ($2 OR public) AND due_at < $1"
OVERDUE = f"SELECT petition_id, unit_id FROM {CLOCKS} WHERE {LATE}"
CLOCKS_AND_PETITIONS = "count(*) AS clocks, count(DISTINCT petition_id) AS petitions"


async def position(pool: asyncpg.Pool) -> int:
    """From where on the log is not in the figures yet."""
    found: int = await pool.fetchval("SELECT min(position) FROM projections WHERE name IN ('statistics', 'board')")
    return found


async def known_of(pool: asyncpg.Pool, moment: datetime) -> Literal["all", "a part", "not yet"]:
    """How much of what was recorded up to a moment, by the database's clock, is in the figures: of a moment yet to come
    nobody can say."""
    row = await pool.fetchrow(
        "SELECT clock_timestamp() < $1 AS ahead, (SELECT recorded_at FROM stored_events WHERE notification_id >"
        " (SELECT min(position) FROM projections WHERE name IN ('statistics', 'board'))"
        " ORDER BY notification_id LIMIT 1) <= $1 AS lacking",
        moment,
    )
    assert row is not None
    return "not yet" if row["ahead"] else "a part" if row["lacking"] else "all"


async def district(
    pool: asyncpg.Pool, now: datetime, *, conduct: bool = False, as_of: datetime | None = None
) -> dict[str, Any]:
    """All petitions together: rates of the accepted ones, and what is under way. ``conduct``: those about an official's
    conduct too; never for the public. ``as_of``: as the log stood at this moment."""
    petitions, clocks = (PETITIONS, CLOCKS) if as_of is None else (PETITIONS_THEN, CLOCKS_THEN)
    given = (now, conduct) if as_of is None else (now, conduct, as_of)
    rows = await pool.fetch(
        f"SELECT phase, outcome, accepted_at IS NOT NULL AS accepted, {FIGURES} FROM {petitions}"
        " WHERE $2 OR NOT conduct GROUP BY 1, 2, 3 ORDER BY 1, 2",
        *given,
    )
    *running, total = await pool.fetch(
        "SELECT rule, count(*) AS running, count(*) FILTER (WHERE suspended) AS suspended,"
        f" count(*) FILTER (WHERE {LATE}) AS overdue, count(DISTINCT petition_id) FILTER (WHERE {LATE}) AS petitions"
        f" FROM {clocks} WHERE ($2 OR public) AND started_at <= $1"
        " GROUP BY GROUPING SETS ((rule), ()) ORDER BY rule NULLS LAST",
        *given,
    )
    return {
        **_figures({name: sum(row[name] for row in rows if row["accepted"]) for name in COLUMNS}),
        **{f"{name}s": _counted(rows, name) for name in ("phase", "outcome")},
        "overdue": {"clocks": total["overdue"], "petitions": total["petitions"]},
        "clocks": [{name: row[name] for name in ("rule", "running", "suspended", "overdue")} for row in running],
    }


def _counted(rows: Sequence[asyncpg.Record], name: str) -> dict[str, int]:
    return {
        key: sum(row["petitions"] for row in rows if row[name] == key)
        for key in dict.fromkeys(row[name] for row in rows if row[name] is not None)
    }


async def overall(pool: asyncpg.Pool, now: datetime, *, conduct: bool = False) -> dict[str, Any]:
    """The same as it stands now, with how long petitions stay in each phase."""
    stays = await pool.fetch(
        "SELECT s.phase, count(*) AS count,"
        " extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY left_at - came_at - stood_still))"
        " / 86400 AS days FROM statistics.stays AS s JOIN statistics.petitions AS p ON p.id = s.petition_id"
        " WHERE left_at IS NOT NULL AND ($1 OR NOT conduct) GROUP BY 1 ORDER BY 1",
        conduct,
    )
    return {
        **await district(pool, now, conduct=conduct),
        "stays": {
            row["phase"]: {
                "count": row["count"],
                "median_days": round(float(row["days"]), 2) if row["count"] >= FEWEST else None,
            }
            for row in stays
        },
    }


async def course(
    pool: asyncpg.Pool, first: date, as_of: datetime, *, conduct: bool = False
) -> tuple[int, dict[date, int]]:
    """How many petitions were open when a day began (in China), and at the end of each day on which any has moved
    since, up to a moment."""
    ended = [phase.value for phase in ENDS]
    begun = end_of(first - ONE_DAY)
    open_then: int = await pool.fetchval(
        f"SELECT count(*) FROM statistics.petitions_then WHERE {spans.at(3)} AND phase <> ALL ($1)"
        " AND ($2 OR NOT conduct)",
        *(ended, conduct, begun),
    )
    rows = await pool.fetch(
        "SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS day, sum(change) AS change FROM ("
        "  SELECT since AS at, 1 AS change, phase, conduct FROM statistics.petitions_then"
        "  UNION ALL SELECT until, -1, phase, conduct FROM statistics.petitions_then"
        ") AS changes WHERE at > $4 AND at <= $3 AND phase <> ALL ($1) AND ($2 OR NOT conduct) GROUP BY 1 ORDER BY 1",
        *(ended, conduct, as_of, begun),
    )
    sums = accumulate((row["change"] for row in rows), initial=open_then)
    return open_then, dict(zip((row["day"] for row in rows), islice(sums, 1, None), strict=True))


async def by(pool: asyncpg.Pool, group: Group, now: datetime, *, conduct: bool = False) -> list[dict[str, Any]]:
    """The same figures for each host, leading post, leading unit, or month of acceptance (Chinese time), by key.

    Not in order of any rate; and where ``rankable`` is false there are too few to compare.
    """
    units = " JOIN (SELECT DISTINCT petition_id, unit_id FROM statistics.tasks) AS led ON petition_id = id"
    rows = await pool.fetch(
        f"SELECT {KEYS[group]} AS key, {FIGURES} FROM statistics.petitions{units if group == 'unit' else ''}"
        f" WHERE {COUNTED} GROUP BY 1 ORDER BY 1",
        now,
        conduct,
    )
    late = await pool.fetch(
        f"SELECT {KEYS[group]} AS key, {CLOCKS_AND_PETITIONS} FROM ({OVERDUE}) AS late"
        f" JOIN statistics.petitions ON id = petition_id GROUP BY 1",
        now,
        conduct,
    )
    overdue = {row["key"]: {"clocks": row["clocks"], "petitions": row["petitions"]} for row in late}
    none = {"clocks": 0, "petitions": 0}
    return [{"key": row["key"], **_figures(row), "overdue": overdue.get(row["key"], none)} for row in rows]


def _figures(row: asyncpg.Record | dict[str, int]) -> dict[str, Any]:
    def rate(part: str, whole: str) -> float | None:
        return round(row[part] / row[whole], 4) if row[whole] else None

    return {
        "petitions": row["petitions"],
        "rankable": row["petitions"] >= RANKABLE_FROM,
        "response": {
            "answered": row["answered"],
            "in_time": row["in_time"],
            "due": row["due"],
            "rate": rate("answered", "due"),
        },
        "resolution": {
            "resolved": row["resolved"],
            "judged": row["judged"],
            "not_judged": row["not_judged"],
            "rate": rate("resolved", "judged"),
        },
        "satisfaction": {
            "satisfied": row["people_satisfied"],
            "judged": row["people_judged"],
            "invited": row["people_invited"],
            "rate": rate("people_satisfied", "people_judged"),
        },
    }
