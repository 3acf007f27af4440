"""That nothing was altered or removed: checkpoints of the transparency log, and proofs against them, for auditors.

They hold without trust in this program: docs/proof.md says how to check them with any other.
"""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.deps import Known, Page, Paged, Services, Serving, position
from api.openapi import PRIVATE_READ
from api.pages import require_role
from domain.command import Role
from domain.refusals import not_found
from infra import merkle, transparency
from infra.event_store import read_page
from infra.transparency import Sealed

router = APIRouter(prefix="/v1/proof", tags=["proof"])

HASH = "MTNTGZcDzj9vC0pCJ5zJvGHOWwRZFiFWZIgWZbTtmMI="
NOTE = (
    "district.example/yuetan\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— district.example/yuetan Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOA"
    "YQ8=\n"
)
Leaves = Annotated[int, Query(ge=1, le=2**63 - 1)]


class LogKey(BaseModel):
    verifier: str = Field(
        examples=["district.example/yuetan+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"],
        description="As signed notes name it: name, hash, key.",
    )
    since: int | None = Field(examples=[1], description="The size of the first checkpoint that it signed.")


class LogCheckpoint(BaseModel):
    size: int = Field(examples=[20852163], description="Events under it.")
    root: str = Field(examples=[HASH], description="Base64.")
    position: int = Field(examples=[20852201], description="Of the last event under it.")
    made_at: datetime
    note: str = Field(examples=[NOTE], description="The signed checkpoint: C2SP tlog-checkpoint.")


class LogStanding(BaseModel):
    """``error``: why nothing more is signed or published, until somebody looks."""

    checkpoint: LogCheckpoint | None = Field(description="The newest.")
    keys: list[LogKey] = Field(description="Whose signature counts, the newest last.")
    waiting_since: datetime | None = Field(description="When the first event was stored that is under no checkpoint.")
    published: int = Field(description="The size of the newest checkpoint that stands outside the database.")
    error: str | None


class InclusionProof(BaseModel):
    """RFC 9162, 2.1.3: with the leaf's hash these hashes make the root of the checkpoint."""

    position: int
    index: int = Field(description="Which leaf the event is, from 0.")
    leaf_hash: str = Field(examples=[HASH], description="Of the event's canonical line. Base64, as all hashes.")
    hashes: list[str] = Field(examples=[[HASH]])
    checkpoint: str = Field(examples=[NOTE])


class ConsistencyProof(BaseModel):
    """RFC 9162, 2.1.4: the second tree begins with all the leaves of the first."""

    first: str = Field(examples=[NOTE])
    second: str = Field(examples=[NOTE])
    hashes: list[str] = Field(examples=[[HASH]])


@router.get("", responses=PRIVATE_READ)
async def read_proof(services: Serving, identity: Known) -> LogStanding:
    """How far the log is sealed, by which keys, and whether anything is wrong."""
    require_role(identity, Role.AUDITOR)
    newest = await transparency.checkpoints(services.pool)
    found = await transparency.status(services.pool)
    return LogStanding(
        checkpoint=_shown(newest[0]) if newest else None,
        keys=[LogKey(verifier=str(key.verifier), since=key.since) for key in await transparency.keys(services.pool)],
        waiting_since=found["waiting_since"],
        published=found["published"],
        error=found["error"],
    )


@router.get("/checkpoints", responses=PRIVATE_READ)
async def list_checkpoints(services: Serving, identity: Known, paging: Paged) -> Page[LogCheckpoint]:
    """The newest first."""
    require_role(identity, Role.AUDITOR)
    found = await transparency.checkpoints(services.pool, below=paging.read(position), limit=paging.limit + 1)
    more = len(found) > paging.limit
    shown = found[: paging.limit]
    return paging.page([_shown(sealed) for sealed in shown], shown[-1].checkpoint.size if more else None)


@router.get("/inclusion/{position}", responses=PRIVATE_READ)
async def read_inclusion(
    position: Annotated[int, Path(ge=1, le=2**63 - 1)],
    services: Serving,
    identity: Known,
    size: Annotated[Leaves | None, Query(description="Of the checkpoint; otherwise the newest.")] = None,
) -> InclusionProof:
    """That the event at this position is in the log. 404 while no checkpoint has it: within a minute one does."""
    require_role(identity, Role.AUDITOR)
    sealed = await _checkpoint(services, size)
    index = await transparency.index_of(services.pool, position)
    if index is None or index >= sealed.checkpoint.size:
        raise not_found("event")
    (event,) = await read_page(services.pool, position - 1, 1)
    ranges = merkle.inclusion_ranges(index, sealed.checkpoint.size)
    return InclusionProof(
        position=position,
        index=index,
        leaf_hash=_text(merkle.leaf_hash(transparency.leaf_of(event))),
        hashes=[_text(hash) for hash in await transparency.hashes(services.pool, ranges)],
        checkpoint=sealed.note,
    )


@router.get("/consistency", responses=PRIVATE_READ)
async def read_consistency(
    services: Serving, identity: Known, first: Leaves, second: Leaves | None = None
) -> ConsistencyProof:
    """That a checkpoint continues an earlier one; by default the newest does."""
    require_role(identity, Role.AUDITOR)
    older, newer = await _checkpoint(services, first), await _checkpoint(services, second)
    if older.checkpoint.size > newer.checkpoint.size:
        older, newer = newer, older
    ranges = merkle.consistency_ranges(older.checkpoint.size, newer.checkpoint.size)
    return ConsistencyProof(
        first=older.note,
        second=newer.note,
        hashes=[_text(hash) for hash in await transparency.hashes(services.pool, ranges)],
    )


async def _checkpoint(services: Services, size: int | None) -> Sealed:
    if size is None:
        found = next(iter(await transparency.checkpoints(services.pool)), None)
    else:
        found = await transparency.checkpoint(services.pool, size)
    if found is None:
        raise not_found("checkpoint")
    return found


def _shown(sealed: Sealed) -> LogCheckpoint:
    return LogCheckpoint(
        size=sealed.checkpoint.size,
        root=_text(sealed.checkpoint.root),
        position=sealed.position,
        made_at=sealed.made_at,
        note=sealed.note,
    )


def _text(hash: bytes) -> str:
    return base64.b64encode(hash).decode()
