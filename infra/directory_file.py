"""The directory as a file, in and out: hosts, posts with their terms, units and policies, as CSV or JSON Lines.

One row, one thing; which columns it uses depends on its ``sort``. Who held a post is not told. A file that comes in
is played on copies of what there is, row by row, by the ordinary commands; when every row is good, all events are
appended in one transaction, and otherwise none.
"""

import csv
import io
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import IntegrityError

from domain.calendar import local_day
from domain.command import Command, Decider
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.refusals import Conflict, Invalid, Refusal
from domain.rulebook import RULEBOOK, Rulebook, document_of
from infra.event_store import EventStore
from infra.mapper import mapper
from infra.repository import Repository
from infra.roll_csv import harmless, plain

SORTS: dict[str, type[Host] | type[Post] | type[Unit]] = {"host": Host, "unit": Unit, "post": Post}
FIELDS = (
    *("sort", "id", "name", "kind", "regulator", "superior", "charge_of"),
    *("post", "holder", "started_on", "ended_on"),
    *("version", "effective_on", "document"),
)
MAX_ROWS = 5_000
CREATED = tuple(cls.Registered.TOPIC for cls in SORTS.values())

WRONG = {
    "row": ("此行无法识别。", "This row cannot be read."),
    "sort": ("类别应为 host、post、unit、term 或 policy。", "The sort is host, post, unit, term or policy."),
    "name": ("名称须有 1 至 200 字。", "A name has 1 to 200 characters."),
    "kind": ("没有这种类型。", "There is no such kind."),
    "id": ("编号无效,或属于另一类。", "This is no id, or it belongs to something else."),
    "reference": ("没有找到所指的条目。", "What this names is neither in the directory nor in a row before."),
    "date": ("日期格式应如 2026-12-31。", "A date is written like 2026-12-31."),
    "document": ("政策文件应为 JSON。", "The policy is a JSON object."),
}


@dataclass(frozen=True)
class Broken:
    line: int
    field: str
    zh: str
    en: str


class Wrong(Exception):
    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.field, (self.zh, self.en) = field, WRONG[code]


Row = tuple[int, dict[str, str]]


def read(text: str, *, jsonl: bool) -> list[Row | Broken]:
    """Each row with its line (a CSV's heading is line 1). Raises ``Invalid`` where the file as a whole is of no use."""
    rows = list((_json_lines if jsonl else _csv)(text.removeprefix("\ufeff")))
    if len(rows) > MAX_ROWS:
        raise Invalid("too-many-rows", f"一次最多 {MAX_ROWS} 行。", f"At most {MAX_ROWS} rows at a time.", "text")
    return rows


def _csv(text: str) -> Iterator[Row | Broken]:
    lines = csv.reader(io.StringIO(text), strict=True)
    try:
        heading = [title.strip() for title in next(lines, [])]
        if "sort" not in heading or not {*heading} <= {*FIELDS} or len({*heading}) < len(heading):
            raise Invalid(
                "unusable-file",
                f"首行须有列名,各一次:{'、'.join(FIELDS)}。",
                f"The first line names the columns, each once: {', '.join(FIELDS)}.",
                "text",
            )
        for cells in lines:
            if len(cells) == len(heading):
                yield lines.line_num, {name: plain(cell.strip()) for name, cell in zip(heading, cells, strict=True)}
            elif any(cells):
                yield Broken(lines.line_num, "row", *WRONG["row"])
    except csv.Error:  # a stray quote: what follows cannot be told apart
        yield Broken(lines.line_num, "row", *WRONG["row"])


def _json_lines(text: str) -> Iterator[Row | Broken]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found = json.loads(line)
                if not isinstance(found, dict) or not found.keys() <= {*FIELDS}:
                    raise ValueError
                yield number, {name: _cell(value) for name, value in found.items() if value is not None}
            except (ValueError, RecursionError):
                yield Broken(number, "row", *WRONG["row"])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


def write(rows: Iterable[Mapping[str, Any]], *, jsonl: bool) -> str:
    """Cells that a spreadsheet would calculate come out as text."""
    if jsonl:
        return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(FIELDS)
    for row in rows:
        table.writerow([harmless(_written(row.get(name))) for name in FIELDS])
    return "\ufeff" + out.getvalue()


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


# What there is


@dataclass
class Known:
    """Copies of the whole directory, and the first and last day of each post's terms."""

    entries: dict[UUID, Host | Post | Unit]
    terms: dict[UUID, list[tuple[date, date | None]]]
    rulebook: Rulebook
    new: list[Decider] = field(default_factory=list)


async def everything(store: EventStore, repository: Repository) -> Known:
    found = await store.select_notifications(1, 100_000, topics=CREATED)
    ids: list[Any] = [recorded.originator_id for recorded in found]
    entries: dict[UUID, Any] = {id: await repository.get(Decider, id) for id in ids}
    terms = {id: await _terms(store, id) for id, entry in entries.items() if isinstance(entry, Post)}
    return Known(entries, terms, await repository.get(Rulebook, RULEBOOK))


async def _terms(store: EventStore, post_id: UUID) -> list[tuple[date, date | None]]:
    terms: list[tuple[date, date | None]] = []
    for stored in await store.select_events(post_id):
        event: Any = mapper.to_domain_event(stored)
        if isinstance(event, Post.TermStarted):
            terms.append((event.started_on, None))
        elif isinstance(event, Post.TermEnded):
            terms[-1] = (terms[-1][0], event.ended_on)
    return terms


def export(known: Known) -> Iterator[dict[str, Any]]:
    """Hosts, units and posts, then terms and policies; units after their regulators where these came first."""
    for sort, cls in SORTS.items():
        for entry in known.entries.values():
            if isinstance(entry, cls):
                row: dict[str, Any] = {"sort": sort, "id": str(entry.id), "name": entry.name, "kind": entry.kind}
                for column, value in (
                    ("regulator", getattr(entry, "regulator_id", None)),
                    ("superior", getattr(entry, "superior_id", None)),
                ):
                    row |= {column: str(value)} if value else {}
                charge = [str(id) for id in getattr(entry, "charge_of", ())]
                yield row | ({"charge_of": charge} if charge else {})
    for post_id, terms in known.terms.items():
        for started_on, ended_on in terms:
            row = {"sort": "term", "post": str(post_id), "started_on": started_on.isoformat()}
            yield row | ({"ended_on": ended_on.isoformat()} if ended_on else {})
    for issue in known.rulebook.issues:
        yield {
            "sort": "policy",
            "version": issue.version,
            "effective_on": issue.effective_on.isoformat(),
            "document": json.loads(issue.document),
        }


# Taking in

Pseudonym = Callable[[str, UUID], Awaitable[str]]


@dataclass(frozen=True)
class Planned:
    """One event that a file would bring, or has brought: to what, and the value before (None: there was none) and
    after. ``type``: the event's topic."""

    type: str
    name: str
    before: str | None
    after: str


@dataclass
class Report:
    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    broken: list[Broken] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)


class Import:
    def __init__(self, known: Known, cmd: Command, pseudonym: Pseudonym) -> None:
        self.known, self.cmd, self._pseudonym = known, cmd, pseudonym

    async def play(self, rows: Sequence[Row | Broken]) -> Report:
        """Everything on copies: who is above whom last, since a row may name one that comes after it."""
        report = Report(rows=len(rows))
        before = {id: (entry.name, self._above(entry), self._below(entry)) for id, entry in self.known.entries.items()}
        entries: list[tuple[int, dict[str, str], Host | Post | Unit]] = []
        for row in rows:
            if isinstance(row, Broken):
                report.broken.append(row)
                continue
            with _noting(report, row[0]):
                await self._row(row, entries, report)
        for line, cells, entry in entries:
            with _noting(report, line):
                self._place(cells, entry)
                if entry.pending_events and entry not in self.known.new:
                    report.changed += 1
        report.broken.sort(key=lambda broken: broken.line)
        report.unchanged = (
            report.rows - len({broken.line for broken in report.broken}) - report.created - report.changed
        )
        report.planned = [
            planned
            for aggregate in self._all()
            for event in aggregate.pending_events
            if (planned := self._planned(aggregate, event, before.get(aggregate.id)))
        ]
        return report

    def _planned(self, aggregate: Any, event: Any, before: tuple[str, str, str] | None) -> Planned | None:
        name, above, below = before or (None, "", "")
        values: dict[str, tuple[str | None, Any]] = {
            "Registered": (None, getattr(event, "kind", "")),
            "Changed": (name, getattr(event, "name", "")),
            "Placed": (above or None, self._above(aggregate)),
            "PutInCharge": (below or None, self._below(aggregate)),
            "TermStarted": (None, getattr(event, "started_on", "")),
            "TermEnded": (None, getattr(event, "ended_on", "")),
            "PolicyIssued": (None, getattr(event, "effective_on", "")),
        }
        known = values.get(type(event).__name__)
        what: str = event.version if type(event).__name__ == "PolicyIssued" else name or aggregate.name
        return Planned(event.TOPIC, what, known[0], str(known[1])) if known else None

    def _above(self, entry: Any) -> str:
        superior_id: Any = getattr(entry, "superior_id", None)
        superior = self.known.entries.get(superior_id)
        return superior.name if superior else ""

    def _below(self, entry: Any) -> str:
        return "、".join(self.known.entries[id].name for id in getattr(entry, "charge_of", ()))

    async def commit(self, store: EventStore) -> int:
        """Append all or nothing; answers the position of the last event. Raises ``Conflict``."""
        events = [mapper.to_stored_event(event) for aggregate in self._all() for event in aggregate.collect_events()]
        try:
            positions = await store.insert_events(events) if events else []
        except IntegrityError:
            raise Conflict(
                "changed-meanwhile",
                "导入期间名录已有变动,请重新导入。",
                "The directory has changed meanwhile: import the file again.",
            ) from None
        return positions[-1] if positions else 0

    def _all(self) -> Iterator[Aggregate]:
        yield from self.known.entries.values()
        yield self.known.rulebook

    async def _row(
        self, row: Row, entries: list[tuple[int, dict[str, str], Host | Post | Unit]], report: Report
    ) -> None:
        line, cells = row
        sort = cells.get("sort", "")
        if sort in SORTS:
            entries.append((line, cells, self._entry(SORTS[sort], cells, report)))
        elif sort == "term":
            report.changed += await self._term(cells)
        elif sort == "policy":
            report.changed += self._policy(cells)
        else:
            raise Wrong("sort", "sort")

    def _entry(self, cls: Any, cells: dict[str, str], report: Report) -> Any:
        name = cells.get("name", "")
        if not 0 < len(name) <= 200 or not name.isprintable():
            raise Wrong("name", "name")
        entry = self._known_as(cls, cells.get("id", ""), name)
        if entry:
            entry.change(self.cmd, name=name)
            return entry
        kinds: dict[Any, Any] = {Host: HostKind, Post: PostKind, Unit: UnitKind}
        try:
            kind = kinds[cls](cells.get("kind", ""))
        except ValueError:
            raise Wrong("kind", "kind") from None
        id = UUID(cells["id"]) if cells.get("id") else self._new_id(cls, name)
        regulator = {"regulator": self._named("regulator", cells, Unit)} if cells.get("regulator") else {}
        entry = cls.register(self.cmd, id=id, name=name, kind=kind, **regulator)
        self.known.entries[id] = entry
        self.known.new.append(entry)
        if cls is Post:
            self.known.terms[id] = []
        report.created += 1
        return entry

    def _known_as(self, cls: Any, id: str, name: str) -> Any:
        """By id, and without one by name: so that a file that comes twice makes nobody twice."""
        if not id:
            same = [entry for entry in self.known.entries.values() if isinstance(entry, cls) and entry.name == name]
            return same[0] if same else None
        try:
            entry = self.known.entries.get(UUID(id))
        except ValueError:
            raise Wrong("id", "id") from None
        if entry and not isinstance(entry, cls):
            raise Wrong("id", "id")
        return entry

    def _new_id(self, cls: Any, name: str) -> UUID:
        """Made of the name, so that one file that is imported twice at once makes nobody twice."""
        ids = (uuid5(RULEBOOK, f"{cls.TOPIC} {name} {n}") for n in count())
        return next(id for id in ids if id not in self.known.entries)

    def _place(self, cells: dict[str, str], entry: Host | Post | Unit) -> None:
        if isinstance(entry, Post) and cells.get("superior"):
            entry.place(self.cmd, superior=self._named("superior", cells, Post))
        if isinstance(entry, Unit) and cells.get("superior"):
            entry.place(self.cmd, superior=self._named("superior", cells, Unit, Post))
        if isinstance(entry, Post) and cells.get("charge_of"):
            units = [self._named("charge_of", {"charge_of": part}, Unit) for part in cells["charge_of"].split()]
            entry.put_in_charge(self.cmd, units=units)

    def _named(self, column: str, cells: Mapping[str, str], *kinds: Any) -> Any:
        """An entry by its id or its name."""
        wanted = cells.get(column, "")
        for entry in self.known.entries.values():
            if isinstance(entry, kinds) and wanted in (str(entry.id), entry.name):
                return entry
        raise Wrong(column, "reference")

    async def _term(self, cells: dict[str, str]) -> bool:
        post: Post = self._named("post", cells, Post)
        started_on, ended_on = self._day("started_on", cells), None
        if cells.get("ended_on"):
            ended_on = self._day("ended_on", cells)
        terms, before = self.known.terms[post.id], post.version
        if (started_on, ended_on) in terms:
            return False
        if (started_on, None) not in terms:
            # Who held a post is not told by an export: somebody did, whoever it was.
            holder = await self._pseudonym(cells.get("holder") or f"holder since {started_on}", post.id)
            post.start_term(self.cmd, holder=holder, started_on=started_on)
            terms.append((started_on, None))
        if ended_on:
            post.end_term(self.cmd, ended_on=ended_on)
            terms[-1] = (started_on, ended_on)
        return post.version > before

    def _policy(self, cells: dict[str, str]) -> bool:
        try:
            document = document_of(json.loads(cells.get("document", "")))
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise Wrong("document", "document") from None
        if any(issue.document == document for issue in self.known.rulebook.issues):
            return False
        # What was in force elsewhere before takes effect here today.
        effective_on = max(self._day("effective_on", cells), local_day(self.cmd.at))
        self.known.rulebook.issue_policy(self.cmd, document=document, effective_on=effective_on)
        return True

    def _day(self, column: str, cells: Mapping[str, str]) -> date:
        try:
            return date.fromisoformat(cells.get(column, ""))
        except ValueError:
            raise Wrong(column, "date") from None


@contextmanager
def _noting(report: Report, line: int) -> Iterator[None]:
    """Whatever is wrong with a row goes into the report."""
    try:
        yield
    except Wrong as wrong:
        report.broken.append(Broken(line, wrong.field, wrong.zh, wrong.en))
    except Refusal as refusal:
        if refusal.code == "forbidden":
            raise
        report.broken.append(Broken(line, refusal.field or "row", refusal.zh, refusal.en))
