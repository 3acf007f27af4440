"""Who reads what: lists, pages, histories, inboxes and rates."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.command import Role
from tests.api.checks import by, is_problem
from tests.api.world import ADMIN, AUDITOR, CLERK, DETAILS, SUPERVISOR, TOPIC, Person, World, resident

OTHER_HOST = Person(Role.HOST_STAFF, "other", uuid4())
OTHER_POST = Person(Role.OFFICIAL, "other", uuid4())
OTHER_UNIT = Person(Role.UNIT_OFFICER, "other", uuid4())


async def seen_by(world: World, path: str, *people: Person | None) -> set[int]:
    return {(await world.read(who, path)).status_code for who in people}


async def test_the_public_reads_what_a_clerk_issued_and_those_concerned_what_was_written(world: World) -> None:
    path = await world.in_progress()
    for who in (None, resident(30), OTHER_HOST, OTHER_POST, OTHER_UNIT):
        answer = await world.read(who, path)
        page = answer.json()
        assert (page["public_topic"], page["public_details"]) == ("排涝改造", "居民请求改造排水。")
        assert (page["topic"], page["details"], page["version"]) == (None, None, None)
        assert [task["title"] for task in page["tasks"]] == ["铺设排水管", "清运淤泥"]
        assert [(m["venue"], m["minutes"], m["status"]) for m in page["meetings"]] == [(None, None, "held")]
        assert "ETag" not in answer.headers
        assert "张阿婆" not in answer.text
    concerned = (resident(1), resident(5), world.host, world.official, world.officer, CLERK, SUPERVISOR, AUDITOR)
    for reader in concerned:
        page = await world.get(reader, path)
        assert (page["topic"], page["details"]) == (TOPIC, DETAILS)
        assert [(m["venue"], m["minutes"]) for m in page["meetings"]] == [("议事厅", "年内完成。")]


async def test_nobody_sees_a_petition_before_its_time(world: World) -> None:
    path = await world.collecting(10)
    everybody = (None, OTHER_HOST, world.official, OTHER_POST, world.officer)
    assert await seen_by(world, path, *everybody) == {404}
    assert await seen_by(world, f"{path}/history", *everybody) == {404}
    assert await seen_by(world, path, world.host, CLERK, SUPERVISOR, AUDITOR, resident(1)) == {200}
    await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
    assert await seen_by(world, path, *everybody, resident(30)) == {404}
    await world.post(CLERK, f"{path}/acceptance")
    assert await seen_by(world, path, *everybody, resident(30)) == {200}


async def test_who_is_asked_to_sign_can_read_what_they_sign(world: World) -> None:
    path = await world.collecting(1)
    assert (await world.get(resident(30), path))["details"] == DETAILS
    listed = (await world.get(resident(30), "/v1/petitions", limit=200))["items"]
    assert path[-36:] not in {item["id"] for item in listed}


async def test_a_petition_about_conduct_is_seen_by_those_who_handle_or_signed_it_alone(world: World) -> None:
    path = await world.in_progress(category="conduct")
    page = await world.get(CLERK, path)
    parts = [
        path,
        f"{path}/history",
        f"/v1/tasks/{page['tasks'][0]['id']}",
        f"/v1/meetings/{page['meetings'][0]['id']}",
    ]
    for part in parts:
        assert await seen_by(world, part, None, resident(30), OTHER_HOST, OTHER_POST, OTHER_UNIT) == {404}
        assert await seen_by(world, part, resident(3), world.host, world.official, world.officer, CLERK, AUDITOR) == {
            200
        }
    for who in (None, resident(3), OTHER_HOST):
        listed = (await world.get(who, "/v1/petitions", limit=200, category="conduct"))["items"]
        assert listed == []
    assert (await world.get(world.host, "/v1/petitions", category="conduct"))["items"][0]["details"] == DETAILS


async def test_a_signature_taken_back_takes_back_what_it_showed(world: World) -> None:
    path = await world.submitted(category="conduct")
    assert await seen_by(world, path, resident(3)) == {200}
    await world.send(resident(3), "DELETE", f"{path}/co-signatures/mine")
    assert await seen_by(world, path, resident(3)) == {404}


async def test_nothing_anybody_reads_names_or_times_a_signer(world: World) -> None:
    """Every representation of a petition on its way, for everybody: no pseudonym, and no moment of a signature."""
    path = await world.collecting(1)
    signed_at = []
    for n in range(2, 13):
        world.clock.at += timedelta(minutes=7)
        await world.post(resident(n), f"{path}/co-signatures")
        if n != 10:  # at the tenth's moment the host's clock starts, which has to be told
            signed_at.append(world.clock.at.strftime("%H:%M:%S"))
    world.clock.at += timedelta(hours=1)
    events = await world.store.select_events(UUID(path[-36:]))
    await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
    await world.post(CLERK, f"{path}/acceptance")
    told = ""
    for who in (None, resident(2), world.host, world.official, CLERK, SUPERVISOR, AUDITOR, ADMIN):
        for part in (path, f"{path}/history", "/v1/petitions", "/v1/inbox", "/v1/statistics", "/metrics"):
            told += (await world.read(who, part)).text
    for event in events:
        assert by(event) == "yuetan" or by(event) not in told
    for moment in signed_at:
        assert moment not in told


async def test_while_a_round_is_judged_nobody_sees_who_judges_when_or_how(world: World) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)

    async def pages(*people: Person | None) -> list[Any]:
        answers = [await world.read(who, path) for who in people]
        assert not any("ETag" in answer.headers for answer in answers)
        return [answer.json() for answer in answers]

    watching = (None, world.host, world.official, world.officer, CLERK)
    before = await pages(*watching)
    await world.judge(path, "no", 1, 2, 3)
    assert await pages(*watching) == before
    assert before[0]["feedback"] == [
        {"round": 1, "delivery": False, "invited": 10, "concluded": False, "fewer_than_five": False}
        | dict.fromkeys(
            ("judged", "contacted", "resolved_yes", "resolved_partly", "resolved_no", "satisfied"),
        )
    ]


async def test_the_list_is_filtered_and_its_pages_neither_lose_nor_repeat(new_world: World) -> None:
    world = new_world
    paths = [await world.submitted() for _ in range(5)]
    for n, path in enumerate(paths):
        await world.post(CLERK, f"{path}/public-text", topic=f"第{n}号:停车位改造", details="公开内容")
        await world.post(CLERK, f"{path}/acceptance")
    newest_first = [path[-36:] for path in reversed(paths)]

    async def listed(**query: Any) -> list[str]:
        return [item["id"] for item in (await world.get(None, "/v1/petitions", **query))["items"]]

    assert await listed() == newest_first
    assert await listed(q="第3号") == [paths[3][-36:]]
    assert await listed(q="%") == []
    assert await listed(phase="closed") == []
    assert await listed(phase="accepted", category="grievance", host_id=world.host.org) == newest_first
    assert await listed(host_id=uuid4()) == []

    answer = await world.read(None, "/v1/petitions", limit=2)
    found = answer.json()["items"]
    late = await world.accepted()
    while answer.json()["next"]:
        link = answer.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
        assert f"cursor={answer.json()['next']}" in link
        answer = await world.send(None, "GET", link)
        found += answer.json()["items"]
    assert [item["id"] for item in found] == newest_first
    assert "Link" not in answer.headers
    assert (await listed(limit=1)) == [late[-36:]]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("cursor=x", "invalid-cursor", "?cursor"),
        ("cursor=-1", "invalid-cursor", "?cursor"),
        (f"cursor={'9' * 50}", "invalid-cursor", "?cursor"),
        ("cursor=%00", "invalid-input", "?cursor"),
        ("limit=0", "invalid-input", "?limit"),
        ("limit=201", "invalid-input", "?limit"),
        ("phase=open", "invalid-input", "?phase"),
        ("host_id=x", "invalid-input", "?host_id"),
        ("q=%00", "invalid-input", "?q"),
        (f"q={'x' * 101}", "invalid-input", "?q"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(world: World, query: str, code: str, field: str) -> None:
    is_problem(await world.send(None, "GET", f"/v1/petitions?{query}"), 422, code, field)


async def test_an_inbox_and_a_units_tasks_are_for_those_they_belong_to(new_world: World) -> None:
    world = new_world
    path = await world.in_progress()
    own = f"/v1/units/{world.officer.org}/tasks"
    (task,) = (await world.get(world.officer, own))["items"]
    assert (task["title"], task["petition_id"], task["status"]) == ("铺设排水管", path[-36:], "offered")
    assert await seen_by(world, own, CLERK, SUPERVISOR, AUDITOR, ADMIN) == {200}
    assert await seen_by(world, own, world.other_officer, resident(1), world.host, world.official) == {403}
    is_problem(await world.read(None, own), 401, "unauthenticated", "Authorization")
    is_problem(await world.read(CLERK, f"/v1/units/{uuid4()}/tasks"), 404, "not-found")
    is_problem(await world.read(None, "/v1/inbox"), 401, "unauthenticated", "Authorization")
    (offer,) = (await world.get(world.officer, "/v1/inbox"))["items"]
    assert (offer["kind"], offer["task_id"], offer["title"]) == ("claim", task["id"], "铺设排水管")
    assert (await world.get(OTHER_UNIT, "/v1/inbox"))["items"] == []
    for cursor in ("x", "a|b|c", "2026-01-01|x|", f"infinity|{'9' * 40}|"):
        is_problem(await world.read(CLERK, "/v1/inbox", cursor=cursor), 422, "invalid-cursor", "?cursor")


async def test_a_task_is_read_with_its_version(world: World) -> None:
    path = await world.in_progress()
    task = (await world.get(None, path))["tasks"][0]
    answer = await world.read(world.officer, f"/v1/tasks/{task['id']}")
    assert answer.json() == task | {"petition_id": path[-36:]}
    claimed = await world.send(
        world.officer, "POST", f"/v1/tasks/{task['id']}/claim", None, If_Match=answer.headers["ETag"]
    )
    assert claimed.is_success


async def test_a_history_tells_each_reader_what_concerns_them(world: World) -> None:
    path = await world.submitted()
    await world.post(CLERK, f"{path}/rejection", reason_code="other_level", explanation="属市级职权。")

    async def told(who: Person) -> Any:
        return (await world.get(who, f"{path}/history"))["items"]

    entries = await told(AUDITOR)
    assert [entry["type"] for entry in entries] == [
        "petition.Opened",
        "petition.ThresholdReached",
        "petition.HostOpinionGiven",
        "petition.Submitted",
        "petition.Rejected",
    ]
    assert entries[-1]["texts"] == {"explanation": "属市级职权。"}
    data = entries[-1]["data"]
    assert (data["reason_code"], data["route"], data["refiling"]["rule"]) == ("other_level", None, "refiling")
    assert len(data) == 3, "and not what it repeats"
    assert all(entry["command_id"] for entry in entries)
    assert all(entry["command_id"] is None for entry in await told(world.host))
    page = await world.get(AUDITOR, f"{path}/history", limit=3)
    rest = await world.get(AUDITOR, f"{path}/history", limit=3, cursor=page["next"])
    assert page["items"] + rest["items"] == entries
    assert rest["next"] is None


async def test_the_public_history_has_no_words_and_no_commands(world: World) -> None:
    path = await world.in_progress()
    for entry in (await world.get(None, f"{path}/history", limit=200))["items"]:
        assert (entry["texts"], entry["command_id"], entry["version"]) == ({}, None, None)
        assert entry["type"] not in {"petition.HostOpinionGiven", "petition.Reminded", "petition.Escalated"}


async def test_an_auditor_sees_what_a_petition_was_at_a_moment(world: World) -> None:
    path = await world.submitted()
    before = datetime.now(UTC)
    await asyncio.to_thread(world.issuer.token, Role.AUDITOR, "x")  # anything that takes a moment
    (recorded,) = await world.store.pool.fetch("SELECT clock_timestamp() AS now")
    await world.post(CLERK, f"{path}/acceptance")
    then = await world.get(AUDITOR, f"{path}/state", as_of=recorded["now"].isoformat())
    now = await world.get(AUDITOR, f"{path}/state")
    assert (then["state"][0]["phase"], now["state"][0]["phase"]) == ("submitted", "accepted")
    early = (before - timedelta(days=1)).isoformat()
    is_problem(await world.read(AUDITOR, f"{path}/state", as_of=early), 404, "not-found")
    is_problem(await world.read(AUDITOR, f"{path}/state", as_of="yesterday"), 422, "invalid-input", "?as_of")
    assert await seen_by(world, f"{path}/state", CLERK, world.host, resident(1), SUPERVISOR) == {403}
    assert (await world.get(AUDITOR, f"{path}/history", as_of=recorded["now"].isoformat()))["items"][-1][
        "type"
    ] == "petition.Submitted"


async def test_the_rates_come_with_their_denominators(new_world: World) -> None:
    world = new_world
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")
    await world.accepted(category="conduct")
    rates = await world.get(None, "/v1/statistics", by="host")
    assert rates["petitions"] == 1
    assert rates["resolution"] == {"resolved": 1, "judged": 1, "not_judged": 0, "rate": 1.0}
    assert rates["satisfaction"] == {"satisfied": 10, "judged": 10, "invited": 10, "rate": 1.0}
    assert [(group["key"], group["rankable"]) for group in rates["groups"]] == [(str(world.host.org), False)]
    assert (await world.get(AUDITOR, "/v1/statistics"))["petitions"] == 2
    is_problem(await world.read(None, "/v1/statistics", by="official"), 422, "invalid-input", "?by")


async def test_the_rates_are_up_to_ten_seconds_old_but_never_older_than_what_the_reader_did(new_world: World) -> None:
    world = new_world

    async def accepted() -> int:
        return int((await world.send(None, "GET", "/v1/statistics")).json()["petitions"])

    for n in (1, 2):
        await world.accepted()
        assert await accepted() == n - 1
        assert (await world.get(None, "/v1/statistics"))["petitions"] == n
        assert await accepted() == n
    await world.accepted()
    await world.get(CLERK, "/v1/statistics")  # which others are not shown
    assert await accepted() == 2
    world.clock.at += timedelta(seconds=10)
    assert await accepted() == 3


async def test_the_directory_and_the_policy_are_public(new_world: World) -> None:
    world = new_world
    units = [world.officer.org, world.other_officer.org, await world.register("units", "供电公司", "utility")]
    first = await world.get(None, "/v1/units", limit=2)
    second = await world.get(None, "/v1/units", limit=2, cursor=first["next"])
    assert [UUID(unit["id"]) for unit in first["items"] + second["items"]] == units
    assert (await world.get(None, f"/v1/hosts/{world.host.org}"))["name"] == "划船社区"
    regulated = await world.post(
        ADMIN, "/v1/units", name="锦绣物业", kind="property_firm", regulator_id=str(world.officer.org)
    )
    assert regulated["regulator_id"] == str(world.officer.org)
    policy = await world.get(None, "/v1/policy")
    assert (policy["threshold"], policy["windows"]["response"]) == (10, "60 days")


async def test_petitions_are_listed_by_their_ids_and_by_the_post_they_call(world: World) -> None:
    path, other = await world.accepted(), await world.accepted(topic="另一件")

    async def listed(**query: Any) -> set[str]:
        return {item["id"] for item in (await world.get(None, "/v1/petitions", **query))["items"]}

    assert await listed(id=[path[-36:]]) == {path[-36:]}
    assert await listed(id=[path[-36:], other[-36:]], post_id=str(world.official.org)) == {path[-36:], other[-36:]}
    assert await listed(post_id=str(uuid4())) == set()
    hidden = await world.collecting()
    assert await listed(id=[hidden[-36:]]) == set()


async def test_a_units_tasks_are_read_by_status_soonest_due_first(world: World) -> None:
    path = await world.roadmap()
    tasks = await world.publish(path)
    await world.finish(tasks)
    world.clock.at += timedelta(days=3)
    more, _ = await world.publish(await world.roadmap())
    over, running = tasks[0][-36:], more[-36:]

    async def read(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            asked = query | ({"cursor": cursor} if cursor else {})
            page = await world.get(world.officer, f"/v1/units/{world.officer.org}/tasks", limit=3, **asked)
            found += page["items"]
            if not (cursor := page["next"]):
                return found

    ended = [task["id"] for task in await read(status=["confirmed", "dropped"])]
    assert {over, running} & set(ended) == {over}
    latest = await read(status=["confirmed", "dropped"], latest_first=True)
    assert sorted(task["id"] for task in latest) == sorted(ended)
    days = [task["due_on"] for task in latest]
    assert days == sorted(days, reverse=True)
    offered = await read(status="offered")
    assert {over, running} & {task["id"] for task in offered} == {running}
    due = [task["clock"]["due_at"] for task in offered]
    assert due == sorted(due)
    everything = [task["id"] for task in await read()]
    assert {over, running} <= set(everything)
    assert len(everything) == len(set(everything))
    refused = await world.read(world.officer, f"/v1/units/{world.officer.org}/tasks", cursor="x")
    is_problem(refused, 422, "invalid-cursor", "?cursor")
