"""Histories as an object-centric event log: OCEL 2.0 in JSON (ocel-standard.org), bit by bit.

Objects are petitions, their parts, and the organisations; of a resident there is a role.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from domain.course import MACHINES
from projections.process import Row

Pages = Callable[[], AsyncIterator[list[Row]]]  # of petitions, each with its ``steps`` and ``tasks``
Organisations = Mapping[UUID, tuple[str, str]]

TYPES = {
    "petition": ("category", "phase"),
    **{machine.kind: () for machine in MACHINES if machine.kind != "petition"},
    **dict.fromkeys(("host", "post", "unit"), ("name",)),
}
ATTRIBUTES = {"role": "string", "position": "integer", "phase": "string"}


async def ocel(pages: Pages, organisations: Organisations) -> AsyncIterator[bytes]:
    """``pages`` is gone through twice: all objects come before all events."""
    steps = dict.fromkeys(step for machine in MACHINES for move in machine.moves for step in move.steps)
    types = {
        "eventTypes": [
            {"name": name, "attributes": [{"name": a, "type": kind} for a, kind in ATTRIBUTES.items()]}
            for name in steps
        ],
        "objectTypes": [
            {"name": name, "attributes": [{"name": a, "type": "string"} for a in attributes]}
            for name, attributes in TYPES.items()
        ],
    }
    yield orjson.dumps(types)[:-1] + b',"objects":['
    between = b""
    named = [_object(id, sort, [("name", EPOCH, name)]) for id, (sort, name) in organisations.items()]
    async for told in _written(pages, lambda row: _objects(row, organisations), named):
        yield between + told
        between = b",\n"
    yield b'],"events":['
    between = b""
    async for told in _written(pages, lambda row: _events(row, organisations), []):
        yield between + told
        between = b",\n"
    yield b"]}\n"


EPOCH = datetime.fromtimestamp(0, UTC)  # the standard's word for "from the beginning"


async def _written(pages: Pages, made: Callable[[Row], Iterable[Any]], first: Iterable[Any]) -> AsyncIterator[bytes]:
    """Page by page, leaving out what is empty."""
    if told := b",\n".join(map(_json, first)):
        yield told
    async for page in pages():
        if told := b",\n".join(_json(one) for row in page for one in made(row)):
            yield told


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str)  # asyncpg has a UUID of its own


def _object(
    id: UUID, kind: str, attributes: Iterable[tuple[str, datetime, str]], related: Iterable[tuple[UUID, str]] = ()
) -> dict[str, Any]:
    return {
        "id": id,
        "type": kind,
        "attributes": [{"name": name, "time": since, "value": value} for name, since, value in attributes],
        "relationships": [{"objectId": other, "qualifier": qualifier} for other, qualifier in related],
    }


def _objects(petition: Row, known: Organisations) -> Iterator[dict[str, Any]]:
    """The petition and whatever of it has a step."""
    related = [(petition["host_id"], "host"), *((id, "called") for id in petition["called_post_ids"])]
    phases = [("phase", step["at"], step["phase"]) for step in petition["steps"] if step["phase"]]
    stands = [("category", EPOCH, petition["category"]), *phases]
    yield _object(petition["id"], "petition", stands, _there(related, known))
    units = {task["id"]: task for task in petition["tasks"]}
    firsts: dict[UUID, Row] = {}
    for step in petition["steps"]:
        firsts.setdefault(step["subject_id"], step)
    firsts.pop(petition["id"], None)
    for id, step in firsts.items():
        related = [(petition["id"], "petition")]
        if task := units.get(id):
            supporting = [(unit, "supports") for unit in task["supporting_unit_ids"]]
            related += _there([(task["lead_unit_id"], "leads"), *supporting], known)
        yield _object(id, step["step"].partition(".")[0], [], related)


def _there(related: Iterable[tuple[UUID, str]], known: Organisations) -> list[tuple[UUID, str]]:
    return [(id, qualifier) for id, qualifier in related if id in known]


def _events(petition: Row, known: Organisations) -> Iterator[dict[str, Any]]:
    for step in petition["steps"]:
        said = {"role": step["role"], "position": step["position"], "phase": step["phase"]}
        related = [(petition["id"], "petition")]
        if step["subject_id"] != petition["id"]:
            related.append((step["subject_id"], step["step"].partition(".")[0]))
        if step["on_behalf_of"]:
            related += _there([(step["on_behalf_of"], "on_behalf_of")], known)
        yield {
            "id": f"e{step['position']}",
            "type": step["step"],
            "time": step["at"],
            "attributes": [{"name": name, "value": value} for name, value in said.items() if value is not None],
            "relationships": [{"objectId": other, "qualifier": qualifier} for other, qualifier in related],
        }
