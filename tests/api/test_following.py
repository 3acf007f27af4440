"""Following a public petition by e-mail: nobody is written to who did not confirm it, and one link ends it."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from domain.command import Role
from infra.register_log import Actor
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_notices import newcomer, said, sender, told
from tests.api.test_sign_in import wrong
from tests.api.world import CLERK, DETAILS, TOPIC, World
from tests.infra.test_gateway import Mailbox, http, mailbox, sms, smtp_url

__all__ = ["http", "mailbox", "sender", "sms", "smtp_url"]
MEI = "mei@example.cn"


def code_of(world: World) -> str:
    found = re.search(r"验证码 (\d{6})", world.outbox.sent[-1][1])
    assert found
    return found[1]


async def ask(world: World, path: str, email: str) -> httpx.Response:
    return await world.send(None, "POST", f"{path}/followers", {"email": email})


async def confirm(world: World, path: str, code: str, **body: str) -> httpx.Response:
    return await world.send(None, "POST", f"{path}/followers/confirmation", {"email": MEI, "code": code} | body)


async def follow(world: World, path: str, email: str = MEI) -> None:
    await world.get(None, path)
    assert (await ask(world, path, email)).status_code == 202
    assert (await confirm(world, path, code_of(world), email=email)).status_code == 204


async def test_who_confirmed_is_told_of_each_public_step_once_and_leaves_by_the_link_in_a_letter(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    path = await world.roadmap()
    await follow(world, path)
    await follow(world, path)  # twice is once
    await world.get(None, path)
    assert (await ask(world, path, "lei@example.cn")).status_code == 202  # never confirmed
    await sender()
    await world.publish(path)
    await told(world)
    await world.post(world.official, f"{path}/response", text="已开工。", interim=True)
    await told(world)
    letters = [letter for to, letter in mailbox.received if to == [MEI]]
    assert len(letters) == 2
    assert [to for to, _ in mailbox.received] == [[MEI], [MEI]]
    for letter in letters:
        assert f"/petitions/{path[-36:]}" in said(letter)
        for hidden in (TOPIC, DETAILS, "联名", "排涝"):
            assert hidden not in said(letter)
    leaving = urlsplit(letters[0]["List-Unsubscribe"].strip("<>"))
    where = f"{leaving.path}?{leaving.query}"
    await world.client.get(where)  # a mail scanner
    assert await world.store.pool.fetchval("SELECT count(*) FROM followers") == 1
    assert (await world.client.post(where)).status_code == 200
    assert (await world.client.post(where)).status_code == 200  # twice
    assert await world.store.pool.fetchval("SELECT count(*) FROM followers") == 0
    await world.post(world.official, f"{path}/response", text="过半。", interim=True)
    await told(world)
    assert len(mailbox.received) == 2


async def test_nobody_is_followed_without_the_right_code_nor_before_it_is_public(new_world: World) -> None:
    world = new_world
    path, other = await world.accepted(), await world.accepted()
    await world.get(None, other)
    async with nothing_appended(world):
        assert (await ask(world, path, MEI)).status_code == 202
        code = code_of(world)
        is_problem(await confirm(world, path, wrong(code)), 401, "wrong-code")
        is_problem(await confirm(world, other, code), 401, "wrong-code")
        is_problem(await confirm(world, path, code, email="lei@example.cn"), 401, "wrong-code")
        is_problem(await ask(world, path, "no address"), 422, "invalid-input", "/email")
    assert await world.store.pool.fetchval("SELECT count(*) FROM followers") == 0
    for hidden in (await world.collecting(), await world.accepted(category="conduct")):
        await world.get(CLERK, hidden)
        is_problem(await ask(world, hidden, MEI), 404, "not-found")
        is_problem(await confirm(world, hidden, code), 404, "not-found")


async def test_the_table_joins_nobody_and_tells_no_address(new_world: World) -> None:
    paths = [await new_world.accepted() for _ in range(2)]
    for path in paths:
        await follow(new_world, path)
    rows = await new_world.store.pool.fetch("SELECT * FROM followers")
    assert len({row["follower"] for row in rows}) == len({row["sealed"] for row in rows}) == 2
    assert MEI not in str(rows)


async def test_who_is_erased_follows_nothing_any_more(new_world: World, sender: Any, mailbox: Mailbox) -> None:
    world = new_world
    mei = await newcomer(world, 1, email=MEI)
    path = await world.roadmap()
    await follow(world, path)
    await follow(world, path, "lei@example.cn")
    await sender()
    await world.publish(path)
    await told(world)
    services, pool = world.app.state.services, world.store.pool
    await services.erasures.request(UUID(mei.subject), "本人申请", Actor("one", Role.ADMIN), world.clock.at)
    await services.erasures.confirm(UUID(mei.subject), Actor("two", Role.ADMIN), world.clock.at + timedelta(minutes=1))
    assert await pool.fetchval("SELECT count(*) FROM followers") == 1
    assert await pool.fetchval("SELECT count(*) FROM notices WHERE role = 'follower'") == 1
    await world.post(world.official, f"{path}/response", text="已开工。", interim=True)
    await told(world)
    received = [to[0] for to, _ in mailbox.received]
    assert sorted(received[:2]) == ["lei@example.cn", MEI]
    assert received[2:] == ["lei@example.cn"]
