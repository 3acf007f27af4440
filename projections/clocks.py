"""How each clock of a petition and its tasks came to where it stands: as first computed, and what has moved it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from domain.clock import Clock
from projections.read_model import clock_from, shape

MOVED = ".ClocksMoved"
RESUMED = ("petition.Resumed", "task.Resumed")


@dataclass
class Course:
    """One clock, of a petition or a task (the subject). ``extensions``: when, and by how many days. A suspension that
    has not ended has no end yet."""

    subject_id: UUID
    first: Clock
    now: Clock
    extensions: list[tuple[datetime, int]] = field(default_factory=list)
    suspensions: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    moves: list[tuple[Clock, Clock]] = field(default_factory=list)  # by announced holidays: before and after


async def courses(pool: asyncpg.Pool, petition_id: UUID) -> list[Course]:
    """The latest clock of every rule, running or not. Petitions before their tasks, in the order they were started."""
    rows = await pool.fetch(
        "SELECT subject_id, type, at, data FROM timeline.events WHERE petition_id = $1 ORDER BY position", petition_id
    )
    found: dict[tuple[UUID, str], Course] = {}
    suspended: dict[UUID, datetime] = {}  # a task stands still with its petition
    for row in (shape(row, json_columns=["data"]) for row in rows):
        if row["type"] in ("petition.Suspended", "task.Suspended"):
            suspended[row["subject_id"]] = row["at"]
        for clock in _clocks(row["data"]):
            course = found.get((row["subject_id"], clock.rule))
            if course and row["type"] == "petition.Extended":
                course.extensions.append((row["at"], row["data"]["days"]))
            elif course and row["type"].endswith(MOVED):
                course.moves.append((course.now, clock))
            elif course and row["type"] in RESUMED:
                course.suspensions.append((suspended[row["subject_id"]], row["at"]))
            else:
                course = found[row["subject_id"], clock.rule] = Course(row["subject_id"], clock, clock)
            course.now = clock
        if row["type"] in RESUMED:
            suspended.pop(row["subject_id"])
    for course in found.values():
        if course.subject_id in suspended:
            course.suspensions.append((suspended[course.subject_id], None))
    return list(found.values())


def _clocks(value: Any) -> Iterator[Clock]:
    if isinstance(value, dict) and value.keys() == {"rule", "started_at", "due_at", "policy"}:
        yield Clock(**clock_from(value))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _clocks(item)
