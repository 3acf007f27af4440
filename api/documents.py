"""Acceptance notices, responses and supervision orders as numbered papers, to be read in Word or printed."""

import asyncio
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.deps import Anyone, Serving, caught_up
from api.openapi import READ
from api.pages import petition_row, readable
from domain.calendar import local_day
from domain.refusals import not_found
from infra import papers
from infra.identity import Identity
from infra.papers import Paper, day_zh
from projections import documents

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])
CAUGHT_UP = [caught_up("board", documents.READ_MODEL.name)]


class Form(StrEnum):
    DOCX = "docx"
    PDF = "pdf"


MEDIA_TYPES = {
    Form.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Form.PDF: "application/pdf",
}


class DocumentRow(BaseModel):
    id: str = Field(examples=["acceptance-2026-1"], description="Its address, followed by `.docx` or `.pdf`.")
    kind: str = Field(examples=["acceptance"], description="`acceptance`, `response` or `supervision`.")
    number: str = Field(examples=["约谈受〔2026〕1号"], description="Counted by kind and year, without a gap.")
    title: str = Field(examples=["关于“小区低洼地排涝改造”约谈申请的受理告知书"])
    round: int
    issued_at: datetime


@router.get("/{petition_id}/documents", responses=READ, dependencies=CAUGHT_UP)
async def list_documents(petition_id: UUID, services: Serving, identity: Anyone) -> list[DocumentRow]:
    """For those who signed the petition and those who handle it: the papers name the topic as it was written."""
    rows = await _documents(services, identity, petition_id)
    return [DocumentRow(id=_id(row), number=_number(row), title=_title(row), **_told(row)) for row in rows]


@router.get(
    "/{petition_id}/documents/{document}.{form}",
    responses=READ | {200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
    response_class=Response,
    dependencies=CAUGHT_UP,
)
async def read_document(
    petition_id: UUID,
    document: Annotated[str, Path(pattern=r"^[a-z]+-\d{4}-\d+$", examples=["acceptance-2026-1"])],
    form: Form,
    request: Request,
    services: Serving,
    identity: Anyone,
) -> Response:
    """The same bytes each time, until a text in it is erased or the office renamed."""
    rows = await _documents(services, identity, petition_id)
    for row in rows:
        if _id(row) == document:
            paper = written(row, rows, request.app.state.office)
            # Fonts are read and subset for most of a second: not on the loop that everybody waits for.
            made = await asyncio.to_thread(papers.docx if form == Form.DOCX else papers.pdf, paper)
            return Response(
                made,
                media_type=MEDIA_TYPES[form],
                headers={
                    "Content-Disposition": f'attachment; filename="{document}.{form}"',
                    "Cache-Control": "private, no-store",
                },
            )
    raise not_found("document")


async def _documents(services: Serving, identity: Identity | None, petition_id: UUID) -> list[dict[str, Any]]:
    if not (await petition_row(services, identity, petition_id))["handler"]:
        raise not_found("document")
    return await readable(services.keyring, await documents.of(services.pool, petition_id))


def _id(row: dict[str, Any]) -> str:
    return f"{row['kind']}-{row['year']}-{row['nth']}"


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("kind", "round", "issued_at")}


def _number(row: dict[str, Any]) -> str:
    return documents.number(row["kind"], row["year"], row["nth"])


TITLES = {
    "acceptance": "关于“{}”约谈申请的受理告知书",
    "response": "关于“{}”约谈申请的答复意见书",
    "supervision": "关于“{}”约谈事项的督办通知书",
}
OUTCOMES = {"done": "已办结", "planned": "列入计划", "explained": "解释说明"}


def _title(row: dict[str, Any]) -> str:
    return papers.typeset(TITLES[row["kind"]].format(row["topic"]))


def written(row: dict[str, Any], rows: list[dict[str, Any]], office: str) -> Paper:
    """What the paper of this row says; ``rows`` are all of the petition."""
    lead, *others = row["posts"]
    topic, facts, kind = row["topic"], row["facts"], row["kind"]
    if kind == "acceptance":
        called = "、".join([f"{lead}(牵头)", *others])
        paragraphs = [
            f"你们关于“{topic}”的约谈申请收悉。经审核,符合约谈受理条件,现决定予以受理,并将有关事项告知如下:",
            f"一、应约领导职务:{called}。",
            f"二、约谈会议由{row['host']}承办,于{_last_day(facts['meeting_due_at'])}前召开。",
            f"三、答复意见于{_last_day(facts['response_due_at'])}前作出。确需延期的,另行告知。",
            "四、办理进展可随时登录查询。答复后,每位联名人均可评价办理结果;评价只以汇总形式公开。",
            "特此告知。",
        ]
    elif kind == "response":
        result = OUTCOMES[facts["outcome"]]
        if "due_on" in facts:
            result += f",承诺于{day_zh(date.fromisoformat(facts['due_on']))}前兑现,其间挂账跟踪,兑现后再次请你们评价"
        paragraphs = [
            f"你们关于“{topic}”的约谈申请,经约谈会议和有关单位办理,现答复如下:",
            *_paragraphs(row["text"]),
            f"办理结果:{result}。",
            "请登录评价办理结果。申请办结后,联名人对本答复不服的,可以在规定期限内申请复查。",
        ]
    else:
        number = next((_number(other) for other in rows if other["kind"] == "acceptance"), None)
        ordered = _paragraphs(row["text"]) if row["text"] else [_by_rule(row)]
        paragraphs = [
            f"关于“{topic}”的约谈事项({number}),现就有关督办要求通知如下:",
            *ordered,
            "请抓紧整改落实,并登录报告办理情况。督办经核实后解除。",
        ]
    return Paper(
        head=office,
        number=_number(row),
        title=_title(row),
        to=f"{lead}:" if kind == "supervision" else "各联名居民:",
        paragraphs=paragraphs,
        signature=lead if kind == "response" else office,
        on=local_day(row["issued_at"]),
        copy_to="、".join([*others, row["host"]]) + "。",
        issuer=office,
    )


def _by_rule(row: dict[str, Any]) -> str:
    if row["facts"]["tracking"]:
        return "所承诺的事项到期未报告兑现,按规定予以督办。"
    return f"该事项经{row['round']}轮办理,多数评价仍认为未解决,按规定予以督办。"


def _paragraphs(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line]


def _last_day(due_at: str) -> str:
    return day_zh(local_day(datetime.fromisoformat(due_at) - timedelta(microseconds=1)))
