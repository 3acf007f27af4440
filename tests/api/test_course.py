"""The whole course of a petition through HTTP; what the workflow would do is done in its name."""

from datetime import timedelta
from uuid import UUID

from tests.api.checks import is_problem
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident


async def test_a_petition_goes_from_its_first_signature_to_a_closed_and_judged_result(world: World) -> None:
    path = await world.roadmap()
    tasks = await world.publish(path)
    await world.post(world.officer, f"{tasks[0]}/claim")
    await world.post(world.officer, f"{tasks[0]}/progress", percent=50, note="过半。")
    await world.post(world.officer, f"{tasks[0]}/completion", report="已完成。")
    returned = await world.post(world.official, f"{tasks[0]}/return", reason="还有一处积水。")
    assert (returned["status"], returned["percent"]) == ("claimed", 100)
    await world.post(world.officer, f"{tasks[0]}/completion", report="已补齐。")
    await world.post(world.official, f"{tasks[0]}/confirmation")
    objected = await world.post(world.other_officer, f"{tasks[1]}/objection", reason="非本局职责。", basis="三定方案")
    assert objected["status"] == "objected"
    unit = str(world.officer.org)
    mandated = await world.post(world.official, f"{tasks[1]}/mandate", unit_id=unit, reason="由住建局主办。")
    assert (mandated["status"], mandated["lead_unit_id"]) == ("claimed", unit)
    await world.post(world.officer, f"{tasks[1]}/completion", report="已清运。")
    await world.post(world.official, f"{tasks[1]}/confirmation")
    await world.post(world.official, f"{path}/response", text="工程过半。", interim=True)
    await world.feedback(path)
    last = await world.judge(path, "yes")
    assert (last["phase"], last["outcome"], last["round"]) == ("closed", "resolved", 1)

    page = await world.get(None, path)
    assert (page["phase"], page["outcome"], page["signatures"]) == ("closed", "resolved", 10)
    assert [task["status"] for task in page["tasks"]] == ["confirmed", "confirmed"]
    assert [(r["interim"], r["text"]) for r in page["responses"]] == [(True, "工程过半。"), (False, "已完工。")]
    assert page["feedback"][0] | {"round": 1, "invited": 10, "judged": 10, "satisfied": 10} == page["feedback"][0]
    told = [entry["type"] for entry in (await world.get(None, f"{path}/history", limit=200))["items"]]
    assert told[0] == "petition.Opened"
    assert told[-1] == "petition.Closed"
    assert {"petition.Accepted", "meeting.Held", "task.Objected", "task.Mandated"} <= set(told)


async def test_a_unit_hands_its_task_to_another_which_takes_it(world: World) -> None:
    path = await world.roadmap()
    task, _ = await world.publish(path)
    unit = str(world.other_officer.org)
    asked = await world.post(world.officer, f"{task}/transfer", unit_id=unit, reason="属城管职责。")
    assert (asked["status"], asked["lead_unit_id"], asked["transfer_to"]) == ("offered", str(world.officer.org), unit)
    assert (await world.get(world.other_officer, task))["transfer_to"] == unit
    taken = await world.post(world.other_officer, f"{task}/claim")
    assert (taken["status"], taken["lead_unit_id"], taken["transfer_to"]) == ("claimed", unit, None)


async def test_the_residents_send_it_back_for_a_second_round(world: World) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    again = await world.judge(path, "no")
    assert (again["phase"], again["round"], again["outcome"]) == ("roadmap", 2, None)
    await world.finish(await world.publish(path))
    await world.feedback(path)
    last = await world.judge(path, "no")
    assert (last["phase"], last["round"], last["outcome"]) == ("closed", 2, "unresolved")
    types = [entry["type"] for entry in (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]]
    assert "petition.SupervisionOrdered" in types


async def test_a_petition_is_withdrawn_before_the_threshold(world: World) -> None:
    path = await world.collecting(3)
    answer = await world.send(resident(3), "DELETE", f"{path}/co-signatures/mine")
    assert answer.json()["signatures"] == 2
    assert (await world.post(resident(1), f"{path}/withdrawal"))["phase"] == "withdrawn"


async def test_a_clerk_rejects_one_petition_and_merges_another(world: World) -> None:
    rejected, into, merged = await world.submitted(), await world.accepted(), await world.submitted()
    state = await world.post(CLERK, f"{rejected}/rejection", reason_code="other_level", explanation="属市级职权。")
    assert state["phase"] == "rejected"
    ballot = await world.post(CLERK, f"{merged}/merge", into=into[-36:])
    assert (ballot["question"], ballot["result"]) == ("merging", None)
    assert await world.vote(ballot, "yes", *range(1, 7)) == "passed"
    page = await world.get(CLERK, rejected)
    assert page["rejection"]["reason_code"] == "other_level"
    assert page["rejection"]["explanation"] == "属市级职权。"
    assert (await world.get(CLERK, merged))["merged_into"] == into[-36:]


async def test_a_meeting_is_moved_cancelled_and_arranged_again(world: World) -> None:
    path = await world.accepted()
    at = world.clock.at + timedelta(days=2)
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=at.isoformat(), venue="议事厅")
    address = f"/v1/meetings/{meeting['id']}"
    later = (at + timedelta(days=1)).isoformat()
    await world.post(world.official, f"{address}/rescheduling", starts_at=later, venue="会议室", reason="台风。")
    read = await world.get(world.host, address)
    assert (read["venue"], read["starts_at"], read["petition_id"]) == ("会议室", "2026-03-05T01:00:00Z", path[-36:])
    assert (await world.post(world.host, f"{address}/cancellation", reason="改期。"))["status"] == "cancelled"
    latest = (at + timedelta(days=2)).isoformat()
    await world.post(world.host, f"{path}/meetings", starts_at=latest, venue="议事厅")
    assert [m["status"] for m in (await world.get(world.host, path))["meetings"]] == ["cancelled", "scheduled"]


async def test_the_response_is_extended_and_the_clocks_stand_still_while_suspended(world: World) -> None:
    path = await world.in_progress()
    due = {clock["rule"]: clock["due_at"] for clock in (await world.get(None, path))["clocks"]}
    await world.post(world.official, f"{path}/suspension", reason="等待批复。")
    world.clock.at += timedelta(days=3)
    await world.post(world.official, f"{path}/resumption")
    await world.post(world.official, f"{path}/extension", days=10, reason="多部门联合。")
    await world.post(SUPERVISOR, f"{path}/extension/approval")
    assert due == {"response": "2026-05-01T16:00:00Z"}
    assert {clock["rule"]: clock["due_at"] for clock in (await world.get(None, path))["clocks"]} == {
        "response": "2026-05-14T16:00:00Z"
    }


async def test_a_supervisor_orders_supervision(world: World) -> None:
    path = await world.in_progress()
    await world.post(SUPERVISOR, f"{path}/supervision-orders", order="三日内报送整改措施。")
    entry = (await world.get(SUPERVISOR, f"{path}/history", limit=200))["items"][-1]
    assert (entry["type"], entry["texts"]) == ("petition.SupervisionOrdered", {"order": "三日内报送整改措施。"})
    await world.post(world.official, f"{path}/supervision-orders/answer", report="已报送。")
    await world.post(SUPERVISOR, f"{path}/supervision-orders/lifting", reason="已整改到位。")
    again = await world.send(SUPERVISOR, "POST", f"{path}/supervision-orders/lifting", {"reason": "已整改到位。"})
    is_problem(again, 409, "no-supervision-order")


async def test_each_waits_for_the_next_in_their_inbox(new_world: World) -> None:
    path = await new_world.collecting()

    async def kinds(who: Person) -> list[str]:
        return [item["kind"] for item in (await new_world.get(who, "/v1/inbox"))["items"]]

    assert await kinds(new_world.host) == ["opinion"]
    await new_world.post(new_world.host, f"{path}/host-opinion", opinion="情况属实。")
    assert await kinds(new_world.host) == []
    assert "admissibility" in await kinds(CLERK)
    await new_world.post(CLERK, f"{path}/acceptance")
    assert "acknowledge" in await kinds(new_world.official)
    item = (await new_world.get(new_world.official, "/v1/inbox"))["items"][0]
    assert (item["petition_id"], item["topic"], item["overdue"]) == (path[-36:], "小区低洼地排涝改造", False)
    assert await kinds(resident(1)) == []


async def test_a_post_passes_to_a_successor_and_the_log_names_neither(new_world: World) -> None:
    path = f"/v1/posts/{new_world.official.org}"
    assert (await new_world.post(ADMIN, f"{path}/terms", holder="zhang", started_on="2026-01-01"))["held"] is True
    assert (await new_world.post(ADMIN, f"{path}/terms/end", ended_on="2026-03-01"))["held"] is False
    assert (await new_world.post(ADMIN, f"{path}/terms", holder="li", started_on="2026-03-02"))["held"] is True
    states = [event.state for event in await new_world.store.select_events(UUID(path[-36:]))]
    assert not any(b"zhang" in state or b'"li"' in state for state in states)
    assert (await new_world.get(None, "/v1/posts"))["items"] == [await new_world.get(None, path)]
