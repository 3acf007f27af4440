"""What stories and activities tell each other, and what is known of a matter in between. No text, no persons."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.clock import Clock

TASK_QUEUE = "yuetan"


@dataclass(frozen=True)
class RunningClock:
    """A clock of the matter, or of one of its parts (a task). ``ending``: the step that is due when it runs out."""

    clock: Clock
    part_id: UUID | None = None
    reminded: bool = False
    escalated: bool = False
    ending: str = "escalate"


@dataclass(frozen=True)
class TaskState:
    """A task of this round or of an earlier one: planned (on the roadmap, not offered), then open, then neither."""

    id: UUID
    round: int
    planned: bool
    open: bool


@dataclass(frozen=True)
class MatterState:
    """As the log had it at ``position`` or later; equal when nothing has happened in the matter."""

    version: int
    phase: str
    round: int
    ended: bool
    suspended: bool
    clocks: list[RunningClock]
    tasks: list[TaskState]
    delivered: bool = field(default=False, kw_only=True)  # of this round: what it promised is judged now
    position: int = field(compare=False)


@dataclass(frozen=True)
class Step:
    """A command that a story asks for. ``at`` is the story's own time; the rest tells this step from all others."""

    matter_id: UUID
    round: int
    name: str
    at: datetime
    rule: str | None = None
    due_at: datetime | None = None
    part_id: UUID | None = None


@dataclass(frozen=True)
class Answer:
    """The state after the step was carried out, or refused: then with the refusal's code and reason."""

    state: MatterState
    refusal: str | None = None
    reason: str = ""
