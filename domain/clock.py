"""A running deadline. Imports nothing of ours, so that workflow files may import it inside Temporal's sandbox."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

REMIND_AT_SHARE = 0.8  # of a clock's length


@dataclass(frozen=True)
class Clock:
    """A deadline that has been decided: by which rule, since when, until when (UTC), under which policy version.

    ``policy`` is "2026-11", or "2026-11+2" once the calendar of working days has been changed twice.
    """

    rule: str
    started_at: datetime
    due_at: datetime
    policy: str

    @property
    def version(self) -> str:
        return self.policy.partition("+")[0]

    @property
    def calendar_revision(self) -> int:
        return int(self.policy.partition("+")[2] or 0)

    @property
    def remind_at(self) -> datetime:
        return self.started_at + (self.due_at - self.started_at) * REMIND_AT_SHARE

    def shifted(self, by: timedelta) -> "Clock":
        """The same clock after standing still for a while: both ends move."""
        return replace(self, started_at=self.started_at + by, due_at=self.due_at + by)

    def prolonged(self, days: int) -> "Clock":
        """The same clock with more calendar days before it is due."""
        return replace(self, due_at=self.due_at + timedelta(days=days))
