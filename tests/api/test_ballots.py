"""What the co-signers decide in secret, through HTTP."""

from tests.api.checks import is_problem
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, World, resident


async def test_representatives_are_known_to_whom_they_agreed_to_be_known(world: World) -> None:
    path = await world.accepted()
    await world.elect(path, 3, 2)
    names = ["代表3", "代表2"]
    for someone in (world.host, world.official, CLERK, resident(1)):
        assert await world.get(someone, f"{path}/representatives") == [{"name": n, "me": False} for n in names]
    own = await world.get(resident(2), f"{path}/representatives")
    assert own == [{"name": "代表3", "me": False}, {"name": "代表2", "me": True}]
    for stranger in (resident(99), SUPERVISOR, AUDITOR, ADMIN):
        is_problem(await world.read(stranger, f"{path}/representatives"), 403, "forbidden")
    is_problem(await world.read(None, f"{path}/representatives"), 401, "unauthenticated", "Authorization")


async def test_representatives_of_what_one_may_not_see_are_not_there(world: World) -> None:
    path = await world.submitted()
    await world.elect(path, 1)
    for someone in (world.official, world.officer, resident(99)):
        is_problem(await world.read(someone, f"{path}/representatives"), 404, "not-found")
