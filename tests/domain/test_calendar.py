"""The working-day calendar against the State Council's notice on the holidays of 2026 (国办发明电〔2025〕7号)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import Calendar, YearTable, end_of, local_day
from domain.refusals import Invalid

CALENDAR = Calendar()
HOLIDAYS_2026 = {
    "元旦": ((1, 1), (1, 3)),
    "春节": ((2, 15), (2, 23)),
    "清明": ((4, 4), (4, 6)),
    "劳动节": ((5, 1), (5, 5)),
    "端午": ((6, 19), (6, 21)),
    "中秋": ((9, 25), (9, 27)),
    "国庆节": ((10, 1), (10, 7)),
}
WORKED_WEEKENDS_2026 = {(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)}
days_2026 = st.dates(date(2026, 1, 1), date(2026, 10, 31))


def days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(n) for n in range((last - first).days + 1))


def test_every_day_of_2026_is_as_the_notice_says() -> None:
    holidays = {
        day: name
        for name, (first, last) in HOLIDAYS_2026.items()
        for day in days(date(2026, *first), date(2026, *last))
    }
    for day in days(date(2026, 1, 1), date(2026, 12, 31)):
        worked = (day.weekday() < 5 and day not in holidays) or (day.month, day.day) in WORKED_WEEKENDS_2026
        why = CALENDAR.why_free(day)
        assert (why is None) == worked, day
        # A weekend inside a holiday may be called by either name.
        assert why in (None, "weekend", holidays.get(day)), day
    assert len(holidays) == 33


@pytest.mark.parametrize(
    ("start", "count", "end", "skipped"),
    [
        ((2, 13), 1, (2, 14), 0),  # the Saturday before Spring Festival is worked
        ((2, 14), 1, (2, 24), 9),
        ((2, 26), 2, (2, 28), 0),
        ((9, 30), 3, (10, 10), 7),  # 8th, 9th and the worked Saturday
        ((3, 6), 1, (3, 9), 2),
        ((12, 31), 0, (12, 31), 0),
    ],
)
def test_working_days_go_round_holidays_and_shifted_workdays(
    start: tuple[int, int], count: int, end: tuple[int, int], skipped: int
) -> None:
    due, free = CALENDAR.working_days_after(date(2026, *start), count)
    assert (due, len(free)) == (date(2026, *end), skipped)


def test_the_year_ends_in_the_next_ones_calendar() -> None:
    assert CALENDAR.working_days_after(date(2025, 12, 31), 1)[0] == date(2026, 1, 4)  # a worked Sunday


@pytest.mark.parametrize("year", [2003, 2027, 9999])
def test_an_unknown_year_is_refused(year: int) -> None:
    with pytest.raises(Invalid, match="calendar-unknown-year"):
        CALENDAR.require(date(year, 1, 1), "due_on")


def test_a_working_day_beyond_the_known_years_is_refused() -> None:
    assert CALENDAR.working_days_after(date(2026, 12, 30), 1)[0] == date(2026, 12, 31)
    with pytest.raises(Invalid, match="calendar-unknown-year"):
        CALENDAR.working_days_after(date(2026, 12, 31), 1)


def test_a_districts_own_table_covers_the_next_year_and_overrides_a_known_one() -> None:
    own = Calendar(
        {
            2027: YearTable(holidays=frozenset({date(2027, 1, 1)}), workdays=frozenset({date(2027, 1, 3)})),
            2026: YearTable(),
        }
    )
    assert own.working_days_after(date(2026, 12, 31), 1) == (
        date(2027, 1, 3),
        [(date(2027, 1, 1), "holiday"), (date(2027, 1, 2), "weekend")],
    )
    assert own.why_free(date(2026, 10, 1)) is None
    with pytest.raises(Invalid, match="calendar-unknown-year"):
        own.require(date(2028, 1, 1))


@given(start=days_2026, count=st.integers(1, 30))
def test_a_due_day_is_later_and_worked_and_only_free_days_are_skipped(start: date, count: int) -> None:
    due, skipped = CALENDAR.working_days_after(start, count)
    assert due > start
    assert CALENDAR.why_free(due) is None
    assert all(CALENDAR.why_free(day) == why for day, why in skipped)
    assert len(set(skipped)) == len(skipped)
    assert (due - start).days == count + len(skipped), "every day on the way is either counted or skipped"


@given(start=days_2026, count=st.integers(1, 30), more=st.integers(1, 5))
def test_more_days_end_later(start: date, count: int, more: int) -> None:
    assert CALENDAR.working_days_after(start, count)[0] < CALENDAR.working_days_after(start, count + more)[0]


@given(at=st.datetimes(datetime(2004, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_day_ends_at_midnight_in_china(at: datetime) -> None:
    day = local_day(at)
    assert end_of(day) - timedelta(days=1) <= at < end_of(day)
    assert (end_of(day).tzinfo, end_of(day).hour) == (UTC, 16)


def test_the_last_known_year_is_the_one_before_the_first_gap() -> None:
    table = YearTable()
    calendar = Calendar({2090: table, 2091: table, 2093: table})
    assert calendar.last_known_year(date(2090, 6, 1)) == 2091
    assert calendar.last_known_year(date(2092, 6, 1)) == 2091
