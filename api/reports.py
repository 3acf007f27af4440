"""Reports to discipline inspection: of retaliation, and of what a petition alleges. Nobody else hears of them."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.deps import NO_BODY, AtDesk, Known, Page, Paged, Services, Serving, caught_up, position, pseudonym
from api.openapi import COMMAND, CREATION, PRIVATE_READ
from api.pages import readable, require_role
from api.schemas import PETITION_ID, Words, example, shown
from domain.command import Role
from domain.petition import Petition
from domain.refusals import NotFound, not_found
from domain.report import Report, ReportKind, Status
from projections import reports

router = APIRouter(prefix="/v1/reports", tags=["reports"])
REPORT_ID = "3f9c1d27-58ae-5b40-9e63-7ac2d0b81f11"
CAUGHT_UP = [caught_up(reports.READ_MODEL.name)]


class NewReport(BaseModel):
    model_config = example(petition_id=PETITION_ID, text="联名之后,物业停了我家车位。")
    petition_id: UUID | None = Field(None, description="The petition it is about, if it is about one.")
    text: Words


class Conclusion(BaseModel):
    model_config = example(result="情况属实,已责令恢复并处理责任人。")
    result: Words


class ReportState(BaseModel):
    """What the reporter is told. ``number``: to ask by, and to come back to."""

    model_config = shown(id=REPORT_ID, number="3F9C-1D27-58AE", status="filed", version=1)
    id: UUID
    number: str
    status: Status
    version: int

    @classmethod
    def of(cls, report: Report) -> "ReportState":
        return cls(id=report.id, number=_number(report.id), status=Status(report.status), version=report.version)


class ReportPage(BaseModel):
    id: UUID = Field(examples=[REPORT_ID])
    number: str = Field(examples=["3F9C-1D27-58AE"])
    kind: ReportKind
    status: Status
    filed_at: datetime
    topic: str | None = Field(description="Of the petition, where a clerk has handed it over.")
    text: str
    petition_id: UUID | None
    signed: bool | None = Field(description="Whether the reporter has signed that petition; for inspectors.")
    result: str | None
    version: int


def _number(id: UUID) -> str:
    """None in order: how many reports there are is nobody's business."""
    digits = id.hex[:12].upper()
    return "-".join((digits[:4], digits[4:8], digits[8:]))


def about(petition_id: UUID, *, signed: bool | None) -> str:
    return json.dumps({"petition_id": str(petition_id), "signed": signed})


@router.post("", status_code=201, responses=CREATION)
async def file_report(body: NewReport, desk: AtDesk) -> ReportState:
    """Report retaliation, for having signed or for anything else that was said here. It goes to discipline inspection
    and nowhere else; the answer's `number` is yours to follow it by."""
    report_id, cmd = await desk.opening()
    sealed = None
    if body.petition_id:
        signed = await _has_signed(desk.services, desk.identity, body.petition_id)
        sealed = about(body.petition_id, signed=signed)
    return await desk.execute(
        Report.file, report_id, ReportState.of, cmd=cmd, texts={"text": body.text, "about": sealed}
    )


async def _has_signed(services: Services, identity: Any, petition_id: UUID) -> bool:
    """No word to the reporter on whether there is such a petition."""
    try:
        petition = await services.repository.get(Petition, petition_id)
    except NotFound:
        return False
    return petition.signers.get(await pseudonym(services, identity, petition_id), False)


@router.get("", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def list_reports(
    services: Serving, identity: Known, paging: Paged, status: Status | None = None
) -> Page[ReportPage]:
    """The inspectors' inbox: who waits longest comes first."""
    require_role(identity, Role.DISCIPLINE)
    rows, following = await reports.reports(
        services.pool, status=status, cursor=paging.read(position), limit=paging.limit
    )
    return paging.page([_page(row) for row in await readable(services.keyring, rows)], following)


@router.get("/{report_id}", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_report(report_id: UUID, services: Serving, identity: Known, response: Response) -> ReportPage:
    """For whoever filed it, and for the inspectors."""
    report = await services.repository.get(Report, report_id)
    inspects = identity.role == Role.DISCIPLINE
    theirs = identity.role == Role.RESIDENT and report.reporter == await pseudonym(services, identity, report_id)
    rows, _ = await reports.reports(services.pool, id=report_id)
    if not rows or not (inspects or theirs):
        raise not_found("report")
    page = _page((await readable(services.keyring, rows))[0])
    response.headers["ETag"] = f'"{page.version}"'
    return page if inspects else page.model_copy(update={"signed": None})


def _page(row: dict[str, Any]) -> ReportPage:
    known: dict[str, Any] = {"petition_id": None, "signed": None}
    with suppress(ValueError):  # erased
        known |= json.loads(row["about"] or "{}")
    return ReportPage.model_validate(row | known | {"number": _number(row["id"])})


@router.post("/{report_id}/acceptance", responses=COMMAND, dependencies=NO_BODY)
async def take_up(report_id: UUID, desk: AtDesk) -> ReportState:
    """An inspector takes the report up."""
    return await desk.execute(Report.take_up, report_id, ReportState.of)


@router.post("/{report_id}/conclusion", responses=COMMAND)
async def close_report(report_id: UUID, body: Conclusion, desk: AtDesk) -> ReportState:
    """An inspector closes the report; the reporter reads the result."""
    return await desk.execute(Report.close, report_id, ReportState.of, texts={"result": body.result})
