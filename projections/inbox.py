"""What waits for whom: for a host, a called post, a unit, the clerks, the supervisors. Soonest due first.

An item is one next step. Events put it there and take it away; whether it is overdue, or to be shown yet, is seen when
somebody looks.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.command import ONE_LEVEL_UP, Role
from domain.directory import Post
from domain.extension import Extension
from domain.intake import Intake
from domain.meeting import Capacity, Meeting
from domain.petition import Petition
from domain.petition.words import Category
from domain.reply import Reply
from domain.task import Task
from infra.correspondents import COMMON, inbox_of
from infra.event_store import Recorded
from projections.counts import COUNT, counted, told
from projections.read_model import ReadModel, Statement, shape, to_json

READ_MODEL = ReadModel(
    "inbox",
    version=4,
    tables="""
CREATE TABLE items (
    for_role text NOT NULL,
    for_org uuid NOT NULL, -- a host, post or unit; zero for clerks and supervisors, who share one inbox
    kind text NOT NULL,
    petition_id uuid NOT NULL,
    subject_id uuid NOT NULL, -- the task, the meeting, or the petition itself
    rule text NOT NULL, -- the clock that runs for it; '' for none
    due_at timestamptz NOT NULL, -- 'infinity': none
    shown_from timestamptz NOT NULL,
    after text[] NOT NULL, -- not shown while one of these kinds waits for anybody in the same petition
    since timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (petition_id, subject_id, kind, rule, for_role, for_org)
);
CREATE INDEX ON items (for_role, for_org, due_at, position, kind);

-- What later events do not repeat.
CREATE TABLE petitions (
    id uuid PRIMARY KEY,
    category text NOT NULL,
    topic jsonb NOT NULL,
    kept_from uuid[] NOT NULL, -- nothing waits for them
    raised text[] NOT NULL DEFAULT '{}', -- roles whose work goes one level up
    host_id uuid NOT NULL,
    post_ids uuid[] NOT NULL, -- the first leads
    delegate_ids uuid[] NOT NULL DEFAULT '{}', -- who may come in a called post's place
    threshold int NOT NULL,
    {COUNT},
    suspended boolean NOT NULL DEFAULT false,
    called boolean NOT NULL DEFAULT false, -- its posts, and it has not ended
    urgent boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70);

CREATE TABLE vacancies (
    post_id uuid PRIMARY KEY,
    due_at timestamptz NOT NULL
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    title jsonb NOT NULL,
    post_id uuid NOT NULL,
    lead_unit_id uuid NOT NULL,
    supporting_unit_ids uuid[] NOT NULL
)
""".replace("{COUNT}", COUNT),
)


# Whose an item is, found from what is known of the petition ($1) or of the subject, a task ($2).
HOST = "SELECT 'host_staff', host_id FROM petitions WHERE id = $1"
LEAD_POST = "SELECT 'official', post_ids[1] FROM petitions WHERE id = $1"
POSTS = "SELECT DISTINCT 'official', unnest(post_ids) FROM petitions WHERE id = $1"
AT_THE_TABLE = "SELECT DISTINCT 'official', unnest(post_ids || delegate_ids) FROM petitions WHERE id = $1"
CLERKS = f"SELECT 'clerk', '{COMMON}'::uuid"
TO_BE_PUBLIC = f"{CLERKS} FROM petitions WHERE id = $1 AND category <> '{Category.CONDUCT}'"
SUPERVISORS = f"SELECT 'supervisor', '{COMMON}'::uuid"
TASKS_POST = "SELECT 'official', post_id FROM tasks WHERE id = $2"
LEAD_UNIT = "SELECT 'unit_officer', lead_unit_id FROM tasks WHERE id = $2"
UNITS = "SELECT DISTINCT 'unit_officer', unnest(lead_unit_id || supporting_unit_ids) FROM tasks WHERE id = $2"


def in_charge(recipients: str) -> str:
    """As ``domain.command.in_charge`` has it."""
    return (
        "SELECT up.role, CASE WHEN up.role = r.role THEN r.org ELSE '00000000-0000-0000-0000-000000000000' END AS org"
        f" FROM ({recipients}) AS r (role, org) CROSS JOIN (SELECT raised FROM petitions WHERE id = $1) AS p,"
        " LATERAL (SELECT CASE WHEN r.role = 'host_staff' AND r.role = ANY (raised)"
        "  THEN CASE WHEN 'clerk' = ANY (raised) THEN 'supervisor' ELSE 'clerk' END"
        " WHEN r.role = 'clerk' AND r.role = ANY (raised) THEN 'supervisor' ELSE r.role END AS role) AS up"
    )


@READ_MODEL.on(Petition.Recused)
def recused(event: Petition.Recused, at: Recorded) -> Iterator[Statement]:
    if event.raised:
        yield "UPDATE petitions SET raised = raised || $2::text WHERE id = $1", event.originator_id, event.role
        yield (
            "UPDATE items SET for_role = CASE WHEN $3 = ANY (raised) THEN 'supervisor' ELSE $3 END, for_org = $4"
            " FROM petitions AS p WHERE petition_id = $1 AND for_role = $2 AND p.id = $1",
            event.originator_id,
            event.role,
            ONE_LEVEL_UP[Role(event.role)].value,
            COMMON,
        )


def put(
    recipients: str,
    kind: str,
    petition_id: UUID,
    event: Any,
    at: Recorded,
    *,
    subject_id: UUID | None = None,
    rule: str = "",
    due_at: datetime | None = None,
    shown_from: datetime | None = None,
    since: datetime | None = None,
    after: Collection[str] = (),
) -> Statement:
    return (
        "INSERT INTO items (for_role, for_org, petition_id, subject_id, kind, rule, due_at, shown_from, after, since,"
        " position) SELECT role, org, $1, $2, $3, $4, coalesce($5::timestamptz, 'infinity'),"
        f" coalesce($6::timestamptz, '-infinity'), $7::text[], $8, $9 FROM ({in_charge(recipients)}) AS recipients"
        " WHERE org <> ALL (SELECT unnest(kept_from) FROM petitions WHERE id = $1)"
        # The same step may be called for again, as when a second supervision order comes before the first is obeyed.
        " ON CONFLICT (petition_id, subject_id, kind, rule, for_role, for_org)"
        " DO UPDATE SET due_at = excluded.due_at, since = excluded.since, position = excluded.position",
        petition_id,
        subject_id or petition_id,
        kind,
        rule,
        due_at,
        shown_from,
        list(after),
        since or event.timestamp,
        at.id,
    )


def stop(petition_id: UUID, *rules: str) -> Statement:
    """These clocks of the petition stop: nothing waits for them, and there is nothing to press for."""
    return (
        "DELETE FROM items WHERE petition_id = $1 AND subject_id = $1 AND rule = ANY ($2)",
        petition_id,
        list(rules),
    )


def take(petition_id: UUID, *kinds: str) -> Statement:
    return "DELETE FROM items WHERE petition_id = $1 AND kind = ANY ($2)", petition_id, list(kinds)


# Of this petition or this vacant post ($1): who leads it while nobody holds the post, somebody has to say.
NAME_ACTING = f"""
INSERT INTO items (for_role, for_org, petition_id, subject_id, kind, rule, due_at, shown_from, after, since, position)
SELECT role, '{COMMON}', p.id, v.post_id, 'acting', 'vacancy', v.due_at, '-infinity', '{{}}', $2, $3
FROM petitions AS p JOIN vacancies AS v ON v.post_id = p.post_ids[1], unnest(ARRAY['clerk', 'supervisor']) AS role
WHERE p.called AND $1 IN (p.id, v.post_id)
ON CONFLICT (petition_id, subject_id, kind, rule, for_role, for_org) DO UPDATE SET due_at = excluded.due_at
"""
OVER = "UPDATE petitions SET called = false WHERE id = $1"


def name_acting(event: Petition.Event | Post.Event, at: Recorded) -> Statement:
    return NAME_ACTING, event.originator_id, event.timestamp, at.id


# --- petitions -------------------------------------------------------------------------------------------------------


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO petitions (id, category, topic, host_id, post_ids, threshold, every, counted_at, kept_from)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        event.originator_id,
        event.category,
        to_json(event.topic),
        event.host_id,
        event.called_post_ids,
        event.threshold,
        event.counts_every,
        event.timestamp,
        list(event.kept_from),
    )


@READ_MODEL.on(Petition.CoSigned, Petition.CoSignatureWithdrawn, Petition.CoSignatureInvalidated)
def signatures(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    change = 1 if isinstance(event, Petition.CoSigned) else -1
    yield f"UPDATE petitions SET {counted('$2', '$3')} WHERE id = $1", event.originator_id, event.timestamp, change


@READ_MODEL.on(Petition.ThresholdReached)
def threshold_reached(event: Petition.ThresholdReached, at: Recorded) -> Iterator[Statement]:
    clock = event.host_opinion
    id, told_at = event.originator_id, clock.started_at
    yield put(HOST, "opinion", id, event, at, rule=clock.rule, due_at=clock.due_at, shown_from=told_at, since=told_at)


@READ_MODEL.on(Petition.Refiled)
def refiled(event: Petition.Refiled, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET topic = $2 WHERE id = $1", event.originator_id, to_json(event.topic)
    yield from submitted(event, at)


@READ_MODEL.on(Petition.Split)
def split(event: Petition.Split, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET topic = $2 WHERE id = $1", event.originator_id, to_json(event.topic)
    yield put(TO_BE_PUBLIC, "public_text", event.originator_id, event, at)


@READ_MODEL.on(Petition.RefilingClosed)
def refiling_closed(event: Petition.RefilingClosed, at: Recorded) -> Iterator[Statement]:
    yield from ended(event, at)


@READ_MODEL.on(Petition.Submitted)
def submitted(event: Petition.Submitted | Petition.Refiled, at: Recorded) -> Iterator[Statement]:
    clock, id = event.admissibility, event.originator_id
    yield stop(id, "signing", "host_opinion")
    yield put(CLERKS, "admissibility", id, event, at, rule=clock.rule, due_at=clock.due_at)
    yield put(
        TO_BE_PUBLIC,
        "public_text",
        id,
        event,
        at,
        due_at=clock.due_at,
    )


@READ_MODEL.on(Petition.MarkedUrgent)
def marked_urgent(event: Petition.MarkedUrgent, at: Recorded) -> Iterator[Statement]:
    """The lead post gives the first response, once it is called; that is as urgent for the clerks."""
    clock, id = event.urgent, event.originator_id
    yield "UPDATE petitions SET urgent = true WHERE id = $1", id
    yield put(CLERKS, "urgent", id, event, at, rule=clock.rule, due_at=clock.due_at)
    yield put(LEAD_POST, "urgent", id, event, at, rule=clock.rule, due_at=clock.due_at, after=["admissibility"])


@READ_MODEL.on(Petition.UrgencyLifted)
def urgency_lifted(event: Petition.UrgencyLifted, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield "UPDATE petitions SET urgent = false WHERE id = $1", id
    yield stop(id, "urgent")
    if event.signing:
        yield stop(id, "admissibility")
        yield take(id, "public_text")


@READ_MODEL.on(Petition.InterimResponseGiven)
def interim_response_given(event: Petition.InterimResponseGiven, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "urgent")


@READ_MODEL.on(Petition.PublicTextIssued)
def public_text_issued(event: Petition.PublicTextIssued, at: Recorded) -> Iterator[Statement]:
    yield take(event.originator_id, "public_text")


@READ_MODEL.on(Petition.Accepted)
def accepted(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield stop(id, "admissibility")
    yield put(HOST, "arrange_meeting", id, event, at, rule="meeting", due_at=event.meeting.due_at, after=["meeting"])
    yield answer_by(id, event, at)


def answer_by(id: UUID, event: Petition.Accepted | Petition.Reopened, at: Recorded) -> Statement:
    earlier = ["arrange_meeting", "roadmap"]
    return put(LEAD_POST, "answer", id, event, at, rule="response", due_at=event.response.due_at, after=earlier)


@READ_MODEL.on(Petition.Called)
def called(event: Petition.Called, at: Recorded) -> Iterator[Statement]:
    clock = event.acknowledgement
    yield put(POSTS, "acknowledge", event.originator_id, event, at, rule=clock.rule, due_at=clock.due_at)
    yield "UPDATE petitions SET called = true WHERE id = $1", event.originator_id
    yield name_acting(event, at)


@READ_MODEL.on(Petition.CallAcknowledged)
def call_acknowledged(event: Petition.CallAcknowledged, at: Recorded) -> Iterator[Statement]:
    """The lead post's word also ends the pressing for it."""
    yield (
        "DELETE FROM items WHERE petition_id = $1 AND (kind = 'acknowledge' AND for_org = $2 OR kind = 'escalated'"
        " AND rule = 'acknowledgement' AND $2 = (SELECT post_ids[1] FROM petitions WHERE id = $1))",
        event.originator_id,
        event.post_id,
    )


BEFORE_THE_MEETING = ("meeting", "brief", "resident_objection")


@READ_MODEL.on(Petition.DelegateNamed)
def delegate_named(event: Petition.DelegateNamed, at: Recorded) -> Iterator[Statement]:
    id, delegate = event.originator_id, event.delegate_id
    yield "UPDATE petitions SET delegate_ids = delegate_ids || $2::uuid WHERE id = $1", id, delegate
    yield (
        "INSERT INTO items SELECT for_role, $3, kind, petition_id, subject_id, rule, due_at, shown_from, after, $4, $5"
        " FROM items WHERE petition_id = $1 AND for_role = 'official' AND for_org = $2 AND kind IN ('meeting', 'brief')"
        " ON CONFLICT DO NOTHING",
        id,
        event.post_id,
        delegate,
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Petition.CallReassigned)
def call_reassigned(event: Petition.CallReassigned, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield (
        "UPDATE petitions SET post_ids = array_replace(post_ids, $2, $3) WHERE id = $1",
        id,
        event.from_id,
        event.to_id,
    )
    yield (
        "UPDATE items SET for_org = $3, since = $4 WHERE petition_id = $1 AND for_role = 'official' AND for_org = $2",
        id,
        event.from_id,
        event.to_id,
        event.timestamp,
    )
    yield "DELETE FROM items WHERE petition_id = $1 AND rule = 'vacancy'", id
    yield name_acting(event, at)
    if clock := event.acknowledgement:
        yield "DELETE FROM items WHERE petition_id = $1 AND kind = 'escalated' AND rule = 'acknowledgement'", id
        yield put(LEAD_POST, "acknowledge", id, event, at, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Petition.MeetingWaived)
def meeting_waived(event: Petition.MeetingWaived, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "meeting", "acknowledgement")
    yield take(event.originator_id, *BEFORE_THE_MEETING)


@READ_MODEL.on(Petition.MeetingHeld)
def meeting_held(event: Petition.MeetingHeld, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield stop(id, "meeting", "acknowledgement")
    yield take(id, *BEFORE_THE_MEETING)
    yield put(LEAD_POST, "roadmap", id, event, at, rule="roadmap", due_at=event.roadmap.due_at)


@READ_MODEL.on(Petition.RoadmapPublished)
def roadmap_published(event: Petition.RoadmapPublished, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "roadmap", "urgent")


@READ_MODEL.on(Petition.Answered)
def answered(event: Petition.Answered, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "response")
    yield take(event.originator_id, "sign_off")
    yield from obeyed(event, at)


@READ_MODEL.on(Petition.CallBackBegun)
def call_back_begun(event: Petition.CallBackBegun, at: Recorded) -> Iterator[Statement]:
    clock, id = event.call_back, event.originator_id
    yield stop(id, "feedback")
    yield put(CLERKS, "call_back", id, event, at, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Petition.TrackingBegun)
def tracking_begun(event: Petition.TrackingBegun, at: Recorded) -> Iterator[Statement]:
    clock, id = event.commitment, event.originator_id
    yield stop(id, "feedback", "call_back")
    yield put(LEAD_POST, "commitment", id, event, at, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Petition.CommitmentDelivered, Petition.CommitmentMissed)
def tracking_over(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "commitment")


@READ_MODEL.on(Petition.Reopened)
def reopened(event: Petition.Reopened, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield stop(id, "feedback", "call_back")
    yield put(LEAD_POST, "roadmap", id, event, at, rule="roadmap", due_at=event.roadmap.due_at)
    yield answer_by(id, event, at)


@READ_MODEL.on(Petition.Lapsed, Petition.Withdrawn, Petition.Rejected, Petition.Merged)
def ended(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield OVER, event.originator_id
    yield "DELETE FROM items WHERE petition_id = $1 AND kind <> 'withdrawals'", event.originator_id


@READ_MODEL.on(Petition.SupervisorAlerted)
def supervisor_alerted(event: Petition.SupervisorAlerted, at: Recorded) -> Iterator[Statement]:
    """It stands, whatever becomes of the petition, until somebody has looked into it."""
    yield put(SUPERVISORS, "withdrawals", event.originator_id, event, at)


@READ_MODEL.on(Petition.AlertHeeded)
def alert_heeded(event: Petition.AlertHeeded, at: Recorded) -> Iterator[Statement]:
    yield take(event.originator_id, "withdrawals")


@READ_MODEL.on(Petition.Referred)
def referred(event: Petition.Referred, at: Recorded) -> Iterator[Statement]:
    """The unit acknowledges the receipt; for an authority that is not in the directory, the clerk sees to it."""
    yield from ended(event, at)
    receivers = f"SELECT 'unit_officer', '{event.unit_id}'::uuid" if event.unit_id else CLERKS
    yield put(receivers, "receipt", event.originator_id, event, at)


@READ_MODEL.on(Petition.ReferralReceived)
def referral_received(event: Petition.ReferralReceived, at: Recorded) -> Iterator[Statement]:
    yield take(event.originator_id, "receipt")


@READ_MODEL.on(Petition.Closed)
def closed(event: Petition.Closed, at: Recorded) -> Iterator[Statement]:
    """An order stands until it is lifted, also the one that the last round has left behind; an alert, until heeded."""
    yield OVER, event.originator_id
    yield (
        "DELETE FROM items WHERE petition_id = $1 AND kind NOT IN ('supervision', 'lift', 'withdrawals')",
        event.originator_id,
    )


@READ_MODEL.on(Petition.ReviewRequested)
def review_requested(event: Petition.ReviewRequested, at: Recorded) -> Iterator[Statement]:
    clock = event.review
    yield put(SUPERVISORS, "review", event.originator_id, event, at, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Petition.ReviewDecided)
def review_decided(event: Petition.ReviewDecided, at: Recorded) -> Iterator[Statement]:
    yield stop(event.originator_id, "review")


MOVE = "UPDATE items SET due_at = $3 WHERE petition_id = $1 AND subject_id = $1 AND rule = $2"
CALM = "DELETE FROM items WHERE petition_id = $1 AND subject_id = $1 AND kind = 'escalated'"


@READ_MODEL.on(Petition.Extended)
def extended(event: Petition.Extended, at: Recorded) -> Iterator[Statement]:
    yield f"{CALM} AND rule = 'response'", event.originator_id
    yield MOVE, event.originator_id, "response", event.response.due_at


@READ_MODEL.on(Extension.Asked, Extension.AskedAgain)
def extension_asked(event: Extension.Asked | Extension.AskedAgain, at: Recorded) -> Iterator[Statement]:
    """Gone with the response clock, should the answer come before the decision."""
    above = f"SELECT 'official', '{event.superior_id}'::uuid"
    for recipients in (SUPERVISORS, *([above] if event.superior_id else [])):
        yield put(recipients, "extension", event.matter_id, event, at, rule="response", due_at=event.due_at)


@READ_MODEL.on(Extension.Approved, Extension.Refused)
def extension_decided(event: Extension.Event, at: Recorded) -> Iterator[Statement]:
    yield take(event.matter_id, "extension")


@READ_MODEL.on(Petition.Suspended)
def suspended(event: Petition.Suspended, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET suspended = true WHERE id = $1", event.originator_id


@READ_MODEL.on(Petition.Resumed)
def resumed(event: Petition.Resumed, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET suspended = false WHERE id = $1", event.originator_id
    yield CALM, event.originator_id
    for clock in event.clocks:
        yield MOVE, event.originator_id, clock.rule, clock.due_at


@READ_MODEL.on(Petition.ClocksMoved)
def clocks_moved(event: Petition.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    for clock in event.clocks:
        yield MOVE, event.originator_id, clock.rule, clock.due_at


@READ_MODEL.on(Petition.Escalated)
def escalated(event: Petition.Escalated, at: Recorded) -> Iterator[Statement]:
    yield put(
        SUPERVISORS,
        "escalated",
        event.originator_id,
        event,
        at,
        subject_id=event.task_id,
        rule=event.rule,
        due_at=event.due_at,
    )


@READ_MODEL.on(Petition.SupervisionOrdered)
def supervision_ordered(event: Petition.SupervisionOrdered, at: Recorded) -> Iterator[Statement]:
    yield take(event.originator_id, "lift")
    for recipients in (LEAD_POST, SUPERVISORS):
        yield put(recipients, "supervision", event.originator_id, event, at)


@READ_MODEL.on(Petition.SupervisionAnswered)
def obeyed(event: Petition.SupervisionAnswered | Petition.Answered, at: Recorded) -> Iterator[Statement]:
    """The supervisors read the report, and lift the order or give another."""
    id = event.originator_id
    yield "DELETE FROM items WHERE petition_id = $1 AND kind = 'supervision' AND for_role <> 'supervisor'", id
    yield (
        "UPDATE items SET kind = 'lift', since = $2, position = $3 WHERE petition_id = $1 AND kind = 'supervision'",
        id,
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Petition.SupervisionLifted)
def supervision_lifted(event: Petition.SupervisionLifted, at: Recorded) -> Iterator[Statement]:
    yield take(event.originator_id, "supervision", "lift")


# --- signatures that staff took in -----------------------------------------------------------------------------------


@READ_MODEL.on(Reply.Drafted)
def reply_drafted(event: Reply.Drafted, at: Recorded) -> Iterator[Statement]:
    yield put(LEAD_POST, "sign_off", event.matter_id, event, at, subject_id=event.originator_id)


@READ_MODEL.on(Reply.SignedOff, Reply.Discarded)
def reply_settled(event: Reply.Event, at: Recorded) -> Iterator[Statement]:
    yield leave(event)


@READ_MODEL.on(Intake.InvalidationProposed)
def invalidation_proposed(event: Intake.InvalidationProposed, at: Recorded) -> Iterator[Statement]:
    """A second person of the staff decides."""
    yield put(HOST, "invalidation", event.matter_id, event, at, subject_id=event.originator_id)


@READ_MODEL.on(Intake.Appealed)
def appealed(event: Intake.Appealed, at: Recorded) -> Iterator[Statement]:
    clock, id = event.appeal_decision, event.originator_id
    yield put(CLERKS, "appeal", event.matter_id, event, at, subject_id=id, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Intake.InvalidationDropped, Intake.InvalidationConfirmed, Intake.Upheld, Intake.Invalidated)
def intake_settled(event: Intake.Event, at: Recorded) -> Iterator[Statement]:
    yield leave(event)


# --- meetings --------------------------------------------------------------------------------------------------------


@READ_MODEL.on(Meeting.Scheduled)
def scheduled(event: Meeting.Scheduled, at: Recorded) -> Iterator[Statement]:
    for recipients in (HOST, AT_THE_TABLE):
        yield put(
            recipients,
            "meeting",
            event.matter_id,
            event,
            at,
            subject_id=event.originator_id,
            due_at=event.starts_at,
        )


@READ_MODEL.on(Meeting.Rescheduled)
def rescheduled(event: Meeting.Rescheduled, at: Recorded) -> Iterator[Statement]:
    """The brief is read anew before the new date."""
    yield "DELETE FROM items WHERE subject_id = $1 AND kind = 'brief'", event.originator_id
    yield (
        "UPDATE items SET due_at = $2, since = $3, position = $4 WHERE subject_id = $1",
        event.originator_id,
        event.starts_at,
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Meeting.Cancelled)
def cancelled(event: Meeting.Cancelled, at: Recorded) -> Iterator[Statement]:
    yield take(event.matter_id, *BEFORE_THE_MEETING)


@READ_MODEL.on(Meeting.ObjectionFiled)
def objection_filed(event: Meeting.ObjectionFiled, at: Recorded) -> Iterator[Statement]:
    yield put(HOST, "resident_objection", event.matter_id, event, at, subject_id=event.objection_id)


@READ_MODEL.on(Meeting.AgendaItemAdded)
def agenda_item_added(event: Meeting.AgendaItemAdded, at: Recorded) -> Iterator[Statement]:
    yield "DELETE FROM items WHERE petition_id = $1 AND subject_id = $2", event.matter_id, event.objection_id


@READ_MODEL.on(Meeting.BriefReleased)
def brief_released(event: Meeting.BriefReleased, at: Recorded) -> Iterator[Statement]:
    id = event.originator_id
    yield put(AT_THE_TABLE, "brief", event.matter_id, event, at, subject_id=id, due_at=event.starts_at)


@READ_MODEL.on(Meeting.NoShowRecorded)
def no_show_recorded(event: Meeting.NoShowRecorded, at: Recorded) -> Iterator[Statement]:
    yield put(SUPERVISORS, "no_show", event.matter_id, event, at, subject_id=event.originator_id)


@READ_MODEL.on(Meeting.MinutesDrafted)
def minutes_drafted(event: Meeting.MinutesDrafted, at: Recorded) -> Iterator[Statement]:
    clock, id = event.clock, event.originator_id
    yield take(event.matter_id, "confirm_minutes", "correct_minutes")
    about = event.matter_id, event, at
    yield put(LEAD_POST, "confirm_minutes", *about, subject_id=id, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Meeting.CorrectionOffered)
def correction_offered(event: Meeting.CorrectionOffered, at: Recorded) -> Iterator[Statement]:
    """The host takes it in with another draft."""
    yield put(HOST, "correct_minutes", event.matter_id, event, at, subject_id=event.originator_id)


@READ_MODEL.on(Meeting.MinutesConfirmed)
def minutes_confirmed(event: Meeting.MinutesConfirmed, at: Recorded) -> Iterator[Statement]:
    if event.complete:
        yield take(event.matter_id, "confirm_minutes", "correct_minutes")
    elif event.party == Capacity.OFFICIAL:
        yield take(event.matter_id, "confirm_minutes")


@READ_MODEL.on(Meeting.MinutesLeftUnconfirmed)
def minutes_left_unconfirmed(event: Meeting.MinutesLeftUnconfirmed, at: Recorded) -> Iterator[Statement]:
    yield take(event.matter_id, "confirm_minutes", "correct_minutes")


# --- tasks -----------------------------------------------------------------------------------------------------------


def leave(event: Task.Event | Meeting.Event | Intake.Event | Reply.Event) -> Statement:
    return "DELETE FROM items WHERE petition_id = $1 AND subject_id = $2", event.matter_id, event.originator_id


@READ_MODEL.on(Task.Offered)
def offered(event: Task.Offered, at: Recorded) -> Iterator[Statement]:
    id, due_at = event.originator_id, event.claim.due_at
    yield (
        "INSERT INTO tasks (id, title, post_id, lead_unit_id, supporting_unit_ids) VALUES ($1, $2, $3, $4, $5)",
        id,
        to_json(event.title),
        event.post_id,
        event.lead_unit_id,
        event.supporting_unit_ids,
    )
    yield put(LEAD_UNIT, "claim", event.matter_id, event, at, subject_id=id, rule="claim", due_at=due_at)
    yield put(TASKS_POST, "unclaimed", event.matter_id, event, at, subject_id=id, due_at=due_at, shown_from=due_at)


@READ_MODEL.on(Task.Transferred)
def transferred(event: Task.Transferred, at: Recorded) -> Iterator[Statement]:
    """It waits for the unit that is asked; the one that asked has nothing to do but answer for it."""
    id, due_at = event.originator_id, event.claim.due_at
    yield "UPDATE tasks SET lead_unit_id = $2 WHERE id = $1", id, event.unit_id
    yield leave(event)
    yield put(LEAD_UNIT, "claim", event.matter_id, event, at, subject_id=id, rule="claim", due_at=due_at)
    yield put(TASKS_POST, "unclaimed", event.matter_id, event, at, subject_id=id, due_at=due_at, shown_from=due_at)


@READ_MODEL.on(Task.Objected)
def objected(event: Task.Objected, at: Recorded) -> Iterator[Statement]:
    """Now the post decides, still before the offer, or the task that was mandated, runs out."""
    yield (
        "INSERT INTO items (for_role, for_org, petition_id, subject_id, kind, rule, due_at, shown_from, after, since,"
        " position) SELECT 'official', t.post_id, $1, $2, 'objection', '', min(i.due_at), '-infinity', '{}', $3, $4"
        " FROM items AS i JOIN tasks AS t ON t.id = i.subject_id WHERE i.petition_id = $1 AND i.subject_id = $2"
        " AND i.kind IN ('claim', 'task') GROUP BY t.post_id",
        *leave(event)[1:],
        event.timestamp,
        at.id,
    )
    yield f"{leave(event)[0]} AND kind <> 'objection'", *leave(event)[1:]


@READ_MODEL.on(Task.ObjectedAgain)
def objected_again(event: Task.ObjectedAgain, at: Recorded) -> Iterator[Statement]:
    """It waits for the superior; the first receiver is told that it answers for the task until then."""
    id, clock = event.originator_id, event.mandate
    yield "UPDATE tasks SET lead_unit_id = $2 WHERE id = $1", id, event.lead_unit_id
    yield leave(event)
    superior = f"SELECT '{event.superior_role}', '{event.superior_id}'::uuid"
    yield put(superior, "objection", event.matter_id, event, at, subject_id=id, rule=clock.rule, due_at=clock.due_at)
    yield put(LEAD_UNIT, "responsible", event.matter_id, event, at, subject_id=id)


@READ_MODEL.on(Task.HandedBack)
def handed_back(event: Task.HandedBack, at: Recorded) -> Iterator[Statement]:
    clock, id = event.mandate, event.originator_id
    yield leave(event)
    yield put(TASKS_POST, "unclaimed", event.matter_id, event, at, subject_id=id, rule=clock.rule, due_at=clock.due_at)


@READ_MODEL.on(Task.Mandated)
def mandated(event: Task.Mandated, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE tasks SET lead_unit_id = $2 WHERE id = $1", event.originator_id, event.lead_unit_id
    yield from in_hand(event, at)


@READ_MODEL.on(Task.Claimed, Task.Returned)
def in_hand(event: Task.Claimed | Task.Returned | Task.Mandated, at: Recorded) -> Iterator[Statement]:
    yield leave(event)
    yield put(
        UNITS,
        "task",
        event.matter_id,
        event,
        at,
        subject_id=event.originator_id,
        rule=event.due.rule,
        due_at=event.due.due_at,
    )


@READ_MODEL.on(Task.Completed)
def completed(event: Task.Completed, at: Recorded) -> Iterator[Statement]:
    yield leave(event)
    yield put(TASKS_POST, "confirm", event.matter_id, event, at, subject_id=event.originator_id)


@READ_MODEL.on(Task.Confirmed, Task.Dropped)
def task_ended(event: Task.Confirmed | Task.Dropped, at: Recorded) -> Iterator[Statement]:
    yield leave(event)


@READ_MODEL.on(Task.Resumed)
def task_resumed(event: Task.Resumed, at: Recorded) -> Iterator[Statement]:
    """What is pressed for is pressed for anew when the clock runs out again."""
    yield f"{leave(event)[0]} AND kind = 'escalated'", *leave(event)[1:]
    if event.clock:
        yield (
            "UPDATE items SET due_at = $3, shown_from = CASE kind WHEN 'unclaimed' THEN shown_from + ($3 - due_at)"
            " ELSE shown_from END WHERE petition_id = $1 AND subject_id = $2 AND due_at <> 'infinity'",
            event.matter_id,
            event.originator_id,
            event.clock.due_at,
        )


@READ_MODEL.on(Task.Replanned)
def replanned(event: Task.Replanned, at: Recorded) -> Iterator[Statement]:
    """A claimed task waits for the units it has now, and is no longer pressed for if it has more time."""
    yield "UPDATE tasks SET supporting_unit_ids = $2 WHERE id = $1", event.originator_id, event.supporting_unit_ids
    if event.clock:
        due_at = event.clock.due_at
        yield f"{leave(event)[0]} AND (kind = 'task' OR due_at < $3)", *leave(event)[1:], due_at
        yield put(UNITS, "task", event.matter_id, event, at, subject_id=event.originator_id, rule="task", due_at=due_at)


@READ_MODEL.on(Task.ClocksMoved, Intake.ClocksMoved, Meeting.ClocksMoved)
def part_clocks_moved(
    event: Task.ClocksMoved | Intake.ClocksMoved | Meeting.ClocksMoved, at: Recorded
) -> Iterator[Statement]:
    yield (
        "UPDATE items SET due_at = $3, shown_from = CASE kind WHEN 'unclaimed' THEN shown_from + ($3 - due_at)"
        " ELSE shown_from END WHERE petition_id = $1 AND subject_id = $2 AND due_at < 'infinity'",
        event.matter_id,
        event.originator_id,
        event.clock.due_at,
    )


# --- posts -----------------------------------------------------------------------------------------------------------


@READ_MODEL.on(Post.FellVacant, Post.ClocksMoved)
def fell_vacant(event: Post.FellVacant | Post.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    clock = event.vacancy if isinstance(event, Post.FellVacant) else event.clock
    yield (
        "INSERT INTO vacancies VALUES ($1, $2) ON CONFLICT (post_id) DO UPDATE SET due_at = excluded.due_at",
        event.originator_id,
        clock.due_at,
    )
    yield name_acting(event, at)


@READ_MODEL.on(Post.TermStarted, Post.ActingNamed)
def somebody_leads(event: Post.Event, at: Recorded) -> Iterator[Statement]:
    yield "DELETE FROM vacancies WHERE post_id = $1", event.originator_id
    yield "DELETE FROM items WHERE subject_id = $1 AND rule = 'vacancy'", event.originator_id


# --- query -----------------------------------------------------------------------------------------------------------

# To a role ($1) in an organisation ($2), now ($3).
SHOWN = f"""i.for_role = $1 AND i.for_org = $2 AND i.shown_from <= $3
    AND NOT (i.kind = 'opinion' AND {told("$3")} < p.threshold)
    AND NOT EXISTS (SELECT FROM inbox.items AS b WHERE b.petition_id = i.petition_id AND b.kind = ANY (i.after))"""
ABOUT_A_MEETING = ("meeting", "brief", "no_show", "confirm_minutes", "correct_minutes")


async def waiting(
    pool: asyncpg.Pool,
    role: str,
    org: UUID | None,
    now: datetime,
    *,
    kind: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[dict[str, Any]], str | None]:
    """What waits for a role in an organisation, soonest due first, what has no date last; and the next page's cursor.

    ``ValueError``: that is no cursor of ours.
    """
    due, position, last_kind = cursor.split("|") if cursor else ("-infinity", "0", "")
    if due not in ("-infinity", "infinity"):
        datetime.fromisoformat(due)
    rows = await pool.fetch(
        f"""
        SELECT i.kind, i.petition_id, nullif(i.rule, '') AS rule, nullif(i.due_at, 'infinity') AS due_at, i.since,
            i.due_at < $3 AND NOT p.suspended AS overdue, p.suspended, p.urgent, p.category, p.topic,
            t.id AS task_id, t.title,
            CASE WHEN i.kind = ANY ($8) THEN i.subject_id WHEN i.kind = 'resident_objection' THEN
                (SELECT m.subject_id FROM inbox.items AS m WHERE m.petition_id = i.petition_id AND m.kind = 'meeting'
                    LIMIT 1) END AS meeting_id,
            CASE WHEN i.kind IN ('invalidation', 'appeal') THEN i.subject_id END AS intake_id,
            CASE WHEN i.kind = 'sign_off' THEN i.subject_id END AS reply_id, i.position
        FROM inbox.items AS i
        JOIN inbox.petitions AS p ON p.id = i.petition_id
        LEFT JOIN inbox.tasks AS t ON t.id = i.subject_id
        WHERE {SHOWN} AND (i.due_at, i.position, i.kind) > ($4::text::timestamptz, $5::bigint, $6)
            AND ($9::text IS NULL OR i.kind = $9)
        ORDER BY i.due_at, i.position, i.kind
        LIMIT $7
        """,
        role,
        inbox_of(role, org),
        now,
        due,
        int(position),
        last_kind,
        limit + 1,
        ABOUT_A_MEETING,
        kind,
    )
    items = [shape(row, texts=("topic", "title")) for row in rows[:limit]]
    if len(rows) <= limit:
        return items, None
    last = items[-1]
    return items, f"{last['due_at'].isoformat() if last['due_at'] else 'infinity'}|{last['position']}|{last['kind']}"


async def figures(pool: asyncpg.Pool, role: str, org: UUID | None, now: datetime, until: datetime) -> dict[str, int]:
    """How much waits, what of it is overdue, and what is due from now until then."""
    (row,) = await pool.fetch(
        "SELECT count(*) AS waiting, count(*) FILTER (WHERE i.due_at < $3 AND NOT p.suspended) AS overdue,"
        " count(*) FILTER (WHERE i.due_at BETWEEN $3 AND $4) AS soon"
        f" FROM inbox.items AS i JOIN inbox.petitions AS p ON p.id = i.petition_id WHERE {SHOWN}",
        role,
        inbox_of(role, org),
        now,
        until,
    )
    return dict(row)
