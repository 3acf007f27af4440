"""Fifty residents at the tenth place of one petition, through two API processes on one database."""

import asyncio
import time
from collections import Counter
from itertools import pairwise
from uuid import UUID, uuid4

import asyncpg
import httpx

from tests.faults.conftest import Cluster
from tests.programs import tokens

ROUNDS = 5


async def test_fifty_at_the_tenth_place_cross_it_once_and_nobody_is_counted_twice(cluster: Cluster) -> None:
    token = tokens(cluster.keys)
    took: list[float] = []

    async def sign(url: str, path: str, n: int, key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token('resident', f'racer-{n}', None)}", "Idempotency-Key": key}
        started = time.perf_counter()
        answer = await client.post(f"{url}{path}/co-signatures", headers=headers)
        took.append(time.perf_counter() - started)
        return answer

    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(timeout=30, limits=limits) as client,
        asyncpg.create_pool(cluster.settings["YUETAN_DATABASE_URL"], min_size=1) as pool,
    ):
        for _ in range(ROUNDS):
            path = await _petition(client, cluster.apis[0], token)
            for n in range(2, 10):
                await sign(cluster.apis[n % 2], path, n, str(uuid4()))
            took.clear()
            # Everybody presses the button on both machines at once: a retry on the one, another attempt on the other.
            keys = {n: str(uuid4()) for n in range(10, 60)}
            first, second = cluster.apis
            answers = await asyncio.gather(
                *(sign(first, path, n, keys[n]) for n in keys),
                *(sign(second, path, n, keys[n] if n % 2 else str(uuid4())) for n in keys),
            )
            took.sort()
            print(f"100 requests of 50 racers: p50 {took[50] * 1000:.0f} ms, p99 {took[98] * 1000:.0f} ms")
            # 25 send one command twice and get one answer twice; the others send two, and the second is refused.
            assert Counter(answer.status_code for answer in answers) == {200: 75, 409: 25}
            for n, here, there in zip(keys, answers[:50], answers[50:], strict=True):
                if n % 2:
                    assert here.content == there.content
            counted = sorted({answer.json()["signatures"] for answer in answers if answer.is_success})
            assert counted == list(range(10, 60))
            rows = await pool.fetch(
                "SELECT topic, originator_version FROM stored_events WHERE originator_id = $1 ORDER BY 2",
                UUID(path[-36:]),
            )
            topics = Counter(row["topic"] for row in rows)
            assert topics == {"petition.Opened": 1, "petition.CoSigned": 58, "petition.ThresholdReached": 1}
            assert all(b["originator_version"] - a["originator_version"] == 1 for a, b in pairwise(rows))
            assert rows[10]["topic"] == "petition.ThresholdReached"


async def _petition(client: httpx.AsyncClient, url: str, token: object) -> str:
    assert callable(token)

    async def post(role: str, path: str, **body: object) -> str:
        headers = {"Authorization": f"Bearer {token(role, 'racer-1', None)}"}
        answer = (await client.post(url + path, json=body, headers=headers)).raise_for_status()
        return str(answer.json()["id"])

    host = await post("admin", "/v1/hosts", name="划船社区", kind="community")
    call = await post("admin", "/v1/posts", name="区委书记", kind="party_committee")
    body = {"topic": "小区低洼地排涝改造", "details": "雨后积水。", "category": "grievance"}
    petition = await post("resident", "/v1/petitions", **body, host_id=host, called_post_ids=[call])
    return f"/v1/petitions/{petition}"
