"""How units hand work around: claim, transfer, objection, mandate; and what stands still while a petition does."""

import asyncio
import itertools
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.task import Task
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, CLERK, Person, World, somewhere


async def offered(world: World) -> tuple[str, str]:
    """The paths of a petition and of its first task, which the first unit has been offered."""
    path = await world.roadmap()
    task, _ = await world.publish(path)
    return path, task


async def waiting(world: World, who: Person, task: str) -> list[str]:
    items = (await world.get(who, "/v1/inbox", limit=200))["items"]
    return [item["kind"] for item in items if item["task_id"] == task[-36:]]


async def clock_of(world: World, path: str, task: str) -> dict[str, Any]:
    (found,) = [clock for clock in await world.get(None, f"{path}/clocks") if clock["subject_id"] == task[-36:]]
    return dict(found)


async def test_a_transfer_waits_for_the_other_unit_and_the_first_answers_until_then(world: World) -> None:
    _, task = await offered(world)
    await world.post(world.officer, f"{task}/claim")
    asked = {"unit_id": str(world.other_officer.org), "reason": "按职责由城管局办理。"}
    is_problem(await world.send(world.other_officer, "POST", f"{task}/transfer", asked), 403, "forbidden")
    await world.post(world.officer, f"{task}/transfer", **asked)
    is_problem(await world.send(world.officer, "POST", f"{task}/transfer", asked), 409, "same-unit")
    page = await world.get(world.other_officer, task)
    assert (page["status"], page["lead_unit_id"], page["transfer_to"]) == (
        "offered",
        str(world.officer.org),
        str(world.other_officer.org),
    )
    assert "claim" in await waiting(world, world.other_officer, task)
    assert "claim" not in await waiting(world, world.officer, task)
    is_problem(await world.send(world.officer, "POST", f"{task}/claim"), 403, "forbidden")
    taken = await world.post(world.other_officer, f"{task}/claim")
    assert (taken["lead_unit_id"], taken["transfer_to"]) == (str(world.other_officer.org), None)
    is_problem(await world.send(world.officer, "POST", f"{task}/completion", {"report": "x"}), 403, "forbidden")


async def test_of_a_claim_and_a_transfer_at_once_every_order_leaves_one_unit_responsible(world: World) -> None:
    """Two officers of a unit: one claims while the other hands the task on, and the other unit takes it at once."""
    for _ in range(5):
        _, task = await offered(world)
        colleague = world.officer._replace(subject="colleague")
        asked = {"unit_id": str(world.other_officer.org), "reason": "按职责由城管局办理。"}
        answers = await asyncio.gather(
            world.send(world.officer, "POST", f"{task}/claim"),
            world.send(colleague, "POST", f"{task}/transfer", asked),
            world.send(colleague, "POST", f"{task}/transfer", asked),
            world.send(world.other_officer, "POST", f"{task}/claim"),
        )
        assert sum(answer.is_success for answer in answers[1:3]) == 1, "handed on once"
        for answer in answers:
            assert answer.is_success or answer.status_code in (403, 409)
        state = await world.repository.get(Task, UUID(task[-36:]))
        if state.transfer_to:
            await world.post(world.other_officer, f"{task}/claim")
        state = await world.repository.get(Task, UUID(task[-36:]))
        assert (state.status, state.lead_unit_id, state.transfer_to) == ("claimed", world.other_officer.org, None)


async def test_what_nobody_claims_goes_back_to_the_official_who_mandates(world: World) -> None:
    path, task = await offered(world)
    body = {"unit_id": str(world.officer.org), "reason": "按属地管理。"}
    is_problem(await world.send(world.official, "POST", f"{task}/mandate", body), 409, "wrong-status")
    world.clock.at += timedelta(days=10)
    await world.as_workflow(Task.hand_back, UUID(task[-36:]))
    page = await world.get(world.official, task)
    assert (page["status"], page["clock"]["rule"]) == ("unclaimed", "mandate")
    assert "unclaimed" in await waiting(world, world.official, task)
    assert "claim" not in await waiting(world, world.officer, task)
    assert (await clock_of(world, path, task))["sentence"].startswith("“指派任务”期限自")
    is_problem(await world.send(world.officer, "POST", f"{task}/claim"), 409, "wrong-status")
    await world.post(world.official, f"{task}/mandate", **body)
    assert "unclaimed" not in await waiting(world, world.official, task)
    assert "task" in await waiting(world, world.officer, task)


async def test_while_a_petition_is_suspended_its_tasks_stand_still_and_then_have_the_time_again(world: World) -> None:
    path, task = await offered(world)
    await world.post(world.officer, f"{task}/claim")
    before = await world.get(world.officer, task)
    await world.post(world.official, f"{path}/suspension", reason="等待上级批复。")
    assert (await clock_of(world, path, task))["suspensions"][0]["ended"] is None
    async with nothing_appended(world):
        for who, noun, body in (
            (world.officer, "completion", {"report": "已完成。"}),
            (world.officer, "transfer", {"unit_id": str(world.other_officer.org), "reason": "职责。"}),
        ):
            is_problem(await world.send(who, "POST", f"{task}/{noun}", body), 409, "suspended")
    await world.post(world.officer, f"{task}/progress", percent=30, note="中止前已完成三成。")
    world.clock.at += timedelta(days=12)
    await world.post(world.official, f"{path}/resumption")
    after = await world.get(world.officer, task)
    moved = [datetime.fromisoformat(page["clock"]["due_at"]) for page in (before, after)]
    assert moved[1] - moved[0] == timedelta(days=12)
    assert date.fromisoformat(after["due_on"]) - date.fromisoformat(before["due_on"]) == timedelta(days=12)
    explained = await clock_of(world, path, task)
    assert explained["sentence"].endswith("中止,期限顺延。现至2026年4月4日24时届满。"), explained["sentence"]
    await world.post(world.officer, f"{task}/completion", report="已完成。")


async def units_of_two_bureaus(world: World) -> tuple[Person, Person, Person]:
    """The officials of a mayor's post, and of the two below it that are in charge of one unit each."""
    mayor, first, second = [
        world.official._replace(org=await world.register("posts", name, "government"))
        for name in ("区长", "分管城建副区长", "分管城管副区长")
    ]
    for leader, officer in ((first, world.officer), (second, world.other_officer)):
        await put(world, f"/v1/posts/{leader.org}/superior", superior_id=str(mayor.org))
        await put(world, f"/v1/posts/{leader.org}/charge", unit_ids=[str(officer.org)])
        await put(world, f"/v1/units/{officer.org}/superior", superior_id=str(leader.org))
    return mayor, first, second


async def put(world: World, path: str, **body: Any) -> Any:
    answer = await world.send(ADMIN, "PUT", path, body)
    assert answer.is_success, answer.text
    return answer.json()


OBJECTION = {"reason": "此配电箱属供电公司资产。", "basis": "产权分界协议第三条"}


async def test_the_leader_in_charge_signs_the_mandate_and_a_second_objection_is_decided_above(
    new_world: World,
) -> None:
    world = new_world
    mayor, first, second = await units_of_two_bureaus(world)
    path, task = await offered(world)
    await world.get(ADMIN, "/v1/posts")  # the directory has caught up
    await world.post(world.officer, f"{task}/objection", **OBJECTION)
    body = {"unit_id": str(world.other_officer.org), "reason": "按职责由城管局办理。"}
    async with nothing_appended(world):
        refused = await world.send(world.official, "POST", f"{task}/mandate", body)
        problem = is_problem(refused, 403, "no-authority", "/unit_id")
        assert "分管城管副区长" in problem["detail"]
        is_problem(await world.send(first, "POST", f"{task}/mandate", body), 403, "forbidden")
    await world.post(second, f"{task}/mandate", **body)

    contested = await world.post(world.other_officer, f"{task}/objection", **OBJECTION)
    assert (contested["superior_id"], contested["lead_unit_id"]) == (str(mayor.org), str(world.officer.org))
    assert contested["clock"]["rule"] == "mandate"
    assert await waiting(world, mayor, task) == ["objection"]
    assert await waiting(world, world.officer, task) == ["responsible"]
    await world.post(world.officer, f"{task}/progress", percent=5, note="先行处置。")
    assert (await world.get(mayor, path))["details"], "whoever decides reads what it is about"
    for who in (world.official, second, first):
        is_problem(await world.send(who, "POST", f"{task}/mandate", body), 403, "forbidden")
    await world.post(mayor, f"{task}/mandate", **body)
    is_problem(await world.send(world.other_officer, "POST", f"{task}/objection", OBJECTION), 409, "decided")
    assert (await world.get(None, task))["lead_unit_id"] == str(world.other_officer.org)
    told = [entry["type"] for entry in (await world.get(None, f"{path}/history", limit=200))["items"]]
    assert told.count("task.ObjectedAgain") == 1


async def test_without_a_common_superior_the_superior_of_the_lead_post_decides(new_world: World) -> None:
    world = new_world
    mayor = world.official._replace(org=await world.register("posts", "区长", "government"))
    await put(world, f"/v1/posts/{world.official.org}/superior", superior_id=str(mayor.org))
    _, task = await offered(world)
    await world.post(world.officer, f"{task}/objection", **OBJECTION)
    body = {"unit_id": str(world.other_officer.org), "reason": "按职责由城管局办理。"}
    await world.post(world.official, f"{task}/mandate", **body)
    answers = await asyncio.gather(
        *(world.send(world.other_officer, "POST", f"{task}/objection", OBJECTION) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403], "the first receiver has it now"
    assert (await world.get(None, task))["superior_id"] == str(mayor.org)
    await world.post(mayor, f"{task}/mandate", **body)


async def test_a_firm_is_below_its_regulator_and_so_is_the_authority_over_it(new_world: World) -> None:
    world = new_world
    _, first, _ = await units_of_two_bureaus(world)
    firm = {"name": "物业公司", "kind": "property_firm", "regulator_id": str(world.officer.org)}
    unit = await world.post(ADMIN, "/v1/units", **firm)
    await world.get(ADMIN, "/v1/posts")
    _, task = await offered(world)
    await world.post(world.officer, f"{task}/objection", **OBJECTION)
    body = {"unit_id": unit["id"], "reason": "属物业维修范围。"}
    is_problem(await world.send(world.official, "POST", f"{task}/mandate", body), 403, "no-authority", "/unit_id")
    await world.post(first, f"{task}/mandate", **body)


async def test_who_stands_above_whom_is_the_administrators_to_say(new_world: World) -> None:
    world = new_world
    unit, post = f"/v1/units/{world.officer.org}", f"/v1/posts/{world.official.org}"
    async with nothing_appended(world):
        for path in (unit, post):
            is_problem(await world.send(CLERK, "PUT", f"{path}/superior", {"superior_id": None}), 403, "forbidden")
        is_problem(await world.send(CLERK, "PUT", f"{post}/charge", {"unit_ids": []}), 403, "forbidden")
        nobody = str(somewhere())
        for path, superior in ((unit, nobody), (post, nobody), (post, str(world.officer.org))):
            answer = await world.send(ADMIN, "PUT", f"{path}/superior", {"superior_id": superior})
            is_problem(answer, 422, "unknown-reference", "/superior_id")
        answer = await world.send(ADMIN, "PUT", f"{post}/charge", {"unit_ids": [nobody]})
        is_problem(answer, 422, "unknown-reference", "/unit_ids")
        own = {"superior_id": str(world.officer.org)}
        is_problem(await world.send(ADMIN, "PUT", f"{unit}/superior", own), 422, "own-superior", "/superior_id")


async def test_superiors_never_stand_in_a_circle(new_world: World) -> None:
    world = new_world
    units = [await world.register("units", f"{n}局", "department") for n in "甲乙丙"]
    for below, above in itertools.pairwise(units):
        await put(world, f"/v1/units/{below}/superior", superior_id=str(above))
    for below, above in ((units[2], units[0]), (units[1], units[0])):
        answer = await world.send(ADMIN, "PUT", f"/v1/units/{below}/superior", {"superior_id": str(above)})
        is_problem(answer, 422, "superiors-in-a-circle", "/superior_id")
