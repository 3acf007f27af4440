"""A petition with two topics becomes two through HTTP, and nothing that is stored joins who signed them."""

import asyncio
import json
from typing import Any

from tests.api.checks import is_problem, nothing_appended
from tests.api.world import CLERK, World, resident

PARTS = {
    "topic": "低洼地排涝",
    "details": "雨后积水。",
    "other_topic": "楼道路灯",
    "other_details": "路灯不亮。",
    "other_category": "grievance",
}


async def proposed(world: World) -> str:
    path = await world.submitted()
    await world.post(CLERK, f"{path}/split", **PARTS)
    return path


async def agree(world: World, path: str) -> Any:
    return await world.send(resident(1), "POST", f"{path}/split/agreement")


async def test_the_lead_petitioner_agrees_and_everybody_who_signed_has_signed_both(world: World) -> None:
    path = await proposed(world)
    assert (await world.get(resident(5), path))["split_proposal"] == PARTS
    answers = await asyncio.gather(agree(world, path), agree(world, path))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    made = next(answer for answer in answers if answer.status_code == 201)
    other = made.headers["Location"]
    assert (made.json()["phase"], f"/v1/petitions/{made.json()['id']}") == ("submitted", other)

    this, that = await world.get(resident(5), path), await world.get(resident(5), other)
    assert (this["details"], this["split_proposal"], this["split_into"]) == ("雨后积水。", None, [other[-36:]])
    assert (that["details"], that["split_from"], that["signatures"]) == ("路灯不亮。", path[-36:], 10)
    is_problem(await world.read(resident(44), other), 404, "not-found")
    waiting = (await world.get(CLERK, "/v1/inbox", limit=200))["items"]
    for petition, topic in ((path, "低洼地排涝"), (other, "楼道路灯")):
        assert {(item["kind"], item["topic"]) for item in waiting if item["petition_id"] == petition[-36:]} == {
            ("admissibility", topic),
            ("public_text", topic),
        }
    assert (await world.send(resident(5), "DELETE", f"{other}/co-signatures/mine")).is_success
    is_problem(await world.read(resident(5), other), 404, "not-found")
    assert (await world.get(resident(5), path))["signatures"] == 10
    await world.post(CLERK, f"{path}/rejection", reason_code="other_level", explanation="属市级。")
    await world.post(CLERK, f"{other}/acceptance")
    for reader in (None, resident(44)):
        public = await world.get(reader, other)
        assert (public["split_from"], public["split_into"], public["split_proposal"]) == (None, [], None)
        assert path[-36:] not in (await world.read(reader, f"{other}/history")).text


async def test_no_pseudonym_stands_in_both(world: World) -> None:
    path = await proposed(world)
    other = (await agree(world, path)).headers["Location"]
    pool = world.app.state.services.pool

    async def pseudonyms(petition: str) -> set[str]:
        rows = await pool.fetch("SELECT state FROM stored_events WHERE originator_id = $1", petition[-36:])
        events = [json.loads(row["state"]) for row in rows]
        residents = {event["by"] for event in events if event["role"] == "resident"}
        return residents | {signer for event in events for signer in event.get("signers", [])}

    these, those = await pseudonyms(path), await pseudonyms(other)
    assert (len(these), len(those)) == (10, 10)
    assert these.isdisjoint(those)


async def test_nobody_else_proposes_or_agrees_and_nothing_is_agreed_to_twice(world: World) -> None:
    path = await world.submitted()
    async with nothing_appended(world):
        for who in (resident(1), world.host, world.official):
            is_problem(await world.send(who, "POST", f"{path}/split", PARTS), 403, "forbidden")
        is_problem(await agree(world, path), 409, "no-split-proposed")
    await world.post(CLERK, f"{path}/split", **PARTS)
    async with nothing_appended(world):
        for who in (resident(2), resident(44), CLERK, world.host):
            is_problem(await world.send(who, "POST", f"{path}/split/agreement"), 403, "forbidden")
    is_problem(await world.read(resident(44), path), 404, "not-found")
    agreed = [
        await world.send(resident(1), "POST", f"{path}/split/agreement", Idempotency_Key="agreed") for _ in range(2)
    ]
    assert agreed[0].content == agreed[1].content
    assert agreed[0].headers["Location"] == agreed[1].headers["Location"]


async def test_who_steps_out_at_the_same_moment_is_out_of_both_or_in_the_other_alone(world: World) -> None:
    path = await proposed(world)
    stepped, agreed = await asyncio.gather(
        world.send(resident(7), "DELETE", f"{path}/co-signatures/mine"), agree(world, path)
    )
    assert (stepped.status_code, agreed.status_code) == (200, 201)
    assert (await world.get(resident(6), path))["signatures"] == 9
    joined = (await world.read(resident(7), agreed.headers["Location"])).is_success
    assert (await world.get(resident(6), agreed.headers["Location"]))["signatures"] == 9 + joined
