"""The whole district as it stood at a moment, reckoned by the same code as the figures of now."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import Known, Services, Serving, require_shown
from api.history import AsOf
from api.openapi import PRIVATE_READ
from api.pages import require_role
from api.statistics import CAUGHT_UP, Figures
from domain.calendar import ONE_DAY, local_day
from domain.command import Role
from domain.petition.words import ENDS
from projections import statistics

router = APIRouter(prefix="/v1", tags=["history"])


class RunningClocks(BaseModel):
    """Of petitions and their tasks."""

    rule: str = Field(examples=["response"])
    running: int
    suspended: int = Field(description="Of these, how many stood still.")
    overdue: int = Field(description="How many had run out by then, of those that did not stand still.")


class OpenOn(BaseModel):
    on: date
    open: int = Field(description="Petitions at the end of the day in China, or at the moment itself.")


class District(Figures):
    as_of: datetime
    open: int = Field(description="Petitions that had not ended.")
    phases: dict[str, int] = Field(examples=[{"in_progress": 30, "closed": 40}])
    outcomes: dict[str, int] = Field(examples=[{"resolved": 25, "unresolved": 3}])
    clocks: list[RunningClocks]
    course: list[OpenOn] = Field(description="The last `days` days up to the moment.")


Days = Annotated[int, Query(ge=0, le=366, description="How many days back to tell how many petitions were open.")]


@router.get("/district", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_district(services: Serving, identity: Known, as_of: AsOf = None, days: Days = 0) -> District:
    """For auditors and supervisors: petitions by phase, the clocks that ran, and the rates, as they stood at a moment;
    without one, or with one yet to come, now. Petitions about an official's conduct count."""
    require_role(identity, Role.AUDITOR, Role.SUPERVISOR)
    if as_of is not None:
        known = await statistics.known_of(services.pool, as_of)
        if known == "not yet":
            as_of = None
        elif known == "a part":
            await require_shown(services, await services.store.max_notification_id(), "statistics", "board")
    now = services.now()
    at = min(as_of or now, now)
    found = await statistics.district(services.pool, at, conduct=True, as_of=as_of)
    days_shown = [local_day(at) - n * ONE_DAY for n in reversed(range(days))]
    return District.model_validate(
        {
            **found,
            "as_of": at,
            "open": sum(count for phase, count in found["phases"].items() if phase not in ENDS),
            "course": await _course(services, days_shown, as_of or now) if days else [],
        }
    )


async def _course(services: Services, days: Sequence[date], until: datetime) -> list[OpenOn]:
    """Days on which nothing moved, filled in."""
    stood, moved = await statistics.course(services.pool, days[0], until, conduct=True)
    found = []
    for day in days:
        stood = moved.get(day, stood)
        found.append(OpenOn(on=day, open=stood))
    return found
