"""What the called post answers and promises, through HTTP; what the workflow would do is done in its name."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.command import Role
from domain.petition import Petition
from infra.mapper import mapper
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_sign_in import register
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident


async def promised(world: World) -> str:
    """The path of a petition whose answer is a promise that the residents have judged."""
    path = await world.in_progress()
    due_on = (world.clock.at + timedelta(days=40)).date().isoformat()
    await world.post(world.official, f"{path}/response", text="列入明年计划。", outcome="planned", due_on=due_on)
    await world.as_workflow(Petition.invite_feedback, UUID(path[-36:]))
    await world.judge(path, "yes")
    return path


async def kinds(world: World, who: Any, path: str) -> list[str]:
    items = (await world.get(who, "/v1/inbox", limit=200))["items"]
    return [item["kind"] for item in items if item["petition_id"] == path[-36:]]


async def test_what_is_planned_is_tracked_delivered_and_judged_again(world: World) -> None:
    path = await promised(world)
    page = await world.get(None, path)
    assert (page["phase"], page["commitment_due_on"], page["outcome"]) == ("tracking", "2026-04-12", None)
    assert [clock["rule"] for clock in page["clocks"]] == ["commitment"]
    (explained,) = [c for c in await world.get(None, f"{path}/clocks") if c["rule"] == "commitment"]
    assert explained["sentence"] == "“兑现承诺”期限为约定日期,至2026年4月12日24时届满。"
    assert "commitment" in await kinds(world, world.official, path)

    async with nothing_appended(world):
        for who in (world.host, world.officer, CLERK, resident(1)):
            refused = await world.send(who, "POST", f"{path}/delivery", {"report": "已完工。"})
            is_problem(refused, 403, "forbidden")
    await world.post(world.official, f"{path}/delivery", report="已完工通水。")
    is_problem(await world.send(world.official, "POST", f"{path}/delivery", {"report": "又。"}), 409, "wrong-phase")
    await world.as_workflow(Petition.invite_feedback, UUID(path[-36:]))
    assert (await world.judge(path, "partly"))["phase"] == "closed"
    page = await world.get(None, path)
    assert [(row["round"], row["delivery"], row["resolved_yes"]) for row in page["feedback"]] == [
        (1, False, 10),
        (1, True, 0),
    ]
    assert [(r["outcome"], r["text"]) for r in page["responses"]] == [
        ("planned", "列入明年计划。"),
        ("delivered", "已完工通水。"),
    ]


async def test_a_promise_that_is_missed_waits_for_the_supervisors(world: World) -> None:
    path = await promised(world)
    world.clock.at += timedelta(days=60)
    await world.as_workflow(Petition.close_tracking, UUID(path[-36:]))
    waiting = await kinds(world, world.official, path)
    assert ("supervision" in waiting, "commitment" in waiting) == (True, False)
    page = await world.get(None, path)
    assert page["phase"] == "answered"


async def test_a_plan_without_a_day_is_refused(world: World) -> None:
    path = await world.in_progress()
    async with nothing_appended(world):
        answer = await world.send(world.official, "POST", f"{path}/response", {"text": "拟办。", "outcome": "planned"})
        is_problem(answer, 422, "no-due-date", "/due_on")
        body = {"text": "拟办。", "outcome": "explained", "due_on": "2026-12-01"}
        answer = await world.send(world.official, "POST", f"{path}/response", body)
        is_problem(answer, 422, "due-date-without-plan", "/due_on")


async def test_a_review_and_a_second_one_by_a_higher_unit(world: World) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")
    grounds = {"grounds": "西侧仍有积水。"}
    async with nothing_appended(world):
        is_problem(await world.send(resident(77), "POST", f"{path}/reviews", grounds), 403, "not-a-co-signer")
        is_problem(await world.send(world.official, "POST", f"{path}/reviews", grounds), 403, "forbidden")
    first, second = await asyncio.gather(
        world.send(resident(3), "POST", f"{path}/reviews", grounds),
        world.send(resident(4), "POST", f"{path}/reviews", grounds),
    )
    assert sorted((first.status_code, second.status_code)) == [200, 409], "two ask at once, one is enough"
    assert "review" in await kinds(world, SUPERVISOR, path)
    page = await world.get(world.official, path)
    assert [(r["level"], r["grounds"], r["result"]) for r in page["reviews"]] == [(1, "西侧仍有积水。", None)]
    assert [clock["rule"] for clock in page["clocks"]] == ["review"]
    assert (await world.get(None, path))["reviews"][0]["grounds"] is None

    await world.post(SUPERVISOR, f"{path}/reviews/decision", result="upheld", opinion="原答复属实,予以维持。")
    assert "review" not in await kinds(world, SUPERVISOR, path)
    await world.post(resident(4), f"{path}/reviews", grounds="请复核。")
    decision = {"result": "returned", "opinion": "西侧管段未纳入改造,退回重办。"}
    is_problem(await world.send(SUPERVISOR, "POST", f"{path}/reviews/decision", decision), 403, "same-reviewer")
    other = Person(Role.SUPERVISOR, "another supervisor")
    returned = await world.post(other, f"{path}/reviews/decision", **decision)
    assert (returned["phase"], returned["round"], returned["outcome"]) == ("roadmap", 2, None)
    page = await world.get(None, path)
    assert [(r["level"], r["result"], r["opinion"]) for r in page["reviews"]] == [
        (1, "upheld", "原答复属实,予以维持。"),
        (2, "returned", "西侧管段未纳入改造,退回重办。"),
    ]
    told = [entry["type"] for entry in (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]]
    assert told[-3:] == ["petition.ReviewRequested", "petition.ReviewDecided", "petition.Reopened"]


async def test_the_office_drafts_and_the_holder_signs(new_world: World) -> None:
    world = new_world
    path = await world.in_progress()
    post = f"/v1/posts/{world.official.org}"
    await world.post(ADMIN, f"{post}/terms", holder="secretary-1", started_on="2026-01-01")
    holder, office = world.official._replace(subject="secretary-1"), world.official
    said = {"text": "管道已铺设,排水正常。", "outcome": "explained"}
    is_problem(await world.send(office, "POST", f"{path}/response", said), 403, "not-the-holder")

    drafted = await world.send(office, "POST", f"{path}/replies", said)
    assert drafted.status_code == 201
    reply = drafted.headers["Location"]
    assert "sign_off" in await kinds(world, holder, path)
    for who in (resident(1), world.host, world.officer, CLERK, SUPERVISOR):
        is_problem(await world.read(who, f"{path}/replies"), 403, "forbidden")
        assert "排水正常" not in (await world.read(who, path)).text
        assert "排水正常" not in (await world.read(who, f"{path}/history")).text
    await world.post(office, f"{reply}/revision", text="管道已铺设,雨后排水正常。", outcome="explained")
    (row,) = await world.get(AUDITOR, f"{path}/replies")
    assert (row["status"], row["text"]) == ("drafted", "管道已铺设,雨后排水正常。")
    async with nothing_appended(world):
        is_problem(await world.send(office, "POST", f"{reply}/sign-off"), 403, "not-the-holder")
        is_problem(await world.send(world.host, "POST", f"{reply}/sign-off"), 403, "forbidden")
    first, second = await asyncio.gather(*(world.send(holder, "POST", f"{reply}/sign-off") for _ in range(2)))
    assert sorted((first.status_code, second.status_code)) == [200, 409]
    page = await world.get(None, path)
    assert (page["phase"], [r["text"] for r in page["responses"]]) == ("answered", ["管道已铺设,雨后排水正常。"])
    assert "sign_off" not in await kinds(world, holder, path)


async def test_who_agreed_is_called_back_and_nobody_else(new_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = new_world
    known = Person(Role.RESIDENT, await register(world, "王阿婆"))
    path = await world.collecting(9)
    await world.post(known, f"{path}/co-signatures")

    async def collected(**_: Any) -> str:
        return path

    monkeypatch.setattr(world, "collecting", collected)
    await world.in_progress()
    is_problem(await world.send(resident(77), "POST", f"{path}/call-back-consent"), 403, "not-a-co-signer")
    await world.post(known, f"{path}/call-back-consent")
    await world.post(resident(2), f"{path}/call-back-consent")
    assert (await world.send(resident(2), "DELETE", f"{path}/call-back-consent")).is_success
    await world.post(world.official, f"{path}/response", text="已说明。", outcome="explained")
    await world.as_workflow(Petition.invite_feedback, UUID(path[-36:]))
    is_problem(await world.send(CLERK, "POST", f"{path}/call-backs"), 409, "no-call-back")
    world.clock.at += timedelta(days=20)
    await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
    assert "call_back" in await kinds(world, CLERK, path)

    is_problem(await world.send(world.official, "POST", f"{path}/call-backs"), 403, "forbidden")
    first, second = await asyncio.gather(*(world.send(CLERK, "POST", f"{path}/call-backs") for _ in range(2)))
    assert first.json() == second.json(), "asked twice at once, one call"
    call = first.json()
    assert (call["name"], call["phone"]) == ("王阿婆", "+8613800000001")
    looks = await world.store.pool.fetch("SELECT * FROM register_log WHERE act = 'read'")
    assert {row["role"] for row in looks} == {"clerk"}
    said_so_far = b"".join(event.state for event in await world.store.select_events(UUID(path[-36:])))
    assert not any(row["by"].encode() in said_so_far or row["at"] >= world.clock.at for row in looks), (
        "joined to the petition"
    )
    said = {"contacted": True, "resolved": "yes", "satisfied": True, "comment": "不积水了。"}
    await world.post(CLERK, f"{path}/call-backs/{call['call_id']}/feedback", **said)
    is_problem(await world.send(CLERK, "POST", f"{path}/call-backs"), 409, "nobody-to-call")
    taken: Any = mapper.to_domain_event((await world.store.select_events(UUID(path[-36:])))[-1])
    whose = "SELECT author FROM text_keys WHERE key_id = $1"
    assert await world.store.pool.fetchval(whose, taken.comment.key_id) == taken.signer, "their words go with them"
    world.clock.at += timedelta(days=10)
    await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
    assert (await world.get(CLERK, path))["outcome"] == "resolved"
    log = [event.state for event in await world.store.select_events(UUID(path[-36:]))]
    assert not any("王阿婆".encode() in state or b"13800000001" in state for state in log)
    told = [entry["type"] for entry in (await world.get(AUDITOR, f"{path}/history", limit=200))["items"]]
    assert not any("Call" in kind and "CallBack" in kind and kind != "petition.CallBackBegun" for kind in told)
