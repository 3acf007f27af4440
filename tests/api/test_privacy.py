"""An attacker with every role watches every answer there is, while one more person signs, steps out or judges.

Routes and events that are added later are watched too: what is asked for is taken from the API's own description.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.command import Role
from domain.petition import Petition
from projections import timeline
from projections.board import Viewer
from tests.api.conftest import beginning
from tests.api.test_erasure import dump, values_of
from tests.api.world import ADMIN, AUDITOR, CLERK, SHIPPED_FILE, SUPERVISOR, Person, World, resident

STRANGER = resident(99)
DISCIPLINE = Person(Role.DISCIPLINE, "discipline")
# For those on the engine's own machine alone; streams; and what has no more to do with petitions than its own name.
# Tickets are others each time; windows are counted from the moment one asks; accesses are the watchers' own.
NOT_HERE = ("/accesses", "/metrics", "/readyz", "/v1/events", "/openapi.json", "/ticket", "/windows")
# Of the request itself, and when it was asked: the first of what /v1/process tells, and what /v1/district tells of.
ASKED = re.compile(r'"request_id":"\w+"|"instance":"[^"]*"|DTSTAMP:\w+|"as_of":"[^"]*"|^\{"at":"[^"]*"')
VOLATILE = {"x-request-id", "date"}
Answers = dict[tuple[str, str], Any]


@pytest.fixture
async def real(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[World]:
    """Under the policy as it is shipped."""
    async with beginning(pool, tmp_path / "keys", SHIPPED_FILE) as world:
        yield world


def watchers(world: World) -> dict[str, Person | None]:
    staff = (world.host, world.official, world.officer, CLERK, SUPERVISOR, DISCIPLINE, AUDITOR, ADMIN)
    return {"public": None, "stranger": STRANGER} | {person.role.value: person for person in staff}


async def watched(world: World, path: str, through: Person = CLERK) -> Answers:
    """Whatever anybody but the signers can read, with its headers; ``through`` whose eyes the addresses are found."""
    page = await world.get(through, path)
    ids = {"petition_id": path[-36:], "host_id": str(world.host.org), "unit_id": str(world.officer.org)}
    ids |= {f"{kind}_id": page[f"{kind}s"][0]["id"] for kind in ("task", "meeting", "ballot") if page[f"{kind}s"]}
    templates = [template for template, methods in world.app.openapi()["paths"].items() if "get" in methods]
    routes = [template for template in templates if not template.endswith(NOT_HERE)]
    routes = [route for route in routes if set(re.findall(r"{(\w+)}", route)) <= ids.keys()]
    assert len(routes) > 12
    seen: Answers = {}
    for route in [*routes, "/v1/statistics?by=host", "/v1/petitions?phase=collecting", "/v1/petitions?limit=1"]:
        for name, person in watchers(world).items():
            answer = await world.read(person, route.format(**ids))
            body = ASKED.sub("", answer.text)
            headers = {k: v for k, v in answer.headers.items() if k not in VOLATILE}
            seen[route, name] = (answer.status_code, headers, body)
    for name, person in watchers(world).items():
        viewer = Viewer(person.role.value, person.org) if person else Viewer()
        seen["stream", name] = await timeline.since(world.store.pool, viewer, 0, limit=10_000)
    return seen


def differences(before: Answers, after: Answers) -> list[Any]:
    return [(channel, before[channel], after[channel]) for channel in before if before[channel] != after[channel]]


async def test_whoever_watches_sees_nobody_sign_or_step_out(real: World) -> None:
    world = real
    path = await world.collecting(7)
    before = await watched(world, path)
    assert before["/v1/petitions/{petition_id}", "host_staff"][0] == 200
    for n in (8, 10):  # the tenth reaches the threshold
        world.clock.at += timedelta(minutes=n)
        await world.post(resident(n), f"{path}/co-signatures")
        await world.post(resident(n + 1), f"{path}/co-signatures")
        assert differences(before, await watched(world, path)) == []
    await world.send(resident(11), "DELETE", f"{path}/co-signatures/mine")
    assert differences(before, await watched(world, path)) == []


async def test_at_midnight_all_are_told_whether_there_are_enough_and_no_moment(real: World) -> None:
    world = real
    path = await world.collecting(9)
    assert (await world.get(world.host, path))["signatures"] == 0
    world.clock.at += timedelta(hours=3)
    moment = world.clock.at.strftime("%H:%M:%S")
    await world.post(resident(10), f"{path}/co-signatures")
    assert (await world.get(resident(3), path))["signatures"] == 10  # who signed sees how far it is
    assert (await world.get(STRANGER, path))["signatures"] == 0
    world.clock.at += timedelta(days=1)
    page = await world.get(world.host, path)
    assert page["signatures"] == 10
    assert page["clocks"][0]["started_at"] == "2026-03-02T16:00:00Z"  # midnight in China
    (opinion,) = (await world.get(world.host, "/v1/inbox"))["items"]
    assert (opinion["kind"], opinion["since"]) == ("opinion", "2026-03-02T16:00:00Z")
    history = (await world.get(world.host, f"{path}/history"))["items"]
    assert [entry["type"] for entry in history] == ["petition.Opened", "petition.ThresholdReached"]
    told = await watched(world, path)
    assert moment not in str(told)
    for n in range(11, 15):
        await world.post(resident(n), f"{path}/co-signatures")
    assert differences(told, await watched(world, path)) == []
    world.clock.at += timedelta(days=1)
    assert (await world.get(world.host, path))["signatures"] == 10


async def test_what_is_submitted_is_told_in_steps_and_stays_so(real: World) -> None:
    world = real
    path = await world.submitted(signatures=13)
    assert (await world.get(world.host, path))["signatures"] == 10
    issue = {"topic": "排涝改造", "details": "居民请求改造排水。"}
    first = await world.send(CLERK, "POST", f"{path}/public-text", issue)
    for n in (4, 5, 6, 7, 8):
        await world.send(resident(n), "DELETE", f"{path}/co-signatures/mine")
    second = await world.send(CLERK, "POST", f"{path}/public-text", issue)
    assert second.json() == first.json() | {"version": first.json()["version"] + 1}
    world.clock.at += timedelta(days=2)
    assert (await world.get(world.host, path))["signatures"] == 10


async def test_the_host_learns_by_trying_no_more_than_that_it_is_too_early(real: World) -> None:
    world = real
    path = await world.collecting(3)
    told = set()
    for n in range(4, 10):
        answer = await world.send(world.host, "POST", f"{path}/host-opinion", {"opinion": "情况属实。"})
        assert answer.status_code == 409
        told.add(re.sub(r'"request_id":"\w+"', "", answer.text))
        await world.post(resident(n), f"{path}/co-signatures")
    assert len(told) == 1


@pytest.mark.parametrize("question", ["withdrawal", "representatives"])
async def test_whoever_watches_sees_nobody_stand_or_vote(real: World, question: str) -> None:
    world = real
    path = await world.accepted()
    ballot = f"/v1/ballots/{(await world.post(resident(1), f'{path}/ballots', question=question))['id']}"
    before = await watched(world, path)
    assert before["/v1/ballots/{ballot_id}", "host_staff"][0] == 200
    if question == "representatives":
        for n in (3, 4, 5):
            await world.post(resident(n), f"{ballot}/candidacies", name=f"第{n}位", consent=True)
        await world.send(resident(5), "DELETE", f"{ballot}/candidacies/mine")
        assert differences(before, await watched(world, path)) == []
        world.clock.at += timedelta(days=4)
        before = await watched(world, path)
    for n in (2, 6, 7):
        await world.post(resident(n), f"{ballot}/votes", choices=["yes" if question == "withdrawal" else "1"])
        assert differences(before, await watched(world, path)) == []


async def test_whoever_watches_sees_nobody_judge(real: World) -> None:
    world = real
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    before = await watched(world, path)
    for n in (1, 2, 3):
        world.clock.at += timedelta(minutes=n)
        await world.judge(path, "no" if n % 2 else "yes", n, n + 3, n + 6)
        assert differences(before, await watched(world, path)) == []


async def test_fewer_than_five_judgements_are_told_nobody(real: World) -> None:
    world = real
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes", 1, 2, 3, 4)
    world.clock.at += timedelta(days=15)
    await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
    (tally,) = (await world.get(None, path))["feedback"]
    assert tally["fewer_than_five"]
    assert {tally[name] for name in ("judged", "contacted", "resolved_yes", "resolved_no", "satisfied")} == {None}
    closed = (await world.get(CLERK, f"{path}/history"))["items"][-1]
    assert closed["data"] == {"outcome": "resolved", "invited": 10, "judged": None, "resolved": None, "satisfied": None}
    figures = await world.get(SUPERVISOR, "/v1/statistics")
    assert figures["satisfaction"] == {"satisfied": 0, "judged": 0, "invited": 0, "rate": None}


async def test_what_one_person_signed_and_judged_has_no_value_in_common(new_world: World) -> None:
    """In no row of any table, from the first signature to the end: whatever joins two petitions that somebody signed
    joins two that different people signed as well."""
    world = new_world
    paths = []
    for n, signer in enumerate((1000, 1000, 2000)):
        people = [signer, *range(10 * n + 1, 10 * n + 10)]
        lead = resident(10 * n + 1)
        path = f"/v1/petitions/{(await world.post(lead, '/v1/petitions', **world.topic(topic=f'题目{n}')))['id']}"
        for person in set(people) - {10 * n + 1}:
            await world.post(resident(person), f"{path}/co-signatures")
        await world.post(world.host, f"{path}/host-opinion", opinion=f"意见{n}")
        await world.post(CLERK, f"{path}/acceptance")
        await world.send(resident(10 * n + 2), "DELETE", f"{path}/co-signatures/mine")
        paths.append(path)
    assert await world.app.state.services.positions.wait_for(world.position, 30)
    rows = (await dump(world)).splitlines()
    first, second, strangers = ({v for row in rows if p[-36:] in row for v in values_of(row)} for p in paths)
    assert len(first) > 30
    assert first & second <= strangers
