"""Signing by short link or QR code: pending until the code is confirmed, and nobody's until then."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.sign_in import PER_CLIENT, PER_CONTACT, tidy
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_drafts import last_code
from tests.api.test_intakes import on_the_roll
from tests.api.test_sign_in import confirm, register, wrong
from tests.api.world import CLERK, DETAILS, TOPIC, Person, World, resident, somewhere

PHONE = "13800000001"
MYSELF = {"name": "韩梅梅", "basis": "lives", "adult": True}


async def ask(world: World, path: str, **contact: str) -> str:
    answer = await world.send(None, "POST", f"{path}/signing", contact)
    assert (answer.status_code, answer.json()) == (202, {"expires_in": 600})
    return last_code(world)


async def sign(world: World, path: str, code: str, **body: Any) -> httpx.Response:
    return await world.send(None, "POST", f"{path}/signing/confirmation", {"code": code, **body})


async def signatures(world: World, path: str) -> int:
    world.position = await world.store.max_notification_id()
    count: int = (await world.get(CLERK, path))["signatures"]
    return count


async def test_a_signature_is_pending_until_its_code_is_confirmed_and_then_valid_at_once(new_world: World) -> None:
    world = new_world
    path = await world.collecting(9)
    person = await register(world, "张小华")
    async with nothing_appended(world):
        code = await ask(world, path, phone=PHONE)
    assert await signatures(world, path) == 9
    answer = await sign(world, path, code, phone=PHONE)
    assert (answer.status_code, answer.json()["signed"]) == (200, True), answer.text
    page = await world.get(CLERK, path)
    assert await signatures(world, path) == 10
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    me = await world.client.get("/v1/me", headers=headers)
    assert (me.json()["id"], me.json()["verified"]) == (person, True)
    own = await world.client.get(f"{path}/co-signatures/mine", headers=headers)
    assert own.json()["status"] == "valid"
    assert page["phase"] == "collecting"
    is_problem(await sign(world, path, code, phone=PHONE), 401, "wrong-code")  # used up


async def test_who_is_new_enters_themselves_in_the_same_step_and_counts_provisionally(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    code = await ask(world, path, phone=PHONE)
    async with nothing_appended(world):
        answer = await sign(world, path, code, phone=PHONE)
    assert answer.json() == {"signed": False, "token": None, "choices": []}
    answer = await sign(world, path, code, phone=PHONE, **MYSELF)
    assert answer.json()["signed"] is True
    me = await world.client.get("/v1/me", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert (me.json()["name"], me.json()["verified"], me.json()["host_id"]) == ("韩梅梅", False, str(world.host.org))
    assert await signatures(world, path) == 3


async def test_a_family_chooses_and_each_signs_once(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    people = [await register(world, name) for name in ("张大山", "王芳")]
    for signed, person in enumerate(people, 1):
        code = await ask(world, path, phone=PHONE)
        offered = (await sign(world, path, code, phone=PHONE)).json()
        assert {choice["person"] for choice in offered["choices"]} == set(people)
        is_problem(await sign(world, path, code, phone=PHONE, person=str(somewhere())), 401, "wrong-code")
        answers = await asyncio.gather(*(sign(world, path, code, phone=PHONE, person=person) for _ in range(2)))
        assert 200 in [answer.status_code for answer in answers]
        assert await signatures(world, path) == 2 + signed
    code = await ask(world, path, phone=PHONE)
    async with nothing_appended(world):
        again = await sign(world, path, code, phone=PHONE, person=people[0])
    assert again.json()["signed"] is True


async def test_the_roll_of_another_host_does_not_count_here(new_world: World) -> None:
    world = new_world
    other = await world.register("hosts", "别处社区", "community")
    body = {"name": "外人", "phones": [PHONE], "basis": "lives", "adult": True}
    staff = world.host._replace(org=other)
    await world.post(staff, f"/v1/hosts/{other}/residents", **body)
    path = await world.collecting(2)
    code = await ask(world, path, phone=PHONE)
    assert (await sign(world, path, code, phone=PHONE)).json() == {"signed": False, "token": None, "choices": []}


async def test_a_code_is_for_this_petition_only_and_not_for_long(new_world: World) -> None:
    world = new_world
    path, second = await world.collecting(2), await world.collecting(2)
    await register(world, "张小华")
    code = await ask(world, path, phone=PHONE)
    async with nothing_appended(world):
        is_problem(await sign(world, second, code, phone=PHONE), 401, "wrong-code")
        is_problem(await confirm(world, code, phone=PHONE), 401, "wrong-code")
        is_problem(await sign(world, path, wrong(code), phone=PHONE), 401, "wrong-code")
        is_problem(await sign(world, path, code, phone="13800000009"), 401, "wrong-code")
        world.clock.at += timedelta(minutes=11)
        is_problem(await sign(world, path, code, phone=PHONE), 401, "wrong-code")
    await tidy(world.store.pool, world.clock.at)
    assert await world.store.pool.fetchval("SELECT count(*) FROM sign_in_codes") == 0


async def test_codes_are_asked_for_as_seldom_as_those_to_sign_in(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    most, _ = PER_CONTACT[0]
    for _ in range(most + 3):
        await ask(world, path, phone=PHONE)
    assert len(world.outbox.sent) == most
    for n in range(PER_CLIENT[0][0] - most - 3):
        await world.send(None, "POST", f"{path}/signing", {"phone": f"139{n:08}"})
    is_problem(await world.send(None, "POST", f"{path}/signing", {"phone": PHONE}), 429, "too-many-requests")


async def test_only_what_can_be_signed(world: World) -> None:
    submitted = await world.submitted()
    await world.get(CLERK, submitted)
    is_problem(await world.send(None, "POST", f"{submitted}/signing", {"phone": PHONE}), 409, "wrong-phase")
    nowhere = f"/v1/petitions/{somewhere()}"
    is_problem(await world.send(None, "POST", f"{nowhere}/signing", {"phone": PHONE}), 404, "not-found")
    path = await world.collecting(2)
    is_problem(await world.send(None, "POST", f"{path}/signing", {}), 422, "invalid-input", "")
    half = {"phone": PHONE, "code": "123456", "name": "甲"}
    is_problem(await world.send(None, "POST", f"{path}/signing/confirmation", half), 422, "invalid-input", "")


# The link


async def test_whoever_has_the_link_reads_what_they_sign(world: World) -> None:
    path = await world.collecting(2, category="conduct")
    for who in (resident(1), world.host):
        link = await world.post(who, f"{path}/signing-link")
        assert link["url"] == f"http://yuetan/s/{link['code']}"
    followed = await world.client.get(f"/s/{link['code']}")
    assert (followed.status_code, followed.headers["Location"]) == (307, f"{path}/signing?link={link['code']}")
    page = await world.client.get(followed.headers["Location"])
    assert page.json() == {
        "petition_id": path[-36:],
        "host_id": str(world.host.org),
        "topic": TOPIC,
        "details": DETAILS,
    }
    assert path[-36:] not in link["code"]
    other = await world.collecting(2)
    is_problem(await world.client.get(f"{other}/signing", params={"link": link["code"]}), 404, "not-found")
    is_problem(await world.client.get(f"{other}/signing"), 422, "invalid-input", "?link")


async def test_the_qr_code_is_drawn_in_two_ways_and_says_only_the_link(world: World) -> None:
    path = await world.collecting(2)
    link = await world.post(world.host, f"{path}/signing-link")
    svg = await world.client.get(f"/s/{link['code']}/qr.svg")
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert b"<svg" in svg.content
    png = await world.client.get(f"/s/{link['code']}/qr.png")
    assert png.headers["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    assert (await world.client.get(f"/s/{link['code']}/qr.svg")).content == svg.content


async def test_only_the_host_and_the_lead_petitioner_make_and_revoke_it(world: World) -> None:
    path = await world.collecting(2)
    strangers = [resident(2), CLERK, world.official, Person(world.host.role, "other", somewhere())]
    for who in strangers:
        for method in ("POST", "DELETE"):
            is_problem(await world.send(who, method, f"{path}/signing-link"), 403, "forbidden")
    link = await world.post(world.host, f"{path}/signing-link")
    assert (await world.send(resident(1), "DELETE", f"{path}/signing-link")).status_code == 204
    is_problem(await world.client.get(f"/s/{link['code']}"), 404, "not-found")
    is_problem(await world.client.get(f"/s/{link['code']}/qr.svg"), 404, "not-found")
    is_problem(await world.client.get(f"{path}/signing", params={"link": link["code"]}), 404, "not-found")
    assert (await world.post(world.host, f"{path}/signing-link"))["code"] != link["code"]


async def test_codes_of_links_are_not_guessed(new_world: World) -> None:
    world = new_world
    for _ in range(PER_CLIENT[0][0]):
        is_problem(await world.client.get("/s/22222222"), 404, "not-found")
    is_problem(await world.client.get("/s/22222222"), 429, "too-many-requests")
    path = await world.collecting(2)
    link = await world.post(world.host, f"{path}/signing-link")
    assert (await world.client.get(f"/s/{link['code']}")).status_code == 307


@pytest.mark.parametrize("code", ["222", "0OIL0OIL", "../../etc", "%00%00%00%00"])
async def test_what_is_no_code_leads_nowhere(world: World, code: str) -> None:
    assert (await world.client.get(f"/s/{code}")).status_code == 404


async def test_who_signs_by_code_has_the_same_pseudonym_as_by_token(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "李雷", PHONE)
    code = await ask(world, path, phone=PHONE)
    assert (await sign(world, path, code, phone=PHONE)).json()["signed"] is True
    is_problem(await world.send(signer, "POST", f"{path}/co-signatures"), 409, "already-signed")
    topics = [event.topic for event in await world.store.select_events(UUID(path[-36:]))]
    assert topics.count("petition.CoSigned") == 2
