"""The district's numbers, and how they become deadlines that explain themselves."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.policy
from domain.clock import Clock
from domain.policy import RULES, Policy, Window
from tests.domain.story import MONDAY, POLICY

FRIDAY = datetime(2026, 2, 13, 8, 30, tzinfo=UTC)  # 16:30 in Ningbo, before Spring Festival
ONE_SECOND = timedelta(seconds=1)


def document(**changes: Any) -> dict[str, Any]:
    return tomllib.loads(Path(domain.policy.__file__).with_name("policy.toml").read_text("utf-8")) | changes


def test_the_default_numbers_are_those_of_the_practice() -> None:
    assert (POLICY.threshold, POLICY.max_rounds, POLICY.reopen_below, POLICY.extension_days) == (10, 2, 0.5, 30)
    assert {rule: str(window) for rule, window in POLICY.windows.items()} == {
        "signing": "30 days",
        "host_opinion": "5 working days",
        "admissibility": "15 days",
        "acknowledgement": "3 working days",
        "meeting": "10 working days",
        "roadmap": "5 working days",
        "claim": "5 working days",
        "mandate": "3 working days",
        "response": "60 days",
        "feedback": "14 days",
        "verification": "3 working days",
        "vacancy": "3 working days",
        "appeal": "10 days",
        "appeal_decision": "10 working days",
        "urgent": "24 hours",
        "brief": "48 hours",
        "minutes": "3 working days",
        "ballot": "7 days",
        "candidacy": "3 days",
        "ask_again": "30 days",
        "call_back": "5 working days",
        "review_request": "30 days",
        "review": "30 days",
        "refiling": "30 days",
        "alert": "1 days",
    }


@pytest.mark.parametrize(
    ("rule", "due_at"),
    [
        ("acknowledgement", datetime(2026, 2, 25, 16, tzinfo=UTC)),  # 14th (worked), 24th, 25th
        ("meeting", datetime(2026, 3, 5, 16, tzinfo=UTC)),  # and 26th to 28th (worked), 2nd to 5th
        ("admissibility", datetime(2026, 2, 28, 16, tzinfo=UTC)),
    ],
)
def test_a_clock_ends_with_its_last_day_in_china(rule: str, due_at: datetime) -> None:
    assert POLICY.clock(rule, FRIDAY) == Clock(rule, FRIDAY, due_at, "2026-11")


def test_the_day_it_starts_is_the_day_in_china() -> None:
    evening = datetime(2026, 3, 2, 16, tzinfo=UTC)  # already Tuesday there
    assert POLICY.clock("acknowledgement", evening).due_at == datetime(2026, 3, 6, 16, tzinfo=UTC)
    assert POLICY.clock("acknowledgement", evening - ONE_SECOND).due_at == datetime(2026, 3, 5, 16, tzinfo=UTC)


def test_hours_minutes_and_seconds_are_exact() -> None:
    windows = document()["windows"] | {"claim": "24 hours", "roadmap": "90 minutes", "meeting": "3 seconds"}
    policy = Policy.parse(document(windows=windows))
    lengths = [policy.clock(rule, MONDAY).due_at - MONDAY for rule in ("claim", "roadmap", "meeting")]
    assert lengths == [timedelta(hours=24), timedelta(minutes=90), timedelta(seconds=3)]


def test_a_deadline_explains_itself() -> None:
    explanation = POLICY.explain(POLICY.clock("acknowledgement", FRIDAY))
    assert explanation == {
        "rule": "acknowledgement",
        "policy": "2026-11",
        "window": "3 working days",
        "started_at": FRIDAY,
        "due_at": datetime(2026, 2, 25, 16, tzinfo=UTC),
        "skipped": [{"on": date(2026, 2, day), "why": "春节"} for day in range(15, 24)],
        "moved_by_days": 0,
    }


def test_an_extended_deadline_says_by_how_much() -> None:
    assert POLICY.explain(POLICY.clock("response", MONDAY).prolonged(20))["moved_by_days"] == 20


def test_a_deadline_that_stood_still_is_explained_as_it_was_computed_and_moved() -> None:
    clock = POLICY.clock("response", MONDAY).shifted(timedelta(days=7, hours=16))
    explanation = POLICY.explain(clock)
    assert (explanation["due_at"], explanation["moved_by_days"]) == (clock.due_at, 0)


def test_an_agreed_day_needs_no_window() -> None:
    clock = POLICY.until("task", MONDAY, date(2026, 4, 30))
    assert clock.due_at == datetime(2026, 4, 30, 16, tzinfo=UTC)
    explanation = POLICY.explain(clock)
    assert (explanation["window"], explanation["skipped"], explanation["moved_by_days"]) == (None, [], 0)


@given(
    rule=st.sampled_from(RULES),
    at=st.datetimes(datetime(2025, 1, 1), datetime(2026, 10, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_every_clock_reminds_after_it_started_and_before_it_is_due(rule: str, at: datetime) -> None:
    clock = POLICY.clock(rule, at)
    assert clock.started_at < clock.remind_at < clock.due_at
    assert (clock.remind_at - at) / (clock.due_at - at) == pytest.approx(0.8)
    assert POLICY.explain(clock)["moved_by_days"] == 0


@pytest.mark.parametrize("text", ["", "5", "days", "0 days", "-1 days", "5 weeks", "five days", "5  days", "1.5 hours"])
def test_a_window_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="a window is written like"):
        Window.parse(text)


@pytest.mark.parametrize("text", ["3661 days", "900000 working days", "87841 hours"])
def test_a_window_that_would_never_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="3660 days at most"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windows": {}}, "the policy lacks 'signing'"),
        ({"threshold": "ten"}, "ten"),
        ({"threshold": 1}, "2 at least"),
        ({"threshold": 10**19}, "100000 at most"),
        ({"calendar": {"2027": {"holidays": [date(2026, 1, 1)]}}}, "calendar.2027.*2026-01-01"),
        ({"calendar": {"2027": {"workdays": ["2027-01-03"]}}}, "calendar.2027.*2027-01-03"),
        ({"calendar": {"2027": {"holliday": []}}}, "calendar.2027.*holliday"),
    ],
)
def test_a_policy_file_that_is_wrong_is_refused_with_its_entry(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy.parse(document(**changes))


def test_a_policy_file_that_lacks_its_version_is_refused() -> None:
    with pytest.raises(ValueError, match="the policy lacks 'version'"):
        Policy.parse({name: value for name, value in document().items() if name != "version"})


def test_a_policy_file_brings_years_of_its_own() -> None:
    text = "[calendar.2027]\nholidays = [2027-01-01]\nworkdays = [2027-01-03]"
    policy = Policy.parse(document(**tomllib.loads(text)))
    assert policy.calendar.working_days_after(date(2026, 12, 31), 1)[0] == date(2027, 1, 3)


@pytest.mark.parametrize(("written", "seconds"), [("24 hours", 86_400), ("30 minutes", 1_800), ("at once", 0)])
def test_counts_are_told_at_fixed_times(written: str, seconds: int) -> None:
    assert Policy.parse(document(counts_every=written)).counts_every == seconds


@pytest.mark.parametrize("written", ["7 hours", "2 days", "5 working days", "0 hours", "now"])
def test_fixed_times_are_the_same_every_day(written: str) -> None:
    with pytest.raises(ValueError, match=r"written like|part of a day"):
        Policy.parse(document(counts_every=written))
