"""Announced holidays: who announces what, and how they move running clocks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_type_hints

import chinese_calendar
import pytest
from hypothesis import given as whatever
from hypothesis import strategies as st

import infra.mapper  # noqa: F401 - imports every aggregate
from domain.ballot import Ballot
from domain.calendar import CHINA, Calendar, YearTable, end_of, local_day
from domain.clock import Clock
from domain.command import Decider, aggregates
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, Invalid
from domain.rulebook import RULEBOOK, Rulebook
from domain.task import Task
from tests.domain.story import (
    ADMIN,
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    MONDAY,
    OFFICIAL,
    UNIT_OFFICER,
    WORKFLOW,
    Result,
    Story,
    given,
    policy_file,
    text,
)

DAY = timedelta(days=1)
THURSDAY, FRIDAY, SATURDAY = (date(2026, 3, day) for day in (5, 6, 7))
DAYS: dict[str, Any] = {"days_off": [], "days_worked": [], "years": [], "reason": text("reason")}


def founded(at: datetime = MONDAY) -> tuple[Story, Rulebook]:
    story = Story(at=at)
    return story, story.do(Rulebook.found, WORKFLOW, id=RULEBOOK, document=policy_file())


def test_clerks_and_administrators_announce_holidays() -> None:
    for actor in EVERYBODY:
        story, rulebook = founded()
        result = story.when(rulebook.announce_holidays, actor, **DAYS | {"days_off": [THURSDAY]})
        if actor in (CLERK, ADMIN):
            result.then(Rulebook.HolidaysAnnounced, number=1, days_off=[THURSDAY], days_worked=[], years=[])
        else:
            result.refused(Forbidden, "forbidden")


@pytest.mark.parametrize(
    ("days", "kind", "code", "field"),
    [
        ({"days_off": [date(2026, 2, 28)]}, Invalid, "day-past", "days_off.0"),
        ({"days_off": [THURSDAY], "days_worked": [THURSDAY]}, Invalid, "day-off-and-worked", "days_worked"),
        ({"days_off": [SATURDAY]}, Conflict, "nothing-announced", "days_off"),
        ({"days_worked": [THURSDAY]}, Conflict, "nothing-announced", "days_off"),
        ({"days_off": [date(2030, 1, 1)]}, Invalid, "calendar-unknown-year", "days_off.0"),
        ({"days_worked": [SATURDAY, date(2030, 1, 5)]}, Invalid, "calendar-unknown-year", "days_worked.1"),
        ({"years": [2026]}, Invalid, "calendar-known-year", "years.0"),
    ],
)
def test_what_cannot_be_announced(days: dict[str, Any], kind: Any, code: str, field: str) -> None:
    story, rulebook = founded()
    story.when(rulebook.announce_holidays, CLERK, **DAYS | days).refused(kind, code, field)


def test_the_same_holiday_is_announced_once_and_may_be_taken_back() -> None:
    story, rulebook = founded()
    story.do(rulebook.announce_holidays, CLERK, **DAYS | {"days_off": [THURSDAY, THURSDAY]})
    story.when(rulebook.announce_holidays, CLERK, **DAYS | {"days_off": [THURSDAY]}).refused(
        Conflict, "nothing-announced", "days_off"
    )
    story.when(rulebook.announce_holidays, CLERK, **DAYS | {"days_worked": [THURSDAY]}).then(
        Rulebook.HolidaysAnnounced, number=2
    )
    calendar = rulebook.rules().in_force(MONDAY).calendar
    assert [calendar.as_of(n).why_free(THURSDAY) for n in range(3)] == [None, "holiday", None]


def test_a_year_of_which_nothing_is_known_is_announced_as_a_whole() -> None:
    story, rulebook = founded()
    days = {"years": [2030], "days_off": [date(2030, 1, 1)], "days_worked": [date(2030, 1, 5)]}
    story.do(rulebook.announce_holidays, CLERK, **DAYS | days)
    calendar = rulebook.rules().in_force(MONDAY).calendar
    assert [calendar.why_free(date(2030, 1, day)) for day in (1, 2, 5, 6)] == ["holiday", None, None, "weekend"]


def test_a_refused_year_says_how_it_is_added() -> None:
    with pytest.raises(Invalid) as refused:
        Calendar().require(date(2031, 1, 1))
    for said in (refused.value.zh, refused.value.en):
        assert "POST /v1/holidays" in said
        assert "[calendar.2031]" in said


def test_working_days_are_those_of_the_official_calendar_for_every_day_it_covers() -> None:
    day, calendar, covered = date(2004, 1, 1), Calendar(), 0
    while calendar.knows(day.year):
        assert (calendar.why_free(day) is None) == chinese_calendar.is_workday(day), day
        day, covered = day + DAY, covered + 1
    assert covered > 8_000


# Moving


def moved(story: Story, thing: Petition | Task | Meeting, *days_off: date, worked: Sequence[date] = ()) -> Result:
    story.announce(*days_off, worked=worked)
    return story.when(thing.move_clocks, WORKFLOW)


def test_a_holiday_in_its_window_moves_a_running_clock_and_no_other() -> None:
    story = given(Phase.ACCEPTED)
    before = dict(story.petition.clocks)
    result = moved(story, story.petition, THURSDAY)
    result.then(Petition.ClocksMoved, revision=1)
    after = story.petition.clocks
    # 3 working days to Thursday, 10 to Monday in a week; the response is counted in calendar days.
    assert {rule: after[rule].due_at - before[rule].due_at for rule in after} == {
        "acknowledgement": DAY,
        "meeting": DAY,
        "response": timedelta(0),
    }
    assert {clock.rule for clock in result.events[0].clocks} == {"acknowledgement", "meeting"}
    assert {rule: clock.policy for rule, clock in after.items()} == {
        "acknowledgement": "2026-11+1",
        "meeting": "2026-11+1",
        "response": "2026-11",
    }
    assert all(after[rule].started_at == before[rule].started_at for rule in after)
    story.when(story.petition.move_clocks, WORKFLOW).then()


@pytest.mark.parametrize("outside", [SATURDAY, date(2026, 3, 20), date(2026, 3, 2)])
def test_a_holiday_outside_every_window_moves_nothing(outside: date) -> None:
    story = given(Phase.ACCEPTED)
    moved(story, story.petition, outside).then()


def test_a_worked_weekend_brings_a_clock_forward_but_never_before_the_end_of_today() -> None:
    story = given(Phase.ACCEPTED)
    meeting = story.petition.clocks["meeting"]
    moved(story, story.petition, worked=[SATURDAY]).then(Petition.ClocksMoved)
    assert story.petition.clocks["meeting"].due_at == meeting.due_at - 3 * DAY  # from Monday to the Friday before
    story.later(days=11)  # Friday
    friday = local_day(story.now)
    moved(story, story.petition, worked=[date(2026, 3, 8)]).then()
    assert story.petition.clocks["meeting"].due_at == end_of(friday)


def test_a_clock_that_has_run_out_stays() -> None:
    story = given(Phase.ACCEPTED)
    story.later(days=4)
    before = dict(story.petition.clocks)
    moved(story, story.petition, THURSDAY, FRIDAY).then(Petition.ClocksMoved)
    assert story.petition.clocks["acknowledgement"] == before["acknowledgement"]
    assert story.petition.clocks["meeting"] != before["meeting"]


def test_a_clock_that_stood_still_keeps_its_working_days() -> None:
    story = given(Phase.ROADMAP)
    story.do(story.petition.suspend, OFFICIAL, reason=text())
    story.later(days=3, hours=5)
    before = story.petition.clocks["roadmap"]
    last = local_day(before.due_at - timedelta(hours=1))
    moved(story, story.petition, last).then(Petition.ClocksMoved)
    after = story.petition.clocks["roadmap"]
    assert after.due_at - before.due_at in (DAY, 3 * DAY)
    story.do(story.petition.resume, OFFICIAL)
    assert story.petition.clocks["roadmap"].due_at - after.due_at == timedelta(days=3, hours=5)


def test_claims_move_and_agreed_days_do_not() -> None:
    story = given(Phase.IN_PROGRESS)
    claimed, offered = story.tasks
    story.do(claimed.claim, UNIT_OFFICER)
    day = local_day(story.now) + DAY
    before = offered.clock
    assert before
    moved(story, claimed, day).then()
    story.when(offered.move_clocks, WORKFLOW).then(Task.ClocksMoved)
    assert offered.clock
    assert offered.clock.due_at > before.due_at


def test_the_time_to_confirm_minutes_moves() -> None:
    story = given(Phase.MEETING)
    story.schedule()
    story.later(days=1)
    story.do(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
    before = story.meeting.minutes_clock
    assert before
    moved(story, story.meeting, local_day(story.now) + DAY).then(Meeting.ClocksMoved, revision=1)
    assert story.meeting.minutes_clock
    assert story.meeting.minutes_clock.due_at > before.due_at
    story.when(story.meeting.move_clocks, WORKFLOW).then()


def test_every_aggregate_with_clocks_can_have_them_moved() -> None:
    """But a ballot, whose clocks count no working days."""
    for cls in aggregates():
        events = [event for event in vars(cls).values() if isinstance(event, type) and issubclass(event, Decider.Event)]
        clocks = [name for event in events for name, kind in get_type_hints(event).items() if "Clock" in str(kind)]
        if cls.__module__.startswith("domain.") and clocks and cls is not Ballot:
            assert hasattr(cls, "move_clocks"), f"{cls.__name__} keeps {clocks}"


def test_only_the_engine_moves_clocks() -> None:
    story = given(Phase.IN_PROGRESS)
    story.announce(local_day(story.now) + DAY)
    for actor in EVERYBODY:
        if actor != WORKFLOW:
            for thing in (story.petition, story.tasks[0]):
                story.when(thing.move_clocks, actor).refused(Forbidden, "forbidden")


def test_one_that_would_end_in_an_unknown_year_waits_until_it_is_known() -> None:
    known = Calendar({2030: YearTable()})
    policy = given(Phase.COLLECTING).policy
    at = datetime(2030, 12, 26, 2, tzinfo=UTC)  # a Thursday; three working days end on the 31st
    clock = Clock("acknowledgement", at, end_of(date(2030, 12, 31)), "2026-11")
    holiday = known.changed(days_off=[date(2030, 12, 30)])
    with pytest.raises(Invalid, match="2031"):
        with_calendar(policy, holiday).moved(clock, at)
    further = holiday.changed(years={2031: YearTable()})
    assert with_calendar(policy, further).moved(clock, at).due_at == end_of(date(2031, 1, 1))


def with_calendar(policy: Any, calendar: Calendar) -> Any:
    return replace(policy, calendar=calendar)


days_2026 = st.dates(date(2026, 3, 1), date(2026, 8, 31))


@whatever(
    off=st.lists(days_2026, max_size=8),
    worked=st.lists(days_2026, max_size=8),
    at=st.datetimes(datetime(2026, 3, 1), datetime(2026, 7, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    rule=st.sampled_from(["host_opinion", "acknowledgement", "meeting", "claim"]),
)
def test_a_moved_clock_ends_where_it_would_had_all_been_known_before(
    off: list[date], worked: list[date], at: datetime, rule: str
) -> None:
    policy = given(Phase.COLLECTING).policy
    clock = policy.clock(rule, at)
    later = with_calendar(policy, policy.calendar.changed(days_off=off, days_worked=set(worked) - set(off)))
    moved = later.moved(clock, at)
    assert moved.due_at == later.clock(rule, at).due_at
    assert later.moved(moved, at) == moved
    assert moved == clock or moved.policy == "2026-11+1"
    assert moved.due_at.astimezone(CHINA).hour == 0
