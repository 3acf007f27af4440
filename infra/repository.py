"""Commands in, answers out. Routes and activities use nothing else to change anything."""

import asyncio
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

from eventsourcing.domain import Aggregate
from typing_extensions import TypeVar

from domain.command import Command, Decider, aggregates
from infra.batch import Reference, Request, expect
from infra.event_store import TRANSIENT, EventStore
from infra.snapshots import Snapshots, fold_all, history
from infra.writer import Unavailable, Writer

__all__ = ["Outcome", "Repository", "Unavailable"]

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T", default=None)

SNAPSHOT_EVERY = 1_000  # events of one aggregate


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """``position``: where in the log to wait for to read one's own write. ``version``: the aggregate's, for an ETag.
    ``view``: what the given function saw. ``repeated``: the command had been carried out before, and nothing was now.
    """

    position: int
    version: int
    view: T
    repeated: bool


class Repository:
    def __init__(self, store: EventStore, *, snapshot_every: int = SNAPSHOT_EVERY) -> None:
        self._store = store
        self._snapshots = Snapshots(store, snapshot_every)
        self._writer = Writer(store, self._snapshots)

    async def execute(
        self,
        method: Callable[..., Any],
        id: UUID,
        cmd: Command,
        *,
        also: Mapping[str, Reference | Sequence[Reference]] | None = None,
        digest: bytes | None = None,
        if_match: int | None = None,
        view: Callable[[Any], T] | None = None,
        origin: str | None = None,
        **arguments: Any,
    ) -> Outcome[T]:
        """Carry out ``method`` once: ``Petition.co_sign``, or a classmethod that creates, such as ``Petition.open``.

        ``also`` names other aggregates for the method to take as keyword arguments: one, which must exist, or several,
        of which it gets those that do. What they decide commits together. ``view`` is called with the aggregate right
        after the decision, and with the same version again when the command id is repeated: it reads, and keeps
        nothing of the aggregate. ``origin``: by which request or step it comes, for auditors.

        Raises ``Refusal`` (nothing was appended) or ``Unavailable`` (send the same command again).
        """
        loop = asyncio.get_running_loop()
        request = Request(
            method=method,
            owner=owner_of(method),
            id=id,
            cmd=cmd,
            also=also or {},
            digest=digest,
            if_match=if_match,
            view=view,
            arguments=arguments,
            answer=loop.create_future(),
            since=loop.time(),
            origin=origin,
        )
        answer = await self._writer.ask(request)
        seen = answer.view
        if answer.remembered and view is not None:
            seen = view(await self.get(request.owner, id, answer.version))
        return Outcome(answer.position, answer.version, seen, answer.remembered and not request.tried)

    async def get(self, cls: type[A], id: UUID, version: int | None = None) -> A:
        """A private copy, as it is now or at a version.

        Raises ``NotFound``, or ``Unavailable``.
        """
        try:
            stored = await history(self._store, id, version)
        except TRANSIENT as error:
            raise Unavailable("the database is in trouble; try again in a while") from error
        return expect(cls, fold_all(stored))

    async def close(self) -> None:
        """Wait until everything that was asked has been answered. The pool is the caller's to close."""
        for task in (self._writer.task, self._snapshots.task):
            if task is not None:
                await asyncio.wait([task])


@functools.cache
def owner_of(method: Callable[..., Any]) -> type[Aggregate]:
    """The aggregate that a command is for: ``Petition`` for ``Petition.co_sign`` and for ``Petition.open``."""
    owner: Any = getattr(method, "__self__", None)
    if owner is None:
        owner = sys.modules[method.__module__]
        for name in method.__qualname__.split(".")[:-1]:
            owner = getattr(owner, name)
        if isinstance(owner, type) and issubclass(owner, Decider) and "TOPIC" not in vars(owner):  # a chapter of one
            owner = next(found for found in aggregates() if issubclass(found, owner))
    if not (isinstance(owner, type) and issubclass(owner, Aggregate)):
        raise TypeError(f"{method!r} is not a method of an aggregate's class")
    return owner
