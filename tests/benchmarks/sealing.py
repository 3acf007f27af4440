"""The transparency log over a million events: how fast they are sealed, what that costs appenders, and one proof.

Appenders are a process of their own at 5,000 events a second; rounds with and without sealing beside them take turns.
"""

import asyncio
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import asyncpg
import uvloop

from infra import transparency
from infra.database import connect
from infra.event_store import EventStore
from infra.publication import FolderShelf, Publication
from infra.repository import Repository
from infra.transparency import Sealer
from tests.api.world import AUDITOR, World
from tests.benchmarks.store import SETTINGS, new_database
from tests.infra.tally import Tally, cmd

EVENTS = 1_000_000
RATE = 5_000  # events a second
SECONDS = 10
ROUNDS = 5
PROOFS = 500

# As a petition's events are stored: 460 bytes, each other ones, streams of 50.
_GROW = """
INSERT INTO stored_events (originator_id, originator_version, topic, state, command_id)
SELECT md5((n / 50)::text)::uuid, n % 50 + 1, 'petition.CoSigned', convert_to(format(
    '{"timestamp":{"_type_":"datetime_iso","_data_":"2026-11-23T01:02:03.%s+00:00"},"by":"%s","role":"resident",'
    '"command_id":{"_type_":"uuid_hex","_data_":"%s"},"on_behalf_of":null,"originator_topic":"petition","text":"%s"}',
    n % 1000000, md5(n::text), md5((-n)::text), repeat(md5(n::text), 6)), 'UTF8'), gen_random_uuid()
FROM generate_series($1::bigint, $2::bigint) AS n
"""


async def grow(pool: asyncpg.Pool, events: int, start: int = 0) -> None:
    """``start``: how many there are already."""
    for first in range(start, start + events, 50_000):
        last = min(first + 50_000, start + events)
        await pool.execute(_GROW, first, last - 1, timeout=600)
        print(f"\r{last:,} events", end="", flush=True)
    print()
    await pool.execute("VACUUM ANALYZE stored_events", timeout=600)


def told(name: str, seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    p50, p95, p99 = (cuts[n - 1] * 1000 for n in (50, 95, 99))
    return f"{name:40}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}"


async def measure(url: str, folder: Path) -> None:
    pool = await connect(await new_database(url, "grown"))
    found = [f"{name}={await pool.fetchval('SELECT current_setting($1)', name)}" for name in SETTINGS]
    print(f"PostgreSQL {', '.join(found)}; Python {platform.python_version()}, {os.cpu_count()} cores")
    await grow(pool, EVENTS)
    await _seal_all(pool, folder)
    await _prove(pool, folder)
    await pool.close()
    await _keep_up(await new_database(url, "growing"), folder)


async def _seal_all(pool: asyncpg.Pool, folder: Path) -> None:
    """Rounds of reading alone and of sealing everything from the beginning, taking turns."""
    rates: dict[str, list[float]] = {"reading alone": [], "sealing and publishing": []}
    for n in range(ROUNDS):
        began = time.perf_counter()
        position = 0
        store = EventStore(pool)
        while page := await store.select_notifications(position, 1_000, inclusive_of_start=False):
            position = page[-1].id
        rates["reading alone"].append(EVENTS / (time.perf_counter() - began))
        await pool.execute("TRUNCATE log_tiles, log_checkpoints, log_keys")
        await pool.execute("UPDATE log_progress SET size = 0, position = 0, published = 0")
        sealer = Sealer(pool, folder / f"seeds-{n}", Publication(FolderShelf(folder / f"proof-{n}")))
        began = time.perf_counter()
        sealed = await sealer.seal()
        rates["sealing and publishing"].append(EVENTS / (time.perf_counter() - began))
        assert sealed
        assert sealed.checkpoint.size == EVENTS
    medians = {name: statistics.median(taken) for name, taken in rates.items()}
    print(f"{EVENTS:,} events from the beginning, pages of 1,000, median of {ROUNDS}:")
    for name, taken in rates.items():
        print(f"{name:40}{medians[name]:>10,.0f} events/s   {' '.join(f'{rate:,.0f}' for rate in taken)}")
    reading, sealing = medians.values()
    print(f"sealing: {sealing / reading:.2f} × reading alone, {sealing / RATE:.1f} × {RATE:,}/s (expected over 1)\n")


async def _prove(pool: asyncpg.Pool, folder: Path) -> None:
    """As an auditor gets it, with the access written down."""
    world = await World.begin(pool, folder / "keys")
    chance = random.Random(6)
    seconds = []
    for n in range(PROOFS + 20):
        began = time.perf_counter()
        await world.get(AUDITOR, f"/v1/proof/inclusion/{chance.randint(1, EVENTS)}")
        if n >= 20:
            seconds.append(time.perf_counter() - began)
    print(f"{'':40}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    print(f"{told(f'an inclusion proof in {EVENTS:,} events', seconds)}   (expected under 20)\n")
    await world.repository.close()
    await world.client.aclose()


async def _keep_up(url: str, folder: Path) -> None:
    pool = await connect(url)
    sealer = Sealer(pool, folder / "seeds", Publication(FolderShelf(folder / "proof")))
    store = EventStore(pool)
    latencies: dict[bool, list[float]] = {False: [], True: []}
    appended: dict[bool, list[float]] = {False: [], True: []}
    behind: list[int] = []
    for _ in range(ROUNDS):
        for sealing in (False, True):
            await sealer.seal()
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.benchmarks.sealing", url), stdout=asyncio.subprocess.PIPE
            )
            said = asyncio.create_task(program.communicate())
            while not said.done():
                if sealing and (sealed := await sealer.seal()):
                    behind.append(await store.max_notification_id() - sealed.position)
                await asyncio.wait([said], timeout=1)
            lines = [float(line) for line in said.result()[0].split()]
            appended[sealing].append(lines.pop(0))
            latencies[sealing] += lines
    print(f"{RATE:,} events/s offered for {SECONDS} s, {ROUNDS} rounds each, sealed once a second:")
    print(f"{'':40}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    for sealing, name in ((False, "an append, nobody seals"), (True, "an append, sealed beside it")):
        print(f"{told(name, latencies[sealing])}   {statistics.median(appended[sealing]):,.0f} events/s")
    print(f"behind after a second's sealing: at most {max(behind):,} events, median {statistics.median(behind):,.0f}")
    last = await sealer.seal()
    assert last
    assert last.position == await store.max_notification_id()
    assert (await transparency.status(pool))["error"] is None
    await pool.close()


async def append(url: str) -> None:
    """A process of its own: says how many a second it appended, then how long each took."""
    pool = await connect(url)
    repository = Repository(EventStore(pool))
    ids = [uuid4() for _ in range(64)]
    for id in ids:
        await repository.execute(Tally.start, id, cmd())
    latencies: list[float] = []
    began = time.perf_counter()

    async def appender(n: int) -> None:
        for k in range(n, RATE * SECONDS, len(ids)):
            await asyncio.sleep(began + k / RATE - time.perf_counter())
            before = time.perf_counter()
            await repository.execute(Tally.count, ids[n], cmd())
            latencies.append(time.perf_counter() - before)

    await asyncio.gather(*(appender(n) for n in range(len(ids))))
    print(len(latencies) / (time.perf_counter() - began))
    print("\n".join(map(str, latencies)))
    await repository.close()
    await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(append(sys.argv[1]))
