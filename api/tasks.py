"""Tasks: offered to a unit, claimed or objected to, done by a date, confirmed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from api.authority import deciding, line
from api.deps import NO_BODY, Anyone, AtDesk, Desk, Services, Serving, caught_up
from api.front import MAX_FILE, too_large
from api.openapi import COMMAND, CREATION, READ
from api.pages import TaskPage, part_of_page
from api.problems import Problem
from api.schemas import Evidence, Mandate, Objection, OwnersVote, Progress, Reason, Report, TaskState
from domain.directory import Post, Unit
from domain.petition import Petition
from domain.refusals import Conflict, Invalid, not_found
from domain.task import Stage, Task
from infra.files import ENDINGS, Altered, examine
from projections import directory

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])
log = logging.getLogger(__name__)


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
    """The unit says that the task is not its own, and on what basis; also to a mandate, within the time to claim. A
    second objection is for the units' common superior to decide, and the first receiver answers for it meanwhile."""
    task = await desk.get(Task, task_id)
    texts = {"reason": body.reason, "basis": body.basis}
    if not task.objectors:
        return await _execute(desk, Task.object, task_id, texts)
    above = await deciding(desk.services, task)
    return await _execute(desk, Task.object, task_id, texts, also={"superior": (type(above), above.id)})


@router.post("/{task_id}/transfer", responses=COMMAND)
async def transfer(task_id: UUID, body: Mandate, desk: AtDesk) -> TaskState:
    """The lead unit asks another to take over, and stays responsible until that one claims the task."""
    return await _execute(desk, Task.transfer, task_id, {"reason": body.reason}, also={"unit": (Unit, body.unit_id)})


@router.post("/{task_id}/mandate", responses=COMMAND)
async def mandate(task_id: UUID, body: Mandate, desk: AtDesk) -> TaskState:
    """Who does it is decided by the lead official, or by the leader in charge of the unit where there is one; after a
    second objection by the units' common superior."""
    units = [entry.id for entry in await line(desk.services, body.unit_id) if isinstance(entry, Unit)]
    leaders = await directory.in_charge(desk.services.pool, units)
    return await _execute(
        desk,
        Task.mandate,
        task_id,
        {"reason": body.reason},
        also={"unit": (Unit, body.unit_id), "leaders": [(Post, id) for id in leaders]},
        line=units,
    )


@router.post("/{task_id}/progress", responses=COMMAND)
async def report_progress(task_id: UUID, body: Progress, desk: AtDesk) -> TaskState:
    return await _execute(desk, Task.report_progress, task_id, {"note": body.note}, percent=body.percent)


Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, in hex.")]
FORM = {
    "type": "object",
    "required": ["file", "stage"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, PDF or MP4, up to 10 MiB."},
        "stage": {"type": "string", "enum": list(Stage)},
    },
}


@router.post(
    "/{task_id}/evidence",
    status_code=201,
    responses=CREATION,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
)
async def attach_evidence(task_id: UUID, request: Request, desk: AtDesk) -> TaskState:
    """An officer of any of the task's units, or host staff, hands in a file. What it is, its content says, and neither
    name nor type."""
    task = await desk.get(Task, task_id)
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file-missing", "请选择文件。", "Send the file as a part of the form.", "file")
        content = await asyncio.to_thread(examine, file.file)
        if content.size > MAX_FILE:
            raise too_large(MAX_FILE)
        if content.media_type is None:
            raise Problem(
                415,
                "unsupported-file",
                "仅接受 JPEG、PNG、WebP、PDF 或 MP4 文件。",
                "Only JPEG, PNG, WebP, PDF and MP4 are taken, whatever the file is called.",
                "/file",
            )
        try:
            said = Evidence.model_validate({**form, "file": file.filename})
        except ValidationError as error:
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from None
        cmd = await desk.command(task.matter_id)
        facts: dict[str, Any] = {
            "sha256": content.digest,
            "media_type": content.media_type,
            "size": content.size,
            "stage": said.stage,
            "name": await desk.services.keyring.seal(task.matter_id, cmd.by, said.file),
        }
        with suppress(Conflict):  # which the writer alone can judge
            # On our own copy: nobody else's file is to reach the disk.
            task.attach_evidence(cmd, **facts, matter=await desk.get(Petition, task.matter_id))
        # Before it is told of: an event whose file is missing would be a lie.
        await asyncio.to_thread(desk.services.files.keep, content.digest, file.file)
    answer = await desk.execute(
        Task.attach_evidence,
        task_id,
        TaskState.of,
        cmd=cmd,
        matter_id=task.matter_id,
        also={"matter": (Petition, task.matter_id)},
        said=f"{content.digest} {said.stage} {said.file}".encode(),
        **facts,
    )
    desk.response.headers["Location"] = f"{request.url.path}/{content.digest}"
    return answer


@router.get("/{task_id}/evidence/{digest}", responses=READ, response_class=Response, dependencies=[caught_up("board")])
async def read_evidence(task_id: UUID, digest: Digest, services: Serving, identity: Anyone) -> Response:
    """The file, to be saved and never shown in place; for those who handle the petition and those who signed it."""
    task = await services.repository.get(Task, task_id)
    row = await part_of_page(services, identity, task.matter_id, "tasks", task_id)
    for piece in row["evidence"]:
        if piece["digest"] == digest:
            name = PurePosixPath(piece["name"].replace("\\", "/")).stem + ENDINGS[piece["media_type"]]
            return Response(
                await _content(services, digest),
                media_type=piece["media_type"],
                headers={
                    "Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}",
                    "Content-Security-Policy": "sandbox; default-src 'none'",
                },
            )
    raise not_found("evidence")


async def _content(services: Services, digest: str) -> bytes:
    """As it was handed in, or not at all."""
    try:
        return await asyncio.to_thread(services.files.read, digest)
    except (FileNotFoundError, Altered) as error:
        log.error("the file %s is lost: %s", digest, "missing" if isinstance(error, OSError) else "altered")
        raise Problem(
            500,
            "file-lost",
            "此文件已丢失或被改动,不能提供;请联系管理员从备份恢复。",
            "The file is missing or was altered, and is not given out: have it restored from a backup.",
        ) from None


@router.post("/{task_id}/votes", responses=COMMAND)
async def record_vote(task_id: UUID, body: OwnersVote, desk: AtDesk) -> TaskState:
    """How the owners voted, recorded by a unit of the task or by host staff; the evidence has been handed in."""
    task = await desk.get(Task, task_id)
    return await _execute(
        desk,
        Task.record_vote,
        task_id,
        {},
        also={"matter": (Petition, task.matter_id)},
        passed=body.passed,
        in_favour=body.in_favour,
        against=body.against,
        entitled=body.entitled,
        voted_on=body.voted_on,
        sha256=body.digest,
    )


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
