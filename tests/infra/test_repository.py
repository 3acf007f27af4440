"""Commands: each is decided on the newest state, carried out once, and answered by itself."""

import asyncio
import logging
import random
from uuid import UUID, uuid4

import asyncpg
import pytest

import infra.event_store
import infra.writer
from domain.refusals import Conflict, Invalid, NotFound, Stale
from infra.event_store import EventStore
from infra.repository import Outcome, Repository, Unavailable
from infra.snapshots import history
from tests.infra.tally import Other, Tally, cmd, total


@pytest.fixture
def store(pool: asyncpg.Pool) -> EventStore:
    return EventStore(pool)


@pytest.fixture
def repository(store: EventStore) -> Repository:
    return Repository(store)


@pytest.fixture
def other_process(store: EventStore) -> Repository:
    """A second cache and writer on the same database: what another process would be."""
    return Repository(store)


async def started(repository: Repository, first: int = 0) -> UUID:
    id = uuid4()
    await repository.execute(Tally.start, id, cmd())
    if first:
        await repository.execute(Tally.add, id, cmd(), amount=first)
    return id


async def events(store: EventStore, id: UUID) -> int:
    return len(await store.select_events(id))


async def test_a_command_is_answered_with_its_position_version_and_view(repository: Repository) -> None:
    id = uuid4()
    assert await repository.execute(Tally.start, id, cmd(), view=total) == Outcome(1, 1, 0, repeated=False)
    assert await repository.execute(Tally.add, id, cmd(), amount=3, view=total) == Outcome(2, 2, 3, repeated=False)
    assert (await repository.execute(Tally.add, id, cmd(), amount=3)).view is None


async def test_the_first_event_of_a_command_carries_its_id(repository: Repository, store: EventStore) -> None:
    a, b = await started(repository, 5), await started(repository, 6)
    command = cmd()
    await repository.execute(Tally.pour, a, command, also={"into": (Tally, b)})
    recorded = await store.select_notifications(1, 100)
    assert [(n.topic, n.command_id) for n in recorded[-2:]] == [("tally.Emptied", command.id), ("tally.Added", None)]


async def test_a_refusal_fails_its_command_alone(repository: Repository, store: EventStore) -> None:
    id = await started(repository, 99)
    asked = [repository.execute(Tally.add, id, cmd(), amount=amount, view=total) for amount in (2, 1, 1, -50)]
    refused, done, also_refused, also_done = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(refused, Conflict)
    assert isinstance(also_refused, Conflict)
    assert isinstance(done, Outcome)
    assert isinstance(also_done, Outcome)
    assert (done.view, also_done.view) == (100, 50)
    assert await events(store, id) == 4


@pytest.mark.parametrize("misbehave", [Tally.add_twice_and_fail, Tally.change_and_refuse, Tally.tamper_and_fail])
async def test_a_command_that_fails_half_way_leaves_nothing_for_its_neighbours(
    repository: Repository, store: EventStore, misbehave: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(misbehave)
    id, neighbour = await started(repository, 1), await started(repository, 1)
    results = await asyncio.gather(
        repository.execute(Tally.add, id, cmd(), amount=2, view=total),
        repository.execute(misbehave, id, cmd()),
        repository.execute(Tally.add, id, cmd(), amount=4, view=total),
        repository.execute(Tally.add, neighbour, cmd(), amount=8, view=total),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError | Conflict)
    assert [r.view for r in results if isinstance(r, Outcome)] == [3, 7, 9]
    assert await events(store, id) == 4
    assert (await repository.get(Tally, id)).total == 7
    assert caplog.record_tuples[0][:2] == ("infra.batch", logging.ERROR)


async def test_a_view_that_fails_fails_its_command_alone(repository: Repository, store: EventStore) -> None:
    id = await started(repository)
    results = await asyncio.gather(
        repository.execute(Tally.add, id, cmd(), amount=1, view=lambda tally: tally.nothing),
        repository.execute(Tally.add, id, cmd(), amount=2, view=total),
        return_exceptions=True,
    )
    assert isinstance(results[0], AttributeError)
    assert isinstance(results[1], Outcome)
    assert results[1].view == 2
    assert await events(store, id) == 2


async def test_a_repeated_command_appends_nothing_and_gets_its_first_answer(
    repository: Repository, other_process: Repository, store: EventStore
) -> None:
    id = await started(repository)
    command = cmd()
    first = await repository.execute(Tally.add, id, command, amount=3, view=total)
    await repository.execute(Tally.add, id, cmd(), amount=4)
    for again in (repository, other_process, Repository(store)):
        outcome = await again.execute(Tally.add, id, command, amount=3, view=total)
        assert outcome == Outcome(first.position, first.version, first.view, repeated=True)
    assert await events(store, id) == 3


async def test_a_command_that_decided_to_do_nothing_is_remembered_too(repository: Repository) -> None:
    id = await started(repository, 3)
    command = cmd()
    first = await repository.execute(Tally.add, id, command, amount=0, view=total)
    assert first == Outcome(2, 2, 3, repeated=False)
    await repository.execute(Tally.add, id, cmd(), amount=4)
    assert await repository.execute(Tally.add, id, command, amount=0, view=total) == Outcome(2, 2, 3, repeated=True)


async def test_a_refused_command_is_decided_afresh(repository: Repository) -> None:
    id, command = await started(repository, 100), cmd()
    with pytest.raises(Conflict):
        await repository.execute(Tally.add, id, command, amount=1)
    await repository.execute(Tally.add, id, cmd(), amount=-1)
    assert not (await repository.execute(Tally.add, id, command, amount=1)).repeated


async def test_one_command_id_sent_many_times_at_once_is_carried_out_once(
    repository: Repository, other_process: Repository, store: EventStore
) -> None:
    id, command = await started(repository), cmd()
    outcomes = await asyncio.gather(
        *(
            r.execute(Tally.add, id, command, amount=1, view=total)
            for _ in range(20)
            for r in (repository, other_process)
        )
    )
    assert {(o.position, o.version, o.view) for o in outcomes} == {(2, 2, 1)}
    assert [o.repeated for o in outcomes].count(False) == 1
    assert await events(store, id) == 2


async def test_a_command_id_used_for_something_else_is_refused(repository: Repository) -> None:
    a, b, command = await started(repository), await started(repository), cmd()
    await repository.execute(Tally.add, a, command, amount=1, digest=b"one")
    for id, digest in ((a, b"another body"), (b, b"one")):
        with pytest.raises(Invalid, match="idempotency-key-reused") as refusal:
            await repository.execute(Tally.add, id, command, amount=1, digest=digest)
        assert refusal.value.field == "Idempotency-Key"


async def test_a_stale_version_is_refused(repository: Repository, store: EventStore) -> None:
    id = await started(repository, 1)
    with pytest.raises(Stale):
        await repository.execute(Tally.add, id, cmd(), amount=1, if_match=1)
    assert (await repository.execute(Tally.add, id, cmd(), amount=1, if_match=2)).version == 3
    assert await events(store, id) == 3


async def test_an_unknown_id_and_one_of_another_kind_are_not_found(repository: Repository) -> None:
    other, tally = uuid4(), await started(repository)
    await repository.execute(Other.start, other, cmd())
    for id in (uuid4(), other):
        with pytest.raises(NotFound):
            await repository.execute(Tally.add, id, cmd(), amount=1)
        with pytest.raises(NotFound):
            await repository.get(Tally, id)
        with pytest.raises(NotFound) as refusal:
            await repository.execute(Tally.pour, tally, cmd(), also={"into": (Tally, id)})
        assert refusal.value.field == "into"


async def test_an_id_is_created_once(repository: Repository, other_process: Repository, store: EventStore) -> None:
    id = uuid4()
    results = await asyncio.gather(
        *(r.execute(Tally.start, id, cmd()) for _ in range(3) for r in (repository, other_process)),
        return_exceptions=True,
    )
    assert [type(r) for r in results].count(Outcome) == 1
    assert [type(r) for r in results].count(Conflict) == 5
    assert await events(store, id) == 1


async def test_several_aggregates_change_together_or_not_at_all(repository: Repository, store: EventStore) -> None:
    a, b, c = [await started(repository, amount) for amount in (30, 40, 50)]
    with pytest.raises(Conflict):  # 120 is too much: what the first source had poured must not stay
        await repository.execute(Tally.gather, a, cmd(), also={"sources": [(Tally, b), (Tally, c)]})
    assert [(await repository.get(Tally, id)).total for id in (a, b, c)] == [30, 40, 50]
    await repository.execute(Tally.add, c, cmd(), amount=-30)
    outcome = await repository.execute(Tally.gather, a, cmd(), also={"sources": [(Tally, b), (Tally, c)]}, view=total)
    assert outcome.view == 90
    assert outcome.position == await store.max_notification_id()
    assert [(await repository.get(Tally, id)).total for id in (a, b, c)] == [90, 0, 0]


async def test_of_several_aggregates_a_command_gets_those_that_exist(repository: Repository) -> None:
    a, b = await started(repository, 1), await started(repository, 2)
    outcome = await repository.execute(
        Tally.gather, a, cmd(), also={"sources": [(Tally, uuid4()), (Tally, b)]}, view=total
    )
    assert outcome.view == 3


async def test_two_processes_decide_on_one_anothers_decisions(
    repository: Repository, other_process: Repository, store: EventStore
) -> None:
    id = await started(repository)
    results = await asyncio.gather(
        *(r.execute(Tally.add, id, cmd(), amount=1) for _ in range(100) for r in (repository, other_process)),
        return_exceptions=True,
    )
    assert [type(r) for r in results].count(Outcome) == 100
    assert [type(r) for r in results].count(Conflict) == 100
    assert (await repository.get(Tally, id)).total == 100


@pytest.mark.parametrize("far", [3, 1_000])
async def test_a_process_that_rested_decides_on_what_others_did_meanwhile(
    repository: Repository, other_process: Repository, monkeypatch: pytest.MonkeyPatch, far: int
) -> None:
    monkeypatch.setattr(infra.writer, "FAR", far)
    a, b, unknown = await started(repository, 1), await started(repository, 2), uuid4()
    with pytest.raises(NotFound):
        await repository.execute(Tally.add, unknown, cmd(), amount=1)
    for id in (a, b):
        for _ in range(5):
            await other_process.execute(Tally.add, id, cmd(), amount=10)
    await other_process.execute(Tally.start, unknown, cmd())
    assert (await repository.execute(Tally.add, a, cmd(), amount=1, view=total)).view == 52
    assert (await repository.execute(Tally.add, unknown, cmd(), amount=3, view=total)).view == 3
    assert (await repository.execute(Tally.pour, unknown, cmd(), also={"into": (Tally, b)}, view=total)).view == 0
    assert (await other_process.execute(Tally.add, b, cmd(), amount=1, view=total)).view == 56


async def test_a_caller_that_leaves_neither_loses_nor_doubles_its_command(
    repository: Repository, store: EventStore
) -> None:
    id = await started(repository)
    commands = [cmd() for _ in range(50)]
    asked = [asyncio.create_task(repository.execute(Tally.add, id, c, amount=1)) for c in commands]
    await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await repository.close()
    assert (await repository.get(Tally, id)).total == 50
    outcomes = await asyncio.gather(*(repository.execute(Tally.add, id, c, amount=1, view=total) for c in commands))
    assert [(o.view, o.repeated) for o in outcomes] == [(n, True) for n in range(1, 51)]


async def test_an_aggregate_is_read_at_a_version(repository: Repository, store: EventStore) -> None:
    id = await started(repository)
    for amount in (1, 2, 3):
        await repository.execute(Tally.add, id, cmd(), amount=amount)
    recorded = await store.select_notifications(1, 10)
    assert [(await repository.get(Tally, id, version=n.originator_version)).total for n in recorded] == [0, 1, 3, 6]


async def test_a_copy_is_private(repository: Repository) -> None:
    id = await started(repository, 5)
    (await repository.get(Tally, id)).total = 70
    assert (await repository.execute(Tally.add, id, cmd(), amount=1, view=total)).view == 6


async def test_a_snapshot_folds_to_the_same_aggregate_as_the_events(store: EventStore) -> None:
    repository = Repository(store, snapshot_every=10)
    id = await started(repository)
    commands = [cmd() for _ in range(34)]
    outcomes = [await repository.execute(Tally.count, id, c, view=total) for c in commands]
    await repository.close()
    versions = await store.pool.fetch("SELECT originator_version FROM snapshots ORDER BY 1")
    assert [row[0] for row in versions][-1] == 30
    assert len(versions) <= 2
    with_snapshot = await history(store, id)
    assert (with_snapshot[0].originator_version, len(with_snapshot)) == (30, 6)
    folded = await repository.get(Tally, id)
    before = [await repository.get(Tally, id, version=version) for version in (9, 20, 29, 30, 31)]
    await store.pool.execute("DELETE FROM snapshots")
    assert len(await history(store, id)) == 35
    assert folded == await repository.get(Tally, id)
    assert isinstance(folded.by_amount["1"], tuple)
    assert before == [await repository.get(Tally, id, version=a.version) for a in before]
    again = [await Repository(store).execute(Tally.count, id, c, view=total) for c in (commands[3], commands[-1])]
    assert [o.view for o in again] == [outcomes[3].view, outcomes[-1].view]


async def test_a_new_process_goes_on_from_a_snapshot(store: EventStore) -> None:
    repository = Repository(store, snapshot_every=10)
    id = await started(repository)
    for _ in range(12):
        await repository.execute(Tally.count, id, cmd())
    await repository.close()
    # Proof that the snapshot is used: the events before it cannot be folded any more.
    await store.pool.execute("UPDATE stored_events SET state = '' WHERE originator_version < 10")
    assert (await Repository(store).execute(Tally.count, id, cmd(), view=total)).view == 13


async def test_events_that_cannot_be_folded_fail_their_own_aggregate_alone(
    repository: Repository, other_process: Repository, store: EventStore
) -> None:
    broken, sound = await started(repository, 1), await started(repository, 1)
    await store.pool.execute("UPDATE stored_events SET state = '' WHERE originator_id = $1", broken)
    results = await asyncio.gather(
        other_process.execute(Tally.add, broken, cmd(), amount=1),
        other_process.execute(Tally.add, sound, cmd(), amount=1, view=total),
        return_exceptions=True,
    )
    assert isinstance(results[0], RuntimeError)
    assert isinstance(results[1], Outcome)
    assert results[1].view == 2


async def test_commands_are_carried_out_once_while_connections_are_lost_all_the_time(
    repository: Repository, store: EventStore, database: str
) -> None:
    admin = await asyncpg.connect(database)
    ids = [await started(repository) for _ in range(8)]

    async def caller(id: UUID) -> list[Outcome[int]]:
        return [await repository.execute(Tally.count, id, cmd(), view=total) for _ in range(300)]

    callers = [asyncio.create_task(caller(id)) for id in ids]
    moments = random.Random(0)
    cut = 0
    for _ in range(15):
        await asyncio.wait(callers, timeout=moments.uniform(0, 0.15))
        cut += await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    outcomes = await asyncio.gather(*callers)
    await admin.close()
    await store.pool.expire_connections()
    assert cut > 5
    for id, answers in zip(ids, outcomes, strict=True):
        assert [o.view for o in answers] == [*range(1, 301)]
        assert not any(o.repeated for o in answers)
        assert (await repository.get(Tally, id)).total == 300


async def test_a_stopped_holder_of_the_lock_loses_it(
    repository: Repository, store: EventStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It freezes everybody else. They wait, try again, and go on once PostgreSQL has ended it."""
    id = await started(repository)
    lock = infra.event_store._LOCK
    monkeypatch.setattr(infra.event_store, "_LOCK", lock.replace("lock_timeout = '10s'", "lock_timeout = '100ms'"))
    stopped = await asyncpg.connect(database)
    await stopped.execute(lock.replace("session_timeout = '10s'", "session_timeout = '1s'"))
    assert (await repository.execute(Tally.add, id, cmd(), amount=1, view=total)).view == 1
    assert stopped.is_closed()
    assert await events(store, id) == 2


async def test_a_database_that_stays_away_is_said_to_be_unavailable(
    repository: Repository, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra.writer, "GIVE_UP_SECONDS", 0.2)
    id, command = await started(repository), cmd()
    await store.pool.execute("ALTER TABLE commands RENAME TO gone")
    with pytest.raises(Unavailable):
        await repository.execute(Tally.add, id, command, amount=1)
    await store.pool.execute("ALTER TABLE gone RENAME TO commands")
    assert (await repository.execute(Tally.add, id, command, amount=1, view=total)).view == 1
    assert await events(store, id) == 2


async def test_too_many_waiting_commands_are_turned_away(
    repository: Repository, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra.writer, "WAITING", 5)
    id = await started(repository)
    results = await asyncio.gather(
        *(repository.execute(Tally.add, id, cmd(), amount=1) for _ in range(20)), return_exceptions=True
    )
    assert [type(r) for r in results] == [Outcome] * 5 + [Unavailable] * 15
    assert (await repository.get(Tally, id)).total == 5


async def test_the_cache_is_bounded(repository: Repository, store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infra.writer, "CACHED", 3)
    ids = [await started(repository, n) for n in range(1, 7)]
    assert len(repository._writer._cache) == 3
    assert [(await repository.execute(Tally.add, id, cmd(), amount=1, view=total)).view for id in ids] == [*range(2, 8)]


async def test_what_is_no_method_of_an_aggregate_is_no_command(repository: Repository) -> None:
    with pytest.raises(TypeError, match="not a method"):
        await repository.execute(asyncio.sleep, uuid4(), cmd())
