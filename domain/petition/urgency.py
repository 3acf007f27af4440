"""What cannot wait: flood, blocked fire lane."""

from uuid import UUID

from domain.clock import Clock
from domain.command import Command, command
from domain.petition.state import State
from domain.petition.words import CLERK, HOST_STAFF, OPEN, REPRESENTATIVE, UNANSWERED, Phase
from domain.refusals import Conflict, Forbidden
from domain.text import Text


class Urgency(State):
    class MarkedUrgent(State.Event):
        """The clock runs to the first response, whatever phases the petition enters before that."""

        TOPIC = "petition.MarkedUrgent"
        reason: Text
        urgent: Clock

        def apply(self, petition: State) -> None:
            petition.urgent = True
            petition.clocks["urgent"] = self.urgent
            if petition.phase == Phase.COLLECTING:
                petition.signing_goes_on = True

    class UrgencyLifted(State.Event):
        """``signing``: what was submitted unsigned only for its urgency collects signatures again."""

        TOPIC = "petition.UrgencyLifted"
        reason: Text
        signing: Clock | None

        def apply(self, petition: State) -> None:
            petition.urgent = False
            petition.clocks.pop("urgent", None)
            if self.signing:
                petition.enter(Phase.COLLECTING, self.signing)
                petition.threshold_reached = petition.signing_goes_on = False
                petition.submitted_with = None

    class RepresentativeResigned(State.Event):
        TOPIC = "petition.RepresentativeResigned"

        def apply(self, petition: State) -> None:
            petition.dismiss(self.by)

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
