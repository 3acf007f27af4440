"""A petition about conduct is never seen by whom it is about nor by those below them; closed, all read its result."""

from datetime import timedelta
from typing import Any

import pytest

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_privacy import differences, watched
from tests.api.world import ADMIN, CLERK, DETAILS, SUPERVISOR, Person, World, resident


async def below(world: World) -> tuple[Person, Person, Person]:
    """An official complained about, an officer of a unit below them, and one of a firm that this unit regulates."""
    post = await world.register("posts", "区住建局局长", "unit_principal")
    unit = await world.post(ADMIN, "/v1/units", name="住建局物业科", kind="department")
    firm = await world.post(ADMIN, "/v1/units", name="某物业", kind="property_firm", regulator_id=unit["id"])
    await world.send(ADMIN, "PUT", f"/v1/units/{unit['id']}/superior", {"superior_id": str(post)})
    for _ in range(2):  # until the directory shows it
        await world.get(None, f"/v1/units/{unit['id']}")
    return (
        Person(Role.OFFICIAL, "about", post),
        Person(Role.UNIT_OFFICER, "below", unit["id"]),
        Person(Role.UNIT_OFFICER, "firm", firm["id"]),
    )


async def test_whom_it_is_about_and_those_below_see_nothing_in_any_role(new_world: World) -> None:
    world = new_world
    about, unit, firm = await below(world)
    watching = Person(Role.CLERK, "clerk there", unit.org), Person(Role.SUPERVISOR, "supervisor", about.org)
    kept = (about, unit, firm, *watching)
    other = await world.accepted()  # so that there is something to see

    async def everything() -> dict[Any, Any]:
        seen: dict[Any, Any] = {}
        for who in kept:
            for path in ("/v1/petitions?limit=200", "/v1/petitions?category=conduct", "/v1/inbox", "/v1/notices"):
                answer = await world.read(who, path)
                if not (path == "/v1/inbox" and who.role in (Role.CLERK, Role.SUPERVISOR)):
                    seen[path, who.subject] = (answer.status_code, answer.text.partition('"request_id"')[0])
        return seen

    before = await everything()
    path = await world.in_progress(category="conduct", about_ids=[str(kept[0].org)])
    assert await everything() == before
    page = await world.get(CLERK, path)
    parts = [f"/v1/tasks/{page['tasks'][0]['id']}", f"/v1/meetings/{page['meetings'][0]['id']}"]
    for part in (path, *parts, *(f"{path}/{noun}" for noun in ("history", "clocks", "roadmap", "similar"))):
        for who in kept:
            assert (await world.read(who, part)).status_code in (403, 404), (part, who)
    assert (await world.get(world.host, path))["details"] == DETAILS
    assert (await world.get(resident(2), path))["details"] == DETAILS
    assert other


async def test_whom_it_is_about_is_given_no_part_in_it(new_world: World) -> None:
    world = new_world
    about, unit, firm = await below(world)
    conduct = world.topic(category="conduct", about_ids=[str(about.org)])
    async with nothing_appended(world):
        for changes, field in (
            ({"called_post_ids": [str(about.org)]}, "called_post_ids"),
            ({"about_ids": [str(world.host.org)]}, "host_id"),
            ({"category": "grievance"}, "about_ids"),
            ({"about_ids": [conduct["host_id"][:-4] + "0000"]}, "about_ids"),
        ):
            answer = await world.send(resident(1), "POST", "/v1/petitions", conduct | changes)
            assert answer.status_code == 422, answer.text
            assert answer.json()["field"] == f"/{field}"
    path = await world.roadmap(category="conduct", about_ids=[str(about.org)])
    due_on = (world.clock.at + timedelta(days=20)).date().isoformat()
    for officer in (unit, firm):
        rows = [{"title": "整改", "lead_unit_id": str(officer.org), "due_on": due_on}]
        answer = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": rows})
        is_problem(answer, 422, "complained-about", "/tasks")


async def test_closed_it_is_read_by_everybody_without_anybody_in_it(new_world: World) -> None:
    world = new_world
    path = await world.roadmap(category="conduct")
    assert (await world.get(None, "/v1/conduct-results"))["items"] == []
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")
    answer = await world.read(None, "/v1/conduct-results")
    (result,) = answer.json()["items"]
    assert result == {
        "topic": "排涝改造",
        "details": "居民请求改造排水。",
        "outcome": "resolved",
        "closed_in": f"{world.clock.at:%Y-%m}",
        "fewer_than_five": False,
        "judged": 10,
        "resolved": 10,
        "satisfied": 10,
    }
    for id in (path[-36:], str(world.host.org), str(world.official.org), str(world.officer.org)):
        assert id not in answer.text
    assert (await world.read(None, path)).status_code == 404
    assert (await world.get(None, "/v1/petitions", limit=200))["items"] == []


@pytest.mark.parametrize("signatures", [7])
async def test_nobody_outside_sees_a_petition_about_conduct_come_and_go(new_world: World, signatures: int) -> None:
    """Nor their number: to the public, other hosts, posts and units, and residents who have not signed."""
    world = new_world
    shown = await world.collecting(2)
    before = await watched(world, shown)
    outsiders = {"public", "stranger", "official", "unit_officer"}
    path = await world.collecting(signatures, category="conduct")
    after = await watched(world, shown)
    assert [found[0] for found in differences(before, after) if found[0][1] in outsiders] == []
    assert (await world.get(SUPERVISOR, path))["details"] == DETAILS
