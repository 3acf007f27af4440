"""What happened to a petition, as the log tells it, and what it was at a moment."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import Anyone, Known, Page, Paged, Serving, caught_up, position
from api.openapi import PRIVATE_READ, READ
from api.pages import petition_row, readable, require_role
from api.schemas import Moment, PetitionState
from domain.command import Role
from domain.petition import Petition
from projections import timeline

router = APIRouter(prefix="/v1/petitions", tags=["history"])

AsOf = Annotated[Moment | None, Query(description="As the log stood at this moment, by the database's clock.")]


class Happening(BaseModel):
    """One event, told without persons. Signatures and judgements have none of their own: they are counted on others."""

    position: int
    petition_id: UUID | None
    subject_id: UUID = Field(description="The petition, task or meeting that it happened to.")
    type: str = Field(examples=["petition.Accepted"])
    at: datetime
    recorded_at: datetime
    role: str = Field(examples=["clerk"])
    signatures: int | None
    data: dict[str, Any] = Field(examples=[{"reason_code": "other_level"}])


class Entry(Happening):
    version: int | None = Field(None, description="Of the subject; null for those whom it does not concern.")
    texts: dict[str, str] = Field({}, description="As written; empty for those whom it does not concern.")
    command_id: UUID | None = Field(None, description="For auditors.")


@router.get("/{petition_id}/history", responses=READ, dependencies=[caught_up("board", "timeline")])
async def read_history(
    petition_id: UUID, services: Serving, identity: Anyone, paging: Paged, as_of: AsOf = None
) -> Page[Entry]:
    """Oldest first: all of it for those whom the petition concerns, else what the public may know."""
    handler = (await petition_row(services, identity, petition_id))["handler"]
    rows, following = await timeline.history(
        services.pool,
        petition_id,
        handler=handler,
        now=services.now(),
        as_of=as_of,
        cursor=paging.read(position),
        limit=paging.limit,
    )
    hidden: dict[str, Any] = {} if identity and identity.role == Role.AUDITOR else {"command_id": None}
    if not handler:
        hidden |= {"version": None, "texts": {}}
    rows = await readable(services.keyring, [row | hidden for row in rows])
    return paging.page([Entry.model_validate(row) for row in rows], following)


@router.get("/{petition_id}/state", responses=PRIVATE_READ)
async def read_state(petition_id: UUID, services: Serving, identity: Known, as_of: AsOf = None) -> PetitionState:
    """For auditors: the petition as its events up to a moment make it, folded from the log itself."""
    require_role(identity, Role.AUDITOR)
    return PetitionState.of(await services.repository.get(Petition, petition_id, as_of=as_of))
