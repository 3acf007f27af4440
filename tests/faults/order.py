"""Many writing processes and one follower: what the follower saw against what stands in the log."""

import asyncio
import itertools
import time
from contextlib import aclosing
from dataclasses import dataclass

import asyncpg

from infra.event_store import EventStore
from infra.repository import Repository
from tests.faults.writing import start_tallies, start_writing

CALLERS = 8


@dataclass(frozen=True)
class Report:
    events: int
    missed: int
    twice: int
    out_of_order: int
    seconds: float


async def follow_many_writers(url: str, pool: asyncpg.Pool, processes: int, events: int) -> Report:
    store = EventStore(pool)
    tallies = await start_tallies(Repository(store), processes)
    commands = -(-events // (processes * CALLERS))
    expected = tallies + commands * processes * CALLERS
    began = time.perf_counter()
    writers = [await start_writing(url, p, CALLERS, commands) for p in range(processes)]
    finished = asyncio.gather(*(writer.communicate() for writer in writers))
    seen: list[int] = []
    async with aclosing(store.follow(0)) as pages:
        async for page in pages:
            seen += [recorded.id for recorded in page]
            if len(seen) >= expected or (finished.done() and page.position >= await store.max_notification_id()):
                break
    await finished
    seconds = time.perf_counter() - began
    assert all(writer.returncode == 0 for writer in writers)
    stored = [row[0] for row in await pool.fetch("SELECT notification_id FROM stored_events")]
    assert len(stored) == expected
    return Report(
        events=len(stored),
        missed=len(set(stored) - set(seen)),
        twice=len(seen) - len(set(seen)),
        out_of_order=sum(later <= earlier for earlier, later in itertools.pairwise(seen)),
        seconds=seconds,
    )
