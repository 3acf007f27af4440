"""How petitions go, for auditors and supervisors: the map of their steps, waits, handovers, departures, comparisons."""

from asyncio import gather
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.console import process_map
from api.console.audit import KINDS
from api.console.browser import HEADERS, Browser, Browsing
from api.console.public import names
from api.console.words import words_in
from domain.petition.words import Category, Phase
from domain.wording import ZH

router = APIRouter(prefix="/process")

Tab = Literal["", "waits", "handovers", "departures", "organisations"]
TABS = {"": "流程图", "waits": "等待", "handovers": "交接", "departures": "合规", "organisations": "比较"}
SELECTION = ("host_id", "unit_id", "post_id", "category", "phase", "opened_from", "opened_until")
PATHS, MOST_PATHS = 30, 120
MATRIX_AT_MOST = 12  # organisations: more do not fit beside one another
STATES = {
    "": "尚未开始",
    "opinion_given": "已出具意见",
    "marked_urgent": "已标为紧急",
    "calling": "待通知应约领导",
    "under_review": "复查复核中",
    "returned": "复查退回",
    "disputed": "再次异议,待裁定",
    "going_on": "未中止",
    "suspended": "中止",
    "minutes_open": "会议记录待确认",
    "minutes_closed": "会议记录已定稿",
    "asked": "待批准",
    "decided": "已有决定",
    "open": "征求意见中",
}


def words() -> Iterator[str]:
    """All that these pages say beside their template."""
    yield from (*TABS.values(), *STATES.values())
    yield from (process_map.TITLE, process_map.ABOUT, process_map.TIMES, process_map.AGAIN)
    yield from (unit for _, unit in process_map.UNITS)


@router.get("")
async def process(browser: Browsing, tab: Tab = "", paths: int = PATHS, cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    chosen = _chosen(browser)
    paths = max(5, min(paths, MOST_PATHS))
    course, hosts, posts, units = await gather(
        browser.get("/v1/process", **chosen), *(browser.every(f"/v1/{sort}") for sort in ("hosts", "posts", "units"))
    )
    listed: dict[str, Any] = {"items": [], "next": None}
    if tab in ("waits", "departures"):
        listed = await browser.get(f"/v1/process/{tab}", **chosen, cursor=cursor, limit=30)
    shown = (*course["handovers"], *course["organisations"], *listed["items"])
    ids = {row.get(name) for row in shown for name in ("from_id", "to_id", "organisation_id", "on_behalf_of")}
    known = await names(browser, *ids)
    course["organisations"].sort(key=lambda row: known.get(row["organisation_id"], ""))  # of no merit
    drawn = "" if tab else process_map.drawing(course["arrows"], browser.language, paths)
    return browser.page(
        "process.html",
        course=course,
        drawing=drawn,
        listed=listed,
        matrix=None if len(matrix := _matrix(course["handovers"], known)) > MATRIX_AT_MOST else matrix,
        names=known,
        tabs=TABS,
        tab=tab,
        chosen=chosen,
        query=urlencode(chosen),
        choices=(("host_id", "社区(合作社)", hosts), ("post_id", "应约领导", posts), ("unit_id", "承办单位", units)),
        phases=[phase.value for phase in Phase],
        categories=[category.value for category in Category],
        paths=paths,
        kinds=KINDS,
        state=partial(_state, words=words_in(browser.language)),
        wait=partial(process_map.wait, words=words_in(browser.language)),
    )


@router.get("/map.svg")
async def drawing(browser: Browsing, paths: int = PATHS) -> Response:
    browser.must_sign_in()
    course = await browser.get("/v1/process", **_chosen(browser))
    drawn = process_map.drawing(course["arrows"], browser.language, paths)
    return Response(drawn, media_type="image/svg+xml", headers=HEADERS)


@router.get("/files/{what}")
async def download(browser: Browsing, what: Literal["ocel", "xes", "model"]) -> Response:
    browser.must_sign_in()
    return browser.through(f"/v1/process/{what}")


def _chosen(browser: Browser) -> dict[str, str]:
    """The selection that the page was asked for, as far as anything is chosen."""
    said = browser.request.query_params
    return {name: said[name] for name in SELECTION if said.get(name)}


def _matrix(handovers: list[dict[str, Any]], known: dict[str, str]) -> dict[str, dict[str, int]]:
    """Who hands on, and to whom how often: rows and columns are the same organisations, by name."""
    ids = {id for row in handovers for id in (row["from_id"], row["to_id"])}
    found = {id: dict[str, int]() for id in sorted(ids, key=lambda id: known.get(id, ""))}
    for row in handovers:
        found[row["from_id"]][row["to_id"]] = row["count"]
    return found


def _state(name: str, words: process_map.Words) -> str:
    code = name.partition(":")[2]
    return words(STATES.get(code) or ZH[code])
