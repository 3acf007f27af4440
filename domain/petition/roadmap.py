"""Timetable, roadmap and the answers; extension and suspension."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from domain import roadmap
from domain.calendar import local_day
from domain.clock import Clock
from domain.command import Command, command
from domain.directory import Post, Unit
from domain.petition.state import State
from domain.petition.words import (
    APPROVER,
    LEAD_OFFICIAL,
    SUPERVISOR,
    UNDER_WAY,
    Answer,
    Phase,
    Supervision,
    require_apart,
    require_holder,
)
from domain.refusals import Conflict, Invalid
from domain.roadmap import RoadmapItem
from domain.task import Task
from domain.text import Text


class Roadmap(State):
    class RoadmapPublished(State.Event):
        TOPIC = "petition.RoadmapPublished"
        round: int
        items: list[RoadmapItem]

        def apply(self, petition: State) -> None:
            petition.enter(Phase.IN_PROGRESS, petition.clocks["response"])
            petition.roadmaps.append(self.items)
            petition.roadmap_version = 1

    class RoadmapRevised(State.Event):
        """Instead of the one before, which this round's ``version`` counts from 1."""

        TOPIC = "petition.RoadmapRevised"
        round: int
        version: int
        reason: Text
        items: list[RoadmapItem]

        def apply(self, petition: State) -> None:
            petition.roadmaps = [*petition.roadmaps[:-1], self.items]
            petition.roadmap_version = self.version

    class InterimResponseGiven(State.Event):
        TOPIC = "petition.InterimResponseGiven"
        text: Text

        def apply(self, petition: State) -> None:
            petition.clocks.pop("urgent", None)

    class Answered(State.Event):
        TOPIC = "petition.Answered"
        round: int
        text: Text
        outcome: str

        def apply(self, petition: State) -> None:
            petition.enter(Phase.ANSWERED)
            if petition.supervision:  # the final response is the answer to whatever was ordered on the way
                petition.supervision = Supervision.ANSWERED.value

    class CommitmentMade(State.Event):
        """What the response of this round only plans is promised for a day, to its end."""

        TOPIC = "petition.CommitmentMade"
        round: int
        due_on: date

        def apply(self, petition: State) -> None:
            petition.promise = self.round, self.due_on

    class Extended(State.Event):
        TOPIC = "petition.Extended"
        days: int
        reason: Text
        response: Clock

        def apply(self, petition: State) -> None:
            petition.extended_days += self.days
            petition.clocks["response"] = self.response

    class Suspended(State.Event):
        TOPIC = "petition.Suspended"
        reason: Text

        def apply(self, petition: State) -> None:
            petition.suspended_at = self.timestamp

    class Resumed(State.Event):
        """The matter goes on; every running clock stood still meanwhile."""

        TOPIC = "petition.Resumed"
        clocks: list[Clock]

        def apply(self, petition: State) -> None:
            petition.suspended_at = None
            petition.clocks = {clock.rule: clock for clock in self.clocks}

    @command(LEAD_OFFICIAL)
    def publish_roadmap(self, cmd: Command, /, *, items: Sequence[RoadmapItem], units: Sequence[Unit]) -> None:
        """Publish who does what by when. ``units`` are those of the named units that exist."""
        self.require(Phase.ROADMAP)
        roadmap.check(cmd, items, units)
        require_apart(self.kept_from, [unit.id for unit in units], "tasks")
        self.decide(self.RoadmapPublished, cmd, round=self.round, items=list(items))

    @command(LEAD_OFFICIAL)
    def revise_roadmap(
        self,
        cmd: Command,
        /,
        *,
        reason: Text,
        items: Sequence[RoadmapItem],
        units: Sequence[Unit],
        seen: Sequence[UUID],
        tasks: Sequence[Task],
    ) -> None:
        """Plan anew: rows with the id of a task keep it, new rows are offered by the workflow, what is left out is
        dropped. ``tasks`` are those of ``seen`` that have been offered."""
        self.require(Phase.IN_PROGRESS)
        self._require_seen(seen)
        require_apart(self.kept_from, [unit.id for unit in units], "tasks")
        before = roadmap.standing(self.roadmaps[-1], tasks)
        roadmap.check_revision(cmd, before, items, units, tasks)
        if list(items) == before:
            return
        version = self.roadmap_version + 1
        self.decide(self.RoadmapRevised, cmd, round=self.round, version=version, reason=reason, items=list(items))
        rows = {item.task_id: item for item in items}
        for task in tasks:
            if row := rows.get(task.id):
                task.replan(cmd.consequence(), due_on=row.due_on, supporting_unit_ids=row.supporting_unit_ids)
                task.set_terms(
                    cmd.consequence(),
                    cost_fen=row.cost_fen,
                    money_source=row.money_source,
                    vote_needed=row.vote_needed,
                )
            else:
                task.drop(cmd.consequence())

    @command(LEAD_OFFICIAL)
    def give_interim_response(self, cmd: Command, /, *, text: Text, post: Post | None = None) -> None:
        self.require(*UNDER_WAY)
        require_holder(cmd, post)
        self.decide(self.InterimResponseGiven, cmd, text=text)

    @command(LEAD_OFFICIAL)
    def answer(
        self,
        cmd: Command,
        /,
        *,
        text: Text,
        outcome: Answer,
        tasks: Sequence[Task],
        due_on: date | None = None,
        post: Post | None = None,
    ) -> None:
        """The final response of this round. ``tasks`` are those of the round that have been offered; ``due_on`` is the
        day by which what is only planned is promised; ``post`` is the one that leads: its holder alone answers."""
        self.require(Phase.IN_PROGRESS)
        require_holder(cmd, post)
        if outcome == Answer.PLANNED and due_on is None:
            raise Invalid(
                "no-due-date",
                "答复为“列入计划”的,须写明承诺完成的日期。",
                "What is planned is promised for a day: name it.",
                "due_on",
            )
        if due_on and outcome != Answer.PLANNED:
            raise Invalid(
                "due-date-without-plan",
                "只有答复为“列入计划”的才写承诺日期。",
                "Only what is planned is promised for a day.",
                "due_on",
            )
        if due_on and due_on <= local_day(cmd.at):
            raise Invalid("due-date-past", "完成日期须晚于今天。", "The due date must lie after today.", "due_on")
        confirmed = {task.id for task in tasks if task.status == "confirmed"}
        if outcome == Answer.DONE and confirmed != set(self.tasks):
            raise Conflict(
                "tasks-not-finished",
                "还有任务未核实销号,不能答复为“已办结”。",
                "Some tasks are not confirmed yet, so the answer cannot be “done”.",
            )
        self.decide(self.Answered, cmd, round=self.round, text=text, outcome=outcome.value)
        if due_on:
            self.decide(self.CommitmentMade, cmd.consequence(), round=self.round, due_on=due_on)

    @command(SUPERVISOR, APPROVER)
    def extend(self, cmd: Command, /, *, days: int, reason: Text, approvers: Sequence[UUID] = ()) -> None:  # noqa: ARG002 - the permission reads it
        """Called by ``Extension.approve``. ``approvers``: the posts that may."""
        self.require_extendable(cmd, days)
        self.decide(self.Extended, cmd, days=days, reason=reason, response=self.clocks["response"].prolonged(days))

    def require_extendable(self, cmd: Command, days: int) -> None:
        self.require(*UNDER_WAY)
        left = cmd.policy.extension_days - self.extended_days
        if not 0 < days <= left:
            raise Invalid(
                "extension-too-long",
                f"最多还可延期 {left} 天。",
                f"The response can be extended by {left} more days at most.",
                "days",
            )

    @command(LEAD_OFFICIAL)
    def suspend(self, cmd: Command, /, *, reason: Text, seen: Sequence[UUID] = (), tasks: Sequence[Task] = ()) -> None:
        """The petition stands still, and with it its tasks: ``tasks`` are those of ``seen`` that have been offered."""
        self.require(*UNDER_WAY)
        self._require_seen(seen)
        self.decide(self.Suspended, cmd, reason=reason)
        for task in tasks:
            task.suspend(cmd.consequence())

    @command(LEAD_OFFICIAL)
    def resume(self, cmd: Command, /, *, seen: Sequence[UUID] = (), tasks: Sequence[Task] = ()) -> None:
        """Every clock has stood still, the tasks' too: see ``suspend``."""
        if self.suspended_at is None:
            raise Conflict("not-suspended", "此件没有中止,无须恢复。", "The petition is not suspended.")
        self._require_seen(seen)
        stood_still = cmd.at - self.suspended_at
        self.decide(self.Resumed, cmd, clocks=[clock.shifted(stood_still) for clock in self.clocks.values()])
        for task in tasks:
            task.resume(cmd.consequence())

    def _require_seen(self, seen: Sequence[UUID]) -> None:
        """Whoever decides on the tasks with the petition must have brought all of them."""
        if set(seen) != set(self.tasks):
            raise Conflict(
                "roadmap-changed",
                "路线图刚有变更,请再办理一次。",
                "The roadmap has just been changed: try again.",
            )
