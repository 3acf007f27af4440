"""An aggregate for tests of the store: small, and able to misbehave."""

import tomllib
from datetime import UTC, date, datetime
from importlib import resources
from typing import Self
from uuid import UUID, uuid4

from eventsourcing.domain import Aggregate

from domain.clock import Clock
from domain.command import Command, Decider, Role
from domain.policy import Policy
from domain.refusals import Conflict
from domain.text import Text

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
POLICY = Policy.parse(tomllib.loads(resources.files("domain").joinpath("policy.toml").read_text()))


def cmd(id: UUID | None = None) -> Command:
    return Command(id=id or uuid4(), by="tester", role=Role.CLERK, at=NOON, policy=POLICY)


class Tally(Decider):
    TOPIC = "tally"
    Created = None  # type: ignore[assignment]

    class Event(Decider.Event):
        pass

    class Begun(Event, Aggregate.Created):
        TOPIC = "tally.Begun"
        note: Text
        clock: Clock
        day: date

    class Added(Event):
        TOPIC = "tally.Added"
        amount: int

        def apply(self, tally: "Tally") -> None:
            tally.total += self.amount
            tally.by_amount[str(self.amount)] = (self.amount, tally.total)

    class Emptied(Event):
        TOPIC = "tally.Emptied"

        def apply(self, tally: "Tally") -> None:
            tally.total = 0

    def __init__(self, note: Text, clock: Clock, day: date) -> None:
        self.note, self.clock, self.day = note, clock, day
        self.total = 0
        self.by_amount: dict[str, tuple[int, int]] = {}

    @classmethod
    def start(cls, cmd: Command, *, id: UUID) -> Self:
        clock = Clock("test", NOON, NOON, "default")
        return cls.begin(cls.Begun, cmd, id=id, note=Text(id, "c2VhbGVk"), clock=clock, day=NOON.date())

    def add(self, cmd: Command, *, amount: int) -> None:
        """Refuses to pass 100 or to fall below nothing; adding nothing is no event."""
        if not 0 <= self.total + amount <= 100:
            raise Conflict("out-of-range", "超出范围。", "Out of range.")
        if amount:
            self.decide(self.Added, cmd, amount=amount)

    def count(self, cmd: Command) -> None:
        """No limit: for long streams."""
        self.decide(self.Added, cmd, amount=1)

    def add_twice_and_fail(self, cmd: Command) -> None:
        """A bug: raises after it has triggered events."""
        self.decide(self.Added, cmd, amount=1)
        self.decide(self.Added, cmd, amount=1)
        raise ZeroDivisionError

    def change_and_refuse(self, cmd: Command) -> None:
        """A bug: a refusal comes too late."""
        self.decide(self.Added, cmd, amount=1)
        raise Conflict("too-late", "太晚了。", "Too late.")

    def tamper_and_fail(self, cmd: Command) -> None:
        """A bug: changes itself without an event."""
        self.total += 1000
        raise ZeroDivisionError

    def pour(self, cmd: Command, *, into: "Tally") -> None:
        """Two aggregates change together."""
        into.add(cmd, amount=self.total)
        self.decide(self.Emptied, cmd)

    def gather(self, cmd: Command, *, sources: list["Tally"]) -> None:
        for source in sources:
            source.pour(cmd, into=self)


class Other(Decider):
    TOPIC = "other"
    Created = None  # type: ignore[assignment]

    class Event(Decider.Event):
        pass

    class Begun(Event, Aggregate.Created):
        TOPIC = "other.Begun"

    @classmethod
    def start(cls, cmd: Command, *, id: UUID) -> Self:
        return cls.begin(cls.Begun, cmd, id=id)

    def touch(self, cmd: Command) -> None:
        pass


def total(tally: Tally) -> int:
    return tally.total
