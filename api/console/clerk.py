"""The clerk's pages: what awaits admission, one petition's working page, and what the district has in hand."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from api.console import marks
from api.console.browser import ApiProblem, Browser, Browsing, SignInFirst
from api.console.forms import Choices, Field, Form, Kind, declare, from_directory, kept
from api.console.public import names
from domain.command import Role
from domain.petition.words import Category, Phase, RejectionReason, StatutoryRoute

router = APIRouter()

PER_PAGE = 50
CLERK = frozenset({Role.CLERK})
STAFF = frozenset(Role) - {Role.RESIDENT, Role.DISCIPLINE, Role.WORKFLOW}
SUBMITTED = frozenset({Phase.SUBMITTED})

REASONS = {
    RejectionReason.NOT_IN_SCOPE: "不属于点题约谈范围",
    RejectionReason.STATUTORY_ROUTE: "应走法定途径(诉讼、仲裁、行政复议)",
    RejectionReason.DISCIPLINE: "反映违纪违法问题,移送纪检机关",
    RejectionReason.OTHER_LEVEL: "属其他层级职权",
    RejectionReason.NO_CONCRETE_TOPIC: "没有具体题目",
    RejectionReason.DUPLICATE: "与另一件申请重复",
    RejectionReason.OTHER: "其他",
}
ROUTES = {
    StatutoryRoute.COURT: "诉讼",
    StatutoryRoute.ARBITRATION: "仲裁",
    StatutoryRoute.ADMINISTRATIVE_REVIEW: "行政复议",
}
CATEGORIES = {Category.ADVICE: "工作建议", Category.GRIEVANCE: "意见诉求", Category.CONDUCT: "作风效能"}


async def as_it_stands(browser: Browser, id: UUID) -> Mapping[str, Any]:
    """What the public reads now, to be improved; else what was written, to be redacted."""
    row = await browser.get(f"/v1/petitions/{id}")
    return {name: row[f"public_{name}"] or row[name] for name in ("topic", "details")}


async def as_asked(browser: Browser, _: UUID) -> Mapping[str, Any]:
    """Filled in by the page that led here."""
    return dict(browser.request.query_params)


async def others(browser: Browser, id: UUID) -> Choices:
    """Petitions that this one may repeat: similar ones, and the one that the page before was about."""
    path = f"/v1/petitions/{id}/similar"
    found = [row["petition"] for row in await browser.get(path)]
    asked = (await as_asked(browser, id)).get("other") or (await browser.request.form()).get("other")
    if asked and asked not in [row["id"] for row in found]:
        found.append(await browser.get(f"/v1/petitions/{UUID(str(asked))}"))
    return [(row["id"], row["public_topic"] or row["topic"]) for row in found]


def only_where_it_applies(typed: FormData) -> dict[str, Any]:
    """The other reasons' fields are hidden, but may have been filled in before the reason was changed."""
    read = {item.name: item.read(typed) for item in REJECTION}
    needs = {"route": RejectionReason.STATUTORY_ROUTE, "duplicate_of": RejectionReason.DUPLICATE}
    return {
        name: value
        for name, value in read.items()
        if value is not None and needs.get(name, read["reason_code"]) == read["reason_code"]
    }


REJECTION = (
    Field("reason_code", "理由", Kind.CHOICE, choices=[(code.value, words) for code, words in REASONS.items()]),
    Field(
        "route",
        "哪一种法定途径",
        Kind.CHOICE,
        required=False,
        choices=[(code.value, words) for code, words in ROUTES.items()],
    ),
    Field("duplicate_of", "与哪一件重复", Kind.CHOICE, required=False, choices=others),
    Field("explanation", "说明", hint="发起人和联名人会读到。请写清依据,并告知可以怎么办。"),
)

declare(
    {
        "public-text": Form(
            "/v1/petitions/{id}/public-text",
            "发布公开文本",
            (Field("topic", "公开题目", Kind.LINE), Field("details", "公开内容", rows=14)),
            roles=CLERK,
            phases=frozenset(Phase) - {Phase.COLLECTING},
            hint="公众读到的就是这段文字。请隐去姓名、电话、证件号码、门牌号和其他能认出个人的内容。",
            button="发布",
            done="公开文本已发布。",
            begin=as_it_stands,
        ),
        "acceptance": Form(
            "/v1/petitions/{id}/acceptance",
            "予以受理",
            roles=CLERK,
            phases=SUBMITTED,
            hint="受理后即通知应约领导,签收、开会、答复的期限从现在起算。",
            button="予以受理",
            done="已受理,应约领导已获通知。",
        ),
        "rejection": Form(
            "/v1/petitions/{id}/rejection",
            "不予受理",
            REJECTION,
            roles=CLERK,
            phases=SUBMITTED,
            hint="决定连同说明送达全体联名人。期限内发起人可修改后重新提出,原有联名继续有效。",
            button="不予受理",
            done="已决定不予受理,并告知联名人。",
            begin=as_asked,
            body=only_where_it_applies,
            template="rejection.html",
        ),
    }
)


# What awaits admission, and what is in any other phase


@router.get("/admissibility")
async def queue(browser: Browsing, host_id: str = "", category: str = "", cursor: str = "") -> HTMLResponse:
    return await cases(browser, Phase.SUBMITTED, host_id, category, cursor)


async def cases(browser: Browser, phase: Phase, host_id: str, category: str, cursor: str) -> HTMLResponse:
    browser.must_sign_in()
    path, chosen = f"/v1/caseload/{phase}", {"host_id": host_id, "category": category}
    found, hosts = await asyncio.gather(
        browser.get(path, **chosen, cursor=cursor, limit=PER_PAGE),
        from_directory("hosts")(browser, UUID(int=0)),
    )
    return browser.page(
        "cases.html",
        phase=phase.value,
        rows=found["items"],
        following=found["next"],
        hosts=hosts,
        names=dict(hosts),
        chosen=chosen,
        cursor=cursor,
        now=browser.now,
    )


# One petition


@router.get("/admissibility/{petition_id}")
async def working_page(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    path = f"/v1/petitions/{petition_id}"
    row = await browser.get(path)
    similar, windows, links = await asyncio.gather(
        browser.get(f"{path}/similar"), browser.get(f"{path}/windows"), browser.get(f"{path}/links")
    )
    written = {"topic": row["topic"], "details": row["details"]}
    public = {"topic": row["public_topic"], "details": row["public_details"]}
    draft = public if row["public_topic"] else written
    original, issued, known = await asyncio.gather(
        looked_through(browser, petition_id, written),
        looked_through(browser, petition_id, public),
        names(browser, row["host_id"], *row["called_post_ids"]),
    )
    return browser.page(
        "case.html",
        petition=row,
        similar=similar,
        links=links,
        due={window["rule"]: window["due_at"] for window in windows},
        original=original,
        issued=issued,
        draft=draft,
        checked=issued if row["public_topic"] else original,
        names=known,
        now=browser.now,
        decides=browser.identity and browser.identity.role in (Role.CLERK, Role.SUPERVISOR),
    )


async def looked_through(browser: Browser, petition_id: UUID, text: Mapping[str, str | None]) -> dict[str, Any]:
    """Both fields with what may lead to a person marked, and how often each kind was found. An auditor reads without
    marks."""
    if not text["topic"]:
        return {"topic": [], "details": [], "kinds": {}}
    try:
        found = (await browser.command("POST", f"/v1/petitions/{petition_id}/public-text/check", text)).body
    except ApiProblem as error:
        if error.status != 403:
            raise
        found = []
    kinds: dict[str, int] = {}
    for finding in found:
        kinds[finding["kind"]] = kinds.get(finding["kind"], 0) + 1
    marked = {
        name: marks.found(said or "", [finding for finding in found if finding["field"] == f"/{name}"])
        for name, said in text.items()
    }
    return {**marked, "kinds": kinds}


@router.post("/admissibility/{petition_id}")
async def look_through(petition_id: UUID, request: Request, browser: Browsing) -> Response:
    """A draft is looked through, and nothing is done: as it is typed, or on a page of its own."""
    typed = await request.form()
    try:
        browser.must_sign_in()
    except SignInFirst as error:
        error.kept = json.dumps(["public-text", str(petition_id), kept(typed)])
        raise
    browser.must_be_ours(typed)
    draft = {name: str(typed.get(name, "")).replace("\r\n", "\n") for name in ("topic", "details")}
    try:
        checked, problem = await looked_through(browser, petition_id, draft), None
    except ApiProblem as error:
        checked, problem = {"topic": [], "details": [], "kinds": {}}, error.problem
    fragment = "HX-Request" in request.headers
    return browser.page(
        "draft_checked.html" if fragment else "draft.html",
        200 if fragment or not problem else 422,
        petition_id=petition_id,
        draft=draft,
        checked=checked,
        problem=problem,
    )


@router.get("/admissibility/{petition_id}/similar")
async def similar_ones(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    """How many, for the list: each takes a search of its own."""
    browser.must_sign_in()
    found = await browser.get(f"/v1/petitions/{petition_id}/similar", limit=20)
    return browser.page("similar_count.html", found=found, petition_id=petition_id)
