"""Signatures and topics that the host's staff take in for somebody: from slips, at the door, by telephone.

The resident is found on the roll first, and then stands in the form; who signed is listed nowhere. A slip is found
again by the number that it got when it was entered.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from api.console.browser import Browser, Browsing, see
from api.console.forms import Field, Form, Kind, declare, from_directory, offered
from api.console.register import number
from api.console.words import CODES
from domain.command import Role
from domain.intake import Status
from domain.petition.words import Phase

router = APIRouter()

HOST = frozenset({Role.HOST_STAFF})
SIGNING = frozenset({Phase.COLLECTING, Phase.SUBMITTED})
WHO = (Field("resident_id", "", Kind.HIDDEN), Field("resident", "", Kind.HIDDEN))
MEANS = Field(
    "means",
    "登记方式",
    Kind.CHOICE,
    choices=tuple((code, words) for code, words in CODES["means"].items() if code != "paper"),
)
SLIP = Field(
    "file",
    "签名单照片或扫描件",
    Kind.FILE,
    hint="一人一单。JPEG、PNG、WebP 或 PDF,不超过 10 MB。",
    accept="image/jpeg,image/png,image/webp,application/pdf",
)
TOLD = (
    Field("topic", "题目", Kind.LINE),
    Field("details", "内容", rows=8),
    Field("category", "类别", Kind.CHOICE, choices=tuple(CODES["category"].items())),
    Field("called_post_ids", "约请的领导(一至三位)", Kind.SEVERAL, choices=from_directory("posts")),
)


async def somebody(browser: Browser, _: UUID) -> Mapping[str, Any]:
    """Whom the address names; one has looked at them."""
    asked = browser.request.query_params.get("resident", "")
    if not asked:
        return {}
    person = await browser.get(f"/v1/residents/{number(asked)}")
    return {"resident_id": person["id"], "resident": person["name"]}


def of_somebody(*fields: Field) -> Any:
    """The name is there to be read, not to be sent."""

    def body(typed: FormData) -> Any:
        read = ((item.name, item.read(typed)) for item in (WHO[0], *fields))
        return {name: value for name, value in read if value is not None}

    return body


declare(
    {
        "paper-signature": Form(
            "/v1/petitions/{id}/paper-signatures",
            "录入纸质签名",
            (*WHO, SLIP),
            begin=somebody,
            body=of_somebody(),
            template="intake_form.html",
            hint="是否已经联名,系统不告知任何人。",
            done="签名单已录入。请把编号写在签名单上。",
            goes_to="/intakes/{id}",
        ),
        "signature-intake": Form(
            "/v1/petitions/{id}/intakes",
            "上门或电话登记联名",
            (*WHO, MEANS),
            begin=somebody,
            body=of_somebody(MEANS),
            template="intake_form.html",
            button="下一步:复述",
            done="已记下,请向本人复述。",
            goes_to="/drafts/{id}?sent={code_sent}",
        ),
        "petition-intake": Form(
            "/v1/hosts/{id}/intakes",
            "代为提出约谈申请",
            (*WHO, MEANS, *TOLD),
            of="",
            begin=somebody,
            body=of_somebody(MEANS, *TOLD),
            template="intake_form.html",
            button="下一步:复述",
            done="已记下,请向本人复述。",
            goes_to="/drafts/{id}?sent={code_sent}",
        ),
        "draft-confirmation": Form(
            "/v1/drafts/{id}/confirmation",
            "凭验证码确认",
            (Field("code", "本人告知的验证码", Kind.LINE),),
            of="drafts",
            button="确认",
            done="已按本人意愿登记。",
            goes_to="/intakes/{id}",
        ),
        "draft-code": Form(
            "/v1/drafts/{id}/code",
            "重新发送验证码",
            of="drafts",
            done="已处理。",
            goes_to="/drafts/{id}?sent={code_sent}",
        ),
        "draft-slip": Form(
            "/v1/drafts/{id}/slip",
            "凭签名单确认",
            (SLIP,),
            of="drafts",
            button="确认",
            done="已按本人意愿登记。请把编号写在签名单上。",
            goes_to="/intakes/{id}",
        ),
        "invalidation": Form(
            "/v1/intakes/{id}/invalidation",
            "认定签名不实",
            (Field("reason", "理由", rows=3),),
            roles=HOST,
            of="intakes",
            phases=frozenset({Status.VALID}),
            hint="须由另一名工作人员确认。确认后告知签名人,签名人可以申诉,由受理人员裁定。",
            done="已提出,待另一名工作人员确认。",
        ),
        "invalidation-confirmation": Form(
            "/v1/intakes/{id}/invalidation/confirmation",
            "确认签名不实",
            roles=HOST,
            of="intakes",
            phases=frozenset({Status.PROPOSED}),
            hint="须与提出人不是同一人。申诉期满或裁定之前,签名仍然有效。",
            button="确认不实",
            done="已确认,签名人将收到通知。",
        ),
        "invalidation-drop": Form(
            "/v1/intakes/{id}/invalidation",
            "撤销认定",
            roles=HOST,
            of="intakes",
            phases=frozenset({Status.PROPOSED}),
            method="DELETE",
            done="已撤销,签名有效。",
        ),
        "signature-decision": Form(
            "/v1/intakes/{id}/decision",
            "裁定签名申诉",
            (Field("counts", "签名是否有效", Kind.YES_NO), Field("explanation", "裁定说明", rows=3)),
            roles=frozenset({Role.CLERK}),
            of="intakes",
            phases=frozenset({Status.APPEALED}),
            hint="裁定说明将告知签名人。",
            done="已裁定,签名人将收到通知。",
        ),
    }
)


@router.get("/petitions/{petition_id}/sheet")
async def sheet(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    """One signer after the other: found on the roll, then their slip, then the next."""
    return await _sheet(browser, petition_id, "")


@router.post("/petitions/{petition_id}/sheet")
async def find_signer(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    typed = await browser.form()
    return await _sheet(browser, petition_id, typed.get("q", "").strip())


async def _sheet(browser: Browser, petition_id: UUID, q: str) -> HTMLResponse:
    browser.must_sign_in()
    assert browser.identity
    petition = await browser.get(f"/v1/petitions/{petition_id}")
    found = (await browser.get(f"/v1/hosts/{petition['host_id']}/residents", q=q, limit=20))["items"] if q else []
    return browser.page("sheet.html", petition=petition, found=found, q=q)


@router.get("/drafts/{draft_id}")
async def draft(draft_id: UUID, browser: Browsing, sent: str = "") -> HTMLResponse:
    browser.must_sign_in()
    taken = await browser.get(f"/v1/drafts/{draft_id}")
    return browser.page("intake_draft.html", draft=taken, sent=sent)


@router.get("/intakes")
async def find_intake(browser: Browsing) -> Response:
    return see(f"/intakes/{number(browser.request.query_params.get('number', ''))}")


@router.get("/intakes/{intake_id}")
async def intake(intake_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    taken = await browser.get(f"/v1/intakes/{intake_id}")
    return browser.page("intake.html", intake=taken, offers=offered(browser, "intakes", taken["status"]))


@router.get("/intakes/{intake_id}/slip")
async def slip(intake_id: UUID, browser: Browsing) -> Response:
    """To be saved; never shown in place."""
    browser.must_sign_in()
    return await browser.file(f"/v1/intakes/{intake_id}/slip")
