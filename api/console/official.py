"""The called official: acknowledge, plan, answer, and what their post has to its name."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from api.console.browser import Browser, Browsing
from api.console.forms import AT_THE_DESK, Choices, Field, Form, Kind, Rows, declare, from_directory
from api.console.public import names
from domain.command import Role
from domain.petition.words import UNDER_WAY, Answer, Phase
from infra.identity import Identity

router = APIRouter()

OFFICIAL = frozenset({Role.OFFICIAL})


def leads(petition: Mapping[str, Any], who: Identity) -> bool:
    return bool(petition["called_post_ids"][0] == str(who.org))


# The roadmap

UNITS = from_directory("units")
TASKS = Rows(
    "tasks",
    "任务",
    (
        Field("task_id", "", Kind.HIDDEN),
        Field("title", "任务内容", Kind.LINE),
        Field("lead_unit_id", "主办单位", Kind.CHOICE, choices=UNITS),
        Field("due_on", "完成期限", Kind.DAY),
        Field("supporting_unit_ids", "协办单位", Kind.SEVERAL, required=False, choices=UNITS),
        Field("cost_fen", "经费(元)", Kind.YUAN, required=False),
        Field("money_source", "经费来源", Kind.LINE, required=False),
        Field("vote_needed", "须经业主表决", Kind.TICK, required=False),
    ),
)


def row(task: Mapping[str, Any]) -> dict[str, Any]:
    """Of a roadmap, as its fields show it."""
    cost = task.get("cost_fen")
    values = {
        "task_id": task.get("task_id") or task.get("id") or "",
        "title": task["title"],
        "lead_unit_id": task["lead_unit_id"],
        "due_on": task["due_on"],
        "supporting_unit_ids": task["supporting_unit_ids"],
        "cost_fen": "" if cost is None else f"{cost // 100}.{cost % 100:02}".removesuffix(".00"),
        "money_source": task.get("money_source") or "",
    }
    return values | ({"vote_needed": "yes"} if task.get("vote_needed") else {})


async def promised(browser: Browser, petition_id: UUID) -> dict[str, Any]:
    """The commitments of the meeting's minutes, to begin with."""
    draft = await browser.get(f"/v1/petitions/{petition_id}/roadmap/draft")
    return TASKS.filled(map(row, draft["tasks"]))


async def planned(browser: Browser, petition_id: UUID) -> dict[str, Any]:
    """The roadmap as it stands."""
    petition = await browser.get(f"/v1/petitions/{petition_id}")
    tasks = [task for task in petition["tasks"] if task["round"] == petition["round"] and task["status"] != "dropped"]
    return TASKS.filled(map(row, tasks))


# Answers

INTERIM = "interim"
ANSWER = (
    Field(
        "outcome",
        "答复类型",
        Kind.CHOICE,
        choices=(
            (INTERIM, "阶段性答复"),
            (Answer.DONE, "答复意见:已办结"),
            (Answer.PLANNED, "答复意见:列入计划"),
            (Answer.EXPLAINED, "答复意见:解释说明"),
        ),
        hint="“已办结”须全部任务已核实销号。",
    ),
    Field("text", "答复内容", rows=10),
    Field("due_on", "承诺完成日期", Kind.DAY, required=False, hint="只在“列入计划”时填写。"),
)


def answer(typed: FormData) -> dict[str, Any]:
    read = {field.name: value for field in ANSWER if (value := field.read(typed)) is not None}
    return read | {"interim": True, "outcome": None} if read.get("outcome") == INTERIM else read


async def drafted(browser: Browser, reply_id: UUID) -> dict[str, Any]:
    reply = await browser.get(f"/v1/replies/{reply_id}")
    return {"outcome": reply["outcome"] or INTERIM, "text": reply["text"], "due_on": reply["due_on"] or ""}


# The meeting


async def of_the_same_rank(browser: Browser, petition_id: UUID) -> Choices:
    """The posts that may come in one's place."""
    petition, posts = await asyncio.gather(browser.get(f"/v1/petitions/{petition_id}"), browser.every("/v1/posts"))
    own = browser.identity and str(browser.identity.org)
    rank = next((post["kind"] for post in posts if post["id"] == own), None)
    return [
        (post["id"], post["name"])
        for post in posts
        if post["kind"] == rank and post["id"] not in petition["called_post_ids"]
    ]


def may_delegate(petition: Mapping[str, Any], who: Identity) -> bool:
    return str(who.org) in petition["called_post_ids"] and str(who.org) not in petition["delegates"]


REASON = Field("reason", "理由")

declare(
    {
        "acknowledgement": Form(
            "/v1/petitions/{id}/acknowledgement",
            "签收",
            roles=OFFICIAL,
            phases=UNDER_WAY,
            done="已签收。",
            fits=lambda petition, who: (
                str(who.org) in petition["called_post_ids"] and str(who.org) not in petition["acknowledged"]
            ),
        ),
        "roadmap": Form(
            "/v1/petitions/{id}/roadmap",
            "公布时间表、路线图",
            roles=OFFICIAL,
            phases=frozenset({Phase.ROADMAP}),
            method="PUT",
            hint="已按会议记录中的承诺列出,可增删修改。空白的行不计。公布后即向主办单位交办。",
            button="公布",
            done="路线图已公布。",
            begin=promised,
            rows=TASKS,
            fits=leads,
        ),
        "roadmap-revision": Form(
            "/v1/petitions/{id}/roadmap",
            "调整路线图",
            (Field("reason", "调整理由", rows=2),),
            roles=OFFICIAL,
            phases=frozenset({Phase.IN_PROGRESS}),
            method="PUT",
            hint="删去的任务即撤销;新增的行作为新任务交办。",
            button="公布调整",
            done="路线图已调整。",
            begin=planned,
            # Without a reason it would be a first roadmap.
            body=lambda typed: {"tasks": TASKS.read(typed), "reason": str(typed.get("reason", ""))},
            rows=TASKS,
            fits=leads,
        ),
        "response": Form(
            "/v1/petitions/{id}/response",
            "作出答复",
            ANSWER,
            roles=OFFICIAL,
            phases=UNDER_WAY,
            hint="提交即为正式答复,须由在任领导本人作出;办公室人员请用“起草答复”。",
            button="答复",
            done="答复已作出。",
            body=answer,
            fits=leads,
        ),
        "reply": Form(
            "/v1/petitions/{id}/replies",
            "起草答复",
            ANSWER,
            roles=OFFICIAL,
            phases=UNDER_WAY,
            hint="答复稿只有本职务办公室看得到,由在任领导签发。",
            button="保存答复稿",
            done="答复稿已保存,待签发。",
            body=answer,
            goes_to="/replies/{id}",
            fits=leads,
        ),
        "reply-revision": Form(
            "/v1/replies/{id}/revision",
            "修改答复稿",
            ANSWER,
            of="replies",
            roles=OFFICIAL,
            button="保存答复稿",
            done="答复稿已修改。",
            begin=drafted,
            body=answer,
        ),
        "sign-off": Form("/v1/replies/{id}/sign-off", "签发", of="replies", roles=OFFICIAL, done="答复已签发。"),
        "discarding": Form("/v1/replies/{id}/discarding", "作废", of="replies", roles=OFFICIAL, done="答复稿已作废。"),
        "delegation": Form(
            "/v1/petitions/{id}/delegation",
            "委托同级领导出席",
            (Field("delegate_id", "受委托人", Kind.CHOICE, choices=of_the_same_rank),),
            roles=OFFICIAL,
            phases=frozenset({Phase.ACCEPTED, Phase.MEETING}),
            hint="只能委托一次,只代为出席会议;答复仍由本人作出。",
            done="已委托。",
            fits=may_delegate,
        ),
        "extension": Form(
            "/v1/petitions/{id}/extension",
            "申请延期",
            (Field("days", "延长天数", Kind.NUMBER), REASON),
            roles=OFFICIAL,
            phases=UNDER_WAY,
            hint="由上级领导或督查人员批准;批准后告知联名人。",
            done="延期已申请,待批准。",
            fits=leads,
        ),
        "suspension": Form(
            "/v1/petitions/{id}/suspension",
            "中止办理",
            (REASON,),
            roles=OFFICIAL,
            phases=UNDER_WAY,
            hint="中止期间各项期限停止计算,恢复后顺延。理由只有经办各方和联名人看得到。",
            done="已中止。",
            fits=lambda petition, who: leads(petition, who) and not petition["suspended"],
        ),
        "resumption": Form(
            "/v1/petitions/{id}/resumption",
            "恢复办理",
            roles=OFFICIAL,
            phases=UNDER_WAY,
            done="已恢复办理。",
            fits=lambda petition, who: leads(petition, who) and bool(petition["suspended"]),
        ),
        "delivery": Form(
            "/v1/petitions/{id}/delivery",
            "报告承诺兑现",
            (Field("report", "兑现情况"),),
            roles=OFFICIAL,
            phases=frozenset({Phase.TRACKING}),
            hint="报告后请联名人再次评价。",
            done="已报告,将请联名人评价。",
            fits=leads,
        ),
        "supervision-answer": Form(
            "/v1/petitions/{id}/supervision-orders/answer",
            "回复督办",
            (Field("report", "落实情况"),),
            roles=OFFICIAL,
            phases=AT_THE_DESK,
            done="督办已回复。",
        ),
    }
)

# Drafts, and the record


@router.get("/replies/{reply_id}")
async def reply_page(reply_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    reply = await browser.get(f"/v1/replies/{reply_id}")
    petition = await browser.get(f"/v1/petitions/{reply['petition_id']}")
    return browser.page("reply.html", reply=reply, petition=petition)


@router.get("/record")
async def record(browser: Browsing, cursor: str = "") -> HTMLResponse:
    """What became of the petitions that one's post was called for. Against nobody else."""
    browser.must_sign_in()
    post = str((browser.identity and browser.identity.org) or UUID(int=0))
    rows, figures = await asyncio.gather(
        browser.get("/v1/petitions", post_id=post, limit=20, cursor=cursor), browser.get("/v1/statistics", by="post")
    )
    known = await names(browser, post, *(row["host_id"] for row in rows["items"]))
    return browser.page(
        "record.html",
        rows=rows["items"],
        following=rows["next"],
        figures=next((group for group in figures["groups"] if group["key"] == post), None),
        post=post,
        names=known,
        now=browser.now,
    )
