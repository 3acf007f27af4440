"""What the called post answers, and whether it keeps what it promised."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk
from api.openapi import COMMAND
from api.schemas import OfficialResponse, PetitionState, Report
from domain.petition import Petition
from domain.task import Task

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


@router.post("/{petition_id}/response", responses=COMMAND)
async def respond(petition_id: UUID, body: OfficialResponse, desk: AtDesk) -> PetitionState:
    """An interim response, or the final one of this round with its outcome. What is planned has a promised day."""
    texts = {"text": body.text}
    if body.interim:
        return await desk.execute(Petition.give_interim_response, petition_id, PetitionState.of, texts=texts)
    petition = await desk.get(Petition, petition_id)
    return await desk.execute(
        Petition.answer,
        petition_id,
        PetitionState.of,
        texts=texts,
        also={"tasks": [(Task, id) for id in petition.tasks]},
        outcome=body.outcome,
        due_on=body.due_on,
    )


@router.post("/{petition_id}/delivery", responses=COMMAND)
async def report_delivery(petition_id: UUID, body: Report, desk: AtDesk) -> PetitionState:
    """What was planned is done: the co-signers judge again."""
    return await desk.execute(Petition.report_delivery, petition_id, PetitionState.of, texts={"report": body.report})
