"""The clerk's call-back: who agreed to be called is called, one at a time, where too few have judged."""

from uuid import UUID, uuid5

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.counter import REGISTER_SCOPE
from api.deps import NO_BODY, AtDesk
from api.openapi import COMMAND
from api.schemas import REPLY_ID, Feedback, PetitionState, shown
from domain.petition import Petition
from infra.accesses import DAY, beginning
from infra.register_log import Actor

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


class Call(BaseModel):
    """Whom to call. Not reachable where no phone is given: report the call as missed."""

    model_config = shown(call_id=REPLY_ID, name="王阿婆", phone="+8613800000001")
    call_id: UUID
    name: str | None = None
    phone: str | None = Field(None, description="Shown to the clerk who calls, and written down as shown.")


@router.post("/{petition_id}/call-back-consent", responses=COMMAND, dependencies=NO_BODY)
async def agree_to_call(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """A co-signer agrees that the clerk may call them, and so learn that they signed, should too few judge."""
    return await desk.execute(Petition.agree_to_call, petition_id, PetitionState.of)


@router.delete("/{petition_id}/call-back-consent", responses=COMMAND)
async def decline_call(petition_id: UUID, desk: AtDesk) -> PetitionState:
    return await desk.execute(Petition.decline_call, petition_id, PetitionState.of)


@router.post("/{petition_id}/call-backs", responses=COMMAND, dependencies=NO_BODY)
async def hand_out_call(petition_id: UUID, desk: AtDesk) -> Call:
    """The next co-signer to call; while a clerk's call is under way, the same again."""
    cmd = await desk.command(petition_id)
    call_id, signer, _ = await desk.execute(
        Petition.hand_out_call,
        petition_id,
        lambda petition: petition.calling or (uuid5(cmd.id, "call"), "", ""),
        cmd=cmd,
        call_id=uuid5(cmd.id, "call"),
    )
    # In the register the look stands by its day and under another pseudonym than the call in the log: else whoever has
    # both would know who signed.
    actor = Actor(await desk.services.people.pseudonym(desk.identity.subject, REGISTER_SCOPE), cmd.role.value)
    day = beginning(cmd.at, DAY)
    name, phone = await desk.services.correspondents.callee(petition_id, signer, actor, day) or (None, None)
    return Call(call_id=call_id, name=name, phone=phone)


@router.post("/{petition_id}/call-backs/{call_id}/feedback", responses=COMMAND)
async def take_feedback(petition_id: UUID, call_id: UUID, body: Feedback, desk: AtDesk) -> PetitionState:
    """What the co-signer said, read back to them before it is entered. Their words go when they are erased."""
    petition = await desk.get(Petition, petition_id)
    comment = None
    if body.comment and petition.calling:
        comment = await desk.services.keyring.seal(petition_id, petition.calling[1], body.comment)
    return await desk.execute(
        Petition.take_feedback,
        petition_id,
        PetitionState.of,
        comment=comment,
        call_id=call_id,
        contacted=body.contacted,
        resolved=body.resolved,
        satisfied=body.satisfied,
    )


@router.post("/{petition_id}/call-backs/{call_id}/miss", responses=COMMAND, dependencies=NO_BODY)
async def miss_call(petition_id: UUID, call_id: UUID, desk: AtDesk) -> PetitionState:
    """Nobody answered, or they did not want to say."""
    return await desk.execute(Petition.miss_call, petition_id, PetitionState.of, call_id=call_id)
