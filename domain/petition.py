"""A petition: ten or more residents set a topic and call a leader in; the residents judge the result.

Top to bottom: words, events, what they change, and the commands in the order of the story. Phases: DESIGN §4.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import roadmap
from domain.calendar import local_day
from domain.clock import Clock
from domain.command import ONE_LEVEL_UP, Command, Decider, Permission, Role, command
from domain.directory import Host, Post, Unit
from domain.disclosure import A_DAY, at_least, next_told
from domain.refusals import Conflict, Forbidden, Invalid
from domain.roadmap import RoadmapItem
from domain.task import Task
from domain.text import Text


class Phase(StrEnum):
    COLLECTING = "collecting"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    MEETING = "meeting"
    ROADMAP = "roadmap"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    FEEDBACK = "feedback"
    TRACKING = "tracking"
    CLOSED = "closed"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    REFERRED = "referred"
    MERGED = "merged"


ENDS = frozenset({Phase.CLOSED, Phase.LAPSED, Phase.WITHDRAWN, Phase.REJECTED, Phase.REFERRED, Phase.MERGED})
OPEN = frozenset(Phase) - ENDS
ADMITTED = frozenset(
    {Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP, Phase.IN_PROGRESS, Phase.ANSWERED, Phase.FEEDBACK, Phase.TRACKING}
)
UNDER_WAY = frozenset({Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP, Phase.IN_PROGRESS})
WEEK, MANY = timedelta(days=7), 5  # one in so many co-signers withdrawing within a week: somebody may be pressing them
SIGNATURES_CHANGE = (Phase.COLLECTING, Phase.SUBMITTED, *UNDER_WAY)  # not while those who signed are asked to judge
UNANSWERED = frozenset({Phase.SUBMITTED, Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP})  # an urgent one's clock runs on


class Category(StrEnum):
    ADVICE = "advice"
    CONDUCT = "conduct"
    GRIEVANCE = "grievance"


class RejectionReason(StrEnum):
    NOT_IN_SCOPE = "not_in_scope"
    STATUTORY_ROUTE = "statutory_route"
    DISCIPLINE = "discipline"
    OTHER_LEVEL = "other_level"
    NO_CONCRETE_TOPIC = "no_concrete_topic"
    DUPLICATE = "duplicate"
    OTHER = "other"


class StatutoryRoute(StrEnum):
    COURT = "court"
    ARBITRATION = "arbitration"
    ADMINISTRATIVE_REVIEW = "administrative_review"


class Answer(StrEnum):
    """What a final response promises."""

    DONE = "done"
    PLANNED = "planned"
    EXPLAINED = "explained"


class Resolved(StrEnum):
    YES = "yes"
    PARTLY = "partly"
    NO = "no"


class Outcome(StrEnum):
    """How the residents judged a closed petition. Silence is "not judged", never "satisfied"."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    NOT_JUDGED = "not_judged"


class Supervision(StrEnum):
    """Where an order stands. One that comes while another stands is obeyed, and lifted, together with it."""

    ORDERED = "ordered"
    ANSWERED = "answered"


class ReviewResult(StrEnum):
    """Changed: the reviewing unit's opinion takes the answer's place. Returned: the post works on it in a new round."""

    UPHELD = "upheld"
    CHANGED = "changed"
    RETURNED = "returned"


FEW = 3  # judgements: with fewer, those who agreed to it are called
REVIEWS = 2  # 复查, then 复核; what it says is final


@dataclass(frozen=True)
class SplitProposal:
    """How a clerk would divide a petition with two topics: what stays, and what becomes another petition."""

    topic: Text
    details: Text
    other_topic: Text
    other_details: Text
    other_category: str


Judgements = dict[str, tuple[str, bool]]  # pseudonym -> resolved, satisfied


RESIDENT = Permission(Role.RESIDENT)
LEAD_PETITIONER = Permission(Role.RESIDENT, who=lambda petition: [petition.lead])
HOST_STAFF = Permission(Role.HOST_STAFF, of=lambda petition, _: [petition.host_id])
CLERK = Permission(Role.CLERK)
RECEIVING_UNIT = Permission(Role.UNIT_OFFICER, of=lambda petition, _: {petition.referred_to} - {None})
CALLED_POST = Permission(Role.OFFICIAL, of=lambda petition, _: petition.called_post_ids)
AT_THE_TABLE = Permission(
    Role.OFFICIAL, of=lambda petition, _: [*petition.called_post_ids, *petition.delegates.values()]
)
LEAD_OFFICIAL = Permission(Role.OFFICIAL, of=lambda petition, _: petition.called_post_ids[:1])
SUPERVISOR = Permission(Role.SUPERVISOR)
APPROVER = Permission(Role.OFFICIAL, of=lambda _, arguments: arguments.get("approvers", ()))
REPRESENTATIVE = Permission(Role.RESIDENT, who=lambda petition: petition.representatives)
WORKFLOW = Permission(Role.WORKFLOW)


class Petition(Decider):
    TOPIC = "petition"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Opened
    # What older snapshots lack; replaced, never changed in place.
    supervision: str | None = None  # where the order stands, if there is one; it outlives the petition's end
    elected = dict[str, Text]()  # noqa: RUF012 - pseudonym -> the name to be known by, most votes first
    referred_to: UUID | None = None  # the unit, where the receiving authority is in the directory
    referral_received = False
    contests: Sequence[UUID] = ()  # intakes (domain/intake.py) that staff found false
    refilings = 0
    split_proposal: "SplitProposal | None" = None
    urgent = False
    signing_goes_on = False  # though it was submitted, since it was too urgent to wait for signatures
    promise: tuple[int, date] | None = None  # the last: the round in whose response it was made, and its day
    delivered_in = 0  # the last round whose promise was delivered, or missed
    invalidated: Sequence[str] = ()
    roadmap_version: int = 1  # of the present round's
    meeting_id: UUID | None = None  # the last that was arranged
    delegates = dict[str, UUID]()  # noqa: RUF012 - called post -> the post that stands in for it in the meeting
    ballots = dict[str, tuple[UUID, Clock]]()  # noqa: RUF012 - those open, by question
    declined = dict[str, datetime]()  # noqa: RUF012 - what the co-signers last said no to, and when
    kept_apart_from = list[UUID]()  # noqa: RUF012 - into what the co-signers did not want it merged
    kept_from: Sequence[UUID] = ()  # those whose conduct it is about, and whoever is below them
    recused: Sequence[str] = ()  # pseudonyms of staff
    raised: Sequence[str] = ()  # roles of which nobody can handle it: their work goes one level up
    counts_every = A_DAY
    submitted_with: int | None = None  # signatures
    callable = dict[str, bool]()  # noqa: RUF012 - who agreed to be called back: pseudonym -> still agrees
    calling: tuple[UUID, str, str] | None = None  # the call under way: its id, whom it is to, and by which clerk
    called: Sequence[str] = ()  # in this call-back
    reviews = 0  # asked for so far
    reviewed_by: str | None = None  # who decided the last
    reviewable_from: datetime | None = None  # when it was closed, or the last review decided
    withdrawals = dict[str, datetime]()  # noqa: RUF012 - pseudonym -> when, of the last week
    alert: Clock | None = None  # after many withdrawals, until the supervisor hears of it
    alerted_at: datetime | None = None
    alert_heeded = True

    def __init__(
        self,
        topic: Text,
        details: Text,
        category: str,
        host_id: UUID,
        called_post_ids: list[UUID],
        threshold: int,
        signing: Clock,
        by: str,
        counts_every: int = A_DAY,
        kept_from: Sequence[UUID] = (),
    ) -> None:
        self.phase: str = Phase.COLLECTING.value
        self.round = 1
        self.topic, self.details, self.category = topic, details, category
        self.host_id, self.called_post_ids = host_id, called_post_ids
        self.threshold, self.counts_every = threshold, counts_every
        self.kept_from = kept_from
        self.lead = by
        self.signers = {by: True}  # pseudonym -> still valid; a dict, for snapshots
        self.signatures = 1
        self.clocks = {"signing": signing}  # what is running now, by rule
        self.threshold_reached = False
        self.public_topic: Text | None = None
        self.public_details: Text | None = None
        self.acknowledged: list[UUID] = []
        self.roadmaps: list[list[RoadmapItem]] = []  # one a round
        self.judgements: Judgements = {}  # of the present round
        self.extended_days = 0
        self.suspended_at: datetime | None = None
        self.warned: list[str] = []
        self.merged_into: UUID | None = None
        self.outcome: str | None = None

    # --- events: what happened, and what it changes -----------------------------------------------------------------

    class Event(Decider.Event):
        pass

    class Opened(Event, Aggregate.Created):
        """The lead petitioner set the topic and signed first."""

        TOPIC = "petition.Opened"
        topic: Text
        details: Text
        category: str
        host_id: UUID
        called_post_ids: list[UUID]
        threshold: int
        signing: Clock
        counts_every: int = A_DAY
        kept_from: Sequence[UUID] = ()

    class CoSigned(Event):
        TOPIC = "petition.CoSigned"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.signers[self.by] = True
            petition.signatures += 1
            if self.by in petition.withdrawals:
                petition.withdrawals = {by: at for by, at in petition.withdrawals.items() if by != self.by}

    class CoSignatureWithdrawn(Event):
        TOPIC = "petition.CoSignatureWithdrawn"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.lose(self.by)
            petition.withdrawals = petition.withdrawn_since(self.timestamp - WEEK) | {self.by: self.timestamp}

    class WithdrawalsMounted(Event):
        """A fifth within a week. The supervisor hears of it later, so that nobody can tell when the last withdrew."""

        TOPIC = "petition.WithdrawalsMounted"
        SECRET = True
        alert: Clock

        def apply(self, petition: "Petition") -> None:
            petition.alert = self.alert

    class SupervisorAlerted(Event):
        """Of a week in which a fifth or more withdrew: not how many, not who, not when."""

        TOPIC = "petition.SupervisorAlerted"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.alert, petition.alerted_at, petition.alert_heeded = None, self.timestamp, False

    class AlertHeeded(Event):
        TOPIC = "petition.AlertHeeded"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.alert_heeded = True

    class CoSignatureRepeated(Event):
        """Staff took in, or took away, a slip of somebody who has signed themselves: nothing changes. It is there so
        that nobody can tell by the length of the log."""

        TOPIC = "petition.CoSignatureRepeated"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            pass

    class CoSignatureContested(Event):
        """Host staff found the slip of a signature false; it counts until that is decided: see domain/intake.py."""

        SECRET = True
        TOPIC = "petition.CoSignatureContested"
        intake_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.contests = [*petition.contests, self.intake_id]

    class CoSignatureInvalidated(Event):
        TOPIC = "petition.CoSignatureInvalidated"
        SECRET = True
        signer: str

        def apply(self, petition: "Petition") -> None:
            petition.lose(self.signer)
            petition.invalidated = [*petition.invalidated, self.signer]

    class ThresholdReached(Event):
        """It is told from its clock's start on: at the moment itself somebody signed."""

        TOPIC = "petition.ThresholdReached"
        SECRET = True
        signatures: int
        host_opinion: Clock

        def apply(self, petition: "Petition") -> None:
            petition.threshold_reached = True
            petition.clocks["host_opinion"] = self.host_opinion

    class Recused(Event):
        """Somebody who handles it has an interest in it, and says no more: their mother may have signed.

        ``raised``: nobody else of their role is without one.
        """

        TOPIC = "petition.Recused"
        SECRET = True
        raised: bool

        def apply(self, petition: "Petition") -> None:
            petition.recused = [*(by for by in petition.recused if by != self.by), self.by]
            if self.raised:
                petition.raised = [*petition.raised, self.role]

    class HostOpinionGiven(Event):
        TOPIC = "petition.HostOpinionGiven"
        opinion: Text

    class Submitted(Event):
        TOPIC = "petition.Submitted"
        admissibility: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.SUBMITTED, self.admissibility)
            if petition.signatures >= petition.threshold:  # else it is urgent, and signing goes on
                petition.submitted_with = petition.signatures

    class Lapsed(Event):
        TOPIC = "petition.Lapsed"
        signatures: int

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.LAPSED)

    class Withdrawn(Event):
        TOPIC = "petition.Withdrawn"

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.WITHDRAWN)

    class MarkedUrgent(Event):
        """The clock runs to the first response, whatever phases the petition enters before that."""

        TOPIC = "petition.MarkedUrgent"
        reason: Text
        urgent: Clock

        def apply(self, petition: "Petition") -> None:
            petition.urgent = True
            petition.clocks["urgent"] = self.urgent
            if petition.phase == Phase.COLLECTING:
                petition.signing_goes_on = True

    class UrgencyLifted(Event):
        """``signing``: what was submitted unsigned only for its urgency collects signatures again."""

        TOPIC = "petition.UrgencyLifted"
        reason: Text
        signing: Clock | None

        def apply(self, petition: "Petition") -> None:
            petition.urgent = False
            petition.clocks.pop("urgent", None)
            if self.signing:
                petition.enter(Phase.COLLECTING, self.signing)
                petition.threshold_reached = petition.signing_goes_on = False
                petition.submitted_with = None

    class PublicTextIssued(Event):
        TOPIC = "petition.PublicTextIssued"
        topic: Text
        details: Text

        def apply(self, petition: "Petition") -> None:
            petition.public_topic, petition.public_details = self.topic, self.details

    class Accepted(Event):
        TOPIC = "petition.Accepted"
        meeting: Clock
        response: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.ACCEPTED, self.meeting, self.response)

    class SplitProposed(Event):
        TOPIC = "petition.SplitProposed"
        topic: Text
        details: Text
        other_topic: Text
        other_details: Text
        other_category: str

        def apply(self, petition: "Petition") -> None:
            petition.split_proposal = SplitProposal(
                self.topic, self.details, self.other_topic, self.other_details, self.other_category
            )

    class Split(Event):
        """The lead petitioner has agreed: one topic stays here, the other went into another petition."""

        TOPIC = "petition.Split"
        into_id: UUID
        topic: Text
        details: Text

        def apply(self, petition: "Petition") -> None:
            petition.topic, petition.details = self.topic, self.details
            petition.public_topic = petition.public_details = petition.split_proposal = None

    class SplitFrom(Event):
        """``signers``: those of the other petition but for its lead, by their pseudonyms in this one, in an order that
        tells nothing of theirs there."""

        TOPIC = "petition.SplitFrom"
        origin_id: UUID
        signers: list[str]

        def apply(self, petition: "Petition") -> None:
            petition.signers |= dict.fromkeys(self.signers, True)
            petition.signatures += len(self.signers)
            petition.threshold_reached = True

    class Rejected(Event):
        """``refiling``: for so long it may be amended and filed again; without, this is the end."""

        TOPIC = "petition.Rejected"
        reason_code: str
        explanation: Text
        route: str | None = None
        duplicate_of: UUID | None = None
        refiling: Clock | None = None

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.REJECTED, *([self.refiling] if self.refiling else []))

    class Refiled(Event):
        """Amended by the lead petitioner: what the public was to read is void, who signed has signed."""

        TOPIC = "petition.Refiled"
        topic: Text
        details: Text
        admissibility: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.SUBMITTED, self.admissibility)
            petition.topic, petition.details = self.topic, self.details
            petition.public_topic = petition.public_details = None
            petition.refilings += 1

    class RefilingClosed(Event):
        """Nobody amended it in time: the rejection is the end."""

        TOPIC = "petition.RefilingClosed"

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.REJECTED)

    class Referred(Event):
        """Passed on to another statutory route or level. Either ``unit_id`` or ``to`` says whom to."""

        TOPIC = "petition.Referred"
        unit_id: UUID | None
        to: Text | None
        explanation: Text

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.REFERRED)
            petition.referred_to = self.unit_id

    class ReferralReceived(Event):
        """The receiving authority has taken it up on that day, under a number of its own."""

        TOPIC = "petition.ReferralReceived"
        number: Text
        received_by: Text
        received_on: date

        def apply(self, petition: "Petition") -> None:
            petition.referral_received = True

    class Merged(Event):
        TOPIC = "petition.Merged"
        into_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.MERGED)
            petition.merged_into = self.into_id

    class Called(Event):
        TOPIC = "petition.Called"
        post_ids: list[UUID]
        acknowledgement: Clock

        def apply(self, petition: "Petition") -> None:
            petition.clocks["acknowledgement"] = self.acknowledgement

    class CallAcknowledged(Event):
        TOPIC = "petition.CallAcknowledged"
        post_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.acknowledged.append(self.post_id)
            if petition.phase == Phase.ACCEPTED and self.post_id == petition.called_post_ids[0]:
                petition.phase = Phase.MEETING.value
                petition.clocks.pop("acknowledgement")

    class CallReassigned(Event):
        """Another post is called instead. Where it takes the lead, it is to acknowledge the call."""

        TOPIC = "petition.CallReassigned"
        from_id: UUID
        to_id: UUID
        acknowledgement: Clock | None

        def apply(self, petition: "Petition") -> None:
            called = petition.called_post_ids
            petition.called_post_ids = [self.to_id if id == self.from_id else id for id in called]
            petition.acknowledged = [id for id in petition.acknowledged if id != self.from_id]
            petition.delegates = {id: to for id, to in petition.delegates.items() if id != str(self.from_id)}
            if self.acknowledgement:
                petition.phase = Phase.ACCEPTED.value
                petition.clocks["acknowledgement"] = self.acknowledgement

    class DelegateNamed(Event):
        """A called post's holder sends another of the same rank to the meeting: once, and never to answer."""

        TOPIC = "petition.DelegateNamed"
        post_id: UUID
        delegate_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.delegates = {**petition.delegates, str(self.post_id): self.delegate_id}

    class MeetingArranged(Event):
        TOPIC = "petition.MeetingArranged"
        meeting_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.meeting_id = self.meeting_id

    class MeetingWaived(Event):
        """The matter was resolved before the meeting. There is nothing to plan: the answer is due, and is judged."""

        TOPIC = "petition.MeetingWaived"

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.IN_PROGRESS, petition.clocks["response"])
            petition.roadmaps.append([])  # of this round
            petition.roadmap_version = 1

    class MeetingHeld(Event):
        TOPIC = "petition.MeetingHeld"
        meeting_id: UUID
        roadmap: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.ROADMAP, self.roadmap, petition.clocks["response"])

    class BallotCalled(Event):
        """The co-signers are asked. ``into_id``: of a merging. What they vote is in the ballot alone."""

        TOPIC = "petition.BallotCalled"
        ballot_id: UUID
        question: str
        into_id: UUID | None
        ballot: Clock

        def apply(self, petition: "Petition") -> None:
            petition.ballots = petition.ballots | {self.question: (self.ballot_id, self.ballot)}

    class BallotConcluded(Event):
        TOPIC = "petition.BallotConcluded"
        ballot_id: UUID
        question: str
        into_id: UUID | None
        result: str

        def apply(self, petition: "Petition") -> None:
            petition.ballots = {q: ballot for q, ballot in petition.ballots.items() if q != self.question}
            if self.result == "failed":
                petition.declined = petition.declined | {self.question: self.timestamp}
                if self.into_id:
                    petition.kept_apart_from = [*petition.kept_apart_from, self.into_id]

    class LeadReplaced(Event):
        TOPIC = "petition.LeadReplaced"
        lead: str

        def apply(self, petition: "Petition") -> None:
            petition.lead = self.lead

    class RepresentativesElected(Event):
        """Instead of those elected before. They have agreed to be known by these names."""

        TOPIC = "petition.RepresentativesElected"
        elected: dict[str, Text]

        def apply(self, petition: "Petition") -> None:
            petition.elected = self.elected

    class RepresentativeResigned(Event):
        TOPIC = "petition.RepresentativeResigned"

        def apply(self, petition: "Petition") -> None:
            petition.dismiss(self.by)

    class RoadmapPublished(Event):
        TOPIC = "petition.RoadmapPublished"
        round: int
        items: list[RoadmapItem]

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.IN_PROGRESS, petition.clocks["response"])
            petition.roadmaps.append(self.items)
            petition.roadmap_version = 1

    class RoadmapRevised(Event):
        """Instead of the one before, which this round's ``version`` counts from 1."""

        TOPIC = "petition.RoadmapRevised"
        round: int
        version: int
        reason: Text
        items: list[RoadmapItem]

        def apply(self, petition: "Petition") -> None:
            petition.roadmaps = [*petition.roadmaps[:-1], self.items]
            petition.roadmap_version = self.version

    class InterimResponseGiven(Event):
        TOPIC = "petition.InterimResponseGiven"
        text: Text

        def apply(self, petition: "Petition") -> None:
            petition.clocks.pop("urgent", None)

    class Answered(Event):
        TOPIC = "petition.Answered"
        round: int
        text: Text
        outcome: str

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.ANSWERED)
            if petition.supervision:  # the final response is the answer to whatever was ordered on the way
                petition.supervision = Supervision.ANSWERED.value

    class CommitmentMade(Event):
        """What the response of this round only plans is promised for a day, to its end."""

        TOPIC = "petition.CommitmentMade"
        round: int
        due_on: date

        def apply(self, petition: "Petition") -> None:
            petition.promise = self.round, self.due_on

    class FeedbackInvited(Event):
        TOPIC = "petition.FeedbackInvited"
        round: int
        invited: int
        feedback: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.FEEDBACK, self.feedback)

    class FeedbackGiven(Event):
        TOPIC = "petition.FeedbackGiven"
        SECRET = True
        round: int
        contacted: bool
        resolved: str
        satisfied: bool
        comment: Text | None

        def apply(self, petition: "Petition") -> None:
            petition.judgements[self.by] = (self.resolved, self.satisfied)

    class CallBackAgreed(Event):
        """This co-signer may be called by the clerk, should too few judge: the clerk then learns who they are."""

        TOPIC = "petition.CallBackAgreed"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.callable = {**petition.callable, self.by: True}

    class CallBackDeclined(Event):
        TOPIC = "petition.CallBackDeclined"
        SECRET = True

        def apply(self, petition: "Petition") -> None:
            petition.callable = {**petition.callable, self.by: False}

    class CallBackBegun(Event):
        """Too few have judged in time: the clerk calls those who agreed to it. They may still judge by themselves."""

        TOPIC = "petition.CallBackBegun"
        round: int
        call_back: Clock

        def apply(self, petition: "Petition") -> None:
            petition.clocks = {"call_back": self.call_back}
            petition.called, petition.calling = [], None

    class CallHandedOut(Event):
        """The clerk is told whom to call: one at a time."""

        TOPIC = "petition.CallHandedOut"
        SECRET = True
        call_id: UUID
        signer: str

        def apply(self, petition: "Petition") -> None:
            petition.calling = self.call_id, self.signer, self.by
            petition.called = [*petition.called, self.signer]

    class CallMissed(Event):
        """Nobody answered, or did not want to."""

        TOPIC = "petition.CallMissed"
        SECRET = True
        call_id: UUID

        def apply(self, petition: "Petition") -> None:
            petition.calling = None

    class FeedbackTaken(Event):
        """A judgement that the clerk was told on the telephone, read back and entered."""

        TOPIC = "petition.FeedbackTaken"
        SECRET = True
        call_id: UUID
        signer: str
        round: int
        contacted: bool
        resolved: str
        satisfied: bool
        comment: Text | None

        def apply(self, petition: "Petition") -> None:
            petition.judgements[self.signer] = (self.resolved, self.satisfied)
            petition.calling = None

    class TrackingBegun(Event):
        """The residents have judged the promise; it is tracked until it is kept."""

        TOPIC = "petition.TrackingBegun"
        round: int
        commitment: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.TRACKING, self.commitment)

    class CommitmentDelivered(Event):
        TOPIC = "petition.CommitmentDelivered"
        round: int
        report: Text

        def apply(self, petition: "Petition") -> None:
            petition.judge_delivery()

    class CommitmentMissed(Event):
        """The promised day is over and nothing was reported: the residents judge what they see."""

        TOPIC = "petition.CommitmentMissed"
        round: int

        def apply(self, petition: "Petition") -> None:
            petition.judge_delivery()

    class Reopened(Event):
        TOPIC = "petition.Reopened"
        round: int
        judged: int
        resolved: int
        roadmap: Clock
        response: Clock

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.ROADMAP, self.roadmap, self.response)
            petition.round, petition.judgements, petition.outcome = self.round, {}, None

    class Extended(Event):
        TOPIC = "petition.Extended"
        days: int
        reason: Text
        response: Clock

        def apply(self, petition: "Petition") -> None:
            petition.extended_days += self.days
            petition.clocks["response"] = self.response

    class Suspended(Event):
        TOPIC = "petition.Suspended"
        reason: Text

        def apply(self, petition: "Petition") -> None:
            petition.suspended_at = self.timestamp

    class Resumed(Event):
        """The matter goes on; every running clock stood still meanwhile."""

        TOPIC = "petition.Resumed"
        clocks: list[Clock]

        def apply(self, petition: "Petition") -> None:
            petition.suspended_at = None
            petition.clocks = {clock.rule: clock for clock in self.clocks}

    class ClocksMoved(Event):
        """Days were announced off, or worked: what counts working days ends later, or earlier. ``clocks``: those that
        move; ``revision``: of the calendar."""

        TOPIC = "petition.ClocksMoved"
        clocks: list[Clock]
        revision: int

        def apply(self, petition: "Petition") -> None:
            petition.clocks |= {clock.rule: clock for clock in self.clocks}

    class Reminded(Event):
        TOPIC = "petition.Reminded"
        rule: str
        due_at: datetime
        task_id: UUID | None

        def apply(self, petition: "Petition") -> None:
            petition.warned.append(warning("reminded", self.rule, self.due_at, self.task_id))

    class Escalated(Event):
        TOPIC = "petition.Escalated"
        rule: str
        due_at: datetime
        task_id: UUID | None

        def apply(self, petition: "Petition") -> None:
            petition.warned.append(warning("escalated", self.rule, self.due_at, self.task_id))

    class SupervisionOrdered(Event):
        """By a supervisor in words of their own, or by the rule of the last round (no words)."""

        TOPIC = "petition.SupervisionOrdered"
        order: Text | None

        def apply(self, petition: "Petition") -> None:
            petition.supervision = Supervision.ORDERED.value

    class SupervisionAnswered(Event):
        """The post says how it has obeyed."""

        TOPIC = "petition.SupervisionAnswered"
        report: Text

        def apply(self, petition: "Petition") -> None:
            petition.supervision = Supervision.ANSWERED.value

    class SupervisionLifted(Event):
        TOPIC = "petition.SupervisionLifted"
        reason: Text

        def apply(self, petition: "Petition") -> None:
            petition.supervision = None

    class Closed(Event):
        TOPIC = "petition.Closed"
        outcome: str
        invited: int
        judged: int
        resolved: int
        satisfied: int

        def apply(self, petition: "Petition") -> None:
            petition.enter(Phase.CLOSED)
            petition.outcome = self.outcome
            petition.reviewable_from = self.timestamp

    class ReviewRequested(Event):
        """By one of the co-signers. ``level``: 1 for a review, 2 for the second and last."""

        TOPIC = "petition.ReviewRequested"
        level: int
        grounds: Text
        review: Clock

        def apply(self, petition: "Petition") -> None:
            petition.clocks = {"review": self.review}
            petition.reviews = self.level

    class ReviewDecided(Event):
        TOPIC = "petition.ReviewDecided"
        level: int
        result: str
        opinion: Text

        def apply(self, petition: "Petition") -> None:
            petition.clocks = {}
            petition.reviewed_by, petition.reviewable_from = self.by, self.timestamp

    def lose(self, signer: str) -> None:
        self.signers[signer] = False
        self.signatures -= 1
        if signer in self.elected:
            self.dismiss(signer)

    def dismiss(self, representative: str) -> None:
        self.elected = {by: name for by, name in self.elected.items() if by != representative}

    def enter(self, phase: Phase, *clocks: Clock) -> None:
        if "urgent" in self.clocks and phase in UNANSWERED:
            clocks = (self.clocks["urgent"], *clocks)
        self.phase, self.clocks = phase.value, {clock.rule: clock for clock in clocks}
        if phase in ENDS and self.ballots:
            self.ballots = {}  # void, also if it goes on after all: amended, or by a review

    def judge_delivery(self) -> None:
        self.enter(Phase.ANSWERED)
        self.delivered_in, self.judgements = self.round, {}

    @property
    def over(self) -> bool:
        """Nothing more is due; a review may still be asked for. What was rejected waits for a while to be amended."""
        return self.phase in ENDS and not self.clocks.keys() & {"review", "refiling"}

    @property
    def delivered(self) -> bool:
        """What this round's response promised was delivered or missed: the residents judge for the second time."""
        return self.delivered_in == self.round

    @property
    def commitment(self) -> date | None:
        """The day promised by this round's response, until it is delivered or missed."""
        if self.promise is None or self.promise[0] != self.round or self.delivered:
            return None
        return self.promise[1]

    @property
    def representatives(self) -> list[str]:
        """Their pseudonyms."""
        return list(self.elected)

    @property
    def signatures_told(self) -> int | None:
        """How many have signed, for those who have not: at least, as of its submission; None before."""
        if not self.counts_every:
            return self.signatures
        return None if self.submitted_with is None else at_least(self.submitted_with, self.threshold)

    @property
    def tasks(self) -> list[UUID]:
        """Those of the present round."""
        return [item.task_id for roadmap in self.roadmaps[self.round - 1 :] for item in roadmap]

    # --- collecting -------------------------------------------------------------------------------------------------

    @classmethod
    @command(RESIDENT)
    def open(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        topic: Text,
        details: Text,
        category: Category,
        host: Host,
        posts: Sequence[Post],
        kept_from: Sequence[UUID] = (),
    ) -> "Petition":
        """Set the topic. Of the called posts the first takes the lead; who opens, signs first. ``kept_from``: the host,
        posts and units whose conduct it is about, and whoever is below them."""
        called = [post.id for post in posts]
        if not 1 <= len(called) <= 3 or len(set(called)) < len(called):
            raise Invalid(
                "called-posts",
                "请选择一至三个不同的应约职务,第一个为牵头。",
                "Call one to three different posts; the first takes the lead.",
                "called_post_ids",
            )
        if kept_from and category != Category.CONDUCT:
            raise Invalid(
                "not-about-conduct",
                "只有反映作风效能的题目才指明被反映的对象。",
                "Only a petition about conduct names whom it is about.",
                "about_ids",
            )
        require_apart(kept_from, called, "called_post_ids")
        require_apart(kept_from, [host.id], "host_id")
        return cls.begin(
            cls.Opened,
            cmd,
            id=id,
            topic=topic,
            details=details,
            category=category.value,
            host_id=host.id,
            called_post_ids=called,
            threshold=cmd.policy.threshold,
            signing=cmd.policy.clock("signing", cmd.at),
            counts_every=cmd.policy.counts_every,
            kept_from=list(kept_from),
        )

    @property
    def signing_phases(self) -> Sequence[Phase]:
        return SIGNATURES_CHANGE if self.signing_goes_on else (Phase.COLLECTING,)

    @command(RESIDENT)
    def co_sign(self, cmd: Command, /) -> None:
        self.require(*self.signing_phases)
        if self.signers.get(cmd.by):
            raise Conflict("already-signed", "您已联名,每人一次,无需重复。", "You have signed already; once is enough.")
        enough = self.signatures + 1 >= self.threshold
        crossing = enough and not self.threshold_reached and self.phase == Phase.COLLECTING
        told_at = next_told(cmd.at, self.counts_every)
        host_opinion = cmd.policy.clock("host_opinion", told_at) if crossing else None
        self.decide(self.CoSigned, cmd)
        if host_opinion:
            facts = {"signatures": self.signatures, "host_opinion": host_opinion}
            self.decide(self.ThresholdReached, cmd.consequence(), **facts)

    @command(RESIDENT)
    def withdraw_signature(self, cmd: Command, /) -> None:
        self.require(*SIGNATURES_CHANGE)
        if not self.signers.get(cmd.by):
            raise Conflict("not-signed", "您没有有效的联名可撤回。", "There is no signature of yours to withdraw.")
        if cmd.by == self.lead:
            raise Conflict(
                "lead-petitioner",
                "发起人不能单独撤回联名;达到人数之前可以撤回整个申请,之后请先提请更换发起人。",
                "The lead petitioner cannot withdraw just the signature: before the threshold, withdraw the petition;"
                " after it, ask to be replaced first.",
            )
        mounts = self._withdrawals_mount(cmd)
        alert = cmd.policy.clock("alert", cmd.at) if mounts else None
        self.decide(self.CoSignatureWithdrawn, cmd)
        if alert:
            self.decide(self.WithdrawalsMounted, cmd.consequence(), alert=alert)

    def withdrawn_since(self, moment: datetime) -> dict[str, datetime]:
        return {by: at for by, at in self.withdrawals.items() if at > moment}

    def _withdrawals_mount(self, cmd: Command) -> bool:
        """Whether with this one a fifth of last week's co-signers are gone; of which is told once a week at most."""
        if self.phase == Phase.COLLECTING and not self.threshold_reached:
            return False
        if self.alert or (self.alerted_at and cmd.at - self.alerted_at < WEEK):
            return False
        gone = self.withdrawn_since(cmd.at - WEEK).keys() | {cmd.by}
        return MANY * len(gone) >= self.signatures + len(gone) - 1

    @command(WORKFLOW)
    def alert_supervisor(self, cmd: Command, /) -> None:
        if not self.alert:
            raise Conflict("no-alert", "没有待发出的提醒。", "There is nothing to alert anybody of.")
        self._require_due(self.alert, cmd)
        self.decide(self.SupervisorAlerted, cmd)

    @command(SUPERVISOR)
    def heed_alert(self, cmd: Command, /) -> None:
        """The supervisor has looked into it; also after the petition's end."""
        if self.alert_heeded:
            raise Conflict("no-alert", "没有待处理的提醒。", "There is no alert that waits for you.")
        self.decide(self.AlertHeeded, cmd)

    @command(HOST_STAFF)
    def contest_signature(self, cmd: Command, /, *, intake_id: UUID) -> None:
        """Called by ``Intake.confirm_invalidation``, for the story to watch its clocks."""
        self.require(*SIGNATURES_CHANGE)
        if intake_id not in self.contests:
            self.decide(self.CoSignatureContested, cmd, intake_id=intake_id)

    @command(CLERK, WORKFLOW)
    def invalidate_signature(self, cmd: Command, /, *, signer: str) -> None:
        """It was somebody's who may not sign, or nobody's. The threshold, once crossed and submitted, stays crossed."""
        self.require(*SIGNATURES_CHANGE)
        if self.signers.get(signer):
            self.decide(self.CoSignatureInvalidated, cmd, signer=signer)

    @command(LEAD_PETITIONER)
    def withdraw(self, cmd: Command, /) -> None:
        self.require(Phase.COLLECTING)
        if self.threshold_reached:
            raise Conflict(
                "threshold-reached",
                "联名已达人数,发起人不能独自撤回;请提请联名人表决。",
                "The threshold has been reached: the lead petitioner can no longer withdraw alone. Let the co-signers"
                " vote on it.",
            )
        self.decide(self.Withdrawn, cmd)

    @command(HOST_STAFF)
    def give_host_opinion(self, cmd: Command, /, *, opinion: Text) -> None:
        """The host adds its opinion, which submits the petition. It has no veto: see ``close_signing``."""
        self.require(Phase.COLLECTING)
        if self.signatures < self.threshold:
            raise Conflict(
                "threshold-not-reached",
                f"联名未满 {self.threshold} 人,尚不能提交。",
                f"It takes {self.threshold} signatures to submit; there are not as many yet.",
            )
        admissibility = cmd.policy.clock("admissibility", cmd.at)
        self.decide(self.HostOpinionGiven, cmd, opinion=opinion)
        self.decide(self.Submitted, cmd, admissibility=admissibility)

    @property
    def signing_clock(self) -> Clock:
        """The clock at whose end signing closes: the host's opinion while the threshold stands, else signing."""
        if self.threshold_reached and self.signatures >= self.threshold:
            return self.clocks["host_opinion"]
        return max(self.clocks.values(), key=lambda clock: clock.due_at)

    @command(WORKFLOW)
    def close_signing(self, cmd: Command, /) -> None:
        """Submit without the host's opinion, or let lapse what too few have signed."""
        self.require(Phase.COLLECTING)
        self._require_due(self.signing_clock, cmd)
        if self.signatures >= self.threshold:
            self.decide(self.Submitted, cmd, admissibility=cmd.policy.clock("admissibility", cmd.at))
        else:
            self.decide(self.Lapsed, cmd, signatures=self.signatures)

    # --- what the co-signers vote on: ``Ballot`` calls these, in the same transaction ---------------------------------

    @command(RESIDENT, CLERK)
    def call_ballot(
        self, cmd: Command, /, *, ballot_id: UUID, question: str, into_id: UUID | None, ballot: Clock
    ) -> None:
        self.require(*OPEN)
        if question in self.ballots:
            due_at = self.ballots[question][1].due_at
            raise Conflict(
                "ballot-open",
                f"同一事项正在表决,至 {due_at} 截止。",
                f"The co-signers are voting on this already, until {due_at}.",
            )
        self.decide(self.BallotCalled, cmd, ballot_id=ballot_id, question=question, into_id=into_id, ballot=ballot)

    @command(WORKFLOW)
    def conclude_ballot(self, cmd: Command, /, *, question: str, into_id: UUID | None, result: str) -> None:
        self.require(*OPEN, even_suspended=True)
        if question not in self.ballots:
            raise Conflict("no-ballot", "没有进行中的此项表决。", "There is no such ballot open.")
        ballot_id, _ = self.ballots[question]
        self.decide(self.BallotConcluded, cmd, ballot_id=ballot_id, question=question, into_id=into_id, result=result)

    @command(WORKFLOW)
    def withdraw_by_vote(self, cmd: Command, /) -> None:
        self.require(*OPEN, even_suspended=True)
        if self.alert:
            self.decide(self.SupervisorAlerted, cmd)  # it cannot wait: the story ends here
        self.decide(self.Withdrawn, cmd)

    @command(RESIDENT)
    def carry_over(self, cmd: Command, /, *, merged: "Petition", signed_as: str) -> None:
        """Who signed what was merged into this one becomes a co-signer here, if they want to.

        ``signed_as`` is their pseudonym there. It is only looked at: no event may join the two.
        """
        if merged.merged_into != self.id:
            raise Conflict("not-merged", "该申请没有并入其他申请。", "It has not been merged into another petition.")
        if not merged.signers.get(signed_as):
            raise Forbidden("not-a-co-signer", "只有联名人可以办理。", "Only those who signed may do this.")
        self.require(*ADMITTED, even_suspended=True)
        if self.signers.get(cmd.by):
            raise Conflict("already-signed", "您已联名,每人一次,无需重复。", "You have signed already; once is enough.")
        self.decide(self.CoSigned, cmd)

    @command(WORKFLOW)
    def replace_lead(self, cmd: Command, /, *, lead: str) -> None:
        self.require(*OPEN, even_suspended=True)
        self.decide(self.LeadReplaced, cmd, lead=lead)

    @command(WORKFLOW)
    def merge(self, cmd: Command, /, *, into: "Petition") -> None:
        self.require_mergeable(into)
        self.decide(self.Merged, cmd, into_id=into.id)

    @command(WORKFLOW)
    def elect_representatives(self, cmd: Command, /, *, elected: Mapping[str, Text]) -> None:
        self.require(*OPEN, even_suspended=True)
        self.decide(self.RepresentativesElected, cmd, elected=dict(elected))

    # --- what cannot wait: flood, blocked fire lane -------------------------------------------------------------------

    @command(CLERK, HOST_STAFF)
    def mark_urgent(self, cmd: Command, /, *, reason: Text) -> None:
        """Signing does not hold it up: it is submitted at once, and goes on being signed until it is answered."""
        self.require(Phase.COLLECTING, *UNANSWERED)
        if self.urgent:
            raise Conflict("already-urgent", "此件已标为紧急。", "The petition is marked urgent already.")
        submits = self.phase == Phase.COLLECTING
        admissibility = cmd.policy.clock("admissibility", cmd.at)
        self.decide(self.MarkedUrgent, cmd, reason=reason, urgent=cmd.policy.clock("urgent", cmd.at))
        if submits:
            self.decide(self.Submitted, cmd.consequence(), admissibility=admissibility)

    @command(CLERK)
    def lift_urgency(self, cmd: Command, /, *, reason: Text) -> None:
        """It can wait after all: then it takes its signatures before it is checked, like any other."""
        self.require(*OPEN)
        if not self.urgent:
            raise Conflict("not-urgent", "此件未标为紧急。", "The petition is not marked urgent.")
        # (Once enough had signed when it was submitted, that stays so.)
        too_few = self.submitted_with is None and self.signatures < self.threshold
        collects = self.signing_goes_on and self.phase == Phase.SUBMITTED and too_few
        signing = cmd.policy.clock("signing", cmd.at) if collects else None
        self.decide(self.UrgencyLifted, cmd, reason=reason, signing=signing)

    @command(REPRESENTATIVE)
    def resign(self, cmd: Command, /) -> None:
        """A representative speaks for the others no longer; the signature stands."""
        self.require(*OPEN, even_suspended=True)
        self.decide(self.RepresentativeResigned, cmd)

    def asks(self, ballot_id: UUID) -> bool:
        """Whether this ballot is open."""
        return ballot_id in (open_id for open_id, _ in self.ballots.values())

    def require_co_signer(self, cmd: Command) -> None:
        if not self.signers.get(cmd.by):
            raise Forbidden("not-a-co-signer", "只有联名人可以办理。", "Only those who signed may do this.")

    def require_threshold(self, cmd: Command) -> None:
        """And that others may know of it. What is urgent is submitted without, and then nobody's alone any more."""
        known = "host_opinion" in self.clocks and cmd.at >= self.clocks["host_opinion"].started_at
        if self.phase == Phase.COLLECTING and not known:
            raise Conflict(
                "threshold-not-reached",
                "联名尚未达到人数;达到之后方可表决。",
                "Too few have signed yet: the co-signers vote once the threshold is reached.",
            )

    def is_mergeable(self, into: "Petition | None") -> bool:
        return self.phase == Phase.SUBMITTED and into is not None and into.phase in ADMITTED

    def require_mergeable(self, into: "Petition | None") -> None:
        self.require(Phase.SUBMITTED)
        if not self.is_mergeable(into):
            raise Invalid(
                "cannot-merge-into",
                "只能并入另一件已受理且未办结的申请。",
                "A petition can be merged only into another one that is accepted and still open.",
                "into",
            )
        assert into
        if into.id in self.kept_apart_from:
            raise Conflict(
                "kept-apart",
                "联名人已表决不并入该件,不能再次提出。",
                "The co-signers have decided against merging it into that one; they are not asked again.",
            )

    @command(
        HOST_STAFF, CLERK, CALLED_POST, SUPERVISOR, *map(Permission, (Role.UNIT_OFFICER, Role.AUDITOR, Role.ADMIN))
    )
    def recuse(self, cmd: Command, /, *, nobody_else: bool) -> None:
        """Whoever recuses themselves has no more part in it; colleagues do the work. ``nobody_else``: there is none."""
        if self.phase in ENDS:
            raise Conflict("wrong-phase", "此件已办结,无须回避。", "The petition has ended: there is nothing to leave.")
        if nobody_else and cmd.role not in ONE_LEVEL_UP:
            raise Invalid(
                "no-level-up",
                "只有社区和受理人员的工作可上提一级;其他职务请由管理员指定代理人。",
                "Only a host's and a clerk's work goes one level up; for others an administrator names who acts.",
                "nobody_else",
            )
        raises = nobody_else and cmd.role.value not in self.raised
        if raises or cmd.by not in self.recused:
            self.decide(self.Recused, cmd, raised=raises)

    # --- admissibility ----------------------------------------------------------------------------------------------

    @command(CLERK)
    def issue_public_text(self, cmd: Command, /, *, topic: Text, details: Text) -> None:
        """What the public reads, redacted; also after the end, whenever something turns out to have been overlooked."""
        if self.phase == Phase.COLLECTING:
            self.require(Phase.SUBMITTED)
        self.decide(self.PublicTextIssued, cmd, topic=topic, details=details)

    @command(CLERK)
    def accept(self, cmd: Command, /) -> None:
        """Admit the petition and call the posts."""
        self.require(Phase.SUBMITTED)
        meeting, response, acknowledgement = (
            cmd.policy.clock(rule, cmd.at) for rule in ("meeting", "response", "acknowledgement")
        )
        self.decide(self.Accepted, cmd, meeting=meeting, response=response)
        self.decide(self.Called, cmd.consequence(), post_ids=self.called_post_ids, acknowledgement=acknowledgement)

    @command(CLERK)
    def reject(
        self,
        cmd: Command,
        /,
        *,
        reason_code: RejectionReason,
        explanation: Text,
        route: StatutoryRoute | None = None,
        duplicate_of: "Petition | None" = None,
    ) -> None:
        """A statutory route says which, a duplicate of what; no other reason does."""
        self.require(Phase.SUBMITTED)
        if (reason_code == RejectionReason.STATUTORY_ROUTE) != (route is not None):
            raise Invalid(
                "statutory-route",
                "理由为“法定途径”时须注明诉讼、仲裁或行政复议;其他理由不填。",
                "The reason statutory_route, and no other, says which: court, arbitration or administrative_review.",
                "route",
            )
        if (reason_code == RejectionReason.DUPLICATE) != (duplicate_of is not None and duplicate_of.id != self.id):
            raise Invalid(
                "duplicate-of",
                "理由为“重复”时须指明另一件申请;其他理由不填。",
                "The reason duplicate, and no other, names the other petition.",
                "duplicate_of",
            )
        again = self.refilings < cmd.policy.max_refilings
        self.decide(
            self.Rejected,
            cmd,
            reason_code=reason_code.value,
            explanation=explanation,
            route=route.value if route else None,
            duplicate_of=duplicate_of.id if duplicate_of else None,
            refiling=cmd.policy.clock("refiling", cmd.at) if again else None,
        )

    @command(CLERK)
    def propose_split(self, cmd: Command, /, *, proposal: SplitProposal) -> None:
        """Two topics in one: the lead petitioner may agree, as long as nothing else is decided. A new proposal replaces
        the one before."""
        self.require(Phase.SUBMITTED)
        self.decide(self.SplitProposed, cmd, **vars(proposal))

    @command(LEAD_PETITIONER)
    def agree_to_split(self, cmd: Command, /, *, into_id: UUID, seen: Collection[str]) -> None:
        """Called by ``split_off``. ``seen``: the signers that were carried into the other petition."""
        self.require(Phase.SUBMITTED)
        if self.split_proposal is None:
            raise Conflict("no-split-proposed", "尚无拆分方案可同意。", "There is no proposal to split it.")
        if {by for by, valid in self.signers.items() if valid} != set(seen):
            raise Conflict("signers-changed", "联名情况刚有变化,请重试。", "Somebody signed or stepped out: try again.")
        proposal = self.split_proposal
        self.decide(self.Split, cmd, into_id=into_id, topic=proposal.topic, details=proposal.details)

    @classmethod
    @command(RESIDENT)
    def split_off(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        origin: "Petition",
        lead_there: str,
        seen: Collection[str],
        signers: Sequence[str],
    ) -> "Petition":
        """The other topic, as a petition of its own, submitted like the first. Who signed that has signed this; who
        does not agree steps out of either. ``lead_there``: the lead petitioner's pseudonym there."""
        signing, admissibility = (cmd.policy.clock(rule, cmd.at) for rule in ("signing", "admissibility"))
        proposal = origin.split_proposal
        origin.agree_to_split(replace(cmd, by=lead_there), into_id=id, seen=seen)
        assert proposal
        petition = cls.begin(
            cls.Opened,
            cmd,
            id=id,
            topic=proposal.other_topic,
            details=proposal.other_details,
            category=proposal.other_category,
            host_id=origin.host_id,
            called_post_ids=origin.called_post_ids,
            threshold=origin.threshold,
            signing=signing,
            counts_every=origin.counts_every,
        )
        carried = sorted(set(signers) - {cmd.by})
        petition.decide(cls.SplitFrom, cmd.consequence(), origin_id=origin.id, signers=carried)
        petition.decide(cls.Submitted, cmd.consequence(), admissibility=admissibility)
        return petition

    @command(LEAD_PETITIONER)
    def refile(self, cmd: Command, /, *, topic: Text, details: Text) -> None:
        """Amend what was rejected. Everybody's signature stands; who does not agree withdraws it."""
        self.require(Phase.REJECTED)
        if self.over or cmd.at >= self.clocks["refiling"].due_at:
            raise Conflict(
                "refiling-over",
                "此件已不能修改后重新提出,可另行提出新的申请。",
                "This petition can no longer be amended and filed again: open a new one.",
            )
        self.decide(
            self.Refiled, cmd, topic=topic, details=details, admissibility=cmd.policy.clock("admissibility", cmd.at)
        )

    @command(WORKFLOW)
    def close_refiling(self, cmd: Command, /) -> None:
        self.require(Phase.REJECTED)
        if not self.over:
            self._require_due(self.clocks["refiling"], cmd)
            self.decide(self.RefilingClosed, cmd)

    @command(CLERK)
    def refer(self, cmd: Command, /, *, to: Text | None = None, unit: Unit | None = None, explanation: Text) -> None:
        """Pass the petition on to whoever must decide it: a unit of the directory, or another authority."""
        self.require(Phase.SUBMITTED)
        if (to is None) == (unit is None):
            raise Invalid(
                "referred-to-whom",
                "请写明接收机关,或从名录中选择一个单位,二者择一。",
                "Name the receiving authority, or choose a unit from the directory: one of the two.",
                "to",
            )
        self.decide(self.Referred, cmd, unit_id=unit.id if unit else None, to=to, explanation=explanation)

    @command(CLERK, RECEIVING_UNIT)
    def receive_referral(self, cmd: Command, /, *, number: Text, received_by: Text, received_on: date) -> None:
        """Acknowledge the receipt. The clerk enters what an authority outside the directory has sent back."""
        self.require(Phase.REFERRED)
        if self.referral_received:
            raise Conflict("already-received", "回执已登记,无需重复。", "The receipt has been acknowledged already.")
        if received_on > local_day(cmd.at):
            raise Invalid(
                "received-in-future",
                "接收日期不能晚于今天。",
                "It cannot have been received after today.",
                "received_on",
            )
        self.decide(self.ReferralReceived, cmd, number=number, received_by=received_by, received_on=received_on)

    # --- the call and the meeting -----------------------------------------------------------------------------------

    @command(CALLED_POST)
    def acknowledge(self, cmd: Command, /) -> None:
        self.require(*UNDER_WAY)
        if cmd.org in self.acknowledged:
            raise Conflict("already-acknowledged", "此职务已签收。", "This post has acknowledged the call already.")
        self.decide(self.CallAcknowledged, cmd, post_id=cmd.org)

    @command(CALLED_POST)
    def name_delegate(self, cmd: Command, /, *, posts: Sequence[Post], delegate: Post) -> None:
        """``posts``: those that are called."""
        self.require(Phase.ACCEPTED, Phase.MEETING)
        if str(cmd.org) in self.delegates:
            raise Conflict(
                "delegate-named",
                "此职务已委托一次,不能再次委托。",
                "This post has named a delegate; it can do so once.",
            )
        require_apart(self.kept_from, [delegate.id], "delegate_id")
        rank = next((post.kind for post in posts if post.id == cmd.org), None)
        if delegate.kind != rank or delegate.id in self.called_post_ids:
            raise Invalid(
                "not-of-the-same-rank",
                "受委托人须为同级别、且本次未被约谈的职务。",
                "The delegate must be another post of the same rank, not called itself.",
                "delegate_id",
            )
        self.decide(self.DelegateNamed, cmd, post_id=cmd.org, delegate_id=delegate.id)

    @command(WORKFLOW)
    def reassign_call(self, cmd: Command, /, *, from_id: UUID, to_id: UUID) -> None:
        """Called by ``Proposal``, once the representatives have agreed."""
        self.require(Phase.ACCEPTED, Phase.MEETING)
        if from_id not in self.called_post_ids or to_id in self.called_post_ids:
            raise Conflict(
                "call-has-changed",
                "应约职务已有变动。",
                "Whom the petition calls has changed meanwhile: propose again.",
            )
        require_apart(self.kept_from, [to_id], "to_id")
        leads = from_id == self.called_post_ids[0]
        acknowledgement = cmd.policy.clock("acknowledgement", cmd.at) if leads else None
        self.decide(self.CallReassigned, cmd, from_id=from_id, to_id=to_id, acknowledgement=acknowledgement)

    @command(WORKFLOW)
    def waive_meeting(self, cmd: Command, /) -> None:
        """Called by ``Proposal``, once the representatives have agreed."""
        self.require(Phase.ACCEPTED, Phase.MEETING)
        self.decide(self.MeetingWaived, cmd)

    @command(HOST_STAFF, CALLED_POST)
    def arrange_meeting(self, cmd: Command, /, *, meeting_id: UUID, in_place_of: UUID | None) -> None:
        """One at a time: ``in_place_of`` is the last one, if it was cancelled. Called by ``Meeting.schedule``."""
        self.require(Phase.ACCEPTED, Phase.MEETING)
        if self.meeting_id != in_place_of:
            raise Conflict(
                "meeting-arranged",
                "约谈会已安排;需要更改的,请改期,或先取消原会议。",
                "A meeting is arranged already: reschedule it, or cancel it first.",
            )
        self.decide(self.MeetingArranged, cmd, meeting_id=meeting_id)

    @command(HOST_STAFF, AT_THE_TABLE)
    def conclude_meeting(self, cmd: Command, /, *, meeting_id: UUID) -> None:
        """The called meeting took place: the roadmap is due. Called by ``Meeting.hold``."""
        self.require(Phase.ACCEPTED, Phase.MEETING)
        self.decide(self.MeetingHeld, cmd, meeting_id=meeting_id, roadmap=cmd.policy.clock("roadmap", cmd.at))

    # --- timetable and roadmap --------------------------------------------------------------------------------------

    @command(LEAD_OFFICIAL)
    def publish_roadmap(self, cmd: Command, /, *, items: Sequence[RoadmapItem], units: Sequence[Unit]) -> None:
        """Publish who does what by when. ``units`` are those of the named units that exist."""
        self.require(Phase.ROADMAP)
        roadmap.check(cmd, items, units)
        require_apart(self.kept_from, [unit.id for unit in units], "tasks")
        self.decide(self.RoadmapPublished, cmd, round=self.round, items=list(items))

    @command(LEAD_OFFICIAL)
    def revise_roadmap(
        self,
        cmd: Command,
        /,
        *,
        reason: Text,
        items: Sequence[RoadmapItem],
        units: Sequence[Unit],
        seen: Sequence[UUID],
        tasks: Sequence[Task],
    ) -> None:
        """Plan anew: rows with the id of a task keep it, new rows are offered by the workflow, what is left out is
        dropped. ``tasks`` are those of ``seen`` that have been offered."""
        self.require(Phase.IN_PROGRESS)
        self._require_seen(seen)
        require_apart(self.kept_from, [unit.id for unit in units], "tasks")
        before = roadmap.standing(self.roadmaps[-1], tasks)
        roadmap.check_revision(cmd, before, items, units, tasks)
        if list(items) == before:
            return
        version = self.roadmap_version + 1
        self.decide(self.RoadmapRevised, cmd, round=self.round, version=version, reason=reason, items=list(items))
        rows = {item.task_id: item for item in items}
        for task in tasks:
            if row := rows.get(task.id):
                task.replan(cmd.consequence(), due_on=row.due_on, supporting_unit_ids=row.supporting_unit_ids)
                task.set_terms(
                    cmd.consequence(),
                    cost_fen=row.cost_fen,
                    money_source=row.money_source,
                    vote_needed=row.vote_needed,
                )
            else:
                task.drop(cmd.consequence())

    @command(LEAD_OFFICIAL)
    def give_interim_response(self, cmd: Command, /, *, text: Text, post: Post | None = None) -> None:
        self.require(*UNDER_WAY)
        require_holder(cmd, post)
        self.decide(self.InterimResponseGiven, cmd, text=text)

    @command(LEAD_OFFICIAL)
    def answer(
        self,
        cmd: Command,
        /,
        *,
        text: Text,
        outcome: Answer,
        tasks: Sequence[Task],
        due_on: date | None = None,
        post: Post | None = None,
    ) -> None:
        """The final response of this round. ``tasks`` are those of the round that have been offered; ``due_on`` is the
        day by which what is only planned is promised; ``post`` is the one that leads: its holder alone answers."""
        self.require(Phase.IN_PROGRESS)
        require_holder(cmd, post)
        if outcome == Answer.PLANNED and due_on is None:
            raise Invalid(
                "no-due-date",
                "答复为“列入计划”的,须写明承诺完成的日期。",
                "What is planned is promised for a day: name it.",
                "due_on",
            )
        if due_on and outcome != Answer.PLANNED:
            raise Invalid(
                "due-date-without-plan",
                "只有答复为“列入计划”的才写承诺日期。",
                "Only what is planned is promised for a day.",
                "due_on",
            )
        if due_on and due_on <= local_day(cmd.at):
            raise Invalid("due-date-past", "完成日期须晚于今天。", "The due date must lie after today.", "due_on")
        confirmed = {task.id for task in tasks if task.status == "confirmed"}
        if outcome == Answer.DONE and confirmed != set(self.tasks):
            raise Conflict(
                "tasks-not-finished",
                "还有任务未核实销号,不能答复为“已办结”。",
                "Some tasks are not confirmed yet, so the answer cannot be “done”.",
            )
        self.decide(self.Answered, cmd, round=self.round, text=text, outcome=outcome.value)
        if due_on:
            self.decide(self.CommitmentMade, cmd.consequence(), round=self.round, due_on=due_on)

    @command(SUPERVISOR, APPROVER)
    def extend(self, cmd: Command, /, *, days: int, reason: Text, approvers: Sequence[UUID] = ()) -> None:  # noqa: ARG002 - the permission reads it
        """Called by ``Extension.approve``. ``approvers``: the posts that may."""
        self.require_extendable(cmd, days)
        self.decide(self.Extended, cmd, days=days, reason=reason, response=self.clocks["response"].prolonged(days))

    def require_extendable(self, cmd: Command, days: int) -> None:
        self.require(*UNDER_WAY)
        left = cmd.policy.extension_days - self.extended_days
        if not 0 < days <= left:
            raise Invalid(
                "extension-too-long",
                f"最多还可延期 {left} 天。",
                f"The response can be extended by {left} more days at most.",
                "days",
            )

    @command(LEAD_OFFICIAL)
    def suspend(self, cmd: Command, /, *, reason: Text, seen: Sequence[UUID] = (), tasks: Sequence[Task] = ()) -> None:
        """The petition stands still, and with it its tasks: ``tasks`` are those of ``seen`` that have been offered."""
        self.require(*UNDER_WAY)
        self._require_seen(seen)
        self.decide(self.Suspended, cmd, reason=reason)
        for task in tasks:
            task.suspend(cmd.consequence())

    @command(LEAD_OFFICIAL)
    def resume(self, cmd: Command, /, *, seen: Sequence[UUID] = (), tasks: Sequence[Task] = ()) -> None:
        """Every clock has stood still, the tasks' too: see ``suspend``."""
        if self.suspended_at is None:
            raise Conflict("not-suspended", "此件没有中止,无须恢复。", "The petition is not suspended.")
        self._require_seen(seen)
        stood_still = cmd.at - self.suspended_at
        self.decide(self.Resumed, cmd, clocks=[clock.shifted(stood_still) for clock in self.clocks.values()])
        for task in tasks:
            task.resume(cmd.consequence())

    def _require_seen(self, seen: Sequence[UUID]) -> None:
        """Whoever decides on the tasks with the petition must have brought all of them."""
        if set(seen) != set(self.tasks):
            raise Conflict(
                "roadmap-changed",
                "路线图刚有变更,请再办理一次。",
                "The roadmap has just been changed: try again.",
            )

    # --- the residents judge ----------------------------------------------------------------------------------------

    @command(WORKFLOW)
    def invite_feedback(self, cmd: Command, /) -> None:
        self.require(Phase.ANSWERED)
        feedback = cmd.policy.clock("feedback", cmd.at)
        self.decide(self.FeedbackInvited, cmd, round=self.round, invited=self.signatures, feedback=feedback)

    @command(RESIDENT)
    def give_feedback(
        self, cmd: Command, /, *, contacted: bool, resolved: Resolved, satisfied: bool, comment: Text | None
    ) -> None:
        """One co-signer's judgement, once a round. When the last has judged, nobody need wait for the clock."""
        if not self.signers.get(cmd.by):
            raise Forbidden("not-a-co-signer", "只有联名人可以评价。", "Only those who signed can judge.")
        self.require(Phase.FEEDBACK)
        if cmd.by in self.judgements:
            raise Conflict("already-judged", "您已评价,每轮一次。", "You have judged this round already.")
        conclusion = []
        if len(self.judgements) + 1 == self.signatures:
            conclusion = self._conclusion(cmd, self.judgements | {cmd.by: (resolved.value, satisfied)})
        self.decide(
            self.FeedbackGiven,
            cmd,
            round=self.round,
            contacted=contacted,
            resolved=resolved.value,
            satisfied=satisfied,
            comment=comment,
        )
        for event_class, facts in conclusion:
            self.decide(event_class, cmd.consequence(), **facts)

    @command(WORKFLOW)
    def close_feedback(self, cmd: Command, /) -> None:
        """At the window's end; or first, where too few have judged, the call-back."""
        self.require(Phase.FEEDBACK)
        (clock,) = self.clocks.values()
        self._require_due(clock, cmd)
        if clock.rule == "feedback" and len(self.judgements) < FEW and self.to_call:
            self.decide(self.CallBackBegun, cmd, round=self.round, call_back=cmd.policy.clock("call_back", cmd.at))
            return
        for event_class, facts in self._conclusion(cmd, self.judgements):
            self.decide(event_class, cmd, **facts)

    def _conclusion(self, cmd: Command, judgements: Judgements) -> list[tuple[type[Event], dict[str, Any]]]:
        """What these judgements lead to; nothing is decided yet, since an unknown calendar year refuses."""
        judged = len(judgements)
        resolved = resolved_in(judgements)
        satisfied = sum(happy for _, happy in judgements.values())
        unresolved = judged > 0 and resolved < cmd.policy.reopen_below * judged
        if unresolved and self.round < cmd.policy.max_rounds:
            return [(self.Reopened, self._another_round(cmd, judgements))]
        order: list[tuple[type[Petition.Event], dict[str, Any]]] = []
        if unresolved:
            order.append((self.SupervisionOrdered, {"order": None}))
        if self.commitment:  # a promise is kept whatever is thought of it
            commitment = cmd.policy.until("commitment", cmd.at, self.commitment)
            return [*order, (self.TrackingBegun, {"round": self.round, "commitment": commitment})]
        outcome = Outcome.UNRESOLVED if unresolved else Outcome.RESOLVED if judged else Outcome.NOT_JUDGED
        closed = {
            "outcome": outcome.value,
            "invited": self.signatures,
            "judged": judged,
            "resolved": resolved,
            "satisfied": satisfied,
        }
        return [*order, (self.Closed, closed)]

    def _another_round(self, cmd: Command, judgements: Judgements) -> dict[str, Any]:
        clocks = {rule: cmd.policy.clock(rule, cmd.at) for rule in ("roadmap", "response")}
        return {"round": self.round + 1, "judged": len(judgements), "resolved": resolved_in(judgements), **clocks}

    # --- the clerk calls back ---------------------------------------------------------------------------------------

    @property
    def to_call(self) -> list[str]:
        """Who agreed, has not judged, and was not called yet."""
        return [
            signer
            for signer, agrees in self.callable.items()
            if agrees and self.signers.get(signer) and signer not in self.judgements and signer not in self.called
        ]

    @command(RESIDENT)
    def agree_to_call(self, cmd: Command, /) -> None:
        self._require_callable(cmd)
        if not self.callable.get(cmd.by):
            self.decide(self.CallBackAgreed, cmd)

    @command(RESIDENT)
    def decline_call(self, cmd: Command, /) -> None:
        self._require_callable(cmd)
        if self.callable.get(cmd.by):
            self.decide(self.CallBackDeclined, cmd)

    def _require_callable(self, cmd: Command) -> None:
        if not self.signers.get(cmd.by):
            raise Forbidden("not-a-co-signer", "只有联名人可以同意回访。", "Only those who signed can be called back.")
        if self.phase in ENDS:
            self.require(*OPEN)

    @command(CLERK)
    def hand_out_call(self, cmd: Command, /, *, call_id: UUID) -> None:
        """Whom to call next. While a clerk's call is under way, the same again."""
        self.require(Phase.FEEDBACK)
        if "call_back" not in self.clocks:
            raise Conflict(
                "no-call-back",
                "评价期内不作回访;期满评价过少的,再行回访。",
                "Nobody is called while the residents judge by themselves; only if too few have.",
            )
        if self.calling is not None:
            if self.calling[2] == cmd.by:
                return
            raise Conflict("call-under-way", "另一位工作人员正在回访。", "Another clerk's call is under way.")
        waiting = self.to_call
        if not waiting:
            raise Conflict("nobody-to-call", "没有其他同意回访的联名人。", "Nobody else has agreed to be called.")
        self.decide(self.CallHandedOut, cmd, call_id=call_id, signer=waiting[0])

    @command(CLERK)
    def take_feedback(
        self,
        cmd: Command,
        /,
        *,
        call_id: UUID,
        contacted: bool,
        resolved: Resolved,
        satisfied: bool,
        comment: Text | None,
    ) -> None:
        """What a co-signer said on the telephone, as if they had judged by themselves."""
        signer = self._called(cmd, call_id)
        if signer in self.judgements:
            raise Conflict("already-judged", "此人已自行评价。", "They have judged by themselves meanwhile.")
        conclusion = []
        if len(self.judgements) + 1 == self.signatures:
            conclusion = self._conclusion(cmd, self.judgements | {signer: (resolved.value, satisfied)})
        self.decide(
            self.FeedbackTaken,
            cmd,
            call_id=call_id,
            signer=signer,
            round=self.round,
            contacted=contacted,
            resolved=resolved.value,
            satisfied=satisfied,
            comment=comment,
        )
        for event_class, facts in conclusion:
            self.decide(event_class, cmd.consequence(), **facts)

    @command(CLERK)
    def miss_call(self, cmd: Command, /, *, call_id: UUID) -> None:
        self._called(cmd, call_id)
        self.decide(self.CallMissed, cmd, call_id=call_id)

    def _called(self, cmd: Command, call_id: UUID) -> str:
        self.require(Phase.FEEDBACK)
        if self.calling is None or self.calling[0] != call_id or self.calling[2] != cmd.by:
            raise Conflict("no-such-call", "没有您正在进行的这次回访。", "No such call of yours is under way.")
        return self.calling[1]

    # --- what was promised is tracked -------------------------------------------------------------------------------

    @command(LEAD_OFFICIAL)
    def report_delivery(self, cmd: Command, /, *, report: Text) -> None:
        """What was planned is done: the residents judge again."""
        self.require(Phase.TRACKING)
        self.decide(self.CommitmentDelivered, cmd, round=self.round, report=report)

    @command(WORKFLOW)
    def close_tracking(self, cmd: Command, /) -> None:
        """The promised day is over: a supervision order, and the residents judge what was kept of the promise."""
        self.require(Phase.TRACKING)
        self._require_due(self.clocks["commitment"], cmd)
        self.decide(self.SupervisionOrdered, cmd, order=None)
        self.decide(self.CommitmentMissed, cmd, round=self.round)

    # --- review by a higher unit ------------------------------------------------------------------------------------

    @command(RESIDENT)
    def request_review(self, cmd: Command, /, *, grounds: Text) -> None:
        """Any co-signer may ask, once for all of them; and once more when the first review has been decided."""
        if not self.signers.get(cmd.by):
            raise Forbidden(
                "not-a-co-signer", "只有联名人可以申请复查。", "Only those who signed can ask for a review."
            )
        self.require(Phase.CLOSED)
        if "review" in self.clocks:
            raise Conflict("under-review", "已有人申请,正在复查。", "A review has been asked for and is under way.")
        if self.reviews == REVIEWS:
            raise Conflict("review-final", "复核意见为终结意见。", "The second review was the last: it is final.")
        until = cmd.policy.clock("review_request", self.reviewable_from or self.modified_on).due_at
        if cmd.at >= until:
            raise Conflict(
                "review-too-late",
                "申请复查、复核的期限已过。",
                f"A review could be asked for until {until}.",
            )
        facts = {"level": self.reviews + 1, "grounds": grounds, "review": cmd.policy.clock("review", cmd.at)}
        self.decide(self.ReviewRequested, cmd, **facts)

    @command(SUPERVISOR)
    def decide_review(self, cmd: Command, /, *, result: ReviewResult, opinion: Text) -> None:
        if "review" not in self.clocks:
            raise Conflict("not-under-review", "此件没有待决定的复查、复核申请。", "No review waits for a decision.")
        if self.reviews == REVIEWS and cmd.by == self.reviewed_by:
            raise Forbidden(
                "same-reviewer",
                "复核须由另一人作出,不能由原复查人决定。",
                "The second review is somebody else's to decide than the first.",
            )
        again = self._another_round(cmd, self.judgements) if result == ReviewResult.RETURNED else None
        self.decide(self.ReviewDecided, cmd, level=self.reviews, result=result.value, opinion=opinion)
        if again:
            self.decide(self.Reopened, cmd.consequence(), **again)

    # --- watching the clocks ----------------------------------------------------------------------------------------

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        """Once what was announced of holidays is in the rulebook."""
        at = self.suspended_at or cmd.at
        moved = [new for clock in self.clocks.values() if (new := cmd.policy.moved(clock, at)) != clock]
        if moved:
            self.decide(self.ClocksMoved, cmd, clocks=moved, revision=cmd.policy.calendar.revision)

    @command(WORKFLOW)
    def remind(self, cmd: Command, /, *, rule: str, due_at: datetime, task_id: UUID | None = None) -> None:
        if self._worth("reminded", rule, due_at, task_id):
            self.decide(self.Reminded, cmd, rule=rule, due_at=due_at, task_id=task_id)

    @command(WORKFLOW)
    def escalate(self, cmd: Command, /, *, rule: str, due_at: datetime, task_id: UUID | None = None) -> None:
        if self._worth("escalated", rule, due_at, task_id):
            self.decide(self.Escalated, cmd, rule=rule, due_at=due_at, task_id=task_id)

    def _worth(self, what: str, rule: str, due_at: datetime, task_id: UUID | None) -> bool:
        """Once per clock, and not when the clock has stopped meanwhile or stands still."""
        if self.over or self.suspended_at is not None:
            return False
        running = task_id is not None or (rule in self.clocks and self.clocks[rule].due_at == due_at)
        return running and warning(what, rule, due_at, task_id) not in self.warned

    @command(SUPERVISOR)
    def order_supervision(self, cmd: Command, /, *, order: Text) -> None:
        self.require(*ADMITTED, even_suspended=True)
        self.decide(self.SupervisionOrdered, cmd, order=order)

    @command(LEAD_OFFICIAL)
    def answer_supervision(self, cmd: Command, /, *, report: Text) -> None:
        """Also after the end: the order that the last round leaves behind is obeyed then. A better report may follow
        until the supervisor lifts the order."""
        self._require_order()
        self.decide(self.SupervisionAnswered, cmd, report=report)

    @command(SUPERVISOR)
    def lift_supervision(self, cmd: Command, /, *, reason: Text) -> None:
        """The order was obeyed, or is no longer needed."""
        self._require_order()
        self.decide(self.SupervisionLifted, cmd, reason=reason)

    def _require_order(self) -> None:
        if self.supervision is None:
            raise Conflict(
                "no-supervision-order",
                "此件没有未解除的督办通知。",
                "No supervision order stands for this petition.",
            )

    def require(self, *phases: Phase, even_suspended: bool = False) -> None:
        if self.phase not in phases:
            raise Conflict(
                "wrong-phase",
                f"此件目前处于“{self.phase}”阶段,不能办理此事。",
                f"The petition is in phase “{self.phase}”; this takes {', '.join(phases)}.",
            )
        if self.suspended_at and not even_suspended:
            raise Conflict("suspended", "此件已中止,请先恢复。", "The petition is suspended: resume it first.")

    def _require_due(self, clock: Clock, cmd: Command) -> None:
        if cmd.at < clock.due_at:
            raise Conflict(
                "too-early",
                f"期限为 {clock.due_at}。",
                f"The clock “{clock.rule}” runs until {clock.due_at}.",
            )


def require_holder(cmd: Command, post: Post | None) -> None:
    """Or whoever stands in while the post is vacant. A post that never had a registered term is answered for by any of
    its officials."""
    signs = post and (post.holder or post.acting)
    if post and (signs or post.since) and cmd.by != signs:
        raise Forbidden(
            "not-the-holder",
            "答复须由职务的在任领导本人签发;您可以起草,交其签发。",
            "A response is signed off by the post's holder in person: draft it, and have it signed.",
        )


def resolved_in(judgements: Judgements) -> int:
    return sum(verdict != Resolved.NO for verdict, _ in judgements.values())


def warning(what: str, rule: str, due_at: datetime, task_id: UUID | None) -> str:
    return f"{what} {rule} {due_at.isoformat()} {task_id}"


def require_apart(kept_from: Sequence[UUID], ids: Sequence[UUID], field: str) -> None:
    """Nobody handles a complaint about themselves, or about whoever is above them."""
    if not set(kept_from).isdisjoint(ids):
        raise Invalid(
            "complained-about",
            "被反映的对象及其下属不能经办此件,请改由其上一级或其他单位办理。",
            "Those it is about, and whoever is below them, cannot handle it: take their superior, or somebody else.",
            field,
        )
