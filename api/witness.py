"""Sees to it that what staff read is written down, whatever route they read it by, before the answer begins.

It stands between the routes and the reader: a route that asks who its reader is need not know of it and cannot forget
it. What cannot be written down is not shown (503).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from enum import Enum
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import STAFF, Services
from domain.command import Role
from infra.accesses import DAY, HOUR, MINUTE, Access, beginning, record
from infra.identity import Identity

# Read in the register, and written down there: beside the petitions that somebody read it would join people to them.
IN_REGISTER = {"resident", "residents", "export_residents", "rejection", "worklist"}
# Which petition a signature is being taken down for, or that somebody reports something, is told nobody: of these, and
# of whatever discipline inspection reads, stands only that somebody of the host or the office had one on that day.
UNNAMED = {"draft", "drafts", "report", "reports"}
ALSO_READ = {"draft_signature": "petition", "send_draft_code": "draft"}  # commands that answer with somebody's words
CODES = {"document", "digest"}  # made by us
NOT_WHAT = {"cursor", "limit", "after"}  # pages of one list are one access
LONGEST = 200
MOST_REMEMBERED = 10_000


class Witness:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._written: set[Any] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unwritten: Exception | None = None

        async def answering(message: Message) -> None:
            nonlocal unwritten
            if message["type"] == "http.response.start" and message["status"] < 400:
                try:
                    await self._see(Request(scope))
                except Exception as error:
                    unwritten = error
                    raise
            await send(message)

        try:
            await self.app(scope, receive, answering)
        except Exception:
            if unwritten:  # whoever was answering wraps it in what has no meaning for the reader
                raise unwritten from None
            raise

    async def _see(self, request: Request) -> None:
        identity: Identity | None = getattr(request.state, "identity", None)
        if identity is None or identity.role == Role.RESIDENT:
            return
        name = request.scope["route"].name
        act = ALSO_READ.get(name) or name.removeprefix("read_").removeprefix("list_")
        audits = identity.role == Role.AUDITOR
        if not audits and (act in IN_REGISTER or (request.method != "GET" and name not in ALSO_READ)):
            return  # the register has it, or the log: commands are events
        named = identity.role != Role.DISCIPLINE and act not in UNNAMED
        subject, what = _subject_and_what(request, and_query=audits) if named else (None, {})
        at = beginning(request.app.state.now(), _while(identity, named))
        mine = (at, identity.subject, identity.role, identity.org, act, subject, str(what))
        if mine in self._written:
            return
        services: Services = request.app.state.services
        by = await services.people.pseudonym(identity.subject, identity.org or STAFF)
        await record(services.pool, Access(at, by, identity.role.value, identity.org, act, subject, what))
        if len(self._written) >= MOST_REMEMBERED:
            self._written.clear()  # what is written again is one row all the same
        self._written.add(mine)


def _while(identity: Identity, named: bool) -> timedelta:
    """How long the same look counts as one. Those who handle a case look at it again and again."""
    if not named:
        return DAY
    return MINUTE if identity.role == Role.AUDITOR else HOUR


def _subject_and_what(request: Request, *, and_query: bool) -> tuple[UUID | None, dict[str, str]]:
    """What the address names, of the kinds that cannot be somebody's words. Of a query only the auditors': whoever
    varies one could make any number of rows."""
    dependant: Dependant = request.scope["route"].dependant
    kinds = {p.alias: p.field_info.annotation for p in dependant.path_params}
    said = {name: str(value) for name, value in request.path_params.items()}
    if and_query:
        kinds |= dict(_query(dependant))
        said |= {name: ",".join(request.query_params.getlist(name)) for name in request.query_params}
    what = {name: said[name] for name in sorted(said) if name in CODES or _harmless(kinds.get(name, str))}
    ids = [name for name in what if name.endswith("_id") and "," not in what[name]]
    subject = UUID(what.pop(min(ids, key=lambda name: name != "petition_id"))) if ids else None
    return subject, {name: _short(value) for name, value in what.items() if name not in NOT_WHAT}


def _short(value: str) -> str:
    """Of a long list its beginning and its digest: a row is a key of an index, too."""
    if len(value) <= LONGEST:
        return value
    return f"{value[: LONGEST - 80]}… SHA-256 {sha256(value.encode()).hexdigest()}"


def _query(dependant: Dependant) -> Iterator[tuple[str, Any]]:
    for parameter in dependant.query_params:
        yield parameter.alias, parameter.field_info.annotation
    for inner in dependant.dependencies:
        yield from _query(inner)


def _harmless(annotation: Any) -> bool:
    """Whether it is made of numbers, days, ids and choices alone."""
    if isinstance(annotation, type):
        return issubclass(annotation, int | date | UUID | Enum | type(None))
    return all(_harmless(part) for part in get_args(annotation) if isinstance(part, type) or get_args(part))
