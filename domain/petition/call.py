"""The posts are called, and the meeting is held."""

from collections.abc import Sequence
from uuid import UUID

from domain.clock import Clock
from domain.command import Command, command
from domain.directory import Post
from domain.petition.state import State
from domain.petition.words import (
    AT_THE_TABLE,
    CALLED_POST,
    HOST_STAFF,
    UNDER_WAY,
    WORKFLOW,
    Phase,
    require_apart,
)
from domain.refusals import Conflict, Invalid


class Call(State):
    class CallAcknowledged(State.Event):
        TOPIC = "petition.CallAcknowledged"
        post_id: UUID

        def apply(self, petition: State) -> None:
            petition.acknowledged.append(self.post_id)
            if petition.phase == Phase.ACCEPTED and self.post_id == petition.called_post_ids[0]:
                petition.phase = Phase.MEETING.value
                petition.clocks.pop("acknowledgement")

    class CallReassigned(State.Event):
        """Another post is called instead. Where it takes the lead, it is to acknowledge the call."""

        TOPIC = "petition.CallReassigned"
        from_id: UUID
        to_id: UUID
        acknowledgement: Clock | None

        def apply(self, petition: State) -> None:
            called = petition.called_post_ids
            petition.called_post_ids = [self.to_id if id == self.from_id else id for id in called]
            petition.acknowledged = [id for id in petition.acknowledged if id != self.from_id]
            petition.delegates = {id: to for id, to in petition.delegates.items() if id != str(self.from_id)}
            if self.acknowledgement:
                petition.phase = Phase.ACCEPTED.value
                petition.clocks["acknowledgement"] = self.acknowledgement

    class DelegateNamed(State.Event):
        """A called post's holder sends another of the same rank to the meeting: once, and never to answer."""

        TOPIC = "petition.DelegateNamed"
        post_id: UUID
        delegate_id: UUID

        def apply(self, petition: State) -> None:
            petition.delegates = {**petition.delegates, str(self.post_id): self.delegate_id}

    class MeetingArranged(State.Event):
        TOPIC = "petition.MeetingArranged"
        meeting_id: UUID

        def apply(self, petition: State) -> None:
            petition.meeting_id = self.meeting_id

    class MeetingWaived(State.Event):
        """The matter was resolved before the meeting. There is nothing to plan: the answer is due, and is judged."""

        TOPIC = "petition.MeetingWaived"

        def apply(self, petition: State) -> None:
            petition.enter(Phase.IN_PROGRESS, petition.clocks["response"])
            petition.roadmaps.append([])  # of this round
            petition.roadmap_version = 1

    class MeetingHeld(State.Event):
        TOPIC = "petition.MeetingHeld"
        meeting_id: UUID
        roadmap: Clock

        def apply(self, petition: State) -> None:
            petition.enter(Phase.ROADMAP, self.roadmap, petition.clocks["response"])

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
