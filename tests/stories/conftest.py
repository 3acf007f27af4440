"""One engine for all stories, with the demo's policy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.demo import show
from api.demo.district import District
from tests.programs import Program, district, new_folder, program

DEMO_POLICY = Path(show.__file__).with_name("policy.toml")


@pytest.fixture(scope="session")
async def engine() -> AsyncIterator[tuple[Program, Path]]:
    """One `yuetan up`, and its data folder."""
    with new_folder() as folder:
        data = folder / "data"
        async with program("up", "--data-dir", data, "--port", "0", "--policy", DEMO_POLICY) as started:
            yield started, data


@pytest.fixture(scope="session")
async def people(engine: tuple[Program, Path]) -> AsyncIterator[District]:
    """Everybody, talking to it."""
    started, data = engine
    async with district(started.url, data / "keys") as people:
        yield people
