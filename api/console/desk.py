"""What waits for whoever looks, soonest due first, with the step that is wanted."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, StreamingResponse

from api.console.browser import Browser, Browsing
from api.console.forms import FORMS
from api.console.live import rings
from api.console.public import names
from projections.notices import TEXTS

router = APIRouter()

# What is wanted, by the kind of item: forms, the likeliest first. Everything else is done on the matter's page.
STEPS = {
    "opinion": ("host-opinion",),
    "admissibility": ("acceptance", "rejection"),
    "public_text": ("public-text",),
    "receipt": ("receipt",),
    "acknowledge": ("acknowledgement",),
    "urgent": ("response",),
    "arrange_meeting": ("meeting",),
    "confirm_minutes": ("minutes-confirmation", "correction"),
    "correct_minutes": ("minutes-again",),
    "resident_objection": ("taking-up",),
    "roadmap": ("roadmap",),
    "claim": ("claim", "objection"),
    "task": ("progress", "evidence", "completion"),
    "responsible": ("progress",),
    "objection": ("mandate",),
    "unclaimed": ("mandate",),
    "confirm": ("confirmation", "return"),
    "answer": ("response", "reply", "extension"),
    "sign_off": ("reply-revision",),
    "commitment": ("delivery",),
    "call_back": ("call-back",),
    "withdrawals": ("alert-heeding",),
    "review": ("review-decision",),
    "extension": ("extension-approval", "extension-refusal"),
    "supervision": ("supervision-lifting", "supervision-answer"),
    "lift": ("supervision-lifting", "supervision-order"),
    "escalated": ("supervision-order",),
    "no_show": ("supervision-order",),
    "invalidation": ("invalidation-confirmation", "invalidation-drop"),
    "appeal": ("signature-decision",),
}
ADMISSION = ("admissibility", "public_text")  # are seen to on the clerk's working page
SUBJECTS = {
    "petitions": "petition_id",
    "tasks": "task_id",
    "meetings": "meeting_id",
    "replies": "reply_id",
    "intakes": "intake_id",
}


@router.get("/desk")
async def desk(browser: Browsing, cursor: str = "") -> HTMLResponse:
    browser.must_sign_in()
    page, figures = await asyncio.gather(
        browser.get("/v1/inbox", cursor=cursor, limit=50), browser.get("/v1/inbox/figures")
    )
    matters = list({item["petition_id"] for item in page["items"]})
    petitions = (await browser.get("/v1/petitions", id=matters, limit=50))["items"] if matters else []
    fragment = "HX-Request" in browser.request.headers
    return browser.page(
        "desk_items.html" if fragment else "desk.html",
        items=page["items"],
        following=page["next"],
        figures=figures,
        about={petition["id"]: petition for petition in petitions},
        names=await names(browser, *(petition["host_id"] for petition in petitions)),
        where=where,
        steps=partial(steps, browser),
        wanted=TEXTS[browser.language]["staff"],
    )


def steps(browser: Browser, item: dict[str, Any]) -> list[tuple[str, str]]:
    """The forms that an item asks this reader for, and what each is about."""
    role = browser.identity and browser.identity.role
    names = [name for name in STEPS.get(item["kind"], ()) if role in FORMS[name].roles]
    found = ((name, item[SUBJECTS[FORMS[name].of]]) for name in names)
    return [(name, id) for name, id in found if id]


def where(item: dict[str, Any]) -> str:
    """The page on which an item is looked at."""
    if item["meeting_id"]:
        return f"/meetings/{item['meeting_id']}"
    if item["reply_id"]:
        return f"/replies/{item['reply_id']}"
    if item["intake_id"]:
        return f"/intakes/{item['intake_id']}"
    if item["task_id"]:
        return f"/tasks/{item['task_id']}"
    return f"/{'admissibility' if item['kind'] in ADMISSION else 'petitions'}/{item['petition_id']}"


@router.get("/desk/live")
async def live(browser: Browsing) -> StreamingResponse:
    return await rings(browser)
