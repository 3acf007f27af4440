"""What became of petitions about officials' conduct, once they are closed: without whom, through whom and by whom."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Page, Paged, Serving, caught_up, position
from api.openapi import READ
from projections import board

router = APIRouter(prefix="/v1/conduct-results", tags=["petitions"])


class ConductResult(BaseModel):
    topic: str = Field(examples=["办事窗口作风"], description="As a clerk issued it for the public.")
    details: str
    outcome: str | None = Field(examples=["resolved"])
    closed_in: str = Field(examples=["2026-11"])
    fewer_than_five: bool = Field(description="So few have judged that no totals are told.")
    judged: int | None
    resolved: int | None
    satisfied: int | None


@router.get("", responses=READ, dependencies=[caught_up("board")])
async def list_conduct_results(services: Serving, paging: Paged) -> Page[ConductResult]:
    """For everybody: what a clerk has issued words for."""
    rows, following = await board.conduct_results(services.pool, cursor=paging.read(position), limit=paging.limit)
    return paging.page([ConductResult.model_validate(row) for row in rows], following)
