"""Called meetings."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import Anyone, AtDesk, Serving, caught_up
from api.openapi import COMMAND, READ
from api.pages import MeetingPage, part_of_page
from api.schemas import MeetingState, Minutes, Reason, Rescheduling
from domain.meeting import Meeting
from domain.petition import Petition

router = APIRouter(prefix="/v1/meetings", tags=["meetings"])


@router.get("/{meeting_id}", responses=READ, dependencies=[caught_up("board")])
async def read_meeting(meeting_id: UUID, services: Serving, identity: Anyone, response: Response) -> MeetingPage:
    """Seen by whoever sees its petition."""
    meeting = await services.repository.get(Meeting, meeting_id)
    row = await part_of_page(services, identity, meeting.matter_id, "meetings", meeting_id)
    response.headers["ETag"] = f'"{row["version"]}"'
    return MeetingPage.model_validate(row)


@router.post("/{meeting_id}/rescheduling", responses=COMMAND)
async def reschedule(meeting_id: UUID, body: Rescheduling, desk: AtDesk) -> MeetingState:
    meeting = await desk.get(Meeting, meeting_id)
    return await desk.execute(
        Meeting.reschedule,
        meeting_id,
        MeetingState.of,
        matter_id=meeting.matter_id,
        texts={"venue": body.venue, "reason": body.reason},
        starts_at=body.starts_at,
    )


@router.post("/{meeting_id}/cancellation", responses=COMMAND)
async def cancel(meeting_id: UUID, body: Reason, desk: AtDesk) -> MeetingState:
    meeting = await desk.get(Meeting, meeting_id)
    return await desk.execute(
        Meeting.cancel, meeting_id, MeetingState.of, matter_id=meeting.matter_id, texts={"reason": body.reason}
    )


@router.post("/{meeting_id}/minutes", responses=COMMAND)
async def hold(meeting_id: UUID, body: Minutes, desk: AtDesk) -> MeetingState:
    """Record that the meeting took place: its petition moves on to the roadmap."""
    meeting = await desk.get(Meeting, meeting_id)
    return await desk.execute(
        Meeting.hold,
        meeting_id,
        MeetingState.of,
        matter_id=meeting.matter_id,
        texts={"minutes": body.minutes},
        also={"petition": (Petition, meeting.matter_id)},
    )
