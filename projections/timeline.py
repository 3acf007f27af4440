"""What happened, event by event, as far as it may be told.

Signatures and judgements are not in here one by one: whoever could read their times could find out who gave them. Each
row carries how many signatures were told of at that moment instead.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.appointment import Appointment
from domain.command import Role
from domain.directory import Host, Post, Unit
from domain.disclosure import FEWEST
from domain.extension import Extension
from domain.meeting import Meeting
from domain.petition import Petition
from domain.proposal import Proposal
from domain.rulebook import Rulebook
from domain.task import Task
from domain.text import Text
from domain.webhook import Webhook
from infra.event_store import Recorded
from projections import counts
from projections.board import END_OF_TIME, HANDLES, Viewer
from projections.read_model import ReadModel, Statement, shape, text_from, to_json

READ_MODEL = ReadModel(
    "timeline",
    version=5,
    tables="""
CREATE TABLE events (
    position bigint PRIMARY KEY,
    petition_id uuid, -- none for the directory
    subject_id uuid NOT NULL,
    version bigint NOT NULL, -- of the subject
    type text NOT NULL,
    at timestamptz NOT NULL, -- by the clock of whoever decided
    recorded_at timestamptz NOT NULL,
    role text NOT NULL,
    by text, -- the pseudonym of staff; of residents only the role is told
    on_behalf_of uuid,
    command_id uuid NOT NULL,
    signatures int,
    data jsonb NOT NULL,
    texts jsonb NOT NULL, -- sealed
    visibility text NOT NULL
);
CREATE INDEX ON events (petition_id, position);

CREATE TABLE counts (
    petition_id uuid PRIMARY KEY,
    threshold int NOT NULL,
    {COUNT},
    unseen int NOT NULL DEFAULT 0
) WITH (fillfactor = 70)
""".replace("{COUNT}", counts.COUNT),
)

# What may be told of each event, besides the texts: ids of organisations and things, codes, numbers, dates; no person.
PUBLIC: dict[type, tuple[str, ...]] = {
    Petition.Opened: ("category", "host_id", "called_post_ids", "threshold", "signing"),
    Petition.Submitted: ("admissibility",),
    Petition.MarkedUrgent: ("urgent",),
    Petition.UrgencyLifted: ("signing",),
    Petition.PublicTextIssued: (),
    Petition.Accepted: ("meeting", "response"),
    Petition.Called: ("post_ids", "acknowledgement"),
    Petition.CallAcknowledged: ("post_id",),
    Petition.DelegateNamed: ("post_id", "delegate_id"),
    Petition.CallReassigned: ("from_id", "to_id", "acknowledgement"),
    Petition.MeetingWaived: (),
    Petition.MeetingHeld: ("meeting_id", "roadmap"),
    Petition.RoadmapPublished: ("round",),
    Petition.RoadmapRevised: ("round", "version"),
    Petition.InterimResponseGiven: (),
    Petition.Answered: ("round", "outcome"),
    Petition.CommitmentMade: ("round", "due_on"),
    Petition.FeedbackInvited: ("round", "invited", "feedback"),
    Petition.Reopened: ("round", "judged", "resolved", "roadmap", "response"),
    Petition.TrackingBegun: ("round", "commitment"),
    Petition.CommitmentDelivered: ("round",),
    Petition.CommitmentMissed: ("round",),
    Petition.ReviewRequested: ("level", "review"),
    Petition.ReviewDecided: ("level", "result"),
    Petition.Extended: ("days", "response"),
    Extension.Asked: ("days",),
    Extension.AskedAgain: ("days",),
    Extension.Approved: (),
    Extension.Refused: (),
    Petition.Suspended: (),
    Petition.Resumed: ("clocks",),
    Petition.ClocksMoved: ("clocks", "revision"),
    Petition.SupervisionOrdered: (),
    Petition.SupervisionAnswered: (),
    Petition.SupervisionLifted: (),
    Petition.Closed: ("outcome", "invited", "judged", "resolved", "satisfied"),
    Meeting.Scheduled: ("starts_at",),
    Meeting.Rescheduled: ("starts_at",),
    Meeting.Cancelled: (),
    Meeting.NoShowRecorded: ("post_id",),
    Meeting.Held: (),
    Meeting.MinutesDrafted: ("clock",),
    Meeting.MinutesConfirmed: ("party", "complete"),
    Meeting.MinutesLeftUnconfirmed: ("missing",),
    Task.Offered: ("lead_unit_id", "supporting_unit_ids", "due_on", "claim"),
    Task.Claimed: ("due",),
    Task.Transferred: ("unit_id", "claim"),
    Task.Objected: (),
    Task.ObjectedAgain: ("superior_id", "lead_unit_id", "mandate"),
    Task.HandedBack: ("mandate",),
    Task.Mandated: ("lead_unit_id", "due"),
    Task.ProgressReported: ("percent",),
    Task.TermsSet: ("cost_fen", "vote_needed"),
    Task.VoteRecorded: ("passed", "in_favour", "against", "entitled", "voted_on"),
    Task.Completed: (),
    Task.Returned: ("due",),
    Task.Confirmed: (),
    Task.Dropped: (),
    Task.Replanned: ("due_on", "supporting_unit_ids", "clock"),
    Task.Suspended: (),
    Task.Resumed: ("clock", "due_on"),
    Task.ClocksMoved: ("clock", "revision"),
    Meeting.ClocksMoved: ("clock", "revision"),
}
HANDLERS: dict[type, tuple[str, ...]] = {
    Petition.HostOpinionGiven: (),
    Petition.CallBackBegun: ("round", "call_back"),
    Petition.Lapsed: (),
    Petition.Withdrawn: (),
    Petition.SplitProposed: ("other_category",),
    Petition.Split: ("into_id",),
    Petition.SplitFrom: ("origin_id",),
    Petition.Rejected: ("reason_code", "route", "refiling"),
    Petition.Refiled: ("admissibility",),
    Petition.RefilingClosed: (),
    Petition.Referred: ("unit_id",),
    Petition.ReferralReceived: ("received_on",),
    Petition.Merged: ("into_id",),
    Petition.RepresentativesElected: (),
    Petition.RepresentativeResigned: (),
    Petition.BallotCalled: ("ballot_id", "question", "into_id", "ballot"),
    Petition.BallotConcluded: ("ballot_id", "question", "into_id", "result"),
    Petition.LeadReplaced: (),
    Petition.Reminded: ("rule", "due_at", "task_id"),
    Petition.Escalated: ("rule", "due_at", "task_id"),
    Petition.MeetingArranged: ("meeting_id",),
    Proposal.Made: ("kind", "post_id", "to_post_id"),
    Proposal.Voiced: ("agrees",),
    Proposal.Decided: ("agreed",),
    Meeting.Invited: ("unit_id",),
    Meeting.ObjectionFiled: ("objection_id",),
    Meeting.AgendaItemAdded: ("objection_id",),
    Meeting.BriefReleased: ("starts_at",),
    Meeting.AttendanceCounted: ("post_ids", "representatives", "residents"),
    Meeting.CorrectionOffered: (),
    Task.EvidenceAttached: ("digest", "media_type", "size", "stage"),
}
AUDITOR: dict[type, tuple[str, ...]] = {
    Host.Registered: ("name", "kind"),
    Host.Changed: ("name",),
    Post.Registered: ("name", "kind"),
    Post.Changed: ("name",),
    Post.Placed: ("superior_id",),
    Post.PutInCharge: ("unit_ids",),
    Post.TermStarted: ("started_on",),
    Post.TermEnded: ("ended_on",),
    Post.FellVacant: ("vacancy",),
    Post.ActingNamed: ("from_post_id",),
    Post.ClocksMoved: ("clock", "revision"),
    Unit.Registered: ("name", "kind", "regulator_id"),
    Unit.Changed: ("name",),
    Unit.Placed: ("superior_id",),
    Appointment.Granted: ("grants", "org"),
    Appointment.GrantedAgain: (),
    Appointment.Revoked: (),
    Rulebook.Founded: ("version", "effective_on"),
    Rulebook.PolicyIssued: ("version", "effective_on"),
    Rulebook.HolidaysAnnounced: ("number", "days_off", "days_worked", "years"),
    Webhook.Subscribed: ("types", "audience", "from_position"),
    Webhook.SecretRotated: (),
    Webhook.Paused: ("reason",),
    Webhook.Resumed: (),
    Webhook.Replayed: ("from_position",),
    Webhook.Cancelled: (),
}
# In the history from its clock's start on, and never as it happens: then somebody signed.
LATER: dict[type, tuple[str, ...]] = {Petition.ThresholdReached: ("host_opinion",)}
TOLD = {"public": PUBLIC, "handlers": HANDLERS, "auditor": AUDITOR, "later": LATER}
VISIBILITY = {event: visibility for visibility, events in TOLD.items() for event in events}


UNSEEN = "UPDATE counts SET {}unseen = unseen + 1 WHERE petition_id = $1"


@READ_MODEL.on(Petition.CoSigned, Petition.CoSignatureWithdrawn, Petition.CoSignatureInvalidated)
def counted(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    change = 1 if isinstance(event, Petition.CoSigned) else -1
    yield UNSEEN.format(f"{counts.counted('$2', '$3')}, "), event.originator_id, event.timestamp, change


@READ_MODEL.on(
    *(Petition.Recused, Petition.FeedbackGiven, Petition.CoSignatureRepeated, Petition.CoSignatureContested),
    *(Petition.CallBackAgreed, Petition.CallBackDeclined, Petition.CallHandedOut, Petition.CallMissed),
    Petition.FeedbackTaken,
    *(Petition.WithdrawalsMounted, Petition.SupervisorAlerted, Petition.AlertHeeded),
)
def secret(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield UNSEEN.format(""), event.originator_id


@READ_MODEL.on(*VISIBILITY)
def told(event: Any, at: Recorded) -> Iterator[Statement]:
    visibility = VISIBILITY[type(event)]
    petition_id = event.originator_id if isinstance(event, Petition.Event) else getattr(event, "matter_id", None)
    happened_at, recorded_at = event.timestamp, at.recorded_at
    if isinstance(event, Petition.Opened):
        yield (
            "INSERT INTO counts (petition_id, threshold, every, counted_at) VALUES ($1, $2, $3, $4)",
            petition_id,
            event.threshold,
            event.counts_every,
            event.timestamp,
        )
    if isinstance(event, Petition.SplitFrom):
        counting = f"UPDATE counts SET {counts.counted('$2', '$3')} WHERE petition_id = $1"
        yield counting, petition_id, event.timestamp, len(event.signers)
    if isinstance(event, Petition.Submitted):
        yield f"UPDATE counts SET {counts.COUNTED_FOR_GOOD} WHERE petition_id = $1", petition_id
    if isinstance(event, Petition.ThresholdReached) and event.host_opinion.started_at > happened_at:
        happened_at = recorded_at = event.host_opinion.started_at
    yield (
        "INSERT INTO events (position, petition_id, subject_id, version, type, at, recorded_at, role, command_id,"
        " data, texts, visibility, by, on_behalf_of, signatures) VALUES ($1, $2, $3, $4 -"
        " coalesce((SELECT unseen FROM counts WHERE petition_id = $3), 0), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
        f" (SELECT {counts.told('$6')} FROM counts WHERE petition_id = $2))",
        at.id,
        petition_id,
        event.originator_id,
        event.originator_version,
        at.topic,
        happened_at,
        recorded_at,
        event.role,
        event.command_id,
        to_json(_facts(event, TOLD[visibility][type(event)])),
        to_json({name: text for name, text in vars(event).items() if isinstance(text, Text)}),
        visibility,
        None if event.role == Role.RESIDENT else event.by,
        event.on_behalf_of,
    )
    if isinstance(event, Petition.ThresholdReached):
        yield UNSEEN.format(""), petition_id


def _facts(event: Any, names: Sequence[str]) -> dict[str, Any]:
    """Judgements are told from five on."""
    facts = {name: getattr(event, name) for name in names}
    if facts.get("judged", FEWEST) < FEWEST:
        facts |= {name: None for name in ("judged", "resolved", "satisfied") if name in facts}
    return facts


Row = dict[str, Any]

# The request or workflow's step that an event's command came by.
ORIGIN = "(SELECT c.origin FROM public.commands AS c WHERE c.command_id = e.command_id) AS origin"


async def history(
    pool: asyncpg.Pool,
    petition_id: UUID,
    *,
    handler: bool,
    now: datetime = END_OF_TIME,
    as_of: datetime | None = None,
    cursor: int | None = None,
    limit: int = 50,
) -> tuple[list[Row], int | None]:
    """What happened to a petition, its meetings and its tasks, oldest first. Who may ask: see ``board``.

    ``handler``: also what only those are told who have to do with it. ``as_of``: by the database's clock. ``now``: by
    that of whoever asks.
    """
    rows = await pool.fetch(
        f"SELECT e.*, {ORIGIN} FROM timeline.events AS e WHERE petition_id = $1 AND position > $2"
        " AND ($3 OR visibility IN ('public', 'later')) AND (visibility <> 'later' OR at <= $6)"
        " AND ($4::timestamptz IS NULL OR recorded_at <= $4)"
        " ORDER BY position LIMIT $5",
        petition_id,
        cursor or 0,
        handler,
        as_of,
        limit + 1,
        now,
    )
    return [_row(row) for row in rows[:limit]], rows[limit - 1]["position"] if len(rows) > limit else None


async def event(pool: asyncpg.Pool, petition_id: UUID, position: int, now: datetime) -> Row | None:
    """One of ``history``, as those are told it who have to do with it. ``nth`` of ``total``; the positions of the
    ``previous`` and the ``following`` one, and of the others that the same ``command`` decided. ``told_at``: the latest
    that is told of up to it, which may be later than itself."""
    row = await pool.fetchrow(
        f"SELECT e.*, {ORIGIN} FROM (SELECT *, row_number() OVER w AS nth, count(*) OVER () AS total,"
        "  lag(position) OVER w AS previous, lead(position) OVER w AS following, max(at) OVER w AS told_at,"
        "  array_agg(position) OVER (PARTITION BY command_id) AS command"
        "  FROM timeline.events WHERE petition_id = $1 AND (visibility <> 'later' OR at <= $3)"
        "  WINDOW w AS (ORDER BY position)) AS e WHERE position = $2",
        petition_id,
        position,
        now,
    )
    return _row(row) | {"command": sorted(row["command"])} if row else None


async def moment(
    pool: asyncpg.Pool, petition_id: UUID, now: datetime, *, as_of: datetime | None = None, position: int | None = None
) -> tuple[int, datetime] | None:
    """The place of the last event by then that is told, and ``told_at``: between two such events nothing has moved,
    whatever was done in secret. None before the first."""
    row = await pool.fetchrow(
        "SELECT max(position) AS position, max(at) AS told_at FROM timeline.events WHERE petition_id = $1"
        " AND (visibility <> 'later' OR at <= $2) AND ($3::timestamptz IS NULL OR recorded_at <= $3)"
        " AND ($4::bigint IS NULL OR position <= $4)",
        petition_id,
        now,
        as_of,
        position,
    )
    assert row is not None
    return None if row["position"] is None else (row["position"], row["told_at"])


async def subjects(pool: asyncpg.Pool, petition_id: UUID) -> list[UUID]:
    """The petition, and whatever belongs to it that anything is told of."""
    rows = await pool.fetch("SELECT DISTINCT subject_id FROM timeline.events WHERE petition_id = $1", petition_id)
    return [row["subject_id"] for row in rows]


async def latest(
    pool: asyncpg.Pool, viewer: Viewer, *, cursor: int | None = None, limit: int = 50
) -> tuple[list[Row], int | None]:
    """What happened anywhere, newest first, of petitions that the viewer handles and of the directory."""
    rows = await pool.fetch(
        f"SELECT e.* FROM timeline.events AS e LEFT JOIN board.petitions AS p ON p.id = e.petition_id"
        f" WHERE ($3::bigint IS NULL OR e.position < $3) AND (e.visibility <> 'later' OR e.at <= $5)"
        f" AND (e.petition_id IS NULL OR p.id IS NOT NULL AND {HANDLES}) ORDER BY e.position DESC LIMIT $4",
        viewer.role,
        viewer.org,
        cursor,
        limit + 1,
        viewer.at,
    )
    return [_row(row) for row in rows[:limit]], rows[limit - 1]["position"] if len(rows) > limit else None


async def host_opinion(pool: asyncpg.Pool, petition_id: UUID) -> Text | None:
    """As it was given, if it was."""
    said = await pool.fetchval(
        "SELECT texts -> 'opinion' FROM timeline.events WHERE petition_id = $1 AND type = $2",
        petition_id,
        Petition.HostOpinionGiven.TOPIC,
    )
    return text_from(json.loads(said)) if said else None


async def since(pool: asyncpg.Pool, viewer: Viewer, after: int, *, limit: int = 100) -> list[Row]:
    """What a viewer may be told of all that happened after a position, in order."""
    rows = await pool.fetch(
        f"SELECT e.* FROM timeline.events AS e LEFT JOIN board.petitions AS p ON p.id = e.petition_id"
        f" WHERE e.position > $3 AND (p.public AND e.visibility = 'public'"
        f" OR p.id IS NOT NULL AND e.visibility <> 'later' AND {HANDLES}"
        " OR e.petition_id IS NULL AND $1 IN ('auditor', 'admin')) ORDER BY e.position LIMIT $4",
        viewer.role,
        viewer.org,
        after,
        limit,
    )
    return [_row(row) for row in rows]


def _row(record: asyncpg.Record) -> Row:
    row = shape(record, json_columns=("data", "texts"))
    row["texts"] = {name: text_from(text) for name, text in row["texts"].items()}
    return row
