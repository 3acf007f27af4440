"""For auditors: any petition's history step by step, with the state after every event and what it changed."""

from asyncio import gather
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from api.clocks import RULES
from api.console.browser import ApiProblem, Browsing, see
from api.console.public import names
from api.console.words import CODES as COMMON
from api.console.words import chinese, english, instant, moment
from domain.calendar import CHINA
from domain.petition.words import Phase
from domain.wording import ZH

router = APIRouter(prefix="/audit")

KINDS = {"petition": "申请", "meeting": "约谈会议", "task": "任务", "extension": "延期申请", "proposal": "提议"}
FACTS = {
    "phase": "阶段",
    "status": "状态",
    "round": "轮次",
    "category": "类别",
    "topic": "题目",
    "public_topic": "公开题目",
    "title": "任务名称",
    "about": "事项",
    "host_id": "受理社区(合作社)",
    "called_post_ids": "应约领导",
    "acknowledged": "已签收的职务",
    "delegates": "受委托的职务",
    "signatures": "联名人数(至少)",
    "threshold": "联名人数要求",
    "urgent": "紧急",
    "suspended": "中止",
    "extended_days": "已延长天数",
    "roadmap_version": "路线图版次",
    "commitment_due_on": "承诺完成日期",
    "refilings": "重新提出次数",
    "referred_to": "转送单位",
    "merged_into": "并入的申请",
    "reviews": "复查复核次数",
    "supervision": "督办",
    "outcome": "评价结果",
    "starts_at": "会议时间",
    "venue": "会议地点",
    "rescheduled": "改期次数",
    "unit_ids": "受邀单位",
    "no_shows": "未到会的职务",
    "minutes_status": "会议记录",
    "post_id": "负责的职务",
    "to_post_id": "改由哪个职务",
    "lead_unit_id": "主办单位",
    "supporting_unit_ids": "协办单位",
    "transfer_to": "拟接办单位",
    "superior_id": "裁定的上级",
    "due_on": "完成期限",
    "percent": "进度(%)",
    "evidence": "佐证件数",
    "objections": "提出异议次数",
    "cost_fen": "经费(元)",
    "vote_needed": "须业主表决",
    "days": "申请天数",
}
ORGANISATIONS = {name for name in FACTS if name.endswith(("_id", "_ids"))} | {
    *("acknowledged", "delegates", "no_shows", "referred_to", "transfer_to")
}
CODES = {
    "supervision": {"ordered": "已督办", "answered": "已回复督办"},
    "minutes_status": {"draft": "草稿", "confirmed": "双方已确认", "unconfirmed": "逾期未确认"},
    "status": {
        "asked": "待批准",
        "approved": "已批准",
        "refused": "未批准",
        "open": "征求意见中",
        "agreed": "已同意",
        "declined": "未同意",
    },
    "about": {"waiver": "免开会议", "reassignment": "调整应约领导"},
}
FLAGS = {
    "evidence_reused": "佐证重复使用",
    "circling": "任务反复流转",
    "back_to_objector": "退回提出异议的单位",
    "eve": "期限前夕办理",
    "quick_confirmation": "完成后即核实",
    "staff_entered": "集中代为登记联名",
    "extension_again": "多次申请延期",
}
RULED = {
    "began": "开始计时",
    "moved": "期限变更",
    "met": "按期完成",
    "late": "逾期完成",
    "missed": "逾期",
    "ended": "停止计时",
}
DAYS = 90  # on the plot of a district
NOBODY = {"workflow": "系统按规则自动办理"}

SAID = ("这一步改变了什么", "其间改变了什么", "无", "是", "否", "至", "政策版本", "期限")  # by ``teller``


def words() -> Iterator[str]:
    """All that these pages say beside their templates."""
    for said in (KINDS, FACTS, FLAGS, NOBODY, RULES, RULED):
        yield from said.values()
    yield from SAID
    for codes in CODES.values():
        yield from codes.values()


Fact = tuple[str, str, str]  # what it is called, before, after


@router.get("/petitions/{petition_id}")
async def replayed(
    petition_id: UUID, browser: Browsing, event: int = 1, at: int | None = None, since: int | None = None
) -> HTMLResponse:
    """``event``: which of its events, from 1; or ``at`` which place in the log, as flags name it. ``since``: the event
    that it is compared with, 0 for the beginning; without it, the one before."""
    browser.must_sign_in()
    path = f"/v1/petitions/{petition_id}"
    events = await browser.every(f"{path}/history")
    nth = max(1, min(event, len(events)))
    if at is not None:
        nth = next((n for n, entry in enumerate(events, 1) if entry["position"] >= at), len(events))
    since = None if since is None else max(0, min(since, nth))
    compared = {} if since is None else {"since": events[since - 1]["position"] if since else 0}
    shown = await browser.get(f"{path}/history/{events[nth - 1]['position']}", **compared)
    flags, known = await gather(browser.get("/v1/flags", petition_id=str(petition_id)), names(browser, *ids_in(shown)))
    parts = {part["id"]: part for part in shown["state"]}
    return browser.page(
        "audit_moment.html" if "HX-Request" in browser.request.headers else "audit_petition.html",
        petition=parts[str(petition_id)],
        events=events,
        event=shown,
        subject=parts[shown["subject_id"]],
        names=known,
        places={entry["position"]: n for n, entry in enumerate(events, 1)},
        since=since,
        heading="这一步改变了什么" if since is None else "其间改变了什么",
        **in_words(browser, shown, known),
        opened=shown["subject_id"],
        rules=RULES,
        ruled=RULED,
        flags=flags["items"],
        sorts=FLAGS,
        nobody=NOBODY,
    )


@router.get("/petitions/{petition_id}/between")
async def between(
    petition_id: UUID, browser: Browsing, to: str, first: Annotated[str, Query(alias="from")] = ""
) -> HTMLResponse:
    """What differs between two moments, as a browser writes them: the time in China. Without a first one, since the
    beginning."""
    browser.must_sign_in()
    moments = {"as_of": instant(to), "since_as_of": instant(first) if first else ""}
    shown = await browser.get(f"/v1/petitions/{petition_id}/state", **moments)
    return browser.page(
        "audit_between.html",
        petition=next(part for part in shown["state"] if part["id"] == str(petition_id)),
        heading="其间改变了什么",
        **in_words(browser, shown, await names(browser, *ids_in(shown))),
        opened=str(petition_id),
        first=first,
        last=to,
    )


def in_words(browser: Browsing, shown: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Changes and state, as both pages tell them."""
    tell = teller(browser.language, known)
    parts = {part["id"]: part for part in shown["state"]}
    return {
        "changes": [(parts[id], list(facts)) for id, facts in grouped(shown["changes"], tell)],
        "state": [(part, list(standing(part, tell))) for part in shown["state"]],
        "kinds": KINDS,
    }


def ids_in(value: Any) -> Iterator[str]:
    """Whatever may be the id of an organisation."""
    if isinstance(value, dict):
        value = [*value.values(), *value.keys()]
    if isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from ids_in(item)


Teller = Callable[[str, Any], tuple[str, str]]


def teller(language: str, known: Mapping[str, str]) -> Teller:
    """Answers what a fact is called and how its value reads."""
    words = english if language == "en" else chinese

    def value_of(name: str, value: Any) -> str:
        if value is None or value in ([], {}):
            return words("无")
        if isinstance(value, bool):
            return words("是") if value else words("否")
        if name.startswith("clocks."):
            return f"{words('至')} {moment(value['due_at'])}({words('政策版本')} {value['policy']})"
        if name in ORGANISATIONS:
            ids = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
            return "、".join(known.get(id, id) for id in ids)
        if name == "cost_fen":
            return f"{value / 100:,.2f}"
        if name == "starts_at":
            return moment(value)
        if isinstance(value, str) and name in ("phase", "outcome", "category", *CODES):
            return words({**COMMON, **CODES}.get(name, {}).get(value) or ZH.get(value, value))
        return str(value)

    def told(name: str, value: Any) -> tuple[str, str]:
        rule = name.removeprefix("clocks.")
        label = f"{words(RULES.get(rule, rule))} · {words('期限')}" if rule != name else words(FACTS[name])
        return label, value_of(name, value)

    return told


def grouped(changes: Iterable[Mapping[str, Any]], tell: Teller) -> list[tuple[str, list[Fact]]]:
    """Of each part what changed, in words."""
    found: dict[str, list[Fact]] = {}
    for change in changes:
        label, before = tell(change["name"], change["before"])
        found.setdefault(change["subject_id"], []).append((label, before, tell(change["name"], change["after"])[1]))
    return list(found.items())


def standing(part: Mapping[str, Any], tell: Teller) -> Iterator[tuple[str, str]]:
    """What is to be said of a part at a moment: not what is empty."""
    for name, value in part.items():
        if name in FACTS and value not in (None, False, 0, [], {}):
            yield tell(name, value)
    for rule, clock in part.get("clocks", {}).items():
        yield tell(f"clocks.{rule}", clock)


@router.get("")
async def entry(browser: Browsing, q: str = "", phase: str = "", cursor: str = "") -> Response:
    """Where auditors begin: petitions by number, words or phase, and what happened last."""
    browser.must_sign_in()
    wanted = q.strip()
    if id := id_in(wanted):
        try:
            await browser.get(f"/v1/petitions/{id}")
            return see(f"/audit/petitions/{id}")
        except ApiProblem as error:
            if error.status != 404:
                raise
    latest, flags, found = await gather(
        browser.get("/v1/history", limit=20),
        browser.get("/v1/flags", limit=6),
        browser.get("/v1/petitions", q=wanted[:100], phase=phase, cursor=cursor, limit=20),
    )
    known = await names(browser, *(row["host_id"] for row in found["items"]))
    return browser.page(
        "audit.html",
        latest=latest["items"],
        flags=flags["items"],
        sorts=FLAGS,
        rows=found["items"],
        following=found["next"],
        names=known,
        q=q,
        phase=phase,
        phases=[phase.value for phase in Phase],
    )


@router.get("/district")
async def district(browser: Browsing, on: str = "") -> HTMLResponse:
    """The whole district at the end of a day, or now: for supervisors too."""
    browser.must_sign_in()
    figures = await browser.get("/v1/district", as_of=instant(on) if on else "", days=DAYS)
    return browser.page(
        "audit_district.html",
        figures=figures,
        on=on,
        today=browser.now.astimezone(CHINA).date(),
        phases=[phase for phase in Phase if figures["phases"].get(phase)],
        rules=RULES,
    )


@router.get("/flags")
async def flagged(browser: Browsing, kind: str = "", cursor: str = "") -> HTMLResponse:
    """What is worth a look, of one kind or all: for supervisors too."""
    browser.must_sign_in()
    found = await browser.get("/v1/flags", kind=kind, cursor=cursor, limit=30)
    return browser.page("flags.html", flags=found["items"], following=found["next"], kind=kind, sorts=FLAGS)


def id_in(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
