"""One request of somebody's browser: who is signed in, in which language, and the API asked in their name.

The session is the API's own bearer token in a cookie that no script can read. A form carries a mark made from it, which
another site cannot know (and SameSite keeps the cookie from its posts).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.console.words import render
from infra.identity import Identity, InvalidToken
from projections.notices import LANGUAGES

SESSION, LANGUAGE = "yuetan_session", "yuetan_language"
SESSION_SECONDS = 8 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}


class ApiProblem(Exception):
    """The API's own answer, to be shown to people."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("type"))
        self.status, self.problem = status, problem


@dataclass
class Browser:
    request: Request
    identity: Identity | None
    token: str | None

    @property
    def language(self) -> str:
        chosen = self.request.cookies.get(LANGUAGE)
        return chosen if chosen in LANGUAGES else "zh"

    # The API

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The answer's body; ``ApiProblem`` where there is a problem."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.identity else {}
        client = self.request.client
        transport = httpx.ASGITransport(self.request.app, client=(client.host, client.port) if client else ("", 0))
        async with httpx.AsyncClient(transport=transport, base_url="http://console") as http:
            params = {name: value for name, value in query.items() if value not in (None, "")}
            answer = await http.request(method, path, json=body, params=params, headers=headers)
        if answer.is_error:
            raise ApiProblem(answer.status_code, answer.json())
        return answer.json() if answer.content else None

    async def get(self, path: str, **query: Any) -> Any:
        return await self.ask("GET", path, **query)

    # Pages

    def page(self, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        html = render(template, self.language, browser=self, mark=self.mark, **values)
        return HTMLResponse(html, status, HEADERS)

    @property
    def mark(self) -> str:
        """Of this session's forms."""
        key: bytes = self.request.app.state.services.sign_in.register.keyed("form", self.token or "")
        return key.hex()[:32]

    async def form(self) -> dict[str, str]:
        """The fields of a form of ours; a forged one is refused."""
        fields = {name: str(value) for name, value in (await self.request.form()).items()}
        if not hmac.compare_digest(fields.pop("mark", ""), self.mark):
            raise ApiProblem(
                403,
                {
                    "title": "表单已失效",
                    "title_en": "This form is no longer good",
                    "detail": "请返回上一页刷新后重试。",
                    "detail_en": "Go back, load the page again and try once more.",
                },
            )
        return fields

    def must_sign_in(self) -> None:
        if self.identity is None:
            raise SignInFirst


class SignInFirst(Exception):
    """Whoever wants this has to be known."""


async def browsing(request: Request) -> Browser:
    token = request.cookies.get(SESSION)
    identity = None
    if token:
        try:
            identity = await request.app.state.services.verifier.verify(token)
        except InvalidToken:
            token = None
    return Browser(request, identity, token)


Browsing = Annotated[Browser, Depends(browsing)]


def keep(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure)


def see(address: str) -> RedirectResponse:
    """After a command: the page is got anew, so that neither back nor reload says it twice."""
    return RedirectResponse(address, 303)


def sign_in_address(request: Request) -> str:
    return f"/sign-in?then={quote(request.url.path)}"
