"""The writer: decides and appends for everybody in this process at once.

It takes the commands that wait, and in one transaction under the log's lock brings their aggregates up to date, decides
in order of arrival, appends all events, remembers all commands, and commits; then it answers each by itself. So nobody
decides on an old state and there is nothing to try again, and those who wait share a commit.

The aggregates stay in memory between batches. Nobody else touches them. Whatever goes wrong with one, or with a
transaction, it is dropped and folded anew from the log.
"""

import asyncio
import inspect
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent

from domain.command import Command
from domain.refusals import Conflict, Invalid, Refusal, Stale, not_found
from infra.event_store import PATIENCE_SECONDS, TRANSIENT, EventStore, NewEvent, append, locked, tails
from infra.mapper import mapper
from infra.snapshots import Snapshots, fold, newest

log = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate)
Reference: TypeAlias = tuple[type[Aggregate], UUID]
Held: TypeAlias = dict[UUID, Aggregate | Exception]  # an exception: its events cannot be folded

BATCH = 256  # commands to a transaction
WAITING = 10_000  # commands; more are turned away
CACHED = 2_000  # aggregates
GIVE_UP_SECONDS = 20.0  # a command's wait while the database is in trouble
PAUSES = (0.05, 1.0)  # the first and the longest between two attempts

_REMEMBERED = "SELECT command_id, digest, originator_id, version, position FROM commands WHERE command_id = ANY ($1)"

# A command that decided to do nothing has no event of its own: what it was decided on stands at or before the head.
_REMEMBER = """
INSERT INTO commands (command_id, digest, originator_id, version, position)
SELECT c.id, digest, originator_id, version,
       coalesce(position, (SELECT max(notification_id) FROM stored_events), 0)
FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bigint[], $5::bigint[])
    AS c (id, digest, originator_id, version, position)
RETURNING command_id, position
"""


class Unavailable(Exception):
    """The database cannot be reached, or too many commands wait. The outcome is unknown: send the same command again
    with the same id, and should it have been carried out after all, it is not carried out twice."""


@dataclass(frozen=True)
class Answer:
    position: int
    version: int
    view: Any = None
    remembered: bool = False  # decided before: the view is still to be had, from this version


@dataclass(eq=False, kw_only=True)
class Request:
    method: Callable[..., Any]
    owner: type[Aggregate]  # the class that the method belongs to
    id: UUID
    cmd: Command
    also: Mapping[str, Reference | Sequence[Reference]]
    digest: bytes | None
    if_match: int | None
    view: Callable[[Any], Any] | None
    arguments: dict[str, Any]
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    tried: bool = False  # in a transaction that failed: it may have been carried out

    @property
    def creates(self) -> bool:
        return inspect.ismethod(self.method)

    def ids(self) -> Iterator[UUID]:
        yield self.id
        for given in self.also.values():
            yield from (id for _, id in _several(given))

    def resolve(self, result: Answer | Exception) -> None:
        if self.answer.done():  # the caller has gone
            return
        if isinstance(result, Answer):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


@dataclass(frozen=True)
class _Decided:
    request: Request
    version: int
    view: Any
    last_event: int | None  # its place among the batch's events; none if it decided to do nothing


@dataclass
class _Batch:
    """What one transaction works on."""

    held: Held
    results: dict[Request, Answer | Exception] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)
    decided: list[_Decided] = field(default_factory=list)
    later: list[Request] = field(default_factory=list)
    spoilt: set[UUID] = field(default_factory=set)


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
        pause, longest = PAUSES
        while self._waiting:
            requests = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._carry_out(requests)
                pause, _ = PAUSES
            except TRANSIENT as error:
                log.warning("the database failed %d commands, trying again: %r", len(requests), error)
                self._forget(requests)
                self._put_back(requests, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
            except BaseException as error:
                self._forget(requests)
                if not isinstance(error, Exception):  # the loop is being stopped: nobody may wait for ever
                    for request in (*requests, *self._waiting):
                        request.answer.cancel()
                    self._waiting.clear()
                    raise
                log.exception("a batch of %d commands failed", len(requests))
                for request in requests:
                    request.resolve(error)

    def _forget(self, requests: Sequence[Request]) -> None:
        for request in requests:
            for id in request.ids():
                self._cache.pop(id, None)

    def _put_back(self, requests: Sequence[Request], error: Exception) -> None:
        """To the front of the queue; whoever has waited too long is told so."""
        for request in requests:
            request.tried = True
        patient: list[Request] = []
        oldest = asyncio.get_running_loop().time() - GIVE_UP_SECONDS
        for request in (*requests, *self._waiting):
            if request.since < oldest:
                failure = Unavailable("the database cannot be reached; send the same command again")
                failure.__cause__ = error
                request.resolve(failure)
            else:
                patient.append(request)
        self._waiting = deque(patient)

    async def _carry_out(self, requests: Sequence[Request]) -> None:
        async with self._store.pool.acquire(timeout=PATIENCE_SECONDS) as conn:
            batch = _Batch(held=await self._load(conn, requests))
            async with locked(conn):
                await _catch_up(conn, batch.held, {id for request in requests for id in request.ids()})
                rows = await conn.fetch(_REMEMBERED, [r.cmd.id for r in requests], timeout=PATIENCE_SECONDS)
                remembered = {row["command_id"]: row for row in rows}
                for request in requests:
                    if row := remembered.get(request.cmd.id):
                        batch.results[request] = _repeated(request, row)
                    else:
                        _decide(request, batch)
                await _record(conn, batch)
            # It is durable. Answer before the connection is handed back: callers go on while that takes its time.
            self._forget(requests)
            self._cache.update((id, a) for id, a in batch.held.items() if isinstance(a, Aggregate))
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
            self._waiting.extendleft(reversed(batch.later))
            for request, result in batch.results.items():
                request.resolve(result)
            for event, _ in batch.events:
                if event.originator_version % self._snapshot_every == 0:
                    self._snapshots.soon(cast("UUID", event.originator_id), event.originator_version)

    async def _load(self, conn: PoolConnectionProxy, requests: Sequence[Request]) -> Held:
        """Before the lock, so that nobody else waits for it: the long part of what the cache lacks."""
        held: Held = {}
        missing: set[UUID] = set()
        for request in requests:
            for id in request.ids():
                if (aggregate := self._cache.get(id)) is not None:
                    held[id] = aggregate
                elif not (request.creates and id == request.id):
                    missing.add(id)
        if missing:
            _fold_each(held, await newest(conn, list(missing)))
            await _catch_up(conn, held, missing)
        return held


async def _catch_up(conn: PoolConnectionProxy, held: Held, ids: set[UUID]) -> None:
    versions: dict[UUID, int] = {}
    for id in ids:
        known = held.get(id)
        if not isinstance(known, Exception):
            versions[id] = known.version if known is not None else 0
    _fold_each(held, await tails(conn, versions))


def _fold_each(held: Held, stored: Sequence[StoredEvent]) -> None:
    for item in stored:
        id = cast("UUID", item.originator_id)
        known = held.get(id)
        if isinstance(known, Exception):
            continue
        try:
            held[id] = fold(known, item)
        except Exception as error:  # of this aggregate alone
            log.exception("the events of %s cannot be folded", id)
            held[id] = error


def _decide(request: Request, batch: _Batch) -> None:
    """Let the aggregate decide, and note what follows from it. It is over when this returns: nothing waits here."""
    ids = set(request.ids())
    if ids & batch.spoilt or any(request.cmd.id == decided.request.cmd.id for decided in batch.decided):
        batch.later.append(request)
        return
    touched: list[Aggregate] = []
    try:
        others: dict[str, Any] = {}
        for name, given in request.also.items():
            # One that is named must exist; of several the method gets those that do, and says what it misses.
            wanted = [(cls, id) for cls, id in _several(given) if _is_one(given) or isinstance(batch.held.get(id), cls)]
            found = [_found(batch.held, cls, id, name) for cls, id in wanted]
            touched += found
            others[name] = found[0] if _is_one(given) else found
        if request.creates:
            if request.id in batch.held:
                raise Conflict("already-exists", "该编号已被使用。", "There is one with this id already.")
            aggregate = request.method(request.cmd, id=request.id, **others, **request.arguments)
        else:
            aggregate = _found(batch.held, request.owner, request.id)
            if request.if_match is not None and aggregate.version != request.if_match:
                raise Stale(
                    "stale",
                    "内容已被更新,请刷新后再办理。",
                    f"It is at version {aggregate.version} by now: read it again, then decide.",
                    "If-Match",
                )
            touched.insert(0, aggregate)
            request.method(aggregate, request.cmd, **others, **request.arguments)
        view = request.view(aggregate) if request.view else None
        changed = {a.id: a for a in (aggregate, *touched)}.values()
        stored = [mapper.to_stored_event(event) for a in changed for event in a.pending_events]
    except Exception as error:
        batch.results[request] = error
        # A refusal comes before any event. Anything else may have left an aggregate half changed.
        if not isinstance(error, Refusal) or any(a.pending_events for a in touched):
            log.exception("%s failed", request.method.__qualname__)
            for a in touched:
                batch.spoilt.add(a.id)
                batch.held.pop(a.id, None)
        return
    for a in changed:
        a.pending_events.clear()
    batch.held[request.id] = aggregate
    batch.events += [NewEvent(event, None if n else request.cmd.id) for n, event in enumerate(stored)]
    batch.decided.append(_Decided(request, aggregate.version, view, len(batch.events) - 1 if stored else None))


async def _record(conn: PoolConnectionProxy, batch: _Batch) -> None:
    if not batch.decided:
        return
    positions = await append(conn, batch.events) if batch.events else []
    rows = await conn.fetch(
        _REMEMBER,
        [d.request.cmd.id for d in batch.decided],
        [d.request.digest for d in batch.decided],
        [d.request.id for d in batch.decided],
        [d.version for d in batch.decided],
        [None if d.last_event is None else positions[d.last_event] for d in batch.decided],
        timeout=PATIENCE_SECONDS,
    )
    recorded = {row["command_id"]: row["position"] for row in rows}
    for d in batch.decided:
        batch.results[d.request] = Answer(recorded[d.request.cmd.id], d.version, d.view)


def _repeated(request: Request, row: asyncpg.Record) -> Answer | Refusal:
    if row["originator_id"] != request.id or row["digest"] != request.digest:
        return Invalid(
            "idempotency-key-reused",
            "同一个幂等键已用于另一项请求,请换一个新的键。",
            "This key was used for another request: use a new one.",
            "Idempotency-Key",
        )
    return Answer(row["position"], row["version"], remembered=True)


def _found(held: Held, cls: type[A], id: UUID, name: str | None = None) -> A:
    aggregate = held.get(id)
    if isinstance(aggregate, Exception):
        raise RuntimeError(f"the events of {id} cannot be folded") from aggregate
    return expect(cls, aggregate, name)


def expect(cls: type[A], aggregate: Aggregate | None, name: str | None = None) -> A:
    if not isinstance(aggregate, cls):
        raise not_found(cls.__name__.lower(), name)
    return aggregate


def _is_one(given: Reference | Sequence[Reference]) -> bool:
    return len(given) == 2 and isinstance(given[0], type)


def _several(given: Reference | Sequence[Reference]) -> Sequence[Reference]:
    return [cast("Reference", given)] if _is_one(given) else cast("Sequence[Reference]", given)
