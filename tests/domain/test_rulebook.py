"""Policies by version: who issues them, which is in force, and that old ones are still read."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.calendar import local_day
from domain.refusals import Conflict, Forbidden, Invalid
from domain.rulebook import BUILT_IN, RULEBOOK, Issue, Rulebook, document_of, parse
from tests.domain.story import ADMIN, EVERYBODY, MONDAY, WORKFLOW, Story, policy_file

TODAY = local_day(MONDAY)
SHORT = {"windows": BUILT_IN["windows"] | {"meeting": "8 working days"}}


def founded() -> tuple[Story, Rulebook]:
    story = Story()
    return story, story.do(Rulebook.found, WORKFLOW, id=RULEBOOK, document=policy_file())


def issue(story: Story, rulebook: Rulebook, version: str, day: date = TODAY, **changes: Any) -> None:
    story.do(rulebook.issue_policy, ADMIN, document=policy_file(version, **changes), effective_on=day)


def test_only_administrators_issue_policies_and_only_the_program_enters_its_file() -> None:
    story, rulebook = founded()
    for actor in EVERYBODY:
        document = policy_file(f"of-{actor.by}")
        issued = story.when(rulebook.issue_policy, actor, document=document, effective_on=TODAY)
        adopted = story.when(rulebook.adopt, actor, document=policy_file(f"file-{actor.by}"))
        founded_again = story.when(Rulebook.found, actor, id=RULEBOOK, document=document)
        for result, who in ((issued, ADMIN), (adopted, WORKFLOW), (founded_again, WORKFLOW)):
            if actor == who:
                assert result.events
            else:
                result.refused(Forbidden, "forbidden")


def test_a_policy_takes_effect_on_its_day_and_the_first_was_always_there() -> None:
    story, rulebook = founded()
    issue(story, rulebook, "later", TODAY + timedelta(days=10))
    issue(story, rulebook, "now", TODAY)
    rules = rulebook.rules()
    for days, version in ((-900, "2026-11"), (0, "now"), (9, "now"), (10, "later"), (900, "later")):
        assert rules.in_force(MONDAY + timedelta(days=days)).version == version
    midnight = datetime(2026, 3, 11, 16, tzinfo=UTC)
    assert rules.in_force(midnight).version == "later"
    assert rules.in_force(midnight - timedelta(seconds=1)).version == "now"


def test_the_file_is_entered_when_it_has_changed_and_not_because_of_what_was_issued_meanwhile() -> None:
    story, rulebook = founded()
    issue(story, rulebook, "2027-01")
    story.when(rulebook.adopt, WORKFLOW, document=policy_file()).then()
    story.when(rulebook.adopt, WORKFLOW, document=policy_file(**SHORT)).then(Rulebook.PolicyIssued, version="2026-11")
    story.when(rulebook.adopt, WORKFLOW, document=policy_file()).then(Rulebook.PolicyIssued)
    assert len(rulebook.issues) == 4


def test_a_version_is_issued_once_and_never_for_the_past() -> None:
    story, rulebook = founded()
    issue(story, rulebook, "2027-01")
    for version in ("2026-11", "2027-01"):
        story.when(rulebook.issue_policy, ADMIN, document=policy_file(version), effective_on=TODAY).refused(
            Conflict, "policy-version-exists", "document"
        )
    yesterday = TODAY - timedelta(days=1)
    story.when(rulebook.issue_policy, ADMIN, document=policy_file("2027-02"), effective_on=yesterday).refused(
        Invalid, "effective-in-the-past", "effective_on"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 1}, "2 at least"),
        ({"threshold": float("inf")}, "infinity"),
        ({"treshold": 10}, "there is no entry treshold"),
        ({"windows": {"signing": "30 days", "lunch": "1 days"}}, "there is no entry lunch"),
        ({"windows": {"signing": "9999999 days"}}, "a window is written like"),
        ({"windows": {"signing": 30}}, "expected string"),
        ({"windows": []}, "keys"),
        ({"calendar": {"2027": {"holidays": ["2027-13-01"]}}}, "calendar.2027.*2027-13-01"),
        ({"calendar": {"2027": {"holidays": [5]}}}, "must be str"),
        ({"calendar": {"2027": 5}}, "int"),
        ({"version": "a b"}, "a version is written"),
        ({"version": 5}, "expected string"),
        ({"version": "1+1"}, "a version is written"),
        ({"reopen_below": 1.5}, "reopen_below"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"windows": BUILT_IN["windows"] | {"ballot": "5 working days"}}, "windows.ballot"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_what_is_wrong(changes: dict[str, Any], said: str) -> None:
    story, rulebook = founded()
    document = json.dumps(BUILT_IN | {"version": "new"} | changes)
    result = story.when(rulebook.issue_policy, ADMIN, document=document, effective_on=TODAY)
    result.refused(Invalid, "policy-invalid", "document")
    with pytest.raises(Invalid, match=said):
        raise result.refusal or AssertionError


def test_what_an_old_policy_does_not_say_the_built_in_one_does() -> None:
    old = {name: value for name, value in BUILT_IN.items() if name != "extension_days"} | {
        "windows": {"meeting": "9 days"}
    }
    policy = parse(document_of(old))
    assert str(policy.windows["meeting"]) == "9 days"
    assert str(policy.windows["claim"]) == BUILT_IN["windows"]["claim"]
    assert policy.extension_days == BUILT_IN["extension_days"]


def test_a_policy_that_would_be_refused_today_locks_nobody_out() -> None:
    _, rulebook = founded()
    strict = json.loads(policy_file("strict")) | {"threshold": 1}
    rulebook.entries.append(Issue("strict", json.dumps(strict), TODAY, from_file=False))
    policy = rulebook.rules().in_force(MONDAY)
    assert (policy.version, policy.threshold) == ("strict", BUILT_IN["threshold"])


def test_years_that_any_version_brings_count_for_all_and_a_clock_says_which_calendar_it_knew() -> None:
    story, rulebook = founded()
    before = rulebook.rules().in_force(MONDAY)
    with pytest.raises(Invalid, match="2027"):
        before.clock("meeting", datetime(2026, 12, 28, tzinfo=UTC))
    issue(story, rulebook, "next", TODAY + timedelta(days=300), calendar={"2027": {"holidays": [date(2027, 1, 1)]}})
    policy = rulebook.rules().of("2026-11")
    assert policy
    clock = policy.clock("meeting", datetime(2026, 12, 28, tzinfo=UTC))
    assert (clock.policy, clock.version, clock.calendar_revision) == ("2026-11+1", "2026-11", 1)
    assert [found.clock("meeting", clock.started_at) for found in rulebook.rules().as_of(clock)] == [clock]
    first = before.clock("meeting", MONDAY)
    assert first.policy == "2026-11"
    assert [found.calendar.own_years for found in rulebook.rules().as_of(first)] == [{}]


def test_a_policy_says_what_it_would_change() -> None:
    new = parse(policy_file("new", calendar={"2027": {"holidays": [date(2027, 1, 1)]}}, **SHORT))
    assert parse(policy_file()).differences(new) == {
        "windows.meeting": ("10 working days", "8 working days"),
        "calendar.2027": (None, "holidays 2027-01-01; workdays "),
    }
    assert new.differences(parse(policy_file())) == {"windows.meeting": ("8 working days", "10 working days")}
