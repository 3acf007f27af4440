"""The district's directory, policies, calendar, roles and webhooks: for administrators, and to read for others."""

import json
import re
from asyncio import gather
from calendar import Calendar
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from api.clocks import RULES, UNITS
from api.console.browser import ApiProblem, Browser, Browsing, see
from api.console.forms import NOT_HERE, NOTHING, Choices, Field, Form, Kind, declare, from_directory, offered
from api.console.public import names
from api.console.words import HAPPENED, chinese, english, know
from domain.calendar import CHINA
from domain.command import Role
from domain.rulebook import BUILT_IN
from domain.wording import ZH
from projections.webhooks import TYPES

router = APIRouter()

ADMIN = frozenset({Role.ADMIN})

SORTS = {"hosts": "社区(合作社)", "posts": "职务", "units": "单位"}
KINDS: dict[str, dict[str, str]] = {
    "hosts": {"community": "社区", "cooperative": "股份经济合作社"},
    "posts": {
        "party_committee": "党委",
        "peoples_congress": "人大",
        "government": "政府",
        "consultative_conference": "政协",
        "unit_principal": "单位党政正职",
    },
    "units": {
        "department": "职能部门",
        "utility": "公用事业单位",
        "property_firm": "物业企业",
        "owners_committee": "业主委员会",
    },
}
WINDOWS = RULES | {
    "verification": "居民身份核实",
    "brief": "会前简报(提前)",
    "ballot": "联名人表决",
    "candidacy": "报名候选",
    "ask_again": "表决未通过后再次提出",
    "review_request": "申请复查复核",
    "alert": "多人退出后提醒督查",
}
NUMBERS = {
    "threshold": "联名人数要求",
    "max_rounds": "最多办理轮次",
    "max_refilings": "不予受理后可修改重提的次数",
    "reopen_below": "已解决比例低于此值即二次办理",
    "extension_days": "延期最多天数",
    "counts_every": "联名人数多久公布一次",
}
MEANS = {"public": "公众可知的", "handlers": "经办单位可知的"}
PAUSED = {"asked": "管理员暂停", "unanswered": "多日无应答,已自动暂停", "gone": "对方表示不再接收"}


def words() -> Iterator[str]:
    """All that these pages say beside their templates."""
    for said in (SORTS, *KINDS.values(), WINDOWS, NUMBERS, MEANS, PAUSED):
        yield from said.values()
    yield "随时"


# --- forms -----------------------------------------------------------------------------------------------------------


async def units_and_posts(browser: Browser, id: UUID) -> Choices:
    posts, units = await gather(from_directory("posts")(browser, id), from_directory("units")(browser, id))
    return [*posts, *units]


async def organisations(browser: Browser, id: UUID) -> Choices:
    hosts, others = await gather(from_directory("hosts")(browser, id), units_and_posts(browser, id))
    return [*hosts, *others]


def as_it_is(sort: str, *fields: str) -> Callable[[Browser, UUID], Any]:
    """Fills a form in with what the directory has."""

    async def begin(browser: Browser, id: UUID) -> Mapping[str, Any]:
        found = await browser.get(f"/v1/{sort}/{id}")
        return {name: found[name] or "" for name in fields}

    return begin


def superior(typed: FormData) -> dict[str, Any]:
    return {"superior_id": str(typed.get("superior_id", "")) or None}


HOLDER = Field("holder", "任职者账号", Kind.LINE, hint="统一身份认证中的账号。系统只保存化名,名录上不显示姓名。")
NAME = Field("name", "名称", Kind.LINE)


def kind_of(sort: str) -> Field:
    return Field("kind", "类别", Kind.CHOICE, choices=tuple(KINDS[sort].items()))


def of_directory(sort: str, noun: str, registered: tuple[Field, ...]) -> dict[str, Form]:
    """To enter one and to give it another name."""
    one = sort.removesuffix("s")
    return {
        f"{one}-registration": Form(
            f"/v1/{sort}",
            f"登记{noun}",
            registered,
            roles=ADMIN,
            of="",
            done="已登记。",
            goes_to=f"/directory/{sort}/{{id}}",
        ),
        f"{one}-renaming": Form(
            f"/v1/{sort}/{{id}}/changes",
            "更名",
            (NAME,),
            roles=ADMIN,
            of=sort,
            begin=as_it_is(sort, "name"),
            done="已更名。",
        ),
    }


declare(
    {
        **of_directory("hosts", "社区(合作社)", (NAME, kind_of("hosts"))),
        **of_directory("posts", "职务", (NAME, kind_of("posts"))),
        **of_directory(
            "units",
            "单位",
            (
                NAME,
                kind_of("units"),
                Field(
                    "regulator_id",
                    "主管部门",
                    Kind.CHOICE,
                    required=False,
                    hint="非政府部门的单位,经由其主管部门承办。",
                    choices=from_directory("units"),
                ),
            ),
        ),
        "post-superior": Form(
            "/v1/posts/{id}/superior",
            "确定上级职务",
            (Field("superior_id", "上级职务", Kind.CHOICE, required=False, choices=from_directory("posts")),),
            roles=ADMIN,
            of="posts",
            method="PUT",
            begin=as_it_is("posts", "superior_id"),
            body=superior,
        ),
        "post-charge": Form(
            "/v1/posts/{id}/charge",
            "确定分管单位",
            (Field("unit_ids", "分管单位", Kind.SEVERAL, required=False, choices=from_directory("units")),),
            roles=ADMIN,
            of="posts",
            method="PUT",
            hint="分管领导签发对这些单位及其下属单位的指派。",
            begin=lambda browser, id: charge_as_it_is(browser, id),
        ),
        "term-start": Form(
            "/v1/posts/{id}/terms",
            "开始任期",
            (HOLDER, Field("started_on", "任职日期", Kind.DAY)),
            roles=ADMIN,
            of="posts",
            done="任期已开始。",
        ),
        "term-end": Form(
            "/v1/posts/{id}/terms/end",
            "结束任期",
            (Field("ended_on", "离任日期", Kind.DAY),),
            roles=ADMIN,
            of="posts",
            hint="该职务名下的申请和期限由继任者承接。",
            done="任期已结束。",
        ),
        "acting": Form(
            "/v1/posts/{id}/acting",
            "确定代理领导",
            (
                HOLDER,
                Field("from_post_id", "其现任职务", Kind.CHOICE, required=False, choices=from_directory("posts")),
            ),
            roles=frozenset({Role.CLERK, Role.SUPERVISOR, Role.ADMIN}),
            of="posts",
            done="代理领导已确定。",
        ),
        "unit-superior": Form(
            "/v1/units/{id}/superior",
            "确定上级",
            (Field("superior_id", "上级职务或单位", Kind.CHOICE, required=False, choices=units_and_posts),),
            roles=ADMIN,
            of="units",
            method="PUT",
            begin=as_it_is("units", "superior_id"),
            body=superior,
        ),
        "appointment": Form(
            "/v1/appointments",
            "授予角色",
            (
                Field("subject", "账号", Kind.LINE, hint="与其登录令牌一致。系统只保存化名。"),
                Field(
                    "role",
                    "角色",
                    Kind.CHOICE,
                    choices=tuple((role, ZH[role]) for role in Role if role not in (Role.RESIDENT, Role.WORKFLOW)),
                ),
                Field(
                    "org_id",
                    "所属组织",
                    Kind.CHOICE,
                    required=False,
                    hint="社区(合作社)工作人员、应约领导、承办单位人员须选;其他角色不选。",
                    choices=organisations,
                ),
            ),
            roles=ADMIN,
            of="",
            done="角色已授予。",
        ),
        "revocation": Form(
            "/v1/appointments/{id}/revocation",
            "撤销角色",
            (Field("reason", "理由"),),
            roles=ADMIN,
            of="appointments",
            hint="撤销后,其令牌立即失效。",
            done="角色已撤销。",
        ),
    }
)


async def charge_as_it_is(browser: Browser, id: UUID) -> Mapping[str, Any]:
    return {"unit_ids": (await browser.get(f"/v1/posts/{id}"))["charge_of"]}


# Policies

POLICY = tuple(Field(name, label, Kind.LINE) for name, label in NUMBERS.items()) + tuple(
    Field(f"windows.{rule}", WINDOWS[rule], Kind.LINE) for rule in BUILT_IN["windows"]
)


def policy(typed: FormData) -> dict[str, Any]:
    """The version that the new one was begun from, with what was typed."""
    try:
        document = json.loads(str(typed.get("base", "{}")))
    except ValueError:
        document = {}
    document |= {"version": str(typed.get("version", "")).strip()}
    document["windows"] = dict(document.get("windows", {}))
    for field in POLICY:
        value = str(typed.get(field.name, "")).strip()
        where, _, rule = field.name.rpartition(".")
        if where:
            document["windows"][rule] = value
        else:
            document[rule] = number(value)
    return {"document": document, "effective_on": str(typed.get("effective_on", ""))}


def number(text: str) -> Any:
    """As the policy has it; what is no number the API refuses in its own words."""
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    return float(text) if re.fullmatch(r"\d{0,9}\.\d{1,9}", text) else text


async def last_issued(browser: Browser, _: UUID) -> Mapping[str, Any]:
    listed = await browser.get("/v1/policies")
    document = (await browser.get(f"/v1/policies/{listed[-1]['version']}"))["document"]
    full = BUILT_IN | document | {"windows": BUILT_IN["windows"] | document["windows"]}
    numbers = {name: str(full[name]) for name in NUMBERS}
    return {"base": json.dumps(document), **numbers, **{f"windows.{r}": w for r, w in full["windows"].items()}}


HEAD = (
    Field("version", "新版本号", Kind.LINE, hint="如 2027-01。"),
    Field("effective_on", "施行日期", Kind.DAY, hint="自当日起设立的申请适用;在办的申请仍按原版本。"),
)
BASE = Field("base", "", Kind.HIDDEN)

declare(
    {
        "policy-preview": Form(
            "/v1/policies/preview",
            "拟定新的政策版本",
            (BASE, *HEAD, *POLICY),
            roles=ADMIN,
            of="",
            hint="期限写作“5 working days”(工作日)、“30 days”(自然日)或“24 hours”(小时)。先预览,确认后再发布。",
            button="预览变化",
            begin=last_issued,
            body=policy,
            shows="policy_preview.html",
        ),
        "policy-issue": Form(
            "/v1/policies",
            "发布政策版本",
            tuple(Field(field.name, field.label, Kind.HIDDEN) for field in (BASE, *HEAD, *POLICY)),
            roles=ADMIN,
            of="",
            body=policy,
            button="发布",
            done="新的政策版本已发布。",
        ),
    }
)


# Calendar and import


def days_in(text: str) -> list[str]:
    """Separated by spaces, commas or lines."""
    return [day for day in re.split(r"[\s,,、;;]+", text) if day]


def holidays(typed: FormData) -> dict[str, Any]:
    told = {name: days_in(str(typed.get(name, ""))) for name in ("days_off", "days_worked")}
    years = [number(year) for year in days_in(str(typed.get("years", "")))]
    reason = str(typed.get("reason", "")).strip()
    return told | {"years": years} | ({"reason": reason} if reason else {})


def directory_file(dry_run: bool) -> Callable[[FormData], Any]:
    return lambda typed: {
        "format": str(typed.get("format", "")),
        "text": str(typed.get("text", "")).replace("\r\n", "\n"),
        "dry_run": dry_run,
    }


FORMATS = (("csv", "CSV"), ("jsonl", "JSON Lines"))

declare(
    {
        "holidays": Form(
            "/v1/holidays",
            "公布放假调休",
            (
                Field("days_off", "放假日期", required=False, rows=3, hint="每天写作 2026-11-27,以空格或换行分隔。"),
                Field("days_worked", "调休上班日期", required=False, rows=2),
                Field("years", "首次公布的年份", Kind.LINE, required=False, hint="尚无日历的年份,如 2028。"),
                Field("reason", "依据", hint="通知名称、文号和日期。"),
            ),
            roles=frozenset({Role.CLERK, Role.ADMIN}),
            of="",
            hint="正在计算的工作日期限随之调整;已届满的不变。",
            body=holidays,
            done="已公布,期限正在调整。",
        ),
        "directory-trial": Form(
            "/v1/directory/import",
            "导入名录",
            (
                Field("format", "格式", Kind.CHOICE, choices=FORMATS),
                Field(
                    "text", "文件内容", rows=12, hint="粘贴导出文件的全部内容。编号或名称已有的更新,其余新增;不会删除。"
                ),
            ),
            roles=ADMIN,
            of="",
            hint="先试算,列出将要发生的变化;确认后才写入。",
            button="试算",
            body=directory_file(dry_run=True),
            shows="directory_trial.html",
        ),
        "directory-import": Form(
            "/v1/directory/import",
            "确认导入",
            (Field("format", "格式", Kind.HIDDEN), Field("text", "文件内容", Kind.HIDDEN)),
            roles=ADMIN,
            of="",
            body=directory_file(dry_run=False),
            done="名录已导入。",
        ),
    }
)


# Webhooks

TYPE_CHOICES = tuple((topic, HAPPENED.get(topic, topic)) for topic in TYPES["public"])

declare(
    {
        "webhook": Form(
            "/v1/webhooks",
            "登记推送地址",
            (
                Field("url", "地址", Kind.LINE, hint="以 https:// 开头。"),
                Field("audience", "推送内容", Kind.CHOICE, choices=tuple(MEANS.items())),
                Field(
                    "types", "只推送这些事件", Kind.SEVERAL, required=False, hint="不选则全部。", choices=TYPE_CHOICES
                ),
            ),
            roles=ADMIN,
            of="",
            shows="webhook_secret.html",
        ),
        "webhook-secret": Form(
            "/v1/webhooks/{id}/secret",
            "更换密钥",
            (Field("overlap_hours", "新旧密钥并用小时数", Kind.NUMBER),),
            roles=ADMIN,
            of="webhooks",
            begin=lambda _browser, _id: overlapping(),
            shows="webhook_secret.html",
        ),
        "webhook-pause": Form("/v1/webhooks/{id}/pause", "暂停", roles=ADMIN, of="webhooks", done="已暂停。"),
        "webhook-resumption": Form(
            "/v1/webhooks/{id}/resumption", "恢复", roles=ADMIN, of="webhooks", done="已恢复,从停下处继续。"
        ),
        "webhook-replay": Form(
            "/v1/webhooks/{id}/replay",
            "重新推送",
            (Field("from_position", "从日志位置", Kind.NUMBER, hint="其后的事件按原编号依次重发。"),),
            roles=ADMIN,
            of="webhooks",
            done="已开始重新推送。",
        ),
        "webhook-cancellation": Form(
            "/v1/webhooks/{id}",
            "取消推送",
            roles=ADMIN,
            of="webhooks",
            method="DELETE",
            hint="取消后不能恢复,需重新登记。",
            done="已取消推送。",
        ),
    }
)


async def overlapping() -> Mapping[str, Any]:
    return {"overlap_hours": "24"}


# --- pages -----------------------------------------------------------------------------------------------------------


def known_sort(sort: str) -> str:
    if sort not in SORTS:
        raise ApiProblem(404, NOT_HERE)
    return sort


@router.get("/directory")
async def directory() -> Response:
    return see("/directory/hosts")


@router.get("/directory/export")
async def directory_export(browser: Browsing, format: str = "csv") -> Response:
    browser.must_sign_in()
    return await browser.file(f"/v1/directory/export?format={'jsonl' if format == 'jsonl' else 'csv'}")


@router.get("/directory/{sort}")
async def directory_of(sort: str, browser: Browsing, cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    found = await browser.get(f"/v1/{known_sort(sort)}", limit=100, cursor=cursor)
    return browser.page(
        "directory.html",
        rows=found["items"],
        following=found["next"],
        sort=sort,
        sorts=SORTS,
        kinds=KINDS[sort],
        names=await around(browser, found["items"]),
        nothing=NOTHING,
    )


async def around(browser: Browser, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names of whoever stands above or below these."""
    ids = (row.get(name) for row in rows for name in ("superior_id", "regulator_id"))
    return await names(browser, *chain(ids, *(row.get("charge_of", ()) for row in rows)))


@router.get("/directory/{sort}/{id}")
async def directory_entry(sort: str, id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    row = await browser.get(f"/v1/{known_sort(sort)}/{id}")
    return browser.page(
        "directory_entry.html",
        row=row,
        sort=sort,
        sorts=SORTS,
        kinds=KINDS[sort],
        names=await around(browser, [row]),
        offers=offered(browser, sort),
    )


@router.get("/policies")
async def policies(browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    listed, in_force = await gather(browser.get("/v1/policies"), browser.get("/v1/policy"))
    return browser.page("policies.html", versions=listed, in_force=in_force["version"], nothing=NOTHING)


@router.get("/policies/{version}")
async def policy_version(version: str, browser: Browsing, against: str = "") -> HTMLResponse:
    browser.must_sign_in()
    found, listed = await gather(browser.get(f"/v1/policies/{version}", against=against), browser.get("/v1/policies"))
    document = found["document"]
    full = BUILT_IN | document | {"windows": BUILT_IN["windows"] | document["windows"]}
    entries = [(name, str(full[name])) for name in NUMBERS]
    entries += [(f"windows.{rule}", window) for rule, window in full["windows"].items()]
    return browser.page(
        "policy.html",
        version=found,
        versions=[item["version"] for item in listed],
        against=against,
        entries=[policy_words(browser.language, name, value) for name, value in entries],
    )


def policy_words(language: str, entry: str, value: str | None) -> tuple[str, str]:
    """What an entry of a policy is called, and how its value reads."""
    zh = language != "en"
    words = chinese if zh else english
    where, _, name = entry.rpartition(".")
    if where == "calendar":
        return name, value or "—"
    label = words(WINDOWS.get(name, name) if where else NUMBERS.get(name, name))
    if value is None:
        return label, "—"
    count, _, unit = value.partition(" ")
    if name == "counts_every" and value in ("0", "at once"):
        return label, words("随时")
    if name == "counts_every" and not unit:  # in seconds
        count, unit = str(int(count) // 3600), "hours"
    return label, f"{count} {UNITS.get(unit, unit) if zh else unit}".strip()


know(policy_words=policy_words)


@router.get("/calendar")
async def calendar(browser: Browsing, year: int | None = None) -> HTMLResponse:
    browser.must_sign_in()
    wanted = year or browser.now.astimezone(CHINA).year
    found, announced = await gather(browser.get(f"/v1/holidays/years/{wanted}"), browser.get("/v1/holidays"))
    off = {day["on"]: day["why"] for day in found["off"]}
    return browser.page(
        "calendar.html",
        year=found,
        months=[Calendar().monthdatescalendar(wanted, month) for month in range(1, 13)],
        off=off,
        worked=set(found["worked"]),
        announced=announced,
        offers=offered(browser, ""),
        nothing=NOTHING,
    )


@router.get("/appointments")
async def appointments(browser: Browsing, cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    found = await browser.get("/v1/appointments", limit=100, cursor=cursor)
    return browser.page(
        "appointments.html",
        rows=found["items"],
        following=found["next"],
        names=await names(browser, *(row["org_id"] for row in found["items"])),
        nothing=NOTHING,
    )


@router.get("/webhooks")
async def webhooks(browser: Browsing, cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    found = await browser.get("/v1/webhooks", limit=50, cursor=cursor)
    return browser.page(
        "webhooks.html",
        rows=found["items"],
        following=found["next"],
        audiences=MEANS,
        reasons=PAUSED,
        offers=offered(browser, "webhooks"),
        nothing=NOTHING,
    )
