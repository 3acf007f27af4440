"""For supervisors: what is overdue, what was judged badly, and their orders; for discipline inspection: its reports."""

from asyncio import gather
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.clocks import RULES
from api.console.browser import Browsing
from api.console.forms import AT_THE_DESK, Field, Form, Kind, declare
from api.console.public import names
from domain.command import Role
from domain.petition.words import ADMITTED

router = APIRouter()

SUPERVISORS = frozenset({Role.SUPERVISOR})
INSPECTORS = frozenset({Role.DISCIPLINE})

declare(
    {
        "supervision-order": Form(
            "/v1/petitions/{id}/supervision-orders",
            "发出督办通知",
            (Field("order", "督办要求"),),
            roles=SUPERVISORS,
            phases=ADMITTED,
            hint="督办通知发给牵头的应约领导,须书面回复;由督查人员解除。",
            done="督办通知已发出。",
        ),
        "supervision-lifting": Form(
            "/v1/petitions/{id}/supervision-orders/lifting",
            "解除督办",
            (Field("reason", "解除理由"),),
            roles=SUPERVISORS,
            phases=AT_THE_DESK,
            done="督办已解除。",
        ),
        "review-decision": Form(
            "/v1/petitions/{id}/reviews/decision",
            "作出复查复核决定",
            (
                Field(
                    "result",
                    "决定",
                    Kind.CHOICE,
                    choices=(("upheld", "维持原答复"), ("changed", "变更答复"), ("returned", "退回重新办理")),
                ),
                Field("opinion", "复查复核意见"),
            ),
            roles=SUPERVISORS,
            phases=AT_THE_DESK,
            hint="复核须由另一人作出,为终结意见。退回的,转入新一轮办理。",
            done="决定已作出。",
        ),
        "extension-approval": Form(
            "/v1/petitions/{id}/extension/approval",
            "批准延期",
            roles=frozenset({Role.SUPERVISOR, Role.OFFICIAL}),
            phases=AT_THE_DESK,
            done="延期已批准,将告知联名人。",
        ),
        "extension-refusal": Form(
            "/v1/petitions/{id}/extension/refusal",
            "不予延期",
            (Field("reason", "理由"),),
            roles=frozenset({Role.SUPERVISOR, Role.OFFICIAL}),
            phases=AT_THE_DESK,
            done="已不予延期,答复期限不变。",
        ),
        "alert-heeding": Form(
            "/v1/petitions/{id}/alert-heeding",
            "已了解退出情况",
            roles=SUPERVISORS,
            phases=AT_THE_DESK,
            done="已记录。",
        ),
        "report-acceptance": Form(
            "/v1/reports/{id}/acceptance", "接手核查", roles=INSPECTORS, of="reports", done="已接手。"
        ),
        "report-conclusion": Form(
            "/v1/reports/{id}/conclusion",
            "办结并告知结果",
            (Field("result", "核查结果", hint="举报人凭编号可看到这段文字。"),),
            roles=INSPECTORS,
            of="reports",
            done="已办结。",
        ),
    }
)

GROUPS = {"unit": "承办单位", "post": "应约领导"}
REPORTS = {"retaliation": "打击报复", "violation": "违纪线索"}
STATUSES = {"filed": "待接手", "taken_up": "核查中", "closed": "已办结"}


def words() -> Iterator[str]:
    """All that these pages say beside their templates."""
    for said in (GROUPS, REPORTS, STATUSES, RULES):
        yield from said.values()


@router.get("/supervision")
async def supervision(browser: Browsing, by: str = "unit", cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    overdue, judged, figures = await gather(
        browser.get("/v1/overdue", limit=50, cursor=cursor),
        browser.get("/v1/badly-judged", limit=20),
        browser.get("/v1/statistics", by=by if by in GROUPS else "unit"),
    )
    known = await names(
        browser,
        *(item["organisation_id"] for item in overdue["items"]),
        *(item["post_id"] for item in judged["items"]),
        *(group["key"] for group in figures["groups"]),
    )
    return browser.page(
        "supervision.html",
        overdue=overdue["items"],
        following=overdue["next"],
        judged=judged["items"],
        groups=lowest_first(figures["groups"]),
        names=known,
        by=by,
        sorts=GROUPS,
        rules=RULES,
    )


def lowest_first(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of ten petitions or more the lowest resolution rate first; fewer are in no order, after them."""
    ranked = [group for group in groups if group["rankable"] and group["resolution"]["rate"] is not None]
    ranked.sort(key=lambda group: group["resolution"]["rate"])
    return ranked + [group for group in groups if group not in ranked]


@router.get("/reports")
async def reports(browser: Browsing, status: str = "", cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    found = await browser.get("/v1/reports", status=status, cursor=cursor, limit=30)
    return browser.page(
        "reports.html",
        rows=found["items"],
        following=found["next"],
        status=status,
        kinds=REPORTS,
        statuses=STATUSES,
    )


@router.get("/reports/{report_id}")
async def report(report_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    row = await browser.get(f"/v1/reports/{report_id}")
    offers = {"filed": ["report-acceptance"], "taken_up": ["report-conclusion"]}.get(row["status"], [])
    inspects = browser.identity is not None and browser.identity.role == Role.DISCIPLINE
    return browser.page("report.html", report=row, kinds=REPORTS, statuses=STATUSES, offers=offers if inspects else [])
