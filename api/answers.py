"""What the called post answers, and whether it keeps what it promised."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk
from api.openapi import COMMAND
from api.schemas import OfficialResponse, PetitionState, Report
from domain.directory import Post
from domain.petition import Petition
from domain.task import Task

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


@router.post("/{petition_id}/response", responses=COMMAND)
async def respond(petition_id: UUID, body: OfficialResponse, desk: AtDesk) -> PetitionState:
    """An interim response, or the final one of this round with its outcome: drafted and signed off at once, so by the
    post's holder. What is planned has a promised day."""
    petition, texts = await desk.get(Petition, petition_id), {"text": body.text}
    post = {"post": (Post, petition.called_post_ids[0])}
    if body.interim:
        return await desk.execute(Petition.give_interim_response, petition_id, PetitionState.of, texts=texts, also=post)
    return await desk.execute(
        Petition.answer,
        petition_id,
        PetitionState.of,
        texts=texts,
        also={"tasks": [(Task, id) for id in petition.tasks], **post},
        outcome=body.outcome,
        due_on=body.due_on,
    )


@router.post("/{petition_id}/delivery", responses=COMMAND)
async def report_delivery(petition_id: UUID, body: Report, desk: AtDesk) -> PetitionState:
    """What was planned is done: the co-signers judge again."""
    return await desk.execute(Petition.report_delivery, petition_id, PetitionState.of, texts={"report": body.report})
