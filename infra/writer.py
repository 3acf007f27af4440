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
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy
from eventsourcing.domain import Aggregate

from infra.batch import Answer, Batch, Remembered, Request
from infra.event_store import PATIENCE_SECONDS, TRANSIENT, EventStore, append, locked, tails
from infra.snapshots import Snapshots, newest

log = logging.getLogger(__name__)

BATCH = 256  # commands to a transaction
WAITING = 10_000  # commands; more are turned away
CACHED = 2_000  # aggregates
GIVE_UP_SECONDS = 20.0  # a command's wait while the database is in trouble
PAUSES = (0.05, 1.0)  # the first and the longest between two attempts

_REMEMBERED = "SELECT command_id, digest, originator_id, version, position FROM commands WHERE command_id = ANY ($1)"

# A command that decided to do nothing has no event of its own: what it was decided on stands at or before the head.
_REMEMBER = """
INSERT INTO commands (command_id, digest, originator_id, version, position)
SELECT c.id, digest, originator_id, version, coalesce(position, (SELECT max(notification_id) FROM stored_events), 0)
FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bigint[], $5::bigint[])
    AS c (id, digest, originator_id, version, position)
RETURNING command_id, position
"""


class Unavailable(Exception):
    """The database is in trouble, or too many commands wait. Send the same command again, with the same id: should it
    have been carried out after all, it is not carried out twice."""


class Writer:
    def __init__(self, store: EventStore, snapshots: Snapshots, snapshot_every: int) -> None:
        self._store = store
        self._snapshots = snapshots
        self._snapshot_every = snapshot_every
        self._cache: OrderedDict[UUID, Aggregate] = OrderedDict()
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
                    while self._waiting:
                        requests = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                        batch = await self._carry_out(conn, requests)
                        self._settle(batch)
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
                self._forget(requests)
                for request in requests:
                    request.resolve(error)
                requests = []
            except BaseException:  # the loop is being stopped: nobody may wait for ever
                for request in (*requests, *self._waiting):
                    request.answer.cancel()
                self._waiting.clear()
                raise

    async def _carry_out(self, conn: PoolConnectionProxy, requests: Sequence[Request]) -> Batch:
        ids = {id for request in requests for id in request.ids()}
        batch = Batch(requests, {id: self._cache[id] for id in ids if id in self._cache})
        # What the cache lacks is read before the lock, so that nobody waits for the long part of it.
        created = {request.id for request in requests if request.creates}
        if missing := ids - batch.held.keys() - created:
            batch.fold(await newest(conn, list(missing)))
            batch.fold(await tails(conn, batch.versions(missing)))
        async with locked(conn):
            batch.fold(await tails(conn, batch.versions(ids)))
            rows = await conn.fetch(_REMEMBERED, [r.cmd.id for r in requests], timeout=PATIENCE_SECONDS)
            batch.decide({row["command_id"]: Remembered(*row) for row in rows})
            if batch.decided:
                await _record(conn, batch)
        return batch

    def _settle(self, batch: Batch) -> None:
        """It is durable."""
        self._forget(batch.requests)
        self._cache.update((id, a) for id, a in batch.held.items() if isinstance(a, Aggregate))
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        self._waiting.extendleft(reversed(batch.later))
        for request, answer in batch.answers.items():
            request.resolve(answer)
        for event, _ in batch.events:
            if event.originator_version % self._snapshot_every == 0:
                self._snapshots.soon(cast("UUID", event.originator_id), event.originator_version)

    def _forget(self, requests: Sequence[Request]) -> None:
        for request in requests:
            for id in request.ids():
                self._cache.pop(id, None)

    def _put_back(self, requests: Sequence[Request], error: Exception) -> None:
        """To the front of the queue; whoever has waited too long is told so."""
        self._forget(requests)
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
    positions = await append(conn, batch.events) if batch.events else []
    decided = list(batch.decided.values())
    rows = await conn.fetch(
        _REMEMBER,
        [d.request.cmd.id for d in decided],
        [d.request.digest for d in decided],
        [d.request.id for d in decided],
        [d.version for d in decided],
        [None if d.last_event is None else positions[d.last_event] for d in decided],
        timeout=PATIENCE_SECONDS,
    )
    for command_id, position in rows:
        d = batch.decided[command_id]
        batch.answers[d.request] = Answer(position, d.version, d.view)
