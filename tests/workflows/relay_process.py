"""A relay in a process of its own, to be killed: ``python -m tests.workflows.relay_process DATABASE_URL TEMPORAL``."""

import asyncio
import sys

from temporalio.client import Client

from infra.database import connect
from infra.event_store import EventStore
from workflows.relay import Relay


async def main(url: str, address: str) -> None:
    await Relay(EventStore(await connect(url)), await Client.connect(address, lazy=True)).run()


asyncio.run(main(*sys.argv[1:]))
