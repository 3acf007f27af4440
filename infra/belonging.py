"""Whether a keys folder and a database belong together.

A secret is made when there is none, and made anew in place of a lost one it would do harm unseen: nobody would be known
again, so that everybody could sign once more, and what is written would be sealed apart from the rest.
"""

import hmac
from pathlib import Path

import asyncpg

from infra.sealing import secret
from infra.settings import CannotStart

EXCHANGEABLE = {"tokens.key", "postgres.key"}  # nothing in the database depends on them

_REMEMBER = """
INSERT INTO secrets (name, digest) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING digest
"""


async def belong_together(pool: asyncpg.Pool, keys: Path) -> None:
    """Compare the folder with what the database remembers, and have it remember what is new. Call it before secrets
    are made and again after. Raises ``CannotStart``."""
    names = {row["name"] for row in await pool.fetch("SELECT name FROM secrets")}
    if missing := sorted(name for name in names if not (keys / name).exists()):
        raise CannotStart(
            f"{keys / missing[0]} is missing, and the database was written with it; put it back from a copy"
        )
    for path in sorted(keys.glob("*.key")):
        if path.name not in EXCHANGEABLE:
            digest = hmac.digest(secret(keys, path.name), b"yuetan", "sha256")
            if await pool.fetchval(_REMEMBER, path.name, digest) != digest:
                raise CannotStart(f"{path} is not the one that the database was written with; put that one back")
