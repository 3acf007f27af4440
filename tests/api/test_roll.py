"""Who may sign, who is found on the roll, and what becomes of an entry that is found false."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from domain.command import Role
from domain.petition import Petition
from infra.rejections import Settling
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_drafts import last_code
from tests.api.test_intakes import enter, on_the_roll, second
from tests.api.test_signing import ask, sign
from tests.api.world import ADMIN, AUDITOR, CLERK, POLICY, Person, World, resident, somewhere

FALSE = {"reason": "查无此人,住址系虚构。"}


async def signatures(world: World, path: str) -> int:
    petition: Petition = await world.repository.get(Petition, UUID(path[-36:]))
    return petition.signatures


def rejection(person: Person) -> str:
    return f"/v1/residents/{person.subject}/rejection"


async def rejected(world: World, person: Person) -> None:
    assert (await world.send(world.host, "POST", rejection(person), FALSE)).status_code == 202
    assert (await world.send(second(world), "POST", f"{rejection(person)}/confirmation")).status_code == 202


async def settle(world: World) -> None:
    services = world.app.state.services
    await Settling(services.sign_in.register, services.people, world.repository, POLICY, world.outbox).carry_out(
        world.clock.at
    )


async def worklist(world: World, who: Person) -> list[tuple[str, str, bool]]:
    items = await world.get(who, "/v1/register/worklist")
    return [(item["kind"], item["resident_id"], item["overdue"]) for item in items]


# Who may sign


async def test_only_who_is_on_the_hosts_roll_opens_and_signs(new_world: World) -> None:
    world = new_world
    other = await world.register("hosts", "别处社区", "community")
    body = {"name": "外人", "phones": ["13800000001"], "basis": "works", "adult": True}
    stranger = Person(
        Role.RESIDENT,
        (await world.post(world.host._replace(org=other), f"/v1/hosts/{other}/residents", **body))["id"],
    )
    ours = await on_the_roll(world, "李四", "13800000002")
    path = await world.collecting(2)
    async with nothing_appended(world):
        is_problem(await world.send(stranger, "POST", f"{path}/co-signatures"), 403, "not-on-this-roll")
        is_problem(await world.send(stranger, "POST", "/v1/petitions", world.topic()), 403, "not-on-this-roll")
        is_problem(await enter(world, path, stranger), 422, "unknown-reference", "/resident_id")
    await world.post(ours, f"{path}/co-signatures")
    assert (await world.send(ours, "POST", "/v1/petitions", world.topic())).status_code == 201


async def test_who_is_not_yet_verified_counts_and_the_overdue_stand_first_in_the_worklist(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    people = []
    for name, phone in (("甲一", "13800000001"), ("乙二", "13800000002")):
        code = await ask(world, path, phone=phone)
        body = {"name": name, "basis": "lives", "adult": True}
        token = (await sign(world, path, code, phone=phone, **body)).json()["token"]
        me = await world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        people.append(me.json()["id"])
        world.clock.at += timedelta(days=1)
    assert await signatures(world, path) == 4
    assert await worklist(world, world.host) == [("verification", person, False) for person in people]
    world.clock.at += timedelta(days=1, hours=16)  # three working days after the first, Monday
    assert await worklist(world, world.host) == [("verification", people[0], True), ("verification", people[1], False)]
    await world.send(world.host, "POST", f"/v1/residents/{people[0]}/verification")
    assert await worklist(world, world.host) == [("verification", people[1], False)]
    assert await worklist(world, world.host._replace(org=somewhere())) == []
    for who in (resident(1), world.official, ADMIN):
        is_problem(await world.read(who, "/v1/register/worklist"), 403, "forbidden")


async def test_whose_entry_was_found_false_neither_opens_nor_signs_by_anybodys_hand(new_world: World) -> None:
    world = new_world
    assert world.official.org
    path = await world.collecting(2)
    person = await on_the_roll(world, "虚构人", "13800000001")
    words = {"topic": "楼道灯不亮", "details": "坏了一个月。", "category": "grievance", "means": "phone"}
    body = words | {"resident_id": person.subject, "called_post_ids": [str(world.official.org)]}
    draft = await world.post(world.host, f"/v1/hosts/{world.host.org}/intakes", **body)
    code = last_code(world)
    await rejected(world, person)
    async with nothing_appended(world):
        by_phone = await world.send(world.host, "POST", f"/v1/drafts/{draft['id']}/confirmation", {"code": code})
        is_problem(by_phone, 403, "not-on-this-roll")
        is_problem(await enter(world, path, person), 403, "not-on-this-roll")
        by_link = await ask(world, path, phone="13800000001")
        is_problem(await sign(world, path, by_link, phone="13800000001"), 403, "not-on-this-roll")
        is_problem(await world.send(person, "POST", "/v1/petitions", world.topic()), 403, "not-on-this-roll")


# Finding


async def test_staff_find_their_own_people_by_name_and_that_they_looked_is_written_down(new_world: World) -> None:
    world = new_world
    found = await on_the_roll(world, "欧阳小华", "13800000001")
    await on_the_roll(world, "王芳", "13800000002")
    roll = f"/v1/hosts/{world.host.org}/residents"
    for part in ("欧阳", "阳小", " 小 华 ", "欧阳小华"):
        page = await world.get(world.host, roll, q=part)
        assert [(row["id"], row["name"]) for row in page["items"]] == [(found.subject, "**华")]
    assert (await world.get(world.host, roll, q="欧阳", verified=False))["items"] == []
    assert (await world.get(world.host, roll, q="张三"))["items"] == []
    looks = await world.get(AUDITOR, f"/v1/residents/{found.subject}/log")
    assert [look["act"] for look in looks].count("found by name") == 4
    is_problem(await world.read(world.host, roll, q="华"), 422, "invalid-input", "?q")
    for who in (ADMIN, CLERK, resident(1), world.host._replace(org=somewhere())):
        is_problem(await world.read(who, roll, q="欧阳"), 403, "forbidden")


async def test_a_search_is_paged(new_world: World) -> None:
    world = new_world
    for n in range(5):
        await on_the_roll(world, f"张甲{n}", f"1380000000{n}")
        await on_the_roll(world, f"李乙{n}", f"1390000000{n}")
    roll, cursor, ids = f"/v1/hosts/{world.host.org}/residents", None, list[str]()
    for size in (2, 2, 1):
        query = {"q": "张甲", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await world.get(world.host, roll, **query)
        assert len(page["items"]) == size
        ids += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert cursor is None
    assert len(set(ids)) == 5


# An entry found false


async def test_two_of_the_staff_reject_an_entry_and_its_signatures_go_when_nobody_appeals(new_world: World) -> None:
    world = new_world
    path, second_path = await world.collecting(2), await world.collecting(3)
    untouched = await world.collecting(2)
    person = await on_the_roll(world, "虚构人", "13800000001")
    for signed in (path, second_path):
        await world.post(person, f"{signed}/co-signatures")
    await world.send(world.host, "POST", rejection(person), FALSE)
    assert await worklist(world, second(world)) == [("rejection", person.subject, False)]
    is_problem(await world.send(world.host, "POST", f"{rejection(person)}/confirmation"), 403, "second-person")
    is_problem(await world.read(person, "/v1/me/rejection"), 404, "not-found")
    answers = await asyncio.gather(
        *(world.send(second(world), "POST", f"{rejection(person)}/confirmation") for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    own = await world.get(person, "/v1/me/rejection")
    assert (own["status"], own["reason"]) == ("contested", FALSE["reason"])
    is_problem(await world.send(person, "POST", f"{untouched}/co-signatures"), 403, "not-on-this-roll")
    now, world.clock.at = world.clock.at, world.clock.at.replace(hour=15)  # 23:00 in Ningbo
    await settle(world)
    assert world.outbox.sent == []
    world.clock.at = now
    for _ in range(2):
        await settle(world)
    ((to, letter),) = world.outbox.sent
    assert (to.address, "联名" in letter, "虚构人" in letter) == ("+8613800000001", False, False)
    assert [await signatures(world, each) for each in (path, second_path)] == [3, 4]
    world.clock.at += timedelta(days=11)
    async with nothing_appended(world):
        is_problem(await world.send(person, "POST", "/v1/me/appeal", {"reason": "太迟"}), 409, "too-late")
    await settle(world)
    assert [await signatures(world, each) for each in (path, second_path, untouched)] == [2, 3, 2]
    position = await world.store.max_notification_id()
    await settle(world)
    assert await world.store.max_notification_id() == position
    assert (await world.get(person, f"{path}/co-signatures/mine"))["status"] == "invalidated"
    log = b"".join(event.state for event in await world.store.select_notifications(1, 10_000))
    assert person.subject.replace("-", "").encode() not in log


@pytest.mark.parametrize("counts", [True, False])
async def test_who_appeals_keeps_their_signatures_until_the_clerk_has_decided(new_world: World, counts: bool) -> None:
    world = new_world
    path = await world.collecting(2)
    person = await on_the_roll(world, "真人", "13800000001")
    await world.post(person, f"{path}/co-signatures")
    await rejected(world, person)
    assert (await world.send(person, "POST", "/v1/me/appeal", {"reason": "我住三幢。"})).status_code == 202
    is_problem(await world.send(person, "POST", "/v1/me/appeal", {"reason": "再说。"}), 409, "wrong-status")
    world.clock.at += timedelta(days=30)
    await settle(world)
    assert await signatures(world, path) == 3
    assert await worklist(world, CLERK) == [("appeal", person.subject, True)]
    seen = await world.get(CLERK, rejection(person))
    assert (seen["grounds"], seen["status"]) == ("我住三幢。", "appealed")
    decision = {"counts": counts, "explanation": "已实地核实。"}
    for who in (world.host, person, ADMIN):
        is_problem(await world.send(who, "POST", f"{rejection(person)}/decision", decision), 403, "forbidden")
    assert (await world.send(CLERK, "POST", f"{rejection(person)}/decision", decision)).status_code == 202
    is_problem(await world.send(CLERK, "POST", f"{rejection(person)}/decision", decision), 409, "wrong-status")
    await settle(world)
    assert await signatures(world, path) == 2 + counts
    again = await world.send(person, "POST", f"{await world.collecting(2)}/co-signatures")
    assert again.status_code == (200 if counts else 403)


async def test_what_stands_still_is_settled_once_it_goes_on(new_world: World) -> None:
    world = new_world
    person = await on_the_roll(world, "虚构人", "13800000001")
    path = await world.collecting(9)
    await world.post(person, f"{path}/co-signatures")
    await world.post(world.host, f"{path}/host-opinion", opinion="情况属实。")
    await world.post(CLERK, f"{path}/acceptance")
    await world.post(world.official, f"{path}/suspension", reason="等待。")
    await rejected(world, person)
    world.clock.at += timedelta(days=11)
    await settle(world)
    assert await signatures(world, path) == 10
    await world.post(world.official, f"{path}/resumption")
    await settle(world)
    assert await signatures(world, path) == 9


async def test_a_proposal_of_one_alone_can_be_taken_back_or_is_answered_by_verifying(new_world: World) -> None:
    world = new_world
    person = await on_the_roll(world, "真人", "13800000001")
    for undo in (("DELETE", rejection(person)), ("POST", f"/v1/residents/{person.subject}/verification")):
        await world.send(world.host, "POST", rejection(person), FALSE)
        is_problem(await world.send(world.host, "POST", rejection(person), FALSE), 409, "wrong-status")
        assert (await world.send(world.host, *undo)).status_code == 204
        is_problem(await world.read(world.host, rejection(person)), 404, "not-found")
    for who in (CLERK, ADMIN, person, world.host._replace(org=somewhere())):
        is_problem(await world.send(who, "POST", rejection(person), FALSE), 403, "forbidden")
