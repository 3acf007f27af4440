"""A process that writes to people, by day whenever it runs: ``python -m tests.faults.letters URL KEYS SMTP``."""

import asyncio
import sys
from pathlib import Path

import httpx

from infra.correspondents import Correspondents
from infra.database import connect
from infra.event_store import EventStore
from infra.gateway import Outside
from infra.register import MASTER, Register
from infra.repository import Repository
from infra.sealing import secret
from projections.notice_sender import NoticeSender
from tests.api.world import MONDAY


async def start_telling(url: str, keys: Path, smtp_url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.letters", url, str(keys), smtp_url), cwd=Path(__file__).parents[2]
    )


async def main(url: str, keys: str, smtp_url: str) -> None:
    pool = await connect(url)
    store, register = EventStore(pool), Register(pool, secret(Path(keys), MASTER))
    async with httpx.AsyncClient() as http:
        gateway = Outside(http, smtp_url=smtp_url)
        sender = NoticeSender(store, Repository(store), Correspondents(register), gateway, "", lambda: MONDAY)
        await sender.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
