"""Called meetings."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk
from api.openapi import COMMAND
from api.schemas import MeetingState, Minutes, Reason, Rescheduling
from domain.meeting import Meeting
from domain.petition import Petition

router = APIRouter(prefix="/v1/meetings", tags=["meetings"])


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
