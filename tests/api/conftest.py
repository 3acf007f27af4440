import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from infra.database import connect
from projections import projector
from projections.projector import Projector
from tests.api.world import MONDAY, POLICY_FILE, World


@asynccontextmanager
async def beginning(pool: asyncpg.Pool, keys: Path, policy_file: str = POLICY_FILE) -> AsyncIterator[World]:
    await projector.install(pool)
    world = await World.begin(pool, keys, policy_file)
    projecting = asyncio.create_task(Projector(world.store, world.keyring).run())
    yield world
    projecting.cancel()
    with suppress(asyncio.CancelledError):
        await projecting
    await world.repository.close()
    await world.client.aclose()


@pytest.fixture(scope="module")
async def shared_world(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE yuetan")
    pool = await connect(postgres.replace("/yuetan?", f"/{name}?"))
    async with beginning(pool, tmp_path_factory.mktemp("keys")) as world:
        yield world
    await pool.close()
    await admin.close()


@pytest.fixture
def world(shared_world: World) -> World:
    """A district that a file's tests share: each has petitions of its own, and begins on the same Monday."""
    shared_world.clock.at = MONDAY
    return shared_world


@pytest.fixture
async def new_world(pool: asyncpg.Pool, tmp_path: Path) -> AsyncIterator[World]:
    """A district in which nothing has happened, for what is counted or listed across petitions."""
    async with beginning(pool, tmp_path / "keys") as world:
        yield world
