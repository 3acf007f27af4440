"""What several aggregates were at places in the log: the same with snapshots and without, and as each was then."""

import asyncpg
import pytest

from infra.event_store import EventStore
from infra.replay import Folded, replay
from infra.repository import Repository
from tests.infra.tally import Tally, cmd, total
from tests.infra.test_repository import started


def totals(folded: Folded) -> dict[str, int]:
    return {str(id): total(aggregate) for id, aggregate in folded.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [1_000, 5])
async def test_each_place_shows_what_there_was_then(pool: asyncpg.Pool, every: int) -> None:
    store = EventStore(pool)
    repository = Repository(store, snapshot_every=every)
    a = await started(repository)
    b = await started(repository)
    for n in range(12):
        await repository.execute(Tally.add, a if n % 3 else b, cmd(), amount=n + 1)
    await repository.close()
    snapshots = await pool.fetchval("SELECT count(*) FROM snapshots")
    assert bool(snapshots) == (every == 5)
    ids, last = [a, b], await store.max_notification_id()
    everywhere = await replay(store, ids, range(1, last + 1), totals)
    assert everywhere[0] == {str(a): 0}  # the other one is yet to come
    assert everywhere[-1] == {
        str(a): total(await repository.get(Tally, a)),
        str(b): total(await repository.get(Tally, b)),
    }
    for begin in (1, 7, last):  # from wherever it begins, with the snapshot before it
        assert await replay(store, ids, range(begin, last + 1), totals) == everywhere[begin - 1 :]
    assert await replay(store, ids, [3, 3, 9], totals) == [everywhere[2], everywhere[2], everywhere[8]]
    assert await replay(store, [], [last], totals) == [{}]
