"""Every policy this installation was started with: a running clock is explained by the one that it began under."""

import hashlib
import tomllib
from collections.abc import Iterator
from contextlib import suppress

import asyncpg

from domain.policy import RULES, Policy


async def keep(pool: asyncpg.Pool, document: str) -> None:
    """Keep a policy file as it is, once."""
    await pool.execute(
        "INSERT INTO policies (digest, version, document) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        hashlib.sha256(document.encode()).digest(),
        str(tomllib.loads(document)["version"]),
        document,
    )


async def kept(pool: asyncpg.Pool, versions: set[str]) -> list[Policy]:
    """The policies of these versions, the newest first. Several may have the same version."""
    rows = await pool.fetch(
        "SELECT document FROM policies WHERE version = ANY ($1) ORDER BY kept_at DESC", list(versions)
    )
    return [policy for row in rows for policy in _parsed(row["document"])]


def _parsed(document: str) -> Iterator[Policy]:
    """As today's program reads it: a rule that was not known then has started no clock, so any window will do."""
    found = tomllib.loads(document)
    with suppress(ValueError):  # we have become stricter since
        yield Policy.parse(found | {"windows": dict.fromkeys(RULES, "1 days") | found["windows"]})
