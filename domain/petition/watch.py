"""Reminders, escalations, and the supervisor's orders."""

from datetime import datetime
from uuid import UUID

from domain.clock import Clock
from domain.command import Command, command
from domain.petition.state import State
from domain.petition.words import ADMITTED, LEAD_OFFICIAL, SUPERVISOR, WORKFLOW, Supervision, warning
from domain.refusals import Conflict
from domain.text import Text


class Watch(State):
    class ClocksMoved(State.Event):
        """Days were announced off, or worked: what counts working days ends later, or earlier. ``clocks``: those that
        move; ``revision``: of the calendar."""

        TOPIC = "petition.ClocksMoved"
        clocks: list[Clock]
        revision: int

        def apply(self, petition: State) -> None:
            petition.clocks |= {clock.rule: clock for clock in self.clocks}

    class Reminded(State.Event):
        TOPIC = "petition.Reminded"
        rule: str
        due_at: datetime
        task_id: UUID | None

        def apply(self, petition: State) -> None:
            petition.warned.append(warning("reminded", self.rule, self.due_at, self.task_id))

    class Escalated(State.Event):
        TOPIC = "petition.Escalated"
        rule: str
        due_at: datetime
        task_id: UUID | None

        def apply(self, petition: State) -> None:
            petition.warned.append(warning("escalated", self.rule, self.due_at, self.task_id))

    class SupervisionAnswered(State.Event):
        """The post says how it has obeyed."""

        TOPIC = "petition.SupervisionAnswered"
        report: Text

        def apply(self, petition: State) -> None:
            petition.supervision = Supervision.ANSWERED.value

    class SupervisionLifted(State.Event):
        TOPIC = "petition.SupervisionLifted"
        reason: Text

        def apply(self, petition: State) -> None:
            petition.supervision = None

    @command(WORKFLOW)
    def move_clocks(self, cmd: Command, /) -> None:
        """Once what was announced of holidays is in the rulebook."""
        at = self.suspended_at or cmd.at
        moved = [new for clock in self.clocks.values() if (new := cmd.policy.moved(clock, at)) != clock]
        if moved:
            self.decide(self.ClocksMoved, cmd, clocks=moved, revision=cmd.policy.calendar.revision)

    @command(WORKFLOW)
    def remind(self, cmd: Command, /, *, rule: str, due_at: datetime, task_id: UUID | None = None) -> None:
        if self._worth("reminded", rule, due_at, task_id):
            self.decide(self.Reminded, cmd, rule=rule, due_at=due_at, task_id=task_id)

    @command(WORKFLOW)
    def escalate(self, cmd: Command, /, *, rule: str, due_at: datetime, task_id: UUID | None = None) -> None:
        if self._worth("escalated", rule, due_at, task_id):
            self.decide(self.Escalated, cmd, rule=rule, due_at=due_at, task_id=task_id)

    def _worth(self, what: str, rule: str, due_at: datetime, task_id: UUID | None) -> bool:
        """Once per clock, and not when the clock has stopped meanwhile or stands still."""
        if self.over or self.suspended_at is not None:
            return False
        running = task_id is not None or (rule in self.clocks and self.clocks[rule].due_at == due_at)
        return running and warning(what, rule, due_at, task_id) not in self.warned

    @command(SUPERVISOR)
    def order_supervision(self, cmd: Command, /, *, order: Text) -> None:
        self.require(*ADMITTED, even_suspended=True)
        self.decide(self.SupervisionOrdered, cmd, order=order)

    @command(LEAD_OFFICIAL)
    def answer_supervision(self, cmd: Command, /, *, report: Text) -> None:
        """Also after the end: the order that the last round leaves behind is obeyed then. A better report may follow
        until the supervisor lifts the order."""
        self._require_order()
        self.decide(self.SupervisionAnswered, cmd, report=report)

    @command(SUPERVISOR)
    def lift_supervision(self, cmd: Command, /, *, reason: Text) -> None:
        """The order was obeyed, or is no longer needed."""
        self._require_order()
        self.decide(self.SupervisionLifted, cmd, reason=reason)

    def _require_order(self) -> None:
        if self.supervision is None:
            raise Conflict(
                "no-supervision-order",
                "此件没有未解除的督办通知。",
                "No supervision order stands for this petition.",
            )
