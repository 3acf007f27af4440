"""Commands decided together, in order of arrival: the part of the writer that waits for nothing."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent

from domain.command import Command, Role, seen_version
from domain.refusals import Conflict, Invalid, Refusal, Stale, not_found
from domain.rulebook import RULEBOOK, Rulebook, Rules
from infra.event_store import NewEvent
from infra.mapper import mapper
from infra.snapshots import fold

log = logging.getLogger(__name__)

A = TypeVar("A", bound=Aggregate)
Reference: TypeAlias = tuple[type[Aggregate], UUID]

UNTRACED = (Role.RESIDENT, Role.DISCIPLINE)  # by which request their commands came is kept nowhere


class Remembered(NamedTuple):
    """A command that was carried out before."""

    position: int
    originator_id: UUID
    version: int
    digest: bytes | None


class Answer(NamedTuple):
    position: int
    version: int
    view: Any = None
    remembered: bool = False  # carried out before: the view is still to be had, from this version


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
    answer: asyncio.Future[Answer]
    since: float  # on the loop's clock
    origin: str | None = None  # the request, or the step of a workflow, that it came by
    tried: bool = False  # in a transaction that failed: it may have been carried out

    def __post_init__(self) -> None:
        self.creates = inspect.ismethod(self.method)
        self.ids = (self.id, *(id for given in self.also.values() for _, id in _several(given)))

    def resolve(self, result: Answer | Exception) -> None:
        if self.answer.done():  # the caller has gone
            return
        if isinstance(result, Answer):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


class Decided(NamedTuple):
    request: Request
    version: int
    view: Any
    last_event: int | None  # its place among the batch's events, from 1; none if it decided to do nothing
    origin: str | None


@dataclass
class Batch:
    """``rules`` as the rulebook has them, none where there is none; ``pins``: the policy version that a matter began
    under, None for what is no matter."""

    requests: list[Request]
    held: dict[UUID, Aggregate | Exception]  # an exception: its events cannot be folded
    rules: Rules | None = None
    pins: Mapping[UUID, str | None] = field(default_factory=dict)
    answers: dict[Request, Answer | Exception] = field(default_factory=dict)
    decided: dict[UUID, Decided] = field(default_factory=dict)  # by command id
    events: list[NewEvent] = field(default_factory=list)
    later: list[Request] = field(default_factory=list)
    spoilt: set[UUID] = field(default_factory=set)
    position: int = 0  # in the log: all that was held has seen everything up to here

    def versions(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        known = ((id, self.held.get(id)) for id in ids)
        return {id: a.version if a is not None else 0 for id, a in known if not isinstance(a, Exception)}

    def fold(self, stored: Iterable[StoredEvent]) -> None:
        """Events that an aggregate has seen already are passed over."""
        for item in stored:
            id = cast("UUID", item.originator_id)
            known = self.held.get(id)
            if isinstance(known, Exception) or (known is not None and known.version >= item.originator_version):
                continue
            try:
                self.held[id] = fold(known, item)
            except Exception as error:  # the trouble of this aggregate alone
                log.exception("the events of %s cannot be folded", id)
                self.held[id] = error

    def decide(self, remembered: Mapping[UUID, Remembered]) -> None:
        for request in self.requests:
            if (before := remembered.get(request.cmd.id)) is not None:
                self.answers[request] = _again(request, before)
            elif request.cmd.id in self.decided or (self.spoilt and not self.spoilt.isdisjoint(request.ids)):
                self.later.append(request)
            else:
                self._decide(request)

    def matters(self, request: Request) -> Iterator[UUID]:
        """What a command is about, the first first: each aggregate that it names, or the matter this is a part of."""
        if "matter_id" in request.arguments:
            yield request.arguments["matter_id"]
        for id in request.ids:
            yield getattr(self.held.get(id), "matter_id", id)

    def _ruled(self, request: Request) -> Command:
        """The command under the policy that its matter began under; a new matter begins under the one in force."""
        rulebook = self.held.get(RULEBOOK)
        if not isinstance(rulebook, Rulebook):
            return request.cmd
        if self.rules is None or self.rules.version != rulebook.version:
            self.rules = rulebook.rules()
        pin = next((pin for id in self.matters(request) if (pin := self.pins.get(id))), None)
        policy = (pin and self.rules.of(pin)) or self.rules.in_force(request.cmd.at)
        return replace(request.cmd, policy=policy)

    def _decide(self, request: Request) -> None:
        touched: list[Aggregate] = []
        try:
            cmd = self._ruled(request)
            others: dict[str, Any] = {}
            for name, given in request.also.items():
                # One that is named must exist; of several the method gets those that do, and says what it misses.
                one = _is_one(given)
                wanted = [(cls, id) for cls, id in _several(given) if one or isinstance(self.held.get(id), cls)]
                found = [self._found(cls, id, name) for cls, id in wanted]
                touched += found
                others[name] = found[0] if one else found
            if request.creates:
                if request.id in self.held:
                    raise Conflict("already-exists", "该编号已被使用。", "There is one with this id already.")
                aggregate = request.method(cmd, id=request.id, **others, **request.arguments)
            else:
                aggregate = self._found(request.owner, request.id)
                touched.append(aggregate)
                version = seen_version(aggregate)
                if request.if_match not in (None, version):
                    raise Stale(
                        "stale",
                        "内容已有更新,请刷新后再办理。",
                        f"It is at version {version} by now: read it again, then decide.",
                        "If-Match",
                    )
                request.method(aggregate, cmd, **others, **request.arguments)
            view = request.view(aggregate) if request.view else None
            changed = [*{a.id: a for a in (aggregate, *touched)}.values()] if request.also else [aggregate]
            events = [event for a in changed for event in a.pending_events]
            stored = [mapper.to_stored_event(event) for event in events]
        except Exception as error:
            self.answers[request] = error
            # A refusal comes before any event. Anything else may have left an aggregate half changed: nobody decides
            # on it before it is folded anew.
            if not isinstance(error, Refusal) or any(a.pending_events for a in touched):
                log.exception("%s failed", request.method.__qualname__)
                self.spoilt.update(a.id for a in touched)
                for a in touched:
                    self.held.pop(a.id, None)
            return
        for a in changed:
            a.pending_events.clear()
        self.held[request.id] = aggregate
        self.events += [NewEvent(event, None if n else request.cmd.id) for n, event in enumerate(stored)]
        last_event = len(self.events) if stored else None
        traced = cmd.role not in UNTRACED and not any(getattr(event, "SECRET", False) for event in events)
        origin = request.origin if traced else None
        self.decided[request.cmd.id] = Decided(request, aggregate.version, view, last_event, origin)

    def _found(self, cls: type[A], id: UUID, name: str | None = None) -> A:
        aggregate = self.held.get(id)
        if isinstance(aggregate, Exception):
            raise RuntimeError(f"the events of {id} cannot be folded") from aggregate
        return expect(cls, aggregate, name)


def expect(cls: type[A], aggregate: Aggregate | None, name: str | None = None) -> A:
    if not isinstance(aggregate, cls):
        raise not_found(cls.__name__.lower(), name)
    return aggregate


def _again(request: Request, before: Remembered) -> Answer | Refusal:
    if (before.originator_id, before.digest) != (request.id, request.digest):
        return Invalid(
            "idempotency-key-reused",
            "同一个幂等键已用于另一项请求,请换一个新的键。",
            "This key was used for another request: use a new one.",
            "Idempotency-Key",
        )
    return Answer(before.position, before.version, remembered=True)


def _is_one(given: Reference | Sequence[Reference]) -> bool:
    return len(given) == 2 and isinstance(given[0], type)


def _several(given: Reference | Sequence[Reference]) -> Sequence[Reference]:
    return [cast("Reference", given)] if _is_one(given) else cast("Sequence[Reference]", given)
