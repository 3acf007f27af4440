"""The page of a called meeting: when, where, who, about what, what came of it; and the forms of those who hold it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.console.browser import ApiProblem, Browser, Browsing
from api.console.forms import Choices, Field, Form, Kind, Rows, Typed, declare, from_directory, offered, show
from api.console.public import names
from api.console.words import moment
from domain.calendar import CHINA
from domain.command import Role
from domain.meeting import DOORS_OPEN
from domain.petition.words import Phase
from infra.identity import Identity

router = APIRouter()

HOST = frozenset({Role.HOST_STAFF})
ARRANGING = frozenset({Role.HOST_STAFF, Role.OFFICIAL})
OFFICIALS = frozenset({Role.OFFICIAL})

# How far a meeting is: on the day its doors are opened, it begins, it is held; then its minutes are closed.
AHEAD, OPEN, BEGUN, HELD = "ahead", "open", "begun", "held"
BEFORE = frozenset({AHEAD, OPEN, BEGUN})


def stage(meeting: Mapping[str, Any], now: datetime) -> str:
    if meeting["status"] != "scheduled":
        closed = meeting["minutes_status"] not in (None, "draft")
        return "closed" if closed else str(meeting["status"])
    starts_at = datetime.fromisoformat(meeting["starts_at"])
    return BEGUN if now >= starts_at else OPEN if now >= starts_at - DOORS_OPEN else AHEAD


async def called(browser: Browser, meeting_id: UUID) -> Choices:
    """The called posts, and those that come in their place."""
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    ids = called_now(meeting)
    known = await names(browser, *ids)
    return [(id, known[id]) for id in ids]


def called_now(meeting: Mapping[str, Any]) -> list[str]:
    return [row["org"] for row in meeting["invited"] if row["role"] == Role.OFFICIAL]


async def objections(browser: Browser, meeting_id: UUID) -> Choices:
    """Of other residents, and not on the agenda yet."""
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    return [(row["id"], row["text"]) for row in open_objections(meeting)]


def open_objections(meeting: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    taken = {item["objection_id"] for item in meeting["agenda"]}
    return [row for row in meeting["objections"] if row["id"] not in taken]


async def as_it_stands(browser: Browser, meeting_id: UUID) -> Mapping[str, Any]:
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    return {name: meeting[name] for name in ("starts_at", "venue")} | {"starts_at": _typed(meeting["starts_at"])}


def _typed(at: str) -> str:
    """As a browser's field shows a moment."""
    return datetime.fromisoformat(at).astimezone(CHINA).strftime("%Y-%m-%dT%H:%M")


async def free_times(browser: Browser, petition_id: UUID) -> Choices:
    times = await browser.get(f"/v1/petitions/{petition_id}/meeting-times")
    return [(_typed(at), moment(at)) for at in times]


async def soonest(browser: Browser, petition_id: UUID) -> Mapping[str, Any]:
    free = await free_times(browser, petition_id)
    return {"starts_at": free[0][0]} if free else {}


async def those_counted(browser: Browser, meeting_id: UUID) -> Mapping[str, Any]:
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    return {"post_ids": meeting["present"]["post_ids"]}


async def last_draft(browser: Browser, meeting_id: UUID) -> Mapping[str, Any]:
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    rows = COMMITMENTS.filled(meeting["commitments"])
    return {"minutes": meeting["minutes"] or "", "asked": meeting["corrections"], **rows}


COMMITMENTS = Rows(
    "commitments",
    "承诺事项",
    (
        Field("what", "内容", Kind.LINE),
        Field("unit_id", "承办单位", Kind.CHOICE, choices=from_directory("units")),
        Field("due_on", "完成日期", Kind.DAY),
    ),
)

WRITTEN = Field("minutes", "会议记录", rows=12)
STARTS_AT = Field("starts_at", "时间", Kind.MOMENT)
FREE = replace(STARTS_AT, choices=free_times, hint="列出的是各方都空闲的工作日时段,也可另填。")
VENUE = Field("venue", "地点", Kind.LINE)
POST = Field("post_id", "应约领导", Kind.CHOICE, choices=called)


def to_be_arranged(petition: Mapping[str, Any], who: Identity) -> bool:
    """By its host or a called post, one meeting at a time."""
    theirs = str(who.org) in (petition["host_id"], *petition["called_post_ids"])
    return theirs and all(meeting["status"] == "cancelled" for meeting in petition["meetings"])


declare(
    {
        "meeting": Form(
            "/v1/petitions/{id}/meetings",
            "安排约谈会议",
            (FREE, VENUE),
            roles=ARRANGING,
            phases=frozenset({Phase.ACCEPTED, Phase.MEETING}),
            fits=to_be_arranged,
            begin=soonest,
            hint="安排后即通知应约领导和全体联名人。",
            done="会议已安排,各方已获通知。",
            goes_to="/meetings/{id}",
        ),
        "agenda": Form(
            "/v1/meetings/{id}/agenda",
            "增加议题",
            (Field("text", "议题", rows=3),),
            roles=ARRANGING,
            of="meetings",
            phases=BEFORE,
            done="议题已列入。",
        ),
        "taking-up": Form(
            "/v1/meetings/{id}/agenda",
            "将居民异议列入议程",
            (Field("objection_id", "居民异议", Kind.CHOICE, choices=objections),),
            of="meetings",
            done="异议已列入议程。",
        ),
        "invitation": Form(
            "/v1/meetings/{id}/invitations",
            "邀请单位",
            (Field("unit_id", "单位", Kind.CHOICE, choices=from_directory("units")),),
            roles=ARRANGING,
            of="meetings",
            phases=BEFORE,
            hint="社区、应约领导和全体联名人已在邀请之列,不必另邀。",
            done="单位已邀请。",
        ),
        "rescheduling": Form(
            "/v1/meetings/{id}/rescheduling",
            "改期",
            (STARTS_AT, VENUE, Field("reason", "改期理由", rows=3)),
            roles=ARRANGING,
            of="meetings",
            phases=BEFORE,
            begin=as_it_stands,
            hint="改期次数对外公开。",
            done="会议已改期,各方已获通知。",
        ),
        "cancellation": Form(
            "/v1/meetings/{id}/cancellation",
            "取消会议",
            (Field("reason", "取消理由", rows=3),),
            roles=ARRANGING,
            of="meetings",
            phases=BEFORE,
            hint="取消后须另行安排;召开会议的期限不变。",
            done="会议已取消。",
        ),
        "attendance": Form(
            "/v1/meetings/{id}/attendance",
            "登记到会人数",
            (
                Field("post_ids", "到会领导", Kind.SEVERAL, required=False, choices=called),
                Field("representatives", "未扫码的群众代表人数", Kind.NUMBER, required=False),
                Field("residents", "未扫码的其他居民人数", Kind.NUMBER, required=False),
            ),
            roles=HOST,
            of="meetings",
            phases=frozenset({OPEN, BEGUN, HELD}),
            begin=those_counted,
            hint="只记人数,不记姓名。再次登记时,以最后一次填写的人数为准,留空记为零。",
            done="到会人数已登记。",
        ),
        "door": Form(
            "/v1/meetings/{id}/attendance",
            "签到",
            (Field("token", "签到码", Kind.LINE),),
            of="meetings",
            done="签到成功。",
            template="door.html",
        ),
        "calendar-feed": Form(
            "/v1/calendar-feeds",
            "获取日历订阅地址",
            of="meetings",
            shows="calendar_feed.html",
        ),
        "no-show": Form(
            "/v1/meetings/{id}/no-shows",
            "登记领导未到会",
            (POST,),
            roles=HOST,
            of="meetings",
            phases=frozenset({BEGUN, HELD}),
            hint="本人及受托同级领导均未到会的,如实登记;登记内容对外公开。",
            done="未到会情况已登记。",
        ),
        "minutes": Form(
            "/v1/meetings/{id}/minutes",
            "会议已召开,填写记录",
            (WRITTEN,),
            roles=ARRANGING,
            of="meetings",
            phases=frozenset({BEGUN}),
            hint="记录须经应约领导和过半数群众代表确认。承诺事项逐项填写,即为路线图初稿。",
            done="会议已召开,记录待双方确认。",
            rows=COMMITMENTS,
            template="minutes.html",
        ),
        "minutes-again": Form(
            "/v1/meetings/{id}/minutes",
            "修改会议记录",
            (WRITTEN,),
            roles=ARRANGING,
            of="meetings",
            phases=frozenset({HELD}),
            method="PUT",
            hint="修改后须重新确认。",
            done="新稿已形成,待双方确认。",
            begin=last_draft,
            rows=COMMITMENTS,
            template="minutes.html",
        ),
        "correction": Form(
            "/v1/meetings/{id}/corrections",
            "更正会议记录",
            (Field("text", "应更正为"),),
            roles=OFFICIALS,
            of="meetings",
            phases=frozenset({HELD}),
            hint="到会人员可以提出;由社区核改后重新确认。",
            done="更正意见已提交社区。",
        ),
        "minutes-confirmation": Form(
            "/v1/meetings/{id}/confirmation",
            "确认会议记录",
            roles=OFFICIALS,
            of="meetings",
            phases=frozenset({HELD}),
            done="会议记录已由您方确认。",
        ),
    }
)

TICKET = "ticket"  # no form, but a page
RESIDENTS = {
    "objection": "my-objection",
    "agenda": "my-agenda",
    "correction": "my-correction",
    "confirmation": "my-confirmation",
    "ticket": TICKET,
}


@router.get("/meetings/{meeting_id}")
async def meeting_page(meeting_id: UUID, browser: Browsing) -> HTMLResponse:
    meeting = await browser.get(f"/v1/meetings/{meeting_id}")
    petition = await browser.get(f"/v1/petitions/{meeting['petition_id']}")
    at = stage(meeting, browser.now)
    orgs = [*(row["org"] for row in meeting["invited"]), *(row["unit_id"] for row in meeting["commitments"])]
    known, offers, briefed = await asyncio.gather(
        names(browser, *orgs, *meeting["no_shows"], *meeting["present"]["post_ids"]),
        offers_to(browser, meeting, at),
        _may_read_brief(browser, meeting),
    )
    fragment = "HX-Request" in browser.request.headers
    return browser.page(
        "meeting_body.html" if fragment else "meeting.html",
        meeting=meeting,
        petition=petition,
        names=known,
        stage=at,
        offers=[name for name in offers if name != TICKET],
        invited=TICKET in offers or bool(browser.identity and str(browser.identity.org) in called_now(meeting)),
        briefed=briefed,
        objections=open_objections(meeting),
    )


@router.get("/meetings/{meeting_id}/brief")
async def brief(meeting_id: UUID, browser: Browsing) -> Response:
    """To be printed."""
    browser.must_sign_in()
    return await browser.file(f"/v1/meetings/{meeting_id}/brief.html")


@router.get("/meetings/{meeting_id}/door")
async def door(meeting_id: UUID, browser: Browsing) -> HTMLResponse:
    """For a phone or a tablet at the door: numbers, and never a name."""
    browser.must_sign_in()
    return await show(browser, "door", meeting_id, Typed())


@router.get("/meetings/{meeting_id}/ticket")
async def ticket(meeting_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    return browser.page("ticket.html", ticket=await browser.get(f"/v1/meetings/{meeting_id}/ticket"), id=meeting_id)


async def offers_to(browser: Browser, meeting: Mapping[str, Any], at: str) -> list[str]:
    """The API says which are a resident's: who did not sign may object, who speaks for the others has a say."""
    if browser.identity and browser.identity.role == Role.RESIDENT:
        mine = await browser.get(f"/v1/petitions/{meeting['petition_id']}/mine")
        may = [offer["step"] for offer in mine["may"] if offer["id"] == meeting["id"]]
        return [RESIDENTS.get(step, step) for step in may]
    return offered(browser, "meetings", at) if meeting["venue"] is not None else []


async def _may_read_brief(browser: Browser, meeting: Mapping[str, Any]) -> bool:
    """It is due, and for this reader."""
    if browser.identity is None or browser.identity.role == Role.RESIDENT or meeting["status"] != "scheduled":
        return False
    try:
        await browser.get(f"/v1/meetings/{meeting['id']}/brief")
    except ApiProblem:
        return False
    return True
