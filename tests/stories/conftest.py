"""One engine for all stories, with the demo's policy."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.demo import show
from api.demo.district import District
from tests.programs import district, new_folder, program

DEMO_POLICY = Path(show.__file__).with_name("policy.toml")


@pytest.fixture(scope="session")
async def people() -> AsyncIterator[District]:
    """Everybody, talking to one `yuetan up`."""
    with new_folder() as folder:
        up = ("up", "--data-dir", folder / "data", "--port", "0", "--policy", DEMO_POLICY)
        async with program(*up) as engine, district(engine.url, folder / "data" / "keys") as people:
            yield people
