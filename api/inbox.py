"""What waits for whoever asks, soonest due first; and the tasks of a unit."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.deps import NO_SUCH_CURSOR, Known, Page, Paged, Serving, caught_up
from api.openapi import PRIVATE_READ
from api.pages import WATCHERS, TaskPage, readable, require_role
from domain.calendar import end_of, local_day
from domain.command import Role
from domain.directory import Unit
from domain.refusals import Forbidden
from domain.task import Status
from projections import board, inbox

router = APIRouter(prefix="/v1", tags=["work"])


class Waiting(BaseModel):
    kind: str = Field(examples=["admissibility"], description="What is wanted.")
    petition_id: UUID
    task_id: UUID | None
    meeting_id: UUID | None
    intake_id: UUID | None = Field(description="The signature that staff took in, where its validity is in question.")
    reply_id: UUID | None = Field(description="The draft that waits to be signed off.")
    rule: str | None
    due_at: datetime | None
    overdue: bool
    suspended: bool
    urgent: bool
    since: datetime
    category: str
    topic: str
    title: str | None = Field(description="Of the task.")


@router.get("/inbox", responses=PRIVATE_READ, dependencies=[caught_up("inbox")])
async def read_inbox(
    request: Request,
    services: Serving,
    identity: Known,
    paging: Paged,
    kind: Annotated[str | None, Query(max_length=40, pattern="^[a-z_]+$", examples=["call_back"])] = None,
) -> Page[Waiting]:
    """What waits for one's role in one's organisation. Residents have none: it would join their petitions."""
    try:
        rows, following = await inbox.waiting(
            services.pool,
            identity.role.value,
            identity.org,
            request.app.state.now(),
            kind=kind,
            cursor=paging.cursor,
            limit=paging.limit,
        )
    except (ValueError, asyncpg.DataError):
        raise NO_SUCH_CURSOR from None
    rows = await readable(services.keyring, rows)
    return paging.page([Waiting.model_validate(row) for row in rows], following)


class InboxFigures(BaseModel):
    waiting: int
    overdue: int
    soon: int = Field(description="Due by the end of this week, Sunday.")


@router.get("/inbox/figures", responses=PRIVATE_READ, dependencies=[caught_up("inbox")])
async def read_inbox_figures(request: Request, services: Serving, identity: Known) -> InboxFigures:
    """How much waits for one's role in one's organisation."""
    now = request.app.state.now()
    today = local_day(now)
    week_ends = end_of(today + timedelta(days=6 - today.weekday()))
    found = await inbox.figures(services.pool, identity.role.value, identity.org, now, week_ends)
    return InboxFigures(**found)


@router.get("/units/{unit_id}/tasks", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def read_tasks_of_unit(
    unit_id: UUID,
    services: Serving,
    identity: Known,
    paging: Paged,
    status: Annotated[list[Status] | None, Query(description="Any of these; without, all.")] = None,
    latest_first: bool = False,
) -> Page[TaskPage]:
    """The tasks that a unit leads or supports, soonest due first; for its officers and those who watch over all."""
    require_role(identity, Role.UNIT_OFFICER, *WATCHERS)
    if identity.role == Role.UNIT_OFFICER and identity.org != unit_id:
        raise Forbidden("forbidden", "只能查看本单位的任务。", "These are another unit's tasks.")
    await services.repository.get(Unit, unit_id)
    try:
        rows, following = await board.tasks_of_unit(
            services.pool,
            unit_id,
            statuses=status,
            latest_first=latest_first,
            cursor=paging.cursor,
            limit=paging.limit,
        )
    except (ValueError, asyncpg.DataError):
        raise NO_SUCH_CURSOR from None
    rows = await readable(services.keyring, rows)
    return paging.page([TaskPage.model_validate(row) for row in rows], following)
