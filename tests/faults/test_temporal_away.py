"""Temporal is stopped, or loses all it knew, under APIs and workers that live on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from tests.faults.conftest import SIGNING_SECONDS, Cluster
from tests.programs import eventually, readiness
from tests.stories.story import AUDITOR, Story
from workflows.messages import MatterState
from workflows.petition import PetitionStory


@asynccontextmanager
async def stopped(cluster: Cluster) -> AsyncIterator[None]:
    await cluster.temporal.kill()
    yield
    await cluster.temporal.start()


async def test_people_go_on_while_temporal_is_away_and_the_workflows_do_once_it_is_back(cluster: Cluster) -> None:
    async with cluster.worker(), cluster.people() as people:
        first = await Story.opened(people)
        for step in (first.sign, first.submit, first.accept, first.meet):
            await step()
        task = await first.plan()
        second = await Story.opened(people)
        async with stopped(cluster):
            assert (await readiness(people.client, "degraded"))["down"] == ["temporal"]
            third = await Story.opened(people)
            for story in (second, third):
                await story.sign()
                await story.submit()
                await story.accept()
            await first.work(task)
            await first.answer()
            assert (await first.page())["phase"] == "answered"
        await readiness(people.client, "ready")
        await first.judge()
        for story in (second, third):
            await story.meet()
            await story.work(await story.plan())
            await story.answer()
            await story.until("feedback")


async def test_a_temporal_that_lost_everything_has_every_open_petition_and_its_clocks_back(cluster: Cluster) -> None:
    async with cluster.worker(), cluster.people() as people:
        stories = []
        for _ in range(3):
            stories.append(await Story.opened(people))
            await stories[-1].sign()
        _, at_work, suspended = stories
        for story in (at_work, suspended):
            await story.submit()
            await story.accept()
        await at_work.meet()
        task = await at_work.plan()
        await people.post(at_work.officer, f"{task}/claim")
        await suspended.post(suspended.official, "suspension", reason="等待上级批复。")
        before = [await _known(await cluster.workflows(), story) for story in stories]
        assert [bool(timers) for _, timers in before] == [True, True, False]
        lapsing = await Story.opened(people)

        async with stopped(cluster):
            for path in cluster.temporal.folder.glob("temporal.db*"):
                path.unlink()
        for story, (state, timers) in zip(stories, before, strict=True):
            same_state, same_timers = await _known(await cluster.workflows(), story)
            assert same_state == state
            assert len(same_timers) == len(timers)
            for same, timer in zip(same_timers, timers, strict=True):
                assert abs(same - timer) < timedelta(seconds=2)

        # The shortest clock runs out, at its time and not before; and the stories of the others go on.
        page = await lapsing.until("lapsed")
        history = await people.get(AUDITOR, f"{lapsing.path}/history")
        lapsed_at = datetime.fromisoformat(history["items"][-1]["at"])
        assert lapsed_at >= datetime.fromisoformat(page["opened_at"]) + timedelta(seconds=SIGNING_SECONDS)
        await at_work.district.post(at_work.officer, f"{task}/completion", report="水泵已安装。")
        await at_work.district.post(at_work.official, f"{task}/confirmation")
        await at_work.answer()
        await at_work.until("feedback")
        await suspended.post(suspended.official, "resumption")
        await suspended.meet()
        await suspended.plan()


async def _known(temporal: Client, story: Story) -> tuple[MatterState, list[datetime]]:
    """What the workflow knows once it has heard of everything, and when its timers go off."""
    workflow = temporal.get_workflow_handle_for(PetitionStory.run, story.id)
    version = (await story.page())["version"]

    async def look() -> MatterState | None:
        with suppress(RPCError):  # not there yet, or nobody to answer yet
            state = await workflow.query(PetitionStory.known, rpc_timeout=timedelta(seconds=5))
            return state if state and state.version == version else None
        return None

    state = await eventually(look)
    timers: dict[int, datetime] = {}
    async for event in workflow.fetch_history_events():
        started, fired = event.timer_started_event_attributes, event.timer_fired_event_attributes
        timers.pop(event.timer_canceled_event_attributes.started_event_id or fired.started_event_id, None)
        if event.HasField("timer_started_event_attributes"):
            timeout = started.start_to_fire_timeout.ToTimedelta()
            timers[event.event_id] = event.event_time.ToDatetime(UTC) + timeout
    return state, sorted(timers.values())
