"""The relay and the worker, with a Temporal of the test's own that is stopped, killed and emptied under them."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from domain.petition import Petition
from infra.embedded import Temporal
from infra.event_store import EventStore
from infra.repository import Repository
from tests.domain.story import CLERK, HOST_STAFF, resident, text
from tests.workflows.people import OPENING, PATIENCE, POLICY, Engine, People
from workflows.activities import Activities
from workflows.relay import Relay
from workflows.worker import run_worker


@pytest.fixture
async def own_temporal(tmp_path: Path) -> AsyncIterator[Temporal]:
    temporal = Temporal(tmp_path)
    await temporal.start()
    yield temporal
    await temporal.stop()


@pytest.fixture
async def made(pool: asyncpg.Pool, own_temporal: Temporal) -> Engine:
    """Neither relay nor worker is running yet."""
    store = EventStore(pool)
    engine = Engine(store, Repository(store), await Client.connect(own_temporal.address, lazy=True))
    await engine.register()
    return engine


@asynccontextmanager
async def relaying(engine: Engine) -> AsyncIterator[Relay]:
    relay = Relay(engine.store, engine.client)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def working(engine: Engine, temporal: Temporal) -> AsyncIterator[None]:
    activities = Activities(engine.store, engine.repository, POLICY)
    task = asyncio.create_task(run_worker(temporal.address, "default", activities))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def petitions(engine: Engine, count: int) -> list[People]:
    """Petitions in three phases, told to nobody."""
    made = [People(engine, uuid4()) for _ in range(count)]
    for n, people in enumerate(made):
        people.position = await people.do(Petition.open, resident(1), **OPENING)
        if n % 3:
            for signer in (2, 3):
                people.position = await people.do(Petition.co_sign, resident(signer))
            people.position = await people.do(Petition.give_host_opinion, HOST_STAFF, opinion=text("opinion"))
        if n % 3 == 2:
            people.position = await people.do(Petition.accept, CLERK)
    return made


async def has_told(relay: Relay, people: People) -> None:
    """The workflow knows, and the checkpoint has moved."""
    await people.knows()
    async with asyncio.timeout(PATIENCE):
        while relay.position < people.position:
            await asyncio.sleep(0.01)


async def test_a_petition_is_told_in_order_and_without_its_signatures(made: Engine, own_temporal: Temporal) -> None:
    async with relaying(made) as relay, working(made, own_temporal):
        [people] = await petitions(made, 1)
        for n in range(2, 40):
            await people.do(Petition.co_sign, resident(n))
        people.position = await people.do(Petition.give_host_opinion, HOST_STAFF, opinion=text("opinion"))
        assert (await people.knows()).phase == "submitted"
        history = await people.handle.fetch_history()
        signalled = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        positions = [
            int(event.workflow_execution_signaled_event_attributes.input.payloads[0].data)
            for event in history.events
            if event.event_type == signalled
        ]
        assert positions == sorted(positions)
        assert positions[-1] == people.position
        assert len(set(positions)) <= 3, "opened, threshold reached, submitted"
        assert relay.reachable


async def test_what_was_told_is_not_told_again_by_the_next_relay(made: Engine, own_temporal: Temporal) -> None:
    async with working(made, own_temporal):
        [first] = await petitions(made, 1)
        async with relaying(made):
            await first.knows()
        [second] = await petitions(made, 1)
        async with relaying(made) as relay:
            await has_told(relay, second)
        assert await made.store.pool.fetchval("SELECT position FROM relay") == second.position


async def test_a_second_relay_waits_for_the_first_to_end(made: Engine, own_temporal: Temporal) -> None:
    async with working(made, own_temporal), AsyncExitStack() as stack:
        async with relaying(made) as first:
            [early] = await petitions(made, 1)
            await early.knows()
            idle = await stack.enter_async_context(relaying(made))
            [later] = await petitions(made, 1)
            await has_told(first, later)
            assert idle.position == 0
        [last] = await petitions(made, 1)
        await has_told(idle, last)


async def test_a_killed_relay_loses_nobody(made: Engine, own_temporal: Temporal, database: str) -> None:
    opened: list[People] = []
    async with working(made, own_temporal):
        for told in range(1, 4):
            command = ("-m", "tests.workflows.relay_process", database, own_temporal.address)
            relay = await asyncio.create_subprocess_exec(sys.executable, *command)
            opened += await petitions(made, 9)
            async with asyncio.timeout(PATIENCE):
                while await made.store.pool.fetchval("SELECT count(*) FROM open_matters") < told:
                    await asyncio.sleep(0.002)
            relay.kill()  # with luck in the middle of a page
            await relay.wait()
        async with relaying(made):
            for people in opened:
                await people.knows()


async def test_a_story_that_is_missing_is_started_again_and_one_that_broke_off_is_reported(
    made: Engine, own_temporal: Temporal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("workflows.relay.MISSING_EVERY", 1.0)
    async with relaying(made) as relay, working(made, own_temporal):
        running, missing, broken, ended = await petitions(made, 4)
        for people in (running, missing, broken, ended):
            await has_told(relay, people)
        events = len((await running.handle.fetch_history()).events)
        ended.position = await ended.do(Petition.withdraw, resident(1))
        await ended.handle.result()
        await broken.handle.terminate()
        await made.client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace="default", workflow_execution=WorkflowExecution(workflow_id=str(missing.id))
            )
        )
        async with asyncio.timeout(PATIENCE):
            while f"the workflow of {broken.id} broke off (TERMINATED)" not in caplog.text:
                await asyncio.sleep(0.02)
            while await made.store.pool.fetchval("SELECT count(*) FROM open_matters") == 4:
                await asyncio.sleep(0.02)
        await missing.knows()
        assert len((await running.handle.fetch_history()).events) == events, "its history has not grown"
        open_matters = await made.store.pool.fetch("SELECT matter_id FROM open_matters")
        assert {row["matter_id"] for row in open_matters} == {running.id, missing.id, broken.id}


async def test_people_go_on_while_temporal_is_down_and_are_told_of_later(made: Engine, own_temporal: Temporal) -> None:
    async with relaying(made) as relay, working(made, own_temporal):
        [before] = await petitions(made, 1)
        await has_told(relay, before)
        await own_temporal.kill()
        during = await petitions(made, 6)
        before.position = await before.do(Petition.withdraw, resident(1))
        async with asyncio.timeout(PATIENCE):
            while relay.reachable:
                await asyncio.sleep(0.02)
        assert await made.store.pool.fetchval("SELECT count(*) FROM open_matters") == 1, "nobody else has been told"
        await own_temporal.start()
        for people in during:
            await people.knows()
        assert await before.handle.result() == "withdrawn"
        assert relay.reachable


async def test_relay_and_worker_can_be_stopped_while_temporal_is_down(made: Engine, own_temporal: Temporal) -> None:
    async with asyncio.timeout(PATIENCE):
        async with relaying(made), working(made, own_temporal):
            [people] = await petitions(made, 1)
            await people.knows()
            await own_temporal.kill()
            await petitions(made, 3)


async def test_every_open_petition_comes_back_when_temporal_loses_everything(
    made: Engine, own_temporal: Temporal, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worker and the relay live on, and notice by themselves."""
    async with relaying(made), working(made, own_temporal):
        started = await petitions(made, 60)
        before = [await people.knows() for people in started]
        runs = {(await people.handle.describe()).run_id for people in started}
        await own_temporal.kill()
        lost = time.monotonic()
        empty(own_temporal)
        await own_temporal.start()
        up = time.monotonic()
        after = [await people.knows() for people in started]
        back = time.monotonic()
        assert after == before, "phases, tasks and clocks are those of before"
        assert runs.isdisjoint([(await people.handle.describe()).run_id for people in started])
    with capsys.disabled():
        print(f"\nTemporal emptied under a living relay and worker: up after {up - lost:.1f} s;", end=" ")
        print(f"{len(after)} of {len(started)} workflows back, clocks equal, {back - up:.1f} s later")


class Hurried(People):
    """Act without Temporal: the relay tells it, and their own clock is put forward where they have to wait."""

    ahead = timedelta(0)

    async def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def forward(self, to: datetime) -> None:
        self.ahead += to - await self.now()

    async def tell(self) -> None:
        pass


async def test_petitions_reach_their_end_though_temporal_is_killed_and_emptied_on_the_way(
    made: Engine, own_temporal: Temporal
) -> None:
    async with relaying(made), working(made, own_temporal), asyncio.TaskGroup() as people:
        petitions = [Hurried(made, uuid4()) for _ in range(12)]
        for petition in petitions:
            people.create_task(petition.to_the_end())
        for events in (60, 120, 180, 240):  # of 280
            async with asyncio.timeout(PATIENCE):
                while await made.store.max_notification_id() < events:
                    await asyncio.sleep(0.002)
            await own_temporal.kill()
            if events % 120 == 0:
                empty(own_temporal)
            await own_temporal.start()
    for petition in petitions:
        topics = await petition.topics()
        assert [topics.count(f"petition.{name}") for name in ("FeedbackInvited", "Closed")] == [1, 1]
        assert topics.count("task.Offered") == 1


def empty(temporal: Temporal) -> None:
    for file in temporal.folder.glob("temporal.db*"):
        file.unlink()
