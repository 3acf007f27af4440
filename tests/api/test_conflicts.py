"""Nobody handles what they have signed or have an interest in, and nobody else learns why."""

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_erasure import planted
from tests.api.test_privacy import differences, watched
from tests.api.world import CLERK, SUPERVISOR, Person, World, resident

ISSUE = {"topic": "排涝改造", "details": "居民请求改造排水。"}
OTHER_CLERK = Person(Role.CLERK, "other-clerk")


async def kinds(world: World, who: Person) -> list[str]:
    return [item["kind"] for item in (await world.get(who, "/v1/inbox"))["items"]]


async def test_who_has_signed_is_kept_from_handling_it_and_nobody_else_can_tell(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    staff = {"token": world.issuer.token(CLERK.role, CLERK.subject)}
    path = await world.collecting(10)
    await world.post(person, f"{path}/co-signatures")
    await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
    before = await watched(world, path)
    answer = await world.send(person, "PUT", "/v1/me/office", staff)
    assert (answer.status_code, answer.content) == (204, b"")
    async with nothing_appended(world):
        is_problem(await world.send(CLERK, "POST", f"{path}/public-text", ISSUE), 403, "conflict-of-interest")
        is_problem(await world.send(CLERK, "POST", f"{path}/acceptance"), 403, "conflict-of-interest")
        is_problem(await world.read(CLERK, path), 403, "conflict-of-interest")
        is_problem(await world.read(CLERK, f"{path}/history"), 403, "conflict-of-interest")
    others = {found[0][1] for found in differences(before, await watched(world, path, OTHER_CLERK))}
    assert others <= {"clerk"}
    await world.post(OTHER_CLERK, f"{path}/acceptance")
    assert (await world.get(CLERK, path))["details"] is None  # as the public reads it
    await world.send(person, "DELETE", f"{path}/co-signatures/mine")
    await world.post(CLERK, f"{path}/public-text", **ISSUE)


async def test_nobody_says_of_somebody_else_that_they_are_staff(world: World) -> None:
    clerk = world.issuer.token(CLERK.role, CLERK.subject)
    for who in (CLERK, world.host):
        is_problem(await world.send(who, "PUT", "/v1/me/office", {"token": clerk}), 403, "forbidden")
    own = world.issuer.token(Role.RESIDENT, "resident-1")
    is_problem(await world.send(resident(1), "PUT", "/v1/me/office", {"token": own}), 422, "not-staff", "/token")
    is_problem(
        await world.send(resident(1), "PUT", "/v1/me/office", {"token": "x"}), 401, "unauthenticated", "Authorization"
    )


async def test_who_has_an_interest_leaves_it_to_a_colleague_or_one_level_up(new_world: World) -> None:
    world = new_world
    path = await world.submitted()
    before = await world.get(OTHER_CLERK, f"{path}/history")
    await world.post(CLERK, f"{path}/recusal")
    assert await world.get(OTHER_CLERK, f"{path}/history") == before
    is_problem(await world.send(CLERK, "POST", f"{path}/acceptance"), 403, "conflict-of-interest")
    assert await kinds(world, OTHER_CLERK) == ["admissibility", "public_text"]
    await world.post(OTHER_CLERK, f"{path}/recusal", nobody_else=True)
    assert await kinds(world, OTHER_CLERK) == []
    assert await kinds(world, SUPERVISOR) == ["admissibility", "public_text"]
    await world.post(SUPERVISOR, f"{path}/public-text", **ISSUE)
    await world.post(SUPERVISOR, f"{path}/acceptance")
    await world.post(world.host, f"{path}/recusal", nobody_else=True)
    assert await kinds(world, SUPERVISOR) == ["arrange_meeting"]
    for who in (resident(1), None):
        answer = await world.send(who, "POST", f"{path}/recusal", {})
        assert answer.status_code in (401, 403)
