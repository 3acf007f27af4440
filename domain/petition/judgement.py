"""The residents judge; what was promised is tracked and judged again."""

from typing import Any
from uuid import UUID

from domain.clock import Clock
from domain.command import Command, command
from domain.petition.state import State
from domain.petition.words import (
    CLERK,
    ENDS,
    FEW,
    LEAD_OFFICIAL,
    OPEN,
    RESIDENT,
    WORKFLOW,
    Judgements,
    Outcome,
    Phase,
    Resolved,
    resolved_in,
)
from domain.refusals import Conflict, Forbidden
from domain.text import Text


class Judgement(State):
    class FeedbackInvited(State.Event):
        TOPIC = "petition.FeedbackInvited"
        round: int
        invited: int
        feedback: Clock

        def apply(self, petition: State) -> None:
            petition.enter(Phase.FEEDBACK, self.feedback)

    class FeedbackGiven(State.Event):
        TOPIC = "petition.FeedbackGiven"
        SECRET = True
        round: int
        contacted: bool
        resolved: str
        satisfied: bool
        comment: Text | None

        def apply(self, petition: State) -> None:
            petition.judgements[self.by] = (self.resolved, self.satisfied)

    class CallBackAgreed(State.Event):
        """This co-signer may be called by the clerk, should too few judge: the clerk then learns who they are."""

        TOPIC = "petition.CallBackAgreed"
        SECRET = True

        def apply(self, petition: State) -> None:
            petition.callable = {**petition.callable, self.by: True}

    class CallBackDeclined(State.Event):
        TOPIC = "petition.CallBackDeclined"
        SECRET = True

        def apply(self, petition: State) -> None:
            petition.callable = {**petition.callable, self.by: False}

    class CallBackBegun(State.Event):
        """Too few have judged in time: the clerk calls those who agreed to it. They may still judge by themselves."""

        TOPIC = "petition.CallBackBegun"
        round: int
        call_back: Clock

        def apply(self, petition: State) -> None:
            petition.clocks = {"call_back": self.call_back}
            petition.called, petition.calling = [], None

    class CallHandedOut(State.Event):
        """The clerk is told whom to call: one at a time."""

        TOPIC = "petition.CallHandedOut"
        SECRET = True
        call_id: UUID
        signer: str

        def apply(self, petition: State) -> None:
            petition.calling = self.call_id, self.signer, self.by
            petition.called = [*petition.called, self.signer]

    class CallMissed(State.Event):
        """Nobody answered, or did not want to."""

        TOPIC = "petition.CallMissed"
        SECRET = True
        call_id: UUID

        def apply(self, petition: State) -> None:
            petition.calling = None

    class FeedbackTaken(State.Event):
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

        def apply(self, petition: State) -> None:
            petition.judgements[self.signer] = (self.resolved, self.satisfied)
            petition.calling = None

    class TrackingBegun(State.Event):
        """The residents have judged the promise; it is tracked until it is kept."""

        TOPIC = "petition.TrackingBegun"
        round: int
        commitment: Clock

        def apply(self, petition: State) -> None:
            petition.enter(Phase.TRACKING, self.commitment)

    class CommitmentDelivered(State.Event):
        TOPIC = "petition.CommitmentDelivered"
        round: int
        report: Text

        def apply(self, petition: State) -> None:
            petition.judge_delivery()

    class CommitmentMissed(State.Event):
        """The promised day is over and nothing was reported: the residents judge what they see."""

        TOPIC = "petition.CommitmentMissed"
        round: int

        def apply(self, petition: State) -> None:
            petition.judge_delivery()

    class Closed(State.Event):
        TOPIC = "petition.Closed"
        outcome: str
        invited: int
        judged: int
        resolved: int
        satisfied: int

        def apply(self, petition: State) -> None:
            petition.enter(Phase.CLOSED)
            petition.outcome = self.outcome
            petition.reviewable_from = self.timestamp

    # --- the residents judge ------------------------------------------------------------------------------------------

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
        judgement = {"contacted": contacted, "resolved": resolved.value, "satisfied": satisfied, "comment": comment}
        self._judge(self.FeedbackGiven, cmd, cmd.by, judgement)

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

    def _judge(self, event_class: type[State.Event], cmd: Command, signer: str, facts: dict[str, Any]) -> None:
        """One more judgement; with the last, what follows from all, which is worked out before anything is decided."""
        conclusion = []
        if len(self.judgements) + 1 == self.signatures:
            verdict = (facts["resolved"], facts["satisfied"])
            conclusion = self._conclusion(cmd, self.judgements | {signer: verdict})
        self.decide(event_class, cmd, round=self.round, **facts)
        for following, its_facts in conclusion:
            self.decide(following, cmd.consequence(), **its_facts)

    def _conclusion(self, cmd: Command, judgements: Judgements) -> list[tuple[type[State.Event], dict[str, Any]]]:
        """What these judgements lead to; nothing is decided yet, since an unknown calendar year refuses."""
        judged = len(judgements)
        resolved = resolved_in(judgements)
        satisfied = sum(happy for _, happy in judgements.values())
        unresolved = judged > 0 and resolved < cmd.policy.reopen_below * judged
        if unresolved and self.round < cmd.policy.max_rounds:
            return [(self.Reopened, self._another_round(cmd, judgements))]
        order: list[tuple[type[State.Event], dict[str, Any]]] = []
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

    # --- the clerk calls back -----------------------------------------------------------------------------------------

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
        judgement = {"contacted": contacted, "resolved": resolved.value, "satisfied": satisfied, "comment": comment}
        self._judge(self.FeedbackTaken, cmd, signer, {"call_id": call_id, "signer": signer, **judgement})

    @command(CLERK)
    def miss_call(self, cmd: Command, /, *, call_id: UUID) -> None:
        self._called(cmd, call_id)
        self.decide(self.CallMissed, cmd, call_id=call_id)

    def _called(self, cmd: Command, call_id: UUID) -> str:
        self.require(Phase.FEEDBACK)
        if self.calling is None or self.calling[0] != call_id or self.calling[2] != cmd.by:
            raise Conflict("no-such-call", "没有您正在进行的这次回访。", "No such call of yours is under way.")
        return self.calling[1]

    # --- what was promised is tracked ---------------------------------------------------------------------------------

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
