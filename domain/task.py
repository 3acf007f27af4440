"""A task: offered to a unit, claimed or objected to, done by a date, confirmed by whoever ordered it.

Tasks belong to a *matter* by id and kind and know nothing of petitions: other loops reuse them as they are.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.calendar import A_MOMENT, end_of, local_day
from domain.clock import Clock
from domain.command import Command, Part, Permission, Role, command
from domain.directory import Post, Unit
from domain.refusals import Conflict, Forbidden, Invalid
from domain.text import Text
from domain.wording import ZH


class Status(StrEnum):
    OFFERED = "offered"
    OBJECTED = "objected"
    UNCLAIMED = "unclaimed"  # nobody took it in time: back with the post that answers for it
    CLAIMED = "claimed"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    DROPPED = "dropped"


class Stage(StrEnum):
    """What a piece of evidence shows: the place before the work, after it, how the owners voted, or something else."""

    BEFORE = "before"
    AFTER = "after"
    VOTE = "vote"
    OTHER = "other"


ENDS = frozenset({Status.CONFIRMED, Status.DROPPED})


def lead_unit(task: "Task", _: Mapping[str, Any]) -> Collection[UUID]:
    return [task.lead_unit_id]


def claimant(task: "Task", _: Mapping[str, Any]) -> Collection[UUID]:
    return [task.transfer_to or task.lead_unit_id]


def units(task: "Task", _: Mapping[str, Any]) -> Collection[UUID]:
    return [task.lead_unit_id, *task.supporting_unit_ids]


def answerable_post(task: "Task", _: Mapping[str, Any]) -> Collection[UUID]:
    return [task.post_id]


def superior(task: "Task", _: Mapping[str, Any]) -> Collection[UUID]:
    return [task.superior_id] if task.superior_id else []


def signatories(task: "Task", arguments: Mapping[str, Any]) -> Collection[UUID]:
    """Of a mandate: the post that answers, if it may, and the leaders in charge; or whoever decides a dispute."""
    return superior(task, arguments) or [task.post_id, *(post.id for post in arguments.get("leaders", ()))]


def host(_: "Task", arguments: Mapping[str, Any]) -> Collection[UUID]:
    matter: Matter | None = arguments.get("matter")
    return [matter.host_id] if matter else []


LEAD_UNIT = Permission(Role.UNIT_OFFICER, of=lead_unit)
CLAIMANT = Permission(Role.UNIT_OFFICER, of=claimant)
ANY_UNIT = Permission(Role.UNIT_OFFICER, of=units)
LEAD_OFFICIAL = Permission(Role.OFFICIAL, of=answerable_post)
HOST_STAFF = Permission(Role.HOST_STAFF, of=host)
SIGNATORY = Permission(Role.OFFICIAL, of=signatories)
SUPERIOR_UNIT = Permission(Role.UNIT_OFFICER, of=superior)
WORKFLOW = Permission(Role.WORKFLOW)


def suspended() -> Conflict:
    return Conflict("suspended", "此件已中止,恢复后再办理。", "The matter is suspended: wait until it is resumed.")


class Matter(Protocol):
    """What a task belongs to, as far as the task asks. ``tasks``: those that are planned or under way."""

    @property
    def id(self) -> UUID: ...
    @property
    def host_id(self) -> UUID: ...
    @property
    def suspended_at(self) -> datetime | None: ...
    @property
    def tasks(self) -> Collection[UUID]: ...


class Task(Part):
    TOPIC = "task"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Offered
    # Defaults, for snapshots from before there were any.
    evidence: Sequence[str] = ()  # digests
    transfer_to: UUID | None = None  # the unit that has been asked to take over; until it claims, the lead unit answers
    suspended_at: datetime | None = None  # with its matter
    first_unit_id: UUID | None = None  # the first receiver, who answers for it while a second objection is decided
    objectors: Sequence[UUID] = ()  # the units that have objected, in order
    mandated_at: datetime | None = None  # while the unit that it was given to may still object
    superior_id: UUID | None = None  # the post or unit that decides on a second objection, while it is to be decided
    decided = False  # by the superior: there is no third objection
    cost_fen: int | None = None
    money_source: Text | None = None
    vote_needed = False  # the owners must agree before it can be completed
    vote_passed = False

    def __init__(
        self,
        matter_id: UUID,
        matter_kind: str,
        post_id: UUID,
        title: Text,
        lead_unit_id: UUID,
        supporting_unit_ids: list[UUID],
        due_on: date,
        claim: Clock,
    ) -> None:
        self.status: str = Status.OFFERED.value
        self.matter_id, self.matter_kind, self.post_id = matter_id, matter_kind, post_id
        self.title, self.lead_unit_id, self.supporting_unit_ids = title, lead_unit_id, supporting_unit_ids
        self.due_on = due_on
        self.percent = 0
        self.clock: Clock | None = claim
        self.first_unit_id = lead_unit_id

    class Event(Part.Event):
        matter_id: UUID

    class Offered(Event, Aggregate.Created):
        """``post_id``: the post that answers for the task, mandates and confirms."""

        TOPIC = "task.Offered"
        matter_kind: str
        post_id: UUID
        title: Text
        lead_unit_id: UUID
        supporting_unit_ids: list[UUID]
        due_on: date
        claim: Clock

    class Claimed(Event):
        TOPIC = "task.Claimed"
        due: Clock

        def apply(self, task: "Task") -> None:
            task.status, task.clock = Status.CLAIMED.value, self.due
            task.mandated_at = None
            if task.transfer_to:
                task.lead_unit_id, task.transfer_to = task.transfer_to, None
                task.first_unit_id = task.lead_unit_id

    class Transferred(Event):
        """Offered to another unit, which takes the lead by claiming it."""

        TOPIC = "task.Transferred"
        unit_id: UUID
        reason: Text
        claim: Clock

        def apply(self, task: "Task") -> None:
            task.status, task.clock, task.transfer_to = Status.OFFERED.value, self.claim, self.unit_id

    class Objected(Event):
        TOPIC = "task.Objected"
        reason: Text
        basis: Text

        def apply(self, task: "Task") -> None:
            task.objectors = [*task.objectors, task.transfer_to or task.lead_unit_id]
            task.status = Status.OBJECTED.value

    class ObjectedAgain(Event):
        """The units' common superior decides; ``lead_unit_id``, the first receiver, answers for the task meanwhile."""

        TOPIC = "task.ObjectedAgain"
        reason: Text
        basis: Text
        superior_id: UUID
        superior_role: str
        lead_unit_id: UUID
        mandate: Clock

        def apply(self, task: "Task") -> None:
            task.objectors = [*task.objectors, task.transfer_to or task.lead_unit_id]
            task.status, task.clock, task.superior_id = Status.OBJECTED.value, self.mandate, self.superior_id
            task.lead_unit_id, task.transfer_to = self.lead_unit_id, None

    class HandedBack(Event):
        """Nobody claimed it in time: the post that answers for it decides who does it."""

        TOPIC = "task.HandedBack"
        mandate: Clock

        def apply(self, task: "Task") -> None:
            task.status, task.clock, task.transfer_to = Status.UNCLAIMED.value, self.mandate, None

    class Mandated(Event):
        TOPIC = "task.Mandated"
        lead_unit_id: UUID
        reason: Text
        due: Clock

        def apply(self, task: "Task") -> None:
            task.status, task.lead_unit_id, task.clock = Status.CLAIMED.value, self.lead_unit_id, self.due
            task.decided = task.decided or task.superior_id is not None
            task.mandated_at, task.superior_id, task.transfer_to = self.timestamp, None, None

    class ProgressReported(Event):
        TOPIC = "task.ProgressReported"
        percent: int
        note: Text

        def apply(self, task: "Task") -> None:
            task.percent = self.percent

    class EvidenceAttached(Event):
        """``digest``: SHA-256 of the content, in hex; ``media_type`` as found in it; ``size`` in bytes."""

        TOPIC = "task.EvidenceAttached"
        digest: str
        media_type: str
        size: int
        stage: str
        name: Text

        def apply(self, task: "Task") -> None:
            task.evidence = [*task.evidence, self.digest]

    class TermsSet(Event):
        """What it costs, in hundredths of a yuan, who pays, and whether the owners must agree."""

        TOPIC = "task.TermsSet"
        cost_fen: int | None
        money_source: Text | None
        vote_needed: bool

        def apply(self, task: "Task") -> None:
            task.cost_fen, task.money_source, task.vote_needed = self.cost_fen, self.money_source, self.vote_needed

    class VoteRecorded(Event):
        """How the owners voted, of whom ``entitled`` could. ``digest``: of the piece of evidence that shows it."""

        TOPIC = "task.VoteRecorded"
        passed: bool
        in_favour: int
        against: int
        entitled: int
        voted_on: date
        digest: str

        def apply(self, task: "Task") -> None:
            task.vote_passed = self.passed

    class Completed(Event):
        TOPIC = "task.Completed"
        report: Text

        def apply(self, task: "Task") -> None:
            task.status, task.percent, task.clock = Status.COMPLETED.value, 100, None
            task.mandated_at = None

    class Returned(Event):
        TOPIC = "task.Returned"
        reason: Text
        due: Clock

        def apply(self, task: "Task") -> None:
            task.status, task.clock = Status.CLAIMED.value, self.due

    class Confirmed(Event):
        TOPIC = "task.Confirmed"

        def apply(self, task: "Task") -> None:
            task.status, task.clock = Status.CONFIRMED.value, None

    class Dropped(Event):
        """The matter ended, or went into another round, without this task."""

        TOPIC = "task.Dropped"

        def apply(self, task: "Task") -> None:
            task.status, task.clock, task.transfer_to = Status.DROPPED.value, None, None

    class Replanned(Event):
        """By a revision of the roadmap. ``clock``: of what is claimed, as it runs now."""

        TOPIC = "task.Replanned"
        due_on: date
        supporting_unit_ids: list[UUID]
        clock: Clock | None

        def apply(self, task: "Task") -> None:
            task.due_on, task.supporting_unit_ids = self.due_on, self.supporting_unit_ids
            task.clock = self.clock or task.clock

    class Suspended(Event):
        TOPIC = "task.Suspended"

        def apply(self, task: "Task") -> None:
            task.suspended_at = self.timestamp

    class Resumed(Event):
        """Goes on with its matter; its clock, if one runs, and its date stood still meanwhile."""

        TOPIC = "task.Resumed"
        clock: Clock | None
        due_on: date

        def apply(self, task: "Task") -> None:
            task.suspended_at, task.clock, task.due_on = None, self.clock, self.due_on

    class ClocksMoved(Event):
        """See ``Petition.ClocksMoved``."""

        TOPIC = "task.ClocksMoved"
        clock: Clock
        revision: int

        def apply(self, task: "Task") -> None:
            task.clock = self.clock

    @classmethod
    @command(WORKFLOW)
    def offer(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        matter: Matter,
        matter_kind: str,
        post_id: UUID,
        title: Text,
        lead_unit_id: UUID,
        supporting_unit_ids: Sequence[UUID],
        due_on: date,
        cost_fen: int | None = None,
        money_source: Text | None = None,
        vote_needed: bool = False,
    ) -> "Task":
        if id not in matter.tasks:
            raise Conflict("not-planned", "此任务已不在路线图上。", "The task is no longer on the roadmap.")
        if matter.suspended_at:
            raise suspended()
        task = cls.begin(
            cls.Offered,
            cmd,
            id=id,
            matter_id=matter.id,
            matter_kind=matter_kind,
            post_id=post_id,
            title=title,
            lead_unit_id=lead_unit_id,
            supporting_unit_ids=list(supporting_unit_ids),
            due_on=due_on,
            claim=cmd.policy.clock("claim", cmd.at),
        )
        task.set_terms(cmd, cost_fen=cost_fen, money_source=money_source, vote_needed=vote_needed)
        return task

    @command(CLAIMANT)
    def claim(self, cmd: Command, /) -> None:
        if self.status == Status.CLAIMED:
            raise Conflict("already-claimed", "此任务已认领。", "The task has been claimed already.")
        self._require(Status.OFFERED)
        self.decide(self.Claimed, cmd, due=self._due(cmd))

    @command(LEAD_UNIT)
    def transfer(self, cmd: Command, /, *, unit: Unit, reason: Text) -> None:
        """Offer the task to another unit. Until that claims it, this one stays responsible."""
        self._require(Status.OFFERED, Status.CLAIMED)
        if unit.id in (self.lead_unit_id, self.transfer_to):
            raise Conflict(
                "same-unit",
                "该单位已是主办或拟接办单位,请另选单位。",
                "That unit leads the task or has been asked already: choose another.",
            )
        claim = cmd.policy.clock("claim", cmd.at)
        self.decide(self.Transferred, cmd, unit_id=unit.id, reason=reason, claim=claim)

    @command(CLAIMANT)
    def object(self, cmd: Command, /, *, reason: Text, basis: Text, superior: Post | Unit | None = None) -> None:
        """The unit says that the task is not its own, and on what basis; to a mandate, within the time to claim.

        The second time, ``superior`` decides: see ``domain.directory.common_superior``."""
        self._require(Status.OFFERED, *([Status.CLAIMED] if self.mandated_at else []))
        if self.decided:
            raise Conflict(
                "decided",
                "已由共同上级裁定,不再受理异议。",
                "The units' common superior has decided: there is no further objection.",
            )
        mandated = self.mandated_at if self.status == Status.CLAIMED else None  # and not handed on since
        if mandated and cmd.at >= cmd.policy.clock("claim", mandated).due_at:
            raise Conflict("too-late", "提出异议的期限已过。", "The time to object to the mandate is over.")
        if not self.objectors:
            self.decide(self.Objected, cmd, reason=reason, basis=basis)
            return
        if superior is None:
            raise Conflict("just-objected", "刚有单位提出异议,请再试一次。", "Somebody has just objected: try again.")
        self.decide(
            self.ObjectedAgain,
            cmd,
            reason=reason,
            basis=basis,
            superior_id=superior.id,
            superior_role=(Role.OFFICIAL if isinstance(superior, Post) else Role.UNIT_OFFICER).value,
            lead_unit_id=self.first_unit_id or self.lead_unit_id,
            mandate=cmd.policy.clock("mandate", cmd.at),
        )

    @command(WORKFLOW)
    def hand_back(self, cmd: Command, /) -> None:
        """Nobody has claimed it: back to the post that answers for it, on a clock of its own."""
        self._require(Status.OFFERED)
        if not self._claim_is_over(cmd):
            raise Conflict("too-early", "认领期限未到。", "The time to claim it is not over yet.")
        self.decide(self.HandedBack, cmd, mandate=cmd.policy.clock("mandate", cmd.at))

    def _claim_is_over(self, cmd: Command) -> bool:
        return self.clock is not None and cmd.at >= self.clock.due_at

    @command(SIGNATORY, SUPERIOR_UNIT)
    def mandate(
        self, cmd: Command, /, *, unit: Unit, reason: Text, leaders: Sequence[Post] = (), line: Sequence[UUID] = ()
    ) -> None:
        """Decide who does it: after an objection, or when nobody claimed in time; after a second, the superior does.

        ``leaders``: the posts in charge of ``unit`` or of one above it; ``line``: the ids of these units."""
        authorised = [post for post in leaders if not {unit.id, *line}.isdisjoint(post.charge_of)]
        if self.superior_id is None and authorised and cmd.org not in [post.id for post in authorised]:
            names = "、".join(post.name for post in authorised)
            raise Forbidden(
                "no-authority",
                f"该单位由“{names}”分管,须由其签发指派。",
                f"“{names}” is in charge of that unit: the mandate takes their signature.",
                "unit_id",
            )
        overdue = [Status.OFFERED] if self._claim_is_over(cmd) else []
        self._require(Status.OBJECTED, Status.UNCLAIMED, *overdue)
        self.decide(self.Mandated, cmd, lead_unit_id=unit.id, reason=reason, due=self._due(cmd))

    @command(ANY_UNIT)
    def report_progress(self, cmd: Command, /, *, percent: int, note: Text) -> None:
        self._require_worked_on()
        if not 0 <= percent <= 100:
            raise Invalid("percent", "进度为 0 至 100。", "Progress is a percentage from 0 to 100.", "percent")
        self.decide(self.ProgressReported, cmd, percent=percent, note=note)

    @command(ANY_UNIT, HOST_STAFF)
    def attach_evidence(
        self,
        cmd: Command,
        /,
        *,
        sha256: str,
        media_type: str,
        size: int,
        stage: Stage,
        name: Text,
        matter: Matter | None = None,  # noqa: ARG002 - the permission asks it for the host
    ) -> None:
        """The same file counts once, whoever hands it in."""
        self._require_worked_on()
        if sha256 not in self.evidence:
            facts = {"digest": sha256, "media_type": media_type, "size": size, "stage": stage.value}
            self.decide(self.EvidenceAttached, cmd, **facts, name=name)

    @command(WORKFLOW)
    def set_terms(self, cmd: Command, /, *, cost_fen: int | None, money_source: Text | None, vote_needed: bool) -> None:
        """As the matter has decided, who may say so."""
        if (cost_fen, money_source, vote_needed) != (self.cost_fen, self.money_source, self.vote_needed):
            self.decide(self.TermsSet, cmd, cost_fen=cost_fen, money_source=money_source, vote_needed=vote_needed)

    @command(ANY_UNIT, HOST_STAFF)
    def record_vote(
        self,
        cmd: Command,
        /,
        *,
        passed: bool,
        in_favour: int,
        against: int,
        entitled: int,
        voted_on: date,
        sha256: str,
        matter: Matter | None = None,  # noqa: ARG002 - the permission asks it for the host
    ) -> None:
        """How the owners voted; what shows it has been handed in as evidence. Owners who said no may be asked again."""
        self._require_worked_on()
        if not self.vote_needed:
            raise Conflict("no-vote-needed", "此任务无须业主表决。", "The task needs no vote of the owners.")
        if self.vote_passed:
            raise Conflict("vote-passed", "表决已通过,无须重复登记。", "The vote has passed already.")
        if min(in_favour, against) < 0 or in_favour + against > entitled or (passed and in_favour <= against):
            raise Invalid(
                "vote-count",
                "票数有误:同意与反对之和不超过有权表决人数,通过须同意多于反对。",
                "The votes do not add up: no more than are entitled, and more in favour than against to pass.",
                "in_favour",
            )
        if voted_on > local_day(cmd.at):
            raise Invalid("vote-in-future", "表决日期不能晚于今天。", "The vote cannot lie in the future.", "voted_on")
        if sha256 not in self.evidence:
            raise Invalid(
                "vote-evidence",
                "请先将表决结果作为佐证上传,再填写其摘要值。",
                "Hand in what shows the result as evidence first, and name its digest.",
                "digest",
            )
        self.decide(
            self.VoteRecorded,
            cmd,
            passed=passed,
            in_favour=in_favour,
            against=against,
            entitled=entitled,
            voted_on=voted_on,
            digest=sha256,
        )

    @command(LEAD_UNIT)
    def complete(self, cmd: Command, /, *, report: Text) -> None:
        self._require(Status.CLAIMED)
        if self.vote_needed and not self.vote_passed:
            raise Conflict(
                "vote-pending",
                "此任务须经业主表决通过并登记后方可报完成。",
                "The owners must agree before it can be completed: record their vote first.",
            )
        self.decide(self.Completed, cmd, report=report)

    @command(LEAD_OFFICIAL)
    def send_back(self, cmd: Command, /, *, reason: Text) -> None:
        self._require(Status.COMPLETED)
        self.decide(self.Returned, cmd, reason=reason, due=self._due(cmd))

    @command(LEAD_OFFICIAL)
    def confirm(self, cmd: Command, /) -> None:
        self._require(Status.COMPLETED)
        self.decide(self.Confirmed, cmd)

    @command(WORKFLOW)
    def drop(self, cmd: Command, /) -> None:
        if self.status not in ENDS:
            self.decide(self.Dropped, cmd)

    @command(WORKFLOW)
    def replan(self, cmd: Command, /, *, due_on: date, supporting_unit_ids: Sequence[UUID]) -> None:
        """As the matter has decided, who may say so."""
        supporting = list(supporting_unit_ids)
        if (due_on, supporting) == (self.due_on, self.supporting_unit_ids):
            return
        clock = self.clock if self.status == Status.CLAIMED else None
        if clock and due_on != self.due_on:
            clock = cmd.policy.until(clock.rule, clock.started_at, due_on)
        self.decide(self.Replanned, cmd, due_on=due_on, supporting_unit_ids=supporting, clock=clock)

    @command(WORKFLOW)
    def suspend(self, cmd: Command, /) -> None:
        """Stand still with the matter, whose decision it was. What has been done meanwhile may still be reported."""
        if self.status not in ENDS and self.suspended_at is None:
            self.decide(self.Suspended, cmd)

    @command(WORKFLOW)
    def resume(self, cmd: Command, /) -> None:
        if self.suspended_at is not None:
            stood_still = cmd.at - self.suspended_at
            due_on = local_day(end_of(self.due_on) - A_MOMENT + stood_still)
            self.decide(self.Resumed, cmd, clock=self.clock and self.clock.shifted(stood_still), due_on=due_on)

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        if self.clock and (moved := cmd.policy.moved(self.clock, self.suspended_at or cmd.at)) != self.clock:
            self.decide(self.ClocksMoved, cmd, clock=moved, revision=cmd.policy.calendar.revision)

    def _due(self, cmd: Command) -> Clock:
        return cmd.policy.until("task", cmd.at, self.due_on)

    def _require_worked_on(self) -> None:
        """Also while a second objection is decided: the first receiver answers for it. And what was done is reported
        even while all stands still."""
        disputed = [Status.OBJECTED] if self.superior_id else []
        self._require(Status.CLAIMED, *disputed, even_suspended=True)

    def _require(self, *statuses: Status, even_suspended: bool = False) -> None:
        if self.status not in statuses:
            raise Conflict(
                "wrong-status",
                f"此任务目前为“{ZH[self.status]}”,不能办理此事。",
                f"The task is “{self.status}”; this takes {', '.join(statuses)}.",
            )
        if self.suspended_at and not even_suspended:
            raise suspended()
