"""How petitions fare, in figures and charts: overall, and by month, host, leading post or unit."""

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.console.browser import Browsing
from api.console.public import names
from api.statistics import By
from domain.petition.words import ENDS, Phase

router = APIRouter()

LABELS_AT_MOST = 12  # months that fit beside one another on a phone


@router.get("/statistics")
async def statistics(browser: Browsing, by: By | Literal[""] = "") -> HTMLResponse:
    figures = await browser.get("/v1/statistics", by=by)
    groups = figures["groups"]
    known = {} if by == "month" else await names(browser, *(group["key"] for group in groups))
    for group in groups:
        group["name"] = known.get(group["key"], group["key"])
    groups.sort(key=lambda group: group["name"])  # of no merit
    return browser.page(
        "statistics.html",
        figures=figures,
        by=by,
        groups=groups,
        phases=[phase for phase in Phase if figures["phases"].get(phase)],
        stays=[(phase, figures["stays"][phase]) for phase in Phase if phase in figures["stays"] and phase not in ENDS],
        every=-(-len(groups) // LABELS_AT_MOST),
    )


@router.get("/statistics.{format}")
async def download(browser: Browsing, format: Literal["csv", "json"], by: By = "host") -> Response:
    return await browser.file("/v1/downloads/statistics", by=by, format=format)
