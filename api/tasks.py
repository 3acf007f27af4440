"""Tasks: offered to a unit, claimed or objected to, done by a date, confirmed."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import NO_BODY, Anyone, AtDesk, Desk, Serving, caught_up
from api.openapi import COMMAND, READ
from api.pages import TaskPage, part_of_page
from api.schemas import Mandate, Objection, Progress, Reason, Report, TaskState
from domain.directory import Unit
from domain.task import Task

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


@router.get("/{task_id}", responses=READ, dependencies=[caught_up("board")])
async def read_task(task_id: UUID, services: Serving, identity: Anyone, response: Response) -> TaskPage:
    """Seen by whoever sees its petition."""
    task = await services.repository.get(Task, task_id)
    row = await part_of_page(services, identity, task.matter_id, "tasks", task_id)
    response.headers["ETag"] = f'"{row["version"]}"'
    return TaskPage.model_validate(row)


async def _execute(
    desk: Desk, method: Callable[..., Any], task_id: UUID, texts: Mapping[str, str], **arguments: Any
) -> TaskState:
    """What people write about a task belongs to its matter."""
    task = await desk.get(Task, task_id)
    return await desk.execute(method, task_id, TaskState.of, matter_id=task.matter_id, texts=texts, **arguments)


@router.post("/{task_id}/claim", responses=COMMAND, dependencies=NO_BODY)
async def claim(task_id: UUID, desk: AtDesk) -> TaskState:
    """The lead unit takes the task on."""
    return await _execute(desk, Task.claim, task_id, {})


@router.post("/{task_id}/objection", responses=COMMAND)
async def object_to(task_id: UUID, body: Objection, desk: AtDesk) -> TaskState:
    """The unit says that the task is not its own, and on what basis."""
    return await _execute(desk, Task.object, task_id, {"reason": body.reason, "basis": body.basis})


@router.post("/{task_id}/mandate", responses=COMMAND)
async def mandate(task_id: UUID, body: Mandate, desk: AtDesk) -> TaskState:
    """The lead official decides who does it."""
    return await _execute(desk, Task.mandate, task_id, {"reason": body.reason}, also={"unit": (Unit, body.unit_id)})


@router.post("/{task_id}/progress", responses=COMMAND)
async def report_progress(task_id: UUID, body: Progress, desk: AtDesk) -> TaskState:
    return await _execute(desk, Task.report_progress, task_id, {"note": body.note}, percent=body.percent)


@router.post("/{task_id}/completion", responses=COMMAND)
async def complete(task_id: UUID, body: Report, desk: AtDesk) -> TaskState:
    """The lead unit hands the task in."""
    return await _execute(desk, Task.complete, task_id, {"report": body.report})


@router.post("/{task_id}/return", responses=COMMAND)
async def send_back(task_id: UUID, body: Reason, desk: AtDesk) -> TaskState:
    """The lead official returns what was handed in, to be done again."""
    return await _execute(desk, Task.send_back, task_id, {"reason": body.reason})


@router.post("/{task_id}/confirmation", responses=COMMAND, dependencies=NO_BODY)
async def confirm(task_id: UUID, desk: AtDesk) -> TaskState:
    """The lead official has verified the task: it is closed."""
    return await _execute(desk, Task.confirm, task_id, {})
