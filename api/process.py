"""How petitions go, step by step, for auditors and supervisors: and as files that process miners read."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from api.deps import Known, Services, Serving, caught_up, pseudonym, viewer
from api.ocel import ocel
from api.openapi import PRIVATE_READ
from api.pages import require_role
from api.pnml import pnml
from api.xes import xes
from domain.calendar import end_of
from domain.command import Role
from domain.petition.words import Category, Phase
from infra.identity import Identity
from projections import process
from projections.process import Row, Selection

router = APIRouter(prefix="/v1/process", tags=["history"])

AT_ONCE = 200  # petitions
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
