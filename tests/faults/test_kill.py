"""`kill -9` of everything at once, in the middle of the demo."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg
from temporalio.client import WorkflowExecutionStatus

from api.demo.play import AUDITOR, topics
from domain.petition.words import ENDS, Phase
from infra.embedded import PostgreSQL
from tests.faults.conftest import DEMO_POLICY
from tests.faults.journal import written
from tests.programs import ROOT, district, eventually, new_folder, program, readiness, run, temporal_of

MIDDLE = 250  # of the demo's about 500 commands


async def test_nothing_acknowledged_is_lost_when_everything_is_killed_in_the_middle_of_the_demo() -> None:
    with new_folder() as folder:
        data = folder / "data"
        up = ("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY)
        async with program(*up) as engine:
            play = (sys.executable, "-m", "tests.faults.journal", engine.url, data / "keys", folder / "journal")
            demo = await asyncio.create_subprocess_exec(*play, cwd=ROOT)
            await eventually(lambda: _has_lines(folder / "journal"))
            demo.kill()
            await engine.kill_tree()
            await demo.wait()

        acknowledged = written(folder / "journal")
        async with program(*up) as engine, district(engine.url, data / "keys") as people:
            print(f"{len(acknowledged)} commands acknowledged; ready again in {engine.ready_in} s")
            await readiness(people.client, "ready")
            events = await _events_by_people(data)
            for command in acknowledged:
                await command.ask_again(people.client)
            assert await _events_by_people(data) == events

            temporal = await temporal_of(engine)
            petitions = (await people.get(AUDITOR, "/v1/petitions", limit=200))["items"]
            assert len(petitions) == len(topics())
            for petition in petitions:

                async def goes_on(id: str = petition["id"]) -> bool:
                    phase = (await people.get(AUDITOR, f"/v1/petitions/{id}"))["phase"]
                    ended = phase in ENDS - {Phase.REJECTED}  # which may be filed again for a while
                    status = (await temporal.get_workflow_handle(id).describe()).status
                    return status == WorkflowExecutionStatus["COMPLETED" if ended else "RUNNING"]

                await eventually(goes_on)

            demo_again = ("demo", "--json", "--url", engine.url, "--data-dir", data)
            done = await asyncio.to_thread(run, *demo_again, timeout=150)
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["as_expected"] is True


async def _has_lines(journal: Path) -> bool:
    return journal.exists() and journal.read_bytes().count(b"\n") >= MIDDLE


async def _events_by_people(data: Path) -> int:
    database = await asyncpg.connect(PostgreSQL(data).address)
    count: int = await database.fetchval(
        "SELECT count(*) FROM stored_events WHERE convert_from(state, 'UTF8')::jsonb ->> 'role' <> 'workflow'"
    )
    await database.close()
    return count
