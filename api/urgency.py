"""What cannot wait, such as a flood or a blocked fire lane."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk
from api.openapi import COMMAND
from api.schemas import PetitionState, Reason
from domain.petition import Petition

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


@router.post("/{petition_id}/urgency", responses=COMMAND)
async def mark_urgent(petition_id: UUID, body: Reason, desk: AtDesk) -> PetitionState:
    """By a clerk or the host's staff. It is submitted at once, still open to signatures; the first response (an
    interim one, or the roadmap) is due in 24 hours."""
    return await desk.execute(Petition.mark_urgent, petition_id, PetitionState.of, texts={"reason": body.reason})


@router.post("/{petition_id}/urgency/lifting", responses=COMMAND)
async def lift_urgency(petition_id: UUID, body: Reason, desk: AtDesk) -> PetitionState:
    """By a clerk. What was not yet signed by enough and is not yet accepted collects signatures again."""
    return await desk.execute(Petition.lift_urgency, petition_id, PetitionState.of, texts={"reason": body.reason})
