"""Signing in with a one-time code, or, to try the engine out, as one of its personas; and signing out."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from api.console.browser import SESSION, SESSION_SECONDS, ApiProblem, Browsing, keep, see

router = APIRouter()


def local(address: str) -> str:
    """Only a page of ours is gone to: not ``//elsewhere``."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


@router.get("/sign-in")
async def sign_in_page(browser: Browsing, then: str = "/") -> HTMLResponse:
    return browser.page("sign_in.html", then=local(then), contact="", asked=False, choices=[], problem=None)


@router.post("/sign-in")
async def sign_in(browser: Browsing) -> Response:
    """First the contact, then the code; where a family shares a phone, which of them."""
    fields = await browser.form()
    contact, code, person = fields.get("contact", ""), fields.get("code", ""), fields.get("person") or None
    then = local(fields.get("then", "/"))
    to = {"email" if "@" in contact else "phone": contact}
    problem, choices = None, []
    try:
        if not code:
            await browser.ask("POST", "/v1/sign-in", to)
        else:
            answer = await browser.ask("POST", "/v1/sign-in/confirmation", to | {"code": code, "person": person})
            if answer["token"]:
                found = see(then)
                keep(found, browser.request, SESSION, answer["token"], SESSION_SECONDS)
                return found
            choices = answer["choices"]
    except ApiProblem as error:
        problem = error
    asked = bool(code) or problem is None
    return browser.page(
        "sign_in.html",
        problem.status if problem else 200,
        then=then,
        contact=contact,
        asked=asked,
        code=code,
        choices=choices,
        problem=problem,
    )


@router.post("/sign-out")
async def sign_out(browser: Browsing) -> Response:
    await browser.form()
    answer = see("/")
    answer.delete_cookie(SESSION)
    return answer
