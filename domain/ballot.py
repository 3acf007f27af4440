"""A secret ballot: the valid co-signers of a petition decide, each once, and only the result leaves.

A question is decided by more than half of all valid co-signers: as early as that is certain, else at the clock's end,
when silence counts as no. An election takes the candidates with the most votes; each voter approves of as many as they
like, and it ends early only when all have voted. Votes of those who are no co-signers any more do not count.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.calendar import beijing
from domain.clock import Clock
from domain.command import Command, Part, Permission, Role, command, require_permission
from domain.petition import Petition
from domain.petition.words import CLERK, LEAD_PETITIONER, OPEN, REPRESENTATIVE, RESIDENT, UNDER_WAY, WORKFLOW, Phase
from domain.refusals import Conflict, Invalid
from domain.text import Text


class Question(StrEnum):
    WITHDRAWAL = "withdrawal"
    MERGING = "merging"
    REPLACEMENT = "replacement"  # of the lead petitioner
    REPRESENTATIVES = "representatives"


class Result(StrEnum):
    """``VOID``: what was decided could not be done any more, as when the other petition has been closed meanwhile."""

    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"


WEARING = (Question.WITHDRAWAL, Question.REPLACEMENT)  # to be asked again and again
SEATS = {Question.REPLACEMENT: 1, Question.REPRESENTATIVES: 5}
YES, NO = "yes", "no"
CALLERS: dict[str, tuple[Permission, ...]] = {
    Question.WITHDRAWAL: (LEAD_PETITIONER, REPRESENTATIVE),
    Question.MERGING: (CLERK,),
    Question.REPLACEMENT: (RESIDENT,),
    Question.REPRESENTATIVES: (RESIDENT, CLERK),
}


class Ballot(Part):
    TOPIC = "ballot"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Called

    def __init__(
        self, matter_id: UUID, question: str, into_id: UUID | None, stepping_down: bool, ballot: Clock, candidacy: Clock
    ) -> None:
        self.matter_id, self.question, self.into_id = matter_id, question, into_id
        self.stepping_down = stepping_down
        self.clock, self.candidacy = ballot, candidacy
        self.candidates: dict[str, Text | None] = {}  # pseudonym -> name, in order of standing; None: stood down
        self.votes: dict[str, list[str]] = {}  # pseudonym -> what they chose
        self.cast: dict[str, int] = {}  # how often each choice was made, by those too who have withdrawn since
        self.result: str | None = None
        self.totals: dict[str, int] = {}  # of the valid votes, once it is concluded
        self.counted = 0  # valid votes

    # --- events -----------------------------------------------------------------------------------------------------

    class Event(Part.Event):
        matter_id: UUID

    class Called(Event, Aggregate.Created):
        """``stepping_down``: the lead petitioner asks to be replaced. ``candidacy``: until then candidates stand."""

        TOPIC = "ballot.Called"
        question: str
        into_id: UUID | None
        stepping_down: bool
        ballot: Clock
        candidacy: Clock

    class Stood(Event):
        """``name``: by which they agree to be known to the co-signers, and if elected to host, post and clerk."""

        TOPIC = "ballot.Stood"
        SECRET = True
        name: Text

        def apply(self, ballot: "Ballot") -> None:
            ballot.candidates[self.by] = self.name

    class StoodDown(Event):
        TOPIC = "ballot.StoodDown"
        SECRET = True

        def apply(self, ballot: "Ballot") -> None:
            ballot.candidates[self.by] = None  # its number stays taken

    class Voted(Event):
        TOPIC = "ballot.Voted"
        SECRET = True
        choices: list[str]

        def apply(self, ballot: "Ballot") -> None:
            ballot.votes[self.by] = self.choices
            for choice in self.choices:
                ballot.cast[choice] = ballot.cast.get(choice, 0) + 1

    class Concluded(Event):
        TOPIC = "ballot.Concluded"
        result: str
        counted: int
        totals: dict[str, int]

        def apply(self, ballot: "Ballot") -> None:
            ballot.result, ballot.counted, ballot.totals = self.result, self.counted, self.totals

    # --- calling it -------------------------------------------------------------------------------------------------

    @classmethod
    @command(RESIDENT, CLERK)
    def call(
        cls, cmd: Command, /, *, id: UUID, petition: Petition, question: Question, into: Petition | None = None
    ) -> "Ballot":
        """Ask the co-signers. ``into``: of a merging, the other petition."""
        require_permission(CALLERS[question], cmd, petition)
        if question == Question.MERGING:
            petition.require_mergeable(into)
        else:
            petition.require(Phase.COLLECTING, Phase.SUBMITTED, *UNDER_WAY)
            petition.require_threshold(cmd)
        if cmd.role == Role.RESIDENT:
            petition.require_co_signer(cmd)
        if question in WEARING and question in petition.declined:
            again = cmd.policy.clock("ask_again", petition.declined[question]).due_at
            if cmd.at < again:
                raise Conflict(
                    "asked-recently",
                    f"联名人不久前表决未通过,{again} 之后方可再次提出。",
                    f"The co-signers said no a while ago; they can be asked again from {again} on.",
                )
        ballot, candidacy = (cmd.policy.clock(rule, cmd.at) for rule in ("ballot", "candidacy"))
        facts: dict[str, Any] = {"question": question.value, "into_id": into.id if into else None, "ballot": ballot}
        petition.call_ballot(cmd, ballot_id=id, **facts)
        stepping_down = question == Question.REPLACEMENT and cmd.by == petition.lead
        return cls.begin(
            cls.Called,
            cmd,
            id=id,
            matter_id=petition.id,
            **facts,
            candidacy=candidacy,
            stepping_down=stepping_down,
        )

    # --- candidates -------------------------------------------------------------------------------------------------

    @command(RESIDENT)
    def stand(self, cmd: Command, /, *, petition: Petition, name: Text) -> None:
        self._require_open(cmd, petition)
        if self.question not in SEATS:
            raise Conflict("no-candidates", "此次表决没有候选人。", "This ballot has no candidates.")
        if cmd.at >= self.candidacy.due_at:
            raise Conflict(
                "candidacies-closed",
                f"报名已于 {beijing(self.candidacy.due_at)} 截止。",
                f"Candidates could stand until {self.candidacy.due_at}.",
            )
        if self.question == Question.REPLACEMENT and cmd.by == petition.lead:
            raise Conflict(
                "lead-petitioner",
                "您已是发起人,无须报名;无人过半数当选时您继续担任。",
                "You are the lead petitioner already, and stay so unless somebody else is elected.",
            )
        if self.candidates.get(cmd.by):
            raise Conflict("already-standing", "您已报名。", "You are a candidate already.")
        self.decide(self.Stood, cmd, name=name)

    @command(RESIDENT)
    def stand_down(self, cmd: Command, /, *, petition: Petition) -> None:
        self._require_open(cmd, petition)
        if not self.candidates.get(cmd.by):
            raise Conflict("not-standing", "您没有报名。", "You are no candidate.")
        self.decide(self.StoodDown, cmd)

    @property
    def options(self) -> dict[str, Text | None]:
        """What can be chosen now: yes or no, or the candidates' numbers with their names."""
        if self.question not in SEATS:
            return {YES: None, NO: None}
        return {str(n): name for n, name in enumerate(self.candidates.values(), 1) if name}

    # --- votes ------------------------------------------------------------------------------------------------------

    @command(RESIDENT)
    def vote(
        self, cmd: Command, /, *, petition: Petition, choices: Sequence[str], into: Petition | None = None
    ) -> None:
        """Yes or no; in an election, all candidates one approves of, or none."""
        self._require_open(cmd, petition)
        if self.question in SEATS and cmd.at < self.candidacy.due_at:
            raise Conflict(
                "candidacies-open",
                f"候选人报名至 {beijing(self.candidacy.due_at)},之后开始投票。",
                f"Candidates stand until {self.candidacy.due_at}; then the voting begins.",
            )
        if cmd.by in self.votes:
            raise Conflict("already-voted", "您已投票,每人一次,不能更改。", "You have voted; a vote is not changed.")
        one = self.question not in SEATS
        if not self.options.keys() >= set(choices) or len(set(choices)) < len(choices) or (one and len(choices) != 1):
            raise Invalid(
                "no-such-choice",
                "请从列出的选项中选择,不重复。",
                "Choose among the options that are listed, each once.",
                "choices",
            )
        self.decide(self.Voted, cmd, choices=list(choices))
        if self._is_certain(petition):
            self._conclude(cmd.consequence(), petition, into)

    @command(WORKFLOW)
    def conclude(self, cmd: Command, /, *, petition: Petition, into: Petition | None = None) -> None:
        """The clock has run out."""
        self._require_its_own(petition)
        if cmd.at < self.clock.due_at:
            raise Conflict("too-early", f"期限为 {beijing(self.clock.due_at)}。", f"It runs until {self.clock.due_at}.")
        self._conclude(cmd, petition, into)

    def _is_certain(self, petition: Petition) -> bool:
        """Asked of the votes cast, which are at hand, before the valid ones are counted."""
        everybody = petition.signatures

        def certain(cast: dict[str, int], voters: int) -> bool:
            if self.question in SEATS:
                return voters >= everybody
            return 2 * cast.get(YES, 0) > everybody or 2 * cast.get(NO, 0) >= everybody

        return certain(self.cast, len(self.votes)) and certain(*self._count(petition))

    def _count(self, petition: Petition) -> tuple[dict[str, int], int]:
        """The valid votes: how often each option was chosen, and how many have voted."""
        totals, voters = dict.fromkeys(self.options, 0), 0
        for by, choices in self.votes.items():
            if petition.signers.get(by):
                voters += 1
                for choice in choices:
                    if choice in totals:  # its candidate may have stood down
                        totals[choice] += 1
        return totals, voters

    def _elected(self, petition: Petition, totals: dict[str, int]) -> dict[str, Text]:
        """Most votes first, ties by order of standing. Who would push the lead petitioner out needs a majority."""
        pushed_out = self.question == Question.REPLACEMENT and not self.stepping_down
        needed = petition.signatures // 2 + 1 if pushed_out else 1
        standing = [
            (totals[str(n)], by, name)
            for n, (by, name) in enumerate(self.candidates.items(), 1)
            if name and petition.signers.get(by) and totals[str(n)] >= needed
        ]
        winners = sorted(standing, key=lambda candidate: -candidate[0])[: SEATS[Question(self.question)]]
        return {by: name for _, by, name in winners}

    def _conclude(self, cmd: Command, petition: Petition, into: Petition | None) -> None:
        totals, counted = self._count(petition)
        elected = self._elected(petition, totals) if self.question in SEATS else {}
        passed = bool(elected) or 2 * totals.get(YES, 0) > petition.signatures
        void = passed and self.question == Question.MERGING and not petition.is_mergeable(into)
        result = Result.VOID if void else Result.PASSED if passed else Result.FAILED
        self.decide(self.Concluded, cmd, result=result.value, counted=counted, totals=totals)
        petition.conclude_ballot(cmd, question=self.question, into_id=self.into_id, result=result.value)
        if result == Result.PASSED:
            match self.question:
                case Question.WITHDRAWAL:
                    petition.withdraw_by_vote(cmd)
                case Question.MERGING:
                    assert into
                    petition.merge(cmd, into=into)
                case Question.REPLACEMENT:
                    petition.replace_lead(cmd, lead=next(iter(elected)))
                case Question.REPRESENTATIVES:
                    petition.elect_representatives(cmd, elected=elected)

    def _require_its_own(self, petition: Petition) -> None:
        self.own(petition)
        if self.result:
            raise Conflict("ballot-concluded", "此次表决已结束。", "This ballot has been decided.")
        petition.require(*OPEN, even_suspended=True)
        if not petition.asks(self.id):
            raise Conflict(
                "ballot-void",
                "表决期间申请曾经终止,此次表决作废。",
                "The petition had ended before this was decided: the ballot is void.",
            )

    def _require_open(self, cmd: Command, petition: Petition) -> None:
        petition.require_co_signer(cmd)
        self._require_its_own(petition)
        if cmd.at >= self.clock.due_at:
            raise Conflict(
                "ballot-over",
                f"表决已于 {beijing(self.clock.due_at)} 截止。",
                f"The voting ended at {self.clock.due_at}.",
            )


def concerned(ballot: Ballot) -> dict[str, tuple[type[Petition], UUID]]:
    """The petitions that a vote may decide about, as the repository takes them."""
    matters = {"petition": ballot.matter_id, "into": ballot.into_id}
    return {name: (Petition, id) for name, id in matters.items() if id}
