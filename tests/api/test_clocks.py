"""Every running clock says how its date came about."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from infra import policies
from tests.api.checks import is_problem
from tests.api.world import CLERK, MONDAY, POLICY_FILE, SUPERVISOR, World, resident, somewhere


async def explained(world: World, path: str, who: Any = CLERK) -> dict[str, dict[str, Any]]:
    return {clock["rule"]: clock for clock in await world.get(who, f"{path}/clocks")}


async def test_working_days_are_explained_with_each_day_that_does_not_count(world: World) -> None:
    world.clock.at = datetime(2026, 2, 12, 1, tzinfo=UTC)  # before the Spring Festival; a Saturday after it is worked
    path = await world.accepted()
    clocks = await explained(world, path)
    assert list(clocks) == ["acknowledgement", "meeting", "response"]
    assert clocks["acknowledgement"] == {
        "subject_id": path[-36:],
        "rule": "acknowledgement",
        "policy": "2026-11",
        "window": "3 working days",
        "started_at": "2026-02-12T01:00:00Z",
        "first_due_at": "2026-02-24T16:00:00Z",
        "due_at": "2026-02-24T16:00:00Z",
        "skipped": [{"on": f"2026-02-{day}", "why": "春节"} for day in range(15, 24)],
        "extensions": [],
        "suspensions": [],
        "moves": [],
        "sentence": "“应约确认”期限自2026年2月12日次日起算3个工作日(政策版本 2026-11),"
        "不计2026年2月15日至2026年2月23日(春节),至2026年2月24日24时届满。",
        "sentence_en": "The clock “acknowledgement” runs 3 working days from the day after 12 February 2026"
        " (policy 2026-11), not counting 15 February 2026 to 23 February 2026 (Spring Festival):"
        " until the end of 24 February 2026.",
    }
    assert "2026年2月28日" not in clocks["meeting"]["sentence"]  # a Saturday that is worked
    assert clocks["response"]["skipped"] == []


async def test_extensions_and_suspensions_are_part_of_it(world: World) -> None:
    path = await world.in_progress()
    began = (await explained(world, path))["response"]
    await world.post(world.official, f"{path}/extension", days=10, reason="雨季。")
    await world.post(SUPERVISOR, f"{path}/extension/approval")
    await world.post(world.official, f"{path}/suspension", reason="等待鉴定。")
    still = (await explained(world, path))["response"]
    stopped_at = world.clock.at
    assert still["suspensions"] == [{"began": stopped_at.isoformat().replace("+00:00", "Z"), "ended": None}]
    assert still["sentence"].endswith("2026年3月3日起中止,期限暂停计算。现至2026年5月11日24时届满。")
    world.clock.at += timedelta(days=2)
    await world.post(world.official, f"{path}/resumption")
    moved = (await explained(world, path))["response"]
    first, now = (datetime.fromisoformat(moved[name]) for name in ("first_due_at", "due_at"))
    assert moved["first_due_at"] == began["due_at"]
    assert now - first == timedelta(days=12)
    assert [(item["days"]) for item in moved["extensions"]] == [10]
    assert moved["sentence"] == (
        "“答复”期限自2026年3月2日次日起算60天(政策版本 2026-11),至2026年5月1日24时届满。"
        "2026年3月3日延长10天。2026年3月3日至2026年3月5日中止,期限顺延。现至2026年5月13日24时届满。"
    )
    assert moved["sentence_en"].endswith(
        "Extended by 10 days on 3 March 2026. Stood still from 3 March 2026 to 5 March 2026, and moved by that time."
        " Now until the end of 13 May 2026."
    )


async def test_tasks_have_clocks_of_their_own_and_only_what_runs_is_explained(world: World) -> None:
    path = await world.roadmap()
    first, second = await world.publish(path)
    await world.post(world.officer, f"{first}/claim")
    found = await world.get(None, f"{path}/clocks")
    assert {(clock["subject_id"], clock["rule"]) for clock in found} == {
        (path[-36:], "response"),
        (first[-36:], "task"),
        (second[-36:], "claim"),
        ((await world.get(None, path))["meetings"][0]["id"], "minutes"),
    }
    agreed = next(clock for clock in found if clock["rule"] == "task")
    due = MONDAY.date() + timedelta(days=21)
    assert agreed["window"] is None
    assert agreed["sentence"] == f"“完成任务”期限为约定日期,至{due.year}年{due.month}月{due.day}日24时届满。"
    assert agreed["sentence_en"] == f"The clock “task” runs to an agreed day: until the end of {due.day} {due:%B %Y}."


async def test_whoever_may_not_see_a_petition_sees_no_clock_of_it(world: World) -> None:
    path = await world.submitted()
    assert await explained(world, path, resident(1))
    for who in (None, resident(99)):
        is_problem(await world.read(who, f"{path}/clocks"), 404, "not-found")
    is_problem(await world.read(CLERK, f"/v1/petitions/{somewhere()}/clocks"), 404, "not-found")


async def test_a_clock_is_explained_by_the_policy_that_it_began_under(new_world: World, pool: asyncpg.Pool) -> None:
    path = await new_world.submitted()
    slip = POLICY_FILE.replace('admissibility = "15 days"', 'admissibility = "8 days"')
    await policies.establish(new_world.repository, pool, slip)  # under the same version: it does not give that date
    found = (await explained(new_world, path))["admissibility"]
    assert (found["policy"], found["window"]) == ("2026-11", "15 days")


async def test_a_clock_whose_policy_is_lost_says_so(new_world: World) -> None:
    path = await new_world.submitted()
    assert (await explained(new_world, path))["admissibility"]["window"] == "15 days"
    await new_world.store.pool.execute(
        "UPDATE timeline.events SET data = replace(data::text, '2026-11', '2025-01')::jsonb"
    )
    lost = (await explained(new_world, path))["admissibility"]
    assert (lost["policy"], lost["window"]) == ("2025-01", None)
    assert lost["sentence"] == "“受理审查”期限至2026年3月17日24时届满;政策版本 2025-01 未留存,无法列出计算过程。"
