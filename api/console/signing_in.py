"""Signing in with a one-time code, or, to try the engine out, as one of its personas; and signing out."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.console import forms
from api.console.browser import SESSION, SESSION_SECONDS, ApiProblem, Browser, Browsing, keep, known_by, local, see
from api.deps import public_base
from domain.command import Role
from infra.identity import InvalidToken, Issuer
from infra.single_sign_on import Attempt, SingleSignOn
from projections import directory

router = APIRouter()
logger = logging.getLogger(__name__)

ATTEMPT, ATTEMPT_SECONDS = "yuetan_attempt", 600
LONGEST_COOKIE = 3800  # bytes; browsers keep 4096 of name, value and attributes

NOBODY_YET = "new"  # of those who share a phone
OFFICES = {
    Role.CLERK: "区约谈办",
    Role.SUPERVISOR: "督查室",
    Role.DISCIPLINE: "纪检监察",
    Role.AUDITOR: "审计",
    Role.ADMIN: "系统管理员",
}
HOLDERS = {directory.HOST: Role.HOST_STAFF, directory.POST: Role.OFFICIAL, directory.UNIT: Role.UNIT_OFFICER}
NOT_KNOWN = {
    "title": "未能登录",
    "title_en": "Not signed in",
    "detail": "身份认证未通过,或登录时间过长。请重新登录;仍不成功的,请联系管理员核对您的角色和单位。",
    "detail_en": "You could not be identified, or it took too long. Sign in again; if that fails, have the"
    " administrator check your role and organisation.",
}
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
    """Twelve residents, those who watch over all, and somebody of each host, post and unit; nobody in earnest. Where
    two of an office decide there are two."""
    if browser.request.app.state.personas is None:
        return []
    found = [Persona(Role.RESIDENT, f"resident-{n}", None, f"居民 {n}") for n in range(1, 13)]
    found += [Persona(role, role.value, None, name) for role, name in OFFICES.items()]
    found.append(Persona(Role.ADMIN, "admin-2", None, f"{OFFICES[Role.ADMIN]} 2"))
    for sort, role in HOLDERS.items():
        rows, _ = await directory.entries(browser.request.app.state.services.pool, sort, limit=20)
        found += [Persona(role, f"{role}-{row['id']}", row["id"], row["name"]) for row in rows]
        if sort == directory.HOST:
            found += [Persona(role, f"{role}-{row['id']}-2", row["id"], f"{row['name']} 2") for row in rows]
    return found


@router.get("/sign-in")
async def sign_in_page(browser: Browsing, then: str = "/") -> HTMLResponse:
    return await page(browser, 200, then=local(then))


@router.post("/sign-in")
async def sign_in(browser: Browsing) -> Response:
    """First the contact, then the code; where a family shares a phone, which of them; and who is on no roll yet enters
    themselves on one."""
    fields = await browser.form()
    contact, code, person = fields.get("contact", ""), fields.get("code", ""), fields.get("person") or None
    shown: dict[str, Any] = {"contact": contact, "code": code, "kept": fields.get("kept", ""), "fields": fields}
    shown["then"] = local(fields.get("then", "/"))
    to = {"email" if "@" in contact else "phone": contact}
    new = person == NOBODY_YET or "name" in fields
    try:
        if not code:
            await browser.command("POST", "/v1/sign-in", to)
            return await page(browser, 200, **shown, asked=True)
        if "name" in fields:
            oneself = {name: fields[name] for name in ("name", "basis", "host_id") if fields.get(name)}
            adult = {"adult": True} if "adult" in fields else {}
            answer = await browser.command("POST", "/v1/sign-in/registration", to | {"code": code} | oneself | adult)
        elif new:
            return await page(browser, 200, **shown, asked=True, new=True)
        else:
            answer = await browser.command("POST", "/v1/sign-in/confirmation", to | {"code": code, "person": person})
    except ApiProblem as error:
        return await page(browser, error.status, **shown, asked=bool(code), problem=error, new=new)
    if answer.body["token"]:
        return await _signed_in(browser, answer.body["token"], fields)
    choices = answer.body["choices"]
    return await page(browser, 200, **shown, asked=True, choices=choices, new=not choices)


@router.post("/sign-in/persona")
async def sign_in_as(browser: Browsing) -> Response:
    """To try the engine out: only where `yuetan up` has no gateway for codes and no outside issuer."""
    fields = await browser.form()
    issuer: Issuer | None = browser.request.app.state.personas
    for persona in await personas(browser):
        if issuer and persona.subject == fields.get("subject"):
            token = issuer.token(persona.role, persona.subject, persona.org)
            return await _signed_in(browser, token, fields)
    raise ApiProblem(404, NO_PERSONA)


@router.get("/sign-in/provider")
async def go_to_provider(browser: Browsing, then: str = "/") -> Response:
    """Staff are known to the district's identity provider."""
    address, attempt = await _provider(browser).begin(_back(browser), local(then))
    answer = RedirectResponse(address, 303)
    keep(answer, browser.request, ATTEMPT, json.dumps(attempt), ATTEMPT_SECONDS)
    return answer


@router.get("/sign-in/provider/answer")
async def come_back_from_provider(browser: Browsing, code: str = "", state: str = "") -> Response:
    try:
        attempt = Attempt(**json.loads(browser.request.cookies.get(ATTEMPT, "{}")))
        token = await _provider(browser).finish(_back(browser), attempt, state, code)
        if len(token) > LONGEST_COOKIE:
            raise InvalidToken("the provider's token does not fit into a cookie")
    except (InvalidToken, ValueError, TypeError) as error:
        logger.warning("refused at the provider's answer: %s", error)
        raise ApiProblem(401, NOT_KNOWN) from None
    answer = await _signed_in(browser, token, {"then": attempt.then})
    answer.delete_cookie(ATTEMPT)
    return answer


def _provider(browser: Browser) -> SingleSignOn:
    found: SingleSignOn | None = browser.request.app.state.single_sign_on
    if found is None:
        raise ApiProblem(404, NO_PERSONA)
    return found


def _back(browser: Browser) -> str:
    return f"{public_base(browser.request)}/sign-in/provider/answer"


@router.post("/sign-in/token")
async def sign_in_with_token(browser: Browsing) -> Response:
    """Where the program is its own issuer, staff have a token from whoever runs it (`yuetan token`)."""
    fields = await browser.form()
    token = fields.get("token", "").strip()
    try:
        await browser.request.app.state.services.verifier.verify(token)
    except InvalidToken:
        raise ApiProblem(401, NOT_KNOWN) from None
    return await _signed_in(browser, token, fields)


@router.post("/sign-in/kept")
async def go_on(browser: Browsing) -> Response:
    """Signed in meanwhile in another tab, with what had been typed in this one."""
    browser.must_sign_in()
    return await forms.go_on(browser, str((await browser.request.form()).get("kept", "")))


@router.post("/sign-out")
async def sign_out(browser: Browsing) -> Response:
    await browser.form()
    answer = see("/")
    answer.delete_cookie(SESSION)
    return answer


async def _signed_in(browser: Browser, token: str, fields: Mapping[str, str]) -> Response:
    """Where they wanted to go; or the form, as they had filled it in."""
    answer: Response = see(local(fields.get("then", "/")))
    if kept := fields.get("kept"):
        answer = await forms.go_on(await known_by(browser.request, token), kept)
    keep(answer, browser.request, SESSION, token, SESSION_SECONDS)
    return answer


async def page(browser: Browser, status: int, **shown: Any) -> HTMLResponse:
    empty: dict[str, Any] = {"then": "/", "kept": "", "contact": "", "code": "", "problem": None}
    empty |= {"asked": False, "choices": [], "new": False, "fields": {}, "hosts": []}
    if shown.get("new"):
        shown["hosts"] = await forms.from_directory("hosts")(browser, forms.NOTHING)
    state = browser.request.app.state
    known = {"personas": await personas(browser), "provider": state.single_sign_on is not None}
    return browser.page("sign_in.html", status, tokens=state.services.verifier.ours, **known, **(empty | shown))
