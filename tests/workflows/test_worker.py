"""What a story does when something is wrong."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from domain.petition import Petition
from domain.petition.words import Answer
from domain.policy import Window
from infra.database import connect, migrate
from infra.embedded import PostgreSQL, Temporal
from tests.domain.story import resident
from tests.workflows.people import PATIENCE, POLICY, SKIPPING, People, engine
from workflows.activities import Activities
from workflows.messages import MatterState, Step
from workflows.relay import OpenMatter, Relay, nudge
from workflows.worker import make_worker


async def test_a_mistake_of_ours_fails_the_workflow_for_all_to_see(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await nudge(made.client, OpenMatter(people.id, 1, ended=False))  # the log knows no such petition
        with pytest.raises(WorkflowFailureError) as failure:
            await people.handle.result()
        assert isinstance(failure.value.cause, ApplicationError)
        assert failure.value.cause.type == "NotFound"


async def test_a_refusal_is_an_answer(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await people.open()
        before = await people.knows()
        activities = Activities(made.store, made.repository, POLICY)
        answer = await activities.issue(Step(people.id, 1, "close_signing", await people.now()))
        assert (answer.refusal, answer.state) == ("too-early", before)


async def test_an_unknown_calendar_year_is_shown_and_waits_for_the_administrator(
    pool: asyncpg.Pool, temporal: str
) -> None:
    too_long = replace(POLICY, windows={**POLICY.windows, "claim": Window.parse("3000 working days")})
    async with engine(pool, temporal, worker=too_long) as made:
        people = People(made, uuid4())
        await people.open()
        await people.accept()
        await people.meet()
        await people.publish("unit")
        async with asyncio.timeout(PATIENCE):
            while "is not known" not in await details(people):
                await asyncio.sleep(0.02)
    async with make_worker(made.client, Activities(made.store, made.repository, POLICY)):
        await people.forward(await people.now() + timedelta(hours=2))
        await people.happens("task.Offered")
        assert await details(people) == ""


async def details(people: People) -> str:
    """What Temporal's pages show of the workflow."""
    metadata = await people.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def test_a_long_history_is_cut_without_losing_the_thread(pool: asyncpg.Pool, tmp_path: Path) -> None:
    short = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=25")
    async with Temporal(tmp_path, extra=(*SKIPPING, *short)) as address, engine(pool, address) as made:
        people = People(made, uuid4())
        await people.to_the_end()
        assert await people.handle.result() == "closed"
        query = f"WorkflowId = '{people.id}'"
        assert len([run async for run in made.client.list_workflows(query)]) > 2
        topics = await people.topics()
        assert topics.count("task.Offered") == topics.count("petition.FeedbackInvited") == 1


async def test_story_and_relay_go_on_when_postgresql_is_back(
    data_folder: Path, temporal: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = data_folder / "own"
    folder.mkdir(mode=0o711)
    postgresql = PostgreSQL(folder)
    pool = await connect(await postgresql.start())
    await migrate(pool)
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await people.open()
        relay = asyncio.create_task(Relay(made.store, made.client).run())
        await people.knows()
        await postgresql.kill()
        await nudge(made.client, OpenMatter(people.id, people.position + 1, ended=False))
        async with asyncio.timeout(PATIENCE):
            while "Completing activity as failed" not in caplog.text:
                await asyncio.sleep(0.02)
        await postgresql.start()
        await people.do(Petition.withdraw, resident(1))  # the relay tells of it
        assert await people.handle.result() == "withdrawn"
        relay.cancel()
        await asyncio.wait([relay])
    await pool.close()
    await postgresql.stop()


async def test_a_story_does_not_end_while_it_is_asking(
    pool: asyncpg.Pool, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tasks are dropped side by side. The first answer tells of both; the second is late."""
    look, looks = Activities._look, 0
    both_dropped = asyncio.Event()

    async def held(self: Activities, petition_id: UUID) -> MatterState:
        nonlocal looks
        state = await look(self, petition_id)
        looks += state.ended  # after the closing, then after each drop
        if looks == 2:
            await both_dropped.wait()
        elif looks == 3:
            both_dropped.set()
            await asyncio.sleep(0.5)  # a story that does not wait ends meanwhile
        return await look(self, petition_id)

    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await people.open()
        await people.accept()
        await people.meet()
        tasks = await people.plan("unit", "second unit")
        await people.answer(tasks, Answer.EXPLAINED)
        due_at = (await people.clock("feedback")).due_at
        monkeypatch.setattr(Activities, "_look", held)
        await people.forward(due_at + timedelta(minutes=1))
        assert await people.handle.result() == "closed"
        kinds = [event.event_type for event in (await people.handle.fetch_history()).events]
    assert looks == 3
    answers = [EventType.EVENT_TYPE_MARKER_RECORDED] * 3
    assert kinds[-4:] == [*answers, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED]
    assert not {EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT} & {*kinds}
