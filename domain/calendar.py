"""The working-day calendar of China, shifted workdays (调休) included.

The public holidays are those of the State Council's yearly notices, as kept by ``chinesecalendar``. It knows no year
before its notice is out, and neither do we: a date in an unknown year is refused rather than guessed, unless the
district's own table covers that year.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone

import chinese_calendar

from domain.refusals import Invalid

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")  # one zone, no summer time since 1991
ONE_DAY = timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)  # a day ends where the next begins


@dataclass(frozen=True)
class YearTable:
    """A district's own year: holidays on weekdays, and weekend days that are worked."""

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def __str__(self) -> str:
        return "; ".join(
            f"{name} {', '.join(day.isoformat() for day in sorted(days))}"
            for name, days in (("holidays", self.holidays), ("workdays", self.workdays))
        )

    @classmethod
    def parse(cls, year: str, table: Mapping[str, Sequence[date]]) -> "YearTable":
        """Read ``[calendar.YEAR]`` of a policy file; a slip there would silently move deadlines, so it is an error."""
        if wrong := [name for name in table if name not in ("holidays", "workdays")]:
            raise ValueError(f"calendar.{year} has holidays and workdays, not {', '.join(wrong)}")
        for day in (day for days in table.values() for day in days):
            if type(day) is not date or day.year != int(year):
                raise ValueError(f"calendar.{year} lists dates of that year, written like {year}-01-01, not {day}")
        return cls(**{name: frozenset(days) for name, days in table.items()})


@dataclass(frozen=True)
class Calendar:
    """``announced``: single days that the district has announced, and whether they are worked. Each change is a
    revision; ``before`` is the calendar as it was until then, so that what was computed by it can be explained."""

    own_years: Mapping[int, YearTable] = field(default_factory=dict)
    announced: Mapping[date, bool] = field(default_factory=dict)
    revision: int = 0
    before: "Calendar | None" = field(default=None, repr=False, compare=False)

    def changed(
        self,
        *,
        years: Mapping[int, YearTable] | None = None,
        days_off: Iterable[date] = (),
        days_worked: Iterable[date] = (),
    ) -> "Calendar":
        """The next revision: with these years covered by a table, and these days announced."""
        days = dict.fromkeys(days_off, False) | dict.fromkeys(days_worked, True)
        return Calendar(dict(self.own_years) | dict(years or {}), {**self.announced, **days}, self.revision + 1, self)

    def as_of(self, revision: int) -> "Calendar":
        found = self
        while found.before and found.revision > revision:
            found = found.before
        return found

    def require(self, day: date, field: str | None = None) -> None:
        """Raise ``Invalid`` when nothing is known of the day's year."""
        if day.year in self.own_years:
            return
        try:
            chinese_calendar.is_workday(day)
        except NotImplementedError:
            raise Invalid(
                "calendar-unknown-year",
                f"{day.year} 年的工作日历尚未载入,请选择其他日期,或请管理员公布该年放假安排(POST /v1/holidays,"
                f"或在政策文件中加入 [calendar.{day.year}])。",
                f"The working-day calendar of {day.year} is not known: choose another date, or have the administrator"
                f" announce that year (POST /v1/holidays) or add [calendar.{day.year}] to the policy file.",
                field,
            ) from None

    def knows(self, year: int) -> bool:
        try:
            self.require(date(year, 1, 1))
        except Invalid:
            return False
        return True

    def last_known_year(self, since: date) -> int:
        """The last year, from that day's on, before the first that is not known."""
        year = since.year
        while self.knows(year):
            year += 1
        return year - 1

    def why_free(self, day: date) -> str | None:
        """The reason why a day is not worked ("weekend", or the holiday's Chinese name); None for a working day."""
        self.require(day)
        if (worked := self.announced.get(day)) is not None:
            return None if worked else "holiday"
        if own := self.own_years.get(day.year):
            if day in own.workdays:
                return None
            return "holiday" if day in own.holidays else "weekend" if day.weekday() >= 5 else None
        free, holiday = chinese_calendar.get_holiday_detail(day)
        if not free:
            return None
        return chinese_calendar.Holiday(holiday).chinese if holiday else "weekend"

    def working_days_between(self, day: date, last: date) -> int:
        """How many days after ``day`` are worked, up to and including the last."""
        return sum(self.why_free(day + timedelta(days=n)) is None for n in range(1, (last - day).days + 1))

    def working_days_after(self, day: date, count: int) -> tuple[date, list[tuple[date, str]]]:
        """The ``count``-th working day after ``day``, and the days skipped on the way, each with its reason."""
        skipped: list[tuple[date, str]] = []
        while count:
            day += ONE_DAY
            if reason := self.why_free(day):
                skipped.append((day, reason))
            else:
                count -= 1
        return day, skipped


def local_day(at: datetime) -> date:
    return at.astimezone(CHINA).date()


def end_of(day: date) -> datetime:
    """The instant (UTC) at which a Chinese calendar day is over."""
    return datetime.combine(day + ONE_DAY, time(), CHINA).astimezone(UTC)


def beijing(at: datetime) -> str:
    """As it is told to people."""
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}(北京时间)"
