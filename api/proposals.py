"""What the representatives are asked to agree to: another called post, or no meeting at all."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter

from api.deps import AtDesk, Desk
from api.openapi import COMMAND, CREATION
from api.schemas import ProposalState, Reason, Reassignment, Voice
from domain.directory import Post
from domain.meeting import Meeting
from domain.petition import Petition
from domain.proposal import Proposal

router = APIRouter(prefix="/v1", tags=["meetings"])


@router.post("/petitions/{petition_id}/reassignment", status_code=201, responses=CREATION)
async def propose_reassignment(petition_id: UUID, body: Reassignment, desk: AtDesk) -> ProposalState:
    """The clerk proposes to call another post instead; the representatives decide."""
    posts = {"post": (Post, body.post_id), "to": (Post, body.to_post_id)}
    return await _propose(desk, Proposal.reassign, petition_id, body.reason, posts)


@router.post("/petitions/{petition_id}/waiver", status_code=201, responses=CREATION)
async def propose_waiver(petition_id: UUID, body: Reason, desk: AtDesk) -> ProposalState:
    """A representative proposes to do without the meeting, since the matter is resolved; more than half must agree."""
    return await _propose(desk, Proposal.waive, petition_id, body.reason, {})


@router.post("/proposals/{proposal_id}/voices", responses=COMMAND)
async def voice(proposal_id: UUID, body: Voice, desk: AtDesk) -> ProposalState:
    """A representative agrees or does not. With more than half of them it is done."""
    proposal = await desk.get(Proposal, proposal_id)
    petition = await desk.get(Petition, proposal.matter_id)
    return await desk.execute(
        Proposal.voice,
        proposal_id,
        ProposalState.of,
        matter_id=proposal.matter_id,
        also={
            "petition": (Petition, proposal.matter_id),
            "meetings": [(Meeting, petition.meeting_id)] if petition.meeting_id else [],
        },
        agrees=body.agrees,
    )


async def _propose(
    desk: Desk, method: Callable[..., Any], petition_id: UUID, reason: str, also: dict[str, Any]
) -> ProposalState:
    cmd = await desk.command(petition_id)
    proposal_id = uuid5(cmd.id, "proposal")
    desk.response.headers["Location"] = f"/v1/proposals/{proposal_id}"
    return await desk.execute(
        method,
        proposal_id,
        ProposalState.of,
        cmd=cmd,
        matter_id=petition_id,
        texts={"reason": reason},
        also={"petition": (Petition, petition_id), **also},
    )
