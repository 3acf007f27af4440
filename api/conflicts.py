"""Conflicts of interest: nobody handles a petition that they have signed, or have an interest in."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool

from api.counter import AtCounter
from api.deps import AtDesk
from api.openapi import COMMAND, REGISTER
from api.pages import require_role
from api.problems import unauthenticated
from api.schemas import PetitionState, example
from domain.command import Role
from domain.petition import Petition
from domain.refusals import Invalid
from infra.identity import InvalidToken

router = APIRouter(prefix="/v1", tags=["petitions"])


class Recusal(BaseModel):
    model_config = example(nobody_else=False)
    nobody_else: StrictBool = Field(
        False,
        description="Nobody of one's role is free to do it: a host's work goes to the clerk, a clerk's to the"
        " supervisor.",
    )


class OwnOffice(BaseModel):
    model_config = example(token="eyJhbGciOiJFZERTQSJ9…")  # noqa: S106
    token: str = Field(max_length=8_000, description="One's bearer token as a member of staff.")


@router.post("/petitions/{petition_id}/recusal", responses=COMMAND)
async def recuse(petition_id: UUID, body: Recusal, desk: AtDesk) -> PetitionState:
    """Whoever handles a petition and has an interest in it, or a relative who has, leaves it to a colleague. Why is
    not asked, and that they did is told to nobody."""
    return await desk.execute(Petition.recuse, petition_id, PetitionState.of, nobody_else=body.nobody_else)


@router.put("/me/office", status_code=204, responses=REGISTER, tags=["register"])
async def connect_office(body: OwnOffice, counter: AtCounter) -> None:
    """A resident who is a member of staff as well says so by both tokens, so that they are kept from handling what
    they have signed. Nobody can read it, nor say it of somebody else."""
    require_role(counter.identity, Role.RESIDENT)
    try:
        staff = await counter.services.verifier.verify(body.token)
    except InvalidToken:
        raise unauthenticated("invalid_token") from None
    if staff.role == Role.RESIDENT:
        raise Invalid("not-staff", "请提供您的工作身份令牌。", "This is a resident's token, not one of staff.", "token")
    await counter.services.people.same_person(staff.subject, counter.identity.subject)
