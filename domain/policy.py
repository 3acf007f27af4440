"""The district's numbers, by version, and the one function that turns a rule into a deadline.

Imports none of the ``eventsourcing`` library (it slows Temporal's sandbox). Reading the file is the caller's: see
``infra/settings.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from domain.calendar import A_MOMENT, ONE_DAY, Calendar, YearTable, end_of, local_day
from domain.clock import Clock
from domain.disclosure import A_DAY
from domain.refusals import Invalid

RULES = (
    "signing",
    "host_opinion",
    "admissibility",
    "acknowledgement",
    "meeting",
    "roadmap",
    "claim",
    "mandate",
    "response",
    "feedback",
    "verification",
    "vacancy",
    "appeal",
    "appeal_decision",
    "call_back",
    "review_request",
    "review",
    "urgent",
    "brief",
    "minutes",
    "ballot",
    "candidacy",
    "ask_again",
    "refiling",
    "alert",
)
# Announced holidays do not move the clocks of these: of a ballot, since its end was told to everybody who votes, and of
# what nobody may time.
NO_WORKING_DAYS = ("ballot", "candidacy", "alert")
WINDOW = re.compile(r"(\d{1,6}) (working days|days|hours|minutes|seconds)")


UNIT_SECONDS = {"working days": 86_400, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
LONGEST_DAYS = 3_660  # a slip of the pen would stop a clock for good
MOST_SIGNERS = 100_000


@dataclass(frozen=True)
class Window:
    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read "5 working days" and the like; ``ValueError`` says what is wrong with it."""
        match = WINDOW.fullmatch(text)
        if not match or not int(match[1]):
            raise ValueError(f'a window is written like "5 working days" or "24 hours", not {text!r}')
        window = cls(int(match[1]), match[2])
        if window.count * UNIT_SECONDS[window.unit] > LONGEST_DAYS * UNIT_SECONDS["days"]:
            raise ValueError(f"a window is {LONGEST_DAYS} days at most, not {text!r}")
        return window

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"


@dataclass(frozen=True)
class Policy:
    version: str
    threshold: int
    max_rounds: int
    max_refilings: int
    reopen_below: float
    extension_days: int
    windows: Mapping[str, Window]
    calendar: Calendar
    counts_every: int = A_DAY  # seconds between two fixed times at which counts of signatures are told; 0: at once

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Policy":
        """Build a policy from a parsed policy file; ``ValueError`` names the entry that is missing or wrong."""
        if "+" in str(document.get("version")):
            raise ValueError("the version has no +: what follows one in a clock counts the changes of the calendar")
        try:
            windows = {rule: Window.parse(document["windows"][rule]) for rule in RULES}
            if windows["brief"].unit == "working days":
                raise ValueError("the window “brief” counts back from the meeting: write hours or days")
            for rule in NO_WORKING_DAYS:
                if windows[rule].unit == "working days":
                    raise ValueError(f"windows.{rule} is written in days, hours, minutes or seconds")
            years = {int(year): YearTable.parse(year, table) for year, table in document.get("calendar", {}).items()}
            threshold = int(document["threshold"])
            if not 2 <= threshold <= MOST_SIGNERS:
                raise ValueError(
                    "the threshold must be 2 at least, since whoever opens a petition signs it first, and"
                    f" {MOST_SIGNERS} at most"
                )
            max_rounds, extension_days = int(document["max_rounds"]), int(document["extension_days"])
            reopen_below, max_refilings = float(document["reopen_below"]), int(document["max_refilings"])
            if max_rounds < 1 or extension_days < 0 or max_refilings < 0 or not 0 <= reopen_below <= 1:
                raise ValueError(
                    "max_rounds is 1 at least, extension_days and max_refilings not negative, reopen_below from 0 to 1"
                )
            return cls(
                version=str(document["version"]),
                threshold=threshold,
                max_rounds=max_rounds,
                max_refilings=max_refilings,
                reopen_below=reopen_below,
                extension_days=extension_days,
                windows=windows,
                calendar=Calendar(years),
                counts_every=_fixed_times(document.get("counts_every", "24 hours")),
            )
        except KeyError as missing:
            raise ValueError(f"the policy lacks {missing}") from None

    @property
    def stamp(self) -> str:
        """What a clock keeps of how it was computed: the version, and how often the calendar had been changed."""
        return self._stamp(self.version)

    def _stamp(self, version: str) -> str:
        revision = self.calendar.revision
        return f"{version}+{revision}" if revision else version

    def clock(self, rule: str, at: datetime) -> Clock:
        """Start the clock of a rule. Raises ``Invalid`` when its working days run into a year that is not known."""
        return Clock(rule, at, self._due(rule, at)[0], self.stamp)

    def before(self, rule: str, moment: datetime) -> datetime:
        """A rule's window counted back from a moment."""
        window = self.windows[rule]
        return moment - timedelta(**{window.unit: window.count})

    def until(self, rule: str, at: datetime, day: date) -> Clock:
        """A clock that runs to the end of an agreed day."""
        return Clock(rule, at, end_of(day), self.stamp)

    def moved(self, clock: Clock, at: datetime) -> Clock:
        """The clock as what was announced of holidays since it was computed makes it: the same number of working days.

        One that has run out stays, and none is moved into the past: it ends today at the earliest. Raises ``Invalid``
        when its working days run into a year that is not known.
        """
        window = self.windows.get(clock.rule)
        known = self.calendar.as_of(clock.calendar_revision)
        if not window or window.unit != "working days" or known is self.calendar or clock.due_at <= at:
            return clock
        start, last = local_day(clock.started_at), local_day(clock.due_at - A_MOMENT)
        try:
            count = known.working_days_between(start, last)
        except Invalid:  # it has been pushed into a year of which nothing was known: no working day was counted there
            return clock
        before, after = (calendar.working_days_after(start, count)[0] for calendar in (known, self.calendar))
        due_at = max(clock.due_at + (after - before), min(clock.due_at, end_of(local_day(at))))
        return (
            clock if due_at == clock.due_at else Clock(clock.rule, clock.started_at, due_at, self._stamp(clock.version))
        )

    def explain(self, clock: Clock) -> dict[str, Any]:
        """How a date came about: rule, policy version, window, and each day skipped with its reason."""
        window = self.windows.get(clock.rule)
        due_at, skipped = self._due(clock.rule, clock.started_at) if window else (clock.due_at, [])
        return {
            "rule": clock.rule,
            "policy": clock.policy,
            "window": str(window) if window else None,
            "started_at": clock.started_at,
            "due_at": clock.due_at,
            "skipped": [{"on": day, "why": why} for day, why in skipped],
            "moved_by_days": int((clock.due_at - due_at) / ONE_DAY),
        }

    def differences(self, new: "Policy") -> dict[str, tuple[str | None, str]]:
        """What another policy would change: each entry, as it is and as it would be. Years it does not list stay."""
        old = self._entries()
        return {name: (old.get(name), value) for name, value in new._entries().items() if old.get(name) != value}

    def _entries(self) -> dict[str, str]:
        numbers = [f.name for f in fields(self) if f.name not in ("version", "windows", "calendar")]
        return {
            **{name: str(getattr(self, name)) for name in numbers},
            **{f"windows.{rule}": str(window) for rule, window in self.windows.items()},
            **{f"calendar.{year}": str(table) for year, table in self.calendar.own_years.items()},
        }

    def _due(self, rule: str, at: datetime) -> tuple[datetime, list[tuple[date, str]]]:
        window = self.windows[rule]
        if window.unit == "working days":
            day, skipped = self.calendar.working_days_after(local_day(at), window.count)
            return end_of(day), skipped
        if window.unit == "days":
            return end_of(local_day(at) + timedelta(days=window.count)), []
        return at + timedelta(**{window.unit: window.count}), []


def _fixed_times(text: str) -> int:
    """Read "24 hours", "30 minutes" or "at once", as seconds."""
    if text == "at once":
        return 0
    window = Window.parse(text)
    every = window.count * {"hours": 3600, "minutes": 60, "seconds": 1}.get(window.unit, A_DAY + 1)
    if A_DAY % every:
        raise ValueError(f'counts_every is a part of a day, like "24 hours" or "1 hours", or "at once", not {text!r}')
    return every
