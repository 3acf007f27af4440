"""Two pages for the called leader, 48 hours before the meeting: put together from what is known, by nobody's hand."""

from datetime import datetime
from html import escape
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.deps import Known, Services, Serving, caught_up, viewer
from api.meetings import AgendaRow
from api.openapi import PRIVATE_READ, problems
from api.pages import WATCHERS, petition_row, readable, require_role
from api.problems import Problem
from api.schemas import MEETING_ID, PETITION_ID, ClockState
from domain.calendar import CHINA, beijing
from domain.command import Role
from domain.meeting import Meeting, Status
from domain.petition import Petition
from domain.refusals import Conflict, Forbidden
from infra import policies
from infra.identity import Identity
from projections import board, similar, timeline

router = APIRouter(prefix="/v1/meetings", tags=["meetings"])

EARLIER = 3  # similar petitions


class EarlierPetition(BaseModel):
    """About something similar, and closed; as the public reads of it."""

    id: UUID
    topic: str | None
    outcome: str = Field(examples=["resolved"])
    closed_at: datetime


class Brief(BaseModel):
    meeting_id: UUID = Field(examples=[MEETING_ID])
    petition_id: UUID = Field(examples=[PETITION_ID])
    starts_at: datetime
    venue: str
    rescheduled: int
    category: str
    topic: str
    details: str
    signatures: int
    threshold: int
    host_opinion: str | None
    agenda: list[AgendaRow]
    objections: list[str] = Field(description="Of residents who did not sign, and not on the agenda yet.")
    clocks: list[ClockState]
    earlier: list[EarlierPetition]


READ_BRIEF = PRIVATE_READ | problems(409)
CAUGHT_UP = [caught_up("board", "timeline", similar.READ_MODEL.name)]


@router.get("/{meeting_id}/brief", responses=READ_BRIEF, dependencies=CAUGHT_UP)
async def read_brief(meeting_id: UUID, request: Request, services: Serving, identity: Known) -> Brief:
    """For the called posts, their delegates and those who watch, from 48 hours before the meeting on."""
    return await _brief(meeting_id, services, identity, request.app.state.now())


@router.get("/{meeting_id}/brief.html", responses=READ_BRIEF, dependencies=CAUGHT_UP, response_class=Response)
async def print_brief(meeting_id: UUID, request: Request, services: Serving, identity: Known) -> Response:
    """To be printed: two pages of A4 at most."""
    brief = await _brief(meeting_id, services, identity, request.app.state.now())
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(printed(brief), media_type="text/html; charset=utf-8", headers=headers)


async def _brief(meeting_id: UUID, services: Services, identity: Identity, now: datetime) -> Brief:
    meeting = await services.repository.get(Meeting, meeting_id)
    page = await petition_row(services, identity, meeting.matter_id)
    require_role(identity, Role.OFFICIAL, *WATCHERS)
    if identity.role == Role.OFFICIAL and identity.org not in (*page["called_post_ids"], *page["delegates"].values()):
        raise Forbidden("forbidden", "只有应约领导可以查看简报。", "The brief is for the called leaders.")
    if meeting.status == Status.CANCELLED:
        raise Conflict("wrong-status", "此会议已取消。", "The meeting is cancelled.")
    petition = await services.repository.get(Petition, meeting.matter_id)
    began = min(petition.clocks.values(), key=lambda clock: clock.started_at, default=None)
    policy = await policies.of(services.repository, began, services.policy) if began else services.policy
    if now < (due_at := policy.before("brief", meeting.starts_at)):
        raise Problem(
            409, "brief-not-due", f"简报自 {beijing(due_at)} 起提供。", f"The brief is there from {due_at} on."
        )
    opinion = await timeline.host_opinion(services.pool, petition.id)
    on_agenda = {str(item.objection_id) for item in meeting.agenda}
    (row,) = await readable(
        services.keyring,
        [
            {
                "meeting_id": meeting.id,
                "petition_id": petition.id,
                "starts_at": meeting.starts_at,
                "venue": meeting.venue,
                "rescheduled": meeting.rescheduled,
                **{name: page[name] for name in ("category", "topic", "details", "signatures", "threshold", "clocks")},
                "host_opinion": opinion,
                "agenda": [vars(item) for item in meeting.agenda],
                "objections": [objection.text for id, objection in meeting.objections.items() if id not in on_agenda],
            }
        ],
    )
    return Brief(**row, earlier=await _earlier(services, identity, petition.id, [row["topic"], row["details"]]))


async def _earlier(
    services: Services, identity: Identity, petition_id: UUID, texts: list[str]
) -> list[EarlierPetition]:
    found = await similar.similar(services.pool, services.keyring, texts, public=True, but=petition_id)
    rows, _ = await board.petitions(services.pool, viewer(services, identity), ids=list(found), limit=len(found) or 1)
    closed = [row for row in rows if row["public"] and row["outcome"]]
    closed.sort(key=lambda row: -found[row["id"]])
    return [
        EarlierPetition(id=row["id"], topic=row["public_topic"], outcome=row["outcome"], closed_at=row["changed_at"])
        for row in closed[:EARLIER]
    ]


# On paper: what is long is cut, so that it stays at two pages.

OUTCOMES = {"resolved": "已解决", "unresolved": "未解决", "not_judged": "未评价"}
RULES = {"meeting": "召开约谈会", "response": "答复", "acknowledgement": "应约签收", "urgent": "紧急首次答复"}
STYLE = """@page { size: A4; margin: 15mm 18mm }
body { font: 10pt/1.25 "Noto Serif CJK SC", SimSun, serif; margin: 0 }
h1 { font-size: 14pt; text-align: center; margin: 0 0 2mm } h2 { font-size: 10.5pt; margin: 2mm 0 0 }
p, ol { margin: 0; overflow-wrap: anywhere } ol { padding-left: 6mm }"""


def printed(brief: Brief) -> str:
    agenda = [_cut(item.text, 50) + (" [居民异议]" if item.objection_id else "") for item in brief.agenda]
    clocks = [f"{RULES.get(c.rule, c.rule)}:{_moment(c.due_at)}前" for c in brief.clocks]
    moved = f"(已改期 {brief.rescheduled} 次)" if brief.rescheduled else ""
    earlier = [f"{_cut(p.topic or '', 30)}:{OUTCOMES[p.outcome]}" for p in brief.earlier]
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>点题约谈会议简报</title><style>{STYLE}</style>'
        '<meta name="viewport" content="width=device-width"><main><h1>点题约谈会议简报</h1>'
        f"<p>时间:{_moment(brief.starts_at)}{moved}<br>地点:{_cut(brief.venue, 60)}<br>"
        f"联名:{brief.signatures} 人(门槛 {brief.threshold} 人)</p>"
        + _section("题目", [_cut(brief.topic, 200)])
        + _section("内容", [_cut(brief.details, 600)])
        + _section("社区意见", [_cut(brief.host_opinion, 240)] if brief.host_opinion else ["未出具。"])
        + _list("议程", agenda, 8)
        + _list("未列入议程的居民异议", [_cut(text, 50) for text in brief.objections], 3)
        + _list("期限", clocks, 4)
        + _list("以往同类事项", earlier, EARLIER)
        + "</main></html>"
    )


def _section(title: str, paragraphs: list[str]) -> str:
    return f"<h2>{title}</h2>" + "".join(f"<p>{text}</p>" for text in paragraphs)


def _list(title: str, items: list[str], most: int) -> str:
    if not items:
        return ""
    rest = [f"另有 {len(items) - most} 项,见系统。"] if len(items) > most else []
    return f"<h2>{title}</h2><ol>" + "".join(f"<li>{text}</li>" for text in (*items[:most], *rest)) + "</ol>"


def _cut(text: str, most: int) -> str:
    """Lines count as well: a text may consist of nothing else."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = "\n".join(lines[: 1 + most // 60])[:most]
    return escape(kept).replace("\n", "<br>") + ("……" if len(kept) < len("\n".join(lines)) else "")


def _moment(at: datetime) -> str:
    local = at.astimezone(CHINA)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
