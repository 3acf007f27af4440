"""Everybody is told of what concerns them: once, not at night, and so that a glance at a locked phone says nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from domain.command import Role
from infra.correspondents import Correspondents
from infra.gateway import Outside
from infra.register_log import Actor
from projections import notices
from projections.notice_sender import NoticeSender
from tests.api.test_intakes import enter, second
from tests.api.world import CLERK, DETAILS, TOPIC, Person, World, resident
from tests.infra.test_gateway import Mailbox, Sms, http, mailbox, sms, smtp_url
from tests.programs import eventually

__all__ = ["http", "mailbox", "sms", "smtp_url"]
PUBLIC = "https://yuetan.example.cn"


@pytest.fixture
async def sender(new_world: World, http: httpx.AsyncClient, smtp_url: str, sms: Sms) -> AsyncIterator[Any]:
    """Starts telling and sending, as often as a test likes: it may be killed in between."""
    running: list[asyncio.Task[None]] = []

    async def stop() -> None:
        while running:
            task = running.pop()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def start() -> Callable[[], Any]:
        world = new_world
        gateway = Outside(http, sms_url=sms.url, smtp_url=smtp_url, mail_from="yuetan@example.cn")
        correspondents = Correspondents(world.app.state.services.sign_in.register)
        found = NoticeSender(world.store, world.repository, correspondents, gateway, PUBLIC, world.clock)
        running.append(asyncio.create_task(found.run()))
        return stop

    yield start
    await stop()


async def newcomer(world: World, n: int, **contact: str) -> Person:
    """On the host's roll, and signed in."""
    await world.send(None, "POST", "/v1/sign-in", contact)
    code = world.outbox.sent[-1][1].split(" ")[1].rstrip(",内有效")[:6]
    entered = {"host_id": str(world.host.org), "name": f"居民{n}", "basis": "lives", "adult": True}
    answer = await world.send(None, "POST", "/v1/sign-in/registration", contact | {"code": code} | entered)
    assert answer.status_code == 201, answer.text
    subject = (await world.app.state.services.verifier.verify(answer.json()["token"])).subject
    return Person(Role.RESIDENT, subject)


async def signed_by_mei(world: World, others: int) -> tuple[Person, str]:
    """Somebody with an e-mail address, and the path of a petition that she has signed last."""
    mei = await newcomer(world, 1, email="mei@example.cn")
    path = await world.collecting(others)
    await world.post(mei, f"{path}/co-signatures")
    return mei, path


async def told(world: World) -> None:
    """Until all that has happened was told and all that is to be sent by now was."""

    async def done() -> bool:
        row = await world.store.pool.fetchrow(
            "SELECT (SELECT position FROM notice_progress) >= $1 AS told, (SELECT count(*) FROM notice_deliveries"
            " WHERE outcome IS NULL AND send_at <= $2) AS waiting",
            world.position,
            world.clock.at,
        )
        return bool(row and row["told"] and not row["waiting"])

    await eventually(done)


def said(letter: EmailMessage) -> str:
    return f"{letter['Subject']} {letter.get_content()}"


async def test_signers_are_written_to_of_every_step_and_staff_of_what_waits_for_them(
    new_world: World, sender: Any, mailbox: Mailbox, sms: Sms
) -> None:
    world = new_world
    mei, lei = await newcomer(world, 1, email="mei@example.cn"), await newcomer(world, 2, phone="138 0000 0001")
    for who, address in ((world.official, "office@example.cn"), (CLERK, "clerk@example.cn")):
        settings = {"language": "en", "prefer": "email", "optional": True, "email": address}
        assert (await world.send(who, "PUT", "/v1/notices/settings", settings)).status_code == 200
    await sender()
    path = await world.collecting(8)
    for person in (mei, lei):
        await world.post(person, f"{path}/co-signatures")
    await told(world)
    assert mailbox.received == []  # nothing has happened that concerns her
    assert sms.received == []
    await world.post(world.host, f"{path}/host-opinion", opinion="属实。")
    await told(world)
    await world.post(CLERK, f"{path}/acceptance")
    await told(world)

    to_mei = [letter for to, letter in mailbox.received if to == ["mei@example.cn"]]
    assert len(to_mei) == 2  # submitted, accepted
    assert len({letter["Message-ID"] for letter in to_mei}) == 2
    assert [body["to"] for _, body in sms.received] == ["13800000001"] * 2
    for shown in [*map(said, to_mei), *(body["text"] for _, body in sms.received)]:
        for secret in (TOPIC, DETAILS, "联名", "申请", "受理", "petition", path[-36:]):
            assert secret not in shown
    assert to_mei[0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert to_mei[1]["List-Unsubscribe"] is None  # one has a right to know that it was accepted
    subjects = [letter["Subject"] for to, letter in mailbox.received if to == ["clerk@example.cn"]]
    assert sorted(subjects) == sorted(notices.TEXTS["en"]["staff"][kind] for kind in ("admissibility", "public_text"))
    to_office = [letter for to, letter in mailbox.received if to == ["office@example.cn"]]
    assert notices.TEXTS["en"]["staff"]["acknowledge"] in {letter["Subject"] for letter in to_office}

    news = (await world.get(mei, "/v1/notices"))["items"]
    assert [(item["petition_id"], item["kind"]) for item in news] == [
        (path[-36:], "petition.Accepted"),
        (path[-36:], "petition.Submitted"),
    ]
    assert news[0]["zh"].startswith("申请已受理")
    assert (await world.get(resident(99), "/v1/notices"))["items"] == []
    waiting = {item["kind"] for item in (await world.get(world.official, "/v1/notices"))["items"]}
    assert "acknowledge" in waiting
    other = Person(Role.OFFICIAL, "another", UUID(int=1))
    assert (await world.get(other, "/v1/notices"))["items"] == []


async def test_signers_are_asked_for_their_votes_and_told_until_when(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    await sender()
    mei, path = await signed_by_mei(world, others=9)
    await world.post(world.host, f"{path}/host-opinion", opinion="属实。")
    ballot = await world.post(resident(1), f"{path}/ballots", question="withdrawal")
    await told(world)
    item = (await world.get(mei, "/v1/notices"))["items"][0]
    assert (item["kind"], item["due_at"]) == ("petition.BallotCalled", ballot["ballot"]["due_at"])
    assert mailbox.received[-1][1]["List-Unsubscribe"] is None, "one has a right to be asked"
    for n in range(1, 7):
        await world.post(resident(n), f"/v1/ballots/{ballot['id']}/votes", choices=["yes"])
    await told(world)
    kinds = [item["kind"] for item in (await world.get(mei, "/v1/notices"))["items"]]
    assert kinds[:2] == ["petition.Withdrawn", "petition.BallotConcluded"]


async def test_each_is_told_once_however_often_the_sender_stops_and_the_mail_server_refuses(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    _, path = await signed_by_mei(world, others=9)
    await world.post(world.host, f"{path}/host-opinion", opinion="属实。")
    mailbox.answer = "451 later"
    stop = await sender()
    await told(world)
    await stop()
    tried = len(mailbox.received)
    assert tried >= 1
    mailbox.answer = "250 OK"
    await (await sender())()
    await sender()
    await told(world)
    assert len(mailbox.received) == tried  # it waits a while first
    world.clock.at += timedelta(hours=1)
    await told(world)
    assert len(mailbox.received) == tried + 1
    assert len({letter["Message-ID"] for _, letter in mailbox.received}) == 1
    world.clock.at += timedelta(hours=1)
    await told(world)
    assert len(mailbox.received) == tried + 1


async def test_nobody_is_woken_and_what_is_not_required_can_be_left(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    mei, path = await signed_by_mei(world, others=9)
    world.clock.at += timedelta(hours=13)  # 22:00 in Ningbo
    await sender()
    await world.post(world.host, f"{path}/host-opinion", opinion="属实。")
    await told(world)
    assert mailbox.received == []
    world.clock.at += timedelta(hours=9)
    await told(world)
    ((_, letter),) = mailbox.received

    link = urlsplit(letter["List-Unsubscribe"].strip("<>"))
    assert f"{link.scheme}://{link.netloc}" == PUBLIC
    address = f"{link.path}?{link.query}"
    page = await world.client.get(address)
    assert page.status_code == 200
    assert 'method="post"' in page.text
    assert (await world.client.get("/v1/notices/settings", headers=bearer(world, mei))).json()["optional"] is True
    one_click = await world.client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    forged = await world.client.post(f"{address[:-3]}abc", data={"List-Unsubscribe": "One-Click"})
    assert (forged.status_code, forged.json()["type"]) == (404, "/problems/no-such-link")
    assert (await world.client.get("/v1/notices/settings", headers=bearer(world, mei))).json()["optional"] is False

    await world.post(CLERK, f"{path}/acceptance")
    await world.post(world.official, f"{path}/acknowledgement")
    await told(world)
    assert len(mailbox.received) == 2  # of the acceptance; not of the acknowledgement, which stands in the list
    assert (await world.get(mei, "/v1/notices"))["items"][0]["kind"] == "petition.CallAcknowledged"


async def test_addresses_of_residents_are_changed_in_the_register_only(new_world: World) -> None:
    body = {"language": "en", "prefer": "phone", "optional": True, "email": "x@example.cn"}
    answer = await new_world.send(resident(1), "PUT", "/v1/notices/settings", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/address-in-register")
    assert (await new_world.client.get("/v1/notices")).status_code == 401


def bearer(world: World, who: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.issuer.token(who.role, who.subject, who.org)}"}


async def test_whoever_is_signed_for_is_told_and_told_again_when_that_is_called_false(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    mei = await newcomer(world, 1, email="mei@example.cn")
    path = await world.collecting(2)
    intake = (await enter(world, path, mei)).headers["Location"]
    await sender()
    await told(world)
    await world.post(world.host, f"{intake}/invalidation", reason="字迹不符。")
    await told(world)
    assert [to for to, _ in mailbox.received] == [["mei@example.cn"]]
    await world.post(second(world), f"{intake}/invalidation/confirmation")
    await told(world)
    news = (await world.get(mei, "/v1/notices"))["items"]
    assert [item["kind"] for item in news] == ["intake.InvalidationConfirmed", "intake.Filed"]
    assert len(mailbox.received) == 2
    for _, letter in mailbox.received:
        assert not any(word in said(letter) for word in (TOPIC, "联名", "字迹", path[-36:]))
    assert (await world.get(resident(2), "/v1/notices"))["items"] == []


def test_every_kind_has_words_in_both_languages() -> None:
    source = Path("projections/inbox.py").read_text("utf-8")
    kinds = set(re.findall(r'put\(\s*[A-Z_]+,\s*"([a-z_]+)"', source)) | {"objection", notices.REMINDER}
    assert len(kinds) > 10
    for language in notices.LANGUAGES:
        words = notices.TEXTS[language]
        assert set(words["resident"]) == {"other", *notices.FOR_RESIDENTS}
        missing = kinds - set(words["staff"])
        assert not missing, f"projections/notices.{language}.toml lacks {missing} under [staff]"


async def test_who_is_erased_is_told_nothing_any_more_and_leaves_no_address(
    new_world: World, sender: Any, mailbox: Mailbox
) -> None:
    world = new_world
    mei, path = await signed_by_mei(world, others=8)
    await world.send(mei, "PUT", "/v1/notices/settings", {"language": "en"})
    await world.post(resident(1), f"{path}/withdrawal")
    await sender()
    await told(world)
    assert len(mailbox.received) == 1
    services, pool = world.app.state.services, world.store.pool
    before = await pool.fetchval("SELECT count(*) FROM notice_addresses")
    person = UUID(mei.subject)
    await services.erasures.request(person, "本人申请", Actor("one", Role.ADMIN), world.clock.at)
    await services.erasures.confirm(person, Actor("two", Role.ADMIN), world.clock.at)
    assert await services.erasures.carry_out(world.clock.at + timedelta(hours=1)) == 1
    assert await pool.fetchval("SELECT count(*) FROM notice_addresses") == before - 1
    assert await pool.fetchval("SELECT count(*) FROM notice_settings") == 0
    assert await pool.fetchval("SELECT count(*) FROM notices WHERE role = 'resident'") == 8
