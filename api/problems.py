"""Every error leaves as application/problem+json (RFC 9457), in one shape: what is wrong, where, and what to do.

``type`` is stable and made from the refusal's code; ``field`` is a JSON pointer into the body, ``?name`` for a query
parameter, or a header's name. No problem repeats what was sent: it may be somebody's text.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from domain.refusals import Conflict, Forbidden, Invalid, NotFound, Refusal, Stale
from infra.identity import IssuerUnreachable
from infra.people import Erased
from infra.repository import Unavailable

MEDIA_TYPE = "application/problem+json"

# The way to the database is broken, or it is starting, stopping or full. (asyncpg's own DataError is our mistake.)
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # where a connection ends between two steps of one statement
    asyncpg.UndefinedTableError,  # a read model was dropped, and is to be rebuilt
)

STATUS: dict[type[Refusal], int] = {Invalid: 422, Forbidden: 403, NotFound: 404, Conflict: 409, Stale: 412}

TITLES = {
    400: ("请求无法读取", "The request cannot be read"),
    401: ("请先登录", "Sign in first"),
    403: ("无权办理", "Not yours to do"),
    404: ("没有找到", "Not found"),
    405: ("不支持此方法", "Method not allowed"),
    409: ("目前不能办理", "Not now"),
    412: ("内容已更新", "Changed meanwhile"),
    413: ("内容过大", "Too large"),
    415: ("内容格式不支持", "Unsupported media type"),
    422: ("填写有误", "Something is filled in wrongly"),
    429: ("请稍后再试", "Too many requests"),
    500: ("系统故障", "Our fault"),
    503: ("暂时不可用", "Temporarily unavailable"),
}

# Errors that Starlette raises by itself.
PLAIN = {
    400: ("unreadable-request", "请求内容无法读取。", "The request cannot be read."),
    404: ("not-found", "没有这个地址,请核对。", "There is nothing at this address."),
    405: ("method-not-allowed", "此地址不支持该请求方法。", "This address does not take that method."),
}


class FieldError(BaseModel):
    field: str
    detail: str
    detail_en: str


class ProblemDocument(BaseModel):
    """The body of every error."""

    type: str = Field(examples=["/problems/already-signed"])
    title: str = Field(examples=["目前不能办理"])
    title_en: str = Field(examples=["Not now"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["您已联名,每人一次,无需重复。"])
    detail_en: str = Field(examples=["You have signed already; once is enough."])
    field: str | None = Field(None, examples=["/topic"])
    errors: list[FieldError] | None = Field(None, description="All fields that are wrong, when there are several.")
    request_id: str


class Problem(Exception):
    """An error of the request itself, found before any aggregate was asked."""

    def __init__(
        self,
        status: int,
        code: str,
        zh: str,
        en: str,
        field: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.zh, self.en, self.field = status, code, zh, en, field
        self.headers, self.errors = headers, errors


def document(request_id: str, problem: Problem) -> dict[str, Any]:
    title, title_en = TITLES[problem.status]
    found = ProblemDocument(
        type=f"/problems/{problem.code}",
        title=title,
        title_en=title_en,
        status=problem.status,
        detail=problem.zh,
        detail_en=problem.en,
        field=problem.field,
        errors=list(problem.errors) or None,
        request_id=request_id,
    )
    return found.model_dump(exclude_none=True)


def response(request_id: str, problem: Problem) -> JSONResponse:
    return JSONResponse(document(request_id, problem), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    """A browser says so; a program that does not care is given JSON."""
    return "text/html" in request.headers.get("Accept", "")


def of(error: Exception) -> Problem:
    """The problem that tells of an error; what nobody foresaw is a 500 and says nothing."""
    match error:
        case Problem():
            return error
        case Refusal():
            return Problem(STATUS[type(error)], error.code, error.zh, error.en, error.field and pointer(error.field))
        case RequestValidationError():
            return _invalid(error.errors())
        case HTTPException() if error.status_code in PLAIN:
            return Problem(error.status_code, *PLAIN[error.status_code], headers=error.headers)
        case Unavailable() | IssuerUnreachable() | TimeoutError():
            return _unavailable()
        case Erased():
            return unauthenticated("invalid_token")
        case _ if isinstance(error, UNREACHABLE) and not isinstance(error, asyncpg.DataError | ValueError):
            return _unavailable()
    return Problem(500, "internal", "系统出错,已记录,请稍后再试。", "Something broke on our side; it has been logged.")


def unauthenticated(error: str | None = None) -> Problem:
    return Problem(
        401,
        "unauthenticated",
        "请先登录,或重新登录后再试。",
        "Send a valid bearer token: sign in, or sign in again.",
        "Authorization",
        headers={"WWW-Authenticate": f'Bearer realm="yuetan", error="{error}"' if error else 'Bearer realm="yuetan"'},
    )


def _unavailable() -> Problem:
    return Problem(
        503,
        "unavailable",
        "系统暂时不可用,请稍后用同一幂等键重试。",
        "Temporarily unavailable: send the same request again, with the same Idempotency-Key.",
        headers={"Retry-After": "1"},
    )


def pointer(field: str) -> str:
    """``tasks.0.due_on`` -> ``/tasks/0/due_on``; a header keeps its name."""
    return field if field[0].isupper() else "/" + field.replace(".", "/")


# What pydantic finds, in words for people. Our own checks bring theirs along (schemas.py).
MEANINGS = {
    "missing": ("缺少此项。", "This is required."),
    "extra_forbidden": ("没有这个字段。", "There is no such field."),
    "string_type": ("应为文字。", "This must be a text."),
    "string_unicode": ("文字编码不完整。", "A text must not contain lone surrogates."),
    "string_too_long": ("最多 {max_length} 个字。", "At most {max_length} characters."),
    "string_too_short": ("至少 {min_length} 个字。", "At least {min_length} characters."),
    "too_long": ("最多 {max_length} 项。", "At most {max_length} items."),
    "too_short": ("至少 {min_length} 项。", "At least {min_length} items."),
    "enum": ("应为其中之一:{expected}。", "This must be one of {expected}."),
    "uuid_parsing": ("编号格式不对。", "This is no id."),
    "uuid_type": ("编号格式不对。", "This is no id."),
    "int_type": ("应为整数。", "This must be a whole number."),
    "int_parsing": ("应为整数。", "This must be a whole number."),
    "bool_type": ("应为 true 或 false。", "This must be true or false."),
    "greater_than_equal": ("不能小于 {ge}。", "At least {ge}."),
    "less_than_equal": ("不能大于 {le}。", "At most {le}."),
}


def _invalid(found: Sequence[Mapping[str, Any]]) -> Problem:
    first = found[0]
    if first["type"] == "json_invalid":
        return Problem(400, "malformed-json", "内容不是有效的 JSON。", "The body is not valid JSON.")
    if first["loc"][0] == "path":
        return Problem(404, "not-found", "没有找到,请核对编号。", "There is nothing with this id: check it.")
    errors = [_field_error(error) for error in found]
    return Problem(
        422,
        "invalid-input",
        errors[0].detail,
        errors[0].detail_en,
        errors[0].field,
        errors=errors if len(errors) > 1 else (),
    )


def _field_error(error: Mapping[str, Any]) -> FieldError:
    known = error.get("ctx", {})
    if meaning := MEANINGS.get(error["type"]):
        zh, en = (words.format(**known) for words in meaning)
    else:
        zh, en = known.get("zh", "内容不符合要求。"), error["msg"]
    return FieldError(field=_place(error["loc"]), detail=_safe(zh), detail_en=_safe(en))


def _place(loc: Sequence[str | int]) -> str:
    where, *steps = loc
    if where == "query":
        return f"?{steps[0]}"
    if where == "header":
        return str(steps[0]).title()
    return _safe("".join(f"/{step}" for step in steps))


def _safe(text: str) -> str:
    """Without lone surrogates, which JSON can carry in and UTF-8 cannot carry out; and short."""
    return text[:300].encode("utf-8", "replace").decode()


Shown = Callable[[Request, Problem], Awaitable[Response | None]]  # None: not as a page


def handle(app: FastAPI, shown: Shown) -> None:
    """Have the app answer with problems. What is caught nowhere, the front door catches (front.py)."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = of(error)
        request.state.code = problem.code
        return await shown(request, problem) or response(request.state.request_id, problem)

    for kind in (Problem, Refusal, RequestValidationError, HTTPException, Unavailable, IssuerUnreachable, Erased):
        app.add_exception_handler(kind, answer)
