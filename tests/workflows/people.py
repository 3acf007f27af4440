"""A petition and its people on a real PostgreSQL and a real Temporal, at the time of the petition's workflow.

People's commands are stamped with the workflow's virtual time, and announced as the relay would. ``forward`` moves that
time; what the story does then is read from the log.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

import domain.policy
from domain.calendar import local_day
from domain.clock import Clock
from domain.command import Command
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Answer, Category, Resolved
from domain.policy import Policy
from domain.roadmap import RoadmapItem
from domain.task import Task
from infra.event_store import EventStore
from infra.mapper import mapper
from infra.repository import Repository
from tests.domain.story import ADMIN, CLERK, HOST_STAFF, OFFICIAL, UNIT_OFFICER, Actor, id_of, resident, text
from workflows.activities import Activities
from workflows.messages import MatterState
from workflows.petition import PetitionStory
from workflows.relay import OpenMatter, nudge
from workflows.worker import make_worker

DEFAULT = tomllib.loads(Path(domain.policy.__file__).with_name("policy.toml").read_text("utf-8"))
# Clocks that start today end next year, which the built-in calendar may not know yet.
YEARS: dict[str, Any] = {str(datetime.now(UTC).year + n): {} for n in range(5)}
POLICY = Policy.parse(DEFAULT | {"threshold": 3, "counts_every": "at once", "calendar": YEARS})
OPENING: dict[str, Any] = {
    "topic": text("topic"),
    "details": text("details"),
    "category": Category.ADVICE,
    "also": {"host": (Host, id_of("host")), "posts": [(Post, id_of("post"))]},
}
SKIPPING = ("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true")
PATIENCE = 30.0  # seconds of real time until a test gives up


@dataclass
class Engine:
    store: EventStore
    repository: Repository
    client: Client
    skipper: TimeSkipper = field(init=False)

    def __post_init__(self) -> None:
        self.skipper = TimeSkipper(self.client)

    async def register(self) -> None:
        """A host, a post and two units."""
        people = People(self, uuid4())
        await people.do(Host.register, ADMIN, id_of("host"), name="划船社区", kind=HostKind.COMMUNITY)
        await people.do(Post.register, ADMIN, id_of("post"), name="区委书记", kind=PostKind.PARTY_COMMITTEE)
        for unit in ("unit", "second unit"):
            await people.do(Unit.register, ADMIN, id_of(unit), name=unit, kind=UnitKind.DEPARTMENT)


@asynccontextmanager
async def engine(pool: asyncpg.Pool, address: str, worker: Policy = POLICY) -> AsyncIterator[Engine]:
    store = EventStore(pool)
    repository = Repository(store)
    client = await Client.connect(address, identity="test")
    made = Engine(store, repository, client)
    await made.register()
    async with make_worker(client, Activities(store, repository, worker)):
        yield made
    await repository.close()


class People:
    def __init__(self, engine: Engine, id: UUID) -> None:
        self.engine, self.id = engine, id
        self.signers = 0
        self.read = 0  # how far this test has read the log
        self.position = 0  # of the last command

    @property
    def handle(self) -> WorkflowHandle[PetitionStory, str]:
        return self.engine.client.get_workflow_handle_for(PetitionStory.run, str(self.id))

    # --- time -------------------------------------------------------------------------------------------------------

    async def now(self) -> datetime:
        return await self.engine.skipper.get_current_time(self.handle)

    async def forward(self, to: datetime) -> None:
        """Move the workflow's time; what falls due on the way happens."""
        await self.engine.skipper.fast_forward(self.handle, to - await self.now())

    async def knows(self) -> MatterState:
        """What the story knows, once it has heard of the last command that it is told of."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(RPCError, WorkflowQueryFailedError):  # it may not have started yet
                    known = await self.handle.query(PetitionStory.known)
                    if known and known.position >= self.position:
                        return known
                await asyncio.sleep(0.01)

    async def clock(self, rule: str) -> Clock:
        """A clock that runs, of the petition or of a task."""
        return next(running.clock for running in (await self.knows()).clocks if running.clock.rule == rule)

    # --- the log ----------------------------------------------------------------------------------------------------

    async def happens(self, *topics: str, rule: str | None = None) -> list[Any]:
        """Wait for the next event of each of these topics, in this order (and of this clock); answer with them."""
        wanted: list[str] = list(topics)
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE), aclosing(self.engine.store.follow(self.read, topics)) as pages:
            async for page in pages:
                for recorded in page:
                    event: Any = mapper.to_domain_event(recorded)
                    mine = self.id in (event.originator_id, getattr(event, "matter_id", None))
                    if mine and wanted[0] == event.TOPIC and rule in (None, getattr(event, "rule", None)):
                        found.append(event)
                        self.read = recorded.id
                        wanted.pop(0)
                        if not wanted:
                            return found
        raise AssertionError("the log has no end")

    async def log(self) -> list[Any]:
        """All events of the petition, its meeting and its tasks so far."""
        events: list[Any] = [
            mapper.to_domain_event(recorded) for recorded in await self.engine.store.select_notifications(1, 10_000)
        ]
        return [event for event in events if self.id in (event.originator_id, getattr(event, "matter_id", None))]

    async def topics(self) -> list[str]:
        return [event.TOPIC for event in await self.log()]

    async def warnings(self, rule: str) -> list[Any]:
        about = ("petition.Reminded", "petition.Escalated")
        return [event for event in await self.log() if event.TOPIC in about and event.rule == rule]

    # --- commands ---------------------------------------------------------------------------------------------------

    async def do(
        self,
        method: Callable[..., Any],
        actor: Actor,
        id: UUID | None = None,
        *,
        at: datetime | None = None,
        also: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> int:
        cmd = Command(
            id=uuid4(),
            by=actor.by,
            role=actor.role,
            org=actor.org,
            at=at or datetime.now(UTC),
            policy=POLICY,
        )
        done = await self.engine.repository.execute(method, id or self.id, cmd, also=also, **arguments)
        return done.position

    async def act(self, method: Callable[..., Any], actor: Actor, id: UUID | None = None, **arguments: Any) -> None:
        """A command that the story hears of."""
        self.position = await self.do(method, actor, id, at=await self.now(), **arguments)
        await self.tell()

    async def tell(self) -> None:
        """As the relay does: a story that has looked by itself may have ended before."""
        with suppress(WorkflowAlreadyStartedError):
            await nudge(self.engine.client, OpenMatter(self.id, self.position, ended=False))

    async def open(self) -> None:
        self.position = await self.do(Petition.open, resident(1), **OPENING)
        await self.tell()
        self.signers = 1

    async def sign(self, signatures: int = POLICY.threshold) -> None:
        for n in range(self.signers + 1, signatures + 1):
            await self.act(Petition.co_sign, resident(n))
        self.signers = max(signatures, self.signers)

    async def submit(self) -> None:
        await self.sign()
        await self.act(Petition.give_host_opinion, HOST_STAFF, opinion=text("opinion"))

    async def accept(self) -> None:
        await self.submit()
        await self.act(Petition.accept, CLERK)

    async def meet(self) -> None:
        await self.act(Petition.acknowledge, OFFICIAL)
        meeting, starts_at = uuid4(), await self.now() + timedelta(days=1)
        petition = {"petition": (Petition, self.id)}
        await self.act(Meeting.schedule, HOST_STAFF, meeting, starts_at=starts_at, venue=text("venue"), also=petition)
        await self.forward(starts_at + timedelta(hours=2))
        await self.act(Meeting.hold, HOST_STAFF, meeting, minutes=text("minutes"), also=petition)
        for who in (resident(1), OFFICIAL):
            await self.act(Meeting.confirm_minutes, who, meeting, also=petition)

    async def publish(self, *units: str, days: int = 20) -> list[UUID]:
        """A roadmap with a task for each unit."""
        due_on = local_day(await self.now()) + timedelta(days=days)
        items = [RoadmapItem(uuid4(), text("title"), id_of(unit), [], due_on) for unit in units]
        known = {"units": [(Unit, item.lead_unit_id) for item in items]}
        await self.act(Petition.publish_roadmap, OFFICIAL, items=items, also=known)
        return [item.task_id for item in items]

    async def plan(self, *units: str, days: int = 20) -> list[UUID]:
        """Publish a roadmap, and wait until its tasks are offered."""
        tasks = await self.publish(*units, days=days)
        await self.happens(*["task.Offered"] * len(tasks))
        return tasks

    async def work(self, tasks: list[UUID], officer: Actor = UNIT_OFFICER) -> None:
        for task in tasks:
            await self.act(Task.claim, officer, task)
            await self.act(Task.complete, officer, task, report=text("report"))
            await self.act(Task.confirm, OFFICIAL, task)

    async def suspend(self, tasks: list[UUID]) -> None:
        await self.act(Petition.suspend, OFFICIAL, reason=text("reason"), **in_hand(tasks))

    async def resume(self, tasks: list[UUID]) -> None:
        await self.act(Petition.resume, OFFICIAL, **in_hand(tasks))

    async def answer(self, tasks: list[UUID], outcome: Answer = Answer.DONE) -> None:
        """Give the final response, and wait until the residents are invited to judge."""
        await self.act(
            Petition.answer,
            OFFICIAL,
            text=text("answer"),
            outcome=outcome,
            due_on=local_day(await self.now()) + timedelta(days=90) if outcome == Answer.PLANNED else None,
            also={"tasks": [(Task, id) for id in tasks]},
        )
        await self.happens("petition.FeedbackInvited")

    async def judge(self, *verdicts: Resolved) -> None:
        for n, verdict in enumerate(verdicts, start=1):
            await self.act(
                Petition.give_feedback, resident(n), contacted=True, resolved=verdict, satisfied=True, comment=None
            )

    async def to_the_end(self) -> None:
        """The ordinary course."""
        await self.open()
        await self.accept()
        await self.meet()
        tasks = await self.plan("unit")
        await self.work(tasks)
        await self.answer(tasks)
        await self.judge(Resolved.YES, Resolved.YES, Resolved.PARTLY)
        await self.happens("petition.Closed")


def in_hand(tasks: list[UUID]) -> dict[str, Any]:
    """The tasks of the present round, which are decided on with the petition."""
    return {"seen": tasks, "also": {"tasks": [(Task, id) for id in tasks]}}
