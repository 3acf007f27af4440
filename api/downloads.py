"""The statistics and the public list as files, to keep and to reckon with: CSV for a spreadsheet, JSON for programs."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from api.deps import Services, Serving, caught_up
from api.openapi import READ
from api.pages import PetitionSummary, readable
from api.statistics import CAUGHT_UP, By, Figures, Reckoned
from domain.calendar import CHINA
from domain.wording import ZH
from infra.roll_csv import harmless
from projections import board, directory
from projections.board import Viewer

router = APIRouter(prefix="/v1/downloads", tags=["work"])

AT_ONCE = 200
OUTCOMES = {"resolved": "多数评价认为已解决", "unresolved": "多数评价认为未解决", "not_judged": "无人评价"}
RATES = (
    *("编号", "名称", "受理申请", "到期应答复", "已答复", "按期答复", "响应率", "有评价", "已解决", "未评价", "解决率"),
    *("邀请评价人数", "评价人数", "满意人数", "满意率", "可比较(不少于10件)", "逾期申请", "逾期事项"),
)
PETITIONS = (
    *("编号", "题目", "类别", "阶段", "社区(合作社)", "应约领导", "联名人数(至少)", "联名人数要求", "紧急", "中止"),
    *("办理进度(%)", "下一期限", "评价结果", "设立时间", "最近变动"),
)


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


Wanted = Annotated[Format, Query()]


@router.get("/statistics", responses=READ, response_class=Response, dependencies=CAUGHT_UP)
async def download_statistics(told: Reckoned, services: Serving, by: By, format: Wanted = Format.CSV) -> Response:
    """As GET /v1/statistics tells them. No cell of the CSV is a formula."""
    headers = attachment(f"statistics-by-{by}", format)
    if format == Format.JSON:
        return Response(told.model_dump_json(), media_type="application/json", headers=headers)
    ids = {UUID(group.key) for group in told.groups} if by != "month" else ()
    names = {str(id): name for id, name in (await directory.names(services.pool, ids)).items()}
    rows = [line(RATES), line(rates("", "全部", told))]
    rows += [line(rates(group.key, names.get(group.key, group.key), group)) for group in told.groups]
    return Response("\ufeff" + "".join(rows), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/petitions", responses=READ, response_class=Response, dependencies=[caught_up("board")])
async def download_petitions(services: Serving, format: Wanted = Format.CSV) -> Response:
    """What everybody may read of petitions, newest first: the same for everybody. No cell of the CSV is a formula."""
    pages = public_petitions(services)
    if format == Format.JSON:
        return StreamingResponse(as_json(pages), media_type="application/json", headers=attachment("petitions", format))
    return StreamingResponse(
        as_csv(services, pages), media_type="text/csv; charset=utf-8", headers=attachment("petitions", format)
    )


def attachment(name: str, format: Format) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{format}"'}


def line(cells: Sequence[Any]) -> str:
    """What is not a number is harmless."""
    out = io.StringIO()
    csv.writer(out).writerow(["" if cell is None else harmless(str(cell)) for cell in cells])
    return out.getvalue()


def rates(key: str, name: str, told: Figures) -> list[Any]:
    response, resolution, satisfaction = told.response, told.resolution, told.satisfaction
    return [
        *(key, name, told.petitions, response.due, response.answered, response.in_time, response.rate),
        *(resolution.judged, resolution.resolved, resolution.not_judged, resolution.rate),
        *(satisfaction.invited, satisfaction.judged, satisfaction.satisfied, satisfaction.rate),
        *("是" if told.rankable else "否", told.overdue.petitions, told.overdue.clocks),
    ]


async def public_petitions(services: Services) -> AsyncIterator[list[PetitionSummary]]:
    cursor: int | None = None
    while True:
        at = Viewer(at=services.now())
        rows, cursor = await board.petitions(services.pool, at, cursor=cursor, limit=AT_ONCE)
        yield [PetitionSummary.model_validate(row) for row in await readable(services.keyring, rows)]
        if cursor is None:
            return


async def as_json(pages: AsyncIterator[list[PetitionSummary]]) -> AsyncIterator[str]:
    yield '{"items": ['
    between = ""
    async for page in pages:
        if page:
            yield between + ",\n".join(row.model_dump_json() for row in page)
            between = ",\n"
    yield "]}\n"


async def as_csv(services: Services, pages: AsyncIterator[list[PetitionSummary]]) -> AsyncIterator[str]:
    yield "\ufeff" + line(PETITIONS)
    async for page in pages:
        ids = {id for row in page for id in (row.host_id, row.called_post_ids[0])}
        names = await directory.names(services.pool, ids)
        yield "".join(line(cells(row, names)) for row in page)


def cells(row: PetitionSummary, names: dict[UUID, str]) -> list[Any]:
    return [
        *(row.id, row.public_topic, ZH[row.category], ZH[row.phase]),
        *(names.get(row.host_id), names.get(row.called_post_ids[0]), row.signatures, row.threshold),
        *("是" if row.urgent else "否", "是" if row.suspended else "否", row.progress),
        *(moment(row.clocks[0].due_at) if row.clocks else None, row.outcome and OUTCOMES[row.outcome]),
        *(moment(row.opened_at), moment(row.changed_at)),
    ]


def moment(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}"
