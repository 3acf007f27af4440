"""More time for the final response: the lead official asks, and the post above theirs or a supervisor decides.

One stream for each matter: it can be asked for again, but not while somebody still has to decide.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate

from domain.command import Command, Part, Permission, Role, command
from domain.directory import Post
from domain.petition import Petition
from domain.refusals import Conflict
from domain.text import Text


class Status(StrEnum):
    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"


def lead_post(_: Any, arguments: Mapping[str, Any]) -> Collection[UUID]:
    called: list[UUID] = arguments["petition"].called_post_ids
    return called[:1]


def superior(extension: "Extension", _: Mapping[str, Any]) -> Collection[UUID]:
    return [extension.superior_id] if extension.superior_id else []


LEAD_OFFICIAL = Permission(Role.OFFICIAL, of=lead_post)
SUPERIOR = Permission(Role.OFFICIAL, of=superior)
SUPERVISOR = Permission(Role.SUPERVISOR)


def extension_of(matter_id: UUID) -> UUID:
    return uuid5(matter_id, "extension")


class Extension(Part):
    TOPIC = "extension"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Asked

    def __init__(self, matter_id: UUID, days: int, reason: Text, superior_id: UUID | None, due_at: datetime) -> None:  # noqa: ARG002
        self.matter_id, self.status = matter_id, Status.ASKED.value
        self.days, self.reason, self.superior_id = days, reason, superior_id

    class Event(Part.Event):
        matter_id: UUID

    class Asked(Event, Aggregate.Created):
        """``superior_id``: the post above the lead post, if there is one. ``due_at``: of the response until now."""

        TOPIC = "extension.Asked"
        days: int
        reason: Text
        superior_id: UUID | None
        due_at: datetime

    class AskedAgain(Event):
        TOPIC = "extension.AskedAgain"
        days: int
        reason: Text
        superior_id: UUID | None
        due_at: datetime

        def apply(self, extension: "Extension") -> None:
            extension.status, extension.days, extension.reason = Status.ASKED.value, self.days, self.reason
            extension.superior_id = self.superior_id

    class Approved(Event):
        """The petition is extended in the same command."""

        TOPIC = "extension.Approved"

        def apply(self, extension: "Extension") -> None:
            extension.status = Status.APPROVED.value

    class Refused(Event):
        TOPIC = "extension.Refused"
        explanation: Text

        def apply(self, extension: "Extension") -> None:
            extension.status = Status.REFUSED.value

    @classmethod
    @command(LEAD_OFFICIAL)
    def ask(cls, cmd: Command, /, *, id: UUID, petition: Petition, post: Post, days: int, reason: Text) -> "Extension":
        facts = _wanted(cmd, petition, post, days, reason)
        return cls.begin(cls.Asked, cmd, id=id, matter_id=petition.id, **facts)

    @command(LEAD_OFFICIAL)
    def ask_again(self, cmd: Command, /, *, petition: Petition, post: Post, days: int, reason: Text) -> None:
        if self.status == Status.ASKED:
            raise Conflict(
                "extension-asked", "已申请延期,请等待批准。", "An extension has been asked for: it is not decided yet."
            )
        self.decide(self.AskedAgain, cmd, **_wanted(cmd, self.own(petition), post, days, reason))

    @command(SUPERIOR, SUPERVISOR)
    def approve(self, cmd: Command, /, *, petition: Petition) -> None:
        self._require_asked()
        approvers = [self.superior_id] if self.superior_id else []
        self.own(petition).extend(cmd, days=self.days, reason=self.reason, approvers=approvers)
        self.decide(self.Approved, cmd)

    @command(SUPERIOR, SUPERVISOR)
    def refuse(self, cmd: Command, /, *, explanation: Text) -> None:
        self._require_asked()
        self.decide(self.Refused, cmd, explanation=explanation)

    def _require_asked(self) -> None:
        if self.status != Status.ASKED:
            raise Conflict(
                "extension-not-asked",
                "没有待批准的延期申请。",
                "No extension waits for a decision: it was made already.",
            )


def _wanted(cmd: Command, petition: Petition, post: Post, days: int, reason: Text) -> dict[str, Any]:
    petition.require_extendable(cmd, days)
    due_at = petition.clocks["response"].due_at
    return {"days": days, "reason": reason, "superior_id": post.superior_id, "due_at": due_at}
