"""Signing without having signed in: read the topic, have a code sent, confirm it. And the poster that leads here."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from api.console.browser import SESSION, SESSION_SECONDS, ApiProblem, Browsing, keep, see
from api.console.forms import Form, declare
from api.console.public import names, signable

router = APIRouter()

declare(
    {
        "signing-link": Form("/v1/petitions/{id}/signing-link", "生成联名链接和二维码", done="链接和二维码已生成。"),
        "signing-link-end": Form(
            "/v1/petitions/{id}/signing-link",
            "停用联名链接",
            method="DELETE",
            hint="停用后,已印发的二维码和转发的链接都不能再用;已有的联名不受影响。",
            button="停用",
            done="联名链接已停用。",
        ),
    }
)


@router.get("/petitions/{petition_id}/sign")
async def sign_here(petition_id: UUID, browser: Browsing, link: str = "") -> Response:
    if not link and not signable(await browser.get(f"/v1/petitions/{petition_id}")):
        return see(f"/petitions/{petition_id}")
    return await _page(browser, petition_id, {"link": link})


@router.post("/petitions/{petition_id}/sign")
async def sign(petition_id: UUID, browser: Browsing) -> Response:
    """First where a code can be sent, then the code, then whatever is still to be known: which of a family, or, of
    whoever is new, name and basis."""
    fields = await browser.form()
    path = f"/v1/petitions/{petition_id}/signing"
    contact, code = fields.get("contact", ""), fields.get("code", "")
    to = {"email" if "@" in contact else "phone": contact}
    try:
        if not code:
            await browser.command("POST", path, to)
            return await _page(browser, petition_id, fields, asked=True)
        oneself = {
            "name": fields.get("name"),
            "basis": fields.get("basis"),
            "adult": True if "adult" in fields else None,
        }
        said = {name: value for name, value in (oneself | {"person": fields.get("person")}).items() if value}
        answer = (await browser.command("POST", f"{path}/confirmation", to | {"code": code} | said)).body
    except ApiProblem as error:
        return await _page(browser, petition_id, fields, error.status, asked=bool(code), problem=error.problem)
    if not answer["signed"]:
        return await _page(browser, petition_id, fields, asked=True, choices=answer["choices"], known=True)
    signed = see(f"/petitions/{petition_id}?done=co-signature")
    if not browser.identity:  # on staff's own screen, staff stay signed in
        keep(signed, browser.request, SESSION, answer["token"], SESSION_SECONDS)
    return signed


async def _page(
    browser: Browsing,
    petition_id: UUID,
    fields: Mapping[str, str],
    status: int = 200,
    *,
    asked: bool = False,
    known: bool = False,
    choices: Any = (),
    problem: Any = None,
) -> HTMLResponse:
    """``asked``: a code was sent. ``known``: it was right, and something about the signer is still to be told."""
    link = fields.get("link", "")
    if link:
        what = await browser.get(f"/v1/petitions/{petition_id}/signing", link=link)
    else:
        what = await browser.get(f"/v1/petitions/{petition_id}")
    return browser.page(
        "sign_here.html",
        status,
        id=petition_id,
        topic=what.get("public_topic") or what["topic"],
        details=what.get("public_details") or what["details"],
        host=(await names(browser, what["host_id"])).get(what["host_id"], ""),
        link=link,
        fields=fields,
        asked=asked,
        new=(known and not choices) or "name" in fields,
        choices=choices,
        problem=problem,
    )


@router.get("/petitions/{petition_id}/share")
async def share(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    """The link, its QR code, and a poster to print: for the lead petitioner and the host."""
    browser.must_sign_in()
    path = f"/v1/petitions/{petition_id}"
    row = await browser.get(path)
    link = await browser.find(f"{path}/signing-link")
    host = (await names(browser, row["host_id"])).get(row["host_id"], "")
    return browser.page("share.html", petition=row, link=link, host=host)
