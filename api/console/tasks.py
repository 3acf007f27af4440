"""A unit's tasks: the board, a task's own page, and the forms of those who do it and of those who verify it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from api.console import story
from api.console.browser import Browser, Browsing
from api.console.forms import Choices, Field, Form, Kind, declare, from_directory, offered
from api.console.live import rings
from api.console.public import names
from domain.calendar import A_MOMENT, local_day
from domain.command import Role
from domain.task import Stage, Status
from infra.identity import Identity

router = APIRouter()

OFFICER = frozenset({Role.UNIT_OFFICER})
OFFICIAL = frozenset({Role.OFFICIAL})
WORKERS = frozenset({Role.UNIT_OFFICER, Role.HOST_STAFF})
WORKED_ON = frozenset({Status.CLAIMED, Status.OBJECTED})
COLUMNS = (
    ("待认领", (Status.OFFERED, Status.OBJECTED, Status.UNCLAIMED)),
    ("办理中", (Status.CLAIMED,)),
    ("待核实", (Status.COMPLETED,)),
    ("已结束", (Status.CONFIRMED, Status.DROPPED)),
)
MOST = 25  # in a column: the soonest due
CLOSED = 10  # of the tasks that are over, so many on a page

# Whose it is. Of a task that is in dispute, the first receiver goes on until the superior has decided.

Fits = Callable[[Mapping[str, Any], Identity], bool]


def is_lead(task: Mapping[str, Any], who: Identity) -> bool:
    return bool(task["lead_unit_id"] == str(who.org))


def is_claimant(task: Mapping[str, Any], who: Identity) -> bool:
    return bool((task["transfer_to"] or task["lead_unit_id"]) == str(who.org))


def works_on(task: Mapping[str, Any], who: Identity) -> bool:
    disputed = task["status"] == Status.OBJECTED and not task["superior_id"]
    units = (task["lead_unit_id"], *task["supporting_unit_ids"])
    return not disputed and (who.role == Role.HOST_STAFF or str(who.org) in units)


def decides(task: Mapping[str, Any], who: Identity) -> bool:
    """A leader in charge of a unit may as well as the post that answers; a second objection is the superior's."""
    return task["superior_id"] == str(who.org) if task["superior_id"] else who.role == Role.OFFICIAL


def awaits_vote(task: Mapping[str, Any], who: Identity) -> bool:
    return works_on(task, who) and task["vote_needed"] and not (task["vote"] and task["vote"]["passed"])


async def percent_so_far(browser: Browser, task_id: UUID) -> Mapping[str, Any]:
    return {"percent": str((await browser.get(f"/v1/tasks/{task_id}"))["percent"])}


async def evidence_of(browser: Browser, task_id: UUID) -> Choices:
    return [(piece["digest"], piece["name"]) for piece in (await browser.get(f"/v1/tasks/{task_id}"))["evidence"]]


async def why_disputed(browser: Browser, task_id: UUID, _: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the units that will not have it say, the last first."""
    task = await browser.get(f"/v1/tasks/{task_id}")
    told = await browser.every(f"/v1/petitions/{task['petition_id']}/history")
    objections = [
        entry for entry in told if entry["subject_id"] == str(task_id) and entry["type"].startswith("task.Objected")
    ]
    return {"objections": objections[::-1]}


STAGES = ((Stage.BEFORE, "办理前"), (Stage.AFTER, "办理后"), (Stage.VOTE, "业主表决"), (Stage.OTHER, "其他"))
REASON = Field("reason", "理由")
UNIT = Field("unit_id", "单位", Kind.CHOICE, choices=from_directory("units"))

declare(
    {
        "claim": Form(
            "/v1/tasks/{id}/claim",
            "认领",
            roles=OFFICER,
            of="tasks",
            phases=frozenset({Status.OFFERED}),
            done="任务已认领。",
            fits=is_claimant,
        ),
        "progress": Form(
            "/v1/tasks/{id}/progress",
            "报告进度",
            (Field("percent", "完成百分比", Kind.NUMBER, hint="0 至 100。"), Field("note", "进展说明")),
            roles=OFFICER,
            of="tasks",
            phases=WORKED_ON,
            done="进度已报告。",
            begin=percent_so_far,
            fits=works_on,
        ),
        "evidence": Form(
            "/v1/tasks/{id}/evidence",
            "上传佐证",
            (
                Field("file", "文件", Kind.FILE, hint="JPEG、PNG、WebP、PDF 或 MP4,不超过 10 MiB。"),
                Field("stage", "反映的阶段", Kind.CHOICE, choices=STAGES),
            ),
            roles=WORKERS,
            of="tasks",
            phases=WORKED_ON,
            button="上传",
            done="佐证已提交。",
            fits=works_on,
        ),
        "completion": Form(
            "/v1/tasks/{id}/completion",
            "报办结",
            (Field("report", "办理结果"),),
            roles=OFFICER,
            of="tasks",
            phases=frozenset({Status.CLAIMED}),
            hint="报送后由牵头领导核实。",
            done="任务已报办结,待核实。",
            fits=is_lead,
        ),
        "vote": Form(
            "/v1/tasks/{id}/votes",
            "登记业主表决",
            (
                Field("passed", "表决通过", Kind.YES_NO),
                Field("in_favour", "同意(户)", Kind.NUMBER),
                Field("against", "反对(户)", Kind.NUMBER),
                Field("entitled", "有权表决(户)", Kind.NUMBER),
                Field("voted_on", "表决日期", Kind.DAY),
                Field("digest", "表决结果的佐证", Kind.CHOICE, choices=evidence_of, hint="请先上传表决结果。"),
            ),
            roles=WORKERS,
            of="tasks",
            phases=WORKED_ON,
            done="表决已登记。",
            fits=awaits_vote,
        ),
        "objection": Form(
            "/v1/tasks/{id}/objection",
            "提出异议(退单)",
            (REASON, Field("basis", "依据", hint="法律、法规、规章或“三定”等职责规定。")),
            roles=OFFICER,
            of="tasks",
            phases=frozenset({Status.OFFERED, Status.CLAIMED}),
            hint="裁定前仍由首接单位负责。认领后不再受理异议;被指派的,可在认领期限内提出。",
            done="异议已提出。",
            fits=is_claimant,
        ),
        "transfer": Form(
            "/v1/tasks/{id}/transfer",
            "移交其他单位",
            (UNIT, REASON),
            roles=OFFICER,
            of="tasks",
            phases=frozenset({Status.OFFERED, Status.CLAIMED}),
            hint="对方认领前,仍由本单位负责。",
            done="已请对方接办。",
            fits=is_lead,
        ),
        "confirmation": Form(
            "/v1/tasks/{id}/confirmation",
            "核实销号",
            roles=OFFICIAL,
            of="tasks",
            phases=frozenset({Status.COMPLETED}),
            done="任务已销号。",
        ),
        "return": Form(
            "/v1/tasks/{id}/return",
            "退回重办",
            (REASON,),
            roles=OFFICIAL,
            of="tasks",
            phases=frozenset({Status.COMPLETED}),
            done="任务已退回。",
        ),
        "mandate": Form(
            "/v1/tasks/{id}/mandate",
            "指派承办单位",
            (UNIT, REASON),
            roles=OFFICER | OFFICIAL,
            of="tasks",
            phases=frozenset({Status.OFFERED, Status.OBJECTED, Status.UNCLAIMED}),
            hint="单位有分管领导的,由分管领导签发;再次异议的,由共同上级裁定。",
            done="任务已指派。",
            template="mandate.html",
            besides=why_disputed,
            fits=decides,
        ),
    }
)

# The board


class Card(NamedTuple):
    """``days``: until it is due, negative when it is over; None where no clock runs."""

    task: Mapping[str, Any]
    topic: str
    due: date
    days: int | None
    leads: bool

    @property
    def late(self) -> bool:
        return self.days is not None and self.days < 0


def card(task: Mapping[str, Any], petition: Mapping[str, Any], unit: str, now: datetime) -> Card:
    due, days = date.fromisoformat(task["due_on"]), None
    if task["clock"]:
        due = local_day(datetime.fromisoformat(task["clock"]["due_at"]) - A_MOMENT)
        days = None if petition.get("suspended") else (due - local_day(now)).days
    topic = petition.get("public_topic") or petition.get("topic") or ""
    return Card(task, topic, due, days, (task["transfer_to"] or task["lead_unit_id"]) == unit)


@router.get("/board")
async def board(browser: Browsing, unit: UUID | None = None, cursor: str = "") -> HTMLResponse:
    """The reader's own unit's, or, for those who watch over all, the one that they ask for."""
    browser.must_sign_in()
    whose = unit or (browser.identity and browser.identity.org) or UUID(int=0)
    path = f"/v1/units/{whose}/tasks"
    *running, over, known = await asyncio.gather(
        *(browser.get(path, status=statuses, limit=MOST) for _, statuses in COLUMNS[:-1]),
        browser.get(path, status=COLUMNS[-1][1], latest_first=True, limit=CLOSED, cursor=cursor),
        names(browser, str(whose)),
    )
    pages = [*running, over]
    matters = list({task["petition_id"] for page in pages for task in page["items"]})
    petitions = (await browser.get("/v1/petitions", id=matters, limit=200))["items"] if matters else []
    about = {petition["id"]: petition for petition in petitions}
    columns = [
        (
            label,
            [card(task, about.get(task["petition_id"], {}), str(whose), browser.now) for task in page["items"]],
            page,
        )
        for (label, _), page in zip(COLUMNS, pages, strict=True)
    ]
    fragment = "HX-Request" in browser.request.headers
    return browser.page(
        "board_body.html" if fragment else "board.html",
        columns=columns,
        late=sum(card.late for _, cards, _ in columns for card in cards),
        unit=whose,
        name=known.get(str(whose), ""),
    )


@router.get("/board/live")
async def board_live(browser: Browsing) -> StreamingResponse:
    return await rings(browser)


# A task


@router.get("/tasks/{task_id}")
async def task_page(task_id: UUID, browser: Browsing) -> HTMLResponse:
    task = await browser.get(f"/v1/tasks/{task_id}")
    path = f"/v1/petitions/{task['petition_id']}"
    petition, clocks, told = await asyncio.gather(
        browser.get(path), browser.get(f"{path}/clocks"), browser.every(f"{path}/history")
    )
    told = [entry for entry in told if entry["subject_id"] == str(task_id)]
    units = (task["lead_unit_id"], *task["supporting_unit_ids"], task["transfer_to"], task["superior_id"])
    known = await names(browser, *units, petition["host_id"], *petition["called_post_ids"], *story.ids(told))
    texts = {entry["position"]: entry["texts"] for entry in told}
    said = story.story(told, petition, known, browser.language).told
    fragment = "HX-Request" in browser.request.headers
    return browser.page(
        "task_body.html" if fragment else "task.html",
        task=task,
        petition=petition,
        card=card(task, petition, "", browser.now),
        clock=next((clock for clock in clocks if clock["subject_id"] == str(task_id)), None),
        told=[(entry, texts[entry.position]) for entry in reversed(said)],
        names=known,
        offers=offers(browser, task, petition, told),
        concerned=petition["topic"] is not None,
    )


def offers(
    browser: Browser, task: Mapping[str, Any], petition: Mapping[str, Any], told: Sequence[Mapping[str, Any]]
) -> Sequence[str]:
    """Only the petition's host hands in evidence; only the post that leads verifies; what was claimed freely is not
    objected to."""
    found, who = offered(browser, "tasks", task["status"], task), browser.identity
    if who and who.role == Role.HOST_STAFF and petition["host_id"] != str(who.org):
        return []
    if who and who.role == Role.OFFICIAL and petition["called_post_ids"][0] != str(who.org):
        return [name for name in found if name == "mandate" and petition["topic"] is not None]
    taken = [entry["type"] for entry in told if entry["type"] in ("task.Claimed", "task.Mandated")]
    if task["status"] == Status.CLAIMED and taken[-1:] != ["task.Mandated"]:
        return [name for name in found if name != "objection"]
    return found


@router.get("/tasks/{task_id}/live")
async def live(task_id: UUID, browser: Browsing) -> StreamingResponse:
    task = await browser.get(f"/v1/tasks/{task_id}")
    return await rings(browser, UUID(task["petition_id"]))


@router.get("/tasks/{task_id}/evidence/{digest}")
async def evidence(task_id: UUID, digest: str, browser: Browsing) -> Response:
    """To be saved, never shown in place."""
    return await browser.file(f"/v1/tasks/{task_id}/evidence/{digest}")
