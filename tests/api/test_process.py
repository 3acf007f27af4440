"""How petitions go, for auditors: complete, and without anybody who took part as a resident."""

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from domain.command import Role
from tests.api.checks import is_problem
from tests.api.test_conduct import below
from tests.api.world import ADMIN, AUDITOR, CLERK, DETAILS, SUPERVISOR, Person, World, resident

NET = "{http://www.pnml.org/version-2009/grammar/pnml}"
EXPORTS = ("/v1/process/ocel", "/v1/process/xes")


async def exported(world: World, **selection: Any) -> set[str]:
    """The petitions in both exports, which have the same ones."""
    ocel = (await world.get(AUDITOR, EXPORTS[0], **selection))["objects"]
    xes = ElementTree.fromstring((await world.read(AUDITOR, EXPORTS[1], **selection)).content)  # noqa: S314 - our own
    names = {one.attrib["value"] for one in xes.findall("{*}trace/{*}id[@key='concept:name']")}
    assert {one["id"] for one in ocel if one["type"] == "petition"} == names
    return names


async def test_no_resident_and_no_word_of_theirs_is_in_any_export(new_world: World) -> None:
    world = new_world
    path = await world.in_progress()
    await world.elect(path, 2, 3)
    tasks = [row["id"] for row in (await world.get(CLERK, path))["tasks"]]
    await world.finish([f"/v1/tasks/{id}" for id in tasks])
    await world.feedback(path)
    await world.judge(path, "yes", *range(1, 7))
    states = await world.store.pool.fetch("SELECT convert_from(state, 'UTF8') AS state FROM stored_events")
    people = {by for row in states for by in re.findall(r'"([0-9a-f]{32})"', row["state"])}
    sealed = {text for row in states for text in re.findall(r'"sealed":\s*"([^"]+)"', row["state"])}
    assert min(len(people), len(sealed)) > 10
    words = (world.topic()["topic"], DETAILS, "张", "resident-")
    for export in EXPORTS:
        told = (await world.read(AUDITOR, export)).text
        assert path[-36:] in told
        assert "petition.Answered" in told
        assert "petition.RepresentativesElected" in told
        for secret in (*people, *sealed, *words):
            assert secret not in told
        for untold in ("CoSign", "Threshold", "FeedbackGiven", "FeedbackTaken", "Recused", "ballot."):
            assert untold not in told


async def test_every_event_leads_to_objects_that_are_there(new_world: World) -> None:
    path = await new_world.roadmap()
    task, _ = await new_world.publish(path)
    await new_world.post(new_world.officer, f"{task}/claim")
    log = await new_world.get(AUDITOR, EXPORTS[0])
    objects = {one["id"]: one["type"] for one in log["objects"]}
    assert set(objects.values()) == {"petition", "meeting", "task", "host", "post", "unit"}
    assert set(objects.values()) <= {one["name"] for one in log["objectTypes"]}
    related = [(one, link) for one in (*log["events"], *log["objects"]) for link in one["relationships"]]
    assert all(link["objectId"] in objects for _, link in related)
    by = {(event["type"], objects[link["objectId"]]) for event, link in related if link["qualifier"] == "on_behalf_of"}
    assert {("petition.RoadmapPublished", "post"), ("task.Claimed", "unit")} <= by
    declared = {one["name"]: {a["name"] for a in one["attributes"]} for one in log["eventTypes"]}
    assert all({a["name"] for a in event["attributes"]} <= declared[event["type"]] for event in log["events"])


async def test_a_selection_holds_for_both_exports(new_world: World) -> None:
    world = new_world
    first = (await world.in_progress())[-36:]
    world.clock.at += timedelta(days=3)
    second = (await world.submitted(category="advice"))[-36:]
    assert await exported(world) == {first, second}
    assert await exported(world, phase="submitted") == {second}
    assert await exported(world, category="advice", phase="in_progress") == set()
    assert await exported(world, unit_id=world.officer.org) == {first}
    assert await exported(world, post_id=world.official.org) == {first, second}
    assert await exported(world, host_id=world.officer.org) == set()
    day = f"{world.clock.at:%Y-%m-%d}"
    assert await exported(world, opened_from=day) == {second}
    assert await exported(world, opened_until=f"{world.clock.at - timedelta(days=1):%Y-%m-%d}") == {first}


async def test_the_course_is_a_net_whose_arcs_join_what_is_there(world: World) -> None:
    net = ElementTree.fromstring((await world.read(AUDITOR, "/v1/process/model")).content)  # noqa: S314 - our own
    page = net.find(f"{NET}net/{NET}page")
    assert page is not None
    places, transitions = ([one.attrib["id"] for one in page.iter(NET + name)] for name in ("place", "transition"))
    assert len({*places, *transitions}) == len(places) + len(transitions) > 300
    for arc in page.iter(f"{NET}arc"):
        ends = arc.attrib["source"], arc.attrib["target"]
        assert sum(end in places for end in ends) == sum(end in transitions for end in ends) == 1
    assert len(list(net.iter(f"{NET}initialMarking"))) == len(list(net.iter(f"{NET}finalmarkings"))) == 1


async def test_what_is_written_page_by_page_is_the_same_in_one(
    new_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for signatures in (1, 2, 3):
        await new_world.collecting(signatures)
    whole = [(await new_world.read(AUDITOR, export)).content for export in EXPORTS]
    monkeypatch.setattr("api.process.AT_ONCE", 1)
    assert len(await exported(new_world)) == 3
    assert [(await new_world.read(AUDITOR, export)).content for export in EXPORTS] == whole


async def test_nobody_but_auditors_takes_anything_out(world: World) -> None:
    for path in (*EXPORTS, "/v1/process/model"):
        assert (await world.read(None, path)).status_code == 401
        for who in (resident(1), world.host, CLERK, world.official, world.officer, SUPERVISOR, ADMIN):
            is_problem(await world.read(who, path), 403, "forbidden")


async def test_an_auditor_with_an_interest_in_a_petition_is_not_given_it(new_world: World) -> None:
    world = new_world
    recused, signed = [await world.collecting(3) for _ in range(2)]
    other = await world.accepted()
    assert await exported(world) == {recused[-36:], signed[-36:], other[-36:]}
    await world.post(Person(Role.RESIDENT, AUDITOR.subject), f"{signed}/co-signatures")
    await world.post(AUDITOR, f"{recused}/recusal")
    assert await exported(world) == {other[-36:]}

    for who in (AUDITOR, SUPERVISOR):
        assert (await world.get(who, "/v1/process"))["petitions"] == (1 if who == AUDITOR else 3)
        for alone in ({"phase": "collecting"}, {"phase": "collecting", "host_id": world.host.org}):
            course = await world.get(who, "/v1/process", **alone)
            assert course["petitions"] == (0 if who == AUDITOR else 2)
            assert bool(course["arrows"]) == (who == SUPERVISOR)


async def test_whom_a_petition_is_about_finds_no_trace_of_it_in_any_role(new_world: World) -> None:
    world = new_world
    about, _, _ = await below(world)
    path = await world.submitted(category="conduct", about_ids=[str(about.org)])
    other = await world.submitted()
    watching = Person(Role.SUPERVISOR, "supervisor", about.org), Person(Role.AUDITOR, "auditor there", about.org)
    for who in watching:
        assert (await world.get(who, "/v1/process"))["petitions"] == 1
        course = await world.get(who, "/v1/process", category="conduct")
        assert (course["petitions"], course["arrows"], course["handovers"], course["organisations"]) == (0, [], [], [])
        for listed in ("waits", "departures"):
            rows = (await world.get(who, f"/v1/process/{listed}"))["items"]
            assert {row["petition_id"] for row in rows} <= {other[-36:]}
    told = (await world.read(watching[1], EXPORTS[1])).text
    assert path[-36:] not in told
    assert other[-36:] in told
    assert await exported(world, category="conduct") == {path[-36:]}


async def test_who_took_what_out_is_written_down(new_world: World) -> None:
    world = new_world
    await world.read(AUDITOR, EXPORTS[0], category="conduct", host_id=world.host.org, opened_from="2026-03-01")
    (row, *_) = (await world.get(AUDITOR, "/v1/accesses", act="export_ocel"))["items"]
    assert (row["role"], row["subject_id"]) == ("auditor", str(world.host.org))
    assert row["what"] == {"category": "conduct", "opened_from": "2026-03-01"}


async def test_figures_are_kept_for_ten_seconds_but_a_later_position_is_waited_for(new_world: World) -> None:
    world = new_world
    await world.submitted()
    seen = await world.get(SUPERVISOR, "/v1/process")
    world.clock.at += timedelta(seconds=5)
    assert (await world.send(SUPERVISOR, "GET", "/v1/process")).json() == seen
    await world.submitted()
    assert (await world.send(SUPERVISOR, "GET", "/v1/process")).json() == seen
    assert (await world.get(SUPERVISOR, "/v1/process"))["petitions"] == 2
    world.clock.at += timedelta(seconds=20)
    assert (await world.send(SUPERVISOR, "GET", "/v1/process")).json()["at"] > seen["at"]


async def test_the_longest_waits_come_first_page_by_page(new_world: World) -> None:
    world = new_world
    for days in (2, 5):
        path = await world.submitted()
        world.clock.at += timedelta(days=days)
        await world.post(CLERK, f"{path}/public-text", topic="排涝改造", details="居民请求改造排水。")
    pages = [await world.get(SUPERVISOR, "/v1/process/waits", limit=1)]
    pages.append(await world.get(SUPERVISOR, "/v1/process/waits", limit=1, cursor=pages[0]["next"]))
    assert [page["items"][0]["waited"] for page in pages] == [5 * 86_400, 2 * 86_400]
    assert {page["items"][0]["step"] for page in pages} == {"petition.PublicTextIssued"}
    is_problem(await world.read(SUPERVISOR, "/v1/process/waits", cursor="x"), 422, "invalid-cursor", "?cursor")


async def test_only_auditors_and_supervisors_see_how_petitions_go(world: World) -> None:
    for path in ("/v1/process", "/v1/process/waits", "/v1/process/departures"):
        assert (await world.read(None, path)).status_code == 401
        for who in (resident(1), world.host, CLERK, world.official, world.officer, ADMIN):
            is_problem(await world.read(who, path), 403, "forbidden")


@pytest.mark.parametrize("selection", [{"phase": "nowhere"}, {"host_id": "x"}, {"opened_from": "yesterday"}])
async def test_a_selection_that_is_none_is_refused(world: World, selection: dict[str, str]) -> None:
    assert (await world.read(AUDITOR, EXPORTS[0], **selection)).status_code == 422
