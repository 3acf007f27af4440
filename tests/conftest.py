"""A real PostgreSQL and a real Temporal for the session, each started by the first test that asks for it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from infra.database import connect, migrate
from infra.embedded import PostgreSQL, Temporal


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """Not pytest's own temporary folder: started by root, PostgreSQL's user must be able to enter it."""
    with tempfile.TemporaryDirectory(prefix="yuetan-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
async def postgres(data_folder: Path) -> AsyncIterator[str]:
    """The URL of a database that is migrated and otherwise empty: the template of every test's own."""
    async with PostgreSQL(data_folder) as url:
        pool = await connect(url)
        await migrate(pool)
        await pool.close()
        yield url


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[str]:
    """The URL of a migrated database of the test's own."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE yuetan")
    yield postgres.replace("/yuetan?", f"/{name}?")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect(database)
    yield pool
    async with asyncio.timeout(10):  # whoever keeps a connection fails here, instead of waiting for ever
        await pool.close()


@pytest.fixture(scope="session")
async def temporal(data_folder: Path) -> AsyncIterator[str]:
    """The address of a Temporal in which workflows may skip time; they do so only where a test asks."""
    skipping = ("--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true")
    async with Temporal(data_folder, extra=skipping) as address:
        yield address
