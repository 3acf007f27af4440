"""A process that writes: some callers, each giving one command after the other; every acknowledged one is a line of
output. Four processes at a time share their tallies.

Run as ``python -m tests.faults.writing URL PROCESS CALLERS COMMANDS``; the commands' ids follow from these.
"""

import asyncio
import os
import sys
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5

from infra.database import connect
from infra.event_store import EventStore
from infra.repository import Repository
from tests.infra.tally import Tally, cmd

SHARING = 4  # processes
TALLIES = 4  # of each such group


def command_id(process: int, caller: int, number: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"{process} {caller} {number}")


def tally_id(process: int, caller: int) -> UUID:
    return uuid5(NAMESPACE_OID, f"tally {process // SHARING} {caller % TALLIES}")


async def start_tallies(repository: Repository, processes: int) -> int:
    ids = {tally_id(process, caller) for process in range(processes) for caller in range(TALLIES)}
    for id in ids:
        await repository.execute(Tally.start, id, cmd())
    return len(ids)


async def start_writing(url: str, process: int, callers: int, commands: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.writing", url, str(process), str(callers), str(commands)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )


async def main(url: str, process: int, callers: int, commands: int) -> None:
    pool = await connect(url, max_size=2)
    repository = Repository(EventStore(pool))

    async def caller(c: int) -> None:
        for n in range(commands):
            await repository.execute(Tally.count, tally_id(process, c), cmd(command_id(process, c, n)))
            os.write(1, b"%d %d\n" % (c, n))

    await asyncio.gather(*(caller(c) for c in range(callers)))
    await repository.close()
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
