"""What a supervisor looks for: clocks that have run out, the longest ago first, and rounds that were judged badly."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Known, Page, Paged, Serving, caught_up, position, viewer
from api.openapi import PRIVATE_READ
from api.pages import WATCHERS, readable, require_role
from api.schemas import PETITION_ID, TASK_ID
from domain.calendar import ONE_DAY
from projections import overdue

router = APIRouter(prefix="/v1", tags=["work"])


class _Row(BaseModel):
    petition_id: UUID = Field(examples=[PETITION_ID])
    phase: str
    topic: str = Field(description="As issued for the public; as written where nothing has been issued yet.")


class OverdueClock(_Row):
    subject_id: UUID = Field(examples=[TASK_ID], description="The petition, or one of its tasks.")
    title: str | None = Field(description="Of the task.")
    rule: str = Field(examples=["response"])
    due_at: datetime
    days: int = Field(description="Whole days since.")
    organisation_id: UUID | None = Field(description="Who is to act; null: the clerks or the supervisors.")
    urgent: bool


class BadlyJudged(_Row):
    """Totals, of five who judged at least."""

    post_id: UUID = Field(description="That leads.")
    round: int
    delivery: bool = Field(description="Of what was planned, once it was delivered or due.")
    invited: int
    judged: int
    resolved_yes: int
    resolved_partly: int
    resolved_no: int
    satisfied: int


@router.get("/overdue", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def list_overdue(services: Serving, identity: Known, paging: Paged) -> Page[OverdueClock]:
    """The clock of each petition that ran out first, and those of tasks, the longest ago first; what is suspended is
    not overdue."""
    require_role(identity, *WATCHERS)
    who = viewer(services, identity)
    rows, following = await overdue.clocks(services.pool, who, cursor=paging.read(_place), limit=paging.limit)
    found = [
        OverdueClock.model_validate(row | {"days": (who.at - row["due_at"]) // ONE_DAY})
        for row in await _opened(services, rows)
    ]
    cursor = following and f"{following[0]}|{following[1]}"
    return paging.page(found, cursor)


@router.get("/badly-judged", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def list_badly_judged(services: Serving, identity: Known, paging: Paged) -> Page[BadlyJudged]:
    """Rounds that fewer than half of those who judged called resolved or partly resolved; newest petitions first."""
    require_role(identity, *WATCHERS)
    rows, following = await overdue.badly_judged(
        services.pool, viewer(services, identity), cursor=paging.read(_pair), limit=paging.limit
    )
    found = [BadlyJudged.model_validate(row) for row in await _opened(services, rows)]
    return paging.page(found, following and f"{following[0]}-{following[1]}")


async def _opened(services: Serving, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"topic": row["public_topic"] or row["topic"]} for row in await readable(services.keyring, rows)]


def _place(text: str) -> overdue.Place:
    due_at, _, subject_id = text.partition("|")
    datetime.fromisoformat(due_at)
    return due_at, UUID(subject_id)


def _pair(text: str) -> tuple[int, int]:
    first, _, second = text.partition("-")
    return position(first), min(position(second), 2**31 - 1)
