"""Signing in with a one-time code, or, to try the engine out, as one of its personas; and signing out."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from api.console import forms
from api.console.browser import SESSION, SESSION_SECONDS, ApiProblem, Browser, Browsing, keep, local, see
from domain.command import Role
from infra.identity import Issuer
from projections import directory

router = APIRouter()

OFFICES = {
    Role.CLERK: "区约谈办",
    Role.SUPERVISOR: "督查室",
    Role.DISCIPLINE: "纪检监察",
    Role.AUDITOR: "审计",
    Role.ADMIN: "系统管理员",
}
HOLDERS = {directory.HOST: Role.HOST_STAFF, directory.POST: Role.OFFICIAL, directory.UNIT: Role.UNIT_OFFICER}
NO_PERSONA = {
    "title": "不能以此身份登录",
    "title_en": "Nobody to try out",
    "detail": "请用手机号或邮箱登录。",
    "detail_en": "Sign in with a phone number or an e-mail address.",
}


@dataclass(frozen=True)
class Persona:
    role: Role
    subject: str
    org: UUID | None
    name: str


async def personas(browser: Browsing) -> list[Persona]:
    """Twelve residents, those who watch over all, and somebody of each host, post and unit; nobody in earnest."""
    if browser.request.app.state.personas is None:
        return []
    found = [Persona(Role.RESIDENT, f"resident-{n}", None, f"居民 {n}") for n in range(1, 13)]
    found += [Persona(role, role.value, None, name) for role, name in OFFICES.items()]
    for sort, role in HOLDERS.items():
        rows, _ = await directory.entries(browser.request.app.state.services.pool, sort, limit=20)
        found += [Persona(role, f"{role}-{row['id']}", row["id"], row["name"]) for row in rows]
    return found


@router.get("/sign-in")
async def sign_in_page(browser: Browsing, then: str = "/") -> HTMLResponse:
    return await page(browser, 200, then=local(then))


@router.post("/sign-in")
async def sign_in(browser: Browsing) -> Response:
    """First the contact, then the code; where a family shares a phone, which of them."""
    fields = await browser.form()
    contact, code, person = fields.get("contact", ""), fields.get("code", ""), fields.get("person") or None
    shown = {"then": local(fields.get("then", "/")), "contact": contact, "code": code, "kept": fields.get("kept", "")}
    to = {"email" if "@" in contact else "phone": contact}
    try:
        if not code:
            await browser.command("POST", "/v1/sign-in", to)
            return await page(browser, 200, **shown, asked=True)
        answer = await browser.command("POST", "/v1/sign-in/confirmation", to | {"code": code, "person": person})
    except ApiProblem as error:
        return await page(browser, error.status, **shown, asked=bool(code), problem=error)
    if answer.body["token"]:
        return await _signed_in(browser, answer.body["token"], shown)
    return await page(browser, 200, **shown, asked=True, choices=answer.body["choices"])


@router.post("/sign-in/persona")
async def sign_in_as(browser: Browsing) -> Response:
    """To try the engine out: only where `yuetan up` has no gateway for codes and no outside issuer."""
    fields = await browser.form()
    issuer: Issuer | None = browser.request.app.state.personas
    for persona in await personas(browser):
        if issuer and persona.subject == fields.get("subject"):
            token = issuer.token(persona.role, persona.subject, persona.org)
            shown = {"then": local(fields.get("then", "/")), "kept": fields.get("kept", "")}
            return await _signed_in(browser, token, shown)
    raise ApiProblem(404, NO_PERSONA)


@router.post("/sign-out")
async def sign_out(browser: Browsing) -> Response:
    await browser.form()
    answer = see("/")
    answer.delete_cookie(SESSION)
    return answer


async def _signed_in(browser: Browser, token: str, shown: dict[str, str]) -> Response:
    """Where they wanted to go; or the form, as they had filled it in."""
    answer: Response = see(shown["then"])
    if shown["kept"]:
        identity = await browser.request.app.state.services.verifier.verify(token)
        answer = await forms.go_on(Browser(browser.request, identity, token), shown["kept"])
    keep(answer, browser.request, SESSION, token, SESSION_SECONDS)
    return answer


async def page(browser: Browser, status: int, **shown: object) -> HTMLResponse:
    empty = {"then": "/", "kept": "", "contact": "", "code": "", "asked": False, "choices": [], "problem": None}
    return browser.page("sign_in.html", status, personas=await personas(browser), **(empty | shown))
