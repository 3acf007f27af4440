"""What everybody may read: the list, a petition's story, the rates; and signing, for who is signed in."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from api.console import story
from api.console.ahead import ahead
from api.console.browser import LANGUAGE, Browsing, keep, see
from api.console.forms import Form, declare, offered
from api.console.gantt import gantt
from api.console.live import rings
from api.console.resident import my_part
from domain.command import Role
from domain.petition.words import SIGNATURES_CHANGE, Phase
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
RECENT, MOST = 30, 300  # events that are told at once, and with what is unfolded
A_YEAR = 365 * 24 * 3600
GROUPS = {
    "collecting": ("collecting",),
    "submitted": ("submitted",),
    "talking": ("accepted", "meeting", "roadmap"),
    "doing": ("in_progress",),
    "judging": ("answered", "feedback", "tracking"),
    "closed": ("closed",),
    "otherwise": ("lapsed", "withdrawn", "rejected", "referred", "merged"),
}
PUBLIC = ("talking", "doing", "judging", "closed")
STEPS = ("collecting", "submitted", "accepted", "meeting", "roadmap", "in_progress", "answered", "feedback", "closed")


async def names(browser: Browsing, *ids: str | None) -> dict[str, str]:
    """Of hosts, posts and units."""
    wanted = {UUID(id) for id in ids if id}
    found = await directory.names(browser.request.app.state.services.pool, wanted)
    return {str(id): name for id, name in found.items()}


@router.get("/")
async def petitions(
    browser: Browsing,
    q: str = "",
    phase: str = "",
    category: str = "",
    host_id: str = "",
    urgent: str = "",
    cursor: str = "",
) -> HTMLResponse:
    """``phase``: one of the groups, or a phase by itself."""
    chosen = {"q": q.strip()[:100], "phase": phase, "category": category, "host_id": host_id, "urgent": urgent}
    asked = chosen | {"phase": GROUPS.get(phase, phase)}
    found, hosts, figures = await asyncio.gather(
        browser.get("/v1/petitions", **asked, cursor=cursor, limit=PER_PAGE),
        browser.every("/v1/hosts"),
        _nothing() if cursor or any(chosen.values()) else browser.get("/v1/statistics"),
    )
    staff = browser.identity and browser.identity.role != Role.RESIDENT  # who sees others than are counted
    return browser.page(
        "petitions.html",
        rows=found["items"],
        following=found["next"],
        figures=figures,
        counts=counts(figures["phases"]) if figures and not staff else {},
        names=await names(browser, *(row["host_id"] for row in found["items"])),
        hosts=hosts,
        chosen=chosen,
        cursor=cursor,
        now=browser.now,
    )


def counts(phases: Mapping[str, int]) -> dict[str, int]:
    """Of what everybody may read, by group."""
    return {name: sum(phases.get(phase, 0) for phase in GROUPS[name]) for name in PUBLIC}


@router.get("/petitions/{petition_id}")
async def petition(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    path = f"/v1/petitions/{petition_id}"
    row = await browser.get(path)
    concerned = row["topic"] is not None
    clocks, told, part, documents, *meetings = await asyncio.gather(
        browser.get(f"{path}/clocks"),
        browser.every(f"{path}/history"),
        my_part(browser, petition_id),
        browser.get(f"{path}/documents") if concerned else _nothing(),
        *(browser.get(f"/v1/meetings/{meeting['id']}") for meeting in row["meetings"]),
    )
    units = [
        id for task in row["tasks"] for id in (task["lead_unit_id"], *task["supporting_unit_ids"], task["transfer_to"])
    ]
    units += [row["unit_id"] for meeting in meetings for row in meeting["commitments"]]
    delegates = [id for pair in row["delegates"].items() for id in pair]
    known = await names(browser, row["host_id"], *row["called_post_ids"], *units, *delegates, *story.ids(told))
    said = story.story(told, row, known, browser.language)
    newest = said.told[::-1]
    rounds: dict[int, list[dict[str, Any]]] = {}
    for task in row["tasks"]:
        rounds.setdefault(task["round"], []).append(task)
    return browser.page(
        "petition.html",
        petition=row,
        concerned=concerned,
        names=known,
        part=part,
        mine=part if part and part["signature"] == "valid" else None,
        offers=offered(browser, "petitions", row["phase"], row),
        documents=documents or [],
        meetings=meetings,
        recent=story.by_day(newest[:RECENT]),
        older=story.by_day(newest[RECENT:MOST]),
        oldest=len(newest[MOST:]),
        roadmaps=[
            (n, tasks, gantt(tasks, said.offered, browser.now)) for n, tasks in sorted(rounds.items(), reverse=True)
        ],
        ahead=ahead(row, clocks, known, browser.language, browser.now),
        steps=reached(row["phase"]),
        signing=signable(row),
        now=browser.now,
    )


def signable(row: Mapping[str, Any]) -> bool:
    return row["phase"] == Phase.COLLECTING or (row["urgent"] and row["phase"] in SIGNATURES_CHANGE)


async def _nothing() -> None:
    return None


@router.get("/petitions/{petition_id}/petition.json")
async def download(petition_id: UUID, browser: Browsing) -> Response:
    """What the page is made of, as this reader is shown it."""
    path = f"/v1/petitions/{petition_id}"
    row, clocks, told = await asyncio.gather(
        browser.get(path), browser.get(f"{path}/clocks"), browser.every(f"{path}/history")
    )
    headers = {"Content-Disposition": f'attachment; filename="petition-{petition_id}.json"'}
    return JSONResponse({"petition": row, "clocks": clocks, "history": told}, headers=headers)


@router.get("/petitions/{petition_id}/documents/{document}")
async def document(petition_id: UUID, document: str, browser: Browsing) -> Response:
    return await browser.file(f"/v1/petitions/{petition_id}/documents/{document}")


@router.get("/meetings/{meeting_id}/calendar.ics")
async def calendar(meeting_id: UUID, browser: Browsing) -> Response:
    return await browser.file(f"/v1/meetings/{meeting_id}/calendar.ics")


def reached(phase: str) -> list[tuple[str, str]]:
    """The ordinary steps, each done, now or to come; what ended otherwise has only its end."""
    steps = (*STEPS[:-1], "tracking", "closed") if phase == Phase.TRACKING else STEPS
    if phase not in steps:
        return [(phase, "now")]
    now = steps.index(phase)
    return [(step, "done" if n < now else "now" if n == now else "later") for n, step in enumerate(steps)]


@router.get("/petitions/{petition_id}/live")
async def live(petition_id: UUID, browser: Browsing) -> StreamingResponse:
    return await rings(browser, petition_id)


@router.get("/language/{language}")
async def choose_language(language: str, request: Request) -> Response:
    answer = see(request.headers.get("Referer") or "/")
    keep(answer, request, LANGUAGE, language if language in LANGUAGES else "zh", A_YEAR)
    return answer
