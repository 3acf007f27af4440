"""Other systems subscribe and are told in order: real receivers on loopback, and the Standard Webhooks library.

The sender's clock is the test's: hours and days pass by setting it.
"""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import standardwebhooks

from domain.command import Role
from infra.outbound import Outbound
from infra.people import People
from projections import webhook_sender
from projections.webhook_sender import GIVE_UP, LAST_RETRY, Sender, retry_after
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_events import serving, told, until
from tests.api.world import ADMIN, AUDITOR, CLERK, DETAILS, MONDAY, POLICY, TOPIC, Person, World, resident
from tests.programs import eventually
from tests.receiver import Delivery, Receiver, answers, receiving

PUBLIC_COURSE = [
    "yuetan.petition.Accepted",
    "yuetan.petition.Called",
    "yuetan.petition.CallAcknowledged",
    "yuetan.meeting.Scheduled",
    "yuetan.meeting.Held",
    "yuetan.meeting.MinutesDrafted",
    "yuetan.petition.MeetingHeld",
    "yuetan.petition.RoadmapPublished",
    "yuetan.task.Offered",
    "yuetan.task.Offered",
]

WRITTEN = ("情况属实", "排涝改造", "议事厅", "年内完成", "铺设排水管", "已完成", "已完工", "第3条")


@dataclass
class Desk:
    """A district with a sender, whose time is the test's."""

    world: World
    now: datetime

    def sender(self, *, allow_private: bool = True) -> Sender:
        services = self.world.app.state.services
        return Sender(
            services.store,
            services.repository,
            services.keyring,
            services.webhook_secrets,
            Outbound(allow_private=allow_private),
            POLICY,
            now=lambda: self.now,
        )

    async def subscribe(self, receiver: Receiver, **wanted: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.world.post(ADMIN, "/v1/webhooks", url=receiver.url, **wanted)
        return made

    async def command(self, webhook: dict[str, Any], what: str, **body: Any) -> Any:
        return await self.world.post(ADMIN, f"/v1/webhooks/{webhook['id']}/{what}", **body)

    async def status(self, webhook: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = await self.world.get(ADMIN, f"/v1/webhooks/{webhook['id']}")
        return found

    async def shows(self, webhook: dict[str, Any], true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            status = await self.status(webhook)
            return status if true(status) else None

        return await eventually(look, 30)

    async def later(self, webhook: dict[str, Any]) -> dict[str, Any]:
        """The time of the next attempt comes, and it fails again."""
        status = await self.status(webhook)
        self.now = datetime.fromisoformat(status["retry_at"])
        return await self.shows(webhook, lambda s: s["attempts"] > status["attempts"] or s["paused"] is not None)

    async def told(self) -> list[int]:
        assert await self.world.app.state.services.positions.wait_for(self.world.position, 30)
        return await publicly_told(self.world.store.pool)


async def publicly_told(pool: asyncpg.Pool) -> list[int]:
    """The positions of what the public is told of petitions, from acceptance on."""
    rows = await pool.fetch(
        "SELECT position FROM timeline.events AS e WHERE visibility = 'public'"
        " AND EXISTS (SELECT FROM timeline.events WHERE petition_id = e.petition_id AND position <= e.position"
        " AND type = 'petition.Accepted') ORDER BY position"
    )
    return [row["position"] for row in rows]


@pytest.fixture
async def desk(new_world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(webhook_sender, "POLL_SECONDS", 0.05)
    services = new_world.app.state.services
    new_world.app.state.services = replace(services, outbound=Outbound(allow_private=True))
    desk = Desk(new_world, datetime.now(UTC))
    async with working(desk.sender()):
        yield desk


class working:  # noqa: N801 - reads as a word of the test
    def __init__(self, *senders: Sender) -> None:
        self._senders = senders

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(sender.run()) for sender in self._senders]

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def verified(delivery: Delivery, webhook: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = standardwebhooks.Webhook(webhook["secret"]).verify(delivery.body, delivery.headers)
    return event


# What is told


async def test_a_subscriber_is_told_what_the_public_is_told_signed_and_in_order(desk: Desk) -> None:
    async with receiving() as receiver:
        webhook = await desk.subscribe(receiver)
        path = await desk.world.in_progress()
        await receiver.took(up_to=(await desk.told())[-1])
        events = [verified(delivery, webhook) for delivery in receiver.taken]
        assert [event["type"] for event in events] == PUBLIC_COURSE
        for event, delivery in zip(events, receiver.taken, strict=True):
            assert delivery.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
            assert event["id"] == delivery.headers["webhook-id"] == str(event["data"]["position"])
            assert event["type"] == f"yuetan.{event['data']['type']}"
            assert (event["subject"], event["source"]) == (path[-36:], "/v1/events")
            assert (event["specversion"], event["datacontenttype"]) == ("1.0", "application/json")
            assert event["time"] == event["data"]["at"]


async def test_what_is_sent_is_what_the_event_stream_tells(desk: Desk) -> None:
    async with serving(desk.world) as client, receiving() as receiver:
        await desk.subscribe(receiver)
        async with aclosing(told(desk.world, client, None)) as stream:
            await anext(stream)
            await desk.world.in_progress()
            streamed = await until(stream, "task.Offered")
        await receiver.took(up_to=(await desk.told())[-1])
    sent = {delivery.headers["webhook-id"]: delivery.event["data"] for delivery in receiver.taken}
    common = [event for event in streamed if event["id"] in sent]
    assert len(common) >= len(PUBLIC_COURSE) - 1
    for event in common:
        assert sent[event["id"]] == json.loads(event["data"])


async def test_no_word_no_person_and_nobody_who_signed_or_judged_leaves(desk: Desk) -> None:
    world = desk.world
    people: People = world.app.state.services.people
    async with receiving() as public, receiving() as handlers:
        for receiver, audience in ((public, "public"), (handlers, "handlers")):
            await desk.subscribe(receiver, audience=audience)
        path = await world.roadmap()
        await world.finish(await world.publish(path))
        await world.feedback(path)
        await world.judge(path, "yes")
        for receiver in (public, handlers):
            await receiver.took(up_to=(await desk.told())[-1])
    sent = b"".join(delivery.body for delivery in public.all + handlers.all).decode()
    petition_id = UUID(path[-36:])
    known = [await people.pseudonym(f"resident-{n}", petition_id) for n in range(1, 11)]
    known += [await people.pseudonym(who.subject, who.org) for who in (world.host, world.officer) if who.org]
    for secret in (*known, TOPIC, DETAILS, *WRITTEN, "sealed", "command_id"):
        assert secret not in sent
    for receiver in (public, handlers):
        types = [delivery.event["type"].removeprefix("yuetan.") for delivery in receiver.taken]
        assert not {"petition.CoSigned", "petition.FeedbackGiven"} & set(types)
        assert types[-2:] == ["petition.FeedbackInvited", "petition.Closed"]  # and nothing that would time a judgement
        assert receiver.taken[-1].event["data"]["data"]["judged"] == 10


async def test_handlers_are_told_more_and_nobody_of_what_is_about_conduct(desk: Desk) -> None:
    async with receiving() as public, receiving() as handlers:
        await desk.subscribe(public)
        await desk.subscribe(handlers, audience="handlers")
        hidden = await desk.world.accepted(category="conduct")
        pending = await desk.world.submitted()
        shown = await desk.world.accepted()
        last = (await desk.told())[-1]
        await public.took(up_to=last)
        await handlers.took(up_to=last)
    about = {receiver: {delivery.event["subject"] for delivery in receiver.taken} for receiver in (public, handlers)}
    assert about == {public: {shown[-36:]}, handlers: {shown[-36:], pending[-36:]}}
    assert hidden[-36:] not in about[handlers]
    assert {d.event["type"] for d in public.taken} == {"yuetan.petition.Accepted", "yuetan.petition.Called"}
    assert "yuetan.petition.HostOpinionGiven" in {d.event["type"] for d in handlers.taken}


async def test_a_subscriber_may_want_some_types_only_and_start_in_the_past(desk: Desk) -> None:
    await desk.world.in_progress()
    async with receiving() as receiver:
        webhook = await desk.subscribe(receiver, types=["task.Offered", "petition.Accepted"], from_position=1)
        await receiver.came(3)
        status = await desk.shows(webhook, lambda status: status["lag"] == 0)
        assert status["delivered_at"]
    names = [delivery.event["type"] for delivery in receiver.all]
    assert names == ["yuetan.petition.Accepted", "yuetan.task.Offered", "yuetan.task.Offered"]


# In order, whatever happens


async def test_whatever_goes_wrong_everything_arrives_in_order(desk: Desk) -> None:
    chance = random.Random(7)
    failures = [answers(503), answers(404), answers(301, "Location: /elsewhere"), b"", b"no HTTP\r\n\r\n"]
    async with receiving() as receiver:

        async def moody(delivery: Delivery) -> bytes:
            return chance.choice(failures) if chance.random() < 0.5 else answers(200)

        receiver.answer = moody  # type: ignore[method-assign]
        webhook = await desk.subscribe(receiver)
        for _ in range(2):
            await desk.world.in_progress()
        expected = await desk.told()
        while len(receiver.taken) < len(expected):
            status = await desk.status(webhook)
            if status["retry_at"]:
                desk.now = datetime.fromisoformat(status["retry_at"])
            await asyncio.sleep(0)
        assert [delivery.position for delivery in receiver.taken] == expected
        assert len(receiver.all) > len(expected)
        tried = [delivery.position for delivery in receiver.all]
        assert tried == sorted(tried)
        bodies = {(delivery.position, delivery.body) for delivery in receiver.all}
        assert len(bodies) == len(expected)  # the same to the byte, each time


async def test_one_that_was_down_for_an_hour_gets_everything_in_order_afterwards(desk: Desk) -> None:
    back_at, desk.now = desk.now, desk.now - timedelta(hours=1)
    async with receiving() as receiver:
        receiver.status = 503
        webhook = await desk.subscribe(receiver)
        await desk.world.in_progress()
        status = await desk.shows(webhook, lambda status: status["attempts"] > 0)
        waits = []
        while datetime.fromisoformat(status["retry_at"]) < back_at:
            waits.append(datetime.fromisoformat(status["retry_at"]) - desk.now)
            status = await desk.later(webhook)
        assert status["error"] == "answered 503"
        assert status["lag"] > 0
        assert len(waits) > 5
        assert all(later > 1.1 * earlier for earlier, later in pairwise(waits))
        receiver.status, desk.now = 200, datetime.fromisoformat(status["retry_at"])
        expected = await desk.told()
        assert await receiver.took(up_to=expected[-1]) == expected
        status = await desk.shows(webhook, lambda status: status["lag"] == 0)
        assert (status["attempts"], status["failing_since"], status["retry_at"]) == (0, None, None)


async def test_one_that_answers_slowly_delays_nobody_else(desk: Desk) -> None:
    released = asyncio.Event()
    async with receiving() as slow, receiving() as quick:

        async def wait(delivery: Delivery) -> bytes:
            await released.wait()
            return answers(200)

        slow.answer = wait  # type: ignore[method-assign]
        for receiver in (slow, quick):
            await desk.subscribe(receiver)
        await desk.world.in_progress()
        expected = await desk.told()
        assert await quick.took(up_to=expected[-1]) == expected
        assert [delivery.position for delivery in slow.all] == expected[:1]
        released.set()
        assert await slow.took(up_to=expected[-1]) == expected


async def test_of_several_senders_one_sends(desk: Desk) -> None:
    async with working(desk.sender(), desk.sender()), receiving() as receiver:
        await desk.subscribe(receiver)
        await desk.world.in_progress()
        expected = await desk.told()
        assert await receiver.took(up_to=expected[-1]) == expected
        assert len(receiver.all) == len(expected)


async def test_another_goes_on_when_the_connection_of_the_one_is_cut(desk: Desk) -> None:
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with receiving() as receiver:
        await desk.subscribe(receiver)
        await desk.world.accepted()
        await receiver.came(2)
        assert await desk.world.store.pool.fetchval(cut, webhook_sender._TURN) == 1
        await desk.world.in_progress()
        expected = await desk.told()
        taken = await receiver.took(up_to=expected[-1])
        assert sorted(set(taken)) == expected
        assert taken == sorted(taken)


# What administrators do


async def test_pause_loses_nothing_and_replay_sends_the_same_again(desk: Desk) -> None:
    async with receiving() as receiver:
        webhook = await desk.subscribe(receiver)
        await desk.world.accepted()
        await receiver.came(2)
        assert (await desk.command(webhook, "pause"))["paused"] == "asked"
        await desk.status(webhook)
        await desk.world.in_progress()
        expected = await desk.told()
        assert len(receiver.all) == 2
        await desk.command(webhook, "resumption")
        assert await receiver.took(up_to=expected[-1]) == expected
        first = [(delivery.headers["webhook-id"], delivery.body) for delivery in receiver.all]
        await desk.command(webhook, "replay", from_position=expected[1])
        await receiver.came(2 * len(expected) - 1)
        again = [(delivery.headers["webhook-id"], delivery.body) for delivery in receiver.all[len(expected) :]]
        assert again == first[1:]


async def test_during_a_rotation_both_secrets_verify_and_afterwards_only_the_new_one(desk: Desk) -> None:
    async def rotated(at: datetime) -> dict[str, Any]:
        desk.world.clock.at = at
        new: dict[str, Any] = await desk.command(first, "secret", overlap_hours=1)
        desk.world.clock.at = MONDAY
        await desk.status(first)
        await desk.world.accepted()
        return new

    async with receiving() as receiver:
        first = await desk.subscribe(receiver)
        second = await rotated(desk.now)
        await receiver.came(2)
        for webhook in (first, second):
            verified(receiver.all[0], webhook)
        third = await rotated(desk.now - timedelta(hours=2))
        await receiver.came(4)
        verified(receiver.all[2], third)
        for webhook in (first, second):
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                verified(receiver.all[2], webhook)


async def test_a_secret_that_is_dead_signs_nothing_more_though_a_delivery_is_under_way(desk: Desk) -> None:
    released = asyncio.Event()
    async with receiving() as receiver:

        async def wait(delivery: Delivery) -> bytes:
            await released.wait()
            return answers(200)

        receiver.answer = wait  # type: ignore[method-assign]
        old = await desk.subscribe(receiver)
        await desk.world.in_progress()
        expected = await desk.told()
        await receiver.came(1)
        new = await desk.command(old, "secret", overlap_hours=0)
        heeded = "SELECT true FROM webhook_deliveries WHERE version = $1"
        await eventually(lambda: desk.world.store.pool.fetchval(heeded, new["version"]))
        released.set()
        assert await receiver.took(up_to=expected[-1]) == expected
        verified(receiver.all[0], old)
        for delivery in receiver.all[1:]:
            verified(delivery, new)


async def test_a_cancelled_one_is_told_nothing_more_and_is_gone(desk: Desk) -> None:
    async with receiving() as receiver, receiving() as other:
        webhook = await desk.subscribe(receiver)
        await desk.subscribe(other)
        assert (await desk.world.send(ADMIN, "DELETE", f"/v1/webhooks/{webhook['id']}")).is_success
        await desk.world.accepted()
        await other.came(2)
        assert receiver.all == []
        is_problem(await desk.world.read(ADMIN, f"/v1/webhooks/{webhook['id']}"), 404, "not-found")
        again = await desk.world.send(ADMIN, "DELETE", f"/v1/webhooks/{webhook['id']}")
        is_problem(again, 404, "not-found")


async def test_one_that_fails_for_days_is_paused_and_says_so_until_it_is_resumed(desk: Desk) -> None:
    async with receiving() as receiver:
        receiver.status = 500
        webhook = await desk.subscribe(receiver)
        await desk.world.accepted()
        await desk.shows(webhook, lambda status: status["attempts"] == 1)
        desk.now += GIVE_UP - timedelta(hours=1)
        status = await desk.shows(webhook, lambda status: status["attempts"] == 2)
        assert status["paused"] is None
        desk.now += LAST_RETRY
        status = await desk.shows(webhook, lambda status: status["paused"] is not None)
        assert (status["paused"], status["error"]) == ("unanswered", "answered 500")
        figures = (await desk.world.client.get("/metrics")).text
        assert f'yuetan_webhook_failures{{webhook="{webhook["id"]}"}} 3.0' in figures
        receiver.status = 200
        await desk.command(webhook, "resumption")
        assert await receiver.took(up_to=(await desk.told())[-1]) == await desk.told()


async def test_one_that_says_it_is_gone_is_paused_at_once(desk: Desk) -> None:
    async with receiving() as receiver:
        receiver.status = 410
        webhook = await desk.subscribe(receiver)
        await desk.world.accepted()
        status = await desk.shows(webhook, lambda status: status["paused"] is not None)
        assert (status["paused"], len(receiver.all)) == ("gone", 1)


def test_waits_grow_from_seconds_to_hours_and_differ() -> None:
    for attempts, seconds in ((1, 5), (2, 10), (5, 80), (30, LAST_RETRY.total_seconds()), (10**6, 7200)):
        waits = {retry_after(attempts).total_seconds() for _ in range(20)}
        assert len(waits) > 10
        assert all(0.75 * seconds <= wait <= 1.25 * seconds for wait in waits)


# Nobody's way into our own network


async def test_a_redirect_to_this_machine_gets_nothing(desk: Desk) -> None:
    async with receiving() as inside, receiving() as receiver:

        async def redirect(delivery: Delivery) -> bytes:
            return answers(307, f"Location: {inside.url}")

        receiver.answer = redirect  # type: ignore[method-assign]
        webhook = await desk.subscribe(receiver)
        await desk.world.accepted()
        status = await desk.shows(webhook, lambda status: status["attempts"] == 1)
        assert status["error"] == "answered 307: redirects are not followed"
        assert inside.connections == 0


async def test_a_name_that_stands_for_this_machine_is_refused_when_it_is_sent_to(new_world: World) -> None:
    desk = Desk(new_world, datetime.now(UTC))
    async with receiving() as receiver, working(desk.sender(allow_private=False)):
        port = receiver.url.split(":")[2].removesuffix("/hook")
        receiver.url = f"https://localhost:{port}/"
        webhook = await desk.subscribe(receiver)
        await desk.world.accepted()
        status = await desk.shows(webhook, lambda status: status["attempts"] == 1)
        assert status["error"] == "refused: the name stands for a private address or this machine's own"
        assert receiver.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "example.org", "https://", "https://user:pw@example.org/"),
        *("https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://100.64.0.1/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://[fe80::1]/"),
        *("https://0.0.0.0/", "https://example.org/#part", "https://example.org:99999/", "https://a.b/" + "x" * 1989),
    ],
)
async def test_an_address_that_will_not_do_is_refused_at_once(world: World, url: str) -> None:
    async with nothing_appended(world):
        answer = await world.send(ADMIN, "POST", "/v1/webhooks", {"url": url})
    is_problem(answer, 422, "webhook-address", "/url")


# Over HTTP


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://a.example/", "types": ["petition.CoSigned"]}, "/types"),
        ({"url": "https://a.example/", "types": ["petition.Reminded"]}, ""),
        ({"url": "https://a.example/", "from_position": 0}, "/from_position"),
        ({"url": "https://a.example/", "audience": "everybody"}, "/audience"),
        ({}, "/url"),
    ],
)
async def test_what_nobody_is_told_cannot_be_subscribed_to(world: World, body: dict[str, Any], field: str) -> None:
    async with nothing_appended(world):
        is_problem(await world.send(ADMIN, "POST", "/v1/webhooks", body), 422, "invalid-input", field)


async def test_the_secret_is_shown_once_and_to_a_repeated_request(world: World) -> None:
    body = {"url": "https://a.example/hook?token=s3cr3t"}
    first = await world.send(ADMIN, "POST", "/v1/webhooks", body, Idempotency_Key="hook")
    async with nothing_appended(world):
        again = await world.send(ADMIN, "POST", "/v1/webhooks", body, Idempotency_Key="hook")
    assert (first.status_code, again.content) == (201, first.content)
    secret, path = first.json()["secret"], first.headers["Location"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    for who in (ADMIN, AUDITOR):
        page = await world.read(who, path)
        assert page.json()["url"] == body["url"]
        assert secret not in page.text + (await world.read(who, "/v1/webhooks?limit=200")).text
    rows = await world.store.pool.fetch("SELECT convert_from(state, 'UTF8') FROM stored_events")
    rows += await world.store.pool.fetch("SELECT s::text FROM webhooks.subscriptions AS s")
    log = "".join(str(row[0]) for row in rows)
    for hidden in (secret, secret.removeprefix("whsec_"), "a.example", "s3cr3t"):
        assert hidden not in log


async def test_only_administrators_subscribe_and_only_auditors_look_on(world: World) -> None:
    path = (await world.send(ADMIN, "POST", "/v1/webhooks", {"url": "https://a.example/"})).headers["Location"]
    for who in (CLERK, resident(1), world.host, AUDITOR, Person(Role.SUPERVISOR, "s")):
        async with nothing_appended(world):
            answer = await world.send(who, "POST", "/v1/webhooks", {"url": "https://b.example/"})
            is_problem(answer, 403, "forbidden")
            is_problem(await world.send(who, "POST", f"{path}/pause"), 403, "forbidden")
            is_problem(await world.send(who, "DELETE", path), 403, "forbidden")
        if who != AUDITOR:
            is_problem(await world.read(who, path), 403, "forbidden")
            is_problem(await world.read(who, "/v1/webhooks"), 403, "forbidden")
