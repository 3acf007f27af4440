"""A roadmap is published, revised with a reason, and every version of it can be read."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from domain.petition import Petition
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_evidence import digest_of, hand_in, photo
from tests.api.world import CLERK, SUPERVISOR, World, resident, somewhere

FIRST = "/tasks/0/task_id"


async def published(world: World) -> tuple[str, list[str], list[dict[str, Any]]]:
    """The paths of a petition and its two offered tasks, and the rows to send back in a revision."""
    path = await world.roadmap()
    tasks = await world.publish(path)
    page = await world.get(world.official, path)
    names = ("title", "lead_unit_id", "supporting_unit_ids", "due_on")
    return path, tasks, [{"task_id": task["id"]} | {name: task[name] for name in names} for task in page["tasks"]]


async def revise(
    world: World, path: str, *rows: dict[str, Any], reason: str = "汛期提前。", **headers: str
) -> httpx.Response:
    return await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": rows, "reason": reason}, **headers)


def new_row(world: World, days: int = 9) -> dict[str, Any]:
    due_on = (world.clock.at + timedelta(days=days)).date().isoformat()
    return {"title": "加装水泵", "lead_unit_id": str(world.officer.org), "due_on": due_on}


async def test_a_revision_keeps_moves_drops_and_adds_and_the_old_version_stays_to_be_read(world: World) -> None:
    path, (mine, theirs), (first, _) = await published(world)
    await world.post(world.officer, f"{mine}/claim")
    before = await world.get(world.officer, mine)
    moved = first | {"due_on": (world.clock.at + timedelta(days=25)).date().isoformat()}
    answer = await revise(world, path, moved, new_row(world))
    assert answer.is_success, answer.text
    page = await world.get(None, path)
    assert sorted(task["status"] for task in page["tasks"]) == ["claimed", "dropped", "planned"]
    after = await world.get(world.officer, mine)
    assert after["due_on"] == moved["due_on"]
    assert after["clock"]["started_at"] == before["clock"]["started_at"]
    assert after["clock"]["due_at"] > before["clock"]["due_at"]
    assert [(r["version"], r["reason"]) for r in page["roadmaps"]] == [(1, None), (2, "汛期提前。")]
    old = await world.get(None, f"{path}/roadmap", version=1)
    assert [line["title"] for line in old["tasks"]] == ["铺设排水管", "清运淤泥"]
    assert old["tasks"][0]["due_on"] == first["due_on"]
    latest = await world.get(None, f"{path}/roadmap")
    assert [line["title"] for line in latest["tasks"]] == ["铺设排水管", "加装水泵"]
    assert latest["tasks"][0]["task_id"] == first["task_id"]
    is_problem(await world.send(world.other_officer, "POST", f"{theirs}/claim"), 409, "wrong-status")
    history = [entry["type"] for entry in (await world.get(None, f"{path}/history", limit=200))["items"]]
    assert history[-3:] == ["petition.RoadmapRevised", "task.Replanned", "task.Dropped"]
    is_problem(await world.read(None, f"{path}/roadmap", version=3), 404, "not-found")
    is_problem(await world.read(None, f"{path}/roadmap", round=2), 404, "not-found")


async def test_a_revision_is_the_lead_officials_while_the_roadmap_is_in_progress(world: World) -> None:
    path, _, (first, second) = await published(world)
    body = {"tasks": [first, new_row(world)], "reason": "增加水泵。"}
    async with nothing_appended(world):
        for who in (world.officer, world.host, CLERK, resident(1), world.official._replace(org=somewhere())):
            is_problem(await world.send(who, "PUT", f"{path}/roadmap", body), 403, "forbidden")
        again = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": [new_row(world)]})
        is_problem(again, 409, "wrong-phase")
        unknown = first | {"task_id": str(somewhere())}
        is_problem(await revise(world, path, unknown), 422, "unknown-task", FIRST)
        renamed = first | {"title": "另一件事"}
        is_problem(await revise(world, path, second, renamed), 422, "another-task", "/tasks/1/title")
        moved = first | {"lead_unit_id": str(world.other_officer.org)}
        is_problem(await revise(world, path, moved), 422, "another-unit", "/tasks/0/lead_unit_id")
        is_problem(await revise(world, path, first | {"due_on": "2026-03-01"}), 422, "due-date-past", "/tasks/0/due_on")
        assert (await revise(world, path, first, second)).is_success, "nothing has changed"
    planned = await world.roadmap()
    with_id = {"tasks": [new_row(world) | {"task_id": first["task_id"]}]}
    is_problem(await world.send(world.official, "PUT", f"{planned}/roadmap", with_id), 422, "unknown-task", FIRST)
    is_problem(await revise(world, planned, new_row(world)), 409, "wrong-phase")


async def test_a_repeated_revision_gets_the_same_answer_and_plans_nothing_twice(world: World) -> None:
    path, _, (first, second) = await published(world)
    rows = (first, second, new_row(world))
    one = await revise(world, path, *rows, Idempotency_Key="revision")
    async with nothing_appended(world):
        two = await revise(world, path, *rows, Idempotency_Key="revision")
    assert (one.status_code, one.content) == (two.status_code, two.content)
    assert len((await world.get(None, path))["roadmaps"]) == 2


async def test_a_revision_and_a_claim_at_once_leave_the_task_either_dropped_or_never_claimed(world: World) -> None:
    for _ in range(5):
        path, (_, theirs), (first, _) = await published(world)
        claimed, revised = await asyncio.gather(
            world.send(world.other_officer, "POST", f"{theirs}/claim"), revise(world, path, first)
        )
        assert revised.is_success, revised.text
        assert claimed.is_success or claimed.status_code == 409
        assert (await world.get(None, theirs))["status"] == "dropped"


async def test_of_two_revisions_at_once_the_second_sees_what_the_first_has_left(world: World) -> None:
    for _ in range(5):
        path, _, (first, second) = await published(world)
        answers = await asyncio.gather(
            revise(world, path, first, new_row(world)), revise(world, path, second, new_row(world))
        )
        assert min(answer.status_code for answer in answers) == 200
        petition = await world.repository.get(Petition, UUID(path[-36:]))
        for answer in answers:
            if not answer.is_success:
                assert answer.json()["type"].endswith(("roadmap-changed", "unknown-task"))
        assert petition.roadmap_version == 1 + sum(answer.is_success for answer in answers)
        kept = {str(id) for id in petition.tasks} & {first["task_id"], second["task_id"]}
        assert len(kept) == 1


async def test_what_is_due_only_after_the_answer_is_flagged(world: World) -> None:
    path, (mine, _), (first, second) = await published(world)
    late = first | {"due_on": (world.clock.at + timedelta(days=70)).date().isoformat()}
    assert (await revise(world, path, late, second)).is_success
    assert [task["after_response"] for task in (await world.get(None, path))["tasks"]] == [True, False]
    await world.post(world.official, f"{path}/extension", days=30, reason="多部门联合。")
    await world.post(SUPERVISOR, f"{path}/extension/approval")
    assert not (await world.get(None, mine))["after_response"]


async def test_a_roadmap_is_seen_by_whoever_sees_the_petition(world: World) -> None:
    path = await world.roadmap(category="conduct")
    await world.publish(path)
    assert (await world.get(resident(2), f"{path}/roadmap"))["version"] == 1
    is_problem(await world.read(None, f"{path}/roadmap"), 404, "not-found")


async def test_costs_are_published_and_the_owners_vote_is_recorded_with_its_evidence(world: World) -> None:
    path, (mine, _), (first, second) = await published(world)
    costly = first | {"cost_fen": 350_000_00, "money_source": "维修资金", "vote_needed": True}
    assert (await revise(world, path, costly, second)).is_success
    public = await world.get(None, mine)
    assert (public["cost_fen"], public["money_source"], public["vote"]) == (350_000_00, "维修资金", None)
    assert (await world.get(None, f"{path}/roadmap"))["tasks"][0]["money_source"] == "维修资金"
    async with nothing_appended(world):
        assert (await revise(world, path, costly, second)).is_success, "the same again"
    await world.post(world.officer, f"{mine}/claim")
    handed_in = {"report": "已完成。"}
    is_problem(await world.send(world.officer, "POST", f"{mine}/completion", handed_in), 409, "vote-pending")
    content = photo()
    answer = await hand_in(world, world.host, mine, content, form={"stage": "vote"})
    assert answer.status_code == 201, answer.text
    counted = {"passed": True, "in_favour": 120, "against": 9, "entitled": 160, "voted_on": "2026-03-02"}
    vote = counted | {"digest": digest_of(content)}
    for who in (CLERK, world.official, resident(1), world.other_officer, world.host._replace(org=somewhere())):
        is_problem(await world.send(who, "POST", f"{mine}/votes", vote), 403, "forbidden")
    is_problem(
        await world.send(world.host, "POST", f"{mine}/votes", vote | {"digest": "0" * 64}),
        422,
        "vote-evidence",
        "/digest",
    )
    answers = await asyncio.gather(*(world.send(world.host, "POST", f"{mine}/votes", vote) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert (await world.get(None, mine))["vote"] == vote
    await world.post(world.officer, f"{mine}/completion", **handed_in)


async def test_progress_is_the_mean_of_the_tasks_and_whole_only_when_all_are_confirmed(world: World) -> None:
    before = await world.roadmap()
    assert (await world.get(world.official, before))["progress"] is None
    path, (mine, _), (first, _) = await published(world)
    assert (await world.get(None, path))["progress"] == 0
    await world.post(world.officer, f"{mine}/claim")
    await world.post(world.officer, f"{mine}/progress", percent=35, note="过三成。")
    assert (await world.get(None, path))["progress"] == 17
    await world.post(world.officer, f"{mine}/completion", report="已完成。")
    assert (await world.get(None, path))["progress"] == 45, "handed in is not yet confirmed"
    await world.post(world.official, f"{mine}/confirmation")
    assert (await world.get(None, path))["progress"] == 50
    assert (await revise(world, path, first)).is_success
    page = await world.get(None, path)
    assert page["progress"] == 100, "what was dropped does not count"
    listed = (await world.get(None, "/v1/petitions", limit=200))["items"]
    assert next(item for item in listed if item["id"] == page["id"])["progress"] == 100
