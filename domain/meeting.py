"""A called meeting: arranged by the host or a called post, and held."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Decider, Permission, Role, command
from domain.petition import Petition, Phase
from domain.refusals import Conflict, Invalid, not_found
from domain.text import Text


class Status(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    HELD = "held"


def host(meeting: "Meeting | type[Meeting]", arguments: Mapping[str, Any]) -> Collection[UUID]:
    return [meeting.host_id if isinstance(meeting, Meeting) else arguments["petition"].host_id]


def posts(meeting: "Meeting | type[Meeting]", arguments: Mapping[str, Any]) -> Collection[UUID]:
    called: list[UUID] = (meeting if isinstance(meeting, Meeting) else arguments["petition"]).called_post_ids
    return called


HOST_STAFF = Permission(Role.HOST_STAFF, of=host)
CALLED_POST = Permission(Role.OFFICIAL, of=posts)


class Meeting(Decider):
    TOPIC = "meeting"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Scheduled

    def __init__(
        self, matter_id: UUID, host_id: UUID, called_post_ids: list[UUID], starts_at: datetime, venue: Text
    ) -> None:
        self.status: str = Status.SCHEDULED.value
        self.matter_id, self.host_id, self.called_post_ids = matter_id, host_id, called_post_ids
        self.starts_at, self.venue = starts_at, venue

    class Event(Decider.Event):
        matter_id: UUID

    class Scheduled(Event, Aggregate.Created):
        TOPIC = "meeting.Scheduled"
        host_id: UUID
        called_post_ids: list[UUID]
        starts_at: datetime
        venue: Text

    class Rescheduled(Event):
        TOPIC = "meeting.Rescheduled"
        starts_at: datetime
        venue: Text
        reason: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.starts_at, meeting.venue = self.starts_at, self.venue

    class Cancelled(Event):
        TOPIC = "meeting.Cancelled"
        reason: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.status = Status.CANCELLED.value

    class Held(Event):
        TOPIC = "meeting.Held"
        minutes: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.status = Status.HELD.value

    @classmethod
    @command(HOST_STAFF, CALLED_POST)
    def schedule(cls, cmd: Command, /, *, id: UUID, petition: Petition, starts_at: datetime, venue: Text) -> "Meeting":
        petition.require(Phase.ACCEPTED, Phase.MEETING)
        require_future(starts_at, cmd)
        return cls.begin(
            cls.Scheduled,
            cmd,
            id=id,
            matter_id=petition.id,
            host_id=petition.host_id,
            called_post_ids=petition.called_post_ids,
            starts_at=starts_at,
            venue=venue,
        )

    @command(HOST_STAFF, CALLED_POST)
    def reschedule(self, cmd: Command, /, *, starts_at: datetime, venue: Text, reason: Text) -> None:
        self._require_scheduled()
        require_future(starts_at, cmd)
        self._decide(self.Rescheduled, cmd, starts_at=starts_at, venue=venue, reason=reason)

    @command(HOST_STAFF, CALLED_POST)
    def cancel(self, cmd: Command, /, *, reason: Text) -> None:
        self._require_scheduled()
        self._decide(self.Cancelled, cmd, reason=reason)

    @command(HOST_STAFF, CALLED_POST)
    def hold(self, cmd: Command, /, *, petition: Petition, minutes: Text) -> None:
        """Record that the meeting took place. In the same transaction its petition moves on to the roadmap."""
        if petition.id != self.matter_id:
            raise not_found("petition", "petition")
        self._require_scheduled()
        if cmd.at < self.starts_at:
            raise Conflict("not-begun", "会议尚未开始。", f"The meeting begins at {self.starts_at}.")
        petition.conclude_meeting(cmd, meeting_id=self.id)
        self._decide(self.Held, cmd, minutes=minutes)

    def _decide(self, event_class: type[Any], cmd: Command, **facts: Any) -> None:
        self.decide(event_class, cmd, matter_id=self.matter_id, **facts)

    def _require_scheduled(self) -> None:
        if self.status != Status.SCHEDULED:
            raise Conflict(
                "wrong-status",
                f"此会议已是“{self.status}”状态。",
                f"The meeting is “{self.status}”; this takes one that is scheduled.",
            )


def require_future(starts_at: datetime, cmd: Command) -> None:
    if starts_at <= cmd.at:
        raise Invalid("starts-in-the-past", "会议时间须在将来。", "The meeting must begin in the future.", "starts_at")
