"""What the co-signers decide together."""

from collections.abc import Mapping
from uuid import UUID

from domain.calendar import beijing
from domain.clock import Clock
from domain.command import Command, command
from domain.petition.state import State
from domain.petition.words import ADMITTED, CLERK, OPEN, RESIDENT, WORKFLOW, Phase
from domain.refusals import Conflict, Forbidden
from domain.text import Text


class Votes(State):
    class Merged(State.Event):
        TOPIC = "petition.Merged"
        into_id: UUID

        def apply(self, petition: State) -> None:
            petition.enter(Phase.MERGED)
            petition.merged_into = self.into_id

    class BallotCalled(State.Event):
        """The co-signers are asked. ``into_id``: of a merging. What they vote is in the ballot alone."""

        TOPIC = "petition.BallotCalled"
        ballot_id: UUID
        question: str
        into_id: UUID | None
        ballot: Clock

        def apply(self, petition: State) -> None:
            petition.ballots = petition.ballots | {self.question: (self.ballot_id, self.ballot)}

    class BallotConcluded(State.Event):
        TOPIC = "petition.BallotConcluded"
        ballot_id: UUID
        question: str
        into_id: UUID | None
        result: str

        def apply(self, petition: State) -> None:
            petition.ballots = {q: ballot for q, ballot in petition.ballots.items() if q != self.question}
            if self.result == "failed":
                petition.declined = petition.declined | {self.question: self.timestamp}
                if self.into_id:
                    petition.kept_apart_from = [*petition.kept_apart_from, self.into_id]

    class LeadReplaced(State.Event):
        TOPIC = "petition.LeadReplaced"
        lead: str

        def apply(self, petition: State) -> None:
            petition.lead = self.lead

    class RepresentativesElected(State.Event):
        """Instead of those elected before. They have agreed to be known by these names."""

        TOPIC = "petition.RepresentativesElected"
        elected: dict[str, Text]

        def apply(self, petition: State) -> None:
            petition.elected = self.elected

    @command(RESIDENT, CLERK)
    def call_ballot(
        self, cmd: Command, /, *, ballot_id: UUID, question: str, into_id: UUID | None, ballot: Clock
    ) -> None:
        self.require(*OPEN)
        if question in self.ballots:
            due_at = self.ballots[question][1].due_at
            raise Conflict(
                "ballot-open",
                f"同一事项正在表决,至 {beijing(due_at)} 截止。",
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
    def carry_over(self, cmd: Command, /, *, merged: State, signed_as: str) -> None:
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
    def merge(self, cmd: Command, /, *, into: State) -> None:
        self.require_mergeable(into)
        self.decide(self.Merged, cmd, into_id=into.id)

    @command(WORKFLOW)
    def elect_representatives(self, cmd: Command, /, *, elected: Mapping[str, Text]) -> None:
        self.require(*OPEN, even_suspended=True)
        self.decide(self.RepresentativesElected, cmd, elected=dict(elected))
