"""Several APIs and several workers on one PostgreSQL and one Temporal."""

import asyncio
import signal
from collections.abc import Awaitable

from temporalio.client import WorkflowExecutionStatus

from api.demo.district import District
from tests.faults.conftest import Cluster
from tests.stories.story import Story


async def test_a_worker_is_killed_in_the_middle_and_the_other_brings_everything_to_its_end(cluster: Cluster) -> None:
    async with cluster.worker() as first, cluster.worker(), cluster.people() as people:
        stories = await asyncio.gather(*(_until_met(people) for _ in range(4)))
        planning = [asyncio.create_task(story.plan()) for story in stories]
        await first.end(signal.SIGKILL)  # it holds the relay and the projector, since it was first
        await asyncio.gather(*map(_from_plan_to_end, stories, planning))
        temporal = await cluster.workflows()
        for story in stories:
            workflow = temporal.get_workflow_handle(story.id)
            assert await workflow.result() == "closed"
            assert (await workflow.describe()).status == WorkflowExecutionStatus.COMPLETED


async def test_one_key_sent_many_times_at_once_through_two_apis_is_one_command(cluster: Cluster) -> None:
    async with cluster.people() as people:
        story = await Story.opened(people)
        token = people.token("resident", "impatient", None)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
        path = f"{story.path}/co-signatures"
        answers = await asyncio.gather(*(people.client.post(path, headers=headers) for _ in range(40)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({(answer.content, answer.headers["Yuetan-Position"]) for answer in answers}) == 1
        assert answers[0].json()["signatures"] == 2


async def _until_met(people: District) -> Story:
    story = await Story.opened(people)
    await story.sign()
    await story.submit()
    await story.accept()
    await story.meet()
    return story


async def _from_plan_to_end(story: Story, planned: Awaitable[str]) -> None:
    await story.work(await planned)
    await story.answer()
    await story.judge()
    await story.until("closed")
