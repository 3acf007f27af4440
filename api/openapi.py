"""What the OpenAPI document says beyond what the routes' types say: the problems and headers of every answer."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, TITLES, ProblemDocument

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    return {
        status: {
            "description": " / ".join(TITLES[status]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def _headers(**headers: str) -> dict[str, Any]:
    return {
        "headers": {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    }


_ETAG = "The version, for If-Match."
_POSITION = "Where the command stands in the log: give it to a GET as `after`."

COMMAND: Responses = {
    200: _headers(ETag=_ETAG, Yuetan_Position=_POSITION),
    **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503),
}
CREATION: Responses = {
    201: _headers(ETag=_ETAG, Yuetan_Position=_POSITION, Location="The address of what was created."),
    **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503),
}
# A version would count what is done in secret: none is told, and none may be given.
SECRET_COMMAND: Responses = {
    200: _headers(Yuetan_Position=_POSITION),
    **problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
}
READ: Responses = problems(401, 404, 422, 500, 503)
PRIVATE_READ: Responses = problems(401, 403, 404, 422, 500, 503)
REGISTER: Responses = problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503)
REGISTER_CREATION: Responses = {201: _headers(Location="The address of what was created."), **REGISTER}
SIGN_IN: Responses = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)

DESCRIPTION = """
点题约谈 (called meetings): residents set the topic, the leader is called to talk, and the task gets closed.

* A command is a POST to a noun below the resource (PUT replaces, DELETE takes back), and answers with what the resource
  has become. `Idempotency-Key` makes it safe to repeat: the same key and body get the same answer, the same key with
  another body is refused (422).
* `ETag` is the version. Send it as `If-Match` to decide only on what you have read (412 when it has changed). What is
  done in secret in a ballot has none.
* `Yuetan-Position` of a command, given as `after` to a GET, lets you read your own write.
* Lists answer with `items` and `next`: give `next` as `cursor` for the following page; null on the last.
* Times are RFC 3339 in UTC. Every error is `application/problem+json` (RFC 9457) with a stable `type`; `field` is a
  JSON pointer into the body, `?name` for a query parameter, or a header's name.
"""

TAGS = [
    {"name": "petitions", "description": "From the topic to the residents' judgement."},
    {"name": "ballots", "description": "What the co-signers decide in secret."},
    {"name": "reports", "description": "Retaliation and violations, for discipline inspection alone."},
    {"name": "intakes", "description": "Signatures that host staff took in on paper, at the door or by telephone."},
    {"name": "links", "description": "Cases of other systems about the same."},
    {"name": "meetings", "description": "Called meetings."},
    {"name": "tasks", "description": "The rows of the roadmap, each done by a unit."},
    {"name": "work", "description": "What waits for whom, and the rates."},
    {"name": "history", "description": "What happened, as the log tells it."},
    {"name": "proof", "description": "That nothing in the log was altered or removed."},
    {"name": "directory", "description": "Hosts, posts, units, roles, policies and holidays."},
    {"name": "webhooks", "description": "Other systems that are told what happens."},
    {"name": "sign-in", "description": "One-time codes for residents."},
    {"name": "register", "description": "A host's roll, one's own data, and erasure."},
    {"name": "notices", "description": "What one was told, and how one wants to be written to."},
    {"name": "operations", "description": "For those who run the engine."},
]


def document(app: FastAPI) -> None:
    """Give the app its OpenAPI document, made at the first request."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                openapi_version=app.openapi_version,
                description=DESCRIPTION,
                routes=app.routes,
                tags=TAGS,
            )
            problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            made["components"]["schemas"] |= {**problem.pop("$defs"), "ProblemDocument": problem}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
