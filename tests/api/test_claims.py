"""How units hand work around: claim, transfer, objection, mandate; and what stands still while a petition does."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.task import Task
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import Person, World


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
