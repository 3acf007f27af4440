"""The rules of the district: every version of its policy, each with the day it takes effect, and its calendar.

New petitions take the version in force; running ones keep theirs. The calendar is one for all, since a day is worked or
it is not: whatever policy a clock was started under, it is computed by the calendar as the district knows it then.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from importlib import resources
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from eventsourcing.domain import Aggregate

from domain.calendar import YearTable, local_day
from domain.clock import Clock
from domain.command import Command, Decider, Permission, Role, command
from domain.policy import RULES, Policy
from domain.refusals import Conflict, Invalid
from domain.text import Text

RULEBOOK = uuid5(NAMESPACE_OID, "yuetan rulebook")  # the one there is
BUILT_IN: dict[str, Any] = tomllib.loads(resources.files("domain").joinpath("policy.toml").read_text("utf-8"))
VERSION = re.compile(r"[\w.-]{1,40}")

ADMIN = Permission(Role.ADMIN)
CLERK = Permission(Role.CLERK)
WORKFLOW = Permission(Role.WORKFLOW)


@dataclass(frozen=True)
class Issue:
    """A version of the policy. ``document`` is the policy file as JSON."""

    version: str
    document: str
    effective_on: date
    from_file: bool  # which the settings name


@dataclass(frozen=True)
class Announcement:
    """Days that are off, or worked, which the calendar did not know. ``number``: the calendar's revision by it.
    ``years`` are covered completely: of them nothing was known."""

    number: int
    announced_at: datetime
    days_off: list[date]
    days_worked: list[date]
    years: list[int]
    reason: Text


@dataclass(frozen=True)
class Rules:
    """What the rulebook says at its ``version``: the policies, by the day each takes effect, with today's calendar."""

    version: int
    policies: Sequence[tuple[date, Policy]]

    def in_force(self, at: datetime) -> Policy:
        today = local_day(at)
        return next(policy for day, policy in reversed(self.policies) if day <= today)

    def as_of(self, clock: Clock) -> Iterator[Policy]:
        """The policies that a clock may have been computed by, the newest first, with the calendar as it was then."""
        for _, policy in reversed(self.policies):
            if policy.version == clock.version:
                yield replace(policy, calendar=policy.calendar.as_of(clock.calendar_revision))

    def of(self, version: str) -> Policy | None:
        """The newest of this version: a file may have been corrected under the same name."""
        return next((policy for _, policy in reversed(self.policies) if policy.version == version), None)


class Rulebook(Decider):
    TOPIC = "rulebook"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Founded

    def __init__(self, version: str, document: str, effective_on: date) -> None:
        self.entries: list[Issue | Announcement] = [Issue(version, document, effective_on, from_file=True)]

    class Event(Decider.Event):
        pass

    class Founded(Event, Aggregate.Created):
        """By the policy file that the settings name."""

        TOPIC = "rulebook.Founded"
        version: str
        document: str
        effective_on: date

    class PolicyIssued(Event):
        TOPIC = "rulebook.PolicyIssued"
        version: str
        document: str
        effective_on: date

        def apply(self, rulebook: "Rulebook") -> None:
            from_file = self.role == Role.WORKFLOW
            rulebook.entries.append(Issue(self.version, self.document, self.effective_on, from_file))

    class HolidaysAnnounced(Event):
        TOPIC = "rulebook.HolidaysAnnounced"
        number: int
        days_off: list[date]
        days_worked: list[date]
        years: list[int]
        reason: Text

        def apply(self, rulebook: "Rulebook") -> None:
            rulebook.entries.append(
                Announcement(self.number, self.timestamp, self.days_off, self.days_worked, self.years, self.reason)
            )

    @property
    def issues(self) -> list[Issue]:
        return [entry for entry in self.entries if isinstance(entry, Issue)]

    @property
    def announcements(self) -> list[Announcement]:
        return [entry for entry in self.entries if isinstance(entry, Announcement)]

    def rules(self) -> Rules:
        first, *later = self.entries
        assert isinstance(first, Issue)
        policies = [(date.min, stored(first.document))]  # there was none before
        calendar = policies[0][1].calendar
        for entry in later:
            if isinstance(entry, Announcement):
                years = {year: YearTable() for year in entry.years}
                calendar = calendar.changed(years=years, days_off=entry.days_off, days_worked=entry.days_worked)
                continue
            policy = stored(entry.document)
            policies.append((entry.effective_on, policy))
            years = dict(policy.calendar.own_years)
            if any(calendar.own_years.get(year) != table for year, table in years.items()):
                calendar = calendar.changed(years=years)
        return Rules(
            self.version,
            # Of two that take effect on one day, the one issued later counts.
            [(day, replace(policy, calendar=calendar)) for day, policy in sorted(policies, key=lambda p: p[0])],
        )

    @classmethod
    @command(WORKFLOW)
    def found(cls, cmd: Command, /, *, id: UUID, document: str) -> "Rulebook":
        facts = {"version": parse(document).version, "document": document, "effective_on": local_day(cmd.at)}
        return cls.begin(cls.Founded, cmd, id=id, **facts)

    @command(WORKFLOW)
    def adopt(self, cmd: Command, /, *, document: str) -> None:
        """The file that the settings name, if it is another one than when the program was started before."""
        if document != [issue.document for issue in self.issues if issue.from_file][-1]:
            self._issue(cmd, parse(document), document, local_day(cmd.at))

    @command(ADMIN)
    def issue_policy(self, cmd: Command, /, *, document: str, effective_on: date) -> None:
        policy = check(document)
        if any(issue.version == policy.version for issue in self.issues):
            raise Conflict(
                "policy-version-exists",
                f"政策版本 {policy.version} 已存在,请换一个版本名。",
                f"There is a policy version {policy.version} already: give this one another name.",
                "document",
            )
        if effective_on < local_day(cmd.at):
            raise Invalid(
                "effective-in-the-past",
                "生效日期不能早于今天:已作出的决定不受影响。",
                "A policy takes effect today at the earliest: what was decided stands.",
                "effective_on",
            )
        self._issue(cmd, policy, document, effective_on)

    @command(CLERK, ADMIN)
    def announce_holidays(
        self,
        cmd: Command,
        /,
        *,
        days_off: Sequence[date],
        days_worked: Sequence[date],
        years: Sequence[int],
        reason: Text,
    ) -> None:
        """Days off and days worked, from today on; ``years`` of which nothing is known yet, with all their days."""
        calendar, today = self.rules().in_force(cmd.at).calendar, local_day(cmd.at)
        for n, year in enumerate(years):
            if calendar.knows(year):
                raise Invalid(
                    "calendar-known-year",
                    f"{year} 年的工作日历已经载入,只须公布有变动的日期。",
                    f"The working-day calendar of {year} is known: announce only the days that change.",
                    f"years.{n}",
                )
        for name, days in (("days_off", days_off), ("days_worked", days_worked)):
            for n, day in enumerate(days):
                if day.year not in years:
                    calendar.require(day, f"{name}.{n}")
                if day < today:
                    raise Invalid(
                        "day-past",
                        "只能公布今天及以后的日期:已作出的决定不受影响。",
                        "Only today and later days can be announced: what was decided stands.",
                        f"{name}.{n}",
                    )
        if both := set(days_off) & set(days_worked):
            raise Invalid(
                "day-off-and-worked",
                f"{min(both)} 不能既放假又上班。",
                f"{min(both)} cannot be both off and worked.",
                "days_worked",
            )
        known = [*((day, False) for day in days_off), *((day, True) for day in days_worked)]
        if not years and all((calendar.why_free(day) is None) == worked for day, worked in known):
            raise Conflict(
                "nothing-announced",
                "工作日历已是如此,无须公布。",
                "The calendar says so already: there is nothing to announce.",
                "days_off",
            )
        self.decide(
            self.HolidaysAnnounced,
            cmd,
            number=calendar.revision + 1,
            days_off=sorted(set(days_off)),
            days_worked=sorted(set(days_worked)),
            years=sorted(set(years)),
            reason=reason,
        )

    def _issue(self, cmd: Command, policy: Policy, document: str, effective_on: date) -> None:
        self.decide(self.PolicyIssued, cmd, version=policy.version, document=document, effective_on=effective_on)


def document_of(policy_file: Mapping[str, Any]) -> str:
    """A parsed policy file as it is stored."""
    return json.dumps(policy_file, default=date.isoformat, ensure_ascii=False, sort_keys=True)


def check(document: str) -> Policy:
    """A policy that somebody wants to issue: it says nothing that would be ignored. Raises ``Invalid``."""
    found = json.loads(document)
    try:
        if not VERSION.fullmatch(found["version"]):
            raise ValueError("a version is written like 2026-11, with 40 letters, digits, dots and dashes at most")
        unknown = {*(found.keys() - BUILT_IN.keys() - {"calendar"}), *(found["windows"].keys() - set(RULES))}
        if unknown:
            raise ValueError(f"there is no entry {', '.join(sorted(unknown))}")
        return parse(document)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        zh, en = f"此政策不能使用:{error}。", f"The policy cannot be used: {error}."
        raise Invalid("policy-invalid", zh, en, "document") from None


@lru_cache
def parse(document: str) -> Policy:
    """A stored policy, as today's program reads it: what it does not say, the built-in one does."""
    found = json.loads(document)
    tables = {
        year: {name: [_day(day) for day in days] for name, days in table.items()}
        for year, table in found.get("calendar", {}).items()
    }
    windows = BUILT_IN["windows"] | found["windows"]
    return Policy.parse(BUILT_IN | found | {"windows": windows, "calendar": tables})


def stored(document: str) -> Policy:
    """One that was issued. Should today's program be stricter than the one that took it, nobody is locked out: the
    built-in numbers stand in, under its version."""
    try:
        return parse(document)
    except ValueError:
        return Policy.parse(BUILT_IN | {"version": json.loads(document)["version"]})


def _day(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text  # which the policy's own parser names
