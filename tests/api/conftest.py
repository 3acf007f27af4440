import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from projections import projector
from projections.projector import Projector
from tests.api.world import World


@pytest.fixture
async def world(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[World]:
    await projector.install(pool)
    world = await World.begin(pool, tmp_path / "keys")
    projecting = asyncio.create_task(Projector(world.store, world.keyring).run())
    yield world
    projecting.cancel()
    with suppress(asyncio.CancelledError):
        await projecting
    await world.repository.close()
    await world.client.aclose()
