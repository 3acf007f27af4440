"""Writing a petition in three steps. The fields of all go along in each, so that nothing is lost on the way."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from api.console.browser import ApiProblem, Browser, Browsing, SignInFirst
from api.console.forms import FORMS, NOTHING, Form, Typed, declare, kept, show, wrong

router = APIRouter()

FIELDS = {"topic": 1, "details": 1, "category": 2, "host_id": 2, "called_post_ids": 2, "about_ids": 2}  # their step
POSTS = ("post1", "post2", "post3")
BEGINNING = 2_000  # of the details: by so much similar ones are looked for


def petition_of(typed: FormData) -> dict[str, Any]:
    """What the API is sent; what is not filled in yet is left out."""

    def said(name: str) -> str:
        return str(typed.get(name, "")).strip().replace("\r\n", "\n")

    body: dict[str, Any] = {name: said(name) for name in ("topic", "details", "category", "host_id") if said(name)}
    if posts := [said(name) for name in POSTS if said(name)]:
        body["called_post_ids"] = posts
    if body.get("category") == "conduct":
        body["about_ids"] = [str(id) for id in typed.getlist("about_ids") if id]
    return body


async def beginning(browser: Browser, _: UUID) -> dict[str, Any]:
    """The key is that of the whole walk: going back and forth opens no second petition."""
    me = await browser.find("/v1/me")  # there is none of whoever is known to an outside identity provider alone
    return {"step": "1", "key": browser.new_key(), "host_id": me["host_id"] if me else ""}


async def around(browser: Browser, _: UUID, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The directory, those on whose roll one is first; and similar petitions."""
    topic, details = ("".join(values.get(name, [])) for name in ("topic", "details"))
    me, hosts, posts, units, alike = await asyncio.gather(
        browser.find("/v1/me"),
        browser.every("/v1/hosts"),
        browser.every("/v1/posts"),
        browser.every("/v1/units"),
        similar(browser, topic, details),
    )
    hosts.sort(key=lambda host: me is None or host["id"] != me["host_id"])
    return {
        "own_host": me and me["host_id"],
        "hosts": hosts,
        "posts": posts,
        "units": units,
        "named": {row["id"]: row["name"] for row in (*hosts, *posts, *units)},
        "similar": alike,
        "step_of": FIELDS,
    }


async def similar(browser: Browser, topic: str, details: str) -> list[dict[str, Any]]:
    if not topic.strip():
        return []
    try:
        found: list[dict[str, Any]] = await browser.get(
            "/v1/petitions/similar", topic=topic, details=details[:BEGINNING], limit=5
        )
    except ApiProblem as error:
        if error.status != 422:  # the topic is too long: that is told elsewhere
            raise
        return []
    return found


@router.get("/petitions/new")
async def begin_petition(browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    return await show(browser, "new-petition", NOTHING, Typed())


@router.post("/petitions/new")
async def write_petition(request: Request, browser: Browsing) -> HTMLResponse:
    """From one step to another. Forward, what the steps before asked for has to be right."""
    typed = await request.form()
    try:
        browser.must_sign_in()
        browser.must_be_ours(typed)
    except SignInFirst as error:
        error.kept = json.dumps(["new-petition", str(NOTHING), kept(typed)])
        raise
    except ApiProblem as error:
        return await show(browser, "new-petition", NOTHING, wrong(FORMS["new-petition"], error, typed), error.status)
    said = Typed(kept(typed))
    to = 3 if typed.get("step") == "3" else 2 if typed.get("step") == "2" else 1
    try:
        if to > 1:
            await browser.command("POST", "/v1/petitions/check", petition_of(typed))
    except ApiProblem as error:
        said = wrong(FORMS["new-petition"], error, typed)
        said.errors = {name: found for name, found in said.errors.items() if FIELDS.get(name, to) < to}
        if said.errors or (to == 3 and not error.problem.get("errors") and not error.problem.get("field")):
            said.values = {**said.values, "step": [str(to - 1)]}
        else:
            said.problem = None
    answer = await show(browser, "new-petition", NOTHING, said, 422 if said.problem else 200)
    answer.headers["Cache-Control"] = "private, no-cache"  # or else "back" asks whether to send it again
    return answer


@router.post("/petitions/new/similar")
async def look_for_similar(browser: Browsing) -> HTMLResponse:
    """While it is being written."""
    browser.must_sign_in()
    said = await browser.form()
    return browser.page("similar.html", similar=await similar(browser, said.get("topic", ""), said.get("details", "")))


declare(
    {
        "new-petition": Form(
            "/v1/petitions",
            "写申请",
            of="",
            begin=beginning,
            body=petition_of,
            template="petition_new.html",
            besides=around,
            goes_to="/petitions/{id}",
            done="申请已设立,您是第一位联名人。现在请邻居来联名。",
        ),
    }
)
