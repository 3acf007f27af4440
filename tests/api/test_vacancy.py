"""A called lead post falls vacant: clerks and supervisors are asked to name who stands in, clocks running."""

import asyncio
from typing import Any

from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, CLERK, SUPERVISOR, Person, World, resident, somewhere


async def waiting(world: World, who: Person = CLERK) -> list[Any]:
    return [item for item in (await world.get(who, "/v1/inbox"))["items"] if item["kind"] == "acting"]


async def leave(world: World, ended_on: str = "2026-03-02") -> str:
    post = f"/v1/posts/{world.official.org}"
    await world.post(ADMIN, f"{post}/terms", holder="secretary", started_on="2026-01-01")
    await world.post(ADMIN, f"{post}/terms/end", ended_on=ended_on)
    return post


async def test_a_vacant_lead_post_waits_for_somebody_to_stand_in(new_world: World) -> None:
    world = new_world
    called, collecting = await world.accepted(), await world.collecting()
    clocks = (await world.get(CLERK, called))["clocks"]
    post = await leave(world)
    for who in (CLERK, SUPERVISOR):
        (item,) = await waiting(world, who)
        assert (item["petition_id"], item["rule"], item["due_at"]) == (called[-36:], "vacancy", "2026-03-05T16:00:00Z")
    assert (await world.get(CLERK, called))["clocks"] == clocks
    # One that is called meanwhile waits as well; one that is not yet called does not.
    await world.post(world.host, f"{collecting}/host-opinion", opinion="情况属实。")
    assert len(await waiting(world)) == 1
    await world.post(CLERK, f"{collecting}/acceptance")
    assert len(await waiting(world)) == 2
    named = await world.post(CLERK, f"{post}/acting", holder="deputy")
    assert (named["held"], named["acting"]) == (False, True)
    assert (await world.get(None, "/v1/posts"))["items"][0]["acting"] is True
    assert await waiting(world) == await waiting(world, SUPERVISOR) == []
    await world.post(ADMIN, f"{post}/terms", holder="successor", started_on="2026-03-03")
    assert (await world.get(None, post))["acting"] is False


async def test_a_successor_needs_nobody_to_stand_in(new_world: World) -> None:
    await new_world.accepted()
    post = await leave(new_world)
    assert await waiting(new_world)
    await new_world.post(ADMIN, f"{post}/terms", holder="successor", started_on="2026-03-03")
    assert await waiting(new_world) == []


async def test_a_petition_that_ends_waits_for_nobody(new_world: World) -> None:
    path = await new_world.submitted()
    await new_world.post(CLERK, f"{path}/rejection", reason_code="other", explanation="无。")
    await leave(new_world)
    assert await waiting(new_world) == []


async def test_terms_do_not_overlap_nor_end_before_they_begin(new_world: World) -> None:
    world = new_world
    post = f"/v1/posts/{world.official.org}"
    await world.post(ADMIN, f"{post}/terms", holder="secretary", started_on="2026-02-01")
    async with nothing_appended(world):
        answer = await world.send(ADMIN, "POST", f"{post}/terms/end", {"ended_on": "2026-01-31"})
        is_problem(answer, 422, "term-ends-before-it-starts", "/ended_on")
        answer = await world.send(CLERK, "POST", f"{post}/acting", {"holder": "deputy"})
        is_problem(answer, 409, "post-is-held")
    await world.post(ADMIN, f"{post}/terms/end", ended_on="2026-03-01")
    async with nothing_appended(world):
        answer = await world.send(ADMIN, "POST", f"{post}/terms", {"holder": "next", "started_on": "2026-03-01"})
        is_problem(answer, 422, "terms-overlap", "/started_on")
        for who in (world.official, resident(1), world.host):
            is_problem(await world.send(who, "POST", f"{post}/acting", {"holder": "x"}), 403, "forbidden")
        for id, code in ((somewhere(), "unknown-reference"), (world.official.org, "own-post")):
            body = {"holder": "deputy", "from_post_id": str(id)}
            is_problem(await world.send(CLERK, "POST", f"{post}/acting", body), 422, code, "/from_post_id")


async def test_two_clerks_name_the_same_person_at_once_and_it_happens_once(new_world: World) -> None:
    post = await leave(new_world)
    before = await new_world.store.max_notification_id()
    naming = [new_world.send(CLERK, "POST", f"{post}/acting", {"holder": "deputy"}) for _ in range(5)]
    assert {answer.status_code for answer in await asyncio.gather(*naming)} == {200}
    assert await new_world.store.max_notification_id() == before + 1


async def test_hosts_posts_and_units_get_other_names(new_world: World) -> None:
    world = new_world
    for what, who in (("hosts", world.host), ("posts", world.official), ("units", world.officer)):
        entry = f"/v1/{what}/{who.org}"
        assert (await world.post(ADMIN, f"{entry}/changes", name="新名称"))["name"] == "新名称"
        async with nothing_appended(world):
            await world.post(ADMIN, f"{entry}/changes", name="新名称")
            is_problem(await world.send(CLERK, "POST", f"{entry}/changes", {"name": "旧"}), 403, "forbidden")
            answer = await world.send(ADMIN, "POST", f"/v1/{what}/{somewhere()}/changes", {"name": "旧"})
            is_problem(answer, 404, "not-found")
        listed = (await world.get(None, f"/v1/{what}"))["items"]
        assert "新名称" in [item["name"] for item in listed]
