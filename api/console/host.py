"""The community's or cooperative's own page: its meetings, its petitions, what it took down; and its opinion."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.console.browser import Browsing
from api.console.forms import Field, Form, declare
from domain.command import Role
from domain.petition.words import Phase
from infra.identity import Identity

router = APIRouter()

COLLECTING = (Phase.COLLECTING, Phase.SUBMITTED)
UNDER_WAY = (Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP, Phase.IN_PROGRESS, Phase.ANSWERED, Phase.FEEDBACK)


def to_be_submitted(petition: Mapping[str, Any], who: Identity) -> bool:
    return bool(petition["host_id"] == str(who.org) and petition["signatures"] >= petition["threshold"])


declare(
    {
        "host-opinion": Form(
            "/v1/petitions/{id}/host-opinion",
            "出具意见并提交",
            (Field("opinion", "社区(合作社)意见"),),
            roles=frozenset({Role.HOST_STAFF}),
            phases=frozenset({Phase.COLLECTING}),
            fits=to_be_submitted,
            hint="出具意见后即提交区里;期满未出具的,自动提交。意见不影响申请的提交。",
            done="意见已出具,申请已提交。",
        ),
    }
)


@router.get("/host")
async def host(browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    assert browser.identity
    org = browser.identity.org
    drafts = await browser.get(f"/v1/hosts/{org}/drafts")  # refused for whoever is not of a host
    entry, waiting, collecting, under_way = await asyncio.gather(
        browser.get(f"/v1/hosts/{org}"),
        browser.get("/v1/inbox", limit=200),
        browser.get("/v1/petitions", host_id=org, phase=COLLECTING, limit=50),
        browser.get("/v1/petitions", host_id=org, phase=UNDER_WAY, limit=50),
    )
    return browser.page(
        "host.html",
        host=entry,
        drafts=drafts,
        meetings=[item for item in waiting["items"] if item["kind"] == "meeting"],
        collecting=collecting["items"],
        under_way=under_way["items"],
        now=browser.now,
    )
