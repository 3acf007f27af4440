"""``python -m tests.replay.record [COURSE …]``: play every course, or these, again and save their histories.

Do so when a change of the workflows is meant to be incompatible, and only while no story of the old kind is running:
else keep the old histories, and give the workflow a ``workflow.patched`` branch for them.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from infra.database import connect, migrate
from infra.embedded import PostgreSQL, Temporal
from tests.replay.courses import COURSES, petition_id
from tests.workflows.people import SKIPPING, People, engine

HISTORIES = Path(__file__).with_name("histories")


async def record(folder: Path, names: list[str]) -> None:
    async with PostgreSQL(folder) as url, Temporal(folder, extra=SKIPPING) as address:
        pool = await connect(url)
        await migrate(pool)
        async with engine(pool, address) as made:
            for name in names or COURSES:
                people = People(made, petition_id(name))
                await COURSES[name](people)
                if name != "unfinished":
                    await people.handle.result()
                history = (await people.handle.fetch_history()).to_json_dict()
                (HISTORIES / f"{name}.json").write_text(json.dumps(history, indent=1) + "\n")
                print(f"{name}: {len(history['events'])} events")
        await pool.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="yuetan-replay-") as scratch:
        Path(scratch).chmod(0o711)
        asyncio.run(record(Path(scratch), sys.argv[1:]))
    sys.stdout.flush()
    os._exit(0)  # a process that used a Temporal client may crash in the interpreter's own exit
