"""Whatever is asked, in whatever order, however often and through whichever process: each command counts once."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.command import Command
from domain.refusals import Conflict
from infra.event_store import EventStore
from infra.mapper import mapper
from infra.repository import Outcome, Repository
from tests.infra.tally import Tally, cmd, total

TALLIES = 3
PROCESSES = 2


@dataclass(frozen=True)
class Asked:
    """A command: add an amount, or pour a tally into the next one, or fail half-way."""

    kind: str
    tally: int
    amount: int


ASKED = st.builds(
    Asked, st.sampled_from(["add", "add", "pour", "fail"]), st.integers(0, TALLIES - 1), st.integers(-60, 60)
)
# Calls made at once, each naming a command by its place in the list: the same ones turn up again and again.
ROUND = st.lists(st.tuples(st.integers(0, 9), st.integers(0, PROCESSES - 1)), min_size=1, max_size=12)


async def call(repository: Repository, ids: list[UUID], command: Command, asked: Asked) -> Outcome[int]:
    id = ids[asked.tally]
    match asked.kind:
        case "add":
            return await repository.execute(Tally.add, id, command, amount=asked.amount, view=total)
        case "pour":
            also = {"into": (Tally, ids[(asked.tally + 1) % TALLIES])}
            return await repository.execute(Tally.pour, id, command, also=also, view=total)
        case _:
            return await repository.execute(Tally.add_twice_and_fail, id, command, view=total)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ASKED, min_size=10, max_size=10), st.lists(ROUND, min_size=1, max_size=5), st.booleans())
@example([Asked("add", 0, 60)] * 10, [[(n, n % 2) for n in range(10)] * 2] * 2, True)
async def test_each_command_counts_once(
    pool: asyncpg.Pool, known: list[Asked], rounds: list[list[tuple[int, int]]], restart: bool
) -> None:
    store = EventStore(pool)
    before = await store.max_notification_id()
    processes = [Repository(store, snapshot_every=4) for _ in range(PROCESSES)]
    ids = [uuid4() for _ in range(TALLIES)]
    for id in ids:
        await processes[0].execute(Tally.start, id, cmd())
    commands = [cmd() for _ in known]

    answers: dict[int, list[list[Any]]] = defaultdict(list)  # of each command: round by round
    for calls in rounds:
        results = await asyncio.gather(
            *(call(processes[p], ids, commands[n], known[n]) for n, p in calls), return_exceptions=True
        )
        for n in {n for n, _ in calls}:
            answers[n].append([r for (called, _), r in zip(calls, results, strict=True) if called == n])
        if restart:
            await processes[0].close()
            processes[0] = Repository(store, snapshot_every=4)
    for process in processes:
        await process.close()

    log = await store.select_notifications(before + 1, 10_000)
    by_command: dict[UUID, list[Any]] = defaultdict(list)
    for recorded in log:
        by_command[mapper.to_domain_event(recorded).command_id].append(recorded)  # type: ignore[attr-defined]

    for n, by_round in answers.items():
        flat = [answer for answers_at_once in by_round for answer in answers_at_once]
        outcomes = [answer for answer in flat if isinstance(answer, Outcome)]
        assert all(isinstance(answer, Outcome | Conflict | ZeroDivisionError) for answer in flat)
        if not outcomes:
            assert not by_command[commands[n].id]
            continue
        # Carried out once, and everybody was told the same.
        assert [o.repeated for o in outcomes].count(False) == 1
        (first,) = {(o.position, o.version, o.view) for o in outcomes}
        # Once carried out, never refused.
        accepted_in = next(
            i for i, answers_at_once in enumerate(by_round) if any(o in outcomes for o in answers_at_once)
        )
        assert all(answer in outcomes for later in by_round[accepted_in + 1 :] for answer in later)
        # The answer is what stands in the log.
        assert (await processes[1].get(Tally, ids[known[n].tally], version=first[1])).total == first[2]
        events = by_command[commands[n].id]
        assert [e.command_id for e in events] == [commands[n].id, None][: len(events)]
        if known[n].kind == "add":
            assert [(e.id, e.originator_version) for e in events] == ([first[:2]] if known[n].amount else [])
    # No decision was made on an old state: no total ever left its bounds.
    for id in ids:
        stream = [r for r in log if r.originator_id == id]
        assert [r.originator_version for r in stream] == [*range(1, len(stream) + 1)]
        for version in range(1, len(stream) + 1):
            assert 0 <= (await processes[1].get(Tally, id, version=version)).total <= 100
