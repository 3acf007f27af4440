"""Holidays and shifted workdays that the district announces: running clocks move, and what was decided stands."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StrictInt, model_validator

from api.deps import AtDesk, Serving
from api.openapi import CREATION, READ
from api.schemas import Day, Words, example, shown, wrong
from domain.calendar import ONE_DAY
from domain.refusals import not_found
from domain.rulebook import RULEBOOK, Announcement, Rulebook

router = APIRouter(prefix="/v1/holidays", tags=["directory"])

Days = Annotated[list[Day], Field(max_length=366)]


class NewHolidays(BaseModel):
    model_config = example(days_off=["2026-11-27"], days_worked=["2026-11-29"], years=[], reason="区政府放假通知")
    days_off: Days = []
    days_worked: Annotated[Days, Field(description="Weekend days, or what was a holiday, that are worked.")] = []
    years: Annotated[
        list[Annotated[StrictInt, Field(ge=2000, le=2200)]],
        Field(max_length=5, description="Years of which nothing was known: these days, and the weekends, are all."),
    ] = []
    reason: Annotated[Words, Field(description="On whose word: the notice, its number and day.")]

    @model_validator(mode="after")
    def something(self) -> "NewHolidays":
        if not (self.days_off or self.days_worked or self.years):
            raise wrong("no-days", "请至少填写一天。", "Name one day at least.")
        return self


class Holidays(BaseModel):
    model_config = shown(
        number=1,
        announced_at="2026-11-24T08:00:00Z",
        days_off=["2026-11-27"],
        days_worked=["2026-11-29"],
        years=[],
    )
    number: int = Field(description="How often the calendar has changed: clocks computed by it say so, as 2026-11+1.")
    announced_at: datetime
    days_off: list[date]
    days_worked: list[date]
    years: list[int]

    @classmethod
    def of(cls, announcement: Announcement) -> "Holidays":
        return cls(**{name: getattr(announcement, name) for name in cls.model_fields})


class MovingProgress(BaseModel):
    """Of moving the clocks that ran when it was announced."""

    clocks_of: int = Field(description="Petitions, tasks and so on that were open.")
    looked_at: int
    moved: int
    waiting: int = Field(description="For a year of which nothing is known: announce it, and they move.")
    finished_at: datetime | None


class HolidaysAnnounced(Holidays):
    reason: str
    progress: MovingProgress | None = Field(description="null: not begun, or done together with a later one.")


@router.post("", status_code=201, responses=CREATION)
async def announce_holidays(body: NewHolidays, desk: AtDesk) -> Holidays:
    """Announce days off and days worked. Every running clock that counts working days, and that has not run out, then
    ends later or earlier; see its `moves`."""
    announced = await desk.execute(
        Rulebook.announce_holidays,
        RULEBOOK,
        lambda rulebook: Holidays.of(rulebook.announcements[-1]),
        texts={"reason": body.reason},
        days_off=body.days_off,
        days_worked=body.days_worked,
        years=body.years,
    )
    desk.response.headers["Location"] = f"/v1/holidays/{announced.number}"
    return announced


@router.get("", responses=READ)
async def list_holidays(services: Serving) -> list[HolidaysAnnounced]:
    """All that was announced, the newest last, and how far the clocks have been moved."""
    rulebook = await services.repository.get(Rulebook, RULEBOOK)
    reasons = await services.keyring.open([announcement.reason for announcement in rulebook.announcements])
    progress = {row["revision"]: dict(row) for row in await services.pool.fetch("SELECT * FROM calendar_moves")}
    return [
        HolidaysAnnounced(
            **Holidays.of(announcement).model_dump(),
            reason=reason,
            progress=MovingProgress(**found) if (found := progress.get(announcement.number)) else None,
        )
        for announcement, reason in zip(rulebook.announcements, reasons, strict=True)
    ]


class DayOff(BaseModel):
    on: date
    why: str = Field(examples=["国庆节"], description="`weekend`, `holiday`, or the holiday's Chinese name.")


class CalendarYear(BaseModel):
    year: int
    known: bool = Field(description="Whether anything is known of it: else no date can be computed that runs into it.")
    off: list[DayOff]
    worked: list[date] = Field(description="Weekend days that are worked.")
    announced: list[date] = Field(description="Days of which the district has announced that they are off, or worked.")


@router.get("/years/{year}", responses=READ)
async def read_calendar_year(year: Annotated[int, Path(ge=2000, le=2200)], services: Serving) -> CalendarYear:
    """A year as clocks count it now: the official calendar, the policy's own years, and what was announced."""
    calendar = (await services.rules()).in_force(services.now()).calendar
    found = CalendarYear(year=year, known=calendar.knows(year), off=[], worked=[], announced=[])
    if not found.known:
        return found
    first = date(year, 1, 1)
    days = [day for n in range(366) if (day := first + n * ONE_DAY).year == year]
    for day in days:
        if why := calendar.why_free(day):
            found.off.append(DayOff(on=day, why=why))
        elif day.weekday() >= 5:
            found.worked.append(day)
    found.announced = [day for day in days if day in calendar.announced]
    return found


@router.get("/{number}", responses=READ)
async def read_holidays(number: int, services: Serving) -> HolidaysAnnounced:
    for announced in await list_holidays(services):
        if announced.number == number:
            return announced
    raise not_found("announcement")
