"""Rates always come with their denominators, and silence is "not judged"."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.petition import Petition
from domain.petition.words import Answer, Category, Phase, Resolved
from domain.roadmap import RoadmapItem
from projections import statistics
from tests.domain.story import MONDAY, OFFICIAL, POLICY, SUPERVISOR, UNIT_OFFICER, WORKFLOW, Story, given, id_of, text
from tests.projections.conftest import Mirror

YES, PARTLY, NO = Resolved


async def overall(mirror: Mirror, *stories: Story, after: timedelta = timedelta()) -> dict[str, Any]:
    for story in stories:
        await mirror.tell(story)
    await mirror.caught_up()
    return await statistics.overall(mirror.pool, max(story.now for story in stories) + after)


class OneOfMany(Story):
    """A story whose tasks are its own."""

    def items(self, due_on: date | None = None) -> list[RoadmapItem]:
        return [replace(item, task_id=id_of(f"{self.name} {item.task_id}")) for item in super().items(due_on)]


def closed(name: str, *verdicts: Resolved) -> Story:
    story = OneOfMany(name, replace(POLICY, max_rounds=1))
    story.reach(Phase.FEEDBACK, 10)
    story.judge(*verdicts)
    story.later(days=30)
    story.do(story.petition.close_feedback, WORKFLOW)
    return story


async def test_silence_counts_as_not_judged(mirror: Mirror) -> None:
    """And fewer than five judgements are in no sum of people: with the sum before, it would tell them."""
    few = closed("b", PARTLY, NO, NO)
    figures = await overall(mirror, closed("a", YES, YES, YES, PARTLY, NO), few, closed("c"))
    assert figures["petitions"] == 3
    assert figures["response"] == {"answered": 3, "in_time": 3, "due": 3, "rate": 1.0}
    assert figures["resolution"] == {"resolved": 1, "judged": 2, "not_judged": 1, "rate": 0.5}
    assert figures["satisfaction"] == {"satisfied": 3, "judged": 5, "invited": 10, "rate": 0.6}
    assert figures["outcomes"] == {"not_judged": 1, "resolved": 1, "unresolved": 1}


async def test_without_a_denominator_there_is_no_rate(mirror: Mirror) -> None:
    figures = await overall(mirror, given(Phase.COLLECTING))
    assert figures["petitions"] == 0
    assert {figures[name]["rate"] for name in ("response", "resolution", "satisfaction")} == {None}


async def test_a_response_is_late_after_its_date_extended_or_put_off_by_a_suspension(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    due_at = story.petition.clocks["response"].due_at
    assert (await overall(mirror, story))["response"]["due"] == 0
    late = due_at + timedelta(days=1) - story.now
    assert (await overall(mirror, story, after=late))["response"] == {
        "answered": 0,
        "in_time": 0,
        "due": 1,
        "rate": 0.0,
    }
    story.do(story.petition.extend, SUPERVISOR, days=5, reason=text())
    assert (await overall(mirror, story, after=late))["response"]["due"] == 0
    story.suspend()
    assert (await overall(mirror, story, after=timedelta(days=300)))["response"]["due"] == 0
    story.later(days=10)
    story.resume()
    story.now = due_at + timedelta(days=14)
    assert (await overall(mirror, story))["response"]["due"] == 0
    story.later(days=2)
    story.do(story.petition.answer, OFFICIAL, text=text(), outcome=Answer.EXPLAINED, tasks=story.tasks)
    assert (await overall(mirror, story))["response"] == {"answered": 1, "in_time": 0, "due": 1, "rate": 1.0}


async def test_what_was_withdrawn_before_its_response_was_due_needed_none(mirror: Mirror) -> None:
    for days, due in ((1, 0), (70, 1)):
        story = given(Phase.IN_PROGRESS, name=f"withdrawn after {days} days")
        story.later(days=days)
        story.do(story.petition.withdraw_by_vote, WORKFLOW)
        assert (await overall(mirror, story, after=timedelta(days=90)))["response"]["due"] == due


async def test_petitions_are_counted_by_phase_and_the_median_stay_is_in_days_without_suspensions(
    mirror: Mirror,
) -> None:
    stories = []
    for n, days in enumerate((1, 2, 3, 8, 9)):
        story = given(Phase.MEETING, name=f"petition {n}")
        story.later(days=days - 1)
        story.suspend()
        story.later(days=40)
        story.resume()
        story.later(days=1)
        story.do(story.petition.conclude_meeting, OFFICIAL, meeting_id=id_of("meeting"))
        stories.append(story)
    figures = await overall(mirror, *stories, given(Phase.REJECTED, name="rejected"))
    assert figures["phases"] == {"rejected": 1, "roadmap": 5}
    assert figures["stays"]["meeting"] == {"count": 5, "median_days": 3.0}


async def test_the_median_of_fewer_than_five_is_not_told(mirror: Mirror) -> None:
    figures = await overall(mirror, *(given(Phase.ROADMAP, name=f"petition {n}") for n in range(4)))
    assert figures["stays"]["meeting"] == {"count": 4, "median_days": None}


async def test_what_is_overdue_counts_clocks_and_petitions(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    assert (await overall(mirror, story))["overdue"] == {"clocks": 0, "petitions": 0}
    # Nobody has claimed either task, and the response is due.
    late = story.now + timedelta(days=90)
    assert (await overall(mirror, story, after=timedelta(days=90)))["overdue"] == {"clocks": 3, "petitions": 1}
    for group in statistics.KEYS:
        clocks = {row["key"]: row["overdue"]["clocks"] for row in await statistics.by(mirror.pool, group, late)}
        assert sorted(clocks.values()) == ([1, 1] if group == "unit" else [3]), group


async def test_the_public_hears_of_nothing_overdue_that_it_cannot_read_of(mirror: Mirror) -> None:
    story = given(Phase.SUBMITTED)
    assert (await overall(mirror, story, after=timedelta(days=90)))["overdue"] == {"clocks": 0, "petitions": 0}
    watched = await statistics.overall(mirror.pool, story.now + timedelta(days=90), conduct=True)
    assert watched["overdue"]["petitions"] == 1


async def test_figures_are_grouped_by_host_post_unit_and_month_without_ranking_the_few(mirror: Mirror) -> None:
    stories = [given(Phase.ACCEPTED, name=f"petition {n}") for n in range(10)] + [
        given(Phase.CLOSED, name="with tasks")
    ]
    await overall(mirror, *stories)
    groups = {group: await statistics.by(mirror.pool, group, MONDAY) for group in statistics.KEYS}
    shown = {group: [(r["key"], r["petitions"], r["rankable"]) for r in rows] for group, rows in groups.items()}
    assert shown == {
        "host": [(id_of("host"), 11, True)],
        "post": [(id_of("post"), 11, True)],
        "unit": sorted([(id_of("unit"), 1, False), (id_of("second unit"), 1, False)]),
        "month": [("2026-03", 11, True)],
    }


async def test_a_unit_is_judged_by_what_it_was_mandated_and_not_by_what_it_objected_to(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    first = story.tasks[0]
    story.do(first.object, UNIT_OFFICER, reason=text(), basis=text())
    story.do(first.mandate, OFFICIAL, unit=story.units[1], reason=text())
    await mirror.show(story)
    units = await statistics.by(mirror.pool, "unit", story.now)
    assert [(row["key"], row["petitions"]) for row in units] == [(id_of("second unit"), 1)]


@pytest.mark.parametrize("conduct", [False, True])
async def test_petitions_about_conduct_count_only_where_asked_for(mirror: Mirror, conduct: bool) -> None:
    story = given(Phase.ACCEPTED)
    vars(next(e for e in story.log if isinstance(e, Petition.Opened)))["category"] = Category.CONDUCT.value
    await mirror.show(story)
    figures = await statistics.overall(mirror.pool, story.now + timedelta(days=90), conduct=conduct)
    by_post = await statistics.by(mirror.pool, "post", story.now, conduct=conduct)
    assert (figures["petitions"], len(by_post), bool(figures["phases"])) == (conduct, conduct, conduct)
    assert (figures["overdue"]["petitions"], bool(figures["stays"])) == (conduct, conduct)
