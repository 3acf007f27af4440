"""Similar petitions: shown to residents who write one, and to clerks who check one."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import Known, Services, Serving, caught_up, viewer
from api.openapi import PRIVATE_READ, problems
from api.pages import WATCHERS, PetitionSummary, petition_row, readable, require_role
from api.schemas import Readable, Short
from infra.identity import Identity
from projections import board, similar

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])

CAUGHT_UP = [caught_up("board", similar.READ_MODEL.name)]
Limit = Annotated[int, Query(ge=1, le=20)]


class SimilarPetition(BaseModel):
    petition: PetitionSummary
    similarity: float = Field(examples=[0.62], description="1: in the same words; less than 0.2 is not shown.")


@router.get("/similar", responses=problems(401, 422, 500, 503), dependencies=CAUGHT_UP)
async def find_similar(
    services: Serving,
    identity: Known,
    topic: Annotated[Short, Query()],
    details: Annotated[Readable | None, Query(max_length=2_000, description="The beginning is enough.")] = None,
    limit: Limit = 10,
) -> list[SimilarPetition]:
    """Petitions about what is being written, most similar first. Clerks find all as they were written, everybody else
    what the public may read."""
    return await _similar(services, identity, [topic, details or ""], limit)


@router.get("/{petition_id}/similar", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def similar_to_petition(
    petition_id: UUID, services: Serving, identity: Known, limit: Limit = 10
) -> list[SimilarPetition]:
    """What a clerk compares a petition with before accepting it."""
    require_role(identity, *WATCHERS)
    row = await petition_row(services, identity, petition_id)
    texts = await services.keyring.open([row["topic"], row["details"]])
    return await _similar(services, identity, texts, limit, but=petition_id)


async def _similar(
    services: Services, identity: Identity, texts: Sequence[str], limit: int, but: UUID | None = None
) -> list[SimilarPetition]:
    public = identity.role not in WATCHERS
    found = await similar.similar(services.pool, services.keyring, texts, public=public, but=but)
    # The board says what of it this viewer may see: public texts are issued before anything is admitted.
    rows, _ = await board.petitions(services.pool, viewer(services, identity), ids=list(found), limit=len(found))
    shown = [row for row in rows if row["public"] or not public]
    shown.sort(key=lambda row: -found[row["id"]])
    return [
        SimilarPetition(petition=PetitionSummary.model_validate(row), similarity=round(found[row["id"]], 3))
        for row in await readable(services.keyring, shown[:limit])
    ]
