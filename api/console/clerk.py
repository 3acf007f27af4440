"""The clerk's pages: what awaits admission, one petition's working page, and what the district has in hand."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from api.console import marks
from api.console.browser import ApiProblem, Browser, Browsing, SignInFirst, see
from api.console.forms import NOTHING, Choices, Field, Form, Kind, declare, from_directory, kept, offered
from api.console.public import names
from api.console.words import CODES
from domain.command import Role
from domain.petition import Petition
from domain.petition.words import (
    ADMITTED,
    OPEN,
    UNANSWERED,
    UNDER_WAY,
    Phase,
    RejectionReason,
    StatutoryRoute,
)

router = APIRouter()

PER_PAGE = 50
STARTED = ("acknowledgement", "meeting", "response", "refiling", "ballot")  # clocks that a decision starts
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


async def as_it_stands(browser: Browser, id: UUID) -> Mapping[str, Any]:
    """What the public reads now, to be improved; else what was written, to be redacted."""
    row = await browser.get(f"/v1/petitions/{id}")
    return {name: row[f"public_{name}"] or row[name] for name in ("topic", "details")}


async def as_asked(browser: Browser, _: UUID) -> Mapping[str, Any]:
    """Filled in by the page that led here."""
    return dict(browser.request.query_params)


async def a_hotline_call(_: Browser, __: UUID) -> Mapping[str, Any]:
    return {"system": "12345"}


async def topics(browser: Browser, id: UUID) -> Mapping[str, Any]:
    """Both parts begin with all of it, or with what was proposed before."""
    row = await browser.get(f"/v1/petitions/{id}")
    whole = {name: row[name] for name in ("topic", "details")}
    parts: dict[str, Any] = row["split_proposal"] or whole | {"other_details": row["details"]}
    return parts


async def called(browser: Browser, id: UUID) -> Choices:
    row = await browser.get(f"/v1/petitions/{id}")
    return list((await names(browser, *row["called_post_ids"])).items())


async def others(browser: Browser, id: UUID) -> list[dict[str, Any]]:
    """Petitions that this one may repeat: similar ones, and the one that the page before was about."""
    found = [row["petition"] for row in await browser.get(f"/v1/petitions/{id}/similar")]
    typed = {**browser.request.query_params, **await browser.request.form()}
    asked = id_in(str(typed.get("other", "")))
    if asked and asked not in [row["id"] for row in found]:
        found.append(await browser.get(f"/v1/petitions/{asked}"))
    return found


async def repeated(browser: Browser, id: UUID) -> Choices:
    return [(row["id"], row["topic"] or row["public_topic"]) for row in await others(browser, id)]


async def admitted(browser: Browser, id: UUID) -> Choices:
    """What it can be merged into."""
    rows = [row for row in await others(browser, id) if row["phase"] in ADMITTED]
    return [(row["id"], row["topic"] or row["public_topic"]) for row in rows]


def only_where_it_applies(typed: FormData) -> dict[str, Any]:
    """The other reasons' fields are hidden, but may have been filled in before the reason was changed."""
    read = {item.name: item.read(typed) for item in REJECTION if item is not OTHER}
    needs = {"route": RejectionReason.STATUTORY_ROUTE, "duplicate_of": RejectionReason.DUPLICATE}
    return {
        name: value
        for name, value in read.items()
        if value is not None and needs.get(name, read["reason_code"]) == read["reason_code"]
    }


SAID = (
    Field("call_id", "", Kind.HIDDEN),
    Field("contacted", "办理期间有没有人联系过您", Kind.YES_NO),
    Field(
        "resolved",
        "事情解决了吗",
        Kind.CHOICE,
        choices=[("yes", "已解决"), ("partly", "部分解决"), ("no", "未解决")],
    ),
    Field("satisfied", "对办理满意吗", Kind.YES_NO),
    Field("comment", "想说的话", required=False, rows=3, hint="记下后读给对方听,确认无误再登记。"),
)
OTHER = Field("other", "", Kind.HIDDEN, required=False)  # the petition that the page before was about
MERGER = (
    Field("into", "并入哪一件", Kind.CHOICE, choices=admitted, hint="只能并入已受理、尚未办结的申请。"),
    OTHER,
)
REJECTION = (
    Field("reason_code", "理由", Kind.CHOICE, choices=[(code.value, words) for code, words in REASONS.items()]),
    Field(
        "route",
        "哪一种法定途径",
        Kind.CHOICE,
        required=False,
        choices=[(code.value, words) for code, words in ROUTES.items()],
    ),
    Field("duplicate_of", "与哪一件重复", Kind.CHOICE, required=False, choices=repeated),
    Field("explanation", "说明", hint="发起人和联名人会读到。请写清依据,并告知可以怎么办。"),
    OTHER,
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
        "referral": Form(
            "/v1/petitions/{id}/referral",
            "转送",
            (
                Field("unit_id", "转送本区单位", Kind.CHOICE, required=False, choices=from_directory("units")),
                Field("to", "或转送其他机关", Kind.LINE, required=False, hint="名录以外的机关,写全称。二者择一。"),
                Field("explanation", "说明", hint="联名人会读到:为什么转送、由谁办理、怎样查询。"),
            ),
            roles=CLERK,
            phases=SUBMITTED,
            hint="转送后此件在本平台办结。接收单位登记回执;名录以外的机关,回执由受理人员登记。联名人随即获知。",
            button="转送",
            done="已转送,并告知联名人。",
        ),
        "receipt": Form(
            "/v1/petitions/{id}/receipt",
            "登记转送回执",
            (
                Field("number", "接收机关文号", Kind.LINE),
                Field("received_by", "接收机构或经办处室", Kind.LINE),
                Field("received_on", "接收日期", Kind.DAY),
            ),
            roles=frozenset({Role.CLERK, Role.UNIT_OFFICER}),
            phases=frozenset({Phase.REFERRED}),
            done="回执已登记,联名人可以查看。",
        ),
        "split": Form(
            "/v1/petitions/{id}/split",
            "建议拆分",
            (
                Field("topic", "本件保留的题目", Kind.LINE),
                Field("details", "本件保留的内容", rows=6),
                Field("other_topic", "另立一件的题目", Kind.LINE),
                Field("other_details", "另立一件的内容", rows=6),
                Field(
                    "other_category",
                    "另立一件的类别",
                    Kind.CHOICE,
                    choices=tuple(CODES["category"].items()),
                ),
            ),
            roles=CLERK,
            phases=SUBMITTED,
            hint="发起人同意后,另立的一件直接待受理,原联名人同为两件的联名人。受理期限不因此停止,期间仍可作其他决定。",
            done="拆分建议已送发起人。",
            begin=topics,
        ),
        "merge": Form(
            "/v1/petitions/{id}/merge",
            "建议并案",
            MERGER,
            roles=CLERK,
            phases=SUBMITTED,
            hint="由本件联名人无记名表决,过半数同意即并入,本件随之终结;联名人可自愿转到并入的那一件。未通过的,不得再次提出并入同一件。",
            button="提请表决",
            done="已提请联名人表决。",
            begin=as_asked,
            body=lambda typed: {"into": MERGER[0].read(typed)},
        ),
        "urgency": Form(
            "/v1/petitions/{id}/urgency",
            "标为紧急",
            (Field("reason", "为什么不能等"),),
            roles=frozenset({Role.CLERK, Role.HOST_STAFF}),
            phases=frozenset({Phase.COLLECTING}) | UNANSWERED,
            hint="联名中的随即提交,仍可继续联名;二十四小时内须作出首次回应(阶段性答复或路线图)。",
            done="已标为紧急。",
            fits=lambda row, _: not row["urgent"],
        ),
        "urgency-lifting": Form(
            "/v1/petitions/{id}/urgency/lifting",
            "解除紧急",
            (Field("reason", "理由"),),
            roles=CLERK,
            phases=OPEN - {Phase.COLLECTING},
            hint="尚未受理且联名不足的,退回继续联名,期限重新起算。",
            done="已解除紧急。",
            fits=lambda row, _: bool(row["urgent"]),
        ),
        "recusal": Form(
            "/v1/petitions/{id}/recusal",
            "回避",
            (
                Field(
                    "nobody_else",
                    "本岗位没有其他人可以经办,请上一级接手",
                    Kind.TICK,
                    required=False,
                ),
            ),
            roles=STAFF,
            rare=True,
            phases=OPEN,
            hint="本人或近亲属与此件有利害关系的,应当回避。不问理由,也不告知他人;此后您看不到此件的内部内容,由同事接手。"
            "同事都须回避的,社区的工作由受理人员接手,受理人员的由督查接手。",
            button="确认回避",
            done="您已回避此件。",
            goes_to="/desk",
        ),
        "link": Form(
            "/v1/petitions/{id}/links",
            "关联其他系统的案号",
            (
                Field("system", "系统代号", Kind.LINE, hint="小写字母、数字或连字符,例如 12345。"),
                Field("number", "案号", Kind.LINE),
            ),
            roles=frozenset({Role.CLERK, Role.HOST_STAFF}),
            hint="案号可能指向来电人:只有受理、社区、督查和审计人员看得到。",
            done="案号已关联。",
            begin=a_hotline_call,
        ),
        "link-removal": Form(
            "/v1/petitions/{id}/links/{link_id}/removal",
            "取消关联",
            (Field("link_id", "", Kind.HIDDEN), Field("reason", "理由")),
            hint="取消后案号不再可读,可以重新关联到别的申请。",
            done="关联已取消。",
            begin=as_asked,
        ),
        "reassignment": Form(
            "/v1/petitions/{id}/reassignment",
            "建议调整应约领导",
            (
                Field("post_id", "原应约职务", Kind.CHOICE, choices=called),
                Field("to_post_id", "改为", Kind.CHOICE, choices=from_directory("posts")),
                Field("reason", "理由", hint="群众代表会读到。"),
            ),
            roles=CLERK,
            phases=frozenset({Phase.ACCEPTED, Phase.MEETING}),
            hint="由群众代表公开表态,过半数同意即调整;牵头职务改变的,签收期限重新起算。",
            done="建议已送群众代表。",
        ),
        "election": Form(
            "/v1/petitions/{id}/ballots",
            "组织推选群众代表",
            roles=CLERK,
            phases=frozenset({Phase.COLLECTING, Phase.SUBMITTED}) | UNDER_WAY,
            hint="联名人先报名,再无记名投票,得票最多的至多五人当选。联名达到人数后方可进行。",
            button="开始推选",
            done="推选已开始,联名人已获通知。",
            body=lambda _: {"question": "representatives"},
        ),
        "call-back": Form(
            "/v1/petitions/{id}/call-backs",
            "呼叫下一位",
            roles=CLERK,
            phases=frozenset({Phase.FEEDBACK}),
            shows="call.html",
            fits=lambda row, _: any(clock["rule"] == "call_back" for clock in row["clocks"]),
        ),
        "call-feedback": Form(
            "/v1/petitions/{id}/call-backs/{call_id}/feedback", "登记回访", SAID, done="回访已登记。"
        ),
        "call-miss": Form(
            "/v1/petitions/{id}/call-backs/{call_id}/miss", "未接通或不愿答", SAID[:1], done="已记为未接通。"
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
        from_directory("hosts")(browser, NOTHING),
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


OPEN_FIRST = [*(phase for phase in Phase if phase in OPEN), *(phase for phase in Phase if phase not in OPEN)]


@router.get("/overview")
async def overview(browser: Browsing, host_id: str = "") -> HTMLResponse:
    browser.must_sign_in()
    phases, hosts = await asyncio.gather(
        browser.get("/v1/caseload", host_id=host_id), from_directory("hosts")(browser, NOTHING)
    )
    phases.sort(key=lambda row: OPEN_FIRST.index(row["phase"]))
    return browser.page(
        "overview.html",
        phases=phases,
        open=[row for row in phases if row["phase"] in OPEN],
        hosts=hosts,
        host_id=host_id,
        now=browser.now,
    )


@router.get("/overview/{phase}")
async def in_phase(
    phase: Phase, browser: Browsing, host_id: str = "", category: str = "", cursor: str = ""
) -> HTMLResponse:
    return await cases(browser, phase, host_id, category, cursor)


@router.get("/call-backs")
async def call_backs(browser: Browsing, cursor: str = "") -> HTMLResponse:
    """Whom the residents' judgement waits for: where too few have judged, who agreed to it is called."""
    browser.must_sign_in()
    found = await browser.get("/v1/inbox", kind="call_back", cursor=cursor, limit=PER_PAGE)
    return browser.page("call_backs.html", items=found["items"], following=found["next"], now=browser.now)


@router.get("/admissibility/find")
async def find(browser: Browsing, system: str = "12345", number: str = "") -> Response:
    """The petition that a case of another system is linked to."""
    browser.must_sign_in()
    case = await browser.get(f"/v1/links/{quote(system, safe='')}/{quote(number.strip() or '-', safe='')}")
    return see(f"/admissibility/{case['petition_id']}")


# One petition


@router.get("/admissibility/{petition_id}")
async def working_page(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    path = f"/v1/petitions/{petition_id}"
    row = await browser.get(path)
    similar, windows, links, history = await asyncio.gather(
        browser.get(f"{path}/similar"),
        browser.get(f"{path}/windows", rule=STARTED),
        browser.get(f"{path}/links"),
        browser.every(f"{path}/history"),
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
        decides=decides(browser),
        offers=offered(browser, "petitions", row["phase"], row),
        opinion=next((entry for entry in history if entry["type"] == Petition.HostOpinionGiven.TOPIC), None),
        receipt=await browser.get(f"{path}/receipt") if row["phase"] == Phase.REFERRED else None,
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
        "public_text_checked.html" if fragment else "public_text.html",
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


@router.get("/admissibility/{petition_id}/compare")
async def compare_by_address(petition_id: UUID, browser: Browsing, other: str = "") -> Response:
    """With one that the search did not find: by its number, or the address of its page."""
    browser.must_sign_in()
    found = id_in(other)
    if found is None:
        raise ApiProblem(404, NO_SUCH_PETITION)
    return see(f"/admissibility/{petition_id}/compare/{found}")


@router.get("/admissibility/{petition_id}/compare/{other_id}")
async def compare(petition_id: UUID, other_id: UUID, browser: Browsing) -> HTMLResponse:
    """Two petitions as they were written, beside one another; what stands in both is marked."""
    browser.must_sign_in()
    rows = await asyncio.gather(*(browser.get(f"/v1/petitions/{id}") for id in (petition_id, other_id)))
    if any(row["topic"] is None for row in rows):
        raise ApiProblem(404, NO_SUCH_PETITION)
    known = await names(browser, *(id for row in rows for id in (row["host_id"], *row["called_post_ids"])))
    texts = [f"{row['topic']}\n{row['details']}" for row in rows]
    return browser.page(
        "compare.html",
        sides=[
            (row, marks.shared(row["topic"], other), marks.shared(row["details"], other))
            for row, other in zip(rows, reversed(texts), strict=True)
        ],
        names=known,
        now=browser.now,
        decides=decides(browser),
        mergeable=rows[0]["phase"] == Phase.SUBMITTED and rows[1]["phase"] in ADMITTED,
    )


NO_SUCH_PETITION = {
    "title": "没有这件申请",
    "title_en": "There is no such petition",
    "detail": "请核对编号或网址。",
    "detail_en": "Check the number or the address.",
}


def id_in(text: str) -> str | None:
    """In a number or an address that somebody has copied."""
    found = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower())
    return found and found[0]


def decides(browser: Browser) -> bool:
    """Supervisors do a clerk's work where no clerk may."""
    return browser.identity is not None and browser.identity.role in (Role.CLERK, Role.SUPERVISOR)
