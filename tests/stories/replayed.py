"""Whether all petitions of an installation replay to what its read models say."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.meeting import Meeting
from domain.petition import Petition
from domain.task import Task
from infra.event_store import EventStore
from infra.mapper import mapper
from infra.replay import replay
from infra.sealing import Keyring
from projections import board, statistics
from projections.projector import Batch, advance, install
from tests.projections.then import Facts, facts_on_the_board, folded_facts


async def assert_replayed(pool: asyncpg.Pool, keyring: Keyring, petitions: set[str]) -> None:
    """At every place of its history a petition folds to what the board says once it has been told just so much, and
    the whole district is then what it is afterwards for that moment. At the end stands what stood before."""
    store = EventStore(pool)
    events = await store.select_notifications(1, 100_000)
    matters: dict[UUID, set[UUID]] = {}
    for event in events:
        fact: Any = mapper.to_domain_event(event)
        if isinstance(fact, Petition.Event | Meeting.Event | Task.Event):
            matters.setdefault(getattr(fact, "matter_id", fact.originator_id), set()).add(fact.originator_id)
    assert {str(id) for id in matters} == petitions
    now = events[-1].recorded_at
    stood = (
        {id: await facts_on_the_board(pool, id) for id in matters},
        await statistics.district(pool, now, conduct=True),
    )
    await pool.execute("DELETE FROM projections WHERE name IN ('board', 'statistics')")
    await install(pool)
    said: dict[UUID, dict[int, Facts]] = {id: {} for id in matters}
    district: list[tuple[datetime, Any]] = []
    async with pool.acquire() as conn:
        for after, event in zip([0, *(event.id for event in events)], events, strict=False):
            for model in (board.READ_MODEL, statistics.READ_MODEL):
                await advance(conn, model, model.name, Batch([event], after, event.id), keyring)
            for id, parts in matters.items():
                if event.originator_id in parts:
                    said[id][event.id] = await facts_on_the_board(pool, id)
            if event.id % 20 == 0:
                at = event.recorded_at
                district.append((at, await statistics.district(pool, at, conduct=True)))
    for id, then in said.items():
        assert await replay(store, list(matters[id]), list(then), folded_facts) == list(then.values())
    for at, figures in district:
        assert await statistics.district(pool, at, conduct=True, as_of=at) == figures
    assert stood[0] == {id: await facts_on_the_board(pool, id) for id in matters}
    assert stood[1] == await statistics.district(pool, now, conduct=True)
    assert stood[1] == await statistics.district(pool, now, conduct=True, as_of=now)
