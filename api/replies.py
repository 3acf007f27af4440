"""Responses drafted in the called post's office, and signed off by the post's holder."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import NO_BODY, AtDesk, Known, Services, Serving, caught_up
from api.openapi import COMMAND, CREATION, PRIVATE_READ
from api.pages import petition_row, readable
from api.schemas import PETITION_ID, OfficialResponse, ReplyState
from domain.command import Role
from domain.directory import Post
from domain.petition import Petition
from domain.refusals import Forbidden, not_found
from domain.reply import Reply
from domain.task import Task
from infra.identity import Identity
from projections import replies

router = APIRouter(prefix="/v1", tags=["petitions"])


class ReplyRow(BaseModel):
    id: UUID
    petition_id: UUID = Field(examples=[PETITION_ID])
    status: str = Field(examples=["drafted"])
    text: str
    outcome: str | None = Field(examples=["done"], description="null: an interim response.")
    due_on: date | None
    version: int


@router.post("/petitions/{petition_id}/replies", status_code=201, responses=CREATION)
async def draft_reply(petition_id: UUID, body: OfficialResponse, desk: AtDesk) -> ReplyState:
    """Anybody of the post that leads drafts a response. Nobody else sees it before the post's holder signs it off."""
    id, cmd = await desk.registering()
    desk.response.headers["Location"] = f"/v1/replies/{id}"
    return await desk.execute(
        Reply.draft,
        id,
        ReplyState.of,
        cmd=cmd,
        matter_id=petition_id,
        texts={"text": body.text},
        also={"petition": (Petition, petition_id)},
        outcome=body.outcome,
        due_on=body.due_on,
    )


@router.get(
    "/petitions/{petition_id}/replies",
    responses=PRIVATE_READ,
    dependencies=[caught_up("board", replies.READ_MODEL.name)],
)
async def list_replies(petition_id: UUID, services: Serving, identity: Known) -> list[ReplyRow]:
    """The drafts, for the office of the post that leads, and for auditors."""
    return await _read(services, identity, petition_id)


@router.get("/replies/{reply_id}", responses=PRIVATE_READ, dependencies=[caught_up("board", replies.READ_MODEL.name)])
async def read_reply(reply_id: UUID, services: Serving, identity: Known) -> ReplyRow:
    """For those who read all drafts of its petition."""
    reply = await services.repository.get(Reply, reply_id)
    for row in await _read(services, identity, reply.matter_id):
        if row.id == reply_id:
            return row
    raise not_found("reply")


async def _read(services: Services, identity: Identity, petition_id: UUID) -> list[ReplyRow]:
    page = await petition_row(services, identity, petition_id)
    office = identity.role == Role.OFFICIAL and identity.org == page["called_post_ids"][0]
    if not (office or identity.role == Role.AUDITOR):
        raise Forbidden("forbidden", "答复稿只供牵头职务查看。", "Drafts are for the office of the post that leads.")
    rows = await readable(services.keyring, await replies.of(services.pool, petition_id))
    return [ReplyRow.model_validate(row) for row in rows]


@router.post("/replies/{reply_id}/revision", responses=COMMAND)
async def revise_reply(reply_id: UUID, body: OfficialResponse, desk: AtDesk) -> ReplyState:
    reply = await desk.get(Reply, reply_id)
    return await desk.execute(
        Reply.revise,
        reply_id,
        ReplyState.of,
        matter_id=reply.matter_id,
        texts={"text": body.text},
        outcome=body.outcome,
        due_on=body.due_on,
    )


@router.post("/replies/{reply_id}/sign-off", responses=COMMAND, dependencies=NO_BODY)
async def sign_off_reply(reply_id: UUID, desk: AtDesk) -> ReplyState:
    """The post's holder signs: the response is given. Of a post without a registered term, anybody does."""
    reply = await desk.get(Reply, reply_id)
    petition = await desk.get(Petition, reply.matter_id)
    also = {
        "petition": (Petition, reply.matter_id),
        "post": (Post, petition.called_post_ids[0]),
        "tasks": [(Task, id) for id in petition.tasks],
    }
    return await desk.execute(Reply.sign_off, reply_id, ReplyState.of, matter_id=reply.matter_id, also=also)


@router.post("/replies/{reply_id}/discarding", responses=COMMAND, dependencies=NO_BODY)
async def discard_reply(reply_id: UUID, desk: AtDesk) -> ReplyState:
    reply = await desk.get(Reply, reply_id)
    return await desk.execute(Reply.discard, reply_id, ReplyState.of, matter_id=reply.matter_id)
