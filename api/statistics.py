"""The rates, always with their denominators. Silence is "not judged", never "satisfied"."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.deps import After, Anyone, Services, Serving, caught_up
from api.openapi import READ
from api.pages import WATCHERS
from projections import statistics

router = APIRouter(prefix="/v1", tags=["work"])

By = Literal["host", "post", "unit", "month"]
FRESH = timedelta(seconds=10)


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


class Reckoner:
    """Reckons over all petitions, which takes its time: so not again within ten seconds, unless the reader has done
    something meanwhile. Of several who ask at once, one has it reckoned."""

    def __init__(self) -> None:
        self._last: dict[tuple[By | None, bool], tuple[datetime, int, Overall]] = {}
        self._turns: defaultdict[tuple[By | None, bool], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def figures(self, services: Services, by: By | None, after: int | None, *, conduct: bool) -> Overall:
        """``after``: a position that has to be in them."""
        key, now = (by, conduct), services.now()
        async with self._turns[key]:
            if key in self._last:
                at, position, figures = self._last[key]
                if abs(now - at) < FRESH and position >= (after or 0):
                    return figures
            position = await statistics.position(services.pool)
            figures = Overall.model_validate(await statistics.overall(services.pool, now, conduct=conduct))
            if by:
                groups = await statistics.by(services.pool, by, now, conduct=conduct)
                figures.groups = [Group.model_validate({**row, "key": str(row["key"])}) for row in groups]
            self._last[key] = now, position, figures
            return figures


async def _figures(
    request: Request, services: Serving, identity: Anyone, by: By | None = None, after: After = None
) -> Overall:
    reckoner: Reckoner = request.app.state.reckoner
    conduct = identity is not None and identity.role in WATCHERS
    return await reckoner.figures(services, by, after, conduct=conduct)


Reckoned = Annotated[Overall, Depends(_figures)]
CAUGHT_UP = [caught_up("statistics", "board")]


@router.get("/statistics", responses=READ, dependencies=CAUGHT_UP)
async def read_statistics(figures: Reckoned) -> Overall:
    """The response, resolution and satisfaction rates, for everybody; petitions about an official's conduct count only
    for those who watch over all. Up to ten seconds old."""
    return figures
