"""What the representatives are asked to agree to: another post instead of a called one, or no meeting at all.

They speak openly, unlike the co-signers, who vote in secret. With more than half of them it is done, in the same
transaction.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Part, Permission, Role, command
from domain.directory import Post
from domain.meeting import Meeting
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import Phase, require_apart
from domain.refusals import Conflict, Forbidden, Invalid
from domain.text import Text

CLERK = Permission(Role.CLERK)
RESIDENT = Permission(Role.RESIDENT)


class Kind(StrEnum):
    REASSIGNMENT = "reassignment"
    WAIVER = "waiver"


class Status(StrEnum):
    OPEN = "open"
    AGREED = "agreed"
    DECLINED = "declined"


class Proposal(Part):
    TOPIC = "proposal"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Made

    def __init__(self, matter_id: UUID, kind: str, post_id: UUID | None, to_post_id: UUID | None, reason: Text) -> None:
        self.status: str = Status.OPEN.value
        self.matter_id, self.kind = matter_id, kind
        self.post_id, self.to_post_id = post_id, to_post_id
        self.reason = reason
        self.voices: dict[str, bool] = {}  # pseudonym -> agrees

    class Event(Part.Event):
        matter_id: UUID

    class Made(Event, Aggregate.Created):
        TOPIC = "proposal.Made"
        kind: str
        post_id: UUID | None
        to_post_id: UUID | None
        reason: Text

    class Voiced(Event):
        TOPIC = "proposal.Voiced"
        agrees: bool

        def apply(self, proposal: "Proposal") -> None:
            proposal.voices[self.by] = self.agrees

    class Decided(Event):
        TOPIC = "proposal.Decided"
        agreed: bool

        def apply(self, proposal: "Proposal") -> None:
            proposal.status = (Status.AGREED if self.agreed else Status.DECLINED).value

    @classmethod
    @command(CLERK)
    def reassign(
        cls, cmd: Command, /, *, id: UUID, petition: Petition, post: Post, to: Post, reason: Text
    ) -> "Proposal":
        """The clerk proposes to call another post, as when the called one has no say in the matter."""
        require_representatives(petition)
        if post.id not in petition.called_post_ids:
            raise Invalid("not-called", "此职务未被约谈。", "That post is not called.", "post_id")
        if to.id in petition.called_post_ids:
            raise Invalid("already-called", "此职务已被约谈。", "That post is called already.", "to_post_id")
        require_apart(petition.kept_from, [to.id], "to_post_id")
        facts = {"kind": Kind.REASSIGNMENT.value, "post_id": post.id, "to_post_id": to.id, "reason": reason}
        return cls.begin(cls.Made, cmd, id=id, matter_id=petition.id, **facts)

    @classmethod
    @command(RESIDENT)
    def waive(cls, cmd: Command, /, *, id: UUID, petition: Petition, reason: Text) -> "Proposal":
        """A representative proposes to do without the meeting, since the matter is resolved. Agrees to it by itself
        no more than the others do."""
        require_representatives(petition)
        require_representative(petition, cmd)
        facts = {"kind": Kind.WAIVER.value, "post_id": None, "to_post_id": None, "reason": reason}
        return cls.begin(cls.Made, cmd, id=id, matter_id=petition.id, **facts)

    @command(RESIDENT)
    def voice(self, cmd: Command, /, *, petition: Petition, meetings: Sequence[Meeting], agrees: bool) -> None:
        """``meetings``: the petition's present one, if there is any; a waived one is cancelled."""
        self.own(petition)
        require_representative(petition, cmd)
        if self.status != Status.OPEN:
            raise Conflict("proposal-decided", "此提议已有结果。", "This proposal has been decided.")
        if cmd.by in self.voices:
            raise Conflict("already-voiced", "您已表态。", "You have said so already.")
        petition.require(Phase.ACCEPTED, Phase.MEETING)
        voices = {**self.voices, cmd.by: agrees}
        agreed = decided(petition.representatives, voices)
        if agreed:
            self._carry_out(cmd.consequence(), petition, meetings)
        self.decide(self.Voiced, cmd, agrees=agrees)
        if agreed is not None:
            self.decide(self.Decided, cmd.consequence(), agreed=agreed)

    def _carry_out(self, cmd: Command, petition: Petition, meetings: Sequence[Meeting]) -> None:
        if self.kind == Kind.REASSIGNMENT:
            assert self.post_id, "both are named in a reassignment"
            assert self.to_post_id
            petition.reassign_call(cmd, from_id=self.post_id, to_id=self.to_post_id)
            return
        current = [m for m in meetings if m.id == petition.meeting_id]
        if petition.meeting_id and not current:
            raise Conflict("meeting-arranged", "约谈会刚有变动,请重试。", "A meeting was just arranged: try again.")
        petition.waive_meeting(cmd)
        for meeting in current:
            if meeting.status == MeetingStatus.SCHEDULED:
                meeting.cancel(cmd, petition=petition, reason=self.reason)


def decided(representatives: Sequence[str], voices: Mapping[str, bool]) -> bool | None:
    """Of those who are representatives now: more than half for it, or so many against it that there cannot be."""
    said = [voices[by] for by in representatives if by in voices]
    if 2 * sum(said) > len(representatives):
        return True
    return False if 2 * said.count(False) >= len(representatives) else None


def require_representative(petition: Petition, cmd: Command) -> None:
    if cmd.by not in petition.representatives:
        raise Forbidden("not-a-representative", "此事由群众代表办理。", "This is for the representatives.")


def require_representatives(petition: Petition) -> None:
    petition.require(Phase.ACCEPTED, Phase.MEETING)
    if not petition.representatives:
        raise Conflict(
            "no-representatives", "请先由联名人推选群众代表。", "The co-signers must elect representatives first."
        )
