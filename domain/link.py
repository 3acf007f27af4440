"""A case of another system (the 12345 hotline, a petition system) and the petition here that is about the same.

A link's id is a keyed hash of the system and the number (``infra/sealing.py``): so a case is linked to one petition at
most, and nobody finds out by trying numbers on the log. The number itself may lead to a person, and is sealed.
"""

from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Decider, Permission, Role, command
from domain.petition import Petition
from domain.refusals import Conflict, not_found
from domain.text import Text

CLERK = Permission(Role.CLERK)
HOST_STAFF = Permission(Role.HOST_STAFF, of=lambda _, arguments: [arguments["petition"].host_id])


class Link(Decider):
    TOPIC = "link"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Made

    def __init__(self, matter_id: UUID, system: str) -> None:
        self.matter_id, self.system = matter_id, system
        self.removed = False

    class Event(Decider.Event):
        matter_id: UUID

    class Made(Event, Aggregate.Created):
        TOPIC = "link.Made"
        system: str
        number: Text

    class Removed(Event):
        TOPIC = "link.Removed"
        reason: Text

        def apply(self, link: "Link") -> None:
            link.removed = True

    class MadeAgain(Event):
        """After it was removed; often with the petition that was meant."""

        TOPIC = "link.MadeAgain"
        number: Text

        def apply(self, link: "Link") -> None:
            link.matter_id, link.removed = self.matter_id, False

    @classmethod
    @command(CLERK, HOST_STAFF)
    def make(cls, cmd: Command, /, *, id: UUID, petition: Petition, system: str, number: Text) -> "Link":
        return cls.begin(cls.Made, cmd, id=id, matter_id=petition.id, system=system, number=number)

    @command(CLERK, HOST_STAFF)
    def make_again(self, cmd: Command, /, *, petition: Petition, number: Text) -> None:
        if self.removed:
            self.decide(self.MadeAgain, cmd, matter_id=petition.id, number=number)
        elif petition.id != self.matter_id:
            raise Conflict(
                "already-linked",
                "该编号已关联另一件申请,请先解除原关联。",
                "This case is linked to another petition: have that link removed first.",
                "number",
            )

    @command(CLERK, HOST_STAFF)
    def remove(self, cmd: Command, /, *, petition: Petition, reason: Text) -> None:
        if petition.id != self.matter_id:
            raise not_found("link")
        if not self.removed:
            self.decide(self.Removed, cmd, matter_id=petition.id, reason=reason)
