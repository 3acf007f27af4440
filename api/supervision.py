"""Supervision orders: given by a supervisor or by the rules, obeyed by the called post, lifted by a supervisor."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import NO_BODY, AtDesk
from api.openapi import COMMAND
from api.schemas import PetitionState, Reason, Report, SupervisionOrder
from domain.petition import Petition

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


@router.post("/{petition_id}/supervision-orders", responses=COMMAND)
async def order_supervision(petition_id: UUID, body: SupervisionOrder, desk: AtDesk) -> PetitionState:
    return await desk.execute(Petition.order_supervision, petition_id, PetitionState.of, texts={"order": body.order})


@router.post("/{petition_id}/supervision-orders/answer", responses=COMMAND)
async def answer_supervision(petition_id: UUID, body: Report, desk: AtDesk) -> PetitionState:
    """The post that leads reports how it has obeyed the order, also after the petition's end."""
    return await desk.execute(Petition.answer_supervision, petition_id, PetitionState.of, texts={"report": body.report})


@router.post("/{petition_id}/alert-heeding", responses=COMMAND, dependencies=NO_BODY)
async def heed_alert(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """A supervisor has looked into why many co-signers withdrew within a week; the alert leaves the inbox."""
    return await desk.execute(Petition.heed_alert, petition_id, PetitionState.of)


@router.post("/{petition_id}/supervision-orders/lifting", responses=COMMAND)
async def lift_supervision(petition_id: UUID, body: Reason, desk: AtDesk) -> PetitionState:
    """A supervisor lifts the order: it was obeyed, or is no longer needed."""
    return await desk.execute(Petition.lift_supervision, petition_id, PetitionState.of, texts={"reason": body.reason})
