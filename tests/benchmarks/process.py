"""The process map over 100,000 petitions, some three million steps: how long, beside just reading them?

Some whole lives are told to the log and carried into the read models as in service; then their rows are repeated under
other ids, with other times and waits. So the rows are what the handlers make.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from api.console.process_map import drawing
from domain.petition.words import Phase
from infra.database import connect
from projections import process, projector
from projections.board import Viewer
from projections.process import Selection
from tests.benchmarks.store import new_database
from tests.domain.story import given
from tests.projections.conftest import Mirror
from tests.projections.test_lives import eventful

PETITIONS, RUNS = 100_000, 5
LIVES = (Phase.CLOSED, Phase.CLOSED, Phase.IN_PROGRESS)  # and one in which nearly everything happens once


async def measure(url: str, folder: Path) -> None:
    pool = await connect(await new_database(url, "process_test"))
    await fill(pool, folder)
    for name in ("server_version", "shared_buffers", "work_mem", "effective_cache_size", "max_parallel_workers"):
        print(f"{name} = {await pool.fetchval('SELECT current_setting($1)', name)}")
    for what in ("count(DISTINCT petition_id) AS petitions", "count(*) AS steps"):
        print(f"{await pool.fetchval(f'SELECT {what} FROM process.steps'):,} {what.split()[-1]}")
    everybody, asked = Selection(), (pool, Viewer("auditor"))
    last = await pool.fetchval("SELECT max(opened_at) - interval '30 days' FROM board.petitions")
    await timed("the map of all", lambda: process.arrows(*asked, everybody))
    await timed("the map of a month", lambda: process.arrows(*asked, Selection(opened_from=last)))
    await timed("handovers", lambda: process.handovers(*asked, everybody))
    await timed("by organisation", lambda: process.by_organisation(*asked, everybody))
    await timed("the longest waits", lambda: process.waits(*asked, everybody))
    await timed("departures", lambda: process.departures(*asked, everybody))
    await timed("just reading the steps", lambda: read(pool))
    taken = await process.arrows(*asked, everybody)
    began = time.perf_counter()
    drawn = drawing(taken, "zh", 30)
    print(f"drawn in {1000 * (time.perf_counter() - began):.1f} ms: {len(drawn) / 1000:.0f} kB of {len(taken)} arrows")
    await pool.close()


async def timed(what: str, ask: Callable[[], Awaitable[Any]]) -> None:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[18]
    print(f"{what:24} median {statistics.median(seconds):6.2f} s, p95 {p95:6.2f} s of {RUNS}")


async def read(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as conn, conn.transaction():
        cursor = await conn.cursor("SELECT previous, step, waited FROM process.steps")
        while await cursor.fetch(10_000):
            pass


async def fill(pool: asyncpg.Pool, folder: Path) -> None:
    await projector.install(pool)
    mirror = Mirror(pool, folder / "keys")
    for n, phase in enumerate(LIVES):
        await mirror.tell(given(phase, name=f"life {n}"))
    for _ in eventful(full := given(Phase.COLLECTING, signatures=9)):
        pass
    await mirror.tell(full)
    await mirror.caught_up()
    await mirror.stop()
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(
            "CREATE TEMPORARY TABLE again AS SELECT n, id, md5(id::text || n)::uuid AS new_id,"
            " make_interval(hours => (random() * 8000)::int) AS later"
            f" FROM generate_series(1, {PETITIONS // (len(LIVES) + 1) - 1}) AS n CROSS JOIN board.petitions"
        )
        await repeat(
            conn,
            "board.petitions",
            "id",
            id="new_id",
            opened="opened + 1000000::bigint * n",
            opened_at="opened_at + later",
        )
        await repeat(
            conn,
            "process.steps",
            "petition_id",
            petition_id="new_id",
            subject_id="md5(subject_id::text || n)::uuid",
            position="position + 1000000::bigint * n",
            at="at + later",
            waited="(random() * 1000000 + waited)::bigint",
        )
    await pool.execute("VACUUM ANALYZE process.steps, board.petitions")


async def repeat(conn: Any, table: str, key: str, **changed: str) -> None:
    columns = await conn.fetch(
        "SELECT attname AS name FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        table,
    )
    names = [row["name"] for row in columns]
    made = ", ".join(changed.get(name, f"said.{name}") for name in names)
    await conn.execute(
        f"INSERT INTO {table} ({', '.join(names)})"
        f" SELECT {made} FROM {table} AS said JOIN again ON again.id = said.{key}"
    )
