"""The directory: hosts, posts with the terms of their holders, and units."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api.deps import AtDesk, Desk, Page, Paged, Serving, caught_up, position
from api.openapi import COMMAND, CREATION, READ
from api.schemas import (
    Acting,
    Charge,
    HostEntry,
    NewHost,
    NewPost,
    NewUnit,
    Placing,
    PostEntry,
    Rename,
    Term,
    TermEnd,
    UnitEntry,
)
from domain.directory import Host, Post, Unit
from domain.refusals import Invalid, NotFound
from projections import directory

router = APIRouter(prefix="/v1", tags=["directory"])
CAUGHT_UP = [caught_up("directory")]


@router.post("/hosts", status_code=201, responses=CREATION)
async def register_host(body: NewHost, desk: AtDesk) -> HostEntry:
    """Enter a community or cooperative that hosts petitions."""
    id, cmd = await desk.registering()
    return await desk.execute(Host.register, id, HostEntry.of, cmd=cmd, name=body.name, kind=body.kind)


@router.post("/posts", status_code=201, responses=CREATION)
async def register_post(body: NewPost, desk: AtDesk) -> PostEntry:
    """Enter a post that can be called."""
    id, cmd = await desk.registering()
    return await desk.execute(Post.register, id, PostEntry.of, cmd=cmd, name=body.name, kind=body.kind)


@router.post("/units", status_code=201, responses=CREATION)
async def register_unit(body: NewUnit, desk: AtDesk) -> UnitEntry:
    """Enter a unit that can be given tasks."""
    id, cmd = await desk.registering()
    also = {"regulator": (Unit, body.regulator_id)} if body.regulator_id else {}
    return await desk.execute(Unit.register, id, UnitEntry.of, cmd=cmd, also=also, name=body.name, kind=body.kind)


@router.put("/posts/{post_id}/superior", responses=COMMAND)
async def place_post(post_id: UUID, body: Placing, desk: AtDesk) -> PostEntry:
    """Which post stands above it."""
    superior = await _superior(desk, post_id, body.superior_id, Post)
    return await desk.execute(Post.place, post_id, PostEntry.of, **superior)


@router.put("/posts/{post_id}/charge", responses=COMMAND)
async def put_in_charge(post_id: UUID, body: Charge, desk: AtDesk) -> PostEntry:
    """Of which units, and of those below them, the post is in charge: it signs the mandates to them."""
    await desk.require(Unit, body.unit_ids, "unit_ids")
    return await desk.execute(
        Post.put_in_charge, post_id, PostEntry.of, also={"units": [(Unit, id) for id in body.unit_ids]}
    )


@router.put("/units/{unit_id}/superior", responses=COMMAND)
async def place_unit(unit_id: UUID, body: Placing, desk: AtDesk) -> UnitEntry:
    """Which post or unit stands above it: the nearest common one decides when units cannot agree whose a task is."""
    superior = await _superior(desk, unit_id, body.superior_id, Unit, Post)
    return await desk.execute(Unit.place, unit_id, UnitEntry.of, **superior)


async def _superior(desk: Desk, below: UUID, id: UUID | None, *kinds: type[Post | Unit]) -> dict[str, Any]:
    if id is None:
        return {"superior": None}
    for kind in kinds:
        with suppress(NotFound):
            found = await desk.get(kind, id)
            await _no_circle(desk, below, found)
            return {"also": {"superior": (kind, id)}}
    raise Invalid("unknown-reference", "没有这个上级,请核对编号。", "No such superior: check the id.", "superior_id")


async def _no_circle(desk: Desk, below: UUID, above: Post | Unit) -> None:
    """Nobody stands above those above them. (Two administrators who close a circle at the same moment may still.)"""
    seen: set[UUID] = set()
    while above.superior_id and above.superior_id not in seen:
        if above.superior_id == below:
            raise Invalid(
                "superiors-in-a-circle",
                "上级关系不能成环,请另选上级。",
                "That one is below this one already: choose another superior.",
                "superior_id",
            )
        seen.add(above.superior_id)
        for kind in (Post, Unit):
            with suppress(NotFound):
                above = await desk.get(kind, above.superior_id)
                break


@router.post("/posts/{post_id}/terms", responses=COMMAND)
async def start_term(post_id: UUID, body: Term, desk: AtDesk) -> PostEntry:
    """Somebody takes the post. Who it is stands in the log as a pseudonym only."""
    holder = await desk.services.people.pseudonym(body.holder, post_id)
    return await desk.execute(Post.start_term, post_id, PostEntry.of, holder=holder, started_on=body.started_on)


@router.post("/posts/{post_id}/terms/end", responses=COMMAND)
async def end_term(post_id: UUID, body: TermEnd, desk: AtDesk) -> PostEntry:
    """The holder leaves the post; its petitions and clocks stay with it."""
    return await desk.execute(Post.end_term, post_id, PostEntry.of, ended_on=body.ended_on)


@router.post("/posts/{post_id}/acting", responses=COMMAND)
async def name_acting(post_id: UUID, body: Acting, desk: AtDesk) -> PostEntry:
    """Name who stands in for a vacant post, within the window `vacancy` of the policy."""
    holder = await desk.services.people.pseudonym(body.holder, post_id)
    also = {"from_post": (Post, body.from_post_id)} if body.from_post_id else {}
    return await desk.execute(Post.name_acting, post_id, PostEntry.of, also=also, holder=holder)


@router.post("/hosts/{host_id}/changes", responses=COMMAND)
async def change_host(host_id: UUID, body: Rename, desk: AtDesk) -> HostEntry:
    """Another name."""
    return await desk.execute(Host.change, host_id, HostEntry.of, name=body.name)


@router.post("/posts/{post_id}/changes", responses=COMMAND)
async def change_post(post_id: UUID, body: Rename, desk: AtDesk) -> PostEntry:
    """Another name."""
    return await desk.execute(Post.change, post_id, PostEntry.of, name=body.name)


@router.post("/units/{unit_id}/changes", responses=COMMAND)
async def change_unit(unit_id: UUID, body: Rename, desk: AtDesk) -> UnitEntry:
    """Another name."""
    return await desk.execute(Unit.change, unit_id, UnitEntry.of, name=body.name)


@router.get("/hosts", responses=READ, dependencies=CAUGHT_UP)
async def list_hosts(services: Serving, paging: Paged) -> Page[HostEntry]:
    rows, following = await directory.entries(services.pool, "host", cursor=paging.read(position), limit=paging.limit)
    return paging.page([HostEntry.model_validate(row) for row in rows], following)


@router.get("/posts", responses=READ, dependencies=CAUGHT_UP)
async def list_posts(services: Serving, paging: Paged) -> Page[PostEntry]:
    rows, following = await directory.entries(services.pool, "post", cursor=paging.read(position), limit=paging.limit)
    return paging.page([PostEntry.model_validate(row) for row in rows], following)


@router.get("/units", responses=READ, dependencies=CAUGHT_UP)
async def list_units(services: Serving, paging: Paged) -> Page[UnitEntry]:
    rows, following = await directory.entries(services.pool, "unit", cursor=paging.read(position), limit=paging.limit)
    return paging.page([UnitEntry.model_validate(row) for row in rows], following)


@router.get("/hosts/{host_id}", responses=READ)
async def read_host(host_id: UUID, services: Serving) -> HostEntry:
    return HostEntry.of(await services.repository.get(Host, host_id))


@router.get("/posts/{post_id}", responses=READ)
async def read_post(post_id: UUID, services: Serving) -> PostEntry:
    return PostEntry.of(await services.repository.get(Post, post_id))


@router.get("/units/{unit_id}", responses=READ)
async def read_unit(unit_id: UUID, services: Serving) -> UnitEntry:
    return UnitEntry.of(await services.repository.get(Unit, unit_id))
