"""Watching the clocks: a reminder at 80 % of each; at its end an escalation, or the step that the rules have then."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from workflows.matter import Matter
from workflows.messages import RunningClock


@dataclass(frozen=True)
class Alarm:
    at: datetime
    name: str
    about: RunningClock


class ClockWatch:
    """Sleeps until the next alarm of any clock. Extended, resumed or stopped, a clock takes its alarms along."""

    def __init__(self, matter: Matter) -> None:
        self._matter = matter

    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._next is not None)
            alarm = self._next
            assert alarm is not None
            rule, due_at = alarm.about.clock.rule, alarm.about.clock.due_at
            if await self._matter.runs_out(alarm.at, lambda: self._next, f"{alarm.name} {rule}"):
                await self._matter.issue(alarm.name, rule=rule, due_at=due_at, part_id=alarm.about.part_id)

    @property
    def _next(self) -> Alarm | None:
        """None while the matter is suspended: its clocks stand still, and will have moved when it is resumed."""
        alarms = [] if self._matter.state.suspended else list(self._upcoming())
        return min(alarms, key=lambda alarm: (alarm.at, str(alarm.about.part_id)), default=None)

    def _upcoming(self) -> Iterator[Alarm]:
        for running in self._matter.state.clocks:
            if not running.reminded and workflow.now() < running.clock.due_at:
                yield Alarm(running.clock.remind_at, "remind", running)
            elif not running.escalated:
                yield Alarm(running.clock.due_at, running.ending, running)
