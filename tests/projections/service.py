"""A projector in a process of its own, to be killed: python -m tests.projections.service URL KEYS"""

import asyncio
import sys
from pathlib import Path

from infra.database import connect
from infra.event_store import EventStore
from infra.sealing import Keyring
from projections.projector import Projector


async def serve(url: str, keys: Path) -> None:
    pool = await connect(url, max_size=4)
    await Projector(EventStore(pool), Keyring(pool, keys)).run()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
