"""Who stands above whom, looked up along the directory."""

from contextlib import suppress
from uuid import UUID

from api.deps import Services
from domain.directory import Post, Unit, common_superior
from domain.refusals import NotFound
from domain.task import Task


async def line(services: Services, id: UUID | None) -> list[Post | Unit]:
    """An organisation and all above it, the nearest first. A circle ends where it closes."""
    found: list[Post | Unit] = []
    while id is not None and id not in [entry.id for entry in found]:
        entry = await _find(services, id)
        if entry is None:
            break
        found.append(entry)
        id = entry.superior_id if isinstance(entry, Post) else entry.reports_to
    return found


async def deciding(services: Services, task: Task) -> Post | Unit:
    """Who decides on the second objection to a task: the common superior of the units that will not have it, else the
    superior of the post that answers for it, else that post."""
    units = dict.fromkeys([*task.objectors, task.transfer_to or task.lead_unit_id])
    superior = common_superior([(await line(services, unit))[1:] for unit in units])
    if superior is None:
        own, *above = await line(services, task.post_id)
        superior = above[0] if above else own
    return superior


async def _find(services: Services, id: UUID) -> Post | Unit | None:
    kinds: tuple[type[Post | Unit], ...] = (Unit, Post)
    for kind in kinds:
        with suppress(NotFound):
            return await services.repository.get(kind, id)
    return None
