"""For auditors: how far the log is sealed, its checkpoints and keys to copy, and the proof of one event."""

import re
from asyncio import gather

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.console.browser import Browsing

router = APIRouter(prefix="/audit/proof")

POSITION = re.compile("[1-9][0-9]{0,17}")


@router.get("")
async def proof(browser: Browsing, position: str = "", cursor: str = "") -> HTMLResponse:
    """``position``: of an event in the log, whose proof is shown too."""
    browser.must_sign_in()
    standing, made = await gather(
        browser.get("/v1/proof"), browser.get("/v1/proof/checkpoints", cursor=cursor, limit=20)
    )
    return browser.page(
        "proof.html",
        standing=standing,
        rows=made["items"],
        following=made["next"],
        position=position,
        inclusion=await browser.find(f"/v1/proof/inclusion/{position}") if POSITION.fullmatch(position) else None,
    )
