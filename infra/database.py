"""Connections to PostgreSQL, and the migrations that make a database ours."""

import asyncio
import re
from pathlib import Path

import asyncpg
from asyncpg.pool import PoolConnectionProxy

MIGRATIONS = Path(__file__).with_name("sql")
_ADVISORY_LOCK = 0x79756574616E  # "yuetan": programs that start together migrate one after the other


TURN_SECONDS = 1.0


class NewerDatabase(Exception):
    """The database was migrated by a newer program than this one."""


async def connect(url: str, *, max_size: int = 10) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        url, min_size=1, max_size=max_size, timeout=10, server_settings={"application_name": "yuetan", "jit": "off"}
    )


async def my_turn(conn: PoolConnectionProxy, lock: int) -> None:
    """Wait until this connection holds an advisory lock: of all processes one works, until its connection is lost."""
    # Asking again and again: a statement that waits would keep PostgreSQL from cleaning up.
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", lock):  # noqa: ASYNC110
        await asyncio.sleep(TURN_SECONDS)


async def migrate(pool: asyncpg.Pool) -> list[str]:
    """Bring the database up to this program, all or nothing; answer with the names of what was applied."""
    files = sorted(MIGRATIONS.glob("[0-9]*.sql"))
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
        await conn.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["version"] for row in await conn.fetch("SELECT version FROM schema_migrations")}
        if done - {_version(file) for file in files}:
            raise NewerDatabase(
                f"the database is at version {max(done)}, this program knows {_version(files[-1])}:"
                " start a program at least as new as the database"
            )
        applied = []
        for file in files:
            if _version(file) not in done:
                await conn.execute(file.read_text())
                await conn.execute(
                    "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", _version(file), file.stem
                )
                applied.append(file.stem)
        return applied


def _version(file: Path) -> int:
    match = re.match(r"\d+", file.name)
    assert match, file
    return int(match[0])
