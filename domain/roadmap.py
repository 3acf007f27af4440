"""The roadmap: who does what by when. A row is a task; a revision keeps the rows whose tasks go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from domain.calendar import local_day
from domain.command import Command
from domain.directory import Unit
from domain.refusals import Conflict, Invalid
from domain.task import Status, Task
from domain.text import Text

HANDED_IN = frozenset({Status.COMPLETED, Status.CONFIRMED})


@dataclass(frozen=True)
class RoadmapItem:
    """One row of the roadmap: what, by whom, by when, and for how much. ``due_on`` ends at midnight Chinese time;
    ``cost_fen`` is in hundredths of a yuan; ``vote_needed``: the owners must agree before it can be completed."""

    task_id: UUID
    title: Text
    lead_unit_id: UUID
    supporting_unit_ids: list[UUID]
    due_on: date
    cost_fen: int | None = None
    money_source: Text | None = None
    vote_needed: bool = False


def standing(items: Sequence[RoadmapItem], tasks: Sequence[Task]) -> list[RoadmapItem]:
    """The rows as they stand: of a task that is under way, what has been decided on it since."""
    known = {task.id: task for task in tasks}
    return [_of_task(item, known[item.task_id]) if item.task_id in known else item for item in items]


def _of_task(item: RoadmapItem, task: Task) -> RoadmapItem:
    return replace(
        item, lead_unit_id=task.lead_unit_id, supporting_unit_ids=task.supporting_unit_ids, due_on=task.due_on
    )


def check(
    cmd: Command, items: Sequence[RoadmapItem], units: Sequence[Unit], before: Mapping[UUID, RoadmapItem] | None = None
) -> None:
    """``units`` are those of the named units that exist; ``before``: the rows that stood, whose dates may be over."""
    if not items:
        raise Invalid("no-tasks", "路线图至少须有一项任务。", "A roadmap has at least one task.", "tasks")
    known = {unit.id for unit in units}
    for n, item in enumerate(items):
        if not known.issuperset({item.lead_unit_id, *item.supporting_unit_ids}):
            raise Invalid(
                "unknown-unit",
                "没有这个承办单位,请从单位名录中选择。",
                "No such unit: choose one from the directory.",
                f"tasks.{n}",
            )
        old = (before or {}).get(item.task_id)
        if old and old.due_on == item.due_on:
            continue
        if item.due_on <= local_day(cmd.at):
            raise Invalid(
                "due-date-past",
                "完成日期须晚于今天。",
                "The due date must lie after today.",
                f"tasks.{n}.due_on",
            )
        cmd.policy.calendar.require(item.due_on, f"tasks.{n}.due_on")


def check_revision(
    cmd: Command,
    before: Sequence[RoadmapItem],
    items: Sequence[RoadmapItem],
    units: Sequence[Unit],
    tasks: Sequence[Task],
) -> None:
    """What has been handed in stays as it was; of the others, date and supporting units may change."""
    old = {item.task_id: item for item in before}
    check(cmd, items, units, old)
    handed_in = {task.id for task in tasks if task.status in HANDED_IN}
    if not handed_in <= {item.task_id for item in items}:
        raise Conflict(
            "task-handed-in",
            "已报完成或已销号的任务不能从路线图中删去;可先退回重办。",
            "A task that was handed in cannot be left out of the roadmap: return it first.",
            "tasks",
        )
    if len({item.task_id for item in items}) < len(items):
        raise Invalid("task-twice", "同一任务只能列一次。", "A task can stand on the roadmap once.", "tasks")
    for n, item in enumerate(items):
        row = old.get(item.task_id)
        if row is None or row == item:
            continue
        if item.task_id in handed_in:
            raise Conflict(
                "task-handed-in",
                "已报完成或已销号的任务不能更改;可先退回重办。",
                "A task that was handed in cannot be changed: return it first.",
                f"tasks.{n}",
            )
        if item.title != row.title:
            raise Invalid(
                "another-task",
                "内容不同即为另一项任务:请去掉 task_id,作为新任务列入。",
                "What is to be done makes the task: leave out `task_id` to plan a new one.",
                f"tasks.{n}.title",
            )
        if row.vote_needed and not item.vote_needed:
            raise Invalid(
                "vote-needed",
                "须业主表决的任务不能改为无须表决。",
                "What needs the owners' vote cannot be made to need none.",
                f"tasks.{n}.vote_needed",
            )
        if item.lead_unit_id != row.lead_unit_id:
            raise Invalid(
                "another-unit",
                "更换主办单位请用移交或指派。",
                "To give a task to another unit, transfer or mandate it.",
                f"tasks.{n}.lead_unit_id",
            )
