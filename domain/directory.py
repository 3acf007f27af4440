"""The district's directory: hosts, posts with the terms of their holders, and units."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.calendar import A_MOMENT, end_of, local_day
from domain.clock import Clock
from domain.command import Command, Decider, Permission, Role, command
from domain.refusals import Conflict, Invalid

ADMIN = Permission(Role.ADMIN)
CLERK = Permission(Role.CLERK)
SUPERVISOR = Permission(Role.SUPERVISOR)
WORKFLOW = Permission(Role.WORKFLOW)


class HostKind(StrEnum):
    COMMUNITY = "community"
    COOPERATIVE = "cooperative"


class PostKind(StrEnum):
    """The four leading bodies of the district, and the principals of district-managed units."""

    PARTY_COMMITTEE = "party_committee"
    PEOPLES_CONGRESS = "peoples_congress"
    GOVERNMENT = "government"
    CONSULTATIVE_CONFERENCE = "consultative_conference"
    UNIT_PRINCIPAL = "unit_principal"


class UnitKind(StrEnum):
    DEPARTMENT = "department"
    UTILITY = "utility"
    PROPERTY_FIRM = "property_firm"
    OWNERS_COMMITTEE = "owners_committee"


class Host(Decider):
    TOPIC = "host"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Registered

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind

    class Event(Decider.Event):
        pass

    class Registered(Event, Aggregate.Created):
        TOPIC = "host.Registered"
        name: str
        kind: str

    class Changed(Event):
        TOPIC = "host.Changed"
        name: str

        def apply(self, host: "Host") -> None:
            host.name = self.name

    @classmethod
    @command(ADMIN)
    def register(cls, cmd: Command, /, *, id: UUID, name: str, kind: HostKind) -> "Host":
        return cls.begin(cls.Registered, cmd, id=id, name=name, kind=kind.value)

    @command(ADMIN)
    def change(self, cmd: Command, /, *, name: str) -> None:
        if name != self.name:
            self.decide(self.Changed, cmd, name=name)


class Post(Decider):
    """A post is called, not a person: successors inherit, clocks running."""

    TOPIC = "post"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Registered
    # Defaults, for snapshots from before there were any.
    superior_id: UUID | None = None  # a post
    charge_of: Sequence[UUID] = ()  # units, with what is below them
    since: date | None = None  # the first day of the present holder's term, or of the last one's
    until: date | None = None  # the last day of the last term that ended
    acting: str | None = None  # who stands in while the post is vacant
    vacancy: Clock | None = None  # by its end somebody has to stand in

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.holder: str | None = None

    class Event(Decider.Event):
        pass

    class Registered(Event, Aggregate.Created):
        TOPIC = "post.Registered"
        name: str
        kind: str

    class Changed(Event):
        TOPIC = "post.Changed"
        name: str

        def apply(self, post: "Post") -> None:
            post.name = self.name

    class Placed(Event):
        """Below another post, or below none."""

        TOPIC = "post.Placed"
        superior_id: UUID | None

        def apply(self, post: "Post") -> None:
            post.superior_id = self.superior_id

    class PutInCharge(Event):
        """Of these units and of no others."""

        TOPIC = "post.PutInCharge"
        unit_ids: list[UUID]

        def apply(self, post: "Post") -> None:
            post.charge_of = self.unit_ids

    class TermStarted(Event):
        """``holder`` is a pseudonym made for the post."""

        TOPIC = "post.TermStarted"
        holder: str
        started_on: date

        def apply(self, post: "Post") -> None:
            post.holder, post.since = self.holder, self.started_on
            post.acting, post.vacancy = None, None

    class TermEnded(Event):
        TOPIC = "post.TermEnded"
        ended_on: date

        def apply(self, post: "Post") -> None:
            post.holder, post.until = None, self.ended_on

    class FellVacant(Event):
        """Nobody holds the post, and nobody stands in: somebody has to by the end of the clock."""

        TOPIC = "post.FellVacant"
        vacancy: Clock

        def apply(self, post: "Post") -> None:
            post.vacancy, post.acting = self.vacancy, None

    class ActingNamed(Event):
        """``holder`` is a pseudonym made for the post; ``from_post_id``: the post that person holds, if any."""

        TOPIC = "post.ActingNamed"
        holder: str
        from_post_id: UUID | None

        def apply(self, post: "Post") -> None:
            post.acting, post.vacancy = self.holder, None

    class ClocksMoved(Event):
        """See ``Petition.ClocksMoved``."""

        TOPIC = "post.ClocksMoved"
        clock: Clock
        revision: int

        def apply(self, post: "Post") -> None:
            post.vacancy = self.clock

    @classmethod
    @command(ADMIN)
    def register(cls, cmd: Command, /, *, id: UUID, name: str, kind: PostKind) -> "Post":
        return cls.begin(cls.Registered, cmd, id=id, name=name, kind=kind.value)

    @command(ADMIN)
    def change(self, cmd: Command, /, *, name: str) -> None:
        if name != self.name:
            self.decide(self.Changed, cmd, name=name)

    @command(ADMIN)
    def place(self, cmd: Command, /, *, superior: "Post | None") -> None:
        if (superior_id := _above(self, superior)) != self.superior_id:
            self.decide(self.Placed, cmd, superior_id=superior_id)

    @command(ADMIN)
    def put_in_charge(self, cmd: Command, /, *, units: "Sequence[Unit]") -> None:
        """Whose mandates to these units, and to those below them, this post signs."""
        unit_ids = [unit.id for unit in units]
        if unit_ids != list(self.charge_of):
            self.decide(self.PutInCharge, cmd, unit_ids=unit_ids)

    @command(ADMIN)
    def start_term(self, cmd: Command, /, *, holder: str, started_on: date) -> None:
        if self.holder is not None:
            raise Conflict("post-is-held", "此职务在任,请先登记离任。", "The post is held: end the present term first.")
        if self.until and started_on <= self.until:
            raise Invalid(
                "terms-overlap",
                f"上一任期至 {self.until},新任期须晚于该日。",
                f"The last term ended on {self.until}: the next begins after that day.",
                "started_on",
            )
        self.decide(self.TermStarted, cmd, holder=holder, started_on=started_on)

    @command(ADMIN)
    def end_term(self, cmd: Command, /, *, ended_on: date) -> None:
        if self.holder is None:
            raise Conflict("post-is-vacant", "此职务空缺。", "The post is vacant already.")
        if self.since and ended_on < self.since:
            raise Invalid(
                "term-ends-before-it-starts",
                f"任期自 {self.since} 开始,离任日期不能更早。",
                f"The term began on {self.since}: it cannot end before.",
                "ended_on",
            )
        still_held = ended_on > local_day(cmd.at)
        vacancy = cmd.policy.clock("vacancy", end_of(ended_on) - A_MOMENT if still_held else cmd.at)
        self.decide(self.TermEnded, cmd, ended_on=ended_on)
        self.decide(self.FellVacant, cmd.consequence(), vacancy=vacancy)

    @command(CLERK, SUPERVISOR, ADMIN)
    def name_acting(self, cmd: Command, /, *, holder: str, from_post: "Post | None" = None) -> None:
        """Somebody stands in until the next term begins; the clocks of the petitions run on."""
        if self.holder is not None:
            raise Conflict(
                "post-is-held",
                "此职务在任,无须代理。",
                "The post is held: nobody needs to stand in.",
            )
        if from_post and from_post.id == self.id:
            raise Invalid(
                "own-post",
                "代理人不能来自空缺的职务本身。",
                "Nobody holds that post: name another one.",
                "from_post_id",
            )
        if holder != self.acting:
            self.decide(self.ActingNamed, cmd, holder=holder, from_post_id=from_post and from_post.id)

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        if self.vacancy and (moved := cmd.policy.moved(self.vacancy, cmd.at)) != self.vacancy:
            self.decide(self.ClocksMoved, cmd, clock=moved, revision=cmd.policy.calendar.revision)


class Unit(Decider):
    """Who must act. A unit that is no department is reached through its regulator."""

    TOPIC = "unit"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Registered
    superior_id: UUID | None = None  # a post or a unit; a default, for snapshots from before there was any

    def __init__(self, name: str, kind: str, regulator_id: UUID | None) -> None:
        self.name, self.kind, self.regulator_id = name, kind, regulator_id

    class Event(Decider.Event):
        pass

    class Registered(Event, Aggregate.Created):
        TOPIC = "unit.Registered"
        name: str
        kind: str
        regulator_id: UUID | None

    class Changed(Event):
        TOPIC = "unit.Changed"
        name: str

        def apply(self, unit: "Unit") -> None:
            unit.name = self.name

    class Placed(Event):
        """Below a post or another unit, or below none."""

        TOPIC = "unit.Placed"
        superior_id: UUID | None

        def apply(self, unit: "Unit") -> None:
            unit.superior_id = self.superior_id

    @property
    def reports_to(self) -> UUID | None:
        """Its superior; a unit that is no department may have none but its regulator."""
        return self.superior_id or self.regulator_id

    @classmethod
    @command(ADMIN)
    def register(
        cls, cmd: Command, /, *, id: UUID, name: str, kind: UnitKind, regulator: "Unit | None" = None
    ) -> "Unit":
        return cls.begin(
            cls.Registered, cmd, id=id, name=name, kind=kind.value, regulator_id=regulator and regulator.id
        )

    @command(ADMIN)
    def change(self, cmd: Command, /, *, name: str) -> None:
        if name != self.name:
            self.decide(self.Changed, cmd, name=name)

    @command(ADMIN)
    def place(self, cmd: Command, /, *, superior: "Post | Unit | None") -> None:
        if (superior_id := _above(self, superior)) != self.superior_id:
            self.decide(self.Placed, cmd, superior_id=superior_id)


def _above(entry: Post | Unit, superior: Post | Unit | None) -> UUID | None:
    if superior is not None and superior.id == entry.id:
        raise Invalid("own-superior", "不能以自己为上级。", "Nobody is their own superior.", "superior_id")
    return superior.id if superior else None


def common_superior(lines: Sequence[Sequence[Post | Unit]]) -> Post | Unit | None:
    """The nearest that stands above all of them. A line: whoever stands above a unit, the nearest first."""
    first, *others = lines
    for superior in first:
        if all(superior.id in {above.id for above in line} for line in others):
            return superior
    return None
