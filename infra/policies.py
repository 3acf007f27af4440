"""The rulebook of this installation: founded by the policy file that the settings name, and read by whoever asks.

Who decides need not ask: the writer gives every command the policy of its matter.
"""

import tomllib
from datetime import UTC, date, datetime
from uuid import uuid5

import asyncpg

from domain.clock import Clock
from domain.command import Command, Role
from domain.policy import Policy
from domain.refusals import NotFound
from domain.rulebook import RULEBOOK, Rulebook, Rules, document_of, parse
from infra.repository import Repository

_TURN = 0x7975_7275  # the advisory lock of whoever establishes


async def establish(repository: Repository, pool: asyncpg.Pool, policy_file: str) -> None:
    """Found the rulebook, or enter the file if it has changed since the program was last started with one.

    Of an installation from before there was a rulebook, the files it was started with come first. Programs that start
    together do this one after the other.
    """
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock($1)", _TURN)
        await _establish(repository, pool, policy_file)


async def _establish(repository: Repository, pool: asyncpg.Pool, policy_file: str) -> None:
    kept = [] if await _found(repository) else await pool.fetch("SELECT document FROM policies ORDER BY kept_at")
    for text in (*(row["document"] for row in kept), policy_file):
        document = document_of(tomllib.loads(text))
        try:
            parse(document)
        except ValueError:  # of those kept: we have become stricter since. This one was read before
            continue
        rulebook = await _found(repository)
        cmd = Command(
            id=uuid5(RULEBOOK, f"{rulebook.version if rulebook else 0} {document}"),
            by="yuetan",
            role=Role.WORKFLOW,
            at=datetime.now(UTC),
            policy=Policy.parse(tomllib.loads(policy_file)),
        )
        await repository.execute(Rulebook.adopt if rulebook else Rulebook.found, RULEBOOK, cmd, document=document)


async def rules(repository: Repository, otherwise: Policy) -> Rules:
    """What is in force now, read from the log; of an installation without a rulebook, this one policy."""
    found = await _found(repository)
    return found.rules() if found else Rules(0, [(date.min, otherwise)])


async def of(repository: Repository, clock: Clock, otherwise: Policy) -> Policy:
    """The policy that a clock was started under, and so its matter began under."""
    return (await rules(repository, otherwise)).of(clock.version) or otherwise


async def _found(repository: Repository) -> Rulebook | None:
    try:
        return await repository.get(Rulebook, RULEBOOK)
    except NotFound:
        return None
