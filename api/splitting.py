"""A petition with two topics: a clerk proposes the parts, the lead petitioner agrees.

Who signed the one has signed the other: docs/decisions/admissibility.md says how, without a value that joins them.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api.deps import NO_BODY, AtDesk, pseudonym
from api.openapi import COMMAND, CREATION
from api.schemas import PetitionState, Split
from domain.petition import Petition
from domain.petition.words import SplitProposal
from domain.refusals import Conflict

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])

TRIES = 3  # while others sign or step out


@router.post("/{petition_id}/split", responses=COMMAND)
async def propose_split(petition_id: UUID, body: Split, desk: AtDesk) -> PetitionState:
    """By a clerk, before anything else is decided."""
    cmd = await desk.command(petition_id)
    texts: dict[str, Any] = {
        name: await desk.services.keyring.seal(petition_id, cmd.by, text)
        for name, text in body.model_dump(exclude={"other_category"}).items()
    }
    proposal = SplitProposal(**texts, other_category=body.other_category.value)
    return await desk.execute(Petition.propose_split, petition_id, PetitionState.of, cmd=cmd, proposal=proposal)


@router.post("/{petition_id}/split/agreement", status_code=201, responses=CREATION, dependencies=NO_BODY)
async def agree_to_split(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """By the lead petitioner. Answers with the other petition, which is submitted, and signed by the same people."""
    into_id, cmd = await desk.opening()
    desk.response.headers["Location"] = f"/v1/petitions/{into_id}"
    lead_there = await pseudonym(desk.services, desk.identity, petition_id)
    for attempt in range(1, TRIES + 1):
        origin: Petition = await desk.get(Petition, petition_id)
        seen = [by for by, valid in origin.signers.items() if valid]
        # For a stranger, who will be refused, nobody's key is tried.
        mine = lead_there == origin.lead
        signers = await desk.services.people.elsewhere(seen, petition_id, into_id) if mine else []
        if mine and origin.split_proposal:
            await desk.services.correspondents.carry(petition_id, into_id, desk.services.people)
        try:
            return await desk.execute(
                Petition.split_off,
                into_id,
                PetitionState.of,
                cmd=cmd,
                also={"origin": (Petition, petition_id)},
                lead_there=lead_there,
                seen=seen,
                signers=signers,
            )
        except Conflict as refusal:
            if refusal.code != "signers-changed" or attempt == TRIES:
                raise
    raise AssertionError("unreachable")
