"""The console: server-rendered pages for everybody, on the same commands and queries as the API.

A page asks the API as its reader would, in the same process (``browser.py``): there is no second way in. Everything
works without JavaScript; with it, a page that is open is brought up to date by itself.
"""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from api.console import audit, desk, feeds, forms, host, meetings, public, signing_in, words
from api.console.browser import ApiProblem, SignInFirst, browsing, see, sign_in_address
from api.console.navigation import NAVIGATION

assert host  # declares forms, and has no pages yet
words.know(FORMS=forms.FORMS, NAVIGATION=NAVIGATION)

HERE = Path(__file__).parent


def mount(app: FastAPI) -> None:
    for pages in (feeds, public, signing_in, forms, desk, audit, meetings):
        app.include_router(pages.router, include_in_schema=False)
    app.add_exception_handler(ApiProblem, show)
    app.add_exception_handler(SignInFirst, ask_who)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


async def show(request: Request, error: Exception) -> Response:
    """What the API refuses, in the words it has for people."""
    assert isinstance(error, ApiProblem)
    browser = await browsing(request)
    return browser.page("problem.html", error.status, problem=error.problem)


async def ask_who(request: Request, error: Exception) -> Response:
    """What was typed when the session ran out goes along, through signing in."""
    assert isinstance(error, SignInFirst)
    if error.kept:
        return await signing_in.page(await browsing(request), 401, kept=error.kept)
    return see(sign_in_address(request))
