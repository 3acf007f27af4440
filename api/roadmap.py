"""Timetable and roadmap: published, revised with a reason, and every version kept to be read."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.deps import Anyone, AtDesk, Desk, Serving, caught_up
from api.openapi import COMMAND, READ
from api.pages import RoadmapHeading, petition_row, readable
from api.schemas import PetitionState, Roadmap, RoadmapRow
from domain.command import Command
from domain.directory import Unit
from domain.petition import Petition
from domain.refusals import Invalid, not_found
from domain.roadmap import RoadmapItem
from domain.task import Task
from domain.text import Text
from projections import board

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])


class RoadmapLine(BaseModel):
    task_id: UUID
    title: str
    lead_unit_id: UUID
    supporting_unit_ids: list[UUID]
    due_on: date
    cost_fen: int | None
    money_source: str | None
    vote_needed: bool


class RoadmapVersion(RoadmapHeading):
    """As it was decided; what has become of each task since stands on the petition's page."""

    tasks: list[RoadmapLine]


@router.get("/{petition_id}/roadmap", responses=READ, dependencies=[caught_up("board")])
async def read_roadmap(
    petition_id: UUID,
    services: Serving,
    identity: Anyone,
    round: Annotated[int | None, Query(ge=1, le=1000)] = None,
    version: Annotated[int | None, Query(ge=1, le=100_000)] = None,
) -> RoadmapVersion:
    """A version of the roadmap; the latest unless another is asked for."""
    await petition_row(services, identity, petition_id)
    row = await board.roadmap(services.pool, petition_id, round=round, version=version)
    if row is None:
        raise not_found("roadmap")
    (shown,) = await readable(services.keyring, [row])
    return RoadmapVersion.model_validate(shown)


@router.put("/{petition_id}/roadmap", responses=COMMAND)
async def publish_roadmap(petition_id: UUID, body: Roadmap, desk: AtDesk) -> PetitionState:
    """Publish who does what by when; the engine then offers each task to its lead unit. While this is in progress, and
    with a reason, revise it: rows that name their task go on, what is left out is dropped, the rest is new."""
    petition = await desk.get(Petition, petition_id)
    cmd = await desk.command(petition_id)
    standing = _Standing() if body.reason is None else await _Standing.of(desk, petition)
    items = [await _item(desk, petition_id, cmd, n, row, standing) for n, row in enumerate(body.tasks)]
    named = {id for row in body.tasks for id in (row.lead_unit_id, *row.supporting_unit_ids)}
    units = [(Unit, id) for id in sorted(named)]
    if body.reason is None:
        return await desk.execute(
            Petition.publish_roadmap, petition_id, PetitionState.of, cmd=cmd, also={"units": units}, items=items
        )
    together = together_with_tasks(petition)
    return await desk.execute(
        Petition.revise_roadmap,
        petition_id,
        PetitionState.of,
        cmd=cmd,
        texts={"reason": body.reason},
        also={"units": units, **together["also"]},
        seen=together["seen"],
        items=items,
    )


class _Standing:
    """The rows of a roadmap that is being revised. Words that stay the same stay the same sealed text."""

    def __init__(self, rows: Sequence[RoadmapItem] = (), opened: Mapping[Text, str] = MappingProxyType({})) -> None:
        self._rows, self._opened = {row.task_id: row for row in rows}, opened

    @classmethod
    async def of(cls, desk: Desk, petition: Petition) -> "_Standing":
        rows: Sequence[RoadmapItem] = petition.roadmaps[-1] if petition.tasks else ()
        texts = [text for row in rows for text in (row.title, row.money_source) if text]
        opened = await desk.services.keyring.open(texts) if texts else ()
        return cls(rows, dict(zip(texts, opened, strict=True)))

    def row(self, n: int, task_id: UUID | None) -> RoadmapItem | None:
        if task_id is not None and task_id not in self._rows:
            raise Invalid(
                "unknown-task",
                "现行路线图上没有这项任务;新任务请勿填写 task_id。",
                "There is no such task on the roadmap as it stands; a new one has no `task_id` yet.",
                f"tasks.{n}.task_id",
            )
        return self._rows[task_id] if task_id else None

    def words(self, text: Text) -> str:
        return self._opened[text]


async def _item(
    desk: Desk, petition_id: UUID, cmd: Command, n: int, row: RoadmapRow, standing: _Standing
) -> RoadmapItem:
    old = standing.row(n, row.task_id)

    async def sealed(words: str, before: Text | None) -> Text:
        if before and standing.words(before) == words:
            return before
        return await desk.services.keyring.seal(petition_id, cmd.by, words)

    return RoadmapItem(
        task_id=row.task_id or uuid5(cmd.id, str(n)),
        title=await sealed(row.title, old.title if old else None),
        lead_unit_id=row.lead_unit_id,
        supporting_unit_ids=row.supporting_unit_ids,
        due_on=row.due_on,
        cost_fen=row.cost_fen,
        money_source=await sealed(row.money_source, old.money_source if old else None) if row.money_source else None,
        vote_needed=row.vote_needed,
    )


async def tasks_in_hand(desk: Desk, petition_id: UUID) -> dict[str, Any]:
    """The tasks of the present round, for what is decided on the petition and on them together."""
    return together_with_tasks(await desk.get(Petition, petition_id))


def together_with_tasks(petition: Petition) -> dict[str, Any]:
    return {"seen": petition.tasks, "also": {"tasks": [(Task, id) for id in petition.tasks]}}
