"""The worker: carries the stories on, for as long as it lives."""

import asyncio
import logging

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.activities import Activities
from workflows.messages import TASK_QUEUE
from workflows.petition import PetitionStory
from workflows.relay import AWAY

log = logging.getLogger(__name__)

# asyncpg crashes the process when it is imported inside the sandbox, and eventsourcing patches dataclasses; no story
# imports them. Should one do so by mistake, it gets what is loaded already.
SANDBOX = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("asyncpg", "eventsourcing", "domain", "infra")
)


def make_worker(client: Client, activities: Activities) -> Worker:
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[PetitionStory],
        activities=[activities.load, activities.issue],
        workflow_runner=SANDBOX,
        # They share one interpreter lock: a hundred at once, the default, could each take longer than the two seconds
        # after which Temporal suspects a deadlock.
        max_concurrent_workflow_tasks=16,
    )


async def run_worker(address: str, namespace: str, activities: Activities) -> None:
    """For ever: waits for Temporal, survives its restarts, and starts anew where the worker gives up."""
    told = False
    while True:
        try:
            client = await Client.connect(address, namespace=namespace)
            worker = make_worker(client, activities)
            log.info("the worker is connected to Temporal at %s", address)
            told = False
            await worker.run()
        except AWAY as error:
            if not told:
                log.warning("the worker waits for Temporal at %s: %s", address, error)
            told = True
        await asyncio.sleep(1)
