"""What everybody may read of petitions: the list, and the page of one. Nobody who signed or judged is in here.

Texts are stored sealed, as they were written, except what a clerk has issued for the public.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.disclosure import FEWEST
from domain.meeting import Meeting, MinutesStatus
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import Phase
from domain.policy import RULES
from domain.proposal import Proposal
from domain.proposal import Status as ProposalStatus
from domain.task import Status, Task
from domain.text import Text
from infra.event_store import Recorded
from projections import spans
from projections.counts import COUNT, COUNTED_FOR_GOOD, counted, told
from projections.read_model import Plain, ReadModel, Statement, clock_from, clocks_to_json, shape, text_from, to_json

# When a petition's first clock runs out. All are written in UTC, so as text they are in order, and can be in an index.
FIRST_DUE = 'least({}) COLLATE "C"'.format(
    ", ".join(f"clocks #>> '{{{rule},due_at}}'" for rule in (*RULES, "commitment"))
)
READ_MODEL = ReadModel(
    "board",
    version=7,
    tables="""
CREATE TABLE petitions (
    id uuid PRIMARY KEY,
    opened bigint NOT NULL, -- the position of its first event: the order of the list
    phase text NOT NULL,
    round int NOT NULL DEFAULT 1,
    category text NOT NULL,
    host_id uuid NOT NULL,
    called_post_ids uuid[] NOT NULL,
    kept_from uuid[] NOT NULL, -- whoever's conduct it is about, and those below them
    in_hand_of uuid[] NOT NULL DEFAULT '{}', -- posts, once they are called, and units, once a task is offered to them
    threshold int NOT NULL,
    {COUNT},
    unseen int NOT NULL DEFAULT 0, -- secret events, which do not move the version
    topic jsonb NOT NULL,
    details jsonb NOT NULL,
    public_topic text,
    public_details text,
    admitted boolean NOT NULL DEFAULT false,
    public boolean GENERATED ALWAYS AS (admitted AND category <> 'conduct') STORED,
    acknowledged uuid[] NOT NULL DEFAULT '{}',
    delegates jsonb NOT NULL DEFAULT '{}', -- called post -> the post that stands in for it in the meeting
    meeting_waived boolean NOT NULL DEFAULT false,
    clocks jsonb NOT NULL,
    suspended boolean NOT NULL DEFAULT false,
    urgent boolean NOT NULL DEFAULT false,
    extended_days int NOT NULL DEFAULT 0,
    outcome text,
    commitment_due_on date, -- promised by the response of this round
    merged_into uuid,
    rejection jsonb, -- the last: it stays to be read when the petition is filed again
    refilings int NOT NULL DEFAULT 0,
    split_proposal jsonb,
    split_into uuid[] NOT NULL DEFAULT '{}',
    split_from uuid,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL, -- by anything but a signature or a judgement: these must not be timed
    version bigint NOT NULL,
    position bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ON petitions (opened);
CREATE INDEX ON petitions (phase, opened);
CREATE INDEX ON petitions (host_id, opened);
CREATE INDEX ON petitions (({FIRST_DUE}), id);

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    round int,
    nth int, -- in the roadmap
    title jsonb NOT NULL,
    post_id uuid,
    lead_unit_id uuid NOT NULL,
    supporting_unit_ids uuid[] NOT NULL,
    due_on date NOT NULL,
    status text NOT NULL, -- a task's own, or "planned" until it is offered
    percent int NOT NULL DEFAULT 0,
    returned int NOT NULL DEFAULT 0,
    clock jsonb,
    transfer_to uuid, -- the unit that has been asked to take the lead
    cost_fen bigint,
    money_source jsonb,
    vote_needed boolean NOT NULL DEFAULT false,
    vote jsonb, -- of the owners, the last
    superior_id uuid, -- who decides on a second objection, while it is to be decided
    version bigint NOT NULL,
    units uuid[] GENERATED ALWAYS AS (lead_unit_id || supporting_unit_ids || transfer_to) STORED
);
CREATE INDEX ON tasks (petition_id);
CREATE INDEX ON tasks ((clock ->> 'due_at' COLLATE "C"), id);
CREATE INDEX ON tasks USING gin (units);

CREATE TABLE roadmaps (
    petition_id uuid,
    round int,
    version int,
    reason jsonb, -- of a revision
    items jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (petition_id, round, version)
);

CREATE TABLE evidence (
    task_id uuid,
    digest text,
    petition_id uuid NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    stage text NOT NULL,
    name jsonb NOT NULL,
    at timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (task_id, digest)
);
CREATE INDEX ON evidence (petition_id);
CREATE INDEX ON evidence (digest);

CREATE TABLE meetings (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    venue jsonb NOT NULL,
    status text NOT NULL,
    rescheduled int NOT NULL DEFAULT 0,
    no_shows uuid[] NOT NULL DEFAULT '{}', -- posts, at whatever date
    unit_ids uuid[] NOT NULL DEFAULT '{}', -- invited
    minutes jsonb, -- the latest draft
    minutes_status text,
    clock jsonb, -- while they are open
    version bigint NOT NULL
);
CREATE INDEX ON meetings (petition_id);

CREATE TABLE ballots (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    question text NOT NULL,
    into_id uuid,
    clock jsonb NOT NULL,
    result text,
    position bigint NOT NULL
);
CREATE INDEX ON ballots (petition_id);

CREATE TABLE proposals (
    id uuid PRIMARY KEY,
    petition_id uuid NOT NULL,
    kind text NOT NULL,
    post_id uuid,
    to_post_id uuid,
    reason jsonb NOT NULL,
    status text NOT NULL DEFAULT 'open',
    agree int NOT NULL DEFAULT 0,
    disagree int NOT NULL DEFAULT 0
);
CREATE INDEX ON proposals (petition_id);

CREATE TABLE responses (
    position bigint PRIMARY KEY,
    petition_id uuid NOT NULL,
    round int NOT NULL,
    interim boolean NOT NULL,
    outcome text,
    text jsonb NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX ON responses (petition_id);

CREATE TABLE reviews (
    petition_id uuid,
    level int,
    grounds jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    result text,
    opinion jsonb,
    decided_at timestamptz,
    PRIMARY KEY (petition_id, level)
);

CREATE TABLE feedback (
    petition_id uuid,
    round int,
    delivery boolean, -- judged again once what was planned had been delivered, or was due
    invited int NOT NULL,
    judged int NOT NULL DEFAULT 0,
    contacted int NOT NULL DEFAULT 0,
    resolved_yes int NOT NULL DEFAULT 0,
    resolved_partly int NOT NULL DEFAULT 0,
    resolved_no int NOT NULL DEFAULT 0,
    satisfied int NOT NULL DEFAULT 0,
    concluded boolean NOT NULL DEFAULT false,
    PRIMARY KEY (petition_id, round, delivery)
);
{CLOCKS}
""".replace("{COUNT}", COUNT)
    .replace("{FIRST_DUE}", FIRST_DUE)
    .replace("{CLOCKS}", spans.CLOCKS),
)

# --- petitions -------------------------------------------------------------------------------------------------------


def update(changes: str) -> str:
    return f"UPDATE petitions SET {changes}, version = $2 - unseen, position = $3, changed_at = $4 WHERE id = $1"


def start(event: Petition.Event, at: Recorded) -> tuple[Any, ...]:
    return event.originator_id, event.originator_version, at.id, event.timestamp


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    yield (
        "INSERT INTO petitions (id, version, position, opened, opened_at, changed_at, phase, category, host_id,"
        " called_post_ids, threshold, topic, details, clocks, every, counted_at,"
        " kept_from) VALUES ($1, $2, $3, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $4, $14)",
        *start(event, at),
        Phase.COLLECTING.value,
        event.category,
        event.host_id,
        event.called_post_ids,
        event.threshold,
        to_json(event.topic),
        to_json(event.details),
        clocks_to_json(event.signing),
        event.counts_every,
        list(event.kept_from),
    )


UNSEEN = "UPDATE petitions SET {}unseen = unseen + 1, position = $2 WHERE id = $1"
SIGNATURES: dict[type, int] = {
    Petition.CoSigned: 1,
    Petition.CoSignatureWithdrawn: -1,
    Petition.CoSignatureRepeated: 0,
    Petition.CoSignatureContested: 0,
    Petition.CoSignatureInvalidated: -1,
    # These come of withdrawals, and would tell when many withdrew.
    Petition.WithdrawalsMounted: 0,
    Petition.SupervisorAlerted: 0,
    Petition.AlertHeeded: 0,
}


@READ_MODEL.on(*SIGNATURES)
def signatures(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    changes = f"{counted('$3', '$4')}, "
    yield UNSEEN.format(changes), event.originator_id, at.id, event.timestamp, SIGNATURES[type(event)]
    if isinstance(event, Petition.CoSigned):  # one who was carried over while the others judge
        yield "UPDATE feedback SET invited = invited + 1 WHERE petition_id = $1 AND NOT concluded", event.originator_id


@READ_MODEL.on(
    Petition.HostOpinionGiven,
    Petition.RepresentativesElected,
    Petition.RepresentativeResigned,
    Petition.LeadReplaced,
    Petition.Reminded,
    Petition.Escalated,
    Petition.SupervisionOrdered,
    Petition.SupervisionAnswered,
    Petition.SupervisionLifted,
    Petition.ReferralReceived,
)
def touched(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield update("phase = phase"), *start(event, at)


@READ_MODEL.on(Petition.BallotCalled)
def ballot_called(event: Petition.BallotCalled, at: Recorded) -> Iterator[Statement]:
    yield from touched(event, at)
    yield (
        "INSERT INTO ballots (id, petition_id, question, into_id, clock, position) VALUES ($1, $2, $3, $4, $5, $6)",
        event.ballot_id,
        event.originator_id,
        event.question,
        event.into_id,
        to_json(event.ballot),
        at.id,
    )


@READ_MODEL.on(Petition.BallotConcluded)
def ballot_concluded(event: Petition.BallotConcluded, at: Recorded) -> Iterator[Statement]:
    yield from touched(event, at)
    yield "UPDATE ballots SET result = $2 WHERE id = $1", event.ballot_id, event.result


@READ_MODEL.on(Petition.Recused)
def recused(event: Petition.Recused, at: Recorded) -> Iterator[Statement]:
    yield UNSEEN.format(""), event.originator_id, at.id


@READ_MODEL.on(Petition.ThresholdReached)
def threshold_reached(event: Petition.ThresholdReached, at: Recorded) -> Iterator[Statement]:
    yield UNSEEN.format("clocks = clocks || $3, "), event.originator_id, at.id, clocks_to_json(event.host_opinion)


ENTER = update("phase = $5, clocks = $6")


def enter_keeping(*rules: str) -> str:
    """Of the clocks that run, these run on (those that do run)."""
    kept = ", ".join(f"'{rule}', clocks -> '{rule}'" for rule in rules)
    return update(f"phase = $5, clocks = jsonb_strip_nulls(jsonb_build_object({kept})) || $6")


@READ_MODEL.on(Petition.Submitted)
def submitted(event: Petition.Submitted, at: Recorded) -> Iterator[Statement]:
    yield enter_keeping("urgent"), *start(event, at), Phase.SUBMITTED.value, clocks_to_json(event.admissibility)
    yield f"UPDATE petitions SET {COUNTED_FOR_GOOD} WHERE id = $1", event.originator_id


@READ_MODEL.on(Petition.MarkedUrgent)
def marked_urgent(event: Petition.MarkedUrgent, at: Recorded) -> Iterator[Statement]:
    yield update("urgent = true, clocks = clocks || $5"), *start(event, at), clocks_to_json(event.urgent)


@READ_MODEL.on(Petition.UrgencyLifted)
def urgency_lifted(event: Petition.UrgencyLifted, at: Recorded) -> Iterator[Statement]:
    yield update("urgent = false, clocks = clocks - 'urgent'"), *start(event, at)
    if event.signing:
        yield ENTER, *start(event, at), Phase.COLLECTING.value, clocks_to_json(event.signing)
        yield "UPDATE petitions SET counted_at = opened_at WHERE id = $1", event.originator_id


@READ_MODEL.on(Petition.Lapsed, Petition.Withdrawn)
def ended(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    phase = Phase.LAPSED if isinstance(event, Petition.Lapsed) else Phase.WITHDRAWN
    yield ENTER, *start(event, at), phase.value, "{}"


@READ_MODEL.on(Petition.PublicTextIssued)
def public_text_issued(event: Petition.PublicTextIssued, at: Recorded) -> Iterator[Statement]:
    yield (
        update("public_topic = $5, public_details = $6"),
        *start(event, at),
        Plain(event.topic),
        Plain(event.details),
    )


@READ_MODEL.on(Petition.Accepted)
def accepted(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    yield (
        enter_keeping("urgent").replace("phase =", "admitted = true, phase ="),
        *start(event, at),
        Phase.ACCEPTED.value,
        clocks_to_json(event.meeting, event.response),
    )


@READ_MODEL.on(Petition.Rejected)
def rejected(event: Petition.Rejected, at: Recorded) -> Iterator[Statement]:
    yield (
        update("phase = $5, clocks = $6, rejection = $7"),
        *start(event, at),
        Phase.REJECTED.value,
        clocks_to_json(*([event.refiling] if event.refiling else [])),
        to_json(
            {
                "reason_code": event.reason_code,
                "route": event.route,
                "duplicate_of": event.duplicate_of,
                "explanation": event.explanation,
                "at": event.timestamp,
            }
        ),
    )


@READ_MODEL.on(Petition.Refiled)
def refiled(event: Petition.Refiled, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.SUBMITTED.value, clocks_to_json(event.admissibility)
    yield (
        "UPDATE petitions SET topic = $2, details = $3, public_topic = NULL, public_details = NULL,"
        " refilings = refilings + 1 WHERE id = $1",
        event.originator_id,
        to_json(event.topic),
        to_json(event.details),
    )


@READ_MODEL.on(Petition.SplitProposed)
def split_proposed(event: Petition.SplitProposed, at: Recorded) -> Iterator[Statement]:
    names = ("topic", "details", "other_topic", "other_details", "other_category")
    proposal = to_json({name: getattr(event, name) for name in names})
    yield update("split_proposal = $5"), *start(event, at), proposal


@READ_MODEL.on(Petition.Split)
def split(event: Petition.Split, at: Recorded) -> Iterator[Statement]:
    yield (
        update(
            "topic = $5, details = $6, public_topic = NULL, public_details = NULL, split_proposal = NULL,"
            " split_into = split_into || $7::uuid"
        ),
        *start(event, at),
        to_json(event.topic),
        to_json(event.details),
        event.into_id,
    )


@READ_MODEL.on(Petition.SplitFrom)
def split_from(event: Petition.SplitFrom, at: Recorded) -> Iterator[Statement]:
    yield (
        update(f"{counted('$4', '$5')}, split_from = $6"),
        *start(event, at),
        len(event.signers),
        event.origin_id,
    )


@READ_MODEL.on(Petition.RefilingClosed)
def refiling_closed(event: Petition.RefilingClosed, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.REJECTED.value, "{}"


@READ_MODEL.on(Petition.Referred)
def referred(event: Petition.Referred, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.REFERRED.value, "{}"
    if event.unit_id:
        yield ENTRUST, event.originator_id, event.unit_id


@READ_MODEL.on(Petition.Merged)
def merged(event: Petition.Merged, at: Recorded) -> Iterator[Statement]:
    yield (
        update("phase = $5, clocks = '{}', merged_into = $6"),
        *start(event, at),
        Phase.MERGED.value,
        event.into_id,
    )


@READ_MODEL.on(Petition.Called)
def called(event: Petition.Called, at: Recorded) -> Iterator[Statement]:
    yield (
        update("clocks = clocks || $5, in_hand_of = in_hand_of || $6"),
        *start(event, at),
        clocks_to_json(event.acknowledgement),
        event.post_ids,
    )


@READ_MODEL.on(Petition.CallAcknowledged)
def call_acknowledged(event: Petition.CallAcknowledged, at: Recorded) -> Iterator[Statement]:
    """The lead post's word opens the next phase; the others' is noted."""
    lead_takes_up = "phase = 'accepted' AND called_post_ids[1] = $5"
    yield (
        update(
            "acknowledged = acknowledged || $5::uuid,"
            f" clocks = CASE WHEN {lead_takes_up} THEN clocks - 'acknowledgement' ELSE clocks END,"
            f" phase = CASE WHEN {lead_takes_up} THEN 'meeting' ELSE phase END"
        ),
        *start(event, at),
        event.post_id,
    )


@READ_MODEL.on(Petition.DelegateNamed)
def delegate_named(event: Petition.DelegateNamed, at: Recorded) -> Iterator[Statement]:
    named = to_json({str(event.post_id): event.delegate_id})
    yield update("delegates = delegates || $5"), *start(event, at), named
    yield ENTRUST, event.originator_id, event.delegate_id


@READ_MODEL.on(Petition.CallReassigned)
def call_reassigned(event: Petition.CallReassigned, at: Recorded) -> Iterator[Statement]:
    """Whom it was taken from has nothing to do with it any more, nor has a delegate of theirs."""
    yield (
        update(
            "called_post_ids = array_replace(called_post_ids, $5, $6), acknowledged = array_remove(acknowledged, $5),"
            " in_hand_of = array_remove(array_replace(in_hand_of, $5, $6), (delegates ->> $5::text)::uuid),"
            " delegates = delegates - $5::text"
        ),
        *start(event, at),
        event.from_id,
        event.to_id,
    )
    if clock := event.acknowledgement:
        yield (
            "UPDATE petitions SET phase = 'accepted', clocks = clocks || $2 WHERE id = $1",
            event.originator_id,
            clocks_to_json(clock),
        )


@READ_MODEL.on(Petition.MeetingArranged)
def meeting_arranged(event: Petition.MeetingArranged, at: Recorded) -> Iterator[Statement]:
    yield from touched(event, at)


@READ_MODEL.on(Petition.MeetingWaived)
def meeting_waived(event: Petition.MeetingWaived, at: Recorded) -> Iterator[Statement]:
    yield enter_keeping("response"), *start(event, at), Phase.IN_PROGRESS.value, "{}"
    yield "UPDATE petitions SET meeting_waived = true WHERE id = $1", event.originator_id
    yield (
        "INSERT INTO roadmaps (petition_id, round, version, items, at)"
        " SELECT id, round, 1, '[]', $2 FROM petitions WHERE id = $1",
        event.originator_id,
        event.timestamp,
    )


@READ_MODEL.on(Petition.MeetingHeld)
def meeting_held(event: Petition.MeetingHeld, at: Recorded) -> Iterator[Statement]:
    yield enter_keeping("urgent", "response"), *start(event, at), Phase.ROADMAP.value, clocks_to_json(event.roadmap)


@READ_MODEL.on(Petition.RoadmapPublished)
def roadmap_published(event: Petition.RoadmapPublished, at: Recorded) -> Iterator[Statement]:
    yield enter_keeping("response"), *start(event, at), Phase.IN_PROGRESS.value, "{}"
    yield from planned(event, 1, None)


@READ_MODEL.on(Petition.RoadmapRevised)
def roadmap_revised(event: Petition.RoadmapRevised, at: Recorded) -> Iterator[Statement]:
    """What was planned and not yet offered is planned anew; what was offered tells its own story."""
    yield from touched(event, at)
    yield "DELETE FROM tasks WHERE petition_id = $1 AND status = 'planned'", event.originator_id
    yield from planned(event, event.version, event.reason)


def planned(
    event: Petition.RoadmapPublished | Petition.RoadmapRevised, version: int, reason: Text | None
) -> Iterator[Statement]:
    yield (
        "INSERT INTO roadmaps (petition_id, round, version, reason, items, at) VALUES ($1, $2, $3, $4, $5, $6)",
        event.originator_id,
        event.round,
        version,
        reason and to_json(reason),
        to_json([vars(item) for item in event.items]),
        event.timestamp,
    )
    for nth, item in enumerate(event.items):
        yield (
            "INSERT INTO tasks"
            " (id, petition_id, round, nth, title, lead_unit_id, supporting_unit_ids, due_on, status, version,"
            " cost_fen, money_source, vote_needed)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'planned', 0, $9, $10, $11)"
            " ON CONFLICT (id) DO UPDATE SET nth = $4",
            item.task_id,
            event.originator_id,
            event.round,
            nth,
            to_json(item.title),
            item.lead_unit_id,
            item.supporting_unit_ids,
            item.due_on,
            item.cost_fen,
            item.money_source and to_json(item.money_source),
            item.vote_needed,
        )


RESPOND = (
    "INSERT INTO responses (position, petition_id, round, interim, outcome, text, at)"
    " SELECT $1, id, round, $3, $4, $5, $6 FROM petitions WHERE id = $2"
)


@READ_MODEL.on(Petition.InterimResponseGiven)
def interim_response_given(event: Petition.InterimResponseGiven, at: Recorded) -> Iterator[Statement]:
    yield update("clocks = clocks - 'urgent'"), *start(event, at)
    yield RESPOND, at.id, event.originator_id, True, None, to_json(event.text), event.timestamp


@READ_MODEL.on(Petition.Answered)
def answered(event: Petition.Answered, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.ANSWERED.value, "{}"
    yield RESPOND, at.id, event.originator_id, False, event.outcome, to_json(event.text), event.timestamp


@READ_MODEL.on(Petition.CommitmentMade)
def commitment_made(event: Petition.CommitmentMade, at: Recorded) -> Iterator[Statement]:
    yield update("commitment_due_on = $5"), *start(event, at), event.due_on


@READ_MODEL.on(Petition.FeedbackInvited)
def feedback_invited(event: Petition.FeedbackInvited, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.FEEDBACK.value, clocks_to_json(event.feedback)
    yield (
        "INSERT INTO feedback (petition_id, round, invited, delivery) SELECT $1, $2, $3,"
        " EXISTS (SELECT FROM feedback WHERE petition_id = $1 AND round = $2)",
        event.originator_id,
        event.round,
        event.invited,
    )


@READ_MODEL.on(Petition.CallBackBegun)
def call_back_begun(event: Petition.CallBackBegun, at: Recorded) -> Iterator[Statement]:
    yield update("clocks = $5"), *start(event, at), clocks_to_json(event.call_back)


@READ_MODEL.on(Petition.CallBackAgreed, Petition.CallBackDeclined, Petition.CallHandedOut, Petition.CallMissed)
def unseen(event: Petition.Event, at: Recorded) -> Iterator[Statement]:
    yield UNSEEN.format(""), event.originator_id, at.id


@READ_MODEL.on(Petition.FeedbackGiven, Petition.FeedbackTaken)
def feedback_given(event: Petition.FeedbackGiven | Petition.FeedbackTaken, at: Recorded) -> Iterator[Statement]:
    yield UNSEEN.format(""), event.originator_id, at.id
    yield (
        "UPDATE feedback SET judged = judged + 1, contacted = contacted + $3, resolved_yes = resolved_yes + $4,"
        " resolved_partly = resolved_partly + $5, resolved_no = resolved_no + $6, satisfied = satisfied + $7"
        " WHERE petition_id = $1 AND round = $2 AND NOT concluded",
        event.originator_id,
        event.round,
        int(event.contacted),
        *(int(event.resolved == answer) for answer in ("yes", "partly", "no")),
        int(event.satisfied),
    )


CONCLUDE = "UPDATE feedback SET concluded = true WHERE petition_id = $1"


@READ_MODEL.on(Petition.Reopened)
def reopened(event: Petition.Reopened, at: Recorded) -> Iterator[Statement]:
    yield (
        update("phase = $5, clocks = $6, round = $7, outcome = NULL, commitment_due_on = NULL"),
        *start(event, at),
        Phase.ROADMAP.value,
        clocks_to_json(event.roadmap, event.response),
        event.round,
    )
    yield CONCLUDE, event.originator_id


@READ_MODEL.on(Petition.TrackingBegun)
def tracking_begun(event: Petition.TrackingBegun, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.TRACKING.value, clocks_to_json(event.commitment)
    yield CONCLUDE, event.originator_id


@READ_MODEL.on(Petition.CommitmentDelivered)
def commitment_delivered(event: Petition.CommitmentDelivered, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.ANSWERED.value, "{}"
    yield RESPOND, at.id, event.originator_id, False, "delivered", to_json(event.report), event.timestamp


@READ_MODEL.on(Petition.CommitmentMissed)
def commitment_missed(event: Petition.CommitmentMissed, at: Recorded) -> Iterator[Statement]:
    yield ENTER, *start(event, at), Phase.ANSWERED.value, "{}"


@READ_MODEL.on(Petition.Closed)
def closed(event: Petition.Closed, at: Recorded) -> Iterator[Statement]:
    yield update("phase = $5, clocks = '{}', outcome = $6"), *start(event, at), Phase.CLOSED.value, event.outcome
    yield CONCLUDE, event.originator_id


@READ_MODEL.on(Petition.ReviewRequested)
def review_requested(event: Petition.ReviewRequested, at: Recorded) -> Iterator[Statement]:
    yield update("clocks = $5"), *start(event, at), clocks_to_json(event.review)
    yield (
        "INSERT INTO reviews (petition_id, level, grounds, requested_at) VALUES ($1, $2, $3, $4)",
        event.originator_id,
        event.level,
        to_json(event.grounds),
        event.timestamp,
    )


@READ_MODEL.on(Petition.ReviewDecided)
def review_decided(event: Petition.ReviewDecided, at: Recorded) -> Iterator[Statement]:
    yield update("clocks = '{}'"), *start(event, at)
    yield (
        "UPDATE reviews SET result = $3, opinion = $4, decided_at = $5 WHERE petition_id = $1 AND level = $2",
        event.originator_id,
        event.level,
        event.result,
        to_json(event.opinion),
        event.timestamp,
    )


@READ_MODEL.on(Petition.Extended)
def extended(event: Petition.Extended, at: Recorded) -> Iterator[Statement]:
    yield (
        update("extended_days = extended_days + $5, clocks = clocks || $6"),
        *start(event, at),
        event.days,
        clocks_to_json(event.response),
    )


@READ_MODEL.on(Petition.Suspended)
def suspended(event: Petition.Suspended, at: Recorded) -> Iterator[Statement]:
    yield update("suspended = true"), *start(event, at)


@READ_MODEL.on(Petition.Resumed)
def resumed(event: Petition.Resumed, at: Recorded) -> Iterator[Statement]:
    yield update("suspended = false, clocks = $5"), *start(event, at), clocks_to_json(*event.clocks)


@READ_MODEL.on(Petition.ClocksMoved)
def clocks_moved(event: Petition.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    yield update("clocks = clocks || $5"), *start(event, at), clocks_to_json(*event.clocks)


# --- meetings and tasks ----------------------------------------------------------------------------------------------

TOUCH = "UPDATE petitions SET position = $2, changed_at = $3 WHERE id = $1"


@READ_MODEL.on(Meeting.Scheduled)
def scheduled(event: Meeting.Scheduled, at: Recorded) -> Iterator[Statement]:
    yield TOUCH, event.matter_id, at.id, event.timestamp
    yield (
        "INSERT INTO meetings (id, petition_id, starts_at, venue, status, version) VALUES ($1, $2, $3, $4, $5, 1)",
        event.originator_id,
        event.matter_id,
        event.starts_at,
        to_json(event.venue),
        MeetingStatus.SCHEDULED.value,
    )


@READ_MODEL.on(Meeting.Rescheduled)
def rescheduled(event: Meeting.Rescheduled, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings", starts_at=event.starts_at, venue=to_json(event.venue))
    yield "UPDATE meetings SET rescheduled = rescheduled + 1 WHERE id = $1", event.originator_id


@READ_MODEL.on(Meeting.Cancelled)
def cancelled(event: Meeting.Cancelled, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings", status=MeetingStatus.CANCELLED.value)


@READ_MODEL.on(Meeting.Held)
def held(event: Meeting.Held, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings", status=MeetingStatus.HELD.value, minutes=to_json(event.minutes))


@READ_MODEL.on(Meeting.NoShowRecorded)
def no_show_recorded(event: Meeting.NoShowRecorded, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings")
    yield "UPDATE meetings SET no_shows = no_shows || $2::uuid WHERE id = $1", event.originator_id, event.post_id


@READ_MODEL.on(Meeting.MinutesDrafted)
def minutes_drafted(event: Meeting.MinutesDrafted, at: Recorded) -> Iterator[Statement]:
    minutes, clock = to_json(event.minutes), to_json(event.clock)
    yield from change(event, at, "meetings", minutes=minutes, minutes_status=MinutesStatus.DRAFT.value, clock=clock)


@READ_MODEL.on(Meeting.MinutesConfirmed)
def minutes_confirmed(event: Meeting.MinutesConfirmed, at: Recorded) -> Iterator[Statement]:
    done = {"minutes_status": MinutesStatus.CONFIRMED.value, "clock": None} if event.complete else {}
    yield from change(event, at, "meetings", **done)


@READ_MODEL.on(Meeting.MinutesLeftUnconfirmed)
def minutes_left_unconfirmed(event: Meeting.MinutesLeftUnconfirmed, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings", minutes_status=MinutesStatus.UNCONFIRMED.value, clock=None)


@READ_MODEL.on(Meeting.ClocksMoved)
def meeting_clocks_moved(event: Meeting.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings", clock=to_json(event.clock))


@READ_MODEL.on(Meeting.Invited)
def invited(event: Meeting.Invited, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings")
    yield "UPDATE meetings SET unit_ids = unit_ids || $2::uuid WHERE id = $1", event.originator_id, event.unit_id
    yield ENTRUST, event.matter_id, event.unit_id


@READ_MODEL.on(
    *(Meeting.ObjectionFiled, Meeting.AgendaItemAdded, Meeting.BriefReleased),
    *(Meeting.AttendanceCounted, Meeting.CorrectionOffered),
)
def meeting_touched(event: Meeting.Event, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "meetings")


@READ_MODEL.on(Meeting.AttendanceRecorded)
def attendance_recorded(event: Meeting.AttendanceRecorded, at: Recorded) -> Iterator[Statement]:
    """Nobody is to read from the petition's page when somebody came in at the door."""
    yield "UPDATE petitions SET position = $2 WHERE id = $1", event.matter_id, at.id
    yield "UPDATE meetings SET version = $2 WHERE id = $1", event.originator_id, event.originator_version


@READ_MODEL.on(Proposal.Made)
def proposal_made(event: Proposal.Made, at: Recorded) -> Iterator[Statement]:
    yield TOUCH, event.matter_id, at.id, event.timestamp
    yield (
        "INSERT INTO proposals (id, petition_id, kind, post_id, to_post_id, reason) VALUES ($1, $2, $3, $4, $5, $6)",
        event.originator_id,
        event.matter_id,
        event.kind,
        event.post_id,
        event.to_post_id,
        to_json(event.reason),
    )


@READ_MODEL.on(Proposal.Voiced)
def proposal_voiced(event: Proposal.Voiced, at: Recorded) -> Iterator[Statement]:
    yield TOUCH, event.matter_id, at.id, event.timestamp
    column = "agree" if event.agrees else "disagree"
    yield f"UPDATE proposals SET {column} = {column} + 1 WHERE id = $1", event.originator_id


@READ_MODEL.on(Proposal.Decided)
def proposal_decided(event: Proposal.Decided, at: Recorded) -> Iterator[Statement]:
    yield TOUCH, event.matter_id, at.id, event.timestamp
    status = ProposalStatus.AGREED if event.agreed else ProposalStatus.DECLINED
    yield "UPDATE proposals SET status = $2 WHERE id = $1", event.originator_id, status.value


@READ_MODEL.on(Task.Offered)
def offered(event: Task.Offered, at: Recorded) -> Iterator[Statement]:
    yield TOUCH, event.matter_id, at.id, event.timestamp
    yield (
        "INSERT INTO tasks (id, petition_id, title, post_id, lead_unit_id, supporting_unit_ids, due_on, status, clock,"
        " version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)"
        # The roadmap has announced it; what counts is what was offered.
        " ON CONFLICT (id) DO UPDATE SET title = $3, post_id = $4, lead_unit_id = $5, supporting_unit_ids = $6,"
        " due_on = $7, status = $8, clock = $9, version = 1",
        event.originator_id,
        event.matter_id,
        to_json(event.title),
        event.post_id,
        event.lead_unit_id,
        event.supporting_unit_ids,
        event.due_on,
        Status.OFFERED.value,
        to_json(event.claim),
    )
    for unit_id in (event.lead_unit_id, *event.supporting_unit_ids):
        yield ENTRUST, event.matter_id, unit_id


ENTRUST = "UPDATE petitions SET in_hand_of = in_hand_of || $2::uuid WHERE id = $1 AND $2 <> ALL (in_hand_of)"


def change(event: Task.Event | Meeting.Event, at: Recorded, table: str, **columns: Any) -> Iterator[Statement]:
    """Set columns of a task's or meeting's row, and note that its petition has changed."""
    yield TOUCH, event.matter_id, at.id, event.timestamp
    changes = "".join(f", {column} = ${n}" for n, column in enumerate(columns, 3))
    yield (
        f"UPDATE {table} SET version = $2{changes} WHERE id = $1",
        event.originator_id,
        event.originator_version,
        *columns.values(),
    )


@READ_MODEL.on(Task.Claimed)
def claimed(event: Task.Claimed, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", status=Status.CLAIMED.value, clock=to_json(event.due))
    yield (
        "UPDATE tasks SET lead_unit_id = transfer_to, transfer_to = NULL WHERE id = $1 AND transfer_to IS NOT NULL",
        event.originator_id,
    )


@READ_MODEL.on(Task.Transferred)
def transferred(event: Task.Transferred, at: Recorded) -> Iterator[Statement]:
    clock = to_json(event.claim)
    yield from change(event, at, "tasks", status=Status.OFFERED.value, clock=clock, transfer_to=event.unit_id)
    yield ENTRUST, event.matter_id, event.unit_id


@READ_MODEL.on(Task.Objected)
def objected(event: Task.Objected, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", status=Status.OBJECTED.value)


@READ_MODEL.on(Task.ObjectedAgain)
def objected_again(event: Task.ObjectedAgain, at: Recorded) -> Iterator[Statement]:
    status, clock = Status.OBJECTED.value, to_json(event.mandate)
    whose = {"lead_unit_id": event.lead_unit_id, "superior_id": event.superior_id, "transfer_to": None}
    yield from change(event, at, "tasks", status=status, clock=clock, **whose)
    yield ENTRUST, event.matter_id, event.superior_id


@READ_MODEL.on(Task.HandedBack)
def handed_back(event: Task.HandedBack, at: Recorded) -> Iterator[Statement]:
    clock = to_json(event.mandate)
    yield from change(event, at, "tasks", status=Status.UNCLAIMED.value, clock=clock, transfer_to=None)


@READ_MODEL.on(Task.Mandated)
def mandated(event: Task.Mandated, at: Recorded) -> Iterator[Statement]:
    clock = to_json(event.due)
    lead = {"lead_unit_id": event.lead_unit_id, "transfer_to": None, "superior_id": None}
    yield from change(event, at, "tasks", status=Status.CLAIMED.value, clock=clock, **lead)
    yield ENTRUST, event.matter_id, event.lead_unit_id


@READ_MODEL.on(Task.ProgressReported)
def progress_reported(event: Task.ProgressReported, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", percent=event.percent)


@READ_MODEL.on(Task.EvidenceAttached)
def evidence_attached(event: Task.EvidenceAttached, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks")
    yield (
        "INSERT INTO evidence (task_id, digest, petition_id, media_type, size, stage, name, at, position)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        event.originator_id,
        event.digest,
        event.matter_id,
        event.media_type,
        event.size,
        event.stage,
        to_json(event.name),
        event.timestamp,
        at.id,
    )


@READ_MODEL.on(Task.TermsSet)
def terms_set(event: Task.TermsSet, at: Recorded) -> Iterator[Statement]:
    source = event.money_source and to_json(event.money_source)
    terms = {"cost_fen": event.cost_fen, "money_source": source, "vote_needed": event.vote_needed}
    yield from change(event, at, "tasks", **terms)


@READ_MODEL.on(Task.VoteRecorded)
def vote_recorded(event: Task.VoteRecorded, at: Recorded) -> Iterator[Statement]:
    names = ("passed", "in_favour", "against", "entitled", "voted_on", "digest")
    yield from change(event, at, "tasks", vote=to_json({name: getattr(event, name) for name in names}))


@READ_MODEL.on(Task.Completed)
def completed(event: Task.Completed, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", status=Status.COMPLETED.value, clock=None, percent=100)


@READ_MODEL.on(Task.Returned)
def returned(event: Task.Returned, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", status=Status.CLAIMED.value, clock=to_json(event.due))
    yield "UPDATE tasks SET returned = returned + 1 WHERE id = $1", event.originator_id


@READ_MODEL.on(Task.Confirmed, Task.Dropped)
def task_ended(event: Task.Confirmed | Task.Dropped, at: Recorded) -> Iterator[Statement]:
    status = Status.CONFIRMED if isinstance(event, Task.Confirmed) else Status.DROPPED
    yield from change(event, at, "tasks", status=status.value, clock=None, transfer_to=None, superior_id=None)


@READ_MODEL.on(Task.Replanned)
def replanned(event: Task.Replanned, at: Recorded) -> Iterator[Statement]:
    changed: dict[str, Any] = {"due_on": event.due_on, "supporting_unit_ids": event.supporting_unit_ids}
    if event.clock:
        changed["clock"] = to_json(event.clock)
    yield from change(event, at, "tasks", **changed)
    for unit_id in event.supporting_unit_ids:
        yield ENTRUST, event.matter_id, unit_id


@READ_MODEL.on(Task.Suspended)
def task_suspended(event: Task.Suspended, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks")


@READ_MODEL.on(Task.Resumed)
def task_resumed(event: Task.Resumed, at: Recorded) -> Iterator[Statement]:
    clock = event.clock and to_json(event.clock)
    yield from change(event, at, "tasks", clock=clock, due_on=event.due_on)


@READ_MODEL.on(Task.ClocksMoved)
def task_clocks_moved(event: Task.ClocksMoved, at: Recorded) -> Iterator[Statement]:
    yield from change(event, at, "tasks", clock=to_json(event.clock))


spans.keep_clocks(READ_MODEL)

# --- queries ---------------------------------------------------------------------------------------------------------


END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Viewer:
    """Who asks. ``Viewer()`` is the public."""

    role: str | None = None
    org: UUID | None = None
    at: datetime = END_OF_TIME  # by the clock of whoever asks: what starts later is not shown


# Who has to do with a petition, whether it is public or not: decided here alone. $1 is the viewer's role, $2 the
# organisation. A post sees nothing before it is called: nobody is to be pressed while they collect signatures.
# Whoever it complains about has nothing to do with it, in whatever role.
HANDLES = """coalesce(($2::uuid IS NULL OR $2 <> ALL (p.kept_from)) AND (
    $1::text IN ('clerk', 'supervisor', 'auditor', 'admin')
    OR $1 = 'host_staff' AND p.host_id = $2::uuid
    OR $1 IN ('official', 'unit_officer') AND $2 = ANY (p.in_hand_of)), false)"""

COLUMNS = """p.id, p.phase, p.round, p.category, p.host_id, p.called_post_ids, {} AS signatures, p.threshold, p.topic,
    p.details, p.public_topic, p.public_details, p.public, p.clocks, p.suspended, p.urgent, p.outcome,
    p.commitment_due_on, p.merged_into, p.opened_at, p.changed_at, p.version,
    (SELECT floor(avg(CASE t.status WHEN 'confirmed' THEN 100 ELSE least(t.percent, 90) END))::int
    FROM board.tasks AS t WHERE t.petition_id = p.id AND t.round = p.round AND t.status <> 'dropped') AS progress"""

Row = dict[str, Any]


async def petitions(
    pool: asyncpg.Pool,
    viewer: Viewer,
    *,
    phases: Sequence[str] | None = None,
    category: str | None = None,
    host_id: UUID | None = None,
    post_id: UUID | None = None,
    urgent: bool | None = None,
    q: str | None = None,
    ids: Sequence[UUID] | None = None,
    signed: Sequence[UUID] | None = None,
    cursor: int | None = None,
    limit: int = 20,
) -> tuple[list[Row], int | None]:
    """A page of what the viewer may see, newest first, and the cursor of the next page (None: this was the last).

    ``q``: words that are all looked for in the public text, as they stand. ``signed``: only these, which the viewer is
    known to have signed, and sees as those who handle them do.
    """
    arguments: list[Any] = [viewer.role, viewer.org, limit + 1, viewer.at]
    handles = HANDLES if signed is None else f"({HANDLES} OR true)"
    conditions = [f"(p.public OR {handles})"]
    said = "strpos(lower(p.public_topic || ' ' || p.public_details), lower({})) > 0"
    for condition, value in (
        ("p.phase = ANY ({})", phases),
        ("p.category = {}", category),
        ("p.host_id = {}", host_id),
        ("{} = ANY (p.called_post_ids)", post_id),
        ("p.urgent = {}", urgent),
        ("p.id = ANY ({})", ids),
        ("p.id = ANY ({})", signed),
        ("p.opened < {}", cursor),
        *((said, word) for word in (q or "").split()),
    ):
        if value is not None:
            arguments.append(value)
            conditions.append(condition.format(f"${len(arguments)}"))
    rows = await pool.fetch(
        f"SELECT {COLUMNS.format(told('$4'))}, {handles} AS handler, p.opened FROM board.petitions AS p"
        f" WHERE {' AND '.join(conditions)} ORDER BY p.opened DESC LIMIT $3",
        *arguments,
    )
    more = rows[limit - 1]["opened"] if len(rows) > limit else None
    return [_petition(row, viewer) for row in rows[:limit]], more


async def petition(pool: asyncpg.Pool, petition_id: UUID, viewer: Viewer, *, signed: bool = False) -> Row | None:
    """The page of a petition, or None where there is none for this viewer.

    ``signed``: the viewer is known to have signed it, and sees it as those who handle it do.
    """
    async with pool.acquire() as conn:
        record = await conn.fetchrow(
            f"SELECT {COLUMNS.format(told('$5'))}, $4 OR {HANDLES} AS handler, {HANDLES} AS handles, p.acknowledged,"
            f" p.rejection, p.refilings, p.split_proposal, p.split_into, p.split_from, p.extended_days, p.delegates,"
            f" p.meeting_waived FROM board.petitions AS p"
            f" WHERE p.id = $3 AND (p.public OR $4 OR {HANDLES})",
            viewer.role,
            viewer.org,
            petition_id,
            signed,
            viewer.at,
        )
        if record is None:
            return None
        page = _petition(record, viewer)
        handles = page.pop("handles")
        page["tasks"] = [
            _task(row) | {"evidence": []}
            for row in await conn.fetch(
                f"SELECT t.*, {LATE} FROM board.tasks AS t"
                " JOIN board.petitions AS p ON p.id = t.petition_id WHERE t.petition_id = $1 ORDER BY round, nth, id",
                petition_id,
            )
        ]
        page["roadmaps"] = [
            shape(row, texts=("reason",))
            for row in await conn.fetch(
                "SELECT round, version, reason, at FROM board.roadmaps WHERE petition_id = $1 ORDER BY round, version",
                petition_id,
            )
        ]
        tasks = {task["id"]: task for task in page["tasks"]}
        for row in await conn.fetch(EVIDENCE, petition_id, handles):
            piece = shape(row, texts=("name",))
            tasks[piece.pop("task_id")]["evidence"].append(piece)
        page["meetings"] = [
            shape(row, texts=("venue", "minutes"), json_columns=("clock",))
            for row in await conn.fetch(
                "SELECT id, starts_at, venue, status, rescheduled, no_shows, minutes, minutes_status, clock, version"
                " FROM board.meetings WHERE petition_id = $1 ORDER BY starts_at, id",
                petition_id,
            )
        ]
        for meeting in page["meetings"]:
            meeting["clock"] = meeting["clock"] and clock_from(meeting["clock"])
        page["ballots"] = [
            _ballot(row)
            for row in await conn.fetch(
                "SELECT id, question, into_id, clock, result FROM board.ballots WHERE petition_id = $1"
                " ORDER BY position",
                petition_id,
            )
        ]
        page["proposals"] = [
            shape(row, texts=("reason",))
            for row in await conn.fetch(
                "SELECT id, kind, post_id, to_post_id, reason, status, agree, disagree FROM board.proposals"
                " WHERE petition_id = $1 ORDER BY id",
                petition_id,
            )
        ]
        page["responses"] = [
            shape(row, texts=("text",))
            for row in await conn.fetch(
                "SELECT round, interim, outcome, text, at FROM board.responses"
                " WHERE petition_id = $1 ORDER BY position",
                petition_id,
            )
        ]
        page["reviews"] = [
            shape(row, texts=("grounds", "opinion"))
            for row in await conn.fetch(
                "SELECT level, grounds, requested_at, result, opinion, decided_at FROM board.reviews"
                " WHERE petition_id = $1 ORDER BY level",
                petition_id,
            )
        ]
        page["feedback"] = [
            _feedback(row)
            for row in await conn.fetch(
                "SELECT * FROM board.feedback WHERE petition_id = $1 ORDER BY round, delivery", petition_id
            )
        ]
    return page


async def ids(pool: asyncpg.Pool) -> list[UUID]:
    """Of all petitions."""
    return [row[0] for row in await pool.fetch("SELECT id FROM board.petitions")]


async def open_proposals(pool: asyncpg.Pool, petition_id: UUID) -> list[UUID]:
    """What its representatives are asked."""
    rows = await pool.fetch("SELECT id FROM board.proposals WHERE petition_id = $1 AND status = 'open'", petition_id)
    return [UUID(bytes=row[0].bytes) for row in rows]


async def roadmap(
    pool: asyncpg.Pool, petition_id: UUID, *, round: int | None = None, version: int | None = None
) -> Row | None:
    """A version of a round's roadmap; of what is not said the latest. Who may see it: whoever sees the petition."""
    record = await pool.fetchrow(
        "SELECT round, version, reason, at, items FROM board.roadmaps WHERE petition_id = $1"
        " AND ($2::int IS NULL OR round = $2) AND ($3::int IS NULL OR version = $3)"
        " ORDER BY round DESC, version DESC LIMIT 1",
        petition_id,
        round,
        version,
    )
    if record is None:
        return None
    row = shape(record, texts=("reason",), json_columns=("items",))
    row["tasks"] = [
        item | {name: item[name] and text_from(item[name]) for name in ("title", "money_source")}
        for item in row.pop("items")
    ]
    return row


# Whether an open task of a petition that is yet to be answered is due only after the answer is.
LATE = """coalesce(t.status NOT IN ('confirmed', 'dropped') AND (t.due_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    > (p.clocks -> 'response' ->> 'due_at')::timestamptz, false) AS after_response"""


async def meetings(pool: asyncpg.Pool, role: str, org: UUID | None, between: tuple[datetime, datetime]) -> list[Row]:
    """Those that a host, a called post, its delegate or an invited unit comes to. For residents (who signed is in no
    read model) those of every petition that is admitted: the caller picks."""
    rows = await pool.fetch(
        "SELECT m.id, m.petition_id, m.starts_at, m.venue, m.status, m.rescheduled"
        " FROM board.meetings AS m JOIN board.petitions AS p ON p.id = m.petition_id"
        " WHERE m.starts_at BETWEEN $3 AND $4 AND CASE $1::text"
        "  WHEN 'host_staff' THEN p.host_id = $2::uuid"
        "  WHEN 'official' THEN $2 = ANY (p.called_post_ids)"
        "   OR EXISTS (SELECT FROM jsonb_each_text(p.delegates) AS d WHERE d.value = $2::text)"
        "  WHEN 'unit_officer' THEN $2 = ANY (m.unit_ids)"
        "  ELSE $1 = 'resident' END ORDER BY m.starts_at, m.id LIMIT 1000",
        role,
        org,
        *between,
    )
    return [shape(row, texts=("venue",)) for row in rows]


# That a file was used before is told to those who handle petitions ($2), and never where.
EVIDENCE = """
SELECT e.task_id, e.digest, e.media_type, e.size, e.stage, e.name, e.at, CASE WHEN $2::boolean THEN EXISTS (
    SELECT FROM board.evidence AS other
    WHERE other.digest = e.digest AND other.task_id <> e.task_id AND other.position < e.position) END AS used_before
FROM board.evidence AS e WHERE e.petition_id = $1 ORDER BY e.position
"""


TOTALS = ("judged", "contacted", "resolved_yes", "resolved_partly", "resolved_no", "satisfied")


async def conduct_results(
    pool: asyncpg.Pool, *, cursor: int | None = None, limit: int = 50
) -> tuple[list[Row], int | None]:
    """What became of closed petitions about conduct, as far as a clerk has issued words for it: of whom and through
    whom is not told, nor when to the day. The cursor is their number so far."""
    rows = await pool.fetch(
        "SELECT p.public_topic AS topic, p.public_details AS details, p.outcome,"
        " to_char(p.changed_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS closed_in, coalesce(f.judged, 0) AS judged,"
        " coalesce(f.resolved_yes + f.resolved_partly, 0) AS resolved, coalesce(f.satisfied, 0) AS satisfied"
        " FROM board.petitions AS p LEFT JOIN LATERAL (SELECT * FROM board.feedback WHERE petition_id = p.id"
        "  ORDER BY round DESC, delivery DESC LIMIT 1) AS f ON true"
        " WHERE p.category = 'conduct' AND p.phase = 'closed' AND p.public_topic IS NOT NULL"
        " ORDER BY p.opened OFFSET $1 LIMIT $2",
        cursor or 0,
        limit + 1,
    )
    found = [dict(row) for row in rows[:limit]]
    for row in found:
        few = row["judged"] < FEWEST
        row |= {"fewer_than_five": few, **(dict.fromkeys(("judged", "resolved", "satisfied")) if few else {})}
    return found, (cursor or 0) + limit if len(rows) > limit else None


async def tasks_of_unit(
    pool: asyncpg.Pool,
    unit_id: UUID,
    *,
    statuses: Sequence[str] | None = None,
    latest_first: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[Row], str | None]:
    """The tasks in which a unit leads or supports, and that are offered, by when what runs now is due, else the task
    itself; and the next page's cursor. ``ValueError``: that is no cursor of ours."""
    place, _, last = cursor.partition("|") if cursor else ("0", "", str(UUID(int=0)))
    rows = await pool.fetch(
        f"""
        WITH found AS (
            SELECT t.*, p.suspended, {LATE}, (CASE WHEN $7 THEN -1 ELSE 1 END) * extract(epoch FROM
                coalesce((t.clock ->> 'due_at')::timestamptz, (t.due_on + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
            )::bigint AS place
            FROM board.tasks AS t JOIN board.petitions AS p ON p.id = t.petition_id
            WHERE t.units @> ARRAY[$1::uuid] AND t.status <> 'planned' AND $1 <> ALL (p.kept_from)
                AND ($6::text[] IS NULL OR t.status = ANY ($6)))
        SELECT * FROM found WHERE NOT $2 OR (place, id) > ($3::bigint, $4::uuid) ORDER BY place, id LIMIT $5
        """,
        unit_id,
        cursor is not None,
        int(place),
        UUID(last),
        limit + 1,
        statuses,
        latest_first,
    )
    found = [_task(row) for row in rows[:limit]]
    return found, f"{found[-1]['place']}|{found[-1]['id']}" if len(rows) > limit else None


def _petition(record: asyncpg.Record, viewer: Viewer) -> Row:
    row = shape(record, texts=("topic", "details"), json_columns=("clocks", "rejection", "split_proposal", "delegates"))
    row.pop("opened", None)
    clocks = sorted(map(clock_from, row["clocks"].values()), key=lambda clock: clock["due_at"])
    row["clocks"] = [clock for clock in clocks if clock["started_at"] <= viewer.at]
    if "delegates" in row:
        row["delegates"] = {post: UUID(delegate) for post, delegate in row["delegates"].items()}
    if proposal := row.get("split_proposal"):
        row["split_proposal"] = {n: v if n == "other_category" else text_from(v) for n, v in proposal.items()}
    if row.get("rejection"):
        row["rejection"]["explanation"] = text_from(row["rejection"]["explanation"])
    return row


def _task(record: asyncpg.Record) -> Row:
    row = shape(record, texts=("title", "money_source"), json_columns=("clock", "vote"))
    row["clock"] = row["clock"] and clock_from(row["clock"])
    del row["units"], row["nth"]
    return row


def _ballot(record: asyncpg.Record) -> Row:
    row = shape(record, json_columns=("clock",))
    return row | {"clock": clock_from(row["clock"])}


def _feedback(record: asyncpg.Record) -> Row:
    """While a round is judged, only how many were invited: a tally that moves shows how the person just visited judged.
    Nor do totals of so few that each could be guessed."""
    row = dict(record)
    del row["petition_id"]
    few = row["judged"] < FEWEST
    if few or not row["concluded"]:
        row |= dict.fromkeys(TOTALS)
    return row | {"fewer_than_five": few and row["concluded"]}
