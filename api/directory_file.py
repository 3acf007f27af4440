"""The directory, its terms and its policies as a file: out, and in, first as a trial."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StrictBool, StrictStr

from api.deps import YUETAN, AtDesk, Known, Serving
from api.openapi import PRIVATE_READ, REGISTER
from api.pages import require_role
from api.schemas import example, shown
from domain.command import Role
from infra import directory_file
from infra.directory_file import Import

router = APIRouter(prefix="/v1/directory", tags=["directory"])


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class DirectoryFile(BaseModel):
    model_config = example(format="csv", text="sort,name,kind\nhost,划船社区,community\n", dry_run=True)
    format: Format
    text: Annotated[StrictStr, Field(max_length=1_000_000)]
    dry_run: Annotated[StrictBool, Field(description="Only tell what would happen.")] = True


class BrokenRow(BaseModel):
    line: int
    field: str
    detail: str
    detail_en: str


class PlannedRow(BaseModel):
    type: str = Field(examples=["host.Registered"], description="The event that it takes.")
    name: str = Field(examples=["划船社区"], description="As it is called until then.")
    before: str | None = None
    after: str = Field(examples=["community"], description="A kind, a name, names, or a day.")


class ImportReport(BaseModel):
    model_config = shown(
        imported=False,
        rows=1,
        created=1,
        changed=0,
        unchanged=0,
        broken=[],
        planned=[{"type": "host.Registered", "name": "划船社区", "after": "community"}],
    )
    imported: bool = Field(description="All rows, or none: not in a trial, and not while one row is broken.")
    rows: int
    created: int
    changed: int
    unchanged: int
    broken: list[BrokenRow]
    planned: list[PlannedRow] = Field(description="What changes, one by one; in a trial, what would.")


@router.get("/export", responses=PRIVATE_READ, response_class=Response)
async def export_directory(services: Serving, identity: Known, format: Format = Format.CSV) -> Response:
    """Hosts, units, posts, terms (not who held them) and policies. No cell of the CSV is a formula."""
    require_role(identity, Role.ADMIN, Role.AUDITOR)
    known = await directory_file.everything(services.store, services.repository)
    jsonl = format == Format.JSONL
    return Response(
        directory_file.write(directory_file.export(known), jsonl=jsonl),
        media_type="application/x-ndjson" if jsonl else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="directory.{format}"'},
    )


@router.post("/import", responses=REGISTER)
async def import_directory(body: DirectoryFile, desk: AtDesk) -> ImportReport:
    """Take a file in: what has an id or a name that is known is changed, the rest is new. Nothing is taken away."""
    require_role(desk.identity, Role.ADMIN)
    services = desk.services
    rows = directory_file.read(body.text, jsonl=body.format == Format.JSONL)
    cmd = await desk.command(YUETAN)
    cmd = replace(cmd, policy=(await services.rules()).in_force(cmd.at))
    importing = Import(
        await directory_file.everything(services.store, services.repository), cmd, services.people.pseudonym
    )
    report = await importing.play(rows)
    imported = not (body.dry_run or report.broken)
    if imported and (position := await importing.commit(services.store)):
        desk.response.headers["Yuetan-Position"] = str(position)
    return ImportReport(
        imported=imported,
        rows=report.rows,
        created=report.created,
        changed=report.changed,
        unchanged=report.unchanged,
        broken=[BrokenRow(line=b.line, field=b.field, detail=b.zh, detail_en=b.en) for b in report.broken],
        planned=[PlannedRow(**vars(planned)) for planned in report.planned],
    )
