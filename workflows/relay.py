"""The relay: tells Temporal what has happened, and tells it again whenever Temporal may have forgotten.

It follows the log and nudges one workflow per matter; only then does it move its checkpoint. So a nudge may come twice
and is never lost. The table of open matters moves with the checkpoint. From it every open matter is announced again:
at start-up, when Temporal can be reached again, and when it is another one (its database was deleted): with a nudge,
since the last ones may be lost. Every few minutes the workflows that are missing are started, without a nudge,
so that the histories of the others do not grow.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.directory import Post
from domain.intake import Intake
from domain.meeting import Meeting
from domain.petition import Petition
from domain.task import Task
from infra.event_store import TRANSIENT, EventStore, Recorded
from infra.mapper import mapper
from workflows.messages import TASK_QUEUE
from workflows.petition import PetitionStory

log = logging.getLogger(__name__)

ENDINGS = (
    Petition.Closed,
    Petition.Lapsed,
    Petition.Withdrawn,
    Petition.Rejected,
    Petition.RefilingClosed,
    Petition.Referred,
    Petition.Merged,
)
# After these an ended matter goes on, though its workflow may be over: another run of it is started.
REVIVALS = (Petition.ReviewRequested, Petition.Reopened)
# What a story waits for. Not co-signatures and judgements, of which there may be many: it hears of the last one.
TOLD = (
    Petition.Opened,
    Petition.ThresholdReached,
    Petition.Submitted,
    Petition.Refiled,
    Petition.MarkedUrgent,
    Petition.UrgencyLifted,
    Petition.Accepted,
    Petition.CallAcknowledged,
    Petition.CallReassigned,
    Petition.MeetingWaived,
    Petition.MeetingHeld,
    Petition.RoadmapPublished,
    Petition.InterimResponseGiven,
    Petition.RoadmapRevised,
    Petition.Answered,
    Petition.TrackingBegun,
    Petition.CommitmentDelivered,
    Petition.Extended,
    Petition.Suspended,
    Petition.Resumed,
    Petition.WithdrawalsMounted,
    Petition.BallotCalled,
    Petition.BallotConcluded,
    Petition.ReviewDecided,
    *REVIVALS,
    *ENDINGS,
    Task.Claimed,
    Task.Transferred,
    Task.Objected,
    Task.ObjectedAgain,
    Task.Mandated,
    Task.Completed,
    Task.Returned,
    Task.Confirmed,
    Petition.CoSignatureContested,
    Intake.Appealed,
    Intake.Upheld,
    Intake.Invalidated,
    Meeting.Scheduled,
    Meeting.Rescheduled,
    Meeting.Cancelled,
    Meeting.MinutesDrafted,
    Meeting.MinutesConfirmed,
    *(Petition.ClocksMoved, Task.ClocksMoved, Intake.ClocksMoved, Meeting.ClocksMoved),
)
TOPICS = tuple(event.TOPIC for event in TOLD)
# Whose lead post falls vacant has a clock for it: every open matter is told, since there are few and it is rare.
OF_POSTS = tuple(event.TOPIC for event in (Post.FellVacant, Post.ActingNamed, Post.TermStarted, Post.ClocksMoved))

ONE_RELAY = 0x72656C6179  # "relay": the advisory lock that a second relay waits for
AT_ONCE = 64  # calls to Temporal
CALL = timedelta(seconds=10)
LOOK_EVERY = 2.0  # seconds
MISSING_EVERY = 300.0  # seconds

_REMEMBER = """
INSERT INTO open_matters AS known SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[])
ON CONFLICT (matter_id) DO UPDATE
SET position = excluded.position, ended = excluded.ended OR known.ended AND known.matter_id <> ALL ($4::uuid[])
"""
# The first call of a client that connects lazily raises a RuntimeError where later ones raise an RPCError.
AWAY = (RPCError, RuntimeError)


async def namespace_id(client: Client) -> str:
    """Which Temporal this is: one whose database was made anew has another id. Raises one of ``AWAY``."""
    about = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=CALL
    )
    return about.namespace_info.id


@dataclass(frozen=True)
class OpenMatter:
    matter_id: UUID
    position: int  # of its last event
    ended: bool
    revived: bool = False  # it had ended, or may have


class Relay:
    """``client`` may connect lazily: Temporal need not be there yet. ``position`` is how far the log has been told,
    ``reachable`` whether Temporal answered when it was last spoken to; both only where this relay is at work."""

    def __init__(self, store: EventStore, client: Client) -> None:
        self._store, self._client = store, client
        self._speaking = asyncio.Lock()  # so that no page's matters are overlooked by an announcement
        self._announced_to: str | None = None
        self.reachable = False
        self.position = 0

    async def run(self) -> None:
        """For ever. Of several relays on one database one works, and the others wait for it to end."""
        while True:
            try:
                async with self._store.pool.acquire() as conn:
                    await conn.execute("SELECT pg_advisory_lock($1)", ONE_RELAY)
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._follow(conn))
                        group.create_task(self._watch(conn))
            except* TRANSIENT as errors:
                log.warning("the relay has lost its database, trying again: %s", errors.exceptions[0])
            await asyncio.sleep(1)

    async def _follow(self, conn: PoolConnectionProxy) -> None:
        self.position = await conn.fetchval("SELECT position FROM relay")
        async with aclosing(self._store.follow(self.position, (*TOPICS, *OF_POSTS))) as pages:
            async for page in pages:
                matters = by_matter(recorded for recorded in page if recorded.topic not in OF_POSTS)
                if of_posts := [recorded.id for recorded in page if recorded.topic in OF_POSTS]:
                    matters = await self._and_all_others(conn, matters, of_posts[-1])
                async with self._speaking:
                    await self._tell(matters, nudge)
                    if matters:  # a page of other events is soon read again
                        await self._move(conn, page.position, matters)
                self.position = page.position

    async def _and_all_others(
        self, conn: PoolConnectionProxy, matters: Sequence[OpenMatter], position: int
    ) -> list[OpenMatter]:
        """Also those of which the page says nothing."""
        told = {matter.matter_id for matter in matters}
        others = [m for m in await self._open_matters(conn) if not m.ended and m.matter_id not in told]
        return [replace(matter, position=max(position, matter.position)) for matter in (*matters, *others)]

    async def _move(self, conn: PoolConnectionProxy, position: int, matters: Sequence[OpenMatter]) -> None:
        ids, positions, ended = ([getattr(m, name) for m in matters] for name in ("matter_id", "position", "ended"))
        revived = [matter.matter_id for matter in matters if matter.revived]
        async with conn.transaction():
            await conn.execute(_REMEMBER, ids, positions, ended, revived)
            await conn.execute("UPDATE relay SET position = $1", position)

    async def _watch(self, conn: PoolConnectionProxy) -> None:
        clock = asyncio.get_running_loop().time
        looked = clock()
        while True:
            try:
                identity = await namespace_id(self._client)
                if identity != self._announced_to:
                    await self._announce(conn, identity)
                    looked = clock()
                elif clock() - looked > MISSING_EVERY:
                    await self._start_missing(conn)
                    looked = clock()
            except AWAY as error:
                self._away(error)
            await asyncio.sleep(LOOK_EVERY)

    async def _announce(self, conn: PoolConnectionProxy, identity: str) -> None:
        async with self._speaking:
            # Before telling: should Temporal go away meanwhile, this is forgotten again, and everybody is told anew.
            self.reachable, self._announced_to = True, identity
            matters = await self._open_matters(conn)
            await self._tell(matters, nudge)
        log.info("announced %d open matters to Temporal %s", len(matters), identity)

    async def _start_missing(self, conn: PoolConnectionProxy) -> None:
        """Start what is missing, and strike those off that have ended and whose workflow is over."""
        async with self._speaking:
            matters = await self._open_matters(conn)
            over = await self._tell(matters, start)
            await conn.execute("DELETE FROM open_matters WHERE ended AND matter_id = ANY ($1)", over)
        ended = {matter.matter_id for matter in matters if matter.ended}
        for id in over:
            if id not in ended:
                await self._look_after(id)

    async def _look_after(self, id: UUID) -> None:
        """The workflow of an open matter is over: finished just now, or too early to hear that the matter goes on, or
        broken off."""
        about = await self._client.get_workflow_handle(str(id)).describe(rpc_timeout=CALL)
        if about.status == WorkflowExecutionStatus.COMPLETED:
            await nudge(self._client, OpenMatter(id, 0, ended=False, revived=True))  # ends at once if there is no more
        else:
            log.error(
                "the workflow of %s broke off (%s), and its clocks stand still: look at it in Temporal; "
                "deleted there, it is started again from the log",
                *(id, about.status and about.status.name),
            )

    async def _open_matters(self, conn: PoolConnectionProxy) -> list[OpenMatter]:
        return [OpenMatter(**row) for row in await conn.fetch("SELECT matter_id, position, ended FROM open_matters")]

    async def _tell(
        self, matters: Iterable[OpenMatter], how: Callable[[Client, OpenMatter], Awaitable[None]]
    ) -> list[UUID]:
        """Tell Temporal of each of them, however long it takes; answer with those whose workflow is over already."""
        places = asyncio.Semaphore(AT_ONCE)

        async def tell(matter: OpenMatter) -> UUID | None:
            async with places:
                while True:
                    try:
                        await how(self._client, matter)
                    except WorkflowAlreadyStartedError:
                        return matter.matter_id
                    except AWAY as error:
                        self._away(error)
                        await asyncio.sleep(1)
                    else:
                        self.reachable = True
                        return None

        return [over for over in await asyncio.gather(*map(tell, matters)) if over]

    def _away(self, error: Exception) -> None:
        if self.reachable or self._announced_to:
            log.warning("Temporal cannot be reached; the clocks stand still until it can: %s", error)
        self.reachable, self._announced_to = False, None


async def nudge(client: Client, matter: OpenMatter) -> None:
    again = WorkflowIDReusePolicy.ALLOW_DUPLICATE if matter.revived else WorkflowIDReusePolicy.REJECT_DUPLICATE
    await client.start_workflow(
        PetitionStory.run,
        id=str(matter.matter_id),
        task_queue=TASK_QUEUE,
        id_reuse_policy=again,
        start_signal="nudge",
        start_signal_args=[matter.position],
        rpc_timeout=CALL,
    )


async def start(client: Client, matter: OpenMatter) -> None:
    """Leaves no trace where the workflow runs."""
    await client.start_workflow(
        PetitionStory.run,
        id=str(matter.matter_id),
        task_queue=TASK_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        rpc_timeout=CALL,
    )


def by_matter(page: Iterable[Recorded]) -> list[OpenMatter]:
    """Each matter once, with its last position, and whether it ended or went on after its end."""
    matters: dict[UUID, OpenMatter] = {}
    for recorded in page:
        event = cast("Petition.Event | Task.Event | Intake.Event | Meeting.Event", mapper.to_domain_event(recorded))
        matter_id = event.originator_id if isinstance(event, Petition.Event) else event.matter_id
        before = matters.get(matter_id)
        revives = isinstance(event, REVIVALS)
        ends = isinstance(event, (*ENDINGS, Petition.ReviewDecided))
        if isinstance(event, Petition.Rejected) and event.refiling:
            ends = False
        ended = ends or (before is not None and before.ended and not revives)
        revived = revives or (before is not None and before.revived)
        matters[matter_id] = OpenMatter(matter_id, recorded.id, ended, revived)
    return list(matters.values())
