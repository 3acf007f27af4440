"""Similar petitions, to residents who write and clerks who check: each is shown what they may read."""

from tests.api.checks import is_problem
from tests.api.world import CLERK, DETAILS, TOPIC, Person, World, resident

PUBLIC = {"topic": "排涝改造", "details": "居民请求改造排水。"}


async def ids(world: World, who: Person, **query: str) -> list[str]:
    return [row["petition"]["id"] for row in await world.get(who, "/v1/petitions/similar", **query)]


async def test_residents_find_what_is_public_and_clerks_what_was_written(new_world: World) -> None:
    accepted, collecting = await new_world.accepted(), await new_world.collecting()
    conduct = await new_world.accepted(category="conduct")
    as_written = {"topic": TOPIC, "details": DETAILS}
    for who in (resident(1), resident(30), new_world.host, new_world.official, new_world.officer):
        assert await ids(new_world, who, **PUBLIC) == [accepted[-36:]]
        assert await ids(new_world, who, **as_written | {"topic": "张阿婆家门口"}) == []
    assert set(await ids(new_world, CLERK, **as_written)) == {accepted[-36:], collecting[-36:], conduct[-36:]}
    (shown,) = await new_world.get(resident(30), "/v1/petitions/similar", **PUBLIC)
    assert shown["similarity"] == 1
    assert (shown["petition"]["public_topic"], shown["petition"]["topic"]) == ("排涝改造", None)
    assert await ids(new_world, CLERK, **as_written, limit="1") != []
    assert len(await ids(new_world, CLERK, **as_written, limit="1")) == 1


async def test_a_clerk_compares_a_petition_with_the_others(new_world: World) -> None:
    one, other = await new_world.submitted(), await new_world.collecting()
    (found,) = await new_world.get(CLERK, f"{one}/similar")
    assert (found["petition"]["id"], found["petition"]["details"]) == (other[-36:], DETAILS)
    for who in (resident(1), new_world.host):
        is_problem(await new_world.read(who, f"{one}/similar"), 403, "forbidden")


async def test_whoever_writes_has_signed_in_and_written_something(world: World) -> None:
    is_problem(await world.read(None, "/v1/petitions/similar", topic=TOPIC), 401, "unauthenticated", "Authorization")
    assert (await world.read(resident(1), "/v1/petitions/similar")).status_code == 422
    for empty in ("投诉", "。。。a"):
        assert await ids(world, resident(1), topic=empty) == []
