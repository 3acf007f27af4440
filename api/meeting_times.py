"""When a called meeting could be held: on working days, in time, while none of those who come meets elsewhere."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api.calendars import LASTS
from api.deps import Known, Serving, caught_up
from api.openapi import PRIVATE_READ
from api.pages import petition_row, require_role
from domain.calendar import CHINA, ONE_DAY, Calendar, end_of, local_day
from domain.command import Role
from domain.refusals import not_found
from projections import board

router = APIRouter(prefix="/v1", tags=["meetings"])

BEGINNINGS = (time(9, 30), time(14, 30), time(19))  # the last for whoever works by day
AHEAD = 30 * ONE_DAY  # where no date is set
MOST = 9


@router.get("/petitions/{petition_id}/meeting-times", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def propose_times(petition_id: UUID, services: Serving, identity: Known) -> list[datetime]:
    """The first times, from tomorrow until the meeting is due, at which neither the host nor a called post has another
    meeting; for the host and the called posts."""
    require_role(identity, Role.HOST_STAFF, Role.OFFICIAL)
    page = await petition_row(services, identity, petition_id)
    if not page["handler"]:
        raise not_found("petition")
    now = services.now()
    due = [clock["due_at"] for clock in page["clocks"] if clock["rule"] == "meeting"]
    until = max(due[0] if due else now + AHEAD, end_of(local_day(now) + ONE_DAY))
    people = [(Role.HOST_STAFF, page["host_id"]), *((Role.OFFICIAL, id) for id in page["called_post_ids"])]
    taken: list[datetime] = []
    for role, org in people:
        rows: list[dict[str, Any]] = await board.meetings(services.pool, role, org, (now, until))
        taken += [row["starts_at"] for row in rows if row["status"] == "scheduled"]
    calendar = (await services.rules()).in_force(now).calendar
    free = (at for at in _working_hours(calendar, local_day(now), until) if all(abs(at - t) >= LASTS for t in taken))
    return [at for at, _ in zip(free, range(MOST), strict=False)]


def _working_hours(calendar: Calendar, day: date, until: datetime) -> Iterator[datetime]:
    while calendar.knows((day := day + ONE_DAY).year):
        for beginning in BEGINNINGS if calendar.why_free(day) is None else ():
            at = datetime.combine(day, beginning, CHINA)
            if at > until:
                return
            yield at
        if end_of(day) > until:
            return
