"""Review and second review of a closed petition by a higher unit."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk
from api.openapi import COMMAND
from api.schemas import PetitionState, ReviewDecision, ReviewRequest
from domain.petition import Petition

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


@router.post("/{petition_id}/reviews", responses=COMMAND)
async def request_review(petition_id: UUID, body: ReviewRequest, desk: AtDesk) -> PetitionState:
    """Any co-signer asks for a review of what was closed, or for the second after the first was decided."""
    return await desk.execute(Petition.request_review, petition_id, PetitionState.of, texts={"grounds": body.grounds})


@router.post("/{petition_id}/reviews/decision", responses=COMMAND)
async def decide_review(petition_id: UUID, body: ReviewDecision, desk: AtDesk) -> PetitionState:
    """A supervisor decides; the second review is another supervisor's. What is returned goes into a new round."""
    return await desk.execute(
        Petition.decide_review, petition_id, PetitionState.of, texts={"opinion": body.opinion}, result=body.result
    )
