"""Signing in with a one-time code: the ordinary course, a shared phone, and everybody who tries doors."""

import asyncio
import logging
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.sign_in import CODE_LASTS, PER_CLIENT, PER_CONTACT, TRIES, tidy
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import World, somewhere

PHONE = "13800000001"


async def ask(world: World, **contact: str) -> str:
    """The code that the phone receives."""
    before = len(world.outbox.sent)
    answer = await world.send(None, "POST", "/v1/sign-in", contact)
    assert (answer.status_code, answer.json()) == (202, {"expires_in": 600})
    (_, text) = world.outbox.sent[before]
    found = re.search(r"\d{6}", text)
    assert found
    return found[0]


async def confirm(world: World, code: str, **body: Any) -> httpx.Response:
    return await world.send(None, "POST", "/v1/sign-in/confirmation", {"code": code, **body})


async def register(world: World, name: str, **changes: Any) -> str:
    body = {"name": name, "phones": [PHONE], "basis": "lives", "adult": True} | changes
    person: str = (await world.post(world.host, f"/v1/hosts/{world.host.org}/residents", **body))["id"]
    return person


async def me(world: World, token: str) -> httpx.Response:
    return await world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def test_who_is_on_the_roll_signs_in_and_signs_a_petition(new_world: World) -> None:
    world = new_world
    person = await register(world, "张小华")
    code = await ask(world, phone=PHONE)
    answer = await confirm(world, code, phone=PHONE)
    token = answer.json()["token"]
    own = (await me(world, token)).json()
    assert (own["id"], own["name"], own["phones"], own["verified"]) == (person, "张小华", ["+8613800000001"], True)
    headers = {"Authorization": f"Bearer {token}"}
    opened = await world.client.post("/v1/petitions", json=world.topic(), headers=headers)
    assert opened.status_code == 201
    again = await world.client.post(f"/v1/petitions/{opened.json()['id']}/co-signatures", headers=headers)
    is_problem(again, 409, "already-signed")
    identity = await world.app.state.services.verifier.verify(token)
    assert (identity.role, identity.subject, identity.org) == ("resident", person, None)


@pytest.mark.parametrize("typed", ["+86 138-0000-0001", "0086 13800000001", "\uff11\uff13\uff18 0000 0001"])
async def test_every_way_to_write_the_number_is_the_same_phone(world: World, typed: str) -> None:
    code = await ask(world, phone=typed)
    answer = await confirm(world, f" {code[:3]} {code[3:]}", phone=PHONE)
    assert answer.status_code == 200
    world.clock.at += timedelta(days=2)  # the next one asks with limits of their own


async def test_an_address_is_as_good_as_a_phone(new_world: World) -> None:
    person = await register(new_world, "李雷", phones=[], email="Li.Lei@example.cn")
    code = await ask(new_world, email="li.lei@EXAMPLE.cn")
    token = (await confirm(new_world, code, email="li.lei@example.cn")).json()["token"]
    assert (await me(new_world, token)).json()["id"] == person


async def test_a_family_that_shares_a_phone_chooses_who_signs_in(new_world: World) -> None:
    world = new_world
    people = {await register(world, name): name for name in ("张大山", "张小华", "王芳")}
    code = await ask(world, phone=PHONE)
    answer = (await confirm(world, code, phone=PHONE)).json()
    assert answer["token"] is None
    assert {(choice["person"], choice["name"]) for choice in answer["choices"]} == {
        (person, "*" * (len(name) - 1) + name[-1]) for person, name in people.items()
    }
    for person in people:
        token = (await confirm(world, code, phone=PHONE, person=person)).json()["token"]
        assert (await me(world, token)).json()["name"] == people[person]
        code = await ask(world, phone=PHONE)
    other = await register(world, "赵四", phones=["13800000002"])
    for stranger in (other, str(somewhere())):
        is_problem(await confirm(world, code, phone=PHONE, person=stranger), 401, "wrong-code")


async def test_who_is_unknown_enters_themselves_and_counts_provisionally(new_world: World) -> None:
    world = new_world
    code = await ask(world, phone=PHONE)
    assert (await confirm(world, code, phone=PHONE)).json() == {"token": None, "choices": []}
    body: dict[str, Any] = {"phone": PHONE, "code": code, "host_id": str(world.host.org), "name": "韩梅梅"}
    body |= {"basis": "works", "adult": True}
    answer = await world.send(None, "POST", "/v1/sign-in/registration", body)
    assert answer.status_code == 201, answer.text
    own = (await me(world, answer.json()["token"])).json()
    assert (own["verified"], own["verify_by"]) == (False, "2026-03-05T16:00:00Z")  # Monday and 3 working days
    waiting = await world.get(world.host, f"/v1/hosts/{world.host.org}/residents", verified=False)
    assert [(row["id"], row["name"]) for row in waiting["items"]] == [(own["id"], "**梅")]
    is_problem(await world.send(None, "POST", "/v1/sign-in/registration", body), 401, "wrong-code")  # used
    await world.send(world.host, "POST", f"/v1/residents/{own['id']}/verification")
    assert (await me(world, answer.json()["token"])).json()["verified"] is True


async def test_nobody_enters_a_crowd_or_the_same_person_twice(new_world: World) -> None:
    world = new_world

    async def enter(name: str, **changes: Any) -> httpx.Response:
        world.clock.at += timedelta(days=1)
        code = await ask(world, phone=PHONE)
        body: dict[str, Any] = {"phone": PHONE, "code": code, "host_id": str(world.host.org), "name": name}
        body |= {"basis": "lives", "adult": True}
        return await world.send(None, "POST", "/v1/sign-in/registration", body | changes)

    assert (await enter("甲一")).status_code == 201
    is_problem(await enter("甲一"), 409, "on-the-roll")
    is_problem(await enter("乙二", host_id=str(somewhere())), 422, "unknown-reference", "/host_id")
    is_problem(await enter("乙二", adult=False), 422, "invalid-input", "/adult")
    is_problem(await enter("乙二", document_number="110105194912310021"), 422, "invalid-input", "/document_number")
    assert [(await enter(name)).status_code for name in ("乙二", "丙三")] == [201, 201]
    is_problem(await enter("丁四"), 409, "too-many-unverified")


async def test_who_enters_themselves_learns_of_nobodys_document_and_staff_find_it_out(new_world: World) -> None:
    world = new_world
    document = "11010519491231002X"
    await register(world, "张小华", document_number=document)
    code = await ask(world, phone="13800000002")
    body: dict[str, Any] = {"phone": "13800000002", "code": code, "host_id": str(world.host.org), "name": "冒名者"}
    body |= {"basis": "lives", "adult": True, "document_number": document}
    answer = await world.send(None, "POST", "/v1/sign-in/registration", body)
    assert answer.status_code == 201
    person = (await me(world, answer.json()["token"])).json()["id"]
    is_problem(await world.send(world.host, "POST", f"/v1/residents/{person}/verification"), 409, "on-the-roll")
    assert (await me(world, answer.json()["token"])).json()["verified"] is False


async def test_asking_tells_nothing_about_who_is_registered(new_world: World) -> None:
    """The same answer, and the same is stored: the register is not even looked at."""
    world = new_world
    await register(world, "张小华")
    known, unknown = [
        await world.send(None, "POST", "/v1/sign-in", {"phone": phone}) for phone in (PHONE, "13900000009")
    ]
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert len(world.outbox.sent) == 2
    rows = await world.store.pool.fetch("SELECT length(contact), length(code), expires_at, attempts FROM sign_in_codes")
    assert len(rows) == 2
    assert rows[0] == rows[1]


async def test_every_refusal_of_a_code_is_the_same(new_world: World) -> None:
    world = new_world
    await register(world, "张小华")

    async def used() -> httpx.Response:
        code = await ask(world, phone=PHONE)
        assert (await confirm(world, code, phone=PHONE)).json()["token"]
        return await confirm(world, code, phone=PHONE)

    async def late() -> httpx.Response:
        code = await ask(world, phone=PHONE)
        world.clock.at += CODE_LASTS
        return await confirm(world, code, phone=PHONE)

    async def replaced() -> httpx.Response:
        code = await ask(world, phone=PHONE)
        while await ask(world, phone=PHONE) == code:
            pass
        return await confirm(world, code, phone=PHONE)

    answers = [
        await confirm(world, "000000", phone="13900000009"),  # never asked for, nobody's
        await used(),
        await late(),
        await replaced(),
        await confirm(world, "not a code", phone=PHONE),
        await confirm(world, wrong(await ask(world, phone=PHONE)), phone=PHONE),
    ]
    for answer in answers:
        is_problem(answer, 401, "wrong-code")
    assert len({re.sub(r'"request_id":"\w+"', "", answer.text) for answer in answers}) == 1


async def test_of_two_confirmations_with_one_code_one_succeeds(new_world: World) -> None:
    world = new_world
    await register(world, "张小华")
    code = await ask(world, phone=PHONE)
    answers = await asyncio.gather(*(confirm(world, code, phone=PHONE) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


async def test_guessing_ends_after_five_tries_however_many_at_once(new_world: World) -> None:
    world = new_world
    await register(world, "张小华")
    code = await ask(world, phone=PHONE)
    guesses = [f"{n:06}" for n in range(20) if f"{n:06}" != code]
    answers = await asyncio.gather(*(confirm(world, guess, phone=PHONE) for guess in guesses))
    assert {answer.status_code for answer in answers} == {401}
    assert await world.store.pool.fetchval("SELECT attempts FROM sign_in_codes") == TRIES
    is_problem(await confirm(world, code, phone=PHONE), 401, "wrong-code")  # even the right one
    fresh = await ask(world, phone=PHONE)
    assert (await confirm(world, fresh, phone=PHONE)).json()["token"]


async def test_a_phone_is_not_flooded_and_who_asks_is_not_told(new_world: World) -> None:
    world = new_world
    (hourly, hour), (daily, day) = PER_CONTACT
    answers = await asyncio.gather(
        *(world.send(None, "POST", "/v1/sign-in", {"phone": PHONE}) for _ in range(hourly + 5))
    )
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b'{"expires_in":600}')}
    assert len(world.outbox.sent) == hourly
    for _ in range(4):
        world.clock.at += hour
        for _ in range(hourly):
            await world.send(None, "POST", "/v1/sign-in", {"phone": "+86 " + PHONE})
    assert len(world.outbox.sent) == daily
    world.clock.at += day
    await ask(world, phone=PHONE)


async def test_who_tries_many_phones_has_to_wait_and_is_noticed(
    new_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world
    ((most, window),) = PER_CLIENT
    caplog.set_level(logging.WARNING, "api.access")

    async def guess(n: int) -> httpx.Response:
        return await confirm(world, "000000", phone=f"139{n:08}")

    answers = await asyncio.gather(*(guess(n) for n in range(most + 10)))
    assert [answer.status_code for answer in answers].count(401) == most
    refused = await guess(most + 10)
    is_problem(refused, 429, "too-many-requests")
    assert refused.headers["Retry-After"] == "600"
    assert "too-many-requests" in caplog.text
    assert "139" not in re.sub(r"request_id=\w+", "", caplog.text)
    world.clock.at += window
    is_problem(await guess(0), 401, "wrong-code")


async def test_codes_and_counts_are_kept_as_digests_and_not_for_long(new_world: World) -> None:
    world = new_world
    code = await ask(world, phone=PHONE)
    dump = ""
    for table in ("sign_in_codes", "sign_in_attempts"):
        for row in await world.store.pool.fetch(f"SELECT t::text FROM {table} t"):
            dump += row[0]
    assert not any(secret in dump for secret in (PHONE, code, PHONE.encode().hex(), code.encode().hex(), "127.0.0.1"))
    await tidy(world.store.pool, world.clock.at + timedelta(days=1))
    for table in ("sign_in_codes", "sign_in_attempts"):
        assert await world.store.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"phone": PHONE, "email": "a@b.cn"}, ""),
        ({"phone": "12345"}, "/phone"),
        ({"email": "nobody"}, "/email"),
        ({"phone": 13800000001}, "/phone"),
        ({"phone": PHONE, "name": "张三"}, "/name"),
    ],
)
async def test_what_is_no_phone_or_address_is_refused(world: World, body: dict[str, Any], field: str) -> None:
    async with nothing_appended(world):
        answer = await world.send(None, "POST", "/v1/sign-in", body)
    is_problem(answer, 422, "invalid-input", field)
    assert "12345" not in answer.text
    assert "张三" not in answer.text


async def test_nothing_of_the_register_enters_the_log(new_world: World) -> None:
    async with nothing_appended(new_world):
        person = await register(new_world, "张小华")
        await confirm(new_world, await ask(new_world, phone=PHONE), phone=PHONE)
    assert UUID(person)
