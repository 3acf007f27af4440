"""Somebody restores the database and forgets the keys, or takes those of another installation."""

import asyncio
import signal
from subprocess import CompletedProcess

import pytest

from api.demo.district import Refused
from infra.sealing import KEY_BYTES
from tests.faults.conftest import DEMO_POLICY
from tests.programs import district, new_folder, program, run
from tests.stories.story import Story


async def test_without_the_keys_it_was_written_with_a_database_is_not_served() -> None:
    with new_folder() as folder:
        data = folder / "data"
        keys = data / "keys"
        up = ("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY)
        async with program(*up) as engine, district(engine.url, keys) as people:
            story = await Story.opened(people)
            assert await engine.end(signal.SIGTERM) == 0
        for command in (up, ("rebuild", "--data-dir", data)):
            for key in (keys / "people.key", keys / "texts.key"):
                kept = key.read_bytes()
                key.unlink()
                refused(await asyncio.to_thread(run, *command), f"{key} is missing")
                assert not key.exists()
                key.write_bytes(bytes(KEY_BYTES))
                refused(await asyncio.to_thread(run, *command), f"{key} is not the one")
                key.write_bytes(kept)
        async with program(*up) as engine, district(engine.url, keys) as people:
            story.district = people
            with pytest.raises(Refused, match="already-signed"):
                await story.post(story.residents[0], "co-signatures")


def refused(done: CompletedProcess[str], line: str) -> None:
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert line in done.stderr
