"""The writer: appends for everybody in this process at once.

It takes the commands that wait, and in one transaction under the log's lock brings their aggregates up to date, lets
them decide in order of arrival, appends all events, remembers all commands, and commits; then it answers each by
itself. So nobody decides on an old state and there is nothing to try again, and those who wait share a commit.

The aggregates stay in memory between batches. Nobody else touches them. Whatever goes wrong with one, or with a
transaction, it is dropped and folded anew from the log.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Container, Sequence
from typing import cast
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent

from domain.petition import Petition
from domain.rulebook import RULEBOOK, Rules
from infra.batch import Answer, Batch, Remembered, Request
from infra.event_store import INSERT, PATIENCE_SECONDS, TRANSIENT, EventStore, columns, locked, read_page, tails
from infra.mapper import mapper
from infra.snapshots import Snapshots, newest

log = logging.getLogger(__name__)

BATCH = 256  # commands to a transaction
WAITING = 10_000  # commands; more are turned away
CACHED = 2_000  # aggregates
PINNED = 100_000  # matters whose policy is remembered
FAR = 5_000  # events of other processes: after a rest, more than these are not worth reading
GIVE_UP_SECONDS = 20.0  # a command's wait while the database is in trouble
PAUSES = (0.05, 1.0)  # the first and the longest between two attempts

# What others appended since we last looked, and those of the waiting commands that were carried out before.
_READ = """
SELECT notification_id AS position, originator_id, originator_version AS version, topic, state, command_id
FROM stored_events WHERE notification_id > $1
UNION ALL
SELECT position, originator_id, version, NULL, digest, command_id FROM commands WHERE command_id = ANY ($2)
ORDER BY position
"""

_FIRST = """
SELECT originator_id, originator_version, topic, state FROM stored_events
WHERE originator_id = ANY ($1) AND originator_version = 1
"""

# A command that decided to do nothing has no event of its own: what it was decided on stands at or before the head.
_RECORD = f"""
WITH appended AS ({INSERT}), placed AS (
    SELECT array_agg(notification_id ORDER BY notification_id) AS positions FROM appended
)
INSERT INTO commands (command_id, digest, originator_id, version, origin, position)
SELECT c.id, digest, originator_id, version, origin,
       coalesce(positions[last_event], (SELECT max(notification_id) FROM stored_events), 0)
FROM placed, unnest($7::uuid[], $8::bytea[], $9::uuid[], $10::bigint[], $11::int[], $12::text[])
    AS c (id, digest, originator_id, version, last_event, origin)
RETURNING command_id, position
"""  # noqa: S608 - of constants


class Unavailable(Exception):
    """The database is in trouble, or too many commands wait. Send the same command again, with the same id: should it
    have been carried out after all, it is not carried out twice."""


class Writer:
    def __init__(self, store: EventStore, snapshots: Snapshots) -> None:
        self._store = store
        self._snapshots = snapshots
        self._cache: OrderedDict[UUID, Aggregate] = OrderedDict()
        self._head = 0  # the position that everything in the cache has seen
        self._rules: Rules | None = None
        self._absent: set[UUID] = set()  # the rulebook, while there is none: it need not be looked for each time
        self._pins: dict[UUID, str | None] = {}  # the policy version of each matter, which never changes
        self._waiting: deque[Request] = deque()
        self.task: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Answer:
        if len(self._waiting) >= WAITING:
            raise Unavailable("too many commands are waiting; try again in a moment")
        self._waiting.append(request)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._write())
        return await request.answer

    async def _write(self) -> None:
        """Until nothing waits. Once a batch is answered its requests are done with, whatever comes next."""
        requests: list[Request] = []
        pause, longest = PAUSES
        while self._waiting:
            try:
                async with self._store.pool.acquire(timeout=PATIENCE_SECONDS) as conn:
                    await self._catch_up(conn)
                    while self._waiting:
                        requests = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                        self._settle(await self._carry_out(conn, requests))
                        requests = []
                        pause, _ = PAUSES
                        await asyncio.sleep(0)  # those answered may have more to ask
            except TRANSIENT as error:
                log.warning("the database failed, trying again: %r", error)
                self._put_back(requests, error)
                requests = []
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
            except Exception as error:
                log.exception("a batch of %d commands failed", len(requests))
                self._forget()
                for request in requests:
                    request.resolve(error)
                requests = []
            except BaseException:  # the loop is being stopped: nobody may wait for ever
                self._forget()
                for request in (*requests, *self._waiting):
                    request.answer.cancel()
                self._waiting.clear()
                raise

    def _forget(self) -> None:
        self._cache.clear()
        self._rules, self._absent = None, set()

    async def _catch_up(self, conn: PoolConnectionProxy) -> None:
        """After a rest, and before anybody waits for us: what other processes wrote meanwhile."""
        if self._cache:
            page = await read_page(conn, self._head, FAR)
            if len(page) < FAR:
                self._settle(self._fold(Batch([], {}), page, page.position))
                return
        self._forget()
        self._head = await conn.fetchval("SELECT coalesce(max(notification_id), 0) FROM stored_events")

    async def _carry_out(self, conn: PoolConnectionProxy, requests: list[Request]) -> Batch:
        ids = {RULEBOOK, *(id for request in requests for id in request.ids)}
        batch = Batch(requests, {id: self._cache[id] for id in ids if id in self._cache}, self._rules, self._pins)
        missing = ids - batch.held.keys()
        if wanted := missing - self._absent:
            batch.fold(await newest(conn, list(wanted)))
            batch.fold(await tails(conn, batch.versions(wanted)))
        if RULEBOOK in batch.held:
            await self._pin(conn, batch)
        else:
            self._absent = {RULEBOOK}
        async with locked(conn):
            rows = await conn.fetch(_READ, self._head, [r.cmd.id for r in requests], timeout=PATIENCE_SECONDS)
            events = [row for row in rows if row["topic"] is not None]
            position = events[-1]["position"] if events else self._head
            self._fold(batch, [StoredEvent(*row[1:5]) for row in events], position, missing)
            remembered = [row for row in rows if row["topic"] is None]
            batch.decide(
                {
                    row["command_id"]: Remembered(row["position"], row["originator_id"], row["version"], row["state"])
                    for row in remembered
                }
            )
            if batch.decided:
                await _record(conn, batch)
        return batch

    async def _pin(self, conn: PoolConnectionProxy, batch: Batch) -> None:
        """Find out which policy the matters of these commands began under."""
        asked = {id for request in batch.requests for id in batch.matters(request)}
        if unknown := asked - self._pins.keys():
            if len(self._pins) > PINNED:
                self._pins.clear()
            for first in await conn.fetch(_FIRST, list(unknown), timeout=PATIENCE_SECONDS):
                event = mapper.to_domain_event(StoredEvent(*first))
                version = event.signing.version if isinstance(event, Petition.Opened) else None
                self._pins[first["originator_id"]] = version

    def _fold(
        self, batch: Batch, events: Sequence[StoredEvent], position: int, missing: Container[UUID | str] = ()
    ) -> Batch:
        """Onto everything in memory, so that all of it has seen the log up to the same position."""
        for event in events:
            id = cast("UUID", event.originator_id)
            if id in self._cache:
                batch.held.setdefault(id, self._cache[id])
        batch.fold(event for event in events if event.originator_id in batch.held or event.originator_id in missing)
        batch.position = position
        return batch

    def _settle(self, batch: Batch) -> None:
        """It is durable."""
        self._head = batch.position
        self._rules = batch.rules
        for id, aggregate in batch.held.items():
            if isinstance(aggregate, Exception):
                self._cache.pop(id, None)
            else:
                self._cache[id] = aggregate
                self._cache.move_to_end(id)
        for id in batch.spoilt:
            self._cache.pop(id, None)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        self._waiting.extendleft(reversed(batch.later))
        for request, answer in batch.answers.items():
            request.resolve(answer)
        due = {event.originator_id for event, _ in batch.events if self._snapshots.is_due(event.originator_version)}
        for id in self._cache.keys() & due:
            self._snapshots.take(self._cache[id])

    def _put_back(self, requests: list[Request], error: Exception) -> None:
        """To the front of the queue; whoever has waited too long is told so."""
        self._forget()
        for request in requests:
            request.tried = True
        asked = [*requests, *self._waiting]
        self._waiting.clear()
        oldest = asyncio.get_running_loop().time() - GIVE_UP_SECONDS
        for request in asked:
            if request.since < oldest:
                failure = Unavailable("the database is in trouble; send the same command again in a while")
                failure.__cause__ = error
                request.resolve(failure)
            else:
                self._waiting.append(request)


async def _record(conn: PoolConnectionProxy, batch: Batch) -> None:
    decided = list(batch.decided.values())
    rows = await conn.fetch(
        _RECORD,
        *columns(batch.events),
        [d.request.cmd.id for d in decided],
        [d.request.digest for d in decided],
        [d.request.id for d in decided],
        [d.version for d in decided],
        [d.last_event for d in decided],
        [d.origin for d in decided],
        timeout=PATIENCE_SECONDS,
    )
    for command_id, position in rows:
        d = batch.decided[command_id]
        batch.answers[d.request] = Answer(position, d.version, d.view)
        batch.position = max(batch.position, position)
