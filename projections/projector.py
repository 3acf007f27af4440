"""The only loop: reads the log and carries it into every read model, each with a checkpoint of its own.

A batch of events and its checkpoint move in one transaction, under a lock on the checkpoint's row: nothing is missed
and nothing done twice, whoever runs the loop and however it ends. The advisory lock only keeps a second process from
reading in vain. A read model whose handler fails stands still and says so; the others go on.

A read model is (re)built in a schema beside the one in service, which then takes its place by renaming.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.text import Text
from infra.database import my_turn
from infra.event_store import EventStore, Recorded
from infra.mapper import mapper
from infra.sealing import Keyring
from projections import (
    appointments,
    board,
    directory,
    documents,
    flags,
    inbox,
    links,
    process,
    referrals,
    replies,
    reports,
    similar,
    statistics,
    timeline,
    webhooks,
)
from projections.read_model import Digest, Plain, ReadModel, Statement

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # a read model's name, its position, and the log's head

READ_MODELS = {
    model.name: model
    for model in (
        board.READ_MODEL,
        inbox.READ_MODEL,
        timeline.READ_MODEL,
        statistics.READ_MODEL,
        directory.READ_MODEL,
        appointments.READ_MODEL,
        webhooks.READ_MODEL,
        similar.READ_MODEL,
        referrals.READ_MODEL,
        links.READ_MODEL,
        documents.READ_MODEL,
        reports.READ_MODEL,
        replies.READ_MODEL,
        flags.READ_MODEL,
        process.READ_MODEL,
    )
}
BATCH = 1000  # events in a transaction
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.01
_TURN = 0x7975_7072  # the advisory lock of whoever runs the loop; a rebuild takes it with the read model's name


class RebuildRefused(Exception):
    """Why a read model cannot be rebuilt now, in one line."""


class Gap(Exception):
    """A read model lacks events from before the batch: somebody has meddled with the registry. Read from there."""


# Trouble with the database or the way to it, which says nothing about the event at hand.
_TROUBLE = (
    Gap,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.TransactionRollbackError,
)


@dataclass(frozen=True)
class Status:
    """One row of the registry. ``NAME_next`` is a read model that is being built. ``head``: the log's last position."""

    name: str
    version: int
    position: int
    head: int
    error: str | None
    error_position: int | None

    @property
    def lag(self) -> int:
        return self.head - self.position


class Batch:
    """Events that are decoded once for all read models, and only if one wants them."""

    def __init__(self, events: Sequence[Recorded], after: int, position: int) -> None:
        self.events, self.after, self.position = events, after, position
        self._facts: dict[int, Any] = {}

    def statements(self, model: ReadModel, event: Recorded) -> list[Statement]:
        handler = model.handlers.get(event.topic)
        if handler is None:
            return []
        if event.id not in self._facts:
            self._facts[event.id] = mapper.to_domain_event(event)
        return list(handler(self._facts[event.id], event))


class Projector:
    def __init__(self, store: EventStore, keyring: Keyring, models: Sequence[ReadModel] = ()) -> None:
        self._store, self._keyring = store, keyring
        self._models = models or list(READ_MODELS.values())

    async def run(self) -> None:
        """Keep the read models up to date; never returns."""
        await install(self._store.pool, self._models)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew())
            group.create_task(self._project())

    async def _renew(self) -> None:
        """Build what the database has in an older version, while the older one serves."""
        outdated = "SELECT version < $2 FROM projections WHERE name = $1"
        for model in self._models:
            while True:
                try:
                    if not await self._store.pool.fetchval(outdated, model.name, model.version):
                        break
                    await rebuild(self._store, self._keyring, [model])
                except (RebuildRefused, *_TROUBLE) as error:
                    log.warning("version %s of %s is not built yet, trying again: %s", model.version, model.name, error)
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:
                    log.exception("READ MODEL %s CANNOT BE BUILT in version %s", model.name, model.version)
                    break  # the older one serves on, until a program with a fix starts

    async def _project(self) -> None:
        while True:
            try:
                async with self._store.pool.acquire() as conn:
                    await my_turn(conn, _TURN)
                    # What stood still may go on now: this may be a program with a fix.
                    await conn.execute(
                        "UPDATE projections SET error = NULL, error_position = NULL WHERE name = ANY ($1)", self._names
                    )
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._follow(conn))
                        group.create_task(_until_lost(conn))
            except* _TROUBLE as errors:
                log.warning("the read models stand still, trying again: %s", errors.exceptions[0])
                await asyncio.sleep(RETRY_SECONDS)

    @property
    def _names(self) -> list[str]:
        return [model.name for model in self._models]

    async def _follow(self, conn: PoolConnectionProxy) -> None:
        after: int = await conn.fetchval(  # where the one furthest behind is
            "SELECT coalesce(min(position), 0) FROM projections WHERE name = ANY ($1)", self._names
        )
        async with aclosing(self._store.follow(after, limit=BATCH)) as pages:
            async for page in pages:
                batch = Batch(page, after, page.position)
                for model in self._models:
                    await self._advance(conn, model, batch)
                after = page.position

    async def _advance(self, conn: PoolConnectionProxy, model: ReadModel, batch: Batch) -> None:
        """Carry a batch into one read model, or as much of it as can be, and then stop that read model."""
        try:
            await advance(conn, model, model.name, batch, self._keyring)
            return
        except _TROUBLE:
            raise
        except Exception:
            log.warning("a batch cannot be carried into %s, going on event by event", model.name)
        for event in batch.events:
            try:
                await advance(conn, model, model.name, Batch([event], batch.after, event.id), self._keyring)
            except _TROUBLE:
                raise
            except Exception as error:
                log.exception("READ MODEL %s STANDS STILL at position %s (%s)", model.name, event.id, event.topic)
                await conn.execute(
                    "UPDATE projections SET error = $2, error_position = $3 WHERE name = $1",
                    model.name,
                    f"{type(error).__name__} in {event.topic}",  # no more: a message may quote what was written
                    event.id,
                )
                return
        await advance(conn, model, model.name, Batch([], batch.after, batch.position), self._keyring)


async def _until_lost(conn: PoolConnectionProxy) -> None:
    """The turn goes with the connection, and while nothing happens nobody would notice."""
    lost = asyncio.Event()
    conn.add_termination_listener(lambda _: lost.set())
    await lost.wait()
    raise ConnectionResetError("PostgreSQL has closed the connection that held the turn")


async def advance(conn: PoolConnectionProxy, model: ReadModel, slot: str, batch: Batch, keyring: Keyring) -> None:
    """In one transaction: what a batch changes in a read model's tables, in the schema ``slot``, and its checkpoint.

    Does nothing where it has been done, or is not ours to do: the database has another version, or it stands still.
    """
    async with conn.transaction():
        position = await conn.fetchval(
            "SELECT position FROM projections WHERE name = $1 AND version = $2 AND error IS NULL FOR UPDATE",
            slot,
            model.version,
        )
        if position is None or position >= batch.position:
            return
        if position < batch.after:
            raise Gap(f"{slot} is at {position}, the loop at {batch.after}")
        # A crash may lose the last transactions, each whole: they are made again from the log.
        await conn.execute(f"SET LOCAL search_path TO {slot}, public; SET LOCAL synchronous_commit TO off")
        await conn.execute("UPDATE projections SET position = $2 WHERE name = $1", slot, batch.position)
        statements = [s for event in batch.events if event.id > position for s in batch.statements(model, event)]
        for sql, alike in groupby(await _readable(statements, keyring), key=itemgetter(0)):
            await conn.executemany(sql, [statement[1:] for statement in alike])


async def _readable(statements: list[Statement], keyring: Keyring) -> list[Statement]:
    """Replace each ``Plain`` and ``Digest`` by what was written or is made of it, with one question to the keyring."""
    texts = [text for statement in statements for value in statement for text in _sealed(value)]
    if not texts:
        return statements
    opened = iter(await keyring.open(texts))

    def read(value: Any) -> Any:
        words = [next(opened) for _ in _sealed(value)]
        return value.make(keyring, words) if isinstance(value, Digest) else words[0] if words else value

    return [tuple(map(read, statement)) for statement in statements]


def _sealed(value: Any) -> tuple[Text, ...]:
    return value.texts if isinstance(value, Digest) else (value.text,) if isinstance(value, Plain) else ()


async def install(pool: asyncpg.Pool, models: Sequence[ReadModel] = ()) -> None:
    """Make the read models that the database lacks, empty, and clear away what a broken rebuild has left."""
    async with pool.acquire() as conn:
        for model in models or READ_MODELS.values():
            async with conn.transaction():
                await _create(conn, model, model.name)
                if await conn.fetchval("SELECT pg_try_advisory_xact_lock($1, hashtext($2))", _TURN, model.name):
                    await conn.execute("DELETE FROM projections WHERE name = $1", f"{model.name}_next")
                    await conn.execute(f"DROP SCHEMA IF EXISTS {model.name}_next, {model.name}_old CASCADE")


async def _create(conn: PoolConnectionProxy, model: ReadModel, slot: str) -> None:
    """A row in the registry and empty tables, unless there is such a row already."""
    new = await conn.fetchval(
        "INSERT INTO projections (name, version) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING true",
        slot,
        model.version,
    )
    if new:
        await conn.execute(
            f"DROP SCHEMA IF EXISTS {slot} CASCADE; CREATE SCHEMA {slot}; SET LOCAL search_path TO {slot}, public;"
            f" {model.tables}"
        )


async def rebuild(
    store: EventStore,
    keyring: Keyring,
    models: Sequence[ReadModel] = (),
    progress: Progress | None = None,
) -> None:
    """Make read models (all, if none is given) anew from the log while the present ones serve, then swap them in.

    Any process may do so, whichever runs the loop. Raises ``RebuildRefused``, or whatever a handler raised: then the
    present one goes on serving.
    """
    await install(store.pool, models)
    for model in models or list(READ_MODELS.values()):
        async with store.pool.acquire() as conn:
            if not await conn.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", _TURN, model.name):
                raise RebuildRefused(f"the read model {model.name} is being rebuilt by another process: wait for it")
            await _build(store, conn, model, keyring, progress)
            await _swap(store, conn, model, keyring)  # the pool gives up the lock with the connection


async def _build(
    store: EventStore,
    conn: PoolConnectionProxy,
    model: ReadModel,
    keyring: Keyring,
    progress: Progress | None,
) -> None:
    slot = f"{model.name}_next"
    async with conn.transaction():
        if await conn.fetchval("SELECT version > $2 FROM projections WHERE name = $1", model.name, model.version):
            raise RebuildRefused(
                f"the database has a newer {model.name} than this program: rebuild it with that program"
            )
        await conn.execute("DELETE FROM projections WHERE name = $1", slot)
        await _create(conn, model, slot)
    position, full = 0, True
    while full:
        page = await store.select_notifications(position, BATCH, inclusive_of_start=False)
        full = len(page) == BATCH
        if page:
            try:
                await advance(conn, model, slot, Batch(page, position, page[-1].id), keyring)
            except _TROUBLE:
                raise
            except Exception as error:
                await conn.execute("UPDATE projections SET error = $2 WHERE name = $1", slot, type(error).__name__)
                raise
            position = page[-1].id
        if progress:
            progress(model.name, position, await store.max_notification_id())


async def _swap(store: EventStore, conn: PoolConnectionProxy, model: ReadModel, keyring: Keyring) -> None:
    """Wait until the loop has done its batch, and hold it; add what came meanwhile; change places."""
    live, slot, old = model.name, f"{model.name}_next", f"{model.name}_old"
    async with conn.transaction():
        await conn.fetchval("SELECT true FROM projections WHERE name = $1 FOR UPDATE", live)
        # To the head, so that the loop, which may have passed over a read model that stood still, finds no gap.
        head = await store.max_notification_id()
        position = await conn.fetchval("SELECT position FROM projections WHERE name = $1", slot)
        while position < head:
            page = await store.select_notifications(position, BATCH, inclusive_of_start=False)
            await advance(conn, model, slot, Batch(page, position, page[-1].id), keyring)
            position = page[-1].id
        await conn.execute(
            f"SET LOCAL synchronous_commit TO on; CREATE SCHEMA IF NOT EXISTS {live};"
            f" ALTER SCHEMA {live} RENAME TO {old}; ALTER SCHEMA {slot} RENAME TO {live}"
        )
        await conn.execute("DELETE FROM projections WHERE name = $1", slot)
        await conn.execute(
            "UPDATE projections SET version = $2, position = $3, error = NULL, error_position = NULL WHERE name = $1",
            live,
            model.version,
            position,
        )
    # By itself, since it waits for readers that are not done with the old one.
    await conn.execute(f"DROP SCHEMA {old} CASCADE")


async def status(pool: asyncpg.Pool) -> list[Status]:
    rows = await pool.fetch(
        "SELECT name, version, position, (SELECT coalesce(max(notification_id), 0) FROM stored_events) AS head,"
        " error, error_position FROM projections ORDER BY name"
    )
    return [Status(**row) for row in rows]


async def is_running(pool: asyncpg.Pool) -> bool:
    """Whether any process on this database runs the loop."""
    running: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (0, $1, 1)"
        " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        _TURN,
    )
    return running


async def checksum(pool: asyncpg.Pool, name: str) -> str:
    """A digest of all rows of a read model, whatever their order."""
    async with pool.acquire() as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        await conn.execute("SET LOCAL timezone TO 'UTC'")
        tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", name)
        digests = [
            await conn.fetchval(
                "SELECT coalesce(string_agg(h, '' ORDER BY h COLLATE \"C\"), '')"
                f" FROM (SELECT md5(t::text) AS h FROM {name}.{table} AS t) AS rows"
            )
            for (table,) in tables
        ]
        digest: str = await conn.fetchval("SELECT md5($1)", "|".join(digests))
        return digest


class Positions:
    """Waits for read models to come to a position. However many wait in a process, it looks once for all."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: dict[str, tuple[int, bool]] = {}
        self._looked_at = 0.0
        self._look: asyncio.Task[None] | None = None

    async def wait_for(self, position: int, timeout: float, *names: str) -> bool:
        """Until the named read models (all, if none) have the position. False: too late, or one stands still."""
        wanted = names or tuple(READ_MODELS)
        try:
            async with asyncio.timeout(timeout):
                while not all(self._reached(name, position) for name in wanted):
                    if self._look is None or self._look.done():
                        self._look = asyncio.create_task(self._look_once())
                    await asyncio.shield(self._look)
                    if any(self._known[n][1] and not self._reached(n, position) for n in wanted if n in self._known):
                        return False
        except TimeoutError:
            return False
        return True

    def _reached(self, name: str, position: int) -> bool:
        return name in self._known and self._known[name][0] >= position

    async def _look_once(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._looked_at + LOOK_SECONDS - loop.time())
        self._looked_at = loop.time()
        rows = await self._pool.fetch("SELECT name, position, error IS NOT NULL AS stopped FROM projections")
        self._known = {row["name"]: (row["position"], row["stopped"]) for row in rows}
