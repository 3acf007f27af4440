"""One event after another from 64 appenders: this store, the library's recorder, and pgbench with a row per commit.

The three take turns on one server, each on a database and a table of its own with the same columns and indexes as ours.
This store does more than the others: it decides each command on its aggregate and remembers its id.
"""

import asyncio
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import psycopg.conninfo
from eventsourcing.persistence import StoredEvent

from infra.database import connect, migrate
from infra.embedded import postgresql_programs
from infra.event_store import EventStore
from infra.mapper import mapper
from infra.repository import Repository
from tests.infra.library import library_recorder
from tests.infra.tally import Tally, cmd

APPENDERS = 64
SECONDS = 4.0
ROUNDS = 5
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")


@dataclass
class Sample:
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


async def compare(url: str) -> None:
    urls = [await new_database(url, name) for name in ("ours", "hot", "library", "pgbench")]
    conn = await asyncpg.connect(url)
    settings = [f"{name}={await conn.fetchval('SELECT current_setting($1)', name)}" for name in SETTINGS]
    await conn.close()
    print(f"PostgreSQL {', '.join(settings)}; Python {platform.python_version()}")
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes at work before we began (none of them helps)")
    print(f"{APPENDERS} appenders, {ROUNDS} rounds of {SECONDS:.0f} s each, taking turns; medians of the rounds")
    contenders: dict[str, Callable[[], Awaitable[Sample]]] = {
        "this store": lambda: _ours(urls[0], streams=APPENDERS),
        "this store, one aggregate": lambda: _ours(urls[1], streams=1),
        "the library's recorder": lambda: asyncio.to_thread(_library, urls[2]),
        "pgbench, a row per commit": lambda: asyncio.to_thread(_pgbench, urls[3]),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            samples[name].append(await contender())
    print(f"{'':28}{'events/s':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}   rounds")
    rates = {}
    for name, taken in samples.items():
        rates[name] = statistics.median(sample.rate for sample in taken)
        cuts = [statistics.quantiles(sample.latencies, n=100) for sample in taken]
        p50, p95, p99 = (statistics.median(cut[n - 1] for cut in cuts) * 1000 for n in (50, 95, 99))
        rounds = " ".join(f"{sample.rate:.0f}" for sample in taken)
        print(f"{name:28}{rates[name]:>10,.0f}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}   {rounds}")
    ours, _, library, pgbench = rates.values()
    print(
        f"this store: {ours / library:.1f} × the library's recorder (expected over 15),"
        f" {ours / pgbench:.2f} × pgbench (expected over 1)\n"
    )


async def new_database(url: str, name: str) -> str:
    conn = await asyncpg.connect(url)
    await conn.execute(f"CREATE DATABASE {name}")
    await conn.close()
    pool = await connect(made := url.replace("/yuetan?", f"/{name}?"))
    await migrate(pool)
    await pool.close()
    return made


async def _ours(url: str, streams: int) -> Sample:
    pool = await connect(url)
    repository = Repository(EventStore(pool))
    ids = [uuid4() for _ in range(streams)]
    for id in ids:
        await repository.execute(Tally.start, id, cmd())
    latencies: list[float] = []
    began = time.perf_counter()

    async def appender(n: int) -> None:
        now = time.perf_counter()
        while now < began + SECONDS:
            await repository.execute(Tally.count, ids[n % streams], cmd())
            before, now = now, time.perf_counter()
            latencies.append(now - before)

    await asyncio.gather(*(appender(n) for n in range(APPENDERS)))
    seconds = time.perf_counter() - began
    await repository.close()
    await pool.close()
    return Sample(seconds, latencies)


def _library(url: str) -> Sample:
    latencies: list[float] = []
    with library_recorder(url, APPENDERS) as recorder, ThreadPoolExecutor(APPENDERS) as threads:
        topic, state = _sample_event()
        began = time.perf_counter()

        def appender(_: int) -> None:
            now, id, version = time.perf_counter(), uuid4(), 0
            while now < began + SECONDS:
                version += 1
                recorder.insert_events([StoredEvent(id, version, topic, state)])
                before, now = now, time.perf_counter()
                latencies.append(now - before)

        list(threads.map(appender, range(APPENDERS)))
        return Sample(time.perf_counter() - began, latencies)


def _pgbench(url: str) -> Sample:
    given = psycopg.conninfo.conninfo_to_dict(url)
    topic, state = _sample_event()
    names = {"host": "PGHOST", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.sql"
        script.write_text(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state, command_id)"
            f" VALUES (gen_random_uuid(), 1, '{topic}', '\\x{state.hex()}', gen_random_uuid());\n"
        )
        command = [
            *(str(postgresql_programs() / "pgbench"), "--no-vacuum", "--protocol=prepared", "--log"),
            *("-c", str(APPENDERS), "-j", "2", "-T", str(int(SECONDS)), "-f", str(script)),
        ]
        environment = os.environ | {variable: str(given[name]) for name, variable in names.items()}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        logs = [line.split() for log in Path(folder).glob("pgbench_log*") for line in log.read_text().splitlines()]
    # The third field is the transaction's time in microseconds.
    return Sample(SECONDS, [int(fields[2]) / 1e6 for fields in logs])


def _sample_event() -> tuple[str, bytes]:
    tally = Tally.start(cmd(), id=uuid4())
    tally.count(cmd())
    stored = mapper.to_stored_event(tally.pending_events[-1])
    return stored.topic, stored.state
