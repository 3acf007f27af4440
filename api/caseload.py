"""What the district has in hand, for those who watch over all; and what a step would set in motion, by when."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from api.deps import NO_SUCH_CURSOR, Known, Page, Paged, Serving, caught_up, viewer
from api.openapi import PRIVATE_READ
from api.pages import WATCHERS, PetitionSummary, readable, require_role
from domain.petition import Petition
from domain.petition.words import Category, Phase
from domain.policy import Policy
from domain.refusals import Invalid, not_found
from projections import board, caseload

router = APIRouter(prefix="/v1", tags=["work"])

CAUGHT_UP = [caught_up("board")]


class InPhase(BaseModel):
    phase: Phase
    petitions: int
    urgent: int
    suspended: int
    overdue: int = Field(description="With a clock that has run out; what is suspended is not overdue.")
    next_due_at: datetime | None = Field(description="The clock that runs out next, or ran out first.")
    next_id: UUID | None = Field(description="Of which petition.")


class Window(BaseModel):
    rule: str = Field(examples=["meeting"])
    due_at: datetime | None = Field(description="null: the working days of the year that it runs into are not known.")


@router.get("/caseload", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_caseload(services: Serving, identity: Known, host_id: UUID | None = None) -> list[InPhase]:
    """How many petitions are in each phase, in the order of the story; phases without any are left out."""
    require_role(identity, *WATCHERS)
    found = {row["phase"]: row for row in await caseload.phases(services.pool, viewer(services, identity), host_id)}
    return [InPhase.model_validate(found[phase]) for phase in Phase if phase in found]


@router.get("/caseload/{phase}", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_phase(
    phase: Phase,
    services: Serving,
    identity: Known,
    paging: Paged,
    host_id: UUID | None = None,
    category: Category | None = None,
) -> Page[PetitionSummary]:
    """The petitions of a phase, urgent ones first, then those that are due soonest."""
    require_role(identity, *WATCHERS)
    who = viewer(services, identity)
    try:
        ids, following = await caseload.due_next(
            services.pool,
            who,
            phase,
            host_id=host_id,
            category=category,
            cursor=paging.cursor,
            limit=paging.limit,
        )
    except (ValueError, asyncpg.DataError):
        raise NO_SUCH_CURSOR from None
    rows, _ = await board.petitions(services.pool, who, ids=ids, limit=len(ids))
    rows.sort(key=lambda row: ids.index(row["id"]))
    rows = await readable(services.keyring, rows)
    return paging.page([PetitionSummary.model_validate(row) for row in rows], following)


@router.get("/petitions/{petition_id}/windows", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_windows(
    petition_id: UUID,
    request: Request,
    services: Serving,
    identity: Known,
    rule: Annotated[list[str] | None, Query(examples=[["meeting"]], description="Only these.", max_length=50)] = None,
) -> list[Window]:
    """When each window would end if it began now, under the policy that the petition was opened under."""
    found, _ = await board.petitions(services.pool, viewer(services, identity), ids=[petition_id])
    if not found:
        raise not_found("petition")
    rules, now = await services.rules(), request.app.state.now()
    begun = await services.repository.get(Petition, petition_id, version=1)
    policy = rules.of(begun.clocks["signing"].version) or rules.in_force(now)
    return [
        Window(rule=name, due_at=_ends(policy, name, now)) for name in policy.windows if rule is None or name in rule
    ]


def _ends(policy: Policy, rule: str, now: datetime) -> datetime | None:
    try:
        return policy.clock(rule, now).due_at
    except Invalid:
        return None
