"""The log: what is appended is read in order of position, by ourselves and by the library's own recorder."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

import infra.database
import infra.event_store
from infra.database import NewerDatabase, connect, migrate
from infra.event_store import EventStore, Page, locked
from infra.mapper import mapper
from infra.repository import Repository
from tests.infra.library import library_recorder
from tests.infra.tally import Tally, cmd


def event(id: UUID, version: int, topic: str = "test") -> StoredEvent:
    return StoredEvent(id, version, topic, b"{}")


@pytest.fixture
def store(pool: asyncpg.Pool) -> EventStore:
    return EventStore(pool)


@pytest.fixture
def recorder(database: str) -> Iterator[PostgresApplicationRecorder]:
    """The library's own, on the same table."""
    with library_recorder(database) as recorder:
        yield recorder


async def first(pages: AsyncIterator[Page]) -> Page:
    return await asyncio.wait_for(anext(pages), 30)


async def test_events_are_read_back_by_stream_and_by_position(store: EventStore) -> None:
    a, b = uuid4(), uuid4()
    assert await store.max_notification_id() == 0
    positions = await store.insert_events([event(a, 1, "x"), event(b, 1, "y"), event(a, 2, "y"), event(a, 3, "x")])
    assert positions == sorted(positions)
    assert [e.originator_version for e in await store.select_events(a)] == [1, 2, 3]
    assert [e.originator_version for e in await store.select_events(a, gt=1)] == [2, 3]
    assert [e.originator_version for e in await store.select_events(a, lte=2, desc=True)] == [2, 1]
    assert [e.originator_version for e in await store.select_events(a, desc=True, limit=1)] == [3]
    assert [n.id for n in await store.select_notifications(1, 10)] == positions
    assert [n.id for n in await store.select_notifications(positions[1], 2)] == positions[1:3]
    assert [n.id for n in await store.select_notifications(positions[1], 9, inclusive_of_start=False)] == positions[2:]
    assert [n.originator_id for n in await store.select_notifications(1, 10, topics=["y"])] == [b, a]
    assert await store.max_notification_id() == positions[-1]


async def test_a_taken_version_is_refused_and_nothing_of_its_batch_is_appended(store: EventStore) -> None:
    a = uuid4()
    await store.insert_events([event(a, 1)])
    with pytest.raises(IntegrityError):
        await store.insert_events([event(a, 2), event(a, 1)])
    assert len(await store.select_events(a)) == 1


async def test_the_library_reads_what_we_wrote_and_we_read_what_it_wrote(
    store: EventStore, recorder: PostgresApplicationRecorder
) -> None:
    repository = Repository(store)
    a, b = uuid4(), uuid4()
    await repository.execute(Tally.start, a, cmd())
    await repository.execute(Tally.start, b, cmd())
    for amount in (1, 2, 3):
        await repository.execute(Tally.add, a, cmd(), amount=amount)
    ours, theirs = await store.select_events(a), recorder.select_events(a)
    assert theirs == ours
    assert [mapper.to_domain_event(e) for e in theirs] == [mapper.to_domain_event(e) for e in ours]
    assert recorder.max_notification_id() == await store.max_notification_id()
    notifications = recorder.select_notifications(1, 100)
    assert [vars(n) for n in notifications] == [
        {name: value for name, value in vars(n).items() if name not in ("recorded_at", "command_id", "salt")}
        for n in await store.select_notifications(1, 100)
    ]

    tally = await repository.get(Tally, a)
    tally.add(cmd(), amount=4)
    recorder.insert_events([mapper.to_stored_event(e) for e in tally.collect_events()])
    assert (await repository.execute(Tally.add, a, cmd(), amount=5, view=lambda t: t.total)).view == 15
    assert (await repository.get(Tally, a)).total == 15


async def test_a_follower_sees_ours_and_the_librarys_events_once_and_in_order(
    store: EventStore, recorder: PostgresApplicationRecorder
) -> None:
    count = 150

    async def ours() -> None:
        for _ in range(count):
            await store.insert_events([event(uuid4(), 1), event(uuid4(), 1)])

    def theirs() -> None:
        for _ in range(count):
            recorder.insert_events([event(uuid4(), 1), event(uuid4(), 1)])

    seen: list[int] = []
    pages = store.follow(0)
    async with aclosing(pages), asyncio.timeout(60), asyncio.TaskGroup() as writers:
        for _ in range(2):
            writers.create_task(ours())
            writers.create_task(asyncio.to_thread(theirs))
        async for page in pages:
            seen += [n.id for n in page]
            if len(seen) >= 8 * count:
                break
    assert seen == [n.id for n in await store.select_notifications(1, 10_000)]
    assert len(seen) == 8 * count


async def test_a_follower_is_woken_by_the_doorbell(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra.event_store, "POLL_SECONDS", 1000.0)
    async with aclosing(store.follow(0)) as pages:
        waiting = asyncio.create_task(first(pages))
        listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'"
        while not await store.pool.fetchval(listening):
            await asyncio.sleep(0)
        await store.insert_events([event(uuid4(), 1)])
        assert len(await waiting) == 1


async def test_a_follower_that_hears_no_bell_polls(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra.event_store, "POLL_SECONDS", 0.05)
    async with aclosing(store.follow(0)) as pages:
        waiting = asyncio.create_task(first(pages))
        await store.pool.execute("INSERT INTO stored_events VALUES ($1, 1, 'silent', '{}')", uuid4())
        assert [n.topic for n in await waiting] == ["silent"]


async def test_a_follower_outlives_its_connections(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra.event_store, "POLL_SECONDS", 0.05)
    async with aclosing(store.follow(0)) as pages:
        for count in range(1, 4):
            await store.insert_events([event(uuid4(), 1)])
            assert [n.id for n in await first(pages)] == [count]
            await store.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


async def test_a_filtered_follower_learns_how_far_the_log_has_been_read(store: EventStore) -> None:
    await store.insert_events([event(uuid4(), 1, topic) for topic in ("wanted", "other", "wanted", "other")])
    async with aclosing(store.follow(0, topics=["wanted"], limit=2)) as pages:
        page = await first(pages)
        assert ([n.id for n in page], page.position) == ([1, 3], 3)  # a full page promises nothing beyond itself
        page = await first(pages)
        assert (list(page), page.position) == ([], 4)
    async with aclosing(store.follow(1, topics=["wanted"])) as pages:
        page = await first(pages)
        assert ([n.id for n in page], page.position) == ([3], 4)


async def test_readers_do_not_wait_for_the_writers_lock(store: EventStore) -> None:
    await store.insert_events([event(uuid4(), 1)])
    async with store.pool.acquire() as conn, locked(conn):
        async with asyncio.timeout(10):
            assert await store.max_notification_id() == 1


async def test_migrations_run_once_however_many_programs_start_together(postgres: str, database: str) -> None:
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute(f"CREATE DATABASE {name}")
    pools = [await connect(postgres.replace("/yuetan?", f"/{name}?")) for _ in range(4)]
    try:
        applied = await asyncio.gather(*(migrate(pool) for pool in pools))
        assert sorted(map(len, applied))[:3] == [0, 0, 0]
        assert max(applied, key=len)[0] == "001_event_store"
    finally:
        for pool in pools:
            await pool.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def test_a_database_newer_than_the_program_is_refused(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO schema_migrations (version, name) VALUES (999, 'from the future')")
    with pytest.raises(NewerDatabase, match="999"):
        await migrate(pool)


async def test_a_migration_that_fails_leaves_nothing_behind(
    pool: asyncpg.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in infra.database.MIGRATIONS.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "998_half.sql").write_text("CREATE TABLE half (n int); SELECT 1 / 0")
    monkeypatch.setattr(infra.database, "MIGRATIONS", tmp_path)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(pool)
    assert await pool.fetchval("SELECT to_regclass('half')") is None
