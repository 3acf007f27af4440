"""kill -9 of a process in the middle of writing."""

import asyncio
from collections import Counter

import asyncpg

from infra.event_store import EventStore
from infra.mapper import mapper
from infra.repository import Repository
from tests.faults.writing import command_id, start_tallies, start_writing, tally_id
from tests.infra.tally import Tally, cmd, total

CALLERS = 16


async def counts(store: EventStore) -> Counter[object]:
    """How many events stand in the log for each command id."""
    log = await store.select_notifications(1, 1_000_000, topics=[Tally.Added.TOPIC])
    return Counter(mapper.to_domain_event(recorded).command_id for recorded in log)  # type: ignore[attr-defined]


async def test_what_a_killed_process_had_acknowledged_is_there_once_and_the_rest_can_be_retried(
    database: str, pool: asyncpg.Pool
) -> None:
    store = EventStore(pool)
    repository = Repository(store)
    await start_tallies(repository, processes=3)
    killed = [await start_writing(database, p, CALLERS, 1_000_000) for p in range(2)]
    survivor = await start_writing(database, 2, CALLERS, 100)
    surviving = asyncio.create_task(survivor.communicate())
    acknowledged: list[list[tuple[int, int]]] = []
    for writer in killed:
        assert writer.stdout
        lines = [await writer.stdout.readline() for _ in range(1_000)]
        writer.kill()
        lines += (await writer.communicate())[0].splitlines()
        acknowledged.append([(int(caller), int(n)) for caller, n in (line.split() for line in lines)])
    await surviving
    assert survivor.returncode == 0  # the dead did not keep the lock

    counted = await counts(store)
    for process, acks in enumerate(acknowledged):
        assert len(acks) == len(set(acks)) >= 1_000
        assert all(counted[command_id(process, caller, n)] == 1 for caller, n in acks)
    assert set(counted.values()) == {1}

    # Each caller had one command under way. Whether it was carried out or not, it counts once when sent again.
    asked = [(p, c, n) for p, acks in enumerate(acknowledged) for c in range(CALLERS) for n in (last(acks, c) + 1,)]
    outcomes = await asyncio.gather(
        *(repository.execute(Tally.count, tally_id(p, c), cmd(command_id(p, c, n)), view=total) for p, c, n in asked)
    )
    recounted = await counts(store)
    assert all(recounted[command_id(*each)] == 1 for each in asked)
    assert set(recounted.values()) == {1}
    assert sum(recounted.values()) == sum(counted.values()) + [o.repeated for o in outcomes].count(False)


def last(acks: list[tuple[int, int]], caller: int) -> int:
    return max((n for c, n in acks if c == caller), default=-1)
