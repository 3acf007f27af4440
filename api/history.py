"""What happened to a petition, as the log tells it, and what it was at a moment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import replay
from api.deps import Anyone, Known, Page, Paged, Services, Serving, caught_up, position, viewer
from api.openapi import PRIVATE_READ, READ
from api.pages import petition_row, readable, require_role
from api.rulings import Ruling, rulings
from api.schemas import Moment
from domain.command import Role
from domain.refusals import conflict_of_interest, not_found
from infra.identity import Identity
from projections import timeline

router = APIRouter(prefix="/v1", tags=["history"])

AsOf = Annotated[Moment | None, Query(description="As the log stood at this moment, by the database's clock.")]


class Happening(BaseModel):
    """One event, told without persons. Signatures and judgements have none of their own: they are counted on others."""

    position: int
    petition_id: UUID | None
    subject_id: UUID = Field(description="The petition, task or meeting that it happened to.")
    type: str = Field(examples=["petition.Accepted"])
    at: datetime
    recorded_at: datetime
    role: str = Field(examples=["clerk"])
    signatures: int | None
    data: dict[str, Any] = Field(examples=[{"reason_code": "other_level"}])


FOR_AUDITORS = ("by", "on_behalf_of", "command_id", "origin")


class Entry(Happening):
    rulings: list[Ruling] | None = Field(
        None, description="For auditors who ask for them: the clocks that it began, moved, met, missed or ended."
    )
    version: int | None = Field(None, description="Of the subject; null for those whom it does not concern.")
    texts: dict[str, str] = Field({}, description="As written; empty for those whom it does not concern.")
    by: str | None = Field(
        None, description="For auditors: the pseudonym of staff. Of residents only the role is told."
    )
    on_behalf_of: UUID | None = Field(None, description="For auditors: the host, post or unit that it was done for.")
    command_id: UUID | None = Field(None, description="For auditors.")
    origin: str | None = Field(
        None,
        examples=["request 6f1e5c0d9a8b4f7e8d2c3b4a59687f10"],
        description="For auditors: the `X-Request-Id` of the request that the command came by, or the step of the"
        " workflow. null where residents asked, and for what was stored before it was kept.",
    )


@router.get("/petitions/{petition_id}/history", responses=READ, dependencies=[caught_up("board", "timeline")])
async def read_history(
    petition_id: UUID,
    services: Serving,
    identity: Anyone,
    paging: Paged,
    as_of: AsOf = None,
    with_rulings: Annotated[bool, Query(alias="rulings", description="For auditors.")] = False,
) -> Page[Entry]:
    """Oldest first: all of it for those whom the petition concerns, else what the public may know."""
    handler = (await petition_row(services, identity, petition_id))["handler"]
    rows, following = await timeline.history(
        services.pool,
        petition_id,
        handler=handler,
        now=services.now(),
        as_of=as_of,
        cursor=paging.read(position),
        limit=paging.limit,
    )
    audited = handler and identity is not None and identity.role == Role.AUDITOR
    hidden = {} if audited else dict.fromkeys(FOR_AUDITORS)
    if not handler:
        hidden |= {"version": None, "texts": {}}
    if with_rulings and audited:
        await _rule(services, petition_id, rows)
    rows = await readable(services.keyring, [row | hidden for row in rows])
    return paging.page([Entry.model_validate(row) for row in rows], following)


async def _rule(services: Services, petition_id: UUID, rows: Sequence[timeline.Row]) -> None:
    """Add to each of these, which follow one another, its rulings."""
    places = [await _place(services, petition_id, rows[0]["position"] - 1)] if rows else []
    for row in rows:
        places.append((row["position"], max(places[-1][1], row["at"])))
    seen = await replay.clocks(services, await timeline.subjects(services.pool, petition_id), places)
    for row, before, after in zip(rows, seen, seen[1:], strict=False):
        row["rulings"] = rulings(row, before, after)


class EventPage(Entry):
    """An event with what it changed, or what has changed since another moment, and the state after it."""

    nth: int = Field(description="Of the petition's events, from 1.")
    total: int
    previous: int | None = Field(description="The position of the event before.")
    following: int | None
    command: list[int] = Field(description="The positions of all events of the same command, this one too.")
    organisations: list[UUID] = Field(
        description="For which one it was done; of what was stored before that was written down, those that the"
        " permission names: one of these. Empty: a resident, the engine, or one of the district's own offices."
    )
    policies: list[str] = Field(examples=[["2026-11"]], description="The versions that dates were computed by here.")
    changes: list[replay.Change]
    state: list[replay.Part] = Field(description="The petition and its parts after it, the oldest first.")


Since = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="What differs since this position instead.")]


@router.get(
    "/petitions/{petition_id}/history/{position}",
    responses=PRIVATE_READ,
    dependencies=[caught_up("board", "timeline")],
)
async def read_moment(
    petition_id: UUID, position: int, services: Serving, identity: Known, since: Since = None
) -> EventPage:
    """For auditors: one event, what it changed, and the state after it, folded from the log itself."""
    await _require_auditor(services, identity, petition_id)
    row = await timeline.event(services.pool, petition_id, position, services.now())
    if row is None:
        raise not_found("event")
    here, before = (position, row["told_at"]), await _place(services, petition_id, row["previous"] or 0)
    earlier = before if since is None else await _place(services, petition_id, min(since, position))
    seen = await _moments(services, petition_id, here, before, earlier)
    (shown,) = await readable(services.keyring, [row])
    parts = {part.id: part for part in (*seen[here], *seen[before])}  # as it was before, where it was there
    return EventPage(
        **shown,
        organisations=replay.organisations(shown, parts),
        rulings=rulings(shown, _running(seen[before]), _running(seen[here])),
        policies=replay.policies(shown["data"]),
        changes=replay.changes(seen[earlier], seen[here]),
        state=seen[here],
    )


def _running(parts: Sequence[replay.Part]) -> replay.Running:
    return replay.running([vars(part) for part in parts])


BEGINNING: replay.Place = (0, datetime.min.replace(tzinfo=UTC))


async def _place(
    services: Services, petition_id: UUID, position: int | None = None, as_of: datetime | None = None
) -> replay.Place:
    """Of the last event by then that is told: whatever is done in secret afterwards can be neither counted nor timed
    by asking for one moment after the other."""
    found = await timeline.moment(services.pool, petition_id, services.now(), position=position, as_of=as_of)
    return found or BEGINNING


async def _moments(
    services: Services, petition_id: UUID, *places: replay.Place
) -> dict[replay.Place, list[replay.Part]]:
    ids, ascending = await timeline.subjects(services.pool, petition_id), sorted(set(places))
    return dict(zip(ascending, await replay.moments(services, ids, ascending), strict=True))


async def _require_auditor(services: Services, identity: Identity, petition_id: UUID) -> None:
    """Who has an interest in it reads no more than the public."""
    require_role(identity, Role.AUDITOR)
    if not (await petition_row(services, identity, petition_id))["handler"]:
        raise conflict_of_interest()


@router.get("/history", responses=PRIVATE_READ, dependencies=[caught_up("board", "timeline")])
async def read_latest(services: Serving, identity: Known, paging: Paged) -> Page[Entry]:
    """For auditors: what happened anywhere, newest first, in the directory and the policies too."""
    require_role(identity, Role.AUDITOR)
    who = viewer(services, identity)
    rows, following = await timeline.latest(services.pool, who, cursor=paging.read(position), limit=paging.limit)
    return paging.page([Entry.model_validate(row | {"texts": {}}) for row in rows], following)


class Standing(BaseModel):
    """The petition with its meetings and tasks at a moment, and what had changed since another."""

    position: int = Field(description="Of the last event by then that is told.")
    since: int = Field(description="The same of the other moment; 0: before its beginning.")
    changes: list[replay.Change]
    state: list[replay.Part] = Field(description="The petition and its parts, the oldest first.")


At = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="As the log stood at this position.")]
SinceAsOf = Annotated[Moment | None, Query(description="What differs since this moment, instead of a position.")]


@router.get("/petitions/{petition_id}/state", responses=PRIVATE_READ, dependencies=[caught_up("board", "timeline")])
async def read_state(
    petition_id: UUID,
    services: Serving,
    identity: Known,
    as_of: AsOf = None,
    position: At = None,
    since: Since = None,
    since_as_of: SinceAsOf = None,
) -> Standing:
    """For auditors: what a petition was at a moment, folded from the log itself; and what differs since another (if
    none is given, since its beginning). Of a time and a position the earlier counts."""
    await _require_auditor(services, identity, petition_id)
    here = await _place(services, petition_id, position, as_of)
    if here == BEGINNING:
        raise not_found("petition")  # it was not there yet
    given = since is not None or since_as_of is not None
    earlier = min(here, await _place(services, petition_id, since, since_as_of)) if given else BEGINNING
    seen = await _moments(services, petition_id, here, earlier)
    return Standing(
        position=here[0],
        since=earlier[0],
        changes=replay.changes(seen[earlier], seen[here]),
        state=seen[here],
    )
