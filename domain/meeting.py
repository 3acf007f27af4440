"""A called meeting: arranged by the host or a called post, held, and put down in minutes that both sides confirm.

The petition is at hand in every command: it says who is called, who stands in for them, and who speaks for the
residents. Nobody who attended is kept by name; a resident is a pseudonym, and only ever shown as one of a number.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.calendar import beijing, local_day
from domain.clock import Clock
from domain.command import Command, Part, Permission, Role, command
from domain.directory import Unit
from domain.petition import Petition
from domain.refusals import Conflict, Forbidden, Invalid
from domain.text import Text
from domain.wording import ZH

DOORS_OPEN = timedelta(hours=2)  # before the meeting begins
DOORS_CLOSE = timedelta(days=1)  # after it began, though nobody has said that it was held
LONGEST_AHEAD = timedelta(days=366)  # farther ahead, somebody mistyped the year


class Status(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    HELD = "held"


class MinutesStatus(StrEnum):
    DRAFT = "draft"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


class Capacity(StrEnum):
    """As what somebody attends."""

    OFFICIAL = "official"
    REPRESENTATIVE = "representative"
    RESIDENT = "resident"


@dataclass(frozen=True)
class AgendaItem:
    text: Text
    objection_id: UUID | None


@dataclass(frozen=True)
class Objection:
    """Of a resident who did not sign."""

    by: str
    text: Text


@dataclass(frozen=True)
class Commitment:
    """What was promised in the meeting, by which unit, by when: a row of the roadmap's first draft."""

    what: Text
    unit_id: UUID
    due_on: date


def host(meeting: "Meeting | type[Meeting]", arguments: Mapping[str, Any]) -> Collection[UUID]:
    return [meeting.host_id if isinstance(meeting, Meeting) else arguments["petition"].host_id]


def posts(_: Any, arguments: Mapping[str, Any]) -> Collection[UUID]:
    called: list[UUID] = arguments["petition"].called_post_ids
    return called


def posts_and_delegates(_: Any, arguments: Mapping[str, Any]) -> Collection[UUID]:
    petition: Petition = arguments["petition"]
    return [*petition.called_post_ids, *petition.delegates.values()]


def lead_post_and_delegate(_: Any, arguments: Mapping[str, Any]) -> Collection[UUID]:
    petition: Petition = arguments["petition"]
    lead = petition.called_post_ids[0]
    return [lead, petition.delegates.get(str(lead), lead)]


HOST_STAFF = Permission(Role.HOST_STAFF, of=host)
CALLED_POST = Permission(Role.OFFICIAL, of=posts)
AT_THE_TABLE = Permission(Role.OFFICIAL, of=posts_and_delegates)
LEAD_POST = Permission(Role.OFFICIAL, of=lead_post_and_delegate)
RESIDENT = Permission(Role.RESIDENT)
WORKFLOW = Permission(Role.WORKFLOW)


def speakers(petition: Petition) -> Sequence[str]:
    """Who speaks for the residents: those they elected, or else the lead petitioner."""
    return petition.representatives or [petition.lead]


class Meeting(Part):
    TOPIC = "meeting"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Scheduled
    # Defaults, for snapshots from before there were any. Never changed in place.
    rescheduled: int = 0
    unit_ids: Sequence[UUID] = ()  # invited besides the host, the called posts and the co-signers
    agenda: Sequence[AgendaItem] = ()
    objections = dict[str, Objection]()  # noqa: RUF012
    briefed_for: datetime | None = None  # the beginning that the brief was released for
    attended = dict[str, str]()  # noqa: RUF012
    posts_present: Sequence[UUID] = ()
    counted = dict[str, int]()  # noqa: RUF012
    no_shows: Sequence[UUID] = ()  # posts, at the present date
    minutes: Text | None = None
    commitments: Sequence[Commitment] = ()
    corrections = dict[str, Text]()  # noqa: RUF012 - by whom; of the present draft
    minutes_status: str | None = None
    minutes_clock: Clock | None = None
    confirmed_by = dict[str, str]()  # noqa: RUF012

    def __init__(
        self, matter_id: UUID, host_id: UUID, called_post_ids: list[UUID], starts_at: datetime, venue: Text
    ) -> None:
        self.status: str = Status.SCHEDULED.value
        self.matter_id, self.host_id, self.called_post_ids = matter_id, host_id, called_post_ids
        self.starts_at, self.venue = starts_at, venue

    class Event(Part.Event):
        matter_id: UUID

    class Scheduled(Event, Aggregate.Created):
        TOPIC = "meeting.Scheduled"
        host_id: UUID
        called_post_ids: list[UUID]
        starts_at: datetime
        venue: Text

    class Invited(Event):
        """A unit. The host, the called posts and whoever signed are invited as such, and nobody lists them."""

        TOPIC = "meeting.Invited"
        unit_id: UUID

        def apply(self, meeting: "Meeting") -> None:
            meeting.unit_ids = [*meeting.unit_ids, self.unit_id]

    class ObjectionFiled(Event):
        TOPIC = "meeting.ObjectionFiled"
        objection_id: UUID
        text: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.objections = {**meeting.objections, str(self.objection_id): Objection(self.by, self.text)}

    class AgendaItemAdded(Event):
        TOPIC = "meeting.AgendaItemAdded"
        text: Text
        objection_id: UUID | None

        def apply(self, meeting: "Meeting") -> None:
            meeting.agenda = [*meeting.agenda, AgendaItem(self.text, self.objection_id)]

    class Rescheduled(Event):
        TOPIC = "meeting.Rescheduled"
        starts_at: datetime
        venue: Text
        reason: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.starts_at, meeting.venue = self.starts_at, self.venue
            meeting.rescheduled += 1
            if meeting.no_shows:
                meeting.no_shows = []

    class Cancelled(Event):
        TOPIC = "meeting.Cancelled"
        reason: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.status = Status.CANCELLED.value

    class BriefReleased(Event):
        """The called posts may read the brief from now on."""

        TOPIC = "meeting.BriefReleased"
        starts_at: datetime

        def apply(self, meeting: "Meeting") -> None:
            meeting.briefed_for = self.starts_at

    class AttendanceRecorded(Event):
        """By a token that somebody showed at the door. ``post_id``: whom an official stands for."""

        TOPIC = "meeting.AttendanceRecorded"
        attendee: str
        capacity: str
        post_id: UUID | None

        def apply(self, meeting: "Meeting") -> None:
            meeting.attended = {**meeting.attended, self.attendee: self.capacity}
            if self.post_id:
                meeting.posts_present = [*dict.fromkeys([*meeting.posts_present, self.post_id])]

    class AttendanceCounted(Event):
        """By hand: those who came without a token. Instead of what was counted before."""

        TOPIC = "meeting.AttendanceCounted"
        post_ids: list[UUID]
        representatives: int
        residents: int

        def apply(self, meeting: "Meeting") -> None:
            meeting.posts_present = [*dict.fromkeys([*meeting.posts_present, *self.post_ids])]
            meeting.counted = {
                Capacity.REPRESENTATIVE.value: self.representatives,
                Capacity.RESIDENT.value: self.residents,
            }

    class NoShowRecorded(Event):
        TOPIC = "meeting.NoShowRecorded"
        post_id: UUID

        def apply(self, meeting: "Meeting") -> None:
            meeting.no_shows = [*meeting.no_shows, self.post_id]

    class Held(Event):
        TOPIC = "meeting.Held"
        minutes: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.status = Status.HELD.value

    class MinutesDrafted(Event):
        """``clock``: so long they can be corrected and confirmed. What was confirmed before is to be confirmed anew."""

        TOPIC = "meeting.MinutesDrafted"
        minutes: Text
        commitments: list[Commitment]
        clock: Clock

        def apply(self, meeting: "Meeting") -> None:
            meeting.minutes, meeting.commitments = self.minutes, self.commitments
            meeting.minutes_status, meeting.minutes_clock = MinutesStatus.DRAFT.value, self.clock
            meeting.corrections, meeting.confirmed_by = {}, {}

    class CorrectionOffered(Event):
        TOPIC = "meeting.CorrectionOffered"
        text: Text

        def apply(self, meeting: "Meeting") -> None:
            meeting.corrections = {**meeting.corrections, self.by: self.text}

    class MinutesConfirmed(Event):
        """By one of those whose word it takes; ``complete`` with the last of them."""

        TOPIC = "meeting.MinutesConfirmed"
        party: str
        complete: bool

        def apply(self, meeting: "Meeting") -> None:
            meeting.confirmed_by = {**meeting.confirmed_by, self.by: self.party}
            if self.complete:
                meeting.minutes_status, meeting.minutes_clock = MinutesStatus.CONFIRMED.value, None

    class MinutesLeftUnconfirmed(Event):
        """Time was up. ``missing``: the parties whose word was not given."""

        TOPIC = "meeting.MinutesLeftUnconfirmed"
        missing: list[str]

        def apply(self, meeting: "Meeting") -> None:
            meeting.minutes_status, meeting.minutes_clock = MinutesStatus.UNCONFIRMED.value, None

    class ClocksMoved(Event):
        """See ``Petition.ClocksMoved``."""

        TOPIC = "meeting.ClocksMoved"
        clock: Clock
        revision: int

        def apply(self, meeting: "Meeting") -> None:
            meeting.minutes_clock = self.clock

    # --- arranging ----------------------------------------------------------------------------------------------------

    @classmethod
    @command(HOST_STAFF, CALLED_POST)
    def schedule(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        petition: Petition,
        starts_at: datetime,
        venue: Text,
        earlier: Sequence["Meeting"] = (),
    ) -> "Meeting":
        """``earlier``: the meeting that the petition had before, if it had one. It must have been cancelled."""
        require_future(starts_at, cmd)
        over = petition.meeting_id in [meeting.id for meeting in earlier if meeting.status == Status.CANCELLED]
        petition.arrange_meeting(cmd, meeting_id=id, in_place_of=petition.meeting_id if over else None)
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
    def invite(self, cmd: Command, /, *, petition: Petition, unit: Unit) -> None:
        self._require(petition, Status.SCHEDULED)
        if unit.id not in self.unit_ids:
            self.decide(self.Invited, cmd, unit_id=unit.id)

    @command(HOST_STAFF, AT_THE_TABLE, RESIDENT)
    def add_to_agenda(self, cmd: Command, /, *, petition: Petition, text: Text) -> None:
        require_speaker(petition, cmd)
        self._require(petition, Status.SCHEDULED)
        self.decide(self.AgendaItemAdded, cmd, text=text, objection_id=None)

    @command(RESIDENT)
    def file_objection(self, cmd: Command, /, *, petition: Petition, objection_id: UUID, text: Text) -> None:
        """Another resident objects to the topic: once, for the host to put it on the agenda."""
        if petition.signers.get(cmd.by):
            raise Forbidden(
                "signer-objects",
                "联名人不能对本题目提出异议,可以先撤回联名。",
                "Whoever has signed cannot object to the topic; withdraw the signature first.",
            )
        self._require(petition, Status.SCHEDULED)
        if cmd.by in [objection.by for objection in self.objections.values()]:
            raise Conflict("already-objected", "您已提出异议,每人一次。", "You have objected already; once is enough.")
        self.decide(self.ObjectionFiled, cmd, objection_id=objection_id, text=text)

    @command(HOST_STAFF)
    def take_up_objection(self, cmd: Command, /, *, petition: Petition, objection_id: UUID) -> None:
        self._require(petition, Status.SCHEDULED)
        objection = self.objections.get(str(objection_id))
        if objection is None:
            raise Invalid("unknown-reference", "没有这条异议。", "There is no such objection.", "objection_id")
        if objection_id not in [item.objection_id for item in self.agenda]:
            self.decide(self.AgendaItemAdded, cmd, text=objection.text, objection_id=objection_id)

    @command(HOST_STAFF, CALLED_POST)
    def reschedule(
        self, cmd: Command, /, *, petition: Petition, starts_at: datetime, venue: Text, reason: Text
    ) -> None:
        self._require(petition, Status.SCHEDULED)
        require_future(starts_at, cmd)
        self.decide(self.Rescheduled, cmd, starts_at=starts_at, venue=venue, reason=reason)

    @command(HOST_STAFF, CALLED_POST, WORKFLOW)
    def cancel(self, cmd: Command, /, *, petition: Petition, reason: Text) -> None:
        self._require(petition, Status.SCHEDULED)
        self.decide(self.Cancelled, cmd, reason=reason)

    @command(WORKFLOW)
    def release_brief(self, cmd: Command, /) -> None:
        self._require_status(Status.SCHEDULED)
        due_at = cmd.policy.before("brief", self.starts_at)
        if cmd.at < due_at:
            raise Conflict("too-early", f"简报自 {beijing(due_at)} 起提供。", f"The brief is due at {due_at}.")
        if self.briefed_for != self.starts_at:
            self.decide(self.BriefReleased, cmd, starts_at=self.starts_at)

    # --- who came -----------------------------------------------------------------------------------------------------

    @command(HOST_STAFF)
    def admit(self, cmd: Command, /, *, petition: Petition, attendee: str, post_id: UUID | None) -> None:
        """Somebody showed a token at the door: it counts once. ``post_id``: of an official's token."""
        self._require(petition, Status.SCHEDULED)
        opens_at = self.starts_at - DOORS_OPEN
        if cmd.at < opens_at:
            raise Conflict("doors-closed", f"签到自 {beijing(opens_at)} 开始。", f"The doors open at {opens_at}.")
        if cmd.at > self.starts_at + DOORS_CLOSE:
            raise Conflict("token-expired", "此签到码已过期。", "This token has expired.")
        if attendee in self.attended:
            raise Conflict("token-used", "此签到码已使用。", "This token has been used.")
        if post_id and post_id not in posts_and_delegates(self, {"petition": petition}):
            raise Conflict("no-longer-called", "此职务已不在应约之列。", "That post is no longer called.")
        spoke = attendee in speakers(petition)
        capacity = Capacity.OFFICIAL if post_id else Capacity.REPRESENTATIVE if spoke else Capacity.RESIDENT
        self.decide(self.AttendanceRecorded, cmd, attendee=attendee, capacity=capacity.value, post_id=post_id)

    @command(HOST_STAFF)
    def count_attendance(
        self, cmd: Command, /, *, petition: Petition, post_ids: Sequence[UUID], representatives: int, residents: int
    ) -> None:
        """Take down by hand who came without a token: posts, and how many others."""
        self._require(petition, Status.SCHEDULED, Status.HELD)
        self._require_begun(cmd, DOORS_OPEN)
        require_called(petition, post_ids, "post_ids")
        counted = {Capacity.REPRESENTATIVE.value: representatives, Capacity.RESIDENT.value: residents}
        if counted != self.counted or not set(self.posts_present).issuperset(post_ids):
            facts = {"post_ids": list(post_ids), "representatives": representatives, "residents": residents}
            self.decide(self.AttendanceCounted, cmd, **facts)

    @command(HOST_STAFF)
    def record_no_show(self, cmd: Command, /, *, petition: Petition, post_id: UUID) -> None:
        """Neither a called post's holder nor its delegate came."""
        self._require(petition, Status.SCHEDULED, Status.HELD)
        self._require_begun(cmd)
        require_called(petition, [post_id], "post_id")
        if {post_id, petition.delegates.get(str(post_id))} & set(self.posts_present):
            raise Conflict("was-present", "此职务已有人到会。", "That post was present, or its delegate.")
        if post_id not in self.no_shows:
            self.decide(self.NoShowRecorded, cmd, post_id=post_id)

    def present(self, capacity: Capacity) -> int:
        return sum(c == capacity for c in self.attended.values()) + self.counted.get(capacity, 0)

    # --- the meeting, and its minutes ---------------------------------------------------------------------------------

    @command(HOST_STAFF, AT_THE_TABLE)
    def hold(
        self,
        cmd: Command,
        /,
        *,
        petition: Petition,
        minutes: Text,
        commitments: Sequence[Commitment] = (),
        units: Sequence[Unit] = (),
    ) -> None:
        """Record that the meeting took place, with the first draft of its minutes. In the same transaction its petition
        moves on to the roadmap. ``units`` are those of the named units that exist."""
        self._require(petition, Status.SCHEDULED)
        self._require_begun(cmd)
        require_possible(commitments, units, cmd)
        clock = cmd.policy.clock("minutes", cmd.at)
        petition.conclude_meeting(cmd, meeting_id=self.id)
        self.decide(self.Held, cmd, minutes=minutes)
        self.decide(self.MinutesDrafted, cmd, minutes=minutes, commitments=list(commitments), clock=clock)

    @command(HOST_STAFF, AT_THE_TABLE)
    def draft_minutes(
        self,
        cmd: Command,
        /,
        *,
        petition: Petition,
        minutes: Text,
        commitments: Sequence[Commitment],
        units: Sequence[Unit],
    ) -> None:
        """Another draft, instead of the one before and with time of its own."""
        self._require_open(petition)
        require_possible(commitments, units, cmd)
        clock = cmd.policy.clock("minutes", cmd.at)
        self.decide(self.MinutesDrafted, cmd, minutes=minutes, commitments=list(commitments), clock=clock)

    @command(AT_THE_TABLE, RESIDENT)
    def offer_correction(self, cmd: Command, /, *, petition: Petition, text: Text) -> None:
        if cmd.role == Role.RESIDENT and cmd.by not in (*self.attended, *speakers(petition)):
            raise Forbidden(
                "did-not-attend",
                "只有到会的人可以更正会议记录。",
                "Only those who attended can correct the minutes.",
            )
        self._require_open(petition)
        self.decide(self.CorrectionOffered, cmd, text=text)

    @command(LEAD_POST, RESIDENT)
    def confirm_minutes(self, cmd: Command, /, *, petition: Petition) -> None:
        """It takes the lead official or the delegate, and more than half of the representatives."""
        require_speaker(petition, cmd)
        self._require_open(petition)
        party = Capacity.REPRESENTATIVE if cmd.role == Role.RESIDENT else Capacity.OFFICIAL
        if cmd.by in self.confirmed_by or (party == Capacity.OFFICIAL and party in self.confirmed_by.values()):
            raise Conflict("already-confirmed", "此稿已由您方确认。", "Your side has confirmed this draft already.")
        confirmed = {**self.confirmed_by, cmd.by: party.value}
        facts = {"party": party.value, "complete": not missing(petition, confirmed)}
        self.decide(self.MinutesConfirmed, cmd, **facts)

    @command(WORKFLOW)
    def close_minutes(self, cmd: Command, /, *, petition: Petition) -> None:
        self._require_open(petition)
        assert self.minutes_clock
        if cmd.at < self.minutes_clock.due_at:
            due_at = self.minutes_clock.due_at
            raise Conflict("too-early", f"期限为 {beijing(due_at)}。", f"The minutes are open until {due_at}.")
        self.decide(self.MinutesLeftUnconfirmed, cmd, missing=missing(petition, self.confirmed_by))

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        if self.minutes_clock and (moved := cmd.policy.moved(self.minutes_clock, cmd.at)) != self.minutes_clock:
            self.decide(self.ClocksMoved, cmd, clock=moved, revision=cmd.policy.calendar.revision)

    def _require(self, petition: Petition, *statuses: Status) -> None:
        self.own(petition)
        self._require_status(*statuses)

    def _require_status(self, *statuses: Status) -> None:
        if self.status not in statuses:
            raise Conflict(
                "wrong-status",
                f"此会议目前为“{ZH[self.status]}”,不能办理此事。",
                f"The meeting is “{self.status}”; this takes one that is {' or '.join(statuses)}.",
            )

    def _require_open(self, petition: Petition) -> None:
        self._require(petition, Status.HELD)
        if self.minutes_status != MinutesStatus.DRAFT:
            raise Conflict("minutes-closed", "会议记录已定稿。", "The minutes are closed.")

    def _require_begun(self, cmd: Command, early: timedelta = timedelta()) -> None:
        if cmd.at < self.starts_at - early:
            raise Conflict(
                "not-begun",
                f"会议 {beijing(self.starts_at)} 开始,目前尚早。",
                f"The meeting begins at {self.starts_at}.",
            )


def missing(petition: Petition, confirmed_by: Mapping[str, str]) -> list[str]:
    """The parties whose word is still missing."""
    speaking = speakers(petition)
    said = sum(by in confirmed_by for by in speaking)
    return [
        *([] if Capacity.OFFICIAL in confirmed_by.values() else [Capacity.OFFICIAL.value]),
        *([] if 2 * said > len(speaking) else [Capacity.REPRESENTATIVE.value]),
    ]


def require_speaker(petition: Petition, cmd: Command) -> None:
    if cmd.role == Role.RESIDENT and cmd.by not in speakers(petition):
        raise Forbidden(
            "not-a-representative",
            "此事由群众代表办理(未推选的,由发起人办理)。",
            "This is for the representatives; for the lead petitioner where none were elected.",
        )


def require_called(petition: Petition, post_ids: Sequence[UUID], field: str) -> None:
    if not {*petition.called_post_ids, *petition.delegates.values()}.issuperset(post_ids):
        raise Invalid("not-called", "此职务未被约谈。", "That post is not called.", field)


def require_possible(commitments: Sequence[Commitment], units: Sequence[Unit], cmd: Command) -> None:
    known = {unit.id for unit in units}
    for n, commitment in enumerate(commitments):
        if commitment.unit_id not in known:
            raise Invalid(
                "unknown-unit",
                "没有这个承办单位,请从单位名录中选择。",
                "No such unit: choose one from the directory.",
                f"commitments.{n}.unit_id",
            )
        if commitment.due_on <= local_day(cmd.at):
            raise Invalid(
                "due-date-past", "完成日期须晚于今天。", "The due date must lie after today.", f"commitments.{n}.due_on"
            )


def require_future(starts_at: datetime, cmd: Command) -> None:
    if starts_at <= cmd.at:
        raise Invalid("starts-in-the-past", "会议时间须在将来。", "The meeting must begin in the future.", "starts_at")
    if starts_at > cmd.at + LONGEST_AHEAD:
        raise Invalid(
            "starts-too-late",
            "会议时间须在一年以内,请核对年份。",
            "The meeting must begin within a year: check the year.",
            "starts_at",
        )
