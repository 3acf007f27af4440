"""The rates, always with their denominators. Silence is "not judged", never "satisfied"."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.deps import Anyone, Services, Serving, caught_up
from api.openapi import READ
from api.pages import WATCHERS
from infra.identity import Identity
from projections import statistics

router = APIRouter(prefix="/v1", tags=["work"])

By = Literal["host", "post", "unit", "month"]


class Response(BaseModel):
    answered: int
    in_time: int
    due: int
    rate: float | None


class Resolution(BaseModel):
    resolved: int
    judged: int
    not_judged: int
    rate: float | None


class Satisfaction(BaseModel):
    satisfied: int
    judged: int
    invited: int
    rate: float | None


class Overdue(BaseModel):
    """Clocks that have run out, and the petitions that they belong to; of a unit: the clocks of its tasks."""

    clocks: int
    petitions: int


class Figures(BaseModel):
    petitions: int
    response: Response
    resolution: Resolution
    satisfaction: Satisfaction
    overdue: Overdue
    rankable: bool = Field(description="At least ten petitions: fewer are not to be ranked.")


class Group(Figures):
    key: str = Field(description="The id of the host, post or unit, or the month.")


class Stay(BaseModel):
    count: int = Field(description="How often a petition has come into the phase and left it.")
    median_days: float | None = Field(description="In between, without suspensions; null for fewer than five.")


class Overall(Figures):
    phases: dict[str, int]
    outcomes: dict[str, int]
    stays: dict[str, Stay]
    groups: list[Group] = Field([], description="By what was asked for, in no order of merit.")


@router.get("/statistics", responses=READ, dependencies=[caught_up("statistics")])
async def read_statistics(request: Request, services: Serving, identity: Anyone, by: By | None = None) -> Overall:
    """The response, resolution and satisfaction rates, for everybody; petitions about an official's conduct count only
    for those who watch over all."""
    return await figures(request, services, identity, by)


async def figures(request: Request, services: Services, identity: Identity | None, by: By | None) -> Overall:
    now, conduct = request.app.state.now(), identity is not None and identity.role in WATCHERS
    overall = Overall.model_validate(await statistics.overall(services.pool, now, conduct=conduct))
    if by:
        groups = await statistics.by(services.pool, by, now, conduct=conduct)
        overall.groups = [Group.model_validate({**row, "key": str(row["key"])}) for row in groups]
    return overall
