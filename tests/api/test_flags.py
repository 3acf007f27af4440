"""What is worth a look: each flag comes once, says why, and leads to the event that raised it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from tests.api.checks import is_problem
from tests.api.conftest import beginning
from tests.api.test_evidence import hand_in, photo
from tests.api.test_intakes import entered, on_the_roll
from tests.api.world import AUDITOR, CLERK, SHIPPED_FILE, SUPERVISOR, World, resident


async def flags(world: World, path: str = "", **query: Any) -> list[dict[str, Any]]:
    """Of one petition, or all."""
    wanted = query | ({"petition_id": path[-36:]} if path else {})
    found: list[dict[str, Any]] = (await world.get(AUDITOR, "/v1/flags", **wanted))["items"]
    return found


async def asked_again(world: World, path: str) -> None:
    await world.post(world.official, f"{path}/extension", days=5, reason="需多部门联合整治。")
    await world.post(SUPERVISOR, f"{path}/extension/refusal", reason="理由不充分。")


async def event_of(world: World, flag: dict[str, Any]) -> str:
    page = await world.get(AUDITOR, f"/v1/petitions/{flag['petition_id']}/history/{flag['position']}")
    return str(page["type"])


async def test_evidence_that_was_used_before_leads_to_where(world: World) -> None:
    first, content = await world.roadmap(), photo()
    task, _ = await world.publish(first)
    await world.post(world.officer, f"{task}/claim")
    await hand_in(world, world.officer, task, content)
    assert await flags(world, first) == []
    second = await world.roadmap()
    other, _ = await world.publish(second)
    await world.post(world.officer, f"{other}/claim")
    await hand_in(world, world.officer, other, content)
    (flag,) = await flags(world, second)
    assert (flag["kind"], flag["subject_id"]) == ("evidence_reused", other[-36:])
    assert await event_of(world, flag) == "task.EvidenceAttached"
    assert flag["other_petition_id"] == first[-36:]
    there = await world.get(AUDITOR, f"{first}/history/{flag['other_position']}")
    assert there["type"] == "task.EvidenceAttached"
    assert await flags(world, first) == []


async def test_a_task_that_goes_round_is_flagged_and_so_is_one_that_comes_back_to_an_objector(world: World) -> None:
    path = await world.roadmap()
    task, _ = await world.publish(path)
    objection = {"reason": "不属我局。", "basis": "三定方案第二条。"}
    to = [{"unit_id": str(unit.org), "reason": "属其职责。"} for unit in (world.other_officer, world.officer)]
    await world.post(world.officer, f"{task}/transfer", **to[0])
    await world.post(world.other_officer, f"{task}/objection", **objection)
    assert await flags(world, path) == []
    await world.post(world.official, f"{task}/mandate", **to[0])
    (flag,) = await flags(world, path)
    assert (flag["kind"], await event_of(world, flag)) == ("back_to_objector", "task.Mandated")
    assert "区城管局" in flag["why"]
    await world.post(world.other_officer, f"{task}/transfer", **to[1])
    (circling, _) = await flags(world, path)
    assert (circling["kind"], await event_of(world, circling)) == ("circling", "task.Transferred")
    assert "3 次" in circling["why"]


async def test_what_is_done_on_the_eve_or_confirmed_at_once_is_flagged(world: World) -> None:
    path = await world.roadmap()
    task, other = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    await world.post(world.other_officer, f"{other}/claim")
    await world.post(world.other_officer, f"{other}/completion", report="已完成。")
    world.clock.at += timedelta(hours=1)
    await world.post(world.official, f"{other}/confirmation")
    assert await flags(world, path) == []
    due_at = next(row for row in (await world.get(CLERK, path))["tasks"] if row["id"] == task[-36:])["clock"]["due_at"]
    world.clock.at = datetime.fromisoformat(due_at) - timedelta(hours=5)
    await world.post(world.officer, f"{task}/completion", report="已完成。")
    (eve,) = await flags(world, path)
    assert (eve["kind"], await event_of(world, eve)) == ("eve", "task.Completed")
    assert "前 5 小时" in eve["why"]
    world.clock.at += timedelta(minutes=3)
    await world.post(world.official, f"{task}/confirmation")
    found = await flags(world, path)
    assert [flag["kind"] for flag in found] == ["quick_confirmation", "eve", "eve"]
    assert "3 分钟" in found[0]["why"]


async def test_an_extension_that_is_asked_for_again_is_flagged(world: World) -> None:
    path = await world.in_progress()
    await asked_again(world, path)
    assert await flags(world, path) == []
    for times in (2, 3):
        await asked_again(world, path)
        (flag,) = await flags(world, path)
        assert (flag["kind"], await event_of(world, flag)) == ("extension_again", "extension.AskedAgain")
        assert f"第 {times} 次" in flag["why"]


async def test_of_slips_that_staff_took_in_only_their_own_count_is_told_and_only_at_the_submission(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    async with beginning(pool, tmp_path / "keys", SHIPPED_FILE) as world:
        told = []
        for n in range(2):
            people = [await on_the_roll(world, f"居民{n}{m}", f"1380000{n}{m:03}") for m in range(7)]
            path = await world.collecting(10)
            if n:  # of these, two have signed themselves: it shows nowhere
                for person in people[:2]:
                    await world.post(person, f"{path}/co-signatures")
            for person in people:
                await entered(world, path, person)
            assert await flags(world, path) == []
            await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
            (flag,) = await flags(world, path)
            assert (flag["kind"], await event_of(world, flag)) == ("staff_entered", "petition.Submitted")
            assert "至少 5 份" in flag["why"]
            told.append(flag)
        same = ("kind", "why", "why_en", "at", "other_petition_id", "other_position")
        assert [told[0][name] for name in same] == [told[1][name] for name in same]


async def test_flags_are_for_auditors_and_supervisors_newest_first_in_pages(world: World) -> None:
    for path in [await world.in_progress() for _ in range(5)]:
        await asked_again(world, path)
        await asked_again(world, path)
    found = await flags(world, limit=200)
    places = [(flag["position"], flag["kind"]) for flag in found]
    assert places == sorted(places, reverse=True)
    first = await world.get(SUPERVISOR, "/v1/flags", limit=2)
    second = await world.get(SUPERVISOR, "/v1/flags", limit=2, cursor=first["next"])
    assert first["items"] + second["items"] == found[:4]
    assert {flag["kind"] for flag in await flags(world, kind="extension_again")} == {"extension_again"}
    for who in (CLERK, world.host, world.official, world.officer, resident(1)):
        is_problem(await world.read(who, "/v1/flags"), 403, "forbidden")
    is_problem(await world.read(AUDITOR, "/v1/flags", cursor="x"), 422, "invalid-cursor", "?cursor")
