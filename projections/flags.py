"""What an auditor may want to look at: nothing here is a fault, and each flag says what it was raised by.

Of signatures there is one flag alone, and it counts only what the host's staff did themselves: how many slips they took
in until the submission, whether a signature came with each or not, in steps, and under the submission's own time.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from domain.clock import Clock
from domain.disclosure import FEWEST
from domain.extension import Extension
from domain.intake import Intake
from domain.petition import Petition
from domain.task import Task
from infra.event_store import Recorded
from projections.board import HANDLES, Viewer
from projections.read_model import ReadModel, Statement, shape

READ_MODEL = ReadModel(
    "flags",
    version=1,
    tables="""
CREATE TABLE flags (
    kind text,
    subject_id uuid, -- a petition or a task
    key text, -- what sets two of a kind apart that are about the same
    petition_id uuid NOT NULL,
    position bigint NOT NULL, -- of the event that raised it last
    at timestamptz NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (kind, subject_id, key)
);
CREATE INDEX ON flags (position, kind);
CREATE INDEX ON flags (petition_id);

CREATE TABLE clocks (
    subject_id uuid,
    rule text,
    started_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (subject_id, rule)
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    lead uuid NOT NULL,
    asked uuid NOT NULL, -- the unit that it lies with: the lead, or the one that is to take over
    moves int NOT NULL DEFAULT 0, -- objected to, handed back or handed on
    objectors uuid[] NOT NULL DEFAULT '{}',
    completed_at timestamptz
);

CREATE TABLE evidence (
    digest text,
    task_id uuid,
    petition_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (digest, task_id)
);

CREATE TABLE petitions (
    id uuid PRIMARY KEY,
    threshold int NOT NULL,
    slips int NOT NULL DEFAULT 0,
    extensions int NOT NULL DEFAULT 0 -- how often one was asked for
)
""",
)


class Kind(StrEnum):
    EVIDENCE_REUSED = "evidence_reused"
    CIRCLING = "circling"
    BACK_TO_OBJECTOR = "back_to_objector"
    EVE = "eve"
    QUICK_CONFIRMATION = "quick_confirmation"
    STAFF_ENTERED = "staff_entered"
    EXTENSION_AGAIN = "extension_again"


MOVES = 2  # more is worth a look
EVE, SHARE = timedelta(days=1), 10  # the last day, and of a clock shorter than ten days its last tenth
QUICK = timedelta(minutes=10)

# What is done by which clock.
BY_CLOCK: dict[type, str] = {
    Petition.Rejected: "admissibility",
    Petition.Answered: "response",
    Petition.CommitmentDelivered: "commitment",
    Task.Completed: "task",
    Task.Confirmed: "task",
}
# What starts or moves one of these.
CLOCKED = (
    *(Petition.Submitted, Petition.Refiled, Petition.Accepted, Petition.Reopened, Petition.Extended),
    *(Petition.Resumed, Petition.ClocksMoved, Petition.TrackingBegun),
    *(Task.Claimed, Task.Mandated, Task.Returned, Task.Replanned, Task.Resumed, Task.ClocksMoved),
)

# --- handlers --------------------------------------------------------------------------------------------------------

RAISE = (
    "INSERT INTO flags (kind, subject_id, key, petition_id, position, at, facts)"
    " SELECT $1, $2::uuid, $3, $4::uuid, $5::bigint, $6::timestamptz, {facts} FROM {source}"
    " ON CONFLICT (kind, subject_id, key) DO UPDATE"
    " SET position = excluded.position, at = excluded.at, facts = excluded.facts"
)


def raised(kind: Kind, event: Any, at: Recorded, facts: str, source: str, *more: Any, key: str = "") -> Statement:
    """A flag wherever ``source`` has a row; its facts are an SQL expression. ``more`` arguments begin at $7."""
    petition_id = event.originator_id if isinstance(event, Petition.Event) else event.matter_id
    subject_id = event.originator_id if isinstance(event, Task.Event) else petition_id
    sql = RAISE.format(facts=f"jsonb_build_object({facts})", source=source)
    return sql, kind.value, subject_id, key, petition_id, at.id, event.timestamp, *more


def running(event: Any) -> Iterator[Statement]:
    """The clocks that an event says, as they run from now on."""
    for value in vars(event).values():
        for clock in value if isinstance(value, list) else [value]:
            if isinstance(clock, Clock):
                yield (
                    "INSERT INTO clocks (subject_id, rule, started_at, due_at) VALUES ($1, $2, $3, $4)"
                    " ON CONFLICT (subject_id, rule) DO UPDATE"
                    " SET started_at = excluded.started_at, due_at = excluded.due_at",
                    event.originator_id,
                    clock.rule,
                    clock.started_at,
                    clock.due_at,
                )


def on_the_eve(event: Any, at: Recorded) -> Statement:
    return raised(
        Kind.EVE,
        event,
        at,
        "'rule', rule, 'due_at', due_at, 'seconds', extract(epoch FROM due_at - $6)::bigint",
        "clocks WHERE subject_id = $2 AND rule = $7 AND due_at >= $6"
        f" AND due_at - $6 <= least($8, (due_at - started_at) / {SHARE})",
        BY_CLOCK[type(event)],
        EVE,
        key=at.topic,
    )


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    yield "INSERT INTO petitions (id, threshold) VALUES ($1, $2)", event.originator_id, event.threshold


@READ_MODEL.on(*CLOCKED)
def clocked(event: Any, at: Recorded) -> Iterator[Statement]:
    yield from running(event)
    if isinstance(event, Petition.Submitted):
        yield raised(
            Kind.STAFF_ENTERED,
            event,
            at,
            f"'slips', slips - slips % {FEWEST}, 'threshold', threshold",
            f"petitions WHERE id = $2 AND slips >= {FEWEST} AND 2 * slips >= threshold",
        )
    elif isinstance(event, Task.Claimed):
        yield "UPDATE tasks SET lead = asked WHERE id = $1", event.originator_id
    elif isinstance(event, Task.Mandated):
        yield "UPDATE tasks SET lead = $2, asked = $2 WHERE id = $1", event.originator_id, event.lead_unit_id
        yield back_to_objector(event, at)


@READ_MODEL.on(*(set(BY_CLOCK) - {Task.Completed, Task.Confirmed}))
def decided(event: Any, at: Recorded) -> Iterator[Statement]:
    yield on_the_eve(event, at)


@READ_MODEL.on(Intake.Filed)
def slip_taken_in(event: Intake.Filed, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET slips = slips + 1 WHERE id = $1", event.matter_id


@READ_MODEL.on(Extension.Asked, Extension.AskedAgain)
def extension_asked(event: Extension.Asked | Extension.AskedAgain, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET extensions = extensions + 1 WHERE id = $1", event.matter_id
    wanted = "petitions WHERE id = $2 AND extensions > 1"
    yield raised(Kind.EXTENSION_AGAIN, event, at, "'times', extensions, 'days', $7::int", wanted, event.days)


@READ_MODEL.on(Task.Offered)
def offered(event: Task.Offered, at: Recorded) -> Iterator[Statement]:
    yield "INSERT INTO tasks (id, lead, asked) VALUES ($1, $2, $2)", event.originator_id, event.lead_unit_id


@READ_MODEL.on(Task.Objected, Task.ObjectedAgain, Task.HandedBack, Task.Transferred)
def moved(event: Any, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    if isinstance(event, Task.Objected | Task.ObjectedAgain):
        yield "UPDATE tasks SET objectors = objectors || asked WHERE id = $1", id
    yield "UPDATE tasks SET moves = moves + 1 WHERE id = $1", id
    if isinstance(event, Task.Transferred):
        yield "UPDATE tasks SET asked = $2 WHERE id = $1", id, event.unit_id
        yield back_to_objector(event, at)
    elif isinstance(event, Task.ObjectedAgain):
        yield "UPDATE tasks SET lead = $2, asked = $2 WHERE id = $1", id, event.lead_unit_id
    elif isinstance(event, Task.HandedBack):
        yield "UPDATE tasks SET asked = lead WHERE id = $1", id
    yield raised(Kind.CIRCLING, event, at, "'times', moves", f"tasks WHERE id = $2 AND moves > {MOVES}")


def back_to_objector(event: Any, at: Recorded) -> Statement:
    returned = "tasks WHERE id = $2 AND asked = ANY (objectors)"
    return raised(Kind.BACK_TO_OBJECTOR, event, at, "'unit_id', asked", returned)


@READ_MODEL.on(Task.Completed)
def completed(event: Task.Completed, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE tasks SET completed_at = $2 WHERE id = $1", event.originator_id, event.timestamp
    yield on_the_eve(event, at)


@READ_MODEL.on(Task.Confirmed)
def confirmed(event: Task.Confirmed, at: Recorded) -> Iterator[Statement]:
    yield on_the_eve(event, at)
    yield raised(
        Kind.QUICK_CONFIRMATION,
        event,
        at,
        "'seconds', extract(epoch FROM $6 - completed_at)::bigint",
        "tasks WHERE id = $2 AND $6 - completed_at < $7",
        QUICK,
    )


@READ_MODEL.on(Task.EvidenceAttached)
def evidence_attached(event: Task.EvidenceAttached, at: Recorded) -> Iterator[Statement]:
    yield raised(
        Kind.EVIDENCE_REUSED,
        event,
        at,
        "'petition_id', petition_id, 'position', position",
        "(SELECT * FROM evidence WHERE digest = $3 AND task_id <> $2 ORDER BY position LIMIT 1) AS first",
        key=event.digest,
    )
    yield (
        "INSERT INTO evidence (digest, task_id, petition_id, position) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        event.digest,
        event.originator_id,
        event.matter_id,
        at.id,
    )


# --- queries ---------------------------------------------------------------------------------------------------------

Cursor = tuple[int, str]  # position and kind: an event may raise two


async def flags(
    pool: asyncpg.Pool,
    viewer: Viewer,
    *,
    kind: str | None = None,
    petition_id: UUID | None = None,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """Newest first, of the petitions that the viewer handles. ``facts`` that lead to another one are left out where the
    viewer does not handle that one."""
    rows = await pool.fetch(
        "SELECT f.kind, f.subject_id, f.petition_id, f.position, f.at, p.topic, p.public_topic, f.facts"
        f" - (CASE WHEN {HANDLES.replace('p.', 'other.')} THEN '{{}}' ELSE '{{petition_id,position}}' END)::text[]"
        " AS facts FROM flags.flags AS f JOIN board.petitions AS p ON p.id = f.petition_id"
        " LEFT JOIN board.petitions AS other ON other.id = (f.facts ->> 'petition_id')::uuid"
        f" WHERE {HANDLES} AND ($3::text IS NULL OR f.kind = $3) AND ($4::uuid IS NULL OR f.petition_id = $4)"
        " AND ($5::bigint IS NULL OR (f.position, f.kind) < ($5, $6)) ORDER BY f.position DESC, f.kind DESC LIMIT $7",
        viewer.role,
        viewer.org,
        kind,
        petition_id,
        *(cursor or (None, None)),
        limit + 1,
    )
    found = [shape(row, texts=("topic",), json_columns=("facts",)) for row in rows[:limit]]
    return found, (found[-1]["position"], found[-1]["kind"]) if len(rows) > limit else None
