"""Replay: a petition of 1,000 events at any of its places, and a district of 10,000 petitions at any moment."""

import random
import statistics
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from domain.calendar import ONE_DAY, local_day
from domain.command import Role
from infra.database import connect
from projections import statistics as figures
from tests.api.conftest import beginning
from tests.api.world import AUDITOR, World
from tests.benchmarks.district import populate
from tests.benchmarks.store import new_database

EVENTS, SIGNATURES, ASKED = 1_000, 450, 100
PETITIONS, MOST_MS = 10_000, 50
DICE = random.Random(6)


# (What a busy machine takes from all, "at work" does not show.)


async def measure(url: str, folder: Path, petitions: int = PETITIONS) -> None:
    pool = await connect(await new_database(url, "replay_test"))
    async with beginning(pool, folder / "replay keys") as world:
        await one_petition(world)
    await pool.close()
    pool = await connect(await new_database(url, "moments_test"))
    await populate(pool, folder / "keys", petitions)
    await whole_district(pool, petitions)
    await pool.close()


async def one_petition(world: World) -> None:
    path = await grown(world)
    token = world.issuer.token(Role.AUDITOR, AUDITOR.subject)
    await world.get(AUDITOR, path)  # until the read models show it
    id = UUID(path[-36:])
    rows = await world.store.pool.fetch("SELECT position FROM timeline.events WHERE petition_id = $1", id)
    places = [row["position"] for row in rows]
    print(f"a petition of {EVENTS:,} events, of which {len(places):,} are told")
    headers = {"Authorization": f"Bearer {token}"}
    last = max(places)
    rows = await world.store.pool.fetch("SELECT DISTINCT subject_id FROM timeline.events WHERE petition_id = $1", id)
    parts, reading = [row["subject_id"] for row in rows], []
    for _ in range(ASKED):
        began = time.perf_counter()
        await world.store.pool.fetch("SELECT * FROM stored_events WHERE originator_id = ANY ($1)", parts)
        reading.append(1000 * (time.perf_counter() - began))
    report("reading its events alone", reading)
    for name, address in {
        "an event, anywhere": lambda: f"{path}/history/{DICE.choice(places)}",
        "the last event": lambda: f"{path}/history/{last}",
        "the last against any": lambda: f"{path}/history/{last}?since={DICE.choice(places)}",
        "state, anywhere": lambda: f"{path}/state?position={DICE.choice(places)}",
        "200 events and their rules": lambda: f"{path}/history?limit=200&rulings=true",
    }.items():
        await asked(name, world.client, address, headers)


async def grown(world: World) -> str:
    """A petition that many have signed, and on whose task there were reports again and again."""
    begun = await world.store.max_notification_id()
    path = await world.roadmap(signatures=SIGNATURES)
    task, _ = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    while await world.store.max_notification_id() - begun < EVENTS:
        await world.post(world.officer, f"{task}/progress", percent=DICE.randrange(100), note="已进场施工。")
    return path


async def asked(name: str, client: httpx.AsyncClient, address: Any, headers: dict[str, str]) -> None:
    milliseconds, worked = [], 0.0
    for n in range(ASKED + 5):
        where, busy = address(), time.process_time()
        began = time.perf_counter()
        answer = await client.get(where, headers=headers)
        taken = 1000 * (time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        if n >= 5:  # the first are to warm up
            milliseconds.append(taken)
            worked += 1000 * (time.process_time() - busy)
    report(name, milliseconds, f"   this process at work for {worked / ASKED:.1f} ms")


def report(name: str, milliseconds: list[float], more: str = "") -> None:
    cuts = statistics.quantiles(milliseconds, n=100)
    missed = "" if cuts[94] < MOST_MS else "   <-- too much"
    print(f"{name:30} p50 {cuts[49]:6.1f} ms   p95 {cuts[94]:6.1f} ms   p99 {cuts[98]:6.1f} ms{more}{missed}")


async def whole_district(pool: asyncpg.Pool, petitions: int) -> None:
    rows = {
        table: await pool.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("statistics.petitions_then", "board.clocks")
    }
    print(f"a district of {petitions:,} petitions; {rows}")
    begun = await pool.fetchval("SELECT min(recorded_at) FROM stored_events")
    ended = await pool.fetchval("SELECT max(recorded_at) FROM stored_events")
    now: list[float] = []
    then: list[float] = []
    course: list[float] = []
    for _ in range(ASKED):
        at = begun + DICE.random() * (ended - begun)
        for taken, looked in (
            (now, figures.district(pool, ended, conduct=True)),
            (then, figures.district(pool, at, conduct=True, as_of=at)),
            (course, figures.course(pool, local_day(at) - 90 * ONE_DAY, at, conduct=True)),
        ):
            began = time.perf_counter()
            await looked
            taken.append(1000 * (time.perf_counter() - began))
    report("the figures of now", now)
    report("the same at any moment", then)
    report("open petitions day by day", course)
