"""What a petition knows of itself, and what every chapter of its life asks first."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.calendar import beijing
from domain.clock import Clock
from domain.command import Command, Decider
from domain.disclosure import A_DAY, at_least
from domain.petition.words import (
    ADMITTED,
    ENDS,
    UNANSWERED,
    Judgements,
    Phase,
    SplitProposal,
    Supervision,
    resolved_in,
)
from domain.refusals import Conflict, Invalid
from domain.roadmap import RoadmapItem
from domain.text import Text
from domain.wording import ZH


class State(Decider):
    # What older snapshots lack; replaced, never changed in place. Cast and not annotated: the library would take
    # what is annotated for arguments of the creation event.
    supervision = cast("str | None", None)  # where the order stands, if there is one; it outlives the petition's end
    elected = dict[str, Text]()  # noqa: RUF012 - pseudonym -> the name to be known by, most votes first
    referred_to = cast("UUID | None", None)  # the unit, where the receiving authority is in the directory
    referral_received = False
    contests = cast("Sequence[UUID]", ())  # intakes (domain/intake.py) that staff found false
    refilings = 0
    split_proposal = cast("SplitProposal | None", None)
    urgent = False
    signing_goes_on = False  # though it was submitted, since it was too urgent to wait for signatures
    promise = cast("tuple[int, date] | None", None)  # the last: the round in whose response it was made, and its day
    delivered_in = 0  # the last round whose promise was delivered, or missed
    invalidated = cast("Sequence[str]", ())
    roadmap_version = 1  # of the present round's
    meeting_id = cast("UUID | None", None)  # the last that was arranged
    delegates = dict[str, UUID]()  # noqa: RUF012 - called post -> the post that stands in for it in the meeting
    ballots = dict[str, tuple[UUID, Clock]]()  # noqa: RUF012 - those open, by question
    declined = dict[str, datetime]()  # noqa: RUF012 - what the co-signers last said no to, and when
    kept_apart_from = list[UUID]()  # noqa: RUF012 - into what the co-signers did not want it merged
    kept_from = cast("Sequence[UUID]", ())  # those whose conduct it is about, and whoever is below them
    recused = cast("Sequence[str]", ())  # pseudonyms of staff
    raised = cast("Sequence[str]", ())  # roles of which nobody can handle it: their work goes one level up
    counts_every = A_DAY
    submitted_with = cast("int | None", None)  # signatures
    callable = dict[str, bool]()  # noqa: RUF012 - who agreed to be called back: pseudonym -> still agrees
    calling = cast(
        "tuple[UUID, str, str] | None", None
    )  # the call under way: its id, whom it is to, and by which clerk
    called = cast("Sequence[str]", ())  # in this call-back
    reviews = 0  # asked for so far
    reviewed_by = cast("str | None", None)  # who decided the last
    reviewable_from = cast("datetime | None", None)  # when it was closed, or the last review decided
    withdrawals = dict[str, datetime]()  # noqa: RUF012 - pseudonym -> when, of the last week
    alert = cast("Clock | None", None)  # after many withdrawals, until the supervisor hears of it
    alerted_at = cast("datetime | None", None)
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

    def require(self, *phases: Phase, even_suspended: bool = False) -> None:
        if self.phase not in phases:
            raise Conflict(
                "wrong-phase",
                f"此件目前处于“{ZH[self.phase]}”阶段,不能办理此事。",
                f"The petition is in phase “{self.phase}”; this takes {', '.join(phases)}.",
            )
        if self.suspended_at and not even_suspended:
            raise Conflict("suspended", "此件已中止,请先恢复。", "The petition is suspended: resume it first.")

    def _require_due(self, clock: Clock, cmd: Command) -> None:
        if cmd.at < clock.due_at:
            raise Conflict(
                "too-early",
                f"期限为 {beijing(clock.due_at)}。",
                f"The clock “{clock.rule}” runs until {clock.due_at}.",
            )

    def withdrawn_since(self, moment: datetime) -> dict[str, datetime]:
        return {by: at for by, at in self.withdrawals.items() if at > moment}

    def require_mergeable(self, into: "State | None") -> None:
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

    def _another_round(self, cmd: Command, judgements: Judgements) -> dict[str, Any]:
        clocks = {rule: cmd.policy.clock(rule, cmd.at) for rule in ("roadmap", "response")}
        return {"round": self.round + 1, "judged": len(judgements), "resolved": resolved_in(judgements), **clocks}

    def is_mergeable(self, into: "State | None") -> bool:
        return self.phase == Phase.SUBMITTED and into is not None and into.phase in ADMITTED

    class Event(Decider.Event):
        pass

    # --- decided in several chapters --------------------------------------------------------------------------------

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

        def apply(self, petition: "State") -> None:
            petition.signers[self.by] = True
            petition.signatures += 1
            if self.by in petition.withdrawals:
                petition.withdrawals = {by: at for by, at in petition.withdrawals.items() if by != self.by}

    class SupervisorAlerted(Event):
        """Of a week in which a fifth or more withdrew: not how many, not who, not when."""

        TOPIC = "petition.SupervisorAlerted"
        SECRET = True

        def apply(self, petition: "State") -> None:
            petition.alert, petition.alerted_at, petition.alert_heeded = None, self.timestamp, False

    class CoSignatureRepeated(Event):
        """Staff took in, or took away, a slip of somebody who has signed themselves: nothing changes. It is there so
        that nobody can tell by the length of the log."""

        TOPIC = "petition.CoSignatureRepeated"
        SECRET = True

        def apply(self, petition: "State") -> None:
            pass

    class Submitted(Event):
        TOPIC = "petition.Submitted"
        admissibility: Clock

        def apply(self, petition: "State") -> None:
            petition.enter(Phase.SUBMITTED, self.admissibility)
            if petition.signatures >= petition.threshold:  # else it is urgent, and signing goes on
                petition.submitted_with = petition.signatures

    class Withdrawn(Event):
        TOPIC = "petition.Withdrawn"

        def apply(self, petition: "State") -> None:
            petition.enter(Phase.WITHDRAWN)

    class Reopened(Event):
        TOPIC = "petition.Reopened"
        round: int
        judged: int
        resolved: int
        roadmap: Clock
        response: Clock

        def apply(self, petition: "State") -> None:
            petition.enter(Phase.ROADMAP, self.roadmap, self.response)
            petition.round, petition.judgements, petition.outcome = self.round, {}, None

    class SupervisionOrdered(Event):
        """By a supervisor in words of their own, or by the rule of the last round (no words)."""

        TOPIC = "petition.SupervisionOrdered"
        order: Text | None

        def apply(self, petition: "State") -> None:
            petition.supervision = Supervision.ORDERED.value
