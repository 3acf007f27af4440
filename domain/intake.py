"""A signature that host staff took in: on a paper slip, at the door or by telephone.

The signature itself is the petition's, by the resident's pseudonym like any other. This is its slip: who entered it and
on what evidence. Only through it can staff point at a signature, so nobody has to see who signed. Found false by two of
them, the signature still counts until the signer has let the appeal's window pass, or the clerk has decided.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.clock import Clock
from domain.command import Command, Part, Permission, Role, command
from domain.petition import Petition
from domain.refusals import Conflict, Forbidden
from domain.text import Text
from domain.wording import ZH


class Means(StrEnum):
    PAPER = "paper"
    DOORSTEP = "doorstep"
    PHONE = "phone"


class Status(StrEnum):
    VALID = "valid"
    PROPOSED = "proposed"  # to be invalidated; a second person of the staff has to confirm it
    CONTESTED = "contested"  # confirmed: the signer is told, and may appeal
    APPEALED = "appealed"
    UPHELD = "upheld"  # by the clerk: it counts
    INVALIDATED = "invalidated"


def host(intake: "Intake | type[Intake]", arguments: Mapping[str, Any]) -> Collection[UUID]:
    return [intake.host_id if isinstance(intake, Intake) else arguments["petition"].host_id]


HOST_STAFF = Permission(Role.HOST_STAFF, of=host)
SIGNER = Permission(Role.RESIDENT, who=lambda intake: [intake.signer])
CLERK = Permission(Role.CLERK)
WORKFLOW = Permission(Role.WORKFLOW)


class Intake(Part):
    TOPIC = "intake"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Filed

    def __init__(
        self, matter_id: UUID, host_id: UUID, signer: str, means: str, counted: bool, slip: str | None
    ) -> None:
        self.status: str = Status.VALID.value
        self.matter_id, self.host_id, self.signer, self.means = matter_id, host_id, signer, means
        self.counted, self.slip = counted, slip
        self.proposed_by: str | None = None
        self.reason: Text | None = None
        self.grounds: Text | None = None
        self.explanation: Text | None = None
        self.clock: Clock | None = None

    class Event(Part.Event):
        matter_id: UUID

    class Filed(Event, Aggregate.Created):
        """``slip``: the digest of the slip as it is kept, sealed; none where the signer's code stands for it.

        ``counted``: whether the signature came with it. Who had signed already is not told, to the staff either.
        """

        TOPIC = "intake.Filed"
        host_id: UUID
        signer: str
        means: str
        counted: bool
        slip: str | None

    class InvalidationProposed(Event):
        TOPIC = "intake.InvalidationProposed"
        reason: Text

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.proposed_by, intake.reason = Status.PROPOSED.value, self.by, self.reason

    class InvalidationDropped(Event):
        TOPIC = "intake.InvalidationDropped"

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.proposed_by, intake.reason = Status.VALID.value, None, None

    class InvalidationConfirmed(Event):
        """By a second person: now the signer is told."""

        TOPIC = "intake.InvalidationConfirmed"
        signer: str
        appeal: Clock

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.clock = Status.CONTESTED.value, self.appeal

    class Appealed(Event):
        TOPIC = "intake.Appealed"
        grounds: Text
        appeal_decision: Clock

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.clock, intake.grounds = Status.APPEALED.value, self.appeal_decision, self.grounds

    class Upheld(Event):
        """The clerk has decided for the signer."""

        TOPIC = "intake.Upheld"
        signer: str
        explanation: Text

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.clock, intake.explanation = Status.UPHELD.value, None, self.explanation

    class Invalidated(Event):
        """For good: nobody appealed in time, or the clerk has decided so and says why."""

        TOPIC = "intake.Invalidated"
        signer: str
        explanation: Text | None

        def apply(self, intake: "Intake") -> None:
            intake.status, intake.clock, intake.explanation = Status.INVALIDATED.value, None, self.explanation

    class ClocksMoved(Event):
        """See ``Petition.ClocksMoved``."""

        TOPIC = "intake.ClocksMoved"
        clock: Clock
        revision: int

        def apply(self, intake: "Intake") -> None:
            intake.clock = self.clock

    @classmethod
    @command(HOST_STAFF)
    def file(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        petition: Petition,
        signer: str,
        means: Means,
        slip: str | None,
        opened: bool = False,
    ) -> "Intake":
        """The resident has signed on paper, or confirmed by a code what was read back to them.

        ``opened``: by the same word or slip they have opened the petition, and so signed it first.
        """
        counted = opened or not petition.signers.get(signer)
        theirs = replace(cmd, by=signer, role=Role.RESIDENT, org=None)
        if counted and not opened:
            petition.co_sign(theirs)
        else:
            petition.require(*petition.signing_phases)
            petition.decide(petition.CoSignatureRepeated, theirs)
        return cls.begin(
            cls.Filed,
            cmd,
            id=id,
            matter_id=petition.id,
            host_id=petition.host_id,
            signer=signer,
            means=means.value,
            counted=counted,
            slip=slip,
        )

    @command(HOST_STAFF)
    def propose_invalidation(self, cmd: Command, /, *, reason: Text) -> None:
        self._require(Status.VALID)
        self.decide(self.InvalidationProposed, cmd, reason=reason)

    @command(HOST_STAFF)
    def drop_invalidation(self, cmd: Command, /) -> None:
        self._require(Status.PROPOSED)
        self.decide(self.InvalidationDropped, cmd)

    @command(HOST_STAFF)
    def confirm_invalidation(self, cmd: Command, /, *, petition: Petition) -> None:
        self._require(Status.PROPOSED)
        if cmd.by == self.proposed_by:
            raise Forbidden(
                "second-person", "须由另一名工作人员确认。", "Somebody else of the host's staff has to confirm this."
            )
        appeal = cmd.policy.clock("appeal", cmd.at)
        self.own(petition).contest_signature(cmd, intake_id=self.id)
        self.decide(self.InvalidationConfirmed, cmd, signer=self.signer, appeal=appeal)

    @command(SIGNER)
    def appeal(self, cmd: Command, /, *, grounds: Text) -> None:
        self._require(Status.CONTESTED)
        self.decide(self.Appealed, cmd, grounds=grounds, appeal_decision=cmd.policy.clock("appeal_decision", cmd.at))

    @command(CLERK)
    def decide_appeal(self, cmd: Command, /, *, petition: Petition, counts: bool, explanation: Text) -> None:
        self._require(Status.APPEALED)
        if counts:
            self.own(petition)
            self.decide(self.Upheld, cmd, signer=self.signer, explanation=explanation)
        else:
            self._invalidate(cmd, petition, explanation)

    @command(WORKFLOW)
    def close_appeal(self, cmd: Command, /, *, petition: Petition) -> None:
        """Nobody appealed within the window."""
        self._require(Status.CONTESTED)
        if self.clock is None or cmd.at < self.clock.due_at:
            raise Conflict("too-early", "申诉期尚未届满。", "The signer may still appeal.")
        self._invalidate(cmd, petition, None)

    def _invalidate(self, cmd: Command, petition: Petition, explanation: Text | None) -> None:
        if self.counted:
            self.own(petition).invalidate_signature(cmd, signer=self.signer)
        else:
            self.own(petition).decide(petition.CoSignatureRepeated, cmd)
        self.decide(self.Invalidated, cmd, signer=self.signer, explanation=explanation)

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        if self.clock and (moved := cmd.policy.moved(self.clock, cmd.at)) != self.clock:
            self.decide(self.ClocksMoved, cmd, clock=moved, revision=cmd.policy.calendar.revision)

    def _require(self, status: Status) -> None:
        if self.status != status:
            raise Conflict(
                "wrong-status",
                f"此联名登记目前为“{ZH[self.status]}”,不能办理此事。",
                f"This entry is “{self.status}”; this takes one that is “{status}”.",
            )
