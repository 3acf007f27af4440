"""More time for the final response: asked for by the lead official, decided by the post above or a supervisor."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from api.deps import NO_BODY, AtDesk
from api.openapi import COMMAND
from api.schemas import PETITION_ID, Extension, Reason, shown
from domain import extension
from domain.directory import Post
from domain.extension import extension_of
from domain.petition import Petition
from domain.refusals import Conflict, NotFound

router = APIRouter(prefix="/v1/petitions/{petition_id}/extension", tags=["petitions"])


class ExtensionState(BaseModel):
    model_config = shown(petition_id=PETITION_ID, days=10, status="asked", version=1)
    petition_id: UUID
    days: int
    status: str
    version: int

    @classmethod
    def of(cls, extension: extension.Extension) -> "ExtensionState":
        return cls(
            petition_id=extension.matter_id, days=extension.days, status=extension.status, version=extension.version
        )


@router.post("", responses=COMMAND)
async def ask_for_extension(petition_id: UUID, body: Extension, desk: AtDesk) -> ExtensionState:
    """The lead official asks for more calendar days for the final response."""
    petition = await desk.get(Petition, petition_id)
    cmd = await desk.command(petition_id)

    async def ask(how: Callable[..., Any]) -> ExtensionState:
        return await desk.execute(
            how,
            extension_of(petition_id),
            ExtensionState.of,
            cmd=cmd,
            matter_id=petition_id,
            texts={"reason": body.reason},
            also={"petition": (Petition, petition_id), "post": (Post, petition.called_post_ids[0])},
            days=body.days,
        )

    try:
        await desk.get(extension.Extension, extension_of(petition_id))
    except NotFound:
        try:
            return await ask(extension.Extension.ask)
        except Conflict as refusal:
            if refusal.code != "already-exists":
                raise
    return await ask(extension.Extension.ask_again)


@router.post("/approval", responses=COMMAND, dependencies=NO_BODY)
async def approve_extension(petition_id: UUID, desk: AtDesk) -> ExtensionState:
    """The post above the lead post, or a supervisor, approves: the response has more time; co-signers are told."""
    return await desk.execute(
        extension.Extension.approve,
        extension_of(petition_id),
        ExtensionState.of,
        matter_id=petition_id,
        also={"petition": (Petition, petition_id)},
    )


@router.post("/refusal", responses=COMMAND)
async def refuse_extension(petition_id: UUID, body: Reason, desk: AtDesk) -> ExtensionState:
    """The date of the response stays."""
    return await desk.execute(
        extension.Extension.refuse,
        extension_of(petition_id),
        ExtensionState.of,
        matter_id=petition_id,
        texts={"explanation": body.reason},
    )
