"""A roadmap as a picture: one row for each task, from its offer to its due date, with a line for today.

Places along the line are percentages, so that the picture fits every screen while its words keep their size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from api.console.words import date as day_of

ROW, AXIS = 64, 28  # pixels
STEPS = (1, 2, 7, 14, 30, 60, 90, 180, 365)  # days between two marks
MARKS = 5
ENDED = ("confirmed", "dropped")


@dataclass(frozen=True)
class Bar:
    task: Mapping[str, Any]
    y: int
    x: float  # percent, as the next
    width: float
    done: float
    late: bool


@dataclass(frozen=True)
class Picture:
    bars: Sequence[Bar]
    marks: Sequence[tuple[float, date]]
    today: float
    height: int


def gantt(tasks: Sequence[Mapping[str, Any]], offered: Mapping[str, str], now: datetime) -> Picture:
    """``offered``: when each was, by its id; one that is not yet begins today."""
    today = day_of(now)
    rows = [(task, day_of(offered.get(task["id"], now)), date.fromisoformat(task["due_on"])) for task in tasks]
    first = min([start for _, start, _ in rows] + [today])
    last = max([due for _, _, due in rows] + [today]) + timedelta(days=1)
    span = (last - first).days

    def place(on: date) -> float:
        return round(100 * (on - first).days / span, 2)

    bars = []
    for n, (task, start, due) in enumerate(rows):
        x, end = place(min(start, due)), place(due + timedelta(days=1))
        width = max(end - x, 1)
        late = due < today and task["status"] not in (*ENDED, "completed")
        bars.append(Bar(task, AXIS + n * ROW, x, width, round(width * task["percent"] / 100, 2), late))
    step = next((days for days in STEPS if span <= days * MARKS), STEPS[-1])
    marks = [first + timedelta(days=n) for n in range(0, span, step)]
    return Picture(bars, [(place(on), on) for on in marks], place(today), AXIS + len(rows) * ROW)
