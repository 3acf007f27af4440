"""One request of somebody's browser: who is signed in, in which language, and the API asked in their name.

The session is the API's own bearer token in a cookie that no script can read. A form carries a mark made from it, which
another site cannot know (and SameSite keeps the cookie from its posts).
"""

import hmac
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import httpx
from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.types import Receive, Scope, Send

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
    _known: dict[str, Any] = field(default_factory=dict)  # what this page has been told

    @property
    def language(self) -> str:
        chosen = self.request.cookies.get(LANGUAGE)
        return chosen if chosen in LANGUAGES else "zh"

    # The API

    async def get(self, path: str, **query: Any) -> Any:
        """The answer's body, as of the reader's last command; ``ApiProblem`` where there is a problem. What one page
        wants several times is asked for once."""
        asked = f"{path} {sorted(query.items())}"
        if asked not in self._known:
            self._known[asked] = _read(await self._get(path, query)).body
        return self._known[asked]

    async def find(self, path: str) -> Any:
        """None where there is nothing."""
        try:
            return await self.get(path)
        except ApiProblem as error:
            if error.status != 404:
                raise
            return None

    async def every(self, path: str) -> list[Any]:
        """The items of all pages of a list."""
        found: list[Any] = []
        cursor = None
        while True:
            page = await self.get(path, limit=200, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    async def command(
        self, method: str, path: str, body: Any = None, *, files: Any = None, key: str | None = None
    ) -> Answer:
        """With files, the body's fields are a form's."""
        self._known.clear()
        headers = {"Idempotency-Key": key} if key else {}
        sent: dict[str, Any] = {"data": body, "files": files} if files else {"json": body}
        return _read(await self._answer(method, path, headers=headers, **sent))

    async def file(self, path: str, **query: Any) -> Response:
        """What the API answers, as it is: a paper, a calendar, a picture."""
        answer = await self._answer("GET", path, params=_filled(query))
        kept = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control")
        return Response(answer.content, headers={name: answer.headers[name] for name in kept if name in answer.headers})

    def through(self, path: str) -> Response:
        """What the API answers to the page's own query, handed on as it comes: however long it is."""
        return _Through(self, path)

    async def _get(self, path: str, query: Mapping[str, Any]) -> httpx.Response:
        after = None if self.behind else self.request.query_params.get("after")
        try:
            return await self._answer("GET", path, params=_filled({**query, "after": after}))
        except ApiProblem as error:
            if not after or error.problem["type"] != "/problems/not-caught-up":
                raise
            self.behind = True
            return await self._get(path, query)

    async def _answer(self, method: str, path: str, **sent: Any) -> httpx.Response:
        answer = await self._http.request(method, path, **sent)
        if answer.status_code == 401 and self.identity:
            raise SignInFirst  # it ran out, or was revoked
        if answer.is_error:
            raise ApiProblem(answer.status_code, answer.json())
        return answer

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Without a socket, there is nothing to close."""
        client = self.request.client
        transport = httpx.ASGITransport(self._app, client=(client.host, client.port) if client else ("", 0))
        headers = {"Authorization": f"Bearer {self.token}"} if self.identity else {}
        return httpx.AsyncClient(
            transport=transport, base_url=str(self.request.base_url), headers=headers, trust_env=False
        )

    async def ask(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The page's own request, as one to the API."""
        headers = [(b"authorization", f"Bearer {self.token}".encode())]
        await self._app({**scope, "path": path, "raw_path": path.encode(), "headers": headers}, receive, send)

    async def _app(self, scope: Any, receive: Receive, send: Send) -> None:
        """What a page asks for goes under the page's own request id."""
        await self.request.app({**scope, "state": {"request_id": self.request.state.request_id}}, receive, send)

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


def _filled(query: Mapping[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in query.items() if value not in (None, "")} or None


class _Through(Response):
    def __init__(self, browser: Browser, path: str) -> None:
        super().__init__()
        self._browser, self._path = browser, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._browser.ask(self._path, scope, receive, send)


def _read(answer: httpx.Response) -> Answer:
    is_json = "json" in answer.headers.get("Content-Type", "")
    return Answer(answer.json() if answer.content and is_json else None, answer.headers.get("Yuetan-Position", ""))


async def from_here(request: Request) -> None:
    """Nothing that another site has a browser send is taken, nor shown again: one press more must not send it."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise ApiProblem(403, FROM_ELSEWHERE)


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
