"""Positions become visible in order, whoever writes. 200,000 events: ``python -m tests.benchmarks order``."""

import asyncpg

from tests.faults.order import follow_many_writers


async def test_a_follower_misses_nothing_of_16_writing_processes(database: str, pool: asyncpg.Pool) -> None:
    report = await follow_many_writers(database, pool, processes=16, events=8_000)
    assert (report.missed, report.twice, report.out_of_order) == (0, 0, 0)
