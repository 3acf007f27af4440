"""Watching the clocks: a reminder at 80 % of each, an escalation at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from workflows.matter import Matter
from workflows.messages import RunningClock


@dataclass(frozen=True)
class Warning:
    at: datetime
    name: str
    about: RunningClock


class ClockWatch:
    """Sleeps until the next warning of any clock. Extended, resumed or stopped, a clock takes its warnings along."""

    def __init__(self, matter: Matter) -> None:
        self._matter = matter

    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._next is not None)
            warning = self._next
            assert warning is not None
            rule, due_at = warning.about.clock.rule, warning.about.clock.due_at
            if await self._matter.runs_out(warning.at, lambda: self._next, f"{warning.name} {rule}"):
                await self._matter.issue(warning.name, rule=rule, due_at=due_at, task_id=warning.about.task_id)

    @property
    def _next(self) -> Warning | None:
        """None while the matter is suspended: its clocks stand still, and will have moved when it is resumed."""
        warnings = [] if self._matter.state.suspended else list(self._upcoming())
        return min(warnings, key=lambda warning: (warning.at, str(warning.about.task_id)), default=None)

    def _upcoming(self) -> Iterator[Warning]:
        for running in self._matter.state.clocks:
            if not running.reminded and workflow.now() < running.clock.due_at:
                yield Warning(running.clock.remind_at, "remind", running)
            elif not running.escalated and not running.closing:
                yield Warning(running.clock.due_at, "escalate", running)
