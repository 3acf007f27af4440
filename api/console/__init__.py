"""The console: server-rendered pages for everybody, on the same commands and queries as the API.

A page asks the API as its reader would, in the same process (``browser.py``): there is no second way in. Everything
works without JavaScript; with it, a page that is open is brought up to date by itself.
"""

from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from api import problems
from api.console import (
    accesses,
    administration,
    audit,
    clerk,
    desk,
    feeds,
    follow,
    forms,
    host,
    intake,
    meetings,
    official,
    process,
    proof,
    public,
    register,
    resident,
    sign_here,
    signing_in,
    statistics,
    supervision,
    tasks,
    words,
    writing,
)
from api.console.browser import ApiProblem, Browser, SignInFirst, browsing, from_here, see, sign_in_address
from api.console.navigation import AUDIT, NAVIGATION
from api.problems import Problem
from infra.identity import IssuerUnreachable

words.know(FORMS=forms.FORMS, NAVIGATION=NAVIGATION, AUDIT=AUDIT)

HERE = Path(__file__).parent
PAGES = (
    writing,  # before public: petitions/new is no petition
    resident,  # before supervision: reports/new is no report
    accesses,
    administration,
    audit,
    clerk,
    desk,
    feeds,
    follow,
    forms,
    host,
    intake,
    meetings,
    official,
    process,
    proof,
    public,
    register,
    sign_here,
    signing_in,
    statistics,
    supervision,
    tasks,
)
ENDLESS = "/live"
FOR_PROGRAMS = ("/v1", "/docs", "/openapi.json", "/livez", "/readyz", "/metrics", "/static/")


def mount(app: FastAPI) -> None:
    for pages in PAGES:
        for route in pages.router.routes:
            if isinstance(route, APIRoute) and route.methods == {"GET"} and not route.path.endswith(ENDLESS):
                route.methods = {"GET", "HEAD"}
        app.include_router(pages.router, include_in_schema=False, dependencies=[Depends(from_here)])
    app.add_exception_handler(ApiProblem, show)
    app.add_exception_handler(SignInFirst, ask_who)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


async def show(request: Request, error: Exception) -> Response:
    """What the API refuses, in the words it has for people."""
    assert isinstance(error, ApiProblem)
    browser = await browsing(request)
    return browser.page("problem.html", error.status, problem=error.problem)


async def problem_page(request: Request, problem: Problem) -> Response | None:
    """The same for what goes wrong before the API is asked: at no address of ours, or while the database is away."""
    if request.url.path.startswith(FOR_PROGRAMS) or not problems.wants_page(request):
        return None
    try:
        browser = await browsing(request)
    except IssuerUnreachable:
        browser = Browser(request, None, None)
    page = browser.page("problem.html", problem.status, problem=problems.document(request.state.request_id, problem))
    page.headers.update(problem.headers or {})
    return page


async def ask_who(request: Request, error: Exception) -> Response:
    """What was typed when the session ran out goes along, through signing in."""
    assert isinstance(error, SignInFirst)
    if error.kept:
        return await signing_in.page(await browsing(request), 401, kept=error.kept)
    return see(sign_in_address(request))
