"""Server-sent events, over a real connection."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from domain.command import Role
from tests.api.checks import is_problem
from tests.api.world import CLERK, Person, World, resident


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[httpx.AsyncClient]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(world.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[sock]))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=20) as client:
            yield client
        server.should_exit = True
        await running


async def told(
    world: World, client: httpx.AsyncClient, who: Person | None, **headers: str
) -> AsyncGenerator[dict[str, Any]]:
    """Each event; first the position that the stream starts at, then whatever happens."""
    if who:
        headers["Authorization"] = f"Bearer {world.issuer.token(who.role, who.subject, who.org)}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", "/v1/events", headers=named) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(":")
                event[name] = value.strip()
            else:
                yield event
                event = {}


async def until(stream: AsyncIterator[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """What is told, up to and with the first event of this type."""
    found = []
    async with asyncio.timeout(20):
        async for event in stream:
            found.append(event)
            if event.get("event") == kind:
                return found
    raise AssertionError("the stream ended")


async def test_each_is_told_what_concerns_them_as_it_happens(world: World) -> None:
    async with serving(world) as client:
        public, clerk, host, other = (
            told(world, client, who)
            for who in (None, CLERK, world.host, Person(Role.HOST_STAFF, "other", world.official.org))
        )
        async with aclosing(public), aclosing(clerk), aclosing(host), aclosing(other):
            for stream in (public, clerk, host, other):
                assert (await anext(stream)).keys() == {"retry", "id"}
            hidden = await world.accepted(category="conduct")
            shown = await world.accepted()
            path = await world.in_progress()
            for who, stream in (("public", public), ("clerk", clerk), ("host", host), ("other", other)):
                events = await until(stream, "petition.RoadmapPublished")
                data = [json.loads(event["data"]) for event in events]
                assert [int(event["id"]) for event in events] == [item["position"] for item in data]
                assert sorted(item["position"] for item in data) == [item["position"] for item in data]
                about = {item["petition_id"] for item in data}
                handles = who in ("clerk", "host")
                assert (hidden[-36:] in about) == handles
                assert {shown[-36:], path[-36:]} <= about
                types = {event["event"] for event in events}
                assert ("petition.HostOpinionGiven" in types) == handles
                assert "petition.CoSigned" not in types
                assert all("texts" not in item and "command_id" not in item for item in data)


async def test_whoever_was_away_goes_on_where_they_were(world: World) -> None:
    path = await world.accepted()
    async with serving(world) as client:
        async with aclosing(told(world, client, CLERK, Last_Event_ID="0")) as stream:
            all_events = await until(stream, "petition.Accepted")
            for _ in range(200):
                if all_events[-1]["id"] == str(world.position - 1):
                    break
                all_events += await until(stream, "petition.Accepted")
        await world.post(world.official, f"{path}/acknowledgement")
        async with aclosing(told(world, client, CLERK, Last_Event_ID=all_events[-1]["id"])) as stream:
            missed = await until(stream, "petition.CallAcknowledged")
    assert [event.get("event") for event in missed] == [None, "petition.Called", "petition.CallAcknowledged"]


async def test_a_quiet_line_shows_that_it_is_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.events.HEARTBEAT_SECONDS", 0.05)
    async with serving(world) as client, aclosing(told(world, client, resident(99))) as stream:
        await anext(stream)
        assert await anext(stream) == {"": "still here"}


async def test_a_stream_ends_so_that_its_token_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.events.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("api.events.LIFE_SECONDS", 0.1)
    async with serving(world) as client, aclosing(told(world, client, None)) as stream, asyncio.timeout(20):
        events = [event async for event in stream]
    assert len(events) > 1


async def test_a_stream_starts_at_a_position_or_not_at_all(world: World) -> None:
    for nonsense in ("x", "-1", "1" * 30):
        answer = await world.send(None, "GET", "/v1/events", None, Last_Event_ID=nonsense)
        is_problem(answer, 422, "invalid-event-id", "Last-Event-Id")
    answer = await world.client.get("/v1/events", headers={"Authorization": "Bearer x"})
    is_problem(answer, 401, "unauthenticated", "Authorization")


async def test_the_beginning_of_a_stream_counts_nothing_and_leads_back_to_its_place(world: World) -> None:
    """Whoever connects again and again must not see that something is written; and still misses nothing."""
    path = await world.accepted()
    async with serving(world) as client:
        begun = []
        for _ in range(2):  # nothing happens in between: it differs all the same
            async with aclosing(told(world, client, None)) as stream:
                begun.append((await anext(stream))["id"])
        assert len(set(begun)) == 2
        assert {len(id) for id in begun} == {len(begun[0])}
        await world.post(world.official, f"{path}/acknowledgement")
        async with aclosing(told(world, client, None, Last_Event_ID=begun[0])) as stream:
            missed = await until(stream, "petition.CallAcknowledged")
        assert [event["event"] for event in missed[1:]] == ["petition.CallAcknowledged"]
        answer = await client.get("/v1/events", headers={"Last-Event-ID": begun[0][:-8] + "AAAAAAAA"})
        is_problem(answer, 422, "invalid-event-id", "Last-Event-Id")


async def test_what_one_is_not_told_of_does_not_delay_the_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.events.HEARTBEAT_SECONDS", 0.5)
    path = await world.collecting(1)
    async with serving(world) as client, aclosing(told(world, client, None)) as stream:
        await anext(stream)

        async def sign() -> None:
            for n in range(2, 30):  # more often than the line says that it is open
                await world.post(resident(n), f"{path}/co-signatures")
                await asyncio.sleep(0.1)

        signing = asyncio.create_task(sign())
        async with asyncio.timeout(20):
            assert await anext(stream) == {"": "still here"}
        assert not signing.done()
        await signing
