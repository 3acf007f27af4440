"""What strangers send: none of it breaks anything, and every answer says what is wrong."""

import asyncio
import itertools
import json
import re
from uuid import uuid4

import asyncpg
import httpx
import pytest

from domain.command import Role
from tests.faults.conftest import Cluster
from tests.stories.story import Story

IDS = ("0", "%00", "%ff", "..%2f..", "{7}", "9" * 3000, "%F0%9F%98%80", str(uuid4()))
QUERIES = (
    "limit=0&limit=-1",
    "limit=1000000000",
    "cursor=%ff%fe",
    "cursor=" + "9" * 5000,
    "after=-1",
    "after=99999999999999999999",
    "as_of=0001-01-01T00:00:00%2B14:00",
    "as_of=9999-12-31T23:59:59-14:00",
    "q=%00",
    "q=%25'%5C",
    "phase=%ED%A0%80",
    "by=x",
)
BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"\\ud800"',
    b'{"\\ud800": 1}',
    b'{"topic": "\xff"}',
    b'{"topic": NaN, "reason": 1e999}',
    b'{"topic": ' + b"9" * 10_000 + b"}",
    b"[" * 100_000,
    b'{"topic":' * 20_000 + b"1" + b"}" * 20_000,
    json.dumps({"topic": "\0", "reason": "\u202e", "starts_at": "9999-12-31T23:59:59-12:00"}).encode(),
)
HEADERS = (
    {b"If-Match": b'"' + b"9" * 40 + b'"'},
    {b"If-Match": b"W/*"},
    {b"Idempotency-Key": b"a" * 256},
    {b"Idempotency-Key": b"\xe9"},
    {b"Content-Type": b"text/html"},
    {b"Content-Type": b"application/json; charset=utf-16"},
    {b"Last-Event-ID": b"-1"},
    {b"Authorization": b"Bearer \xff"},
    {b"Authorization": b"Bearer " + b"a" * 20_000},
)


async def test_no_route_breaks_or_appends_whatever_it_is_sent(cluster: Cluster) -> None:
    database = await asyncpg.connect(cluster.settings["YUETAN_DATABASE_URL"])
    async with cluster.worker(), cluster.people() as people:  # some pages wait until all is shown
        story = await Story.opened(people)
        await story.post(story.residents[0], "withdrawal")  # else a stranger could sign
        head = await database.fetchval("SELECT max(notification_id) FROM stored_events")
        routes = (await people.client.get("/openapi.json")).json()["paths"]
        ids, queries = itertools.cycle(IDS), itertools.cycle(QUERIES)
        bodies, headers = itertools.cycle(BODIES), itertools.cycle(HEADERS)
        roles = itertools.cycle(role for role in Role if role != Role.WORKFLOW)
        answers, as_usual = 0, {b"Content-Type": b"application/json"}
        for path, method in ((path, method) for path, methods in routes.items() for method in methods):
            for _ in range(len(BODIES)):
                known = re.sub(r"\{.*?\}", story.id, path)
                for place in dict.fromkeys((known, re.sub(r"\{.*?\}", next(ids), path))):
                    token = people.token(next(roles), "stranger", str(uuid4())).encode()
                    request = people.client.build_request(
                        method.upper(),
                        f"{place}?{next(queries)}",
                        content=b"" if method == "get" else next(bodies),
                        headers={**as_usual, b"Authorization": b"Bearer " + token, **next(headers)},
                    )
                    answer = await people.client.send(request, stream=True)
                    await _is_sound(answer)
                    answers += 1
        print(f"{answers} answers")
        assert await database.fetchval("SELECT max(notification_id) FROM stored_events") == head
    await database.close()


async def _is_sound(answer: httpx.Response) -> None:
    """Accepted, or refused with a problem. A stream of events goes on for ever, so it is only looked at."""
    if answer.headers["Content-Type"].startswith("text/event-stream"):
        assert answer.status_code == 200
    else:
        await answer.aread()
        about = f"{answer.request.method} {str(answer.request.url)[:200]}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, about
        assert answer.is_success or answer.headers["Content-Type"] == "application/problem+json", about
    await answer.aclose()


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 10_000_000])
async def test_who_sends_too_much_is_told_so_and_not_cut_off(cluster: Cluster, size: int) -> None:
    async with cluster.people() as people:
        answer = await people.client.post("/v1/petitions", content=b"a" * size)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


async def test_who_sends_half_a_request_or_none_holds_up_nobody(cluster: Cluster) -> None:
    address = httpx.URL(cluster.apis[0])
    started = b"POST /v1/petitions HTTP/1.1\r\nHost: yuetan\r\nContent-Length: 100\r\n\r\n{"
    lines = [await asyncio.open_connection(address.host, address.port) for _ in range(200)]
    for (_, writer), sent in zip(lines, itertools.cycle((started, started[:20], b"")), strict=False):
        writer.write(sent)
        await writer.drain()
    async with httpx.AsyncClient(base_url=address, timeout=5) as client:
        assert (await client.get("/v1/petitions")).status_code == 200
    for _, writer in lines:
        writer.close()
