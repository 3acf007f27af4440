"""Following a public petition by e-mail: an address, then the code that was sent there."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.console.browser import ApiProblem, Browsing

router = APIRouter()


@router.get("/petitions/{petition_id}/follow")
async def follow_page(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    return await _page(browser, petition_id)


@router.post("/petitions/{petition_id}/follow")
async def follow(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    fields = await browser.form()
    path = f"/v1/petitions/{petition_id}/followers"
    email, code = fields.get("email", ""), fields.get("code", "")
    try:
        if not code:
            await browser.command("POST", path, {"email": email})
            return await _page(browser, petition_id, email=email, asked=True)
        body = {"email": email, "code": code, "language": browser.language}
        await browser.command("POST", f"{path}/confirmation", body)
    except ApiProblem as error:
        return await _page(browser, petition_id, error.status, email=email, asked=bool(code), problem=error.problem)
    return await _page(browser, petition_id, followed=True)


async def _page(
    browser: Browsing,
    petition_id: UUID,
    status: int = 200,
    *,
    email: str = "",
    asked: bool = False,
    followed: bool = False,
    problem: Any = None,
) -> HTMLResponse:
    row = await browser.get(f"/v1/petitions/{petition_id}")
    shown = {"petition": row, "email": email, "asked": asked, "followed": followed, "problem": problem}
    return browser.page("follow.html", status, **shown)
