"""Case numbers of other systems, linked both ways, and shown to few."""

import asyncio
from uuid import UUID

from tests.api.checks import is_problem, nothing_appended
from tests.api.world import AUDITOR, CLERK, World, resident

CASE = {"system": "12345", "number": "NB2026 112200017"}


async def test_a_case_is_linked_found_from_both_sides_and_unlinked_for_good(world: World) -> None:
    path, other = await world.submitted(), await world.submitted()
    twice = [world.send(who, "POST", f"{path}/links", CASE) for who in (world.host, CLERK)]
    answers = await asyncio.gather(*twice)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json(), "it is one link"
    for who in (CLERK, world.host, AUDITOR):
        (case,) = await world.get(who, f"{path}/links")
        assert (case["system"], case["number"]) == ("12345", "NB2026112200017")
    for written in ("NB2026112200017", "nb2026112200017", "NB2026112200017"):
        assert (await world.get(CLERK, f"/v1/links/12345/{written}"))["petition_id"] == path[-36:]
    is_problem(await world.send(CLERK, "POST", f"{other}/links", CASE), 409, "already-linked", "/number")

    address = f"{path}/links/{case['id']}/removal"
    is_problem(
        await world.send(CLERK, "POST", f"{other}/links/{case['id']}/removal", {"reason": "错"}), 404, "not-found"
    )
    for _ in range(2):
        assert (await world.send(CLERK, "POST", address, {"reason": "关联错误"})).json()["removed"]
    is_problem(await world.read(CLERK, "/v1/links/12345/NB2026112200017"), 404, "not-found")
    assert await world.get(CLERK, f"{path}/links") == []
    link = await world.store.select_events(UUID(case["id"]))
    assert [event.topic for event in link] == ["link.Made", "link.Removed"]
    await world.post(CLERK, f"{other}/links", **CASE)
    assert (await world.get(CLERK, "/v1/links/12345/NB2026112200017"))["petition_id"] == other[-36:]


async def test_a_number_is_shown_to_few_and_stands_readable_nowhere(world: World) -> None:
    path, case = await world.accepted(), {"system": "xinfang", "number": "330204-0815"}
    async with nothing_appended(world):
        for who in (resident(1), world.official, world.officer):
            is_problem(await world.send(who, "POST", f"{path}/links", case), 403, "forbidden")
    made = await world.post(CLERK, f"{path}/links", **case)
    for who in (resident(1), world.official, world.officer):
        is_problem(await world.read(who, f"{path}/links"), 403, "forbidden")
        is_problem(await world.read(who, "/v1/links/xinfang/330204-0815"), 403, "forbidden")
    is_problem(await world.read(world.host, "/v1/links/xinfang/330204-0815"), 403, "forbidden")
    for reader in (None, resident(1), CLERK, AUDITOR):
        for address in (path, f"{path}/history"):
            told = (await world.read(reader, address)).text
            assert "0815" not in told
            assert made["id"] not in told
    pool = world.app.state.services.pool
    for row in await pool.fetch("SELECT state FROM stored_events WHERE topic LIKE 'link.%'"):
        assert b"0815" not in row["state"]
    for row in await pool.fetch("SELECT l::text AS row FROM links.links AS l"):
        assert "0815" not in row["row"]
