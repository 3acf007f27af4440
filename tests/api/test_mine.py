"""What residents are told of themselves: what they are in a petition, what they may do, which petitions are theirs."""

from datetime import timedelta
from typing import Any

from tests.api.checks import is_problem
from tests.api.world import CLERK, Person, World, resident


async def mine(world: World, who: Person, path: str) -> dict[str, Any]:
    found: dict[str, Any] = await world.get(who, f"{path}/mine")
    return found


async def steps(world: World, who: Person, path: str) -> list[str]:
    return [offer["step"] for offer in (await mine(world, who, path))["may"]]


async def test_what_is_offered_is_what_would_be_done(world: World) -> None:
    path = await world.collecting(9)
    assert await steps(world, resident(10), path) == ["co-signature"]
    assert await steps(world, resident(1), path) == ["call-consent", "withdrawal"]
    assert await steps(world, resident(2), path) == ["call-consent", "signature-withdrawal"]
    await world.post(resident(10), f"{path}/co-signatures")
    assert await steps(world, resident(10), path) == [
        "representatives-ballot",
        "replacement-ballot",
        "call-consent",
        "signature-withdrawal",
    ]
    await world.post(resident(2), f"{path}/call-back-consent")
    part = await mine(world, resident(2), path)
    assert (part["signature"], part["lead"], part["may_be_called"]) == ("valid", False, True)
    assert "call-consent" not in [offer["step"] for offer in part["may"]]
    await world.send(resident(2), "DELETE", f"{path}/co-signatures/mine")
    assert (await mine(world, resident(2), path))["signature"] == "withdrawn"
    is_problem(await world.read(CLERK, f"{path}/mine"), 403, "forbidden")


async def test_the_meeting_and_its_minutes_are_for_those_whom_they_concern(world: World) -> None:
    path = await world.accepted()
    await world.elect(path, 3, 4, 5)
    starts_at = world.clock.at + timedelta(days=1)
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=starts_at.isoformat(), venue="议事厅")
    assert await steps(world, resident(20), path) == ["objection"]
    await world.post(resident(20), f"/v1/meetings/{meeting['id']}/objections", text="泵站太近。")
    assert await steps(world, resident(20), path) == ["ticket"]
    assert {"agenda", "waiver", "withdrawal-ballot", "resignation", "ticket"} <= {
        *(await steps(world, resident(3), path))
    }
    assert not {"agenda", "waiver", "withdrawal-ballot", "resignation"} & {*(await steps(world, resident(2), path))}
    await world.post(resident(3), f"{path}/waiver", reason="已解决。")
    (voice,) = [offer for offer in (await mine(world, resident(4), path))["may"] if offer["step"] == "voice"]
    await world.post(resident(4), f"/v1/proposals/{voice['id']}/voices", agrees=False)
    assert "voice" not in await steps(world, resident(4), path)
    world.clock.at = starts_at + timedelta(hours=2)
    await world.post(world.host, f"/v1/meetings/{meeting['id']}/minutes", minutes="年内完成。")
    assert {"confirmation", "correction"} <= {*(await steps(world, resident(3), path))}
    assert not {"confirmation", "correction", "ticket"} & {*(await steps(world, resident(2), path))}


async def test_one_judges_once_and_may_ask_for_a_review(world: World) -> None:
    path = await world.in_progress()
    await world.finish([f"/v1/tasks/{task['id']}" for task in (await world.get(CLERK, path))["tasks"]])
    await world.feedback(path)
    assert (await steps(world, resident(2), path))[0] == "feedback"
    assert await steps(world, resident(20), path) == []
    await world.judge(path, "yes", 2)
    part = await mine(world, resident(2), path)
    assert part["judged"]
    assert "feedback" not in [offer["step"] for offer in part["may"]]
    await world.judge(path, "yes", 1, *range(3, 11))
    assert await steps(world, resident(2), path) == ["review"]
    world.clock.at += timedelta(days=40)
    assert await steps(world, resident(2), path) == []


async def test_ones_petitions_are_found_by_oneself_alone(new_world: World) -> None:
    world = new_world
    first, second = await world.collecting(3), await world.collecting(2, category="conduct")
    third = await world.accepted()
    await world.send(resident(3), "DELETE", f"{third}/co-signatures/mine")

    async def found(n: int, **query: Any) -> list[str]:
        page = await world.get(resident(n), "/v1/me/petitions", **query)
        return [f"/v1/petitions/{row['petition']['id']}" for row in page["items"]]

    assert await found(2) == [third, second, first]
    assert await found(3) == [first]
    assert await found(20) == []
    page = await world.get(resident(2), "/v1/me/petitions", limit=1)
    assert (page["items"][0]["petition"]["signatures"], page["items"][0]["mine"]["signature"]) == (9, "valid")
    assert page["items"][0]["petition"]["topic"] == world.topic()["topic"]
    assert await found(2, cursor=page["next"], limit=1) == [second]
    is_problem(await world.read(CLERK, "/v1/me/petitions"), 403, "forbidden")


async def test_who_is_carried_over_finds_the_other_too(new_world: World) -> None:
    world = new_world
    into, path = await world.accepted(), await world.submitted(signatures=11)
    ballot = (await world.send(CLERK, "POST", f"{path}/merge", {"into": into[-36:]})).json()
    await world.vote(ballot, "yes", *range(1, 7))
    assert await steps(world, resident(11), path) == ["carry-over"]
    assert await steps(world, resident(3), path) == []  # who signed both
    await world.post(resident(11), f"{path}/carry-over")
    found = await world.get(resident(11), "/v1/me/petitions")
    assert [f"/v1/petitions/{row['petition']['id']}" for row in found["items"]] == [path, into]
    assert [row["mine"]["signature"] for row in found["items"]] == ["valid", "valid"]


async def test_what_was_split_off_is_theirs_too(new_world: World) -> None:
    world = new_world
    path = await world.submitted()
    parts = {"topic": "排涝", "details": "积水。", "other_topic": "路灯", "other_details": "不亮。"}
    await world.post(CLERK, f"{path}/split", **parts, other_category="grievance")
    other = await world.post(resident(1), f"{path}/split/agreement")
    for n in (1, 2):
        found = await world.get(resident(n), "/v1/me/petitions")
        assert [row["petition"]["id"] for row in found["items"]] == [other["id"], path[-36:]]
    assert (await world.get(resident(12), "/v1/me/petitions"))["items"] == []
