"""The projector: every event once, whatever happens to it; rebuilt while it serves; one fault stops one read model."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent

from domain.petition import Petition
from domain.petition.words import Phase
from domain.report import Report
from infra.event_store import Recorded
from projections import board
from projections.board import Viewer
from projections.projector import (
    READ_MODELS,
    Positions,
    Projector,
    RebuildRefused,
    Status,
    checksum,
    install,
    is_running,
    rebuild,
    status,
)
from projections.read_model import ReadModel, Statement
from tests.domain.story import STRANGER, given, id_of, text
from tests.domain.test_link import linked
from tests.projections.conftest import PATIENCE, Mirror

BOARD, TIMELINE = READ_MODELS["board"], READ_MODELS["timeline"]
# Those that have nothing of a petition that was only told to its acceptance.
WITHOUT = {name for name, model in READ_MODELS.items() if "petition.Opened" not in model.handlers}
EVERYTHING = Viewer("auditor")


async def checksums(mirror: Mirror) -> dict[str, str]:
    return {name: await checksum(mirror.pool, name) for name in READ_MODELS}


async def state(mirror: Mirror, name: str) -> Status:
    return next(row for row in await status(mirror.pool) if row.name == name)


async def until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.01)


async def tell_many(mirror: Mirror, number: int = 20) -> None:
    """Petitions that are accepted, and one that is told to its end."""
    for n in range(number):
        await mirror.tell(given(Phase.ACCEPTED, name=f"petition {n}"))
    await mirror.tell(given(Phase.CLOSED))


# --- rebuilding ------------------------------------------------------------------------------------------------------


async def test_rebuilt_rows_are_the_same_rows(mirror: Mirror) -> None:
    await tell_many(mirror)
    story = given(Phase.REFERRED, name="referred")
    story.do(Report.file, STRANGER, id=id_of("report"), text=text(), about=None)
    await mirror.tell(story)  # so that no two of them are empty
    await mirror.tell(linked()[0])
    await mirror.caught_up()
    before = await checksums(mirror)
    filled = READ_MODELS.keys() - WITHOUT | {"referrals", "links", "reports"}
    assert len({before[name] for name in filled}) == len(filled)
    heard: list[tuple[str, int, int]] = []
    await rebuild(mirror.store, mirror.keyring, progress=lambda *report: heard.append(report))
    assert await checksums(mirror) == before
    head = await mirror.store.max_notification_id()
    assert {report for report in heard if report[1] == report[2]} == {(name, head, head) for name in READ_MODELS}


async def test_a_checksum_notices_one_changed_row_and_no_order(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    await mirror.caught_up()
    before = await checksum(mirror.pool, "board")
    await mirror.pool.execute("CREATE TABLE board.other AS SELECT * FROM board.tasks ORDER BY id DESC")
    await mirror.pool.execute("TRUNCATE board.tasks")
    columns = "id, petition_id, round, nth, title, post_id, lead_unit_id, supporting_unit_ids, due_on, status, percent"
    columns += ", returned, clock, version"
    await mirror.pool.execute(f"INSERT INTO board.tasks ({columns}) SELECT {columns} FROM board.other")
    await mirror.pool.execute("DROP TABLE board.other")
    assert await checksum(mirror.pool, "board") == before
    await mirror.pool.execute(
        "UPDATE board.petitions SET signatures = signatures + 1 WHERE id = $1", id_of("petition 1")
    )
    assert await checksum(mirror.pool, "board") != before


async def test_all_read_models_dropped_are_rebuilt_under_a_running_projector(mirror: Mirror) -> None:
    await tell_many(mirror)
    await mirror.caught_up()
    before = await checksums(mirror)
    for name in READ_MODELS:
        await mirror.pool.execute(f"DROP SCHEMA {name} CASCADE")
    await mirror.tell(given(Phase.ACCEPTED, name="told while there is nothing"))
    await rebuild(mirror.store, mirror.keyring)
    await mirror.caught_up()
    after = await checksums(mirror)
    assert {name for name in READ_MODELS if after[name] == before[name]} == WITHOUT
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == after


async def test_a_lost_registry_is_made_anew_under_a_running_projector(mirror: Mirror) -> None:
    await tell_many(mirror)
    await mirror.caught_up()
    before = await checksums(mirror)
    await mirror.pool.execute("TRUNCATE projections")
    await install(mirror.pool)
    await mirror.tell(given(Phase.ACCEPTED, name="one more"))
    await mirror.caught_up()
    assert await checksum(mirror.pool, "directory") == before["directory"]
    again = await checksums(mirror)
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == again


async def test_readers_are_served_without_a_gap_while_events_come_in_and_everything_is_rebuilt(mirror: Mirror) -> None:
    await tell_many(mirror)
    await mirror.caught_up()
    there, done = id_of("petition"), asyncio.Event()
    reads = 0

    async def read() -> None:
        nonlocal reads
        while not done.is_set():
            rows, _ = await board.petitions(mirror.pool, EVERYTHING, phases=["closed"])
            page = await board.petition(mirror.pool, there, EVERYTHING)
            assert [row["id"] for row in rows] == [there]
            assert page
            assert len(page["tasks"]) == 2
            reads += 1

    async def write() -> None:
        for n in range(100, 120):
            await mirror.tell(given(Phase.SUBMITTED, name=f"petition {n}"))
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    writer = asyncio.create_task(write())
    for _ in range(3):
        await rebuild(mirror.store, mirror.keyring)
    await writer
    done.set()
    await asyncio.gather(*readers)
    assert reads > 10
    await mirror.caught_up()
    served = await checksums(mirror)
    await mirror.stop()
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == served


async def test_a_read_model_is_rebuilt_by_one_process_at_a_time(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    both = [rebuild(mirror.store, mirror.keyring, [BOARD]) for _ in range(2)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert [type(result) for result in results if result] == [RebuildRefused]
    assert [row.name for row in await status(mirror.pool)] == sorted(READ_MODELS)


# --- versions --------------------------------------------------------------------------------------------------------


def other(model: ReadModel, handlers: dict[str, Any]) -> ReadModel:
    return replace(model, handlers=model.handlers | handlers)


async def test_a_new_version_is_built_beside_the_old_one_and_takes_its_place(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    await mirror.caught_up()
    heading = replace(
        BOARD,
        version=BOARD.version + 1,
        tables="CREATE TABLE petitions (id uuid PRIMARY KEY, at bigint NOT NULL)",
        handlers={"petition.Opened": lambda e, at: [("INSERT INTO petitions VALUES ($1, $2)", e.originator_id, at.id)]},
    )
    newer = asyncio.create_task(Projector(mirror.store, mirror.keyring, [heading]).run())  # waits for its turn

    async def swapped() -> bool:
        return (await state(mirror, "board")).version == heading.version

    await until(swapped)
    assert await mirror.pool.fetchval("SELECT count(*) FROM board.petitions") == 4
    # The older program is still running, and leaves to the newer one what it does not understand.
    await mirror.tell(given(Phase.SUBMITTED, name="later"))
    await mirror.caught_up("timeline")
    assert (await state(mirror, "board")).error is None
    assert await mirror.pool.fetchval("SELECT count(*) FROM board.petitions") == 4
    await mirror.stop()
    assert await Positions(mirror.pool).wait_for(await mirror.store.max_notification_id(), PATIENCE, "board")
    assert await mirror.pool.fetchval("SELECT count(*) FROM board.petitions") == 5
    with pytest.raises(RebuildRefused, match="newer"):
        await rebuild(mirror.store, mirror.keyring, [BOARD])
    newer.cancel()
    await asyncio.wait([newer])


# --- faults ----------------------------------------------------------------------------------------------------------


def poisoned(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    raise ZeroDivisionError("it quotes: 划船社区")


def breaks_a_table(event: Petition.Accepted, at: Recorded) -> Iterator[Statement]:
    yield "UPDATE petitions SET phase = NULL WHERE id = $1", event.originator_id


@pytest.mark.parametrize("handler", [poisoned, breaks_a_table])
async def test_a_poison_event_stops_its_read_model_alone_and_loudly_until_the_fix(
    mirror: Mirror, handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await tell_many(mirror, 3)
    sick = other(BOARD, {"petition.Accepted": handler})
    mirror.start(sick, TIMELINE)
    await mirror.caught_up("timeline")
    events = await mirror.store.select_notifications(1, 1000)
    poison = next(e.id for e in events if e.topic == "petition.Accepted")

    async def stopped() -> bool:
        return (await state(mirror, "board")).error is not None

    await until(stopped)
    found = await state(mirror, "board")
    assert (found.position, found.error_position) == (poison - 1, poison)
    assert found.error is not None
    assert found.error.endswith("in petition.Accepted")
    assert "划船" not in found.error
    assert f"READ MODEL board STANDS STILL at position {poison}" in caplog.text
    assert not await Positions(mirror.pool).wait_for(poison, PATIENCE, "board")  # at once: it will not come

    await mirror.tell(given(Phase.ACCEPTED, name="the others go on"))
    await mirror.caught_up("timeline")
    assert (await state(mirror, "board")).position == poison - 1
    assert await mirror.pool.fetchval("SELECT signatures FROM board.petitions WHERE opened < $1", poison) == 10

    await mirror.stop()
    mirror.start()  # a program with a fix

    async def cured() -> bool:
        return not await stopped()

    await until(cured)
    await mirror.caught_up()
    served = await checksum(mirror.pool, "board")
    await rebuild(mirror.store, mirror.keyring, [BOARD])
    assert await checksum(mirror.pool, "board") == served


async def test_an_event_that_cannot_be_read_stops_whoever_wants_it(mirror: Mirror) -> None:
    story = given(Phase.SUBMITTED)
    await mirror.tell(story)
    await mirror.store.insert_events([StoredEvent(id_of("other"), 1, "petition.Opened", b"{ no json")])
    mirror.start()
    await mirror.caught_up(*WITHOUT)

    async def all_stopped() -> bool:
        return all(row.error or row.name in WITHOUT for row in await status(mirror.pool))

    await until(all_stopped)
    assert {(row.name, row.error) for row in await status(mirror.pool)} == {
        (name, None if name in WITHOUT else "MapperDeserialisationError in petition.Opened") for name in READ_MODELS
    }
    assert await board.petition(mirror.pool, story.petition.id, EVERYTHING)


async def test_a_rebuild_that_fails_leaves_the_present_read_model_in_service(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    await mirror.caught_up()
    served = await checksum(mirror.pool, "board")
    with pytest.raises(ZeroDivisionError):
        await rebuild(mirror.store, mirror.keyring, [other(BOARD, {"petition.Accepted": poisoned})])
    assert (await state(mirror, "board_next")).error == "ZeroDivisionError"
    await mirror.tell(given(Phase.ACCEPTED, name="goes on"))
    await mirror.caught_up()
    assert await checksum(mirror.pool, "board") != served
    await install(mirror.pool)  # as every program does at its start
    assert [row.name for row in await status(mirror.pool)] == sorted(READ_MODELS)


async def test_of_two_projectors_one_works_and_the_other_takes_over(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    assert not await is_running(mirror.pool)
    await mirror.caught_up()
    assert await is_running(mirror.pool)
    second = asyncio.create_task(Projector(mirror.store, mirror.keyring).run())
    for n in range(100, 110):
        await mirror.tell(given(Phase.SUBMITTED, name=f"petition {n}"))
    await mirror.caught_up()
    await mirror.stop()
    await mirror.tell(given(Phase.SUBMITTED, name="taken over"))
    assert await Positions(mirror.pool).wait_for(await mirror.store.max_notification_id(), PATIENCE)
    served = await checksums(mirror)
    second.cancel()
    await asyncio.wait([second])
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == served


async def test_a_projector_whose_connections_are_cut_goes_on(mirror: Mirror) -> None:
    await tell_many(mirror, 3)
    await mirror.caught_up()
    admin = await mirror.pool.acquire()
    cut = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert cut >= 2
    await mirror.pool.release(admin)
    await mirror.tell(given(Phase.SUBMITTED, name="afterwards"))
    await mirror.caught_up()
    served = await checksums(mirror)
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == served


@asynccontextmanager
async def process(database: str, keys: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.projections.service", database, str(keys))
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.parametrize("table", ["board.tasks", "inbox.items", "timeline.events", "statistics.stays", "projections"])
async def test_a_projector_killed_within_a_batch_does_nothing_twice_and_leaves_nothing_out(
    mirror: Mirror, database: str, tmp_path: Path, table: str
) -> None:
    await tell_many(mirror)
    async with mirror.pool.acquire() as conn:
        blocking = conn.transaction()
        await blocking.start()
        await conn.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")  # half-way through its batch it must wait
        async with process(database, tmp_path) as child:

            async def stuck() -> bool:
                waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass)"
                found: bool = await mirror.pool.fetchval(waiting, table)
                return found

            await until(stuck)
            os.kill(child.pid, signal.SIGKILL)
            assert await child.wait() == -signal.SIGKILL
        await blocking.rollback()
    async with process(database, tmp_path):
        assert await Positions(mirror.pool).wait_for(await mirror.store.max_notification_id(), PATIENCE)
    served = await checksums(mirror)
    await rebuild(mirror.store, mirror.keyring)
    assert await checksums(mirror) == served


# --- waiting ---------------------------------------------------------------------------------------------------------


async def test_a_reader_waits_for_a_position_and_not_for_ever(mirror: Mirror) -> None:
    positions = Positions(mirror.pool)
    head = await mirror.store.max_notification_id()
    waiting = asyncio.create_task(positions.wait_for(head + 1, PATIENCE))
    assert not await positions.wait_for(head + 1, 0.05)
    await mirror.tell(given(Phase.COLLECTING, signatures=1))
    assert not waiting.done()
    mirror.start()
    assert await waiting
    assert await positions.wait_for(head + 1, 0)


async def test_a_hundred_readers_wait_with_few_looks(mirror: Mirror) -> None:
    looks = 0

    class Counting:
        async def fetch(self, query: str) -> list[asyncpg.Record]:
            nonlocal looks
            looks += 1
            rows: list[asyncpg.Record] = await mirror.pool.fetch(query)
            return rows

    counting: Any = Counting()
    positions = Positions(counting)
    await mirror.tell(given(Phase.COLLECTING, signatures=1))
    head = await mirror.store.max_notification_id()
    started = asyncio.get_running_loop().time()
    readers = [asyncio.create_task(positions.wait_for(head, PATIENCE)) for _ in range(100)]
    await asyncio.sleep(0)
    mirror.start()
    assert all(await asyncio.gather(*readers))
    assert looks <= 2 + (asyncio.get_running_loop().time() - started) / 0.01
