"""The clerk accepts, rejects, refers or merges, and issues what the public reads."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import Self
from uuid import UUID

from domain.calendar import local_day
from domain.clock import Clock
from domain.command import ONE_LEVEL_UP, Command, Permission, Role, command
from domain.directory import Unit
from domain.petition.state import State
from domain.petition.words import (
    CALLED_POST,
    CLERK,
    ENDS,
    HOST_STAFF,
    LEAD_PETITIONER,
    RECEIVING_UNIT,
    RESIDENT,
    SUPERVISOR,
    WORKFLOW,
    Phase,
    RejectionReason,
    SplitProposal,
    StatutoryRoute,
)
from domain.refusals import Conflict, Invalid
from domain.text import Text


class Admission(State):
    class Recused(State.Event):
        """Somebody who handles it has an interest in it, and says no more: their mother may have signed.

        ``raised``: nobody else of their role is without one.
        """

        TOPIC = "petition.Recused"
        SECRET = True
        raised: bool

        def apply(self, petition: State) -> None:
            petition.recused = [*(by for by in petition.recused if by != self.by), self.by]
            if self.raised:
                petition.raised = [*petition.raised, self.role]

    class PublicTextIssued(State.Event):
        TOPIC = "petition.PublicTextIssued"
        topic: Text
        details: Text

        def apply(self, petition: State) -> None:
            petition.public_topic, petition.public_details = self.topic, self.details

    class Accepted(State.Event):
        TOPIC = "petition.Accepted"
        meeting: Clock
        response: Clock

        def apply(self, petition: State) -> None:
            petition.enter(Phase.ACCEPTED, self.meeting, self.response)

    class SplitProposed(State.Event):
        TOPIC = "petition.SplitProposed"
        topic: Text
        details: Text
        other_topic: Text
        other_details: Text
        other_category: str

        def apply(self, petition: State) -> None:
            petition.split_proposal = SplitProposal(
                self.topic, self.details, self.other_topic, self.other_details, self.other_category
            )

    class Split(State.Event):
        """The lead petitioner has agreed: one topic stays here, the other went into another petition."""

        TOPIC = "petition.Split"
        into_id: UUID
        topic: Text
        details: Text

        def apply(self, petition: State) -> None:
            petition.topic, petition.details = self.topic, self.details
            petition.public_topic = petition.public_details = petition.split_proposal = None

    class SplitFrom(State.Event):
        """``signers``: those of the other petition but for its lead, by their pseudonyms in this one, in an order that
        tells nothing of theirs there."""

        TOPIC = "petition.SplitFrom"
        origin_id: UUID
        signers: list[str]

        def apply(self, petition: State) -> None:
            petition.signers |= dict.fromkeys(self.signers, True)
            petition.signatures += len(self.signers)
            petition.threshold_reached = True

    class Rejected(State.Event):
        """``refiling``: for so long it may be amended and filed again; without, this is the end."""

        TOPIC = "petition.Rejected"
        reason_code: str
        explanation: Text
        route: str | None = None
        duplicate_of: UUID | None = None
        refiling: Clock | None = None

        def apply(self, petition: State) -> None:
            petition.enter(Phase.REJECTED, *([self.refiling] if self.refiling else []))

    class Refiled(State.Event):
        """Amended by the lead petitioner: what the public was to read is void, who signed has signed."""

        TOPIC = "petition.Refiled"
        topic: Text
        details: Text
        admissibility: Clock

        def apply(self, petition: State) -> None:
            petition.enter(Phase.SUBMITTED, self.admissibility)
            petition.topic, petition.details = self.topic, self.details
            petition.public_topic = petition.public_details = None
            petition.refilings += 1

    class RefilingClosed(State.Event):
        """Nobody amended it in time: the rejection is the end."""

        TOPIC = "petition.RefilingClosed"

        def apply(self, petition: State) -> None:
            petition.enter(Phase.REJECTED)

    class Referred(State.Event):
        """Passed on to another statutory route or level. Either ``unit_id`` or ``to`` says whom to."""

        TOPIC = "petition.Referred"
        unit_id: UUID | None
        to: Text | None
        explanation: Text

        def apply(self, petition: State) -> None:
            petition.enter(Phase.REFERRED)
            petition.referred_to = self.unit_id

    class ReferralReceived(State.Event):
        """The receiving authority has taken it up on that day, under a number of its own."""

        TOPIC = "petition.ReferralReceived"
        number: Text
        received_by: Text
        received_on: date

        def apply(self, petition: State) -> None:
            petition.referral_received = True

    class Called(State.Event):
        TOPIC = "petition.Called"
        post_ids: list[UUID]
        acknowledgement: Clock

        def apply(self, petition: State) -> None:
            petition.clocks["acknowledgement"] = self.acknowledgement

    # --- what cannot wait: flood, blocked fire lane -------------------------------------------------------------------

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

    # --- admissibility ------------------------------------------------------------------------------------------------

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
        duplicate_of: State | None = None,
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
        origin: "Admission",
        lead_there: str,
        seen: Collection[str],
        signers: Sequence[str],
    ) -> Self:
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
