"""Who read what is not everybody's: for auditors. That they read this is recorded too."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import Known, Page, Paged, Serving, position, pseudonym
from api.openapi import PRIVATE_READ
from api.pages import petition_row, require_role
from api.schemas import PETITION_ID, Moment
from domain.command import Role
from domain.petition import Petition
from domain.refusals import conflict_of_interest, not_found
from infra import accesses
from projections import timeline

router = APIRouter(prefix="/v1", tags=["history"])

BY = Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="A pseudonym, as `by` has it.")]
Code = Annotated[str | None, Query(pattern="^[a-z_]{1,40}$")]


class AccessRow(BaseModel):
    at: datetime = Field(
        description="When the while began in which it was first read: a minute of auditors', an hour of those who"
        " handle cases, a day where a moment would tell of a signature or a report."
    )
    by: str = Field(description="A pseudonym: the same for the same member of staff of the same organisation.")
    role: str = Field(examples=["auditor"], description="`terminal`: somebody on the engine's own machine.")
    org_id: UUID | None
    act: str = Field(examples=["history"], description="Named after the operation that was asked.")
    subject_id: UUID | None = Field(examples=[PETITION_ID], description="The petition, a task, a meeting ….")
    what: dict[str, Any] = Field(examples=[{"as_of": "2026-11-23T01:00:00Z"}])


@router.get("/accesses", responses=PRIVATE_READ)
async def list_accesses(
    services: Serving,
    identity: Known,
    paging: Paged,
    petition_id: Annotated[UUID | None, Query(description="And whatever belongs to it.")] = None,
    by: BY = None,
    role: Code = None,
    act: Code = None,
    since: Moment | None = None,
    until: Annotated[Moment | None, Query(description="Before this moment.")] = None,
) -> Page[AccessRow]:
    """For auditors: who of the staff read what, newest first. What residents read is recorded nowhere."""
    require_role(identity, Role.AUDITOR)
    subjects = None
    if petition_id:
        if not (await petition_row(services, identity, petition_id))["handler"]:
            raise conflict_of_interest()
        subjects = [petition_id, *await timeline.subjects(services.pool, petition_id)]
    rows, following = await accesses.accesses(
        services.pool,
        subjects=subjects,
        by=by,
        role=role,
        act=act,
        since=since,
        until=until,
        cursor=paging.read(position),
        limit=paging.limit,
    )
    return paging.page([AccessRow.model_validate(row) for row in rows], following)


class Reader(BaseModel):
    day: date
    role: str = Field(examples=["clerk"])
    org_id: UUID | None


@router.get("/petitions/{petition_id}/readers", responses=PRIVATE_READ, tags=["petitions"])
async def read_readers(petition_id: UUID, services: Serving, identity: Known) -> list[Reader]:
    """For those who signed it: which offices have read the petition and what belongs to it, and on which days. Not who
    in person; and nothing of residents, whose reading is recorded nowhere."""
    require_role(identity, Role.RESIDENT)
    petition = await services.repository.get(Petition, petition_id)
    if not petition.signers.get(await pseudonym(services, identity, petition_id)):
        raise not_found("petition")
    subjects = [petition_id, *await timeline.subjects(services.pool, petition_id)]
    return [Reader.model_validate(row) for row in await accesses.readers(services.pool, subjects)]
