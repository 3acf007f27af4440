"""Holidays announced while clocks run: they move, everybody sees why, and a year becomes known without a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.petition import Petition
from infra.repository import Repository
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_sign_in import register
from tests.api.world import ADMIN, CLERK, POLICY, SUPERVISOR, World, resident
from workflows.holidays import Holidays

TYPHOON = {"days_off": ["2026-03-05"], "days_worked": [], "years": [], "reason": "区防汛办台风停工通知"}


async def move(world: World, repository: Repository | None = None) -> None:
    """What the worker does when it hears of an announcement."""
    mover = Holidays(world.store, repository or world.repository, POLICY, world.clock)
    async with world.store.pool.acquire() as conn:
        await mover.catch_up(conn)
    world.position = await world.store.max_notification_id()


async def clocks(world: World, path: str) -> dict[str, Any]:
    return {clock["rule"]: clock for clock in await world.get(CLERK, f"{path}/clocks")}


async def test_a_holiday_moves_what_runs_and_is_told_with_the_date_there_was(new_world: World) -> None:
    world = new_world
    path = await world.accepted()
    closed = await world.collecting(2)
    await world.post(resident(1), f"{closed}/withdrawal")
    before = await clocks(world, path)
    answer = await world.send(CLERK, "POST", "/v1/holidays", TYPHOON)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/holidays/1")
    assert answer.json()["number"] == 1
    assert (await world.get(None, "/v1/holidays/1"))["progress"] is None
    await move(world)
    told = await world.get(None, "/v1/holidays/1")
    assert told["reason"] == TYPHOON["reason"]
    assert told["progress"]["finished_at"]
    assert {name: told["progress"][name] for name in ("clocks_of", "looked_at", "moved", "waiting")} == {
        "clocks_of": 2,  # the petition, and the post, which might be vacant
        "looked_at": 2,
        "moved": 1,
        "waiting": 0,
    }
    after = await clocks(world, path)
    assert after["response"] == before["response"]
    call = after["acknowledgement"]
    assert (call["first_due_at"], call["due_at"]) == ("2026-03-05T16:00:00Z", "2026-03-06T16:00:00Z")
    assert call["moves"] == [
        {
            "before": "2026-03-05T16:00:00Z",
            "after": "2026-03-06T16:00:00Z",
            "announcements": [1],
            "reasons": ["区防汛办台风停工通知"],
        }
    ]
    assert call["sentence"] == (
        "“应约确认”期限自2026年3月2日次日起算3个工作日(政策版本 2026-11),至2026年3月5日24时届满。"
        "因放假调休第1号公告(区防汛办台风停工通知),由2026年3月5日24时改为2026年3月6日24时届满。"
        "现至2026年3月6日24时届满。"
    )
    assert call["sentence_en"].endswith(
        ": until the end of 5 March 2026. Moved by announced holidays no. 1 (区防汛办台风停工通知):"
        " from the end of 5 March 2026 to the end of 6 March 2026. Now until the end of 6 March 2026."
    )
    page = await world.get(world.official, path)
    assert {clock["rule"]: clock["due_at"] for clock in page["clocks"]}["acknowledgement"] == "2026-03-06T16:00:00Z"
    waits = await world.get(world.official, "/v1/inbox")
    assert [item["due_at"] for item in waits["items"] if item["kind"] == "acknowledge"] == ["2026-03-06T16:00:00Z"]
    # What begins now knows the holiday, and says so.
    new = (await clocks(world, await world.accepted()))["acknowledgement"]
    assert (new["policy"], new["due_at"], new["moves"]) == ("2026-11+1", "2026-03-06T16:00:00Z", [])
    assert new["skipped"] == [{"on": "2026-03-05", "why": "holiday"}]


async def test_tasks_and_their_inboxes_move_too_and_twice_does_nothing_more(new_world: World) -> None:
    world = new_world
    path = await world.roadmap()
    (task, _) = await world.publish(path)
    before = (await world.get(CLERK, task))["clock"]["due_at"]
    day = (world.clock.at + timedelta(days=1)).date().isoformat()
    await world.post(ADMIN, "/v1/holidays", **TYPHOON | {"days_off": [day]})
    await asyncio.gather(*(move(world, repository) for repository in (Repository(world.store), world.repository)))
    async with nothing_appended(world):
        await world.store.pool.execute("UPDATE calendar_moves SET finished_at = NULL")  # killed just before the end
        await move(world, Repository(world.store))
        finished_at = await world.store.pool.fetchval("SELECT finished_at FROM calendar_moves")
        await move(world)  # what is done is not done again
        assert await world.store.pool.fetchval("SELECT finished_at FROM calendar_moves") == finished_at
    after = (await world.get(CLERK, task))["clock"]["due_at"]
    assert after > before
    waits = await world.get(world.officer, "/v1/inbox")
    assert [item["due_at"] for item in waits["items"] if item["kind"] == "claim"] == [after]
    progress = (await world.get(None, "/v1/holidays/1"))["progress"]
    assert (progress["clocks_of"], progress["looked_at"], progress["moved"]) == (5, 5, 3)


@asynccontextmanager
async def other_process(world: World) -> AsyncIterator[Repository]:
    """The API with another repository, which is told nothing and has the old calendar in mind."""
    repository, services = Repository(world.store), world.app.state.services
    path = await world.submitted()
    world.app.state.services = type(services)(**{**vars(services), "repository": repository})
    await world.post(CLERK, f"{path}/acceptance")
    yield repository
    world.app.state.services = services


async def test_no_clock_slips_between_an_announcement_and_its_moving(new_world: World) -> None:
    """Whatever is decided after the announcement knows it, in every process; whatever was decided before is moved."""
    world = new_world
    paths = [await world.submitted() for _ in range(12)]
    async with other_process(world):
        accepting = [world.send(CLERK, "POST", f"{path}/acceptance") for path in paths]
        announcing = world.send(CLERK, "POST", "/v1/holidays", TYPHOON)
        answers = await asyncio.gather(*accepting[:6], announcing, *accepting[6:])
        assert all(answer.is_success for answer in answers)
    await move(world)
    for path in paths:
        petition = await world.repository.get(Petition, UUID(path[-36:]))
        assert petition.clocks["acknowledgement"].due_at == datetime(2026, 3, 6, 16, tzinfo=UTC)


async def test_residents_who_wait_to_be_verified_are_verified_later_too(new_world: World) -> None:
    world = new_world
    person = UUID(await register(world, "张小华", phones=["13800000001"]))
    due = datetime(2026, 3, 5, 16, tzinfo=UTC)
    entered = "UPDATE residents SET registered_at = $2, verify_by = $3 WHERE person_id = $1"  # by themselves
    await world.store.pool.execute(entered, person, world.clock.at, due)
    await world.post(CLERK, "/v1/holidays", **TYPHOON)
    await move(world)
    verify_by = await world.store.pool.fetchval("SELECT verify_by FROM residents WHERE person_id = $1", person)
    assert verify_by == due + timedelta(days=1)


async def test_two_clerks_announce_the_same_at_once_and_it_is_announced_once(new_world: World) -> None:
    answers = await asyncio.gather(*(new_world.send(CLERK, "POST", "/v1/holidays", TYPHOON) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await new_world.get(None, "/v1/holidays")) == 1


async def test_a_year_that_was_unknown_becomes_known_without_a_restart(new_world: World) -> None:
    world = new_world
    world.clock.at = datetime(2026, 12, 21, 1, tzinfo=UTC)
    path = await world.submitted()
    world.clock.at = datetime(2026, 12, 28, 1, tzinfo=UTC)
    refused = is_problem(await world.send(CLERK, "POST", f"{path}/acceptance"), 422, "calendar-unknown-year")
    assert "POST /v1/holidays" in refused["detail"]
    new_year = {"years": [2027], "days_off": ["2027-01-01"], "days_worked": ["2027-01-03"], "reason": "国办通知"}
    await world.post(ADMIN, "/v1/holidays", **new_year)
    accepted = await world.post(CLERK, f"{path}/acceptance")
    assert {clock["rule"]: clock["due_at"] for clock in accepted["clocks"]}["meeting"] == "2027-01-11T16:00:00Z"


async def test_a_move_into_an_unknown_year_waits_and_is_counted(new_world: World) -> None:
    world = new_world
    world.clock.at = datetime(2026, 12, 24, 1, tzinfo=UTC)  # the host's opinion: until the 31st
    path = await world.collecting()
    await world.post(CLERK, "/v1/holidays", **TYPHOON | {"days_off": ["2026-12-30"]})
    await move(world)
    assert (await world.get(None, "/v1/holidays/1"))["progress"]["waiting"] == 1
    await world.post(CLERK, "/v1/holidays", **TYPHOON | {"days_off": ["2027-01-01"], "years": [2027]})
    await move(world)
    assert (await world.get(None, "/v1/holidays/2"))["progress"]["waiting"] == 0
    assert (await clocks(world, path))["host_opinion"]["due_at"] == "2027-01-04T16:00:00Z"
    assert (await clocks(world, path))["host_opinion"]["moves"][0]["announcements"] == [1, 2]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (TYPHOON | {"days_off": []}, 422, "invalid-input", ""),
        (TYPHOON | {"days_off": ["2026-03-01"]}, 422, "day-past", "/days_off/0"),
        (TYPHOON | {"days_off": ["2026-03-07"]}, 409, "nothing-announced", "/days_off"),
        (TYPHOON | {"days_off": ["2029-03-07"]}, 422, "calendar-unknown-year", "/days_off/0"),
        (TYPHOON | {"years": [2026]}, 422, "calendar-known-year", "/years/0"),
        (TYPHOON | {"reason": " "}, 422, "invalid-input", "/reason"),
    ],
)
async def test_an_announcement_is_refused_with_what_is_wrong(
    world: World, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    async with nothing_appended(world):
        is_problem(await world.send(CLERK, "POST", "/v1/holidays", body), status, code, field)
        for who in (SUPERVISOR, resident(1), world.official, world.host):
            is_problem(await world.send(who, "POST", "/v1/holidays", TYPHOON), 403, "forbidden")


async def test_a_year_is_told_day_by_day_as_clocks_count_it(new_world: World) -> None:
    world = new_world
    year = await world.get(None, "/v1/holidays/years/2026")
    off = {day["on"]: day["why"] for day in year["off"]}
    assert year["known"]
    assert (off["2026-10-01"], off["2026-03-07"]) == ("国庆节", "weekend")
    assert "2026-03-05" not in off
    assert "2026-02-14" in year["worked"]
    assert year["announced"] == []
    announced = {"days_off": ["2026-03-05"], "days_worked": ["2026-03-07"], "reason": "区政府放假通知"}
    await world.post(CLERK, "/v1/holidays", **announced)
    year = await world.get(None, "/v1/holidays/years/2026")
    assert {"on": "2026-03-05", "why": "holiday"} in year["off"]
    assert "2026-03-07" in year["worked"]
    assert year["announced"] == ["2026-03-05", "2026-03-07"]
    assert len(year["off"]) + len(year["worked"]) < 365
    unknown = await world.get(None, "/v1/holidays/years/2199")
    assert unknown == {"year": 2199, "known": False, "off": [], "worked": [], "announced": []}
