"""What surrounds every request: its id, its measure, the limits on its body, and the answer when all else fails."""

import logging
import time
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, Shown, of, response

log = logging.getLogger(__name__)
access = logging.getLogger("api.access")

MAX_BODY = 1024 * 1024
MAX_CSV = 8 * MAX_BODY  # a host's own list of its residents, at the one address that takes it
TAKES_CSV = "/residents/imports"
MAX_FILE = 10 * MAX_BODY  # evidence, which is read as it comes
FORM_AROUND_IT = 16 * 1024
TAKES_FILE = ("/evidence", "/paper-signatures", "/slip")
TAKES_FORM = "/notices/leaving"  # mail programs send one
READ_AND_FORGOTTEN = 16 * MAX_BODY  # of a larger one, so that its client is not cut off before it sees the answer
UNNAMED = "/v1/reports"  # in no figure and no line of the log: that somebody reports retaliation is nobody else's
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}


class Metrics:
    """One registry per app, so that two apps of one process (tests) do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "yuetan_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "yuetan_http_request_seconds",
            "From the request's arrival to the end of its answer",
            ["method", "route"],
            registry=self.registry,
        )
        self.commands = Counter(
            "yuetan_commands", "Commands, by what became of them", ["command", "result"], registry=self.registry
        )


class Front:
    """``shown``: gives people's browsers a problem as a page."""

    def __init__(self, app: ASGIApp, metrics: Metrics, shown: Shown) -> None:
        self.app, self.metrics, self.shown = app, metrics, shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        request_id = state.setdefault("request_id", uuid4().hex)  # a page's, where it asks for one
        status = 0

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if scope["method"] == "POST" and (scope["path"].endswith(TAKES_FILE) or _has_file(scope)):
                _check_length(scope, MAX_FILE + FORM_AROUND_IT)
                _check_type(scope, "multipart/form-data")
                incoming: Receive = _Bounded(receive, MAX_FILE + FORM_AROUND_IT)
            else:
                incoming = _Replay(await _body(scope, receive), receive)
            await self.app(scope, incoming, answering)
        except Exception as error:
            problem = of(error)
            if problem.status == 500:
                log.exception("request %s failed", request_id)
            if status:
                raise  # half an answer is out: the connection has to break
            state["code"] = problem.code
            answer = await self.shown(Request(scope), problem) or response(request_id, problem)
            await answer(scope, receive, answering)
        finally:
            route = "none" if scope["path"].startswith(UNNAMED) else getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"  # what clients make up is not kept
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(method, route).observe(time.perf_counter() - started)
            if status in (401, 403, 429):
                # Whoever tries doors is noticed; who it was stays out of the log.
                access.warning(
                    "refused status=%d code=%s method=%s route=%s role=%s request_id=%s",
                    status,
                    state.get("code", "-"),
                    method,
                    route,
                    state.get("role", "-"),
                    request_id,
                )


def _has_file(scope: Scope) -> bool:
    """A form of a page, which may bring a file."""
    sent = Headers(scope=scope).get("content-type", "").lower()
    return not scope["path"].startswith("/v1/") and sent.startswith("multipart/form-data")


class _Replay:
    """The body that has been read already, once; then whatever else the client sends (that it left)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Bounded:
    """A body as it comes, unless it is too large."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._size = receive, most, 0

    async def __call__(self) -> Message:
        message = await self._next()
        while self._size > self._most:
            if not message.get("more_body") or self._size > READ_AND_FORGOTTEN:
                raise too_large(self._most)
            message = await self._next()
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        return message


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, however it is cut, unless it is too large or of another kind."""
    csv = scope["path"].endswith(TAKES_CSV)
    most, wanted = (MAX_CSV, "text/csv") if csv else (MAX_BODY, "application/json")
    if scope["path"].endswith(TAKES_FORM) or not scope["path"].startswith("/v1/"):
        wanted = "application/x-www-form-urlencoded"
    _check_length(scope, most)
    bounded, parts, more = _Bounded(receive, most), [], True
    while more:
        message = await bounded()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    if body:
        _check_type(scope, wanted)
    return body


def _check_length(scope: Scope, most: int) -> None:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 0
    if announced > READ_AND_FORGOTTEN or (announced > most and "expect" in headers):
        raise too_large(most)


def _check_type(scope: Scope, wanted: str) -> None:
    if Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() != wanted:
        raise Problem(
            415,
            "unsupported-media-type",
            f"请求内容格式须为 {wanted}(Content-Type)。",
            f"Send the body as {wanted}, and say so in Content-Type.",
            "Content-Type",
        )


def too_large(most: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        f"请求内容超过 {most // MAX_BODY} MiB,请缩短。",
        f"The body is over {most // MAX_BODY} MiB: make it shorter.",
        headers={"Connection": "close"},
    )
