"""All read models are dropped while the engine serves, and rebuilt beside it."""

import asyncio

from infra.database import connect
from infra.embedded import PostgreSQL
from projections.projector import READ_MODELS, checksum
from tests.faults.conftest import DEMO_POLICY
from tests.programs import district, new_folder, program, readiness, run
from tests.stories.story import AUDITOR, Story


async def test_read_models_that_were_dropped_are_rebuilt_with_the_same_rows_while_people_go_on() -> None:
    with new_folder() as folder:
        data = folder / "data"
        async with (
            program("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY) as engine,
            district(engine.url, data / "keys") as people,
        ):
            pool = await connect(PostgreSQL(data).address, max_size=2)
            story = await Story.opened(people)
            await story.to_its_end()
            for path in (story.path, "/v1/inbox", f"{story.path}/history", "/v1/statistics", "/v1/hosts"):
                await people.get(AUDITOR, path)  # each waits for its read model
            before = {name: await checksum(pool, name) for name in READ_MODELS}

            for name in READ_MODELS:
                await pool.execute(f"DROP SCHEMA {name} CASCADE")
            for path in (story.path, "/v1/statistics"):
                gone = await people.client.get(path)
                assert (gone.status_code, gone.headers["Retry-After"]) == (503, "1")
            rebuilt = await asyncio.to_thread(run, "rebuild", "--data-dir", data)
            assert rebuilt.returncode == 0, rebuilt.stderr
            assert {name: await checksum(pool, name) for name in READ_MODELS} == before

            # Signing goes on while a read model is away; so do the read models, once they are there again.
            for name in READ_MODELS:
                await pool.execute(f"DROP SCHEMA {name} CASCADE")
            story = await Story.opened(people)
            await story.sign()
            assert (await readiness(people.client, "degraded"))["down"] == ["projector"]
            rebuilt = await asyncio.to_thread(run, "rebuild", "--data-dir", data)
            assert rebuilt.returncode == 0, rebuilt.stderr
            await readiness(people.client, "ready")
            await story.submit()
            assert (await story.page(AUDITOR))["phase"] == "submitted"
            await pool.close()
