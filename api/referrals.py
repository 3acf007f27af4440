"""Referral to another statutory route or level, and its receipt."""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import AtDesk, Known, Serving, caught_up
from api.openapi import COMMAND, PRIVATE_READ
from api.pages import petition_row, readable
from api.schemas import PETITION_ID, PetitionState, Referral, ReferralReceipt
from domain.directory import Unit
from domain.petition import Petition
from domain.refusals import not_found
from projections import referrals

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


class Receipt(BaseModel):
    receipt: str = Field(examples=["转送〔2026〕7号"], description="Its number.")
    petition_id: UUID = Field(examples=[PETITION_ID])
    to: str | None = Field(examples=["市自然资源和规划局"])
    unit_id: UUID | None
    explanation: str
    referred_at: datetime
    number: str | None = Field(examples=["甬资规收〔2026〕118号"], description="The receiving authority's own.")
    received_by: str | None
    received_on: date | None


@router.post("/{petition_id}/referral", responses=COMMAND)
async def refer(petition_id: UUID, body: Referral, desk: AtDesk) -> PetitionState:
    """Pass the petition on to whoever must decide it, which ends it here. `to` or `unit_id` says whom to."""
    return await desk.execute(
        Petition.refer,
        petition_id,
        PetitionState.of,
        texts={"to": body.to, "explanation": body.explanation},
        also={"unit": (Unit, body.unit_id)} if body.unit_id else None,
    )


@router.post("/{petition_id}/receipt", responses=COMMAND)
async def acknowledge_receipt(petition_id: UUID, body: ReferralReceipt, desk: AtDesk) -> PetitionState:
    """The receiving unit has taken it up; or a clerk enters what another authority has sent back."""
    return await desk.execute(
        Petition.receive_referral,
        petition_id,
        PetitionState.of,
        texts={"number": body.number, "received_by": body.received_by},
        received_on=body.received_on,
    )


@router.get(
    "/{petition_id}/receipt", responses=PRIVATE_READ, dependencies=[caught_up("board", referrals.READ_MODEL.name)]
)
async def read_receipt(petition_id: UUID, services: Serving, identity: Known) -> Receipt:
    """For those who signed the petition and those who handle it: what is referred was never admitted."""
    await petition_row(services, identity, petition_id)
    row = await referrals.receipt(services.pool, petition_id)
    if row is None:
        raise not_found("receipt")
    (row,) = await readable(services.keyring, [row])
    return Receipt(receipt=f"转送〔{row['year']}〕{row['nth']}号", **row)
