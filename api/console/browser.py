"""One request of somebody's browser: who is signed in, in which language, and the API asked in their name.

The session is the API's own bearer token in a cookie that no script can read. A form carries a mark made from it, which
another site cannot know (and SameSite keeps the cookie from its posts).
"""

import hmac
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import httpx
from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from api.console import streaming
from api.console.words import render
from infra.identity import Identity, InvalidToken
from projections import directory
from projections.notices import LANGUAGES

SESSION, LANGUAGE = "yuetan_session", "yuetan_language"
SESSION_SECONDS = 8 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}


FROM_ELSEWHERE = {
    "title": "未办理",
    "title_en": "Not done",
    "detail": "这份表单是从其他网站发来的,没有办理。请在本站页面上填写。",
    "detail_en": "This form was sent from another site, and nothing was done. Fill it in on a page of this one.",
}
FORGED = {
    "title": "表单已失效",
    "title_en": "This form is no longer good",
    "detail": "登录身份已变化。请核对后再次提交。",
    "detail_en": "You have signed in anew meanwhile. Check it, then send it again.",
}


class ApiProblem(Exception):
    """The API's own answer, to be shown to people."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("type"))
        self.status, self.problem = status, problem


class Answer(NamedTuple):
    """``position``: from which on the read models show what was done; "" where nothing was."""

    body: Any
    position: str


@dataclass
class Browser:
    """``office``: the name of the host, post or unit that the reader acts for. ``behind``: what was just done is not to
    be read yet."""

    request: Request
    identity: Identity | None
    token: str | None
    office: str = ""
    behind: bool = False

    @property
    def language(self) -> str:
        chosen = self.request.cookies.get(LANGUAGE)
        return chosen if chosen in LANGUAGES else "zh"

    # The API

    async def get(self, path: str, **query: Any) -> Any:
        """The answer's body, as of the reader's last command; ``ApiProblem`` where there is a problem."""
        after = None if self.behind else self.request.query_params.get("after")
        try:
            return (await self._ask("GET", path, query=query | {"after": after})).body
        except ApiProblem as error:
            if not after or error.problem["type"] != "/problems/not-caught-up":
                raise
            self.behind = True
            return await self.get(path, **query)

    async def command(
        self, method: str, path: str, body: Any = None, *, files: Any = None, key: str | None = None
    ) -> Answer:
        """With files, the body's fields are a form's."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self._ask(method, path, body, files=files, headers=headers)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = await self._answer(method, path, body, files=files, query=query, headers=headers)
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.json() if answer.content and is_json else None, answer.headers.get("Yuetan-Position", ""))

    async def file(self, path: str, **query: Any) -> Response:
        """What the API answers, as it is: a paper, a calendar, a picture."""
        answer = await self._answer("GET", path, query=query)
        kept = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control")
        return Response(answer.content, headers={name: answer.headers[name] for name in kept if name in answer.headers})

    async def _answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        asked = dict(headers or {})
        if self.identity:
            asked["Authorization"] = f"Bearer {self.token}"
        params = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        sent: dict[str, Any] = {"data": body, "files": files} if files else {"json": body}
        answer = await self._http.request(method, path, params=params or None, headers=asked, **sent)
        if answer.status_code == 401 and self.identity:
            raise SignInFirst  # it ran out, or was revoked
        if answer.is_error:
            raise ApiProblem(answer.status_code, answer.json())
        return answer

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Without a socket, there is nothing to close."""
        client = self.request.client
        transport = httpx.ASGITransport(self.request.app, client=(client.host, client.port) if client else ("", 0))
        return httpx.AsyncClient(transport=transport, base_url=str(self.request.base_url), trust_env=False)

    @property
    def now(self) -> datetime:
        at: datetime = self.request.app.state.now()
        return at

    async def reports(self, path: str, content: bytes, media_type: str) -> AsyncGenerator[Any, None]:
        """What the API reports on something long (JSON lines), line by line, while it is done."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}
        status, parts = await streaming.answer(self.request.app, path, headers, content)
        if status >= 400:
            problem = json.loads(b"".join([part async for part in parts]))
            raise SignInFirst if status == 401 else ApiProblem(status, problem)

        async def lines() -> AsyncGenerator[Any, None]:
            rest = b""
            async with aclosing(parts):
                async for part in parts:
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        yield json.loads(line)

        return lines()

    # Pages

    def part(self, template: str, /, **values: Any) -> str:
        return render(template, self.language, browser=self, mark=self.mark, **values)

    def page(self, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.part(template, **values), status, HEADERS)

    @property
    def mark(self) -> str:
        """Of this session's forms."""
        key: bytes = self.request.app.state.services.sign_in.register.keyed("form", self.token or "")
        return key.hex()[:32]

    def new_key(self) -> str:
        """Of a form that is shown: whoever sends it twice is understood once."""
        return uuid4().hex

    def must_be_from_here(self) -> None:
        """Of what another site sends, by the browser's word, not even the text is shown again."""
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise ApiProblem(403, FROM_ELSEWHERE)

    def must_be_ours(self, typed: FormData) -> None:
        """Of a form that was sent: another site cannot have made it."""
        if not hmac.compare_digest(str(typed.get("mark", "")), self.mark):
            raise ApiProblem(403, FORGED)

    async def form(self) -> dict[str, str]:
        """The fields of a form of ours; a forged one is refused."""
        typed = await self.request.form()
        self.must_be_ours(typed)
        return {name: str(value) for name, value in typed.items() if name != "mark"}

    def must_sign_in(self) -> None:
        if self.identity is None:
            raise SignInFirst


class SignInFirst(Exception):
    """Whoever wants this has to be known. ``kept``: the form that they had filled in."""

    kept = ""


async def browsing(request: Request) -> Browser:
    token = request.cookies.get(SESSION)
    if token:
        try:
            return await known_by(request, token)
        except InvalidToken:
            pass
    return Browser(request, None, None)


async def known_by(request: Request, token: str) -> Browser:
    """``InvalidToken`` where it proves nothing."""
    services = request.app.state.services
    identity = await services.verifier.verify(token)
    names = await directory.names(services.pool, [identity.org]) if identity.org else {}
    return Browser(request, identity, token, next(iter(names.values()), ""))


Browsing = Annotated[Browser, Depends(browsing)]


def keep(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure)


def see(address: str) -> RedirectResponse:
    """After a command: the page is got anew, so that neither back nor reload says it twice."""
    return RedirectResponse(address, 303)


def local(address: str) -> str:
    """Only a page of ours is gone to: not ``//elsewhere``."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


def sign_in_address(request: Request) -> str:
    return f"/sign-in?then={quote(request.url.path)}"
