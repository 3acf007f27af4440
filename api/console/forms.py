"""Commands as forms. A form is declared as data beside the pages it belongs to, and has a page of its own at
``/do/{name}/{id}``: what is wrong stands beside its field, and nothing that was typed is lost, not even when the
session ran out meanwhile. A form pressed twice is one command: it carries the key under which the API knows it again.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, UploadFile

from api.console.browser import ApiProblem, Browser, Browsing, SignInFirst, local, see
from domain.calendar import CHINA
from domain.command import Role
from infra.identity import Identity

router = APIRouter()

NOTHING = UUID(int=0)  # the id of a form that is about nothing yet
AT_THE_DESK = frozenset({"-"})  # in no phase: offered where it waits, not on a page

Choices = Sequence[tuple[str, str]]  # value and words


class Kind(StrEnum):
    """How a field is typed, and what the API gets."""

    LINE = "line"
    TEXT = "text"  # of several lines
    CHOICE = "choice"
    SEVERAL = "several"  # of the choices: a list
    YES_NO = "yes_no"
    TICK = "tick"  # true where it is ticked, and nothing where not
    NUMBER = "number"
    YUAN = "yuan"  # the API counts in fen
    DAY = "day"
    MOMENT = "moment"  # typed as a clock here shows it
    FILE = "file"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class Field:
    """``choices``: value and words, or what finds them, given the reader and the id."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    required: bool = True
    hint: str = ""
    choices: "Choices | Callable[[Browser, UUID], Awaitable[Choices]]" = ()
    rows: int = 4
    accept: str = ""  # of a file: media types

    def read(self, typed: FormData) -> Any:
        """What the API is sent; None for nothing."""
        given = [str(value) for value in typed.getlist(self.name)]
        first = given[0].strip() if given else ""
        match self.kind:
            case Kind.SEVERAL:
                return given
            case Kind.YES_NO:
                return first == "yes" if first else None
            case Kind.TICK:
                return True if first else None
            case Kind.NUMBER:
                return int(first) if first.lstrip("-").isdecimal() else first or None
            case Kind.YUAN if first:
                try:
                    fen = Decimal(first) * 100
                    return int(fen) if fen == fen.to_integral_value() else first
                except (InvalidOperation, OverflowError, ValueError):
                    return first
            case Kind.MOMENT if first:
                try:
                    return datetime.fromisoformat(first).replace(tzinfo=CHINA).isoformat()
                except ValueError:
                    return first
            case _:
                return first.replace("\r\n", "\n") or None


@dataclass(frozen=True)
class Rows:
    """The same fields again and again: a list in the body. A row in which nothing is typed, or that is struck out, is
    none. ``label``: of one row."""

    name: str
    label: str
    fields: tuple[Field, ...]

    def at(self, n: int) -> tuple[Field, ...]:
        return tuple(replace(field, name=f"{self.name}-{n}-{field.name}") for field in self.fields)

    def has(self, name: str) -> re.Match[str] | None:
        return re.fullmatch(rf"{self.name}-(\d{{1,3}})-(\w+)", name, re.ASCII)

    def filled(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The values of a form's fields that show these rows."""
        return {f"{self.name}-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()}

    def typed(self, values: Mapping[str, list[str]]) -> list[dict[str, list[str]]]:
        found: dict[int, dict[str, list[str]]] = {}
        for name, given in values.items():
            if match := self.has(name):
                found.setdefault(int(match[1]), {})[match[2]] = given
        return [row for _, row in sorted(found.items()) if "struck" not in row and self._says_something(row)]

    def read(self, typed: FormData) -> list[dict[str, Any]]:
        """What the API is sent."""
        rows = [FormData([(n, v) for n, given in row.items() for v in given]) for row in self.typed(kept(typed))]
        return [{f.name: value for f in self.fields if (value := f.read(row)) is not None} for row in rows]

    def _says_something(self, row: Mapping[str, list[str]]) -> bool:
        return any(v.strip() for f in self.fields if f.kind != Kind.HIDDEN for v in row.get(f.name, ()))


Begin = Callable[[Browser, UUID], Awaitable[Mapping[str, Any]]]
Body = Callable[[FormData], Any]
Besides = Callable[[Browser, UUID, Mapping[str, list[str]]], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True)
class Form:
    """``path``: of the API, with ``{id}`` in it, and in braces the fields that it names besides.

    ``of``: what the id names, a resource of the API whose own page is
    ``/{of}/{id}``; "" for a form that is about nothing yet. ``phases``: of a petition, in which its page offers it.
    ``begin`` fills in what is there already; ``body`` makes the request where the fields alone do not, and ``template``
    is then its own; ``besides`` finds what it shows around the values. ``goes_to``: the page after it, with the
    answer's fields in braces; ``shows``: the template that shows an answer that is given only once. ``rows`` come after
    the fields. ``fits``: whether a petition or a task, as the API shows it, may want this of the reader.
    ``rare``: offered after everything else.
    """

    path: str
    title: str
    fields: tuple[Field, ...] = ()
    roles: frozenset[Role] = frozenset()
    of: str = "petitions"
    phases: frozenset[str] = frozenset()
    method: str = "POST"
    hint: str = ""
    button: str = "提交"
    done: str = "已办理。"
    begin: Begin | None = None
    body: Body | None = None
    template: str = "form.html"
    besides: Besides | None = None
    goes_to: str = ""
    shows: str = ""
    rows: Rows | None = None
    fits: Callable[[Mapping[str, Any], Identity], bool] | None = None
    rare: bool = False

    def request(self, typed: FormData) -> Any:
        if self.body:
            return self.body(typed)
        read = (
            (field.name, field.read(typed))
            for field in self.fields
            if field.kind != Kind.FILE and field not in self._in_path
        )
        rows = {self.rows.name: self.rows.read(typed)} if self.rows else {}
        return rows | {name: value for name, value in read if value is not None}

    def address(self, id: UUID, typed: FormData) -> str:
        named = {field.name: quote(str(typed.get(field.name, "")), safe="") for field in self._in_path}
        return self.path.format(id=id, **named)

    @property
    def _in_path(self) -> list[Field]:
        return [field for field in self.fields if f"{{{field.name}}}" in self.path]

    @property
    def words(self) -> Iterable[str]:
        yield from (self.title, self.hint, self.button, self.done, self.rows.label if self.rows else "")
        for item in (*self.fields, *(self.rows.fields if self.rows else ())):
            yield from (item.label, item.hint)
            if not callable(item.choices):
                yield from (words for _, words in item.choices)


FORMS: dict[str, Form] = {}


def declare(forms: Mapping[str, Form]) -> None:
    assert not FORMS.keys() & forms.keys()
    FORMS.update(forms)


def offered(browser: Browser, of: str, phase: str = "", row: Mapping[str, Any] | None = None) -> list[str]:
    """The forms that this reader may want here; the API has the last word."""
    if (who := browser.identity) is None:
        return []
    found = [
        name
        for name, form in FORMS.items()
        if form.of == of
        and who.role in form.roles
        and (not form.phases or phase in form.phases)
        and (form.fits is None or row is None or form.fits(row, who))
    ]
    return sorted(found, key=lambda name: FORMS[name].rare)


@dataclass
class Typed:
    """What stands in the fields, and what is wrong with it."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    errors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by field


def kept(typed: FormData) -> dict[str, Any]:
    """To fill a form in again; a file cannot be."""
    names = {name for name, value in typed.multi_items() if isinstance(value, str)} - {"mark"}
    return {name: [str(value) for value in typed.getlist(name)] for name in sorted(names)}


def wrong(form: Form, error: ApiProblem, typed: FormData) -> Typed:
    problem = error.problem
    found = problem.get("errors") or ([problem] if problem.get("field") else [])

    def name(pointer: str) -> str:
        first, *more = pointer.lstrip("/").split("/")
        return "-".join([first, *more[:2]]) if form.rows and first == form.rows.name else first

    return Typed(kept(typed), problem, {name(item["field"]): item for item in found})


async def show(browser: Browser, name: str, id: UUID, typed: Typed, status: int = 200) -> HTMLResponse:
    form = FORMS[name]
    begun = await form.begin(browser, id) if form.begin and not typed.values else typed.values
    values = {key: value if isinstance(value, list) else [value] for key, value in begun.items()}
    rows: list[tuple[Field, ...]] = []
    if form.rows:
        lines = form.rows.typed(values)
        if values.pop("more", None) or not lines:
            lines.append({})
        values = {key: value for key, value in values.items() if not form.rows.has(key)} | form.rows.filled(lines)
        rows = [form.rows.at(n) for n in range(len(lines))]
    choices = {
        item.name: await item.choices(browser, id) if callable(item.choices) else item.choices
        for item in (*form.fields, *(form.rows.fields if form.rows else ()))
    }
    then = browser.request.query_params.get("then") or (form.of and f"/{form.of}/{id}") or "/"
    return browser.page(
        form.template,
        status,
        form=form,
        name=name,
        id=id,
        about=await about(browser, form, id),
        values=values,
        rows=rows,
        choices=choices,
        problem=typed.problem,
        errors=typed.errors,
        then=values.get("then", [then])[0],
        **(await form.besides(browser, id, values) if form.besides else {}),
    )


SHOWN = ("petitions", "tasks", "meetings", "intakes")


async def about(browser: Browser, form: Form, id: UUID) -> Any:
    """What the id names, where something of it stands above the form."""
    return await browser.get(f"/v1/{form.of}/{id}") if form.of in SHOWN else None


def missing(name: str) -> ApiProblem:
    """A file that was not chosen: without one the API would not know the form for one with a file."""
    told = {"type": "/problems/file-missing", "title": "填写有误", "title_en": "Something is filled in wrongly"}
    return ApiProblem(422, told | {"detail": "请选择文件。", "detail_en": "Choose a file.", "field": f"/{name}"})


NOT_HERE = {
    "title": "没有这项办理",
    "title_en": "There is no such form",
    "detail": "请返回上一页重新选择。",
    "detail_en": "Go back and choose again.",
}


def known(name: str) -> Form:
    if name not in FORMS:
        raise ApiProblem(404, NOT_HERE)
    return FORMS[name]


@router.get("/do/{name}/{id}")
async def form_page(name: str, id: UUID, browser: Browsing) -> HTMLResponse:
    known(name)
    browser.must_sign_in()
    return await show(browser, name, id, Typed())


@router.post("/do/{name}/{id}")
async def carry_out(name: str, id: UUID, request: Request, browser: Browsing) -> Response:
    async with request.form() as typed:
        return await _carry_out(browser, name, id, typed)


async def _carry_out(browser: Browser, name: str, id: UUID, typed: FormData) -> Response:
    form = known(name)
    try:
        browser.must_sign_in()
        browser.must_be_ours(typed)
        if "more" in typed:  # rows are wanted, nothing is done yet
            return await show(browser, name, id, Typed(kept(typed)))
        files = {
            item.name: (upload.filename, await upload.read(), upload.content_type)
            for item in form.fields
            if isinstance(upload := typed.get(item.name), UploadFile) and upload.filename
        }
        for item in form.fields:
            if item.kind == Kind.FILE and item.required and item.name not in files:
                raise missing(item.name)
        answer = await browser.command(
            form.method,
            form.address(id, typed),
            form.request(typed),
            files=files,
            key=f"{typed.get('key', '')}-{digest(typed, files)}",
        )
    except SignInFirst as error:
        error.kept = json.dumps([name, str(id), kept(typed)])
        raise
    except ApiProblem as error:
        return await show(browser, name, id, wrong(form, error, typed), error.status)
    if form.shows:
        return browser.page(
            form.shows,
            answer=answer.body,
            position=answer.position,
            typed=kept(typed),
            id=id,
            about=await about(browser, form, id),
        )
    then = form.goes_to.format(**(answer.body or {})) if form.goes_to else local(str(typed.get("then", "/")))
    return see(f"{then}{'&' if '?' in then else '?'}done={name}&after={answer.position}")


async def go_on(browser: Browser, told: str) -> HTMLResponse:
    """With what had been typed when the session ran out."""
    try:
        name, id, values = json.loads(told)
        return await show(browser, name, UUID(id), Typed({str(key): list(value) for key, value in values.items()}))
    except (ValueError, TypeError, AttributeError, KeyError):
        raise ApiProblem(422, NOT_HERE) from None


def digest(typed: FormData, files: Mapping[str, tuple[str | None, bytes, str | None]]) -> str:
    """Of what a form says: changed after "back", it is another command."""
    said = hashlib.sha256(repr(kept(typed)).encode())
    for _, content, _ in files.values():
        said.update(hashlib.sha256(content).digest())
    return said.hexdigest()[:32]


# Choices that several forms offer


def from_directory(sort: str) -> Callable[[Browser, UUID], Awaitable[Choices]]:
    """Everything of a kind in the directory: ``hosts``, ``posts`` or ``units``."""

    async def find(browser: Browser, _: UUID) -> Choices:
        return [(row["id"], row["name"]) for row in await browser.every(f"/v1/{sort}")]

    return find
