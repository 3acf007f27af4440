"""Several APIs and several workers on one PostgreSQL and one Temporal."""

import asyncio
import signal
from collections.abc import Awaitable

from temporalio.client import WorkflowExecutionStatus

from tests.faults.conftest import Cluster
from tests.stories.story import Story


async def test_a_worker_is_killed_in_the_middle_and_the_other_brings_everything_to_its_end(cluster: Cluster) -> None:
    async with cluster.worker() as first, cluster.worker(), cluster.people() as people:
        stories = [await Story.opened(people) for _ in range(4)]
        await asyncio.gather(*map(_until_met, stories))
        planning = [asyncio.create_task(story.plan()) for story in stories]
        await first.end(signal.SIGKILL)  # it holds the relay and the projector, since it was first
        await asyncio.gather(*map(_from_plan_to_end, stories, planning))
        temporal = await cluster.workflows()
        for story in stories:
            workflow = temporal.get_workflow_handle(story.id)
            assert await workflow.result() == "closed"
            assert (await workflow.describe()).status == WorkflowExecutionStatus.COMPLETED


async def _until_met(story: Story) -> None:
    await story.sign()
    await story.submit()
    await story.accept()
    await story.meet()


async def _from_plan_to_end(story: Story, planned: Awaitable[str]) -> None:
    await story.work(await planned)
    await story.answer()
    await story.judge()
    await story.until("closed")
