"""An extension is asked for, waits for somebody above, and is told to the co-signers when it is approved."""

import asyncio
from typing import Any

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, CLERK, SUPERVISOR, Person, World, resident

TEN = {"days": 10, "reason": "需多部门联合整治。"}


async def waiting(world: World, who: Person) -> list[Any]:
    return [item for item in (await world.get(who, "/v1/inbox"))["items"] if item["kind"] == "extension"]


async def response(world: World, path: str) -> str:
    clocks = (await world.get(resident(1), path))["clocks"]
    return str(next(clock["due_at"] for clock in clocks if clock["rule"] == "response"))


async def test_the_post_above_or_a_supervisor_approves(new_world: World) -> None:
    world = new_world
    above = Person(Role.OFFICIAL, "above", await world.register("posts", "市委书记", "party_committee"))
    placing = {"superior_id": str(above.org)}
    assert (await world.send(ADMIN, "PUT", f"/v1/posts/{world.official.org}/superior", placing)).is_success
    path = await world.in_progress()
    due_at = await response(world, path)
    state = await world.post(world.official, f"{path}/extension", **TEN)
    assert (state["status"], state["days"]) == ("asked", 10)
    assert await response(world, path) == due_at
    for who in (SUPERVISOR, above):
        (item,) = await waiting(world, who)
        assert (item["petition_id"], item["due_at"]) == (path[-36:], due_at)
    async with nothing_appended(world):
        is_problem(await world.send(world.official, "POST", f"{path}/extension", TEN), 409, "extension-asked")
        for who in (world.official, CLERK, resident(1), world.host):
            is_problem(await world.send(who, "POST", f"{path}/extension/approval"), 403, "forbidden")
    deciding = [world.send(who, "POST", f"{path}/extension/approval") for who in (above, SUPERVISOR, above)]
    answers = await asyncio.gather(*deciding)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    world.position = max(world.position, *(int(a.headers.get("Yuetan-Position", 0)) for a in answers))
    assert (await response(world, path))[:10] == "2026-05-11"
    assert await waiting(world, SUPERVISOR) == await waiting(world, above) == []
    told = [entry["type"] for entry in (await world.get(resident(2), f"{path}/history", limit=200))["items"]]
    assert {"extension.Asked", "extension.Approved", "petition.Extended"} <= set(told)


async def test_a_refusal_says_why_and_the_date_stays(new_world: World) -> None:
    world = new_world
    path = await world.in_progress()
    due_at = await response(world, path)
    is_problem(await world.send(SUPERVISOR, "POST", f"{path}/extension/approval"), 404, "not-found")
    asking = [world.send(world.official, "POST", f"{path}/extension", TEN) for _ in range(4)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asking)) == [200, 409, 409, 409]
    await world.post(SUPERVISOR, f"{path}/extension/refusal", reason="理由不充分。")
    assert await response(world, path) == due_at
    is_problem(await world.send(SUPERVISOR, "POST", f"{path}/extension/approval"), 409, "extension-not-asked")
    assert (await world.post(world.official, f"{path}/extension", **TEN))["status"] == "asked"
    await world.post(SUPERVISOR, f"{path}/extension/approval")
    assert (await response(world, path))[:10] == "2026-05-11"
