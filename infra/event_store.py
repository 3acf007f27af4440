"""The log: appended to under one lock, read in order of position, followed by whoever mirrors it.

The verbs are the library's (``insert_events``, ``select_events``, ``select_notifications``), as coroutines.

Why a lock: positions come from a sequence, and transactions commit in another order than they draw numbers. A
follower would step over a number that becomes visible late, for good. So whoever appends first takes the table in
EXCLUSIVE mode, which readers do not notice and which keeps the library's own recorder out as well. It is taken in a
statement of its own, before the one that reads: what is read under it is then the newest state.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

log = logging.getLogger(__name__)

CHANNEL = "stored_events"  # the library's recorder rings the same bell
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 30.0  # for one statement; a stopped holder of the lock loses it after ten

# What means "the database or the way to it is in trouble": worth another try, never an answer to a command.
# (asyncpg raises its InternalClientError where a connection ends between two steps of one statement.)
TRANSIENT = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# Every statement of ours goes by an index, however small or unknown to the planner the table still is.
_LOCK = f"""
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '10s';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SET LOCAL enable_seqscan = off;
SET LOCAL plan_cache_mode = force_generic_plan;
LOCK TABLE {CHANNEL} IN EXCLUSIVE MODE
"""

INSERT = """
INSERT INTO stored_events (originator_id, originator_version, topic, state, command_id, salt)
SELECT id, version, topic, state, command_id, salt
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[])
    WITH ORDINALITY AS new (id, version, topic, state, command_id, salt, n)
ORDER BY n
RETURNING notification_id
"""

_EVENTS = """
SELECT originator_id, originator_version, topic, state FROM stored_events
WHERE originator_id = $1 AND originator_version > $2 AND ($3::bigint IS NULL OR originator_version <= $3)
ORDER BY originator_version {} LIMIT $4
"""

_TAILS = """
SELECT e.* FROM unnest($1::uuid[], $2::bigint[]) AS known (id, version)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state FROM stored_events
    WHERE originator_id = known.id AND originator_version > known.version
    ORDER BY originator_version
) AS e
ORDER BY e.originator_id, e.originator_version
"""

# One statement, so that the head and the events belong to the same moment: whatever stands at or before the head and
# is not among the events is of another topic.
_PAGE = """
SELECT head.position, e.* FROM (SELECT coalesce(max(notification_id), 0) AS position FROM stored_events) AS head
LEFT JOIN LATERAL (
    SELECT * FROM stored_events
    WHERE notification_id > $1 AND notification_id <= head.position AND ($2::text[] = '{}' OR topic = ANY ($2))
    ORDER BY notification_id LIMIT $3
) AS e ON true
ORDER BY e.notification_id
"""


@dataclass(frozen=True)
class Recorded(Notification):
    """An event with its place in the log (``id``), the database's clock, and the command, on its first event only.
    ``salt``: random, so that nobody can guess the event by its hash."""

    recorded_at: datetime
    command_id: UUID | None
    salt: UUID


class Page(list[Recorded]):
    """Events in order of position. ``position`` says how far the log has been read: past events of other topics too.

    A page may be empty and still bring a later position.
    """

    def __init__(self, events: Iterable[Recorded], position: int) -> None:
        super().__init__(events)
        self.position = position


class NewEvent(NamedTuple):
    stored: StoredEvent
    command_id: UUID | None = None


class EventStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._bell = asyncio.Event()
        self._followers = 0
        self._doorbell: asyncio.Task[None] | None = None

    # Appending

    async def insert_events(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        """Append all or nothing; answer with the positions. ``IntegrityError`` where a version is taken."""
        try:
            async with self.pool.acquire() as conn, locked(conn):
                return await append(conn, [NewEvent(event) for event in stored_events])
        except asyncpg.UniqueViolationError as error:
            raise IntegrityError(str(error)) from error

    # Reading

    async def select_events(
        self, originator_id: UUID, *, gt: int = 0, lte: int | None = None, desc: bool = False, limit: int | None = None
    ) -> list[StoredEvent]:
        rows = await self.pool.fetch(
            _EVENTS.format("DESC" if desc else "ASC"),
            originator_id,
            gt,
            lte,
            limit,
        )
        return [StoredEvent(*row) for row in rows]

    async def select_notifications(
        self, start: int, limit: int, *, topics: Sequence[str] = (), inclusive_of_start: bool = True
    ) -> list[Recorded]:
        return await read_page(self.pool, start - 1 if inclusive_of_start else start, limit, topics)

    async def max_notification_id(self) -> int:
        position: int = await self.pool.fetchval("SELECT coalesce(max(notification_id), 0) FROM stored_events")
        return position

    # Following

    async def follow(self, after: int, topics: Sequence[str] = (), limit: int = 1000) -> AsyncGenerator[Page, None]:
        """Every event after a position, for ever: none missed, none twice, in order.

        Ends never, reconnects always. Wrap it in ``contextlib.aclosing`` to stop listening at once.
        """
        self._followers += 1
        if self._doorbell is None:
            self._doorbell = asyncio.create_task(self._listen())
        try:
            while True:
                bell = self._bell  # before reading, so that no ring in between is lost
                try:
                    page = await read_page(self.pool, after, limit, topics)
                except TRANSIENT as error:
                    log.warning("the log cannot be read, trying again: %s", error)
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                if page.position > after:
                    after = page.position
                    yield page
                if len(page) < limit:
                    with suppress(TimeoutError):  # (asyncio.wait_for may swallow a cancellation, in Python 3.11)
                        async with asyncio.timeout(POLL_SECONDS):
                            await bell.wait()
        finally:
            self._followers -= 1
            if not self._followers:
                self._doorbell.cancel()
                self._doorbell = None

    async def _listen(self) -> None:
        """One listening connection for all followers of this process. Only a doorbell: polling is the guarantee."""
        while True:
            try:
                async with self.pool.acquire() as conn:
                    lost = asyncio.Event()
                    conn.add_termination_listener(lambda _, lost=lost: lost.set())
                    await conn.add_listener(CHANNEL, self._ring)
                    try:
                        await lost.wait()
                    finally:
                        # A lost connection answers with an error, which must not take the place of a cancellation.
                        with suppress(*TRANSIENT):
                            await conn.remove_listener(CHANNEL, self._ring)
            except TRANSIENT as error:
                log.warning("nobody listens to the log, polling: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    def _ring(self, *_: object) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()


async def read_page(
    conn: asyncpg.Pool | PoolConnectionProxy, after: int, limit: int | None = None, topics: Sequence[str] = ()
) -> Page:
    rows = await conn.fetch(_PAGE, after, list(topics), limit, timeout=PATIENCE_SECONDS)
    events = [
        Recorded(
            originator_id=row["originator_id"],
            originator_version=row["originator_version"],
            topic=row["topic"],
            state=row["state"],
            id=row["notification_id"],
            recorded_at=row["recorded_at"],
            command_id=row["command_id"],
            salt=row["salt"],
        )
        for row in rows
        if row["notification_id"] is not None
    ]
    return Page(events, events[-1].id if len(events) == limit else max(after, rows[0]["position"]))


# The steps of an append. All but `tails` want a connection that holds the lock.


@asynccontextmanager
async def locked(conn: PoolConnectionProxy) -> AsyncIterator[None]:
    """A transaction that alone may append. Whatever is raised while committing leaves the outcome unknown."""
    try:
        await conn.execute(_LOCK, timeout=PATIENCE_SECONDS)
        yield
        await conn.execute(f"NOTIFY {CHANNEL}; COMMIT", timeout=PATIENCE_SECONDS)
    except BaseException:
        with suppress(*TRANSIENT):
            if not conn.is_closed():
                await conn.execute("ROLLBACK", timeout=PATIENCE_SECONDS)
        raise


async def append(conn: PoolConnectionProxy, events: Sequence[NewEvent]) -> list[int]:
    """Insert in this order; answer with the positions."""
    return [row[0] for row in await conn.fetch(INSERT, *columns(events), timeout=PATIENCE_SECONDS)]


def columns(events: Sequence[NewEvent]) -> tuple[list[Any], ...]:
    """What `INSERT` takes. The salts are made here: each that PostgreSQL makes by itself costs it 4 µs."""
    random = os.urandom(16 * len(events)).hex()
    return (
        [event.originator_id for event, _ in events],
        [event.originator_version for event, _ in events],
        [event.topic for event, _ in events],
        [event.state for event, _ in events],
        [command_id for _, command_id in events],
        [random[n : n + 32] for n in range(0, len(random), 32)],
    )


async def tails(conn: PoolConnectionProxy, versions: dict[UUID, int]) -> list[StoredEvent]:
    """The events that follow these versions, stream by stream in order."""
    rows = await conn.fetch(_TAILS, list(versions), list(versions.values()), timeout=PATIENCE_SECONDS)
    return [StoredEvent(*row) for row in rows]
