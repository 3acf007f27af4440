"""A report to discipline inspection: of retaliation, by whoever suffers it; or of a violation that a petition alleges.

It stands apart from every petition: who reports, what, and about which petition is sealed for the inspectors and the
reporter alone. No rule, clock or read model of petitions knows of it.
"""

from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Decider, Permission, Role, command
from domain.petition import Petition
from domain.petition.words import RejectionReason
from domain.refusals import Conflict
from domain.text import Text


class ReportKind(StrEnum):
    RETALIATION = "retaliation"
    VIOLATION = "violation"


class Status(StrEnum):
    FILED = "filed"
    TAKEN_UP = "taken_up"
    CLOSED = "closed"


RESIDENT = Permission(Role.RESIDENT)
CLERK = Permission(Role.CLERK)
DISCIPLINE = Permission(Role.DISCIPLINE)


class Report(Decider):
    TOPIC = "report"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Filed

    def __init__(self, kind: str, topic: Text | None, text: Text, about: Text | None, by: str) -> None:
        self.kind, self.topic, self.text, self.about, self.reporter = kind, topic, text, about, by
        self.status: str = Status.FILED.value
        self.result: Text | None = None

    class Event(Decider.Event):
        pass

    class Filed(Event, Aggregate.Created):
        """``topic``: of the petition that was handed over. ``about``: the petition's id, and whether the reporter has
        signed it, sealed like the text."""

        TOPIC = "report.Filed"
        kind: str
        topic: Text | None
        text: Text
        about: Text | None

    class TakenUp(Event):
        TOPIC = "report.TakenUp"

        def apply(self, report: "Report") -> None:
            report.status = Status.TAKEN_UP.value

    class Closed(Event):
        """``result``: what the reporter is told."""

        TOPIC = "report.Closed"
        result: Text

        def apply(self, report: "Report") -> None:
            report.status, report.result = Status.CLOSED.value, self.result

    @classmethod
    @command(RESIDENT)
    def file(cls, cmd: Command, /, *, id: UUID, text: Text, about: Text | None) -> "Report":
        """Anybody who has signed in may: whether they signed the petition is for the inspectors to weigh."""
        return cls._file(cmd, id, ReportKind.RETALIATION, None, text, about)

    @classmethod
    @command(CLERK)
    def hand_over(cls, cmd: Command, /, *, id: UUID, petition: Petition, about: Text, explanation: Text) -> "Report":
        """The clerk passes on what a petition alleges, as it was written, and rejects it for that reason: both or
        neither."""
        petition.reject(cmd, reason_code=RejectionReason.DISCIPLINE, explanation=explanation)
        return cls._file(cmd, id, ReportKind.VIOLATION, petition.topic, petition.details, about)

    @classmethod
    def _file(
        cls, cmd: Command, id: UUID, kind: ReportKind, topic: Text | None, text: Text, about: Text | None
    ) -> "Report":
        return cls.begin(cls.Filed, cmd, id=id, kind=kind.value, topic=topic, text=text, about=about)

    @command(DISCIPLINE)
    def take_up(self, cmd: Command, /) -> None:
        if self.status != Status.FILED:
            raise Conflict("already-taken-up", "此件已受理,无需重复。", "The report has been taken up already.")
        self.decide(self.TakenUp, cmd)

    @command(DISCIPLINE)
    def close(self, cmd: Command, /, *, result: Text) -> None:
        if self.status != Status.TAKEN_UP:
            raise Conflict(
                "wrong-status",
                "须先受理,且尚未办结,方可告知结果。",
                "A report is closed once, after it has been taken up.",
            )
        self.decide(self.Closed, cmd, result=result)
