"""On a PostgreSQL of one's own, the program is a role that may do little."""

import asyncio
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from tests.programs import run


async def test_two_grants_are_enough_and_one_line_says_that_they_are_missing(postgres: str, tmp_path: Path) -> None:
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    await admin.execute(f"CREATE DATABASE {name}")
    owned = postgres.replace("/yuetan?", f"/{name}?")
    url = owned.replace(urlsplit(owned).netloc, f"{name}:x@")

    def yuetan(command: str) -> CompletedProcess[str]:
        return run(command, YUETAN_DATABASE_URL=url, YUETAN_KEYS=str(tmp_path))

    before = await asyncio.to_thread(yuetan, "migrate")
    assert (before.returncode, before.stderr.count("\n")) == (1, 1)
    assert "permission denied for schema public; docs/operations.md has what to grant" in before.stderr
    owner = await asyncpg.connect(owned)
    await owner.execute(f"GRANT CREATE ON DATABASE {name} TO {name}; GRANT CREATE ON SCHEMA public TO {name}")
    await owner.close()
    for command in ("migrate", "rebuild"):
        granted = await asyncio.to_thread(yuetan, command)
        assert granted.returncode == 0, granted.stderr

    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()
