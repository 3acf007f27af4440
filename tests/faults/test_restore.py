"""Yesterday's copy of the data folder is put back, as docs/operations.md has it."""

import asyncio
import shutil
import signal

from temporalio.service import RPCError

from tests.faults.conftest import DEMO_POLICY
from tests.programs import district, eventually, new_folder, program, temporal_of
from tests.stories.story import Story
from workflows.messages import MatterState
from workflows.petition import PetitionStory


async def test_a_copy_without_temporals_database_goes_on_where_it_was_made() -> None:
    with new_folder() as folder:
        data, copy = folder / "data", folder / "copy"
        up = ("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY)
        async with program(*up) as engine, district(engine.url, data / "keys") as people:
            story = await Story.opened(people)
            await story.sign()
            await story.submit()
            copied = await story.page()
            assert await engine.end(signal.SIGTERM) == 0
        copying = await asyncio.create_subprocess_exec("cp", "-a", data, copy)
        assert await copying.wait() == 0
        async with program(*up) as engine, district(engine.url, data / "keys") as people:
            story.district = people
            await story.accept()  # is lost with the folder
            assert await engine.end(signal.SIGTERM) == 0
        shutil.rmtree(data)
        copy.rename(data)
        for path in data.glob("temporal.db*"):
            path.unlink()
        async with program(*up) as engine, district(engine.url, data / "keys") as people:
            story.district = people
            assert await story.page() == copied
            workflow = (await temporal_of(engine)).get_workflow_handle_for(PetitionStory.run, story.id)

            async def knows() -> MatterState | None:
                try:
                    return await workflow.query(PetitionStory.known)
                except RPCError:  # not there yet
                    return None

            known = await eventually(knows)
            assert (known.phase, known.version) == ("submitted", copied["version"])
            assert [clock.clock.rule for clock in known.clocks] == ["admissibility"]
            await story.accept()
            assert await engine.end(signal.SIGTERM) == 0
