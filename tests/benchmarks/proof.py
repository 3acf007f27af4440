"""Verifying a log of a million events, as `yuetan verify` does it, beside the limit: reading the same rows alone.

Both read the same columns in pages of 5,000 with asyncpg, which is the fastest of the sizes that were tried; they take
turns on one server. Verifying includes starting its processes, the tiles, the tree and every checkpoint's signature.
"""

import os
import platform
import statistics
import time
from pathlib import Path

import asyncpg

from infra.database import connect
from infra.log_verification import verify_log
from infra.publication import FolderShelf, Publication
from infra.transparency import Sealer
from infra.verification import earlier
from tests.benchmarks.sealing import EVENTS, grow
from tests.benchmarks.store import SETTINGS, new_database

ROUNDS = 9
PAGE = 5_000
CHECKPOINTS = 100
EXPECTED = 0.6

_READ = (
    "SELECT notification_id, originator_id, originator_version, topic, state, recorded_at, command_id, salt"
    " FROM stored_events WHERE notification_id > $1 ORDER BY notification_id LIMIT $2"
)


async def measure(url: str, folder: Path) -> None:
    made = await new_database(url, "verified")
    pool = await connect(made)
    settings = [f"{name}={await pool.fetchval('SELECT current_setting($1)', name)}" for name in SETTINGS]
    print(f"PostgreSQL {', '.join(settings)}; Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{os.getloadavg()[0]:.1f} processes at work before we began (none of them helps)")
    shelf = FolderShelf(folder / "proof")
    sealer = Sealer(pool, folder / "seeds", Publication(shelf))
    for first in range(0, EVENTS, EVENTS // CHECKPOINTS):
        await grow(pool, EVENTS // CHECKPOINTS, first)
        await sealer.seal()
    await pool.execute("VACUUM ANALYZE stored_events", timeout=600)
    await compare(pool, made, folder / "proof")
    await pool.close()


async def compare(pool: asyncpg.Pool, url: str, published: Path) -> None:
    taken: dict[str, list[float]] = {"reading alone": [], "verifying": []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert await _read(url) == EVENTS
        taken["reading alone"].append(time.perf_counter() - began)
        began = time.perf_counter()
        report = await verify_log(pool, url, [], earlier(published), lambda *_: None)
        taken["verifying"].append(time.perf_counter() - began)
        assert report.ok, report
        assert report.facts["size"] == EVENTS
    print(f"{EVENTS:,} events, {report.facts['checkpoints']} checkpoints, {ROUNDS} rounds, taking turns")
    print(f"{'':16}{'events/s':>12}{'p50 s':>9}{'p95 s':>9}{'p99 s':>9}   rounds")
    for name, seconds in taken.items():
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        p50, p95, p99 = (cuts[n - 1] for n in (50, 95, 99))
        rounds = " ".join(f"{second:.2f}" for second in seconds)
        print(f"{name:16}{EVENTS / p50:>12,.0f}{p50:>9.2f}{p95:>9.2f}{p99:>9.2f}   {rounds}")
    reading, verifying = (statistics.median(seconds) for seconds in taken.values())
    print(f"verifying: {reading / verifying:.2f} × the speed of reading alone (expected {EXPECTED} or better)\n")


async def _read(url: str) -> int:
    conn = await asyncpg.connect(url)
    count = after = 0
    while rows := await conn.fetch(_READ, after, PAGE):
        after, count = rows[-1][0], count + len(rows)
    await conn.close()
    return count
