"""How petitions go, step by step, for auditors and supervisors: and as files that process miners read."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.deps import After, Known, Page, Paged, Services, Serving, caught_up, position, pseudonym, viewer
from api.ocel import ocel
from api.openapi import PRIVATE_READ
from api.pages import readable, require_role
from api.pnml import pnml
from api.schemas import PETITION_ID
from api.xes import xes
from domain import course
from domain.calendar import end_of
from domain.command import Role
from domain.petition.words import Category, Phase
from infra.identity import Identity
from projections import process
from projections.process import Row, Selection

router = APIRouter(prefix="/v1/process", tags=["history"])

READERS = (Role.AUDITOR, Role.SUPERVISOR)
FEW = 200  # petitions
AT_ONCE = 50  # petitions: while these are written, nobody else is answered
FRESH = timedelta(seconds=10)
REMEMBERED = 50  # selections
CAUGHT_UP = [caught_up("board", "process", "statistics")]

Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2199, 12, 31), description="In China.")]


async def _selected(
    host_id: UUID | None = None,
    unit_id: Annotated[UUID | None, Query(description="That leads or supports a task of it.")] = None,
    post_id: Annotated[UUID | None, Query(description="That is called.")] = None,
    category: Category | None = None,
    phase: Phase | None = None,
    opened_from: Day = None,
    opened_until: Day = None,
) -> Selection:
    opened = end_of(opened_from - timedelta(days=1)) if opened_from else None
    before = end_of(opened_until) if opened_until else None
    return Selection(host_id, unit_id, post_id, category, phase, opened, before)


Selected = Annotated[Selection, Depends(_selected)]

Seconds = Annotated[int | None, Field(description="The median; null where nothing came before.")]


class Arrow(BaseModel):
    """A step and the one that it followed: of the petition, or of the same meeting, task, extension or proposal; the
    first of a part follows the petition's last."""

    previous: str | None = Field(examples=["petition.Accepted"], description="Null: it was the first.")
    step: str = Field(examples=["petition.Called"])
    count: int
    median_seconds: Seconds


class Handover(BaseModel):
    from_id: UUID
    to_id: UUID
    count: int
    petitions: int
    median_seconds: Seconds


class Organisation(BaseModel):
    organisation_id: UUID
    steps: int
    petitions: int
    median_seconds: Seconds


class Course(BaseModel):
    """Of the chosen petitions, the most frequent of each first."""

    at: datetime = Field(description="When it was reckoned.")
    petitions: int
    departed: int = Field(description="Of these, how many have a step that the course does not allow.")
    arrows: list[Arrow]
    handovers: list[Handover]
    organisations: list[Organisation] = Field(description="Who took how many steps, and after what wait; in no order.")


class _Row(BaseModel):
    petition_id: UUID = Field(examples=[PETITION_ID])
    subject_id: UUID = Field(description="The petition, or a part of it.")
    topic: str = Field(description="As issued for the public; as written where nothing has been issued yet.")
    position: int = Field(description="Of the step: /v1/petitions/{petition_id}/history/{position} shows it.")
    at: datetime
    step: str
    role: str


class Wait(_Row):
    previous: str
    waited: int = Field(description="Seconds between the two.")
    on_behalf_of: UUID | None


class Departure(_Row):
    """A step that the course does not allow where it came."""

    states: list[str] = Field(examples=[["task.status:offered"]], description="That its subject was in.")
    allowed: list[str] = Field(examples=[["task.Claimed"]], description="The steps that might have come instead.")


class Reckoner:
    """Reckons over all steps, which takes seconds where there are millions: one selection at a time, and none again
    within ten seconds, unless the reader wants a later position."""

    def __init__(self) -> None:
        self._last: OrderedDict[Any, tuple[datetime, int, Course]] = OrderedDict()
        self._turn = asyncio.Lock()

    async def course(self, services: Services, identity: Identity, selection: Selection, after: int | None) -> Course:
        who = viewer(services, identity)
        kept_out = await _kept_out(services, identity, selection)
        key = who.role, who.org, selection, kept_out
        if found := self._fresh(key, who.at, after):
            return found
        async with self._turn:
            if found := self._fresh(key, who.at, after):
                return found
            position = await process.position(services.pool)
            asked = services.pool, who, selection, kept_out
            counts, arrows, handovers, organisations = await asyncio.gather(
                process.count(*asked),
                process.arrows(*asked),
                process.handovers(*asked),
                process.by_organisation(*asked),
            )
            found = Course.model_validate(
                {"at": who.at, **counts, "arrows": arrows, "handovers": handovers, "organisations": organisations}
            )
            self._last[key] = who.at, position, found
            if len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
        return found

    def _fresh(self, key: Any, now: datetime, after: int | None) -> Course | None:
        at, position, found = self._last.get(key, (datetime.min.replace(tzinfo=UTC), 0, None))
        return found if abs(now - at) < FRESH and position >= (after or 0) else None


@router.get("", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_process(
    request: Request, services: Serving, identity: Known, selection: Selected, after: After = None
) -> Course:
    """For auditors and supervisors: which step followed which, how often and after what wait, who handed on to whom.
    Up to ten seconds old."""
    require_role(identity, *READERS)
    reckoner: Reckoner = request.app.state.processes
    return await reckoner.course(services, identity, selection, after)


@router.get("/waits", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def list_waits(services: Serving, identity: Known, paging: Paged, selection: Selected) -> Page[Wait]:
    """For auditors and supervisors: the longest waits first, each with the step that ended it."""
    require_role(identity, *READERS)
    who, cursor = viewer(services, identity), paging.read(_place)
    rows, following = await process.waits(services.pool, who, selection, cursor=cursor, limit=paging.limit)
    shown = [Wait.model_validate(row) for row in await _shown(services, identity, rows)]
    return paging.page(shown, following and f"{following[0]}-{following[1]}")


@router.get("/departures", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def list_departures(services: Serving, identity: Known, paging: Paged, selection: Selected) -> Page[Departure]:
    """For auditors and supervisors: steps that the course does not allow, newest first."""
    require_role(identity, *READERS)
    who, cursor = viewer(services, identity), paging.read(position)
    rows, following = await process.departures(services.pool, who, selection, cursor=cursor, limit=paging.limit)
    found = [
        Departure.model_validate(row | {"allowed": course.allowed(row["states"])})
        for row in await _shown(services, identity, rows)
    ]
    return paging.page(found, following)


def _place(text: str) -> process.Place:
    waited, _, at = text.partition("-")
    return position(waited), position(at)


async def _shown(services: Services, identity: Identity, rows: list[Row]) -> list[Row]:
    interest = await interested(services, identity, list({row["petition_id"] for row in rows}))
    told = await readable(services.keyring, [row for row in rows if row["petition_id"] not in interest])
    return [row | {"topic": row["public_topic"] or row["topic"]} for row in told]


@router.get("/ocel", responses=PRIVATE_READ, response_class=Response, dependencies=CAUGHT_UP)
async def export_ocel(services: Serving, identity: Known, selection: Selected) -> StreamingResponse:
    """For auditors: every step of the chosen petitions as OCEL 2.0 in JSON."""
    require_role(identity, Role.AUDITOR)
    until = await process.position(services.pool)
    organisations = await process.organisations(services.pool)
    told = ocel(lambda: _histories(services, identity, selection, until), organisations)
    return StreamingResponse(told, media_type="application/json", headers=_file("petitions.jsonocel"))


@router.get("/xes", responses=PRIVATE_READ, response_class=Response, dependencies=CAUGHT_UP)
async def export_xes(services: Serving, identity: Known, selection: Selected) -> StreamingResponse:
    """For auditors: the same as XES (IEEE 1849), one trace for each petition."""
    require_role(identity, Role.AUDITOR)
    until = await process.position(services.pool)
    organisations = await process.organisations(services.pool)
    told = xes(_histories(services, identity, selection, until), organisations)
    return StreamingResponse(told, media_type="application/xml", headers=_file("petitions.xes"))


@router.get("/model", responses=PRIVATE_READ, response_class=Response)
async def export_model(identity: Known) -> Response:
    """For auditors: the course that petitions may take, as a Petri net (PNML), to hold the exports against."""
    require_role(identity, Role.AUDITOR)
    return Response(pnml(), media_type="application/xml", headers=_file("course.pnml"))


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


async def _histories(
    services: Services, identity: Identity, selection: Selection, until: int
) -> AsyncIterator[list[Row]]:
    """Page by page, the petitions with their steps up to a position, and their tasks."""
    who, cursor = viewer(services, identity), None
    while True:
        rows, cursor = await process.petitions(services.pool, who, selection, cursor=cursor, limit=AT_ONCE)
        interest = await interested(services, identity, [row["id"] for row in rows])
        rows = [row for row in rows if row["id"] not in interest]
        ids = [row["id"] for row in rows]
        steps = await process.steps(services.pool, ids, until)
        tasks = await process.tasks(services.pool, ids)
        yield [row | {"steps": steps[row["id"]], "tasks": tasks[row["id"]]} for row in rows if steps[row["id"]]]
        if cursor is None:
            return


async def interested(services: Services, identity: Identity, ids: list[UUID]) -> set[UUID]:
    """Those of these petitions that a member of staff has recused themselves of, or has ever signed as a resident."""
    if not ids:
        return set()
    as_resident = await services.people.as_resident_in(identity.subject, ids)
    as_staff = await pseudonym(services, identity, ids[0])  # the same in all
    return await process.taken_part(services.pool, ids, as_resident, as_staff)


async def _kept_out(services: Services, identity: Identity, selection: Selection) -> tuple[UUID, ...]:
    """What is chosen may be so few that their figures tell of each: then without those of interest to the reader."""
    rows, more = await process.petitions(services.pool, viewer(services, identity), selection, limit=FEW)
    if more is not None:
        return ()
    return tuple(sorted(await interested(services, identity, [row["id"] for row in rows])))
