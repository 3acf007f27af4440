"""The people register at a host's counter: who is on the roll, verified, found false, held or erased.

Names are shown where the API gives them, and never stand in an address: one searches by sending a form.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.datastructures import FormData, UploadFile

from api.console.browser import ApiProblem, Browser, Browsing, see
from api.console.forms import FORMS, Field, Form, Kind, declare, missing, offered
from api.console.public import names
from api.console.words import CODES
from domain.command import Role

router = APIRouter()

HOST = frozenset({Role.HOST_STAFF})
ADMINS = frozenset({Role.ADMIN})
AUDITORS = frozenset({Role.AUDITOR})
REASON = Field("reason", "理由", rows=3)


def entry(typed: FormData) -> Any:
    said = {item.name: item.read(typed) for item in FORMS["resident"].fields}
    phones = [said.pop("phone"), said.pop("other_phone")]
    found = {name: value for name, value in said.items() if value is not None}
    return found | {"phones": [phone for phone in phones if phone]}


declare(
    {
        "resident": Form(
            "/v1/hosts/{id}/residents",
            "登记居民",
            (
                Field("name", "姓名", Kind.LINE),
                Field("phone", "手机", Kind.LINE, required=False, hint="电话、邮箱、证件号至少填一项。"),
                Field("other_phone", "另一电话", Kind.LINE, required=False),
                Field("email", "邮箱", Kind.LINE, required=False),
                Field("document_number", "证件号", Kind.LINE, required=False),
                Field("basis", "登记依据", Kind.CHOICE, choices=tuple(CODES["basis"].items())),
                Field("adult", "已成年", Kind.TICK),
            ),
            roles=HOST,
            of="",
            hint="请当面核对本人和证件。登记即为已核实。",
            done="居民已登记。",
            body=entry,
            goes_to="/register/{id}",
        ),
        "verification": Form(
            "/v1/residents/{id}/verification",
            "已当面核实",
            roles=HOST,
            of="register",
            phases=frozenset({"unverified"}),
            done="已核实。",
        ),
        "entry-rejection": Form(
            "/v1/residents/{id}/rejection",
            "认定登记不实",
            (REASON,),
            roles=HOST,
            of="register",
            phases=frozenset({"standing"}),
            hint="须由另一名工作人员确认。确认后告知本人,本人可以申诉,由受理人员裁定。",
            done="已提出,待另一名工作人员确认。",
        ),
        "entry-rejection-confirmation": Form(
            "/v1/residents/{id}/rejection/confirmation",
            "确认登记不实",
            roles=HOST,
            of="register",
            phases=frozenset({"proposed"}),
            hint="须与提出人不是同一人。确认后,此人不能再以此登记联名;已有的联名待申诉期满或裁定后处理。",
            button="确认不实",
            done="已确认,本人将收到通知。",
        ),
        "entry-rejection-drop": Form(
            "/v1/residents/{id}/rejection",
            "撤销不实认定",
            roles=HOST,
            of="register",
            phases=frozenset({"proposed"}),
            method="DELETE",
            done="已撤销,登记不变。",
        ),
        "entry-rejection-decision": Form(
            "/v1/residents/{id}/rejection/decision",
            "裁定登记申诉",
            (Field("counts", "登记是否属实", Kind.YES_NO), Field("explanation", "裁定说明", rows=3)),
            roles=frozenset({Role.CLERK}),
            of="register",
            phases=frozenset({"appealed"}),
            hint="裁定说明将告知本人。",
            done="已裁定,本人将收到通知。",
        ),
        "erasure": Form(
            "/v1/residents/{id}/erasure",
            "申请删除个人信息",
            (REASON,),
            roles=ADMINS,
            of="register",
            phases=frozenset({"kept"}),
            hint="须由另一名管理员确认。删除后无法恢复。",
            done="已申请,待另一名管理员确认。",
        ),
        "erasure-confirmation": Form(
            "/v1/residents/{id}/erasure/confirmation",
            "确认删除个人信息",
            roles=ADMINS,
            of="register",
            phases=frozenset({"erasing"}),
            hint="须与申请人不是同一人。确认后立即生效,无法恢复。",
            button="确认删除",
            done="已确认删除。",
            goes_to="/register",
        ),
        "hold": Form(
            "/v1/residents/{id}/hold",
            "保留备查",
            roles=AUDITORS,
            of="register",
            phases=frozenset({"looked-at"}),
            hint="解除之前,任何人不能删除此人的信息。",
            done="已保留备查。",
        ),
        "release": Form(
            "/v1/residents/{id}/hold",
            "解除保留",
            roles=AUDITORS,
            of="register",
            phases=frozenset({"looked-at"}),
            method="DELETE",
            done="已解除保留。",
        ),
    }
)


@router.get("/register")
async def register(
    browser: Browsing, host: str = "", verified: str = "", cursor: str = "", person: str = ""
) -> Response:
    """The roll of one's own host; of any for administrators. Who has only a number goes straight to it."""
    browser.must_sign_in()
    if person:
        return see(f"/register/{number(person)}")
    return await roll(browser, host_of(browser, host), verified, cursor)


@router.post("/register")
async def search(browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    typed = await browser.form()
    q, cursor = typed.get("q", "").strip(), typed.get("cursor", "")
    return await roll(browser, host_of(browser, ""), typed.get("verified", ""), cursor, q)


def host_of(browser: Browser, asked: str) -> str:
    assert browser.identity
    return asked if browser.identity.role == Role.ADMIN else str(browser.identity.org or "")


def number(typed: str) -> UUID:
    try:
        return UUID(typed.strip())
    except ValueError:
        raise ApiProblem(404, NOBODY) from None


NOBODY = {
    "title": "没有找到",
    "title_en": "Not found",
    "detail": "没有这个登记编号,请核对。",
    "detail_en": "There is no such number in the register.",
}


async def roll(browser: Browser, host_id: str, verified: str, cursor: str, q: str = "") -> HTMLResponse:
    assert browser.identity
    role = browser.identity.role
    rows: Mapping[str, Any] = {"items": [], "next": None}
    if host_id and role in (Role.HOST_STAFF, Role.ADMIN):
        wanted = {"verified": verified if verified in ("true", "false") else "", "q": q, "cursor": cursor}
        rows = await browser.get(f"/v1/hosts/{host_id}/residents", limit=50, **wanted)
    items = await browser.get("/v1/register/worklist") if role in (Role.HOST_STAFF, Role.CLERK) else []
    hosts = await browser.every("/v1/hosts") if role == Role.ADMIN else []
    return browser.page(
        "register.html",
        role=role,
        host_id=host_id,
        hosts=hosts,
        items=items,
        rows=rows["items"],
        following=rows["next"],
        verified=verified,
        q=q,
    )


@router.get("/register/{person_id}")
async def resident(person_id: UUID, browser: Browsing) -> HTMLResponse:
    """What each role may see of one person. That they looked is recorded."""
    browser.must_sign_in()
    assert browser.identity
    role, path = browser.identity.role, f"/v1/residents/{person_id}"
    person = await browser.get(path) if role in (Role.HOST_STAFF, Role.ADMIN) else None
    looks = await browser.get(f"{path}/log") if role == Role.AUDITOR else []
    if not (person or looks) and role != Role.CLERK:
        raise ApiProblem(404, NOBODY)
    rejection = await browser.find(f"{path}/rejection") if role in (Role.HOST_STAFF, Role.CLERK) else None
    collecting = []
    if role == Role.HOST_STAFF:
        collecting = (await browser.get("/v1/petitions", host_id=browser.identity.org, phase="collecting"))["items"]
    phases = [
        "unverified" if person and not person["verified"] else "verified",
        rejection["status"] if rejection and rejection["status"] != "upheld" else "standing",
        "erasing" if person and person["erasure_reason"] else "kept",
        "looked-at",
    ]
    return browser.page(
        "resident.html",
        id=person_id,
        role=role,
        person=person,
        rejection=rejection,
        looks=looks,
        petitions=collecting,
        names=await names(browser, person and person["host_id"]),
        offers=[name for phase in phases for name in offered(browser, "register", phase)],
    )


# The host's own list, in and out


@router.get("/roll/export")
async def export(browser: Browsing) -> Response:
    browser.must_sign_in()
    return await browser.file(f"/v1/hosts/{host_of(browser, '')}/residents/export")


@router.get("/roll/import")
async def import_page(browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    return browser.page("import.html", problem=None)


@router.post("/roll/import")
async def take_in(request: Request, browser: Browsing) -> Response:
    """The page grows while the rows are taken in: how far it is, and what is wrong in which line."""
    browser.must_sign_in()
    try:
        async with request.form(max_files=1) as typed:
            browser.must_be_ours(typed)
            file = typed.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise missing("file")
            content = await file.read()
        path = f"/v1/hosts/{host_of(browser, '')}/residents/imports"
        reports = await browser.reports(path, content, "text/csv")
    except ApiProblem as error:
        return browser.page("import.html", error.status, problem=error.problem)
    shown = browser.page("importing.html")
    start, end = bytes(shown.body).split(b"<!-- reports -->")
    del shown.headers["Content-Length"]

    async def growing() -> AsyncIterator[bytes]:
        yield start
        async for report in reports:
            yield browser.part("import_report.html", report=report).encode()
            await asyncio.sleep(0)
        yield end

    return StreamingResponse(growing(), headers=dict(shown.headers))
