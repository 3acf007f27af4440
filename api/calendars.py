"""Meetings in people's own calendars (RFC 5545): one by one, and as a feed at an address of their own.

What a calendar shows on a locked phone gives nothing away: a resident's entry has no topic, and its UID leads to no
petition.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import icalendar
from fastapi import APIRouter, Request, Response

from api.deps import Known, Services, Serving, caught_up, pseudonym, public_base
from api.openapi import PRIVATE_READ, READ, REGISTER, REGISTER_CREATION, Responses
from api.pages import petition_row, readable, require_role
from api.schemas import CalendarFeed
from domain.command import Role
from domain.meeting import Meeting, Status
from domain.petition import Petition
from domain.refusals import Forbidden, not_found
from infra.identity import Identity
from infra.people import Erased
from projections import board

router = APIRouter(prefix="/v1")

CAUGHT_UP = [caught_up("board")]
WHO = (Role.RESIDENT, Role.HOST_STAFF, Role.OFFICIAL, Role.UNIT_OFFICER)
BACK, AHEAD = timedelta(days=30), timedelta(days=400)
LASTS = timedelta(hours=2)  # nobody says how long a meeting will be
SUMMARY, RESIDENTS_SUMMARY = "点题约谈会", "会议"
MEDIA_TYPE = "text/calendar; charset=utf-8"
CALENDAR: Responses = {200: {"content": {"text/calendar": {}}}}


@router.get(
    "/meetings/{meeting_id}/calendar.ics",
    tags=["meetings"],
    responses=PRIVATE_READ | CALENDAR,
    dependencies=CAUGHT_UP,
    response_class=Response,
)
async def meeting_calendar(meeting_id: UUID, request: Request, services: Serving, identity: Known) -> Response:
    """The meeting as a calendar file, for those who are invited."""
    meeting = await services.repository.get(Meeting, meeting_id)
    await petition_row(services, identity, meeting.matter_id)
    require_role(identity, *WHO)
    row = {name: getattr(meeting, name) for name in ("id", "starts_at", "venue", "status", "rescheduled")}
    rows = await _mine(services, identity, [row | {"petition_id": meeting.matter_id}])
    if not rows or not (identity.role == Role.RESIDENT or await _comes(services, identity, meeting)):
        raise Forbidden("not-invited", "您不在此会议的邀请之列。", "You are not invited to this meeting.")
    return Response(_calendar(rows, identity, request.app.state.now()), media_type=MEDIA_TYPE)


@router.post("/calendar-feeds", status_code=201, tags=["register"], responses=REGISTER_CREATION)
async def make_calendar_feed(request: Request, response: Response, services: Serving, identity: Known) -> CalendarFeed:
    """An address of one's own under which a calendar program reads one's meetings. Whoever has it reads them: a new one
    makes the old one useless."""
    require_role(identity, *WHO)
    await pseudonym(services, identity, UUID(int=0))  # raises for whoever has been erased
    token = await services.calendar_feeds.make(identity)
    response.headers["Location"] = f"/v1/calendar-feeds/{token}"
    base = public_base(request)
    return CalendarFeed(url=f"{base}/v1/calendar-feeds/{token}")


@router.delete("/calendar-feeds/mine", status_code=204, tags=["register"], responses=REGISTER)
async def revoke_calendar_feed(services: Serving, identity: Known) -> None:
    """From now on nobody reads anything there."""
    if not await services.calendar_feeds.revoke(identity):
        raise not_found("calendar feed")


@router.get("/calendar-feeds/{token}", tags=["meetings"], responses=READ | CALENDAR, response_class=Response)
async def read_calendar_feed(token: str, request: Request, services: Serving) -> Response:
    """For calendar programs, which cannot sign in: the address itself is the secret."""
    identity = await services.calendar_feeds.find(token)
    if identity is None:
        raise not_found("calendar feed")
    now = request.app.state.now()
    try:
        await pseudonym(services, identity, UUID(int=0))  # raises for whoever has been erased meanwhile
        rows = await board.meetings(services.pool, identity.role, identity.org, (now - BACK, now + AHEAD))
        rows = await _mine(services, identity, rows)
    except Erased:
        await services.calendar_feeds.revoke(identity)
        raise not_found("calendar feed") from None
    return Response(_calendar(rows, identity, now), media_type=MEDIA_TYPE)


async def _comes(services: Services, identity: Identity, meeting: Meeting) -> bool:
    """Whether it is in this organisation's calendar."""
    around = meeting.starts_at, meeting.starts_at
    rows = await board.meetings(services.pool, identity.role, identity.org, around)
    return any(row["id"] == meeting.id for row in rows)


async def _mine(services: Services, identity: Identity, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what a calendar knows them by: of residents, those whose petition they signed or objected to."""
    mine = []
    for row in rows:
        if identity.role != Role.RESIDENT:
            mine.append(row | {"uid": row["id"]})
            continue
        petition = await services.repository.get(Petition, row["petition_id"])
        by = await pseudonym(services, identity, petition.id)
        if petition.signers.get(by) or await _objected(services, row["id"], by):
            mine.append(row | {"uid": uuid5(row["id"], by)})
    return await readable(services.keyring, mine)


async def _objected(services: Services, meeting_id: UUID, by: str) -> bool:
    meeting = await services.repository.get(Meeting, meeting_id)
    return by in [objection.by for objection in meeting.objections.values()]


def _calendar(rows: Iterable[dict[str, Any]], identity: Identity, now: datetime) -> bytes:
    resident = identity.role == Role.RESIDENT
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Yuetan//meetings//ZH")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", RESIDENTS_SUMMARY if resident else SUMMARY)
    calendar.add("x-published-ttl", "PT1H")
    for row in rows:
        cancelled = row["status"] == Status.CANCELLED
        event = icalendar.Event()
        event.add("uid", str(row["uid"]))
        event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
        event.add("dtstart", row["starts_at"].astimezone(UTC))
        event.add("duration", LASTS)
        event.add("summary", RESIDENTS_SUMMARY if resident else SUMMARY)
        event.add("location", row["venue"])
        event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
        event.add("sequence", row["rescheduled"] + cancelled)
        event.add("class", "PRIVATE")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
