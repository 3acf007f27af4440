"""When holidays are announced, every running clock that counts working days is moved.

Whatever is decided after the announcement knows it (the writer sees to that), so what has to be looked at are the
matters that were open then. It acts by ordinary commands, each of which moves a clock once: killed half-way, it begins
again from the first. The stories hear of what moved like of anything else.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from asyncpg.pool import PoolConnectionProxy
from eventsourcing.domain import Aggregate
from eventsourcing.utils import get_topic

from domain.command import Command, Decider, Role, aggregates
from domain.policy import Policy
from domain.refusals import Invalid, NotFound
from domain.rulebook import RULEBOOK, Rulebook
from infra import policies
from infra.database import my_turn
from infra.event_store import TRANSIENT, EventStore
from infra.mapper import mapper
from infra.repository import Repository, Unavailable
from workflows.relay import ENDINGS, REVIVALS

log = logging.getLogger(__name__)

TOPICS = (Rulebook.PolicyIssued.TOPIC, Rulebook.HolidaysAnnounced.TOPIC)
PAGE = 1_000
AT_ONCE = 64  # commands, between two reports of progress
_TURN = 0x7975_686C  # the advisory lock of whoever moves

_BEGIN = """
INSERT INTO calendar_moves (revision, clocks_of) VALUES ($1, $2)
ON CONFLICT (revision) DO UPDATE SET clocks_of = excluded.clocks_of, looked_at = 0, moved = 0, waiting = 0
"""
_PROGRESS = """
UPDATE calendar_moves SET looked_at = $2,
waiting = waiting + cardinality(array_positions($3::bigint[], NULL)),
moved = moved + (
    SELECT count(*) FROM stored_events JOIN unnest($3::bigint[], $4::uuid[]) AS asked (position, id)
    ON notification_id = position AND originator_id = asked.id WHERE topic LIKE '%.ClocksMoved'
) WHERE revision = $1
"""


def with_clocks() -> dict[str, type[Decider]]:
    """The aggregates whose clocks can be moved, by the topic of the event that creates them."""
    found = [cls for cls in aggregates() if hasattr(cls, "move_clocks")]
    return {
        get_topic(event): cls
        for cls in found
        for event in vars(cls).values()
        if isinstance(event, type) and issubclass(event, Aggregate.Created) and event.__name__ != "Created"
    }


class Holidays:
    """``now`` is the clock that the commands are stamped with."""

    def __init__(
        self,
        store: EventStore,
        repository: Repository,
        policy: Policy,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._repository, self._policy, self._now = store, repository, policy, now

    async def run(self) -> None:
        """For ever. Of several processes one works, and the others wait for it to end."""
        while True:
            try:
                async with self._store.pool.acquire() as conn:
                    await my_turn(conn, _TURN)
                    async with aclosing(self._store.follow(0, TOPICS)) as pages:
                        async for page in pages:
                            if page:
                                await self.catch_up(conn)
            except (*TRANSIENT, Unavailable) as error:
                log.warning("clocks wait to be moved, trying again: %s", error)
            await asyncio.sleep(1)

    async def catch_up(self, conn: PoolConnectionProxy | Any) -> None:
        """Move what the newest revision of the calendar moves, unless that has been done."""
        try:
            rulebook = await self._repository.get(Rulebook, RULEBOOK)
        except NotFound:
            return
        revision = rulebook.rules().policies[0][1].calendar.revision
        finished = "SELECT true FROM calendar_moves WHERE revision = $1 AND finished_at IS NOT NULL"
        if revision and not await conn.fetchval(finished, revision):
            await self._move_all(conn, revision)

    async def _move_all(self, conn: PoolConnectionProxy, revision: int) -> None:
        open_ones = await self._open()
        await conn.execute(_BEGIN, revision, len(open_ones))
        for start in range(0, len(open_ones), AT_ONCE):
            page = open_ones[start : start + AT_ONCE]
            positions = await asyncio.gather(*(self._move(cls, id, revision) for cls, id in page))
            await conn.execute(_PROGRESS, revision, start + len(page), positions, [id for _, id in page])
        await self._move_verifications(conn)
        await conn.execute("UPDATE calendar_moves SET finished_at = now() WHERE revision = $1", revision)

    async def _move_verifications(self, conn: PoolConnectionProxy) -> None:
        """Of residents who entered themselves: by when the host is to verify them stands in the register, in no log."""
        rules = await policies.rules(self._repository, self._policy)
        waiting = "SELECT person_id, registered_at, verify_by FROM residents WHERE verify_by > $1"
        for person_id, registered_at, verify_by in await conn.fetch(waiting, self._now()):
            with suppress(Invalid):  # it would end in a year of which nothing is known
                due_at = rules.in_force(registered_at).clock("verification", registered_at).due_at
                await conn.execute(
                    "UPDATE residents SET verify_by = $2 WHERE person_id = $1 AND verify_by = $3",
                    *(person_id, due_at, verify_by),
                )

    async def _move(self, cls: Any, id: UUID, revision: int) -> int | None:
        """Where the command stands in the log; None when it waits for a year to become known."""
        cmd = Command(
            id=uuid5(id, f"calendar {revision}"), by="yuetan", role=Role.WORKFLOW, at=self._now(), policy=self._policy
        )
        try:
            return (await self._repository.execute(cls.move_clocks, id, cmd, origin="step move_clocks")).position
        except Invalid as refusal:
            log.warning("the clocks of %s wait for the calendar: %s", id, refusal.en)
            return None

    async def _open(self) -> list[tuple[type[Decider], UUID]]:
        """Everything with clocks in matters that have not ended, as the log has it now."""
        created, over = with_clocks(), {event.TOPIC for event in ENDINGS}
        again = {event.TOPIC for event in REVIVALS}
        found: dict[UUID, tuple[type[Decider], UUID]] = {}
        ended: set[UUID] = set()
        position = 0
        while True:
            page = await self._store.select_notifications(
                position, PAGE, topics=(*created, *over, *again), inclusive_of_start=False
            )
            for recorded in page:
                id: Any = recorded.originator_id
                if recorded.topic in over:
                    ended.add(id)
                elif recorded.topic in again:
                    ended.discard(id)
                else:
                    matter_id = getattr(mapper.to_domain_event(recorded), "matter_id", id)
                    found[id] = (created[recorded.topic], matter_id)
            if len(page) < PAGE:
                break
            position = page[-1].id
        return [(cls, id) for id, (cls, matter_id) in found.items() if matter_id not in ended]
