"""An entry of the roll that staff found false: two of them reject it, its person appeals, the clerk decides."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.counter import AtCounter, Counter
from api.deps import NO_BODY
from api.intakes import AppealDecision
from api.openapi import PRIVATE_READ, REGISTER
from api.schemas import Reason
from domain.command import Role
from domain.refusals import not_found
from infra.worklist import waiting

router = APIRouter(prefix="/v1", tags=["register"])


class RejectionPage(BaseModel):
    status: str = Field(examples=["contested"], description="proposed, contested, appealed, upheld or final.")
    due_at: datetime | None = Field(description="Until when one may appeal, or the clerk is to decide.")
    reason: str
    grounds: str | None = Field(description="Of the appeal.")
    explanation: str | None = Field(description="Of the clerk's decision.")


class WorkItem(BaseModel):
    kind: str = Field(examples=["verification"], description="verification, rejection (to confirm) or appeal.")
    resident_id: UUID
    due_at: datetime | None
    overdue: bool


@router.get("/register/worklist", responses=PRIVATE_READ)
async def read_worklist(counter: AtCounter) -> list[WorkItem]:
    """What waits in the register, soonest due first: for host staff whom to verify, and rejections that need a second
    person; for clerks appeals. At most 200."""
    counter.require(Role.HOST_STAFF, Role.CLERK)
    rows = await waiting(counter.services.pool, counter.identity.role, counter.identity.org)
    return [WorkItem(**row, overdue=row["due_at"] is not None and row["due_at"] <= counter.at) for row in rows]


@router.get("/residents/{person_id}/rejection", responses=PRIVATE_READ)
async def read_rejection(person_id: UUID, counter: AtCounter) -> RejectionPage:
    """For the host's staff and clerks."""
    await counter.require_own_host(person_id, Role.CLERK)
    return _page(await counter.services.rejections.read(person_id, await counter.actor(), counter.at))


@router.post("/residents/{person_id}/rejection", status_code=202, response_class=Response, responses=REGISTER)
async def propose_rejection(person_id: UUID, body: Reason, counter: AtCounter) -> None:
    """Host staff found the entry false, and say why. A second person of the staff has to confirm it."""
    await counter.require_own_host(person_id)
    await counter.services.rejections.propose(person_id, body.reason, await counter.actor(), counter.at)


@router.delete("/residents/{person_id}/rejection", status_code=204, responses=REGISTER)
async def drop_rejection(person_id: UUID, counter: AtCounter) -> None:
    """It was a mistake: nobody need confirm it."""
    await counter.require_own_host(person_id)
    await counter.services.rejections.drop(person_id, await counter.actor(), counter.at)


@router.post(
    "/residents/{person_id}/rejection/confirmation",
    status_code=202,
    response_class=Response,
    responses=REGISTER,
    dependencies=NO_BODY,
)
async def confirm_rejection(person_id: UUID, counter: AtCounter) -> None:
    """The second person confirms: nobody signs anew by this entry. What it has signed counts until the person has let
    the appeal's window pass or the clerk has decided."""
    await counter.require_own_host(person_id)
    appeal_by = await _due(counter, "appeal")
    await counter.services.rejections.confirm(person_id, await counter.actor(), counter.at, appeal_by)


@router.post("/residents/{person_id}/rejection/decision", status_code=202, response_class=Response, responses=REGISTER)
async def decide_rejection(person_id: UUID, body: AppealDecision, counter: AtCounter) -> None:
    """The clerk decides on the appeal whether the entry stands."""
    counter.require(Role.CLERK)
    await counter.register.host_of(person_id)
    await counter.services.rejections.decide(
        person_id, body.counts, body.explanation, await counter.actor(), counter.at
    )


@router.get("/me/rejection", responses=PRIVATE_READ)
async def read_own_rejection(counter: AtCounter) -> RejectionPage:
    """What is held against one's own entry, once two of the staff have decided."""
    found = await counter.services.rejections.read(await counter.own_id(), None, counter.at)
    return _page(None if found and found["status"] == "proposed" else found)


@router.post("/me/appeal", status_code=202, response_class=Response, responses=REGISTER)
async def appeal_rejection(body: Reason, counter: AtCounter) -> None:
    """Say why one's own entry is right."""
    person_id = await counter.own_id()
    await counter.register.host_of(person_id)
    decide_by = await _due(counter, "appeal_decision")
    await counter.services.rejections.appeal(person_id, body.reason, counter.at, decide_by)


async def _due(counter: Counter, rule: str) -> datetime:
    return (await counter.services.rules()).in_force(counter.at).clock(rule, counter.at).due_at


def _page(found: Any) -> RejectionPage:
    if found is None:
        raise not_found("rejection")
    return RejectionPage(**found)
