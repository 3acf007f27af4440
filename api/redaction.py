"""A clerk's draft of the public text, looked through for what might lead to a person. Nothing of it is kept."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Known, Serving
from api.openapi import REGISTER
from api.pages import petition_row, require_role
from api.schemas import PublicText, shown
from domain.command import Role
from domain.redaction import findings

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


class Conspicuous(BaseModel):
    """`start` and `end` count characters (code points) of the field."""

    model_config = shown(field="/details", kind="house_number", start=4, end=6, text="三幢")
    field: str = Field(description="/topic or /details.")
    kind: str = Field(
        description="identity_number, account_number, phone_number, email, number_plate, house_number or name."
    )
    start: int
    end: int
    text: str


@router.post("/{petition_id}/public-text/check", responses=REGISTER)
async def check_public_text(
    petition_id: UUID, body: PublicText, services: Serving, identity: Known
) -> list[Conspicuous]:
    """What looks like a number, an address or a name: a hint, never an obstacle. What no pattern knows, it misses."""
    require_role(identity, Role.CLERK, Role.SUPERVISOR)  # who does a clerk's work where no clerk may
    await petition_row(services, identity, petition_id)
    return [
        Conspicuous(field=field, kind=found.kind, start=found.start, end=found.end, text=text[found.start : found.end])
        for field, text in (("/topic", body.topic), ("/details", body.details))
        for found in findings(text)
    ]
