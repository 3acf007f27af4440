"""What is worth a look, for auditors and supervisors. A flag is no judgement: it says why it was raised."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.clocks import RULES
from api.deps import Known, Page, Paged, Serving, caught_up, position, viewer
from api.openapi import PRIVATE_READ
from api.pages import readable, require_role
from api.schemas import PETITION_ID, TASK_ID
from domain.calendar import beijing
from domain.command import Role
from projections import directory, flags
from projections.flags import Kind

router = APIRouter(prefix="/v1", tags=["history"])


class Flag(BaseModel):
    kind: Kind
    petition_id: UUID = Field(examples=[PETITION_ID])
    subject_id: UUID = Field(examples=[TASK_ID], description="The petition, or one of its tasks.")
    topic: str = Field(description="As issued for the public; as written where nothing has been issued yet.")
    position: int = Field(description="Of the event that raised it: …/history/{position} shows it.")
    at: datetime
    why: str = Field(examples=["同一份佐证材料此前已用于另一任务。"])
    why_en: str
    other_petition_id: UUID | None = Field(None, description="Where the same evidence was used first.")
    other_position: int | None = None


@router.get("/flags", responses=PRIVATE_READ, dependencies=[caught_up("board", "flags")])
async def list_flags(
    services: Serving, identity: Known, paging: Paged, kind: Kind | None = None, petition_id: UUID | None = None
) -> Page[Flag]:
    """Newest first. One that comes up again, as when a task goes round once more, moves up."""
    require_role(identity, Role.AUDITOR, Role.SUPERVISOR)
    rows, following = await flags.flags(
        services.pool,
        viewer(services, identity),
        kind=kind,
        petition_id=petition_id,
        cursor=paging.read(_cursor),
        limit=paging.limit,
    )
    units = [UUID(row["facts"]["unit_id"]) for row in rows if "unit_id" in row["facts"]]
    names = await directory.names(services.pool, units) if units else {}
    shown = [_flag(row, names) for row in await readable(services.keyring, rows)]
    return paging.page(shown, following and f"{following[0]}-{following[1]}")


def _cursor(text: str) -> flags.Cursor:
    at, _, kind = text.partition("-")
    return position(at), kind


def _flag(row: dict[str, Any], names: dict[UUID, str]) -> Flag:
    facts = row["facts"]
    zh, en = WHY[Kind(row["kind"])](
        facts | {"unit": names.get(UUID(facts["unit_id"]), "") if "unit_id" in facts else ""}
    )
    return Flag(
        **{name: row[name] for name in ("kind", "petition_id", "subject_id", "position", "at")},
        topic=row["public_topic"] or row["topic"],
        why=zh,
        why_en=en,
        other_petition_id=facts.get("petition_id"),
        other_position=facts.get("position"),
    )


def _duration(seconds: int) -> tuple[str, str]:
    if seconds < 120:
        return f"{seconds} 秒", f"{seconds} seconds"
    if seconds < 7200:
        return f"{seconds // 60} 分钟", f"{seconds // 60} minutes"
    return f"{seconds // 3600} 小时", f"{seconds // 3600} hours"


def _eve(facts: dict[str, Any]) -> tuple[str, str]:
    left_zh, left_en = _duration(facts["seconds"])
    rule, due = facts["rule"], beijing(datetime.fromisoformat(facts["due_at"]))
    return (
        f"在“{RULES.get(rule, rule)}”期限({due})届满前 {left_zh} 才办理。",
        f"Done {left_en} before the clock “{rule}” ran out ({due}, Beijing time).",
    )


def _quick(facts: dict[str, Any]) -> tuple[str, str]:
    zh, en = _duration(facts["seconds"])
    return f"报告完成后 {zh} 即核实销号。", f"Confirmed {en} after it was reported complete."


WHY: dict[Kind, Callable[[dict[str, Any]], tuple[str, str]]] = {
    Kind.EVIDENCE_REUSED: lambda _: (
        "同一份佐证材料此前已用于另一任务。",
        "The same piece of evidence was used for another task before.",
    ),
    Kind.CIRCLING: lambda facts: (
        f"任务已被提出异议、退回或转交 {facts['times']} 次。",
        f"The task was objected to, handed back or handed on {facts['times']} times.",
    ),
    Kind.BACK_TO_OBJECTOR: lambda facts: (
        f"任务又回到曾提出异议的{facts['unit']}。",
        f"The task is back with {facts['unit']}, which had objected to it.",
    ),
    Kind.EVE: _eve,
    Kind.QUICK_CONFIRMATION: _quick,
    Kind.STAFF_ENTERED: lambda facts: (
        f"提交前由工作人员代为登记的联名至少 {facts['slips']} 份(要求 {facts['threshold']} 人)。",
        f"The host's staff took in at least {facts['slips']} signatures; it takes {facts['threshold']}.",
    ),
    Kind.EXTENSION_AGAIN: lambda facts: (
        f"第 {facts['times']} 次申请延期,本次 {facts['days']} 天。",
        f"An extension was asked for {facts['times']} times, this time of {facts['days']} days.",
    ),
}
