"""Auditors replay a petition: the state after every event, what it changed, who did it and by which command."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.api.checks import is_problem
from tests.api.conftest import beginning
from tests.api.world import AUDITOR, CLERK, SHIPPED_FILE, SUPERVISOR, World, resident


@pytest.fixture
async def told(world: World) -> tuple[str, list[dict[str, Any]]]:
    """A petition with an objection, and its history."""
    path = await world.roadmap()
    task, other = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    await world.post(world.officer, f"{task}/transfer", unit_id=str(world.other_officer.org), reason="属市政管线。")
    await world.post(world.other_officer, f"{task}/objection", reason="不属我局。", basis="三定方案第二条。")
    await world.post(world.other_officer, f"{other}/claim")
    return path, (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]


def at(entries: list[dict[str, Any]], type: str) -> int:
    found: int = next(entry["position"] for entry in entries if entry["type"] == type)
    return found


def changed(page: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {change["name"]: (change["before"], change["after"]) for change in page["changes"]}


async def test_every_event_has_a_place_and_folding_them_all_ends_where_the_petition_stands(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    path, entries = told
    pages = [await world.get(AUDITOR, f"{path}/history/{entry['position']}") for entry in entries]
    assert [page["nth"] for page in pages] == [*range(1, len(entries) + 1)]
    assert {page["total"] for page in pages} == {len(entries)}
    assert [page["previous"] for page in pages[1:]] == [page["position"] for page in pages[:-1]]
    assert [page["following"] for page in pages] == [*(page["position"] for page in pages[1:]), None]
    now = await world.get(AUDITOR, path)
    petition = next(part for part in pages[-1]["state"] if part["kind"] == "petition")
    assert {name: petition[name] for name in ("phase", "round", "called_post_ids", "topic", "public_topic")} == {
        name: now[name] for name in ("phase", "round", "called_post_ids", "topic", "public_topic")
    }
    tasks = {part["id"]: part for part in pages[-1]["state"] if part["kind"] == "task"}
    assert {row["id"]: row["status"] for row in now["tasks"]} == {id: task["status"] for id, task in tasks.items()}
    for before, after in pairwise(pages):  # no change is missed: a state is the one before, changed
        parts = {part["id"]: part for part in before["state"]}
        for change in after["changes"]:
            if not change["name"].startswith("clocks."):
                parts.setdefault(change["subject_id"], {})[change["name"]] = change["after"]
        for part in after["state"]:
            for name, value in parts.get(part["id"], {}).items():
                assert name == "clocks" or part[name] == value, (after["type"], name)


async def test_an_event_says_what_it_changed_and_by_which_command_and_policy(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    path, entries = told
    opened = await world.get(AUDITOR, f"{path}/history/{entries[0]['position']}")
    assert changed(opened)["phase"] == (None, "collecting")
    accepted = await world.get(AUDITOR, f"{path}/history/{at(entries, 'petition.Accepted')}")
    assert changed(accepted)["phase"] == ("submitted", "accepted")
    before, after = changed(accepted)["clocks.response"]
    assert (before, after["policy"]) == (None, accepted["policies"][0])
    assert (accepted["role"], accepted["organisations"]) == ("clerk", [])
    called = at(entries, "petition.Called")
    assert accepted["command"] == [accepted["position"], called]
    assert (await world.get(AUDITOR, f"{path}/history/{called}"))["command_id"] == accepted["command_id"]
    # Between two moments, whatever lies in between.
    since = await world.get(AUDITOR, f"{path}/history/{entries[-1]['position']}", since=accepted["position"])
    assert changed(since)["phase"] == ("accepted", "in_progress")


async def test_an_event_says_for_which_organisation_somebody_acted(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    """Also of what was stored before that was written down: then by whom the permission names."""
    path, entries = told
    persons = (
        ("petition.HostOpinionGiven", world.host),
        ("petition.CallAcknowledged", world.official),
        ("meeting.Scheduled", world.host),
        ("petition.RoadmapPublished", world.official),
        ("task.Claimed", world.officer),
        ("task.Transferred", world.officer),
        ("task.Objected", world.other_officer),
    )
    for type, person in persons:
        page = await world.get(AUDITOR, f"{path}/history/{at(entries, type)}")
        assert page["organisations"] == [page["on_behalf_of"]] == [str(person.org)], type
        assert page["by"] == (await world.people.pseudonym(person.subject, UUID(page["on_behalf_of"]))), type
    await world.store.pool.execute("UPDATE timeline.events SET on_behalf_of = NULL")
    for type, person in persons:
        page = await world.get(AUDITOR, f"{path}/history/{at(entries, type)}")
        assert (page["organisations"], page["on_behalf_of"]) == ([str(person.org)], None), type


async def test_from_an_event_an_auditor_finds_the_request_and_from_a_signature_nobody_does(world: World) -> None:
    path = await world.submitted()
    answer = await world.send(CLERK, "POST", f"{path}/acceptance")
    entries = (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]
    accepted = await world.get(AUDITOR, f"{path}/history/{at(entries, 'petition.Accepted')}")
    assert accepted["origin"] == f"request {answer.headers['X-Request-Id']}"
    assert next(entry for entry in entries if entry["type"] == "petition.Called")["origin"] == accepted["origin"]
    for entry in (*entries, *(await world.get(world.host, f"{path}/history", limit=200))["items"]):
        if entry["role"] == "resident":
            assert entry["by"] is entry["origin"] is None
    for entry in (await world.get(world.host, f"{path}/history", limit=200))["items"]:
        assert entry["by"] is entry["on_behalf_of"] is entry["command_id"] is entry["origin"] is None
    secret = "SELECT count(*) FROM commands JOIN stored_events USING (command_id) WHERE topic = $1 AND origin <> ''"
    assert await world.store.pool.fetchval(secret, "petition.CoSigned") == 0
    assert await world.store.pool.fetchval(secret, "petition.Accepted") > 0


async def test_an_event_says_which_clocks_it_began_moved_and_met(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    path, entries = told

    async def ruled(type: str) -> list[tuple[str, str, bool | None]]:
        page = await world.get(AUDITOR, f"{path}/history/{at(entries, type)}")
        assert all(ruling["policy"] and ruling["due_at"] > ruling["started_at"] for ruling in page["rulings"])
        return [(ruling["rule"], ruling["what"], ruling["in_time"]) for ruling in page["rulings"]]

    assert await ruled("petition.Opened") == [("signing", "began", None)]
    assert await ruled("petition.Accepted") == [
        ("admissibility", "met", True),
        ("meeting", "began", None),
        ("response", "began", None),
    ]
    assert await ruled("petition.RoadmapPublished") == [("roadmap", "met", True)]
    assert await ruled("task.Claimed") == [("claim", "met", True), ("task", "began", None)]
    before = {clock["rule"]: clock["due_at"] for clock in (await world.get(AUDITOR, path))["clocks"]}
    await world.post(world.official, f"{path}/suspension", reason="等待防汛设计。")
    world.clock.at += timedelta(days=3)
    await world.post(world.official, f"{path}/resumption")
    last = (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]
    page = await world.get(AUDITOR, f"{path}/history/{at(last, 'petition.Resumed')}")
    (moved,) = [ruling for ruling in page["rulings"] if ruling["rule"] == "response"]
    assert (moved["what"], moved["was_due_at"]) == ("moved", before["response"])


async def test_two_moments_are_compared_by_place_or_by_time(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    path, entries = told
    accepted = next(entry for entry in entries if entry["type"] == "petition.Accepted")
    whole = await world.get(AUDITOR, f"{path}/state")
    assert whole["state"] == (await world.get(AUDITOR, f"{path}/history/{entries[-1]['position']}"))["state"]
    assert whole["since"] == 0
    assert changed(whole)["phase"] == (None, "in_progress")
    for moment in (
        {"since": accepted["position"]},
        {"since_as_of": accepted["recorded_at"]},
        {"since_as_of": accepted["recorded_at"], "position": 2**63 - 1, "as_of": "9999-01-01T00:00:00Z"},
    ):
        since = await world.get(AUDITOR, f"{path}/state", **moment)
        assert changed(since)["phase"] == ("accepted", "in_progress")
        assert {part["kind"] for part in since["state"]} == {"petition", "meeting", "task"}
        assert (since["since"], since["position"]) == (accepted["position"], entries[-1]["position"])
    then = await world.get(AUDITOR, f"{path}/state", as_of=accepted["recorded_at"])
    assert (then["position"], [part["kind"] for part in then["state"]]) == (accepted["position"], ["petition"])
    for none in ({"position": entries[0]["position"] - 1}, {"as_of": "2000-01-01T00:00:00Z"}):
        is_problem(await world.read(AUDITOR, f"{path}/state", **none), 404, "not-found")
    is_problem(await world.read(SUPERVISOR, f"{path}/state"), 403, "forbidden")
    signer = AUDITOR._replace(subject=resident(2).subject)
    assert (await world.read(signer, f"{path}/state")).status_code in (403, 404)


async def test_only_auditors_replay_and_only_what_is_there(
    world: World, told: tuple[str, list[dict[str, Any]]]
) -> None:
    path, entries = told
    place = f"{path}/history/{entries[0]['position']}"
    for who in (CLERK, SUPERVISOR, world.host, world.official, world.officer, resident(1)):
        is_problem(await world.read(who, place), 403, "forbidden")
    is_problem(await world.read(None, place), 401, "unauthenticated", "Authorization")
    elsewhere = await world.collecting(1)
    for address in (f"{elsewhere}/history/{entries[0]['position']}", f"{path}/history/0"):
        is_problem(await world.read(AUDITOR, address), 404, "not-found")
    # Nobody audits what they have signed.
    signer = AUDITOR._replace(subject=resident(2).subject)
    assert (await world.read(signer, place)).status_code in (403, 404)


async def test_what_signatures_move_is_in_no_state(pool: asyncpg.Pool, tmp_path: Path) -> None:
    async with beginning(pool, tmp_path / "keys", SHIPPED_FILE) as world:
        path = await world.collecting(9)
        entries = (await world.get(AUDITOR, f"{path}/history"))["items"]
        place = f"{path}/history/{entries[0]['position']}"
        before = await world.get(AUDITOR, place)
        await world.post(resident(10), f"{path}/co-signatures")  # the threshold
        await world.post(resident(11), f"{path}/co-signatures")
        await world.send(resident(2), "DELETE", f"{path}/co-signatures/mine")
        assert await world.get(AUDITOR, place) == before
        is_problem(await world.read(AUDITOR, f"{path}/history/{entries[0]['position'] + 9}"), 404, "not-found")
        # Nor can anything be counted or timed by asking for one place or moment after the other.
        last = await world.store.max_notification_id()
        times = await world.store.pool.fetch("SELECT recorded_at FROM stored_events ORDER BY notification_id")
        begun = entries[0]["position"]
        states = [await world.get(AUDITOR, f"{path}/state", position=n, since=n - 1) for n in range(begun + 1, last)]
        states += [
            await world.get(AUDITOR, f"{path}/state", as_of=row[0].isoformat(), since=begun) for row in times[begun:]
        ]
        assert [state for state in states if state != states[0]] == []
        assert states[0]["changes"] == []
        since = await world.get(AUDITOR, place, since=begun)
        for n in range(begun, last):
            assert await world.get(AUDITOR, place, since=n) == since
        await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
        entries = (await world.get(AUDITOR, f"{path}/history"))["items"]
        submitted = await world.get(AUDITOR, f"{path}/history/{entries[-1]['position']}")
        assert changed(submitted)["signatures"] == (None, 10)
        assert "clocks.host_opinion" not in changed(submitted)  # when it began tells that somebody signed


async def test_the_hosts_clock_is_told_of_from_its_beginning_on_and_not_from_the_signature_that_began_it(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    async with beginning(pool, tmp_path / "keys", SHIPPED_FILE) as world:
        path = await world.collecting(10)
        world.clock.at += timedelta(hours=20)  # past midnight in China
        await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
        entries = (await world.get(AUDITOR, f"{path}/history", rulings=True))["items"]
        ruled = [
            (entry["type"], ruling["what"], ruling["in_time"])
            for entry in entries
            for ruling in entry["rulings"]
            if ruling["rule"] == "host_opinion"
        ]
        assert ruled == [("petition.ThresholdReached", "began", None), ("petition.Submitted", "met", True)]
        reached = await world.get(AUDITOR, f"{path}/history/{at(entries, 'petition.ThresholdReached')}")
        assert reached["recorded_at"] == reached["at"] == reached["rulings"][0]["started_at"]
        then = await world.get(AUDITOR, f"{path}/state", position=reached["position"])
        assert "host_opinion" in then["state"][0]["clocks"]
        for entry in (await world.get(world.host, f"{path}/history", rulings=True))["items"]:
            assert entry["rulings"] is None


async def test_what_is_new_anywhere_is_told_auditors_newest_first(world: World) -> None:
    path = await world.submitted()
    items = (await world.get(AUDITOR, "/v1/history", limit=200))["items"]
    positions = [item["position"] for item in items]
    assert positions == sorted(positions, reverse=True)
    assert items[0]["type"] == "petition.Submitted"
    assert UUID(items[0]["petition_id"]) == UUID(path[-36:])
    first = await world.get(AUDITOR, "/v1/history", limit=3)
    second = await world.get(AUDITOR, "/v1/history", limit=3, cursor=first["next"])
    assert [item["position"] for item in first["items"] + second["items"]] == positions[:6]
    is_problem(await world.read(SUPERVISOR, "/v1/history"), 403, "forbidden")
