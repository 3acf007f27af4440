"""Collecting signatures, until the petition is submitted, withdrawn or lapses."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from domain.clock import Clock
from domain.command import Command, command
from domain.directory import Host, Post
from domain.disclosure import next_told
from domain.petition.state import State
from domain.petition.words import (
    CLERK,
    HOST_STAFF,
    LEAD_PETITIONER,
    MANY,
    RESIDENT,
    SIGNATURES_CHANGE,
    SUPERVISOR,
    WEEK,
    WORKFLOW,
    Category,
    Phase,
    require_apart,
)
from domain.refusals import Conflict, Invalid
from domain.text import Text


class Signing(State):
    class CoSignatureWithdrawn(State.Event):
        TOPIC = "petition.CoSignatureWithdrawn"
        SECRET = True

        def apply(self, petition: State) -> None:
            petition.lose(self.by)
            petition.withdrawals = petition.withdrawn_since(self.timestamp - WEEK) | {self.by: self.timestamp}

    class WithdrawalsMounted(State.Event):
        """A fifth within a week. The supervisor hears of it later, so that nobody can tell when the last withdrew."""

        TOPIC = "petition.WithdrawalsMounted"
        SECRET = True
        alert: Clock

        def apply(self, petition: State) -> None:
            petition.alert = self.alert

    class AlertHeeded(State.Event):
        TOPIC = "petition.AlertHeeded"
        SECRET = True

        def apply(self, petition: State) -> None:
            petition.alert_heeded = True

    class CoSignatureContested(State.Event):
        """Host staff found the slip of a signature false; it counts until that is decided: see domain/intake.py."""

        SECRET = True
        TOPIC = "petition.CoSignatureContested"
        intake_id: UUID

        def apply(self, petition: State) -> None:
            petition.contests = [*petition.contests, self.intake_id]

    class CoSignatureInvalidated(State.Event):
        TOPIC = "petition.CoSignatureInvalidated"
        SECRET = True
        signer: str

        def apply(self, petition: State) -> None:
            petition.lose(self.signer)
            petition.invalidated = [*petition.invalidated, self.signer]

    class ThresholdReached(State.Event):
        """It is told from its clock's start on: at the moment itself somebody signed."""

        TOPIC = "petition.ThresholdReached"
        SECRET = True
        signatures: int
        host_opinion: Clock

        def apply(self, petition: State) -> None:
            petition.threshold_reached = True
            petition.clocks["host_opinion"] = self.host_opinion

    class HostOpinionGiven(State.Event):
        TOPIC = "petition.HostOpinionGiven"
        opinion: Text

    class Lapsed(State.Event):
        TOPIC = "petition.Lapsed"
        signatures: int

        def apply(self, petition: State) -> None:
            petition.enter(Phase.LAPSED)

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
    ) -> Self:
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
