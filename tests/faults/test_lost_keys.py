"""Somebody restores the database and forgets the keys, or takes those of another installation."""

import asyncio
import signal

import pytest

from infra.sealing import KEY_BYTES
from tests.faults.conftest import DEMO_POLICY
from tests.programs import district, new_folder, program, run
from tests.stories.story import Story


@pytest.mark.parametrize("name", ["people.key", "texts.key"])
async def test_without_the_keys_it_was_written_with_a_database_is_not_served(name: str) -> None:
    with new_folder() as folder:
        data = folder / "data"
        up = ("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY)
        key = data / "keys" / name
        async with program(*up) as engine, district(engine.url, key.parent) as people:
            story = await Story.opened(people)
            assert await engine.end(signal.SIGTERM) == 0
        kept = key.read_bytes()
        key.unlink()
        for command in (up, ("rebuild", "--data-dir", data)):
            lost = await asyncio.to_thread(run, *command)
            assert (lost.returncode, lost.stderr.count("\n")) == (1, 1)
            assert f"{key} is missing" in lost.stderr
            assert not key.exists()
        key.write_bytes(bytes(KEY_BYTES))
        other = await asyncio.to_thread(run, *up)
        assert (other.returncode, other.stderr.count("\n")) == (1, 1)
        assert f"{key} is not the one" in other.stderr
        key.write_bytes(kept)
        async with program(*up) as engine, district(engine.url, key.parent) as people:
            again = await people.client.post(
                f"{story.path}/co-signatures",
                headers={"Authorization": f"Bearer {people.token('resident', story.residents[0].subject, None)}"},
            )
            assert again.json()["type"] == "/problems/already-signed"
