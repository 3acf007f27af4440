"""Atom feeds (RFC 4287) of what is public: of one petition's story, and of all petitions. The same for everybody."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Request, Response

from api.console import story
from api.console.browser import Browser
from api.console.public import names
from api.console.words import words_in
from api.deps import public_base

router = APIRouter()

ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml; charset=utf-8"
ALL = UUID("0b8a2c2e-6e0f-5d6c-9c0e-6665656e6166")  # the feed of all petitions, wherever it is read
ENTRIES = 50
LANGUAGE = "zh"  # a feed reader has no cookie to choose another with
_ = words_in(LANGUAGE)


@dataclass(frozen=True)
class Item:
    id: UUID
    title: str
    updated: str
    path: str
    text: str | None = None


@router.get("/feed.atom")
async def petitions_feed(request: Request) -> Response:
    """The newest petitions, each with its text."""
    found = await Browser(request, None, None).get("/v1/petitions", limit=ENTRIES)
    items = [
        Item(UUID(row["id"]), _title(row["public_topic"]), row["changed_at"], _page(row["id"]), row["public_details"])
        for row in found["items"]
    ]
    newest = max((item.updated for item in items), default=request.app.state.now().isoformat())
    return _feed(request, Item(ALL, _("公开申请"), newest, "/"), items)


@router.get("/petitions/{petition_id}/feed.atom")
async def petition_feed(petition_id: UUID, request: Request) -> Response:
    """What has happened to one petition, in sentences, the newest first."""
    public, path = Browser(request, None, None), f"/v1/petitions/{petition_id}"
    row = await public.get(path)
    happened = await public.every(f"{path}/history")
    known = await names(public, row["host_id"], *row["called_post_ids"], *story.ids(happened))
    told = story.story(happened, row, known, LANGUAGE).told[: -ENTRIES - 1 : -1]
    page = _page(petition_id)
    items = [Item(uuid5(petition_id, str(entry.position)), entry.text, entry.at, page) for entry in told]
    about = Item(petition_id, _title(row["public_topic"]), row["changed_at"], page)
    return _feed(request, about, items)


def _feed(request: Request, about: Item, items: list[Item]) -> Response:
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": "zh-CN"})
    _put(request, feed, about)
    SubElement(SubElement(feed, "author"), "name").text = request.app.state.office
    SubElement(feed, "link", rel="self", href=_absolute(request, request.url.path))
    for item in items:
        _put(request, SubElement(feed, "entry"), item)
    written = tostring(feed, "utf-8", xml_declaration=True)
    headers = {"ETag": f'"{hashlib.sha256(written).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == headers["ETag"]:  # feed readers come again and again
        return Response(status_code=304, headers=headers)
    return Response(written, media_type=MEDIA_TYPE, headers=headers)


def _put(request: Request, into: Element, item: Item) -> None:
    SubElement(into, "id").text = f"urn:uuid:{item.id}"
    SubElement(into, "title").text = item.title
    SubElement(into, "updated").text = item.updated
    SubElement(into, "link", rel="alternate", href=_absolute(request, item.path))
    if item.text:
        SubElement(into, "content", type="text").text = item.text


def _title(topic: str | None) -> str:
    return topic or _("公开文本待发布")


def _page(petition_id: UUID | str) -> str:
    return f"/petitions/{petition_id}"


def _absolute(request: Request, path: str) -> str:
    return public_base(request) + path
