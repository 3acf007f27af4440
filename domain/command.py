"""A command and its permission: who asks, when, under which policy, and whether that role may.

Every aggregate method that changes anything is decorated with ``@command(...)``: this is the one place where roles
are enforced. Routes and activities only pass on who asks.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.policy import Policy
from domain.refusals import Forbidden, Refusal, conflict_of_interest, not_found
from domain.wording import ZH


class Role(StrEnum):
    RESIDENT = "resident"
    HOST_STAFF = "host_staff"
    CLERK = "clerk"
    OFFICIAL = "official"
    UNIT_OFFICER = "unit_officer"
    SUPERVISOR = "supervisor"
    DISCIPLINE = "discipline"
    AUDITOR = "auditor"
    ADMIN = "admin"
    WORKFLOW = "workflow"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Everything an aggregate may not find out by itself.

    ``id`` makes a retry recognisable; ``by`` is a pseudonym, never a name; ``org`` is the host, post or unit the role
    is held for; ``at`` is the caller's clock in UTC (the API's own, or the workflow's virtual one).
    """

    id: UUID
    by: str
    role: Role
    at: datetime
    policy: Policy
    org: UUID | None = None

    def consequence(self) -> Self:
        """The same moment and command id, for what the rules decide by themselves: no person did it."""
        return replace(self, by="yuetan", role=Role.WORKFLOW, org=None)


@dataclass(frozen=True)
class Permission:
    """A role that may; ``of`` narrows it to organisations and ``who`` to persons that the aggregate names."""

    role: Role
    of: Callable[[Any, Mapping[str, Any]], Collection[UUID]] | None = None
    who: Callable[[Any], Collection[str]] | None = None

    def allows(self, cmd: Command, aggregate: Any, arguments: Mapping[str, Any]) -> bool:
        petition = aggregate if hasattr(aggregate, "raised") else arguments.get("petition")
        raised: Collection[str] = getattr(petition, "raised", ())
        if (stands_in := in_charge(self.role, raised)) != self.role:
            return cmd.role == stands_in
        return (
            cmd.role == self.role
            and (self.of is None or cmd.org in self.of(aggregate, arguments))
            and (self.who is None or cmd.by in self.who(aggregate))
        )


ONE_LEVEL_UP = {Role.HOST_STAFF: Role.CLERK, Role.CLERK: Role.SUPERVISOR}


def in_charge(role: Role, raised: Collection[str]) -> Role:
    """Whose work it is when nobody of a role can do it without a conflict of interest."""
    while role.value in raised and role in ONE_LEVEL_UP:
        role = ONE_LEVEL_UP[role]
    return role


P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
M = TypeVar("M", bound=Aggregate)


def require_permission(
    permissions: Collection[Permission], cmd: Command, aggregate: Any, arguments: Mapping[str, Any] | None = None
) -> None:
    """Raise ``Forbidden`` unless one of them allows it."""
    if not any(p.allows(cmd, aggregate, arguments or {}) for p in permissions):
        roles = sorted({p.role.value for p in permissions})
        raise Forbidden(
            "forbidden",
            f"您的身份不能办理此事;可办理的身份:{'、'.join(ZH[role] for role in roles)}(限相关单位或本人)。",
            f"Your role may not do this; it takes {', '.join(roles)} of the organisation or person concerned.",
        )


def command(
    *permissions: Permission,
) -> Callable[[Callable[Concatenate[A, Command, P], R]], Callable[Concatenate[A, Command, P], R]]:
    """Let a method be called only by those whom one of the permissions allows; else raise ``Forbidden``."""

    def decorate(method: Callable[Concatenate[A, Command, P], R]) -> Callable[Concatenate[A, Command, P], R]:
        @functools.wraps(method)
        def checked(aggregate: A, cmd: Command, /, *args: P.args, **arguments: P.kwargs) -> R:
            require_permission(permissions, cmd, aggregate, arguments)
            if cmd.by in getattr(aggregate, "recused", ()) and method.__name__ != "recuse":
                raise conflict_of_interest()
            return method(aggregate, cmd, *args, **arguments)

        return checked

    return decorate


def aggregates() -> list[type["Decider"]]:
    """Every kind that is stored: those with a topic. What has none is a chapter of one that has."""
    found, waiting = [], [Decider]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if "TOPIC" in vars(cls) and cls not in found:
            found.append(cls)
    return found


class Rehearsed(Exception):
    """Something would have been decided."""


def would(attempt: Callable[[], Any]) -> bool:
    """Whether a command would change anything now, by the very rules that it is refused by: it is tried on private
    copies that are ``rehearsing``, up to the first decision."""
    try:
        return isinstance(attempt(), Aggregate)  # something new
    except Rehearsed:
        return True
    except Refusal:
        return False


class Decider(Aggregate):
    """The library's aggregate, with who, in which role, for which organisation and by which command on every event."""

    unseen = 0  # secret events so far
    rehearsing = False  # a private copy, which decides nothing: see ``would``

    class Event(Aggregate.Event):
        SECRET: ClassVar[bool] = False  # nobody may count or time it: a signature, a judgement, a vote
        by: str
        role: str
        command_id: UUID
        # The host, post or unit that the role was held for; what was stored before there was this field has none.
        on_behalf_of: UUID | None = field(default=None, kw_only=True)

        def mutate(self, aggregate: Any) -> Any:
            changed: Any = super().mutate(aggregate)
            if self.SECRET and changed is not None:
                changed.unseen += 1
            return changed

    @classmethod
    def begin(cls, event_class: type[Any], cmd: Command, *, id: UUID, **facts: Any) -> Self:
        return cls._create(event_class, id=id, **_from(cmd), **facts)

    def decide(self, event_class: type[Any], cmd: Command, **facts: Any) -> None:
        if self.rehearsing:
            raise Rehearsed
        self.trigger_event(event_class, **_from(cmd), **facts)


def _from(cmd: Command) -> dict[str, Any]:
    org = None if cmd.role == Role.RESIDENT else cmd.org  # residents speak for themselves
    return {"timestamp": cmd.at, "by": cmd.by, "role": cmd.role.value, "command_id": cmd.id, "on_behalf_of": org}


class Part(Decider):
    """What belongs to a matter, a petition for one: each of its events carries the matter's id."""

    matter_id = cast("UUID", None)  # not annotated: the library would take it for an argument of the creation event

    def decide(self, event_class: type[Any], cmd: Command, **facts: Any) -> None:
        super().decide(event_class, cmd, matter_id=self.matter_id, **facts)

    def own(self, petition: M) -> M:
        """The petition, if it is the one that this belongs to."""
        if petition.id != self.matter_id:
            raise not_found("petition", "petition")
        return petition


def seen_version(aggregate: Aggregate) -> int:
    """The version as it is told, and as ``If-Match`` means it: secret events do not move it."""
    return aggregate.version - getattr(aggregate, "unseen", 0)
