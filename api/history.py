"""What happened to a petition, as the log tells it, and what it was at a moment."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import replay
from api.deps import Anyone, Known, Page, Paged, Services, Serving, caught_up, position, viewer
from api.openapi import PRIVATE_READ, READ
from api.pages import petition_row, readable, require_role
from api.schemas import Moment, PetitionState
from domain.command import Role
from domain.petition import Petition
from domain.refusals import conflict_of_interest, not_found
from infra.identity import Identity
from projections import timeline

router = APIRouter(prefix="/v1", tags=["history"])

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


@router.get("/petitions/{petition_id}/history", responses=READ, dependencies=[caught_up("board", "timeline")])
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


class EventPage(Entry):
    """An event with what it changed, or what has changed since another moment, and the state after it."""

    nth: int = Field(description="Of the petition's events, from 1.")
    total: int
    previous: int | None = Field(description="The position of the event before.")
    following: int | None
    command: list[int] = Field(description="The positions of all events of the same command, this one too.")
    organisations: list[UUID] = Field(
        description="For which one whoever did it acts, by the permission that it takes: one of these. Empty: a"
        " resident, the engine, or one of the district's own offices."
    )
    policies: list[str] = Field(examples=[["2026-11"]], description="The versions that dates were computed by here.")
    changes: list[replay.Change]
    state: list[replay.Part] = Field(description="The petition and its parts after it, the oldest first.")


Since = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="What differs since this position instead.")]


@router.get(
    "/petitions/{petition_id}/history/{position}",
    responses=PRIVATE_READ,
    dependencies=[caught_up("board", "timeline")],
)
async def read_moment(
    petition_id: UUID, position: int, services: Serving, identity: Known, since: Since = None
) -> EventPage:
    """For auditors: one event, what it changed, and the state after it, folded from the log itself."""
    await _require_auditor(services, identity, petition_id)
    row = await timeline.event(services.pool, petition_id, position, services.now())
    if row is None:
        raise not_found("event")
    ids = await timeline.subjects(services.pool, petition_id)
    earlier = min(position, (row["previous"] or 0) if since is None else since)
    before, after = await replay.moments(services, ids, [earlier, position])
    (shown,) = await readable(services.keyring, [row])
    parts = {part.id: part for part in (*after, *before)}  # as it was before, where it was there
    return EventPage(
        **shown,
        organisations=replay.organisations(shown, parts),
        policies=replay.policies(shown["data"]),
        changes=replay.changes(before, after),
        state=after,
    )


async def _require_auditor(services: Services, identity: Identity, petition_id: UUID) -> None:
    """Who has an interest in it reads no more than the public."""
    require_role(identity, Role.AUDITOR)
    if not (await petition_row(services, identity, petition_id))["handler"]:
        raise conflict_of_interest()


@router.get("/history", responses=PRIVATE_READ, dependencies=[caught_up("board", "timeline")])
async def read_latest(services: Serving, identity: Known, paging: Paged) -> Page[Entry]:
    """For auditors: what happened anywhere, newest first, in the directory and the policies too."""
    require_role(identity, Role.AUDITOR)
    who = viewer(services, identity)
    rows, following = await timeline.latest(services.pool, who, cursor=paging.read(position), limit=paging.limit)
    return paging.page([Entry.model_validate(row | {"texts": {}}) for row in rows], following)


@router.get("/petitions/{petition_id}/state", responses=PRIVATE_READ)
async def read_state(petition_id: UUID, services: Serving, identity: Known, as_of: AsOf = None) -> PetitionState:
    """For auditors: the petition as its events up to a moment make it, folded from the log itself."""
    require_role(identity, Role.AUDITOR)
    return PetitionState.of(await services.repository.get(Petition, petition_id, as_of=as_of))
