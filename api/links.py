"""Case numbers of the 12345 hotline and of petition systems, linked both ways.

A number may lead to whoever called there. It is shown to those who check petitions and to the host, to nobody else:
not to co-signers, officials or units, and it is in no history, event stream or webhook.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.deps import AtDesk, Known, Services, Serving, caught_up
from api.openapi import COMMAND, PRIVATE_READ
from api.pages import petition_row, readable, require_role
from api.schemas import PETITION_ID, CaseNumber, Reason, shown
from domain.command import Role
from domain.link import Link
from domain.petition import Petition
from domain.refusals import Conflict, not_found
from infra.sealing import Keyring
from projections import links

router = APIRouter(prefix="/v1", tags=["links"])

LINK_ID = "c07a1e94-5b3d-5f26-9e48-2d6b8f1a7c0e"
CAUGHT_UP = [caught_up("board", links.READ_MODEL.name)]


class LinkState(BaseModel):
    model_config = shown(id=LINK_ID, petition_id=PETITION_ID, system="12345", removed=False, version=1)
    id: UUID
    petition_id: UUID = Field(examples=[PETITION_ID])
    system: str = Field(examples=["12345"])
    removed: bool
    version: int

    @classmethod
    def of(cls, link: Link) -> "LinkState":
        return cls(
            id=link.id, petition_id=link.matter_id, system=link.system, removed=link.removed, version=link.version
        )


class LinkedCase(BaseModel):
    id: UUID
    petition_id: UUID = Field(examples=[PETITION_ID])
    system: str = Field(examples=["12345"])
    number: str = Field(examples=["NB2026112200017"])
    linked_at: datetime


@router.post("/petitions/{petition_id}/links", responses=COMMAND)
async def make_link(petition_id: UUID, body: CaseNumber, desk: AtDesk) -> LinkState:
    """By a clerk or the host's staff. A case is linked to one petition; linked to it again, nothing changes."""
    require_role(desk.identity, Role.CLERK, Role.HOST_STAFF)  # before a key is made for the number
    number = _normal(body.number)
    id = _id(desk.services.keyring, body.system, number)
    # A key of its own, so that the number can be made unreadable for good.
    sealed = await desk.services.keyring.seal(petition_id, str(id), number)
    petition = {"petition": (Petition, petition_id)}
    cmd = await desk.command(petition_id)
    try:
        return await desk.execute(
            Link.make, id, LinkState.of, cmd=cmd, also=petition, system=body.system, number=sealed
        )
    except Conflict as refusal:
        if refusal.code != "already-exists":
            raise
    return await desk.execute(Link.make_again, id, LinkState.of, cmd=cmd, also=petition, number=sealed)


@router.post("/petitions/{petition_id}/links/{link_id}/removal", responses=COMMAND)
async def remove_link(petition_id: UUID, link_id: UUID, body: Reason, desk: AtDesk) -> LinkState:
    """The number can then be linked anew, and what stands of it in the log is never readable again."""
    state = await desk.execute(
        Link.remove,
        link_id,
        LinkState.of,
        matter_id=petition_id,
        texts={"reason": body.reason},
        also={"petition": (Petition, petition_id)},
    )
    if state.removed:
        await desk.services.keyring.erase(petition_id, str(link_id))
    return state


@router.get("/petitions/{petition_id}/links", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_links(petition_id: UUID, services: Serving, identity: Known) -> list[LinkedCase]:
    """For clerks, the host's staff, supervisors and auditors."""
    require_role(identity, Role.CLERK, Role.HOST_STAFF, Role.SUPERVISOR, Role.AUDITOR)
    await petition_row(services, identity, petition_id)
    return await _shown(services, await links.links(services.pool, petition_id=petition_id))


@router.get("/links/{system}/{number}", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def find_link(
    system: Annotated[str, Path(max_length=40)],
    number: Annotated[str, Path(max_length=200)],
    services: Serving,
    identity: Known,
) -> LinkedCase:
    """Which petition is about this case: for clerks, and for other systems that hold a clerk's token."""
    require_role(identity, Role.CLERK)
    found = await links.links(services.pool, id=_id(services.keyring, system, _normal(number)))
    if not found:
        raise not_found("link")
    await petition_row(services, identity, found[0]["petition_id"])
    (case,) = await _shown(services, found)
    return case


def _normal(number: str) -> str:
    """As people write it in different ways: full-width or not, with spaces, in small letters."""
    return "".join(unicodedata.normalize("NFKC", number).upper().split())


def _id(keyring: Keyring, system: str, number: str) -> UUID:
    return keyring.id_of(f"link {system} {number}")


async def _shown(services: Services, rows: Sequence[dict[str, object]]) -> list[LinkedCase]:
    return [LinkedCase.model_validate(row) for row in await readable(services.keyring, rows)]
