"""What the co-signers of a petition decide in secret, and who speaks for them."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Known, Serving, caught_up, pseudonym
from api.openapi import PRIVATE_READ
from api.pages import petition_row
from domain.command import Role
from domain.petition import Petition
from domain.refusals import Forbidden

router = APIRouter(prefix="/v1", tags=["ballots"])


class Representative(BaseModel):
    name: str = Field(examples=["三幢陈阿姨"], description="By which they agreed to be known.")
    me: bool


@router.get("/petitions/{petition_id}/representatives", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def read_representatives(petition_id: UUID, services: Serving, identity: Known) -> list[Representative]:
    """Who speaks for the co-signers, most votes first: for these, the host, the called posts and the clerk."""
    row = await petition_row(services, identity, petition_id)
    petition = await services.repository.get(Petition, petition_id)
    me = await pseudonym(services, identity, petition_id)
    staff = identity.role in (Role.HOST_STAFF, Role.OFFICIAL, Role.CLERK) and row["handler"]
    if not staff and not petition.signers.get(me):
        raise Forbidden(
            "forbidden",
            "群众代表只向联名人、社区、应约职务和受理人员公开。",
            "The representatives are known to the co-signers, the host, the called posts and the clerk alone.",
        )
    names = await services.keyring.open(list(petition.elected.values()))
    return [Representative(name=name, me=by == me) for by, name in zip(petition.elected, names, strict=True)]
