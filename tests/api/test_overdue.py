"""What supervisors look for: clocks that ran out, and rounds that were judged badly."""

from datetime import timedelta
from uuid import UUID

from domain.petition import Petition
from tests.api.checks import is_problem
from tests.api.world import AUDITOR, CLERK, SUPERVISOR, World, resident


async def test_clocks_that_ran_out_are_listed_the_longest_ago_first(new_world: World) -> None:
    world = new_world
    waiting = await world.submitted()
    world.clock.at += timedelta(days=1)
    path = await world.roadmap()
    task, _ = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    assert (await world.get(SUPERVISOR, "/v1/overdue"))["items"] == []
    world.clock.at += timedelta(days=70)
    items = (await world.get(SUPERVISOR, "/v1/overdue"))["items"]
    assert [item["due_at"] for item in items] == sorted(item["due_at"] for item in items)
    rules = {(item["subject_id"], item["rule"]): item for item in items}
    admissibility = rules[waiting[-36:], "admissibility"]
    assert (admissibility["organisation_id"], admissibility["title"]) == (None, None)
    response = rules[path[-36:], "response"]
    assert response["organisation_id"] == str(world.official.org)
    work = rules[task[-36:], "task"]
    assert (work["organisation_id"], work["title"]) == (str(world.officer.org), "铺设排水管")
    assert work["days"] == 49  # due at the end of the twentieth day
    first = await world.get(CLERK, "/v1/overdue", limit=2)
    second = await world.get(CLERK, "/v1/overdue", limit=200, cursor=first["next"])
    assert first["items"] + second["items"] == items
    # What is suspended is not overdue.
    await world.post(world.official, f"{path}/suspension", reason="等待汛期结束。")
    left = (await world.get(SUPERVISOR, "/v1/overdue"))["items"]
    assert {item["petition_id"] for item in left} == {waiting[-36:]}


async def test_rounds_that_few_called_resolved_are_listed_with_their_denominators(new_world: World) -> None:
    world = new_world
    paths = []
    for resolved, judges in (("no", 7), ("yes", 7), ("no", 4)):
        path = await world.roadmap()
        await world.finish(await world.publish(path))
        await world.feedback(path)
        await world.judge(path, resolved, *range(1, judges + 1))
        world.clock.at += timedelta(days=15)
        await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
        paths.append(path)
    (bad,) = (await world.get(SUPERVISOR, "/v1/badly-judged"))["items"]
    assert bad["petition_id"] == paths[0][-36:]  # of four judgements no totals are told
    assert (bad["invited"], bad["judged"], bad["resolved_no"], bad["satisfied"]) == (10, 7, 7, 0)
    assert bad["post_id"] == str(world.official.org)
    assert (await world.get(SUPERVISOR, "/v1/badly-judged", cursor="0-0"))["items"] == []


async def test_only_who_watches_over_all_reads_them(world: World) -> None:
    for address in ("/v1/overdue", "/v1/badly-judged"):
        for who in (world.host, world.official, world.officer, resident(1)):
            is_problem(await world.read(who, address), 403, "forbidden")
        for who in (CLERK, SUPERVISOR, AUDITOR):
            assert (await world.read(who, address)).status_code == 200
        for cursor in ("x", "2026-03-02T00:00:00|y|z", "1-x"):
            is_problem(await world.read(CLERK, address, cursor=cursor), 422, "invalid-cursor", "?cursor")
