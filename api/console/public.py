"""What everybody may read: the list, a petition's story, the rates; and signing, for who is signed in."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from api.console.browser import LANGUAGE, ApiProblem, Browsing, keep, see
from api.console.forms import Form, declare, offered
from api.console.live import rings
from domain.command import Role
from domain.petition.words import Phase
from projections import directory
from projections.notices import LANGUAGES

router = APIRouter()

declare(
    {
        "co-signature": Form(
            "/v1/petitions/{id}/co-signatures", "我要联名", roles=frozenset({Role.RESIDENT}), done="您已联名。"
        )
    }
)

PER_PAGE = 20
A_YEAR = 365 * 24 * 3600
STEPS = ("collecting", "submitted", "accepted", "meeting", "roadmap", "in_progress", "answered", "feedback", "closed")


async def names(browser: Browsing, *ids: str | None) -> dict[str, str]:
    """Of hosts, posts and units."""
    wanted = [UUID(id) for id in ids if id]
    found = await directory.names(browser.request.app.state.services.pool, wanted)
    return {str(id): name for id, name in found.items()}


@router.get("/")
async def petitions(
    browser: Browsing, q: str = "", phase: str = "", category: str = "", cursor: str = ""
) -> HTMLResponse:
    found = await browser.get("/v1/petitions", q=q[:100], phase=phase, category=category, cursor=cursor, limit=PER_PAGE)
    figures = await browser.get("/v1/statistics")
    known = await names(browser, *(row["host_id"] for row in found["items"]))
    return browser.page(
        "petitions.html",
        rows=found["items"],
        following=found["next"],
        figures=figures,
        names=known,
        q=q,
        phase=phase,
        category=category,
        cursor=cursor,
        phases=[phase.value for phase in Phase],
    )


@router.get("/petitions/{petition_id}")
async def petition(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    path = f"/v1/petitions/{petition_id}"
    row = await browser.get(path)
    clocks = await browser.get(f"{path}/clocks")
    history = await browser.get(f"{path}/history", limit=200)
    mine = await own_signature(browser, path)
    units = [id for task in row["tasks"] for id in (task["lead_unit_id"], *task["supporting_unit_ids"])]
    known = await names(browser, row["host_id"], *row["called_post_ids"], *units)
    fragment = "HX-Request" in browser.request.headers
    return browser.page(
        "petition_body.html" if fragment else "petition.html",
        petition=row,
        clocks=clocks,
        history=history["items"],
        names=known,
        mine=mine,
        offers=offered(browser, "petitions", row["phase"]),
        steps=reached(row["phase"]),
    )


async def own_signature(browser: Browsing, path: str) -> dict[str, Any] | None:
    """The reader's own, where they are a resident who has one."""
    if browser.identity is None or browser.identity.role != "resident":
        return None
    try:
        mine: dict[str, Any] = await browser.get(f"{path}/co-signatures/mine")
    except ApiProblem:
        return None
    return mine


def reached(phase: str) -> list[tuple[str, str]]:
    """The ordinary steps, each done, now or to come; what ended otherwise has only its end."""
    if phase not in STEPS:
        return [(phase, "now")]
    now = STEPS.index(phase)
    return [(step, "done" if n < now else "now" if n == now else "later") for n, step in enumerate(STEPS)]


@router.get("/petitions/{petition_id}/live")
async def live(petition_id: UUID, browser: Browsing) -> StreamingResponse:
    return await rings(browser, petition_id)


@router.get("/statistics")
async def statistics(browser: Browsing, by: str = "host") -> HTMLResponse:
    figures = await browser.get("/v1/statistics", by=by)
    known = {} if by == "month" else await names(browser, *(group["key"] for group in figures["groups"]))
    return browser.page("statistics.html", figures=figures, by=by, names=known)


@router.get("/language/{language}")
async def choose_language(language: str, request: Request) -> Response:
    answer = see(request.headers.get("Referer") or "/")
    keep(answer, request, LANGUAGE, language if language in LANGUAGES else "zh", A_YEAR)
    return answer
