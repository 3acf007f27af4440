"""Pseudonyms: one per person and scope, so that nobody in the log can be found out or joined across petitions.

Each person has a random key; a pseudonym is a keyed digest of the scope. Deleting the key cuts all their pseudonyms
loose. The person is found again by a keyed digest of the subject: the table names nobody, and without the secret nobody
can try out guesses, or make from a copy of the table the pseudonyms that would join a person's petitions.
"""

import asyncio
import hmac
import os
from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy


class Erased(Exception):
    """Two persons have decided to erase this person: their tokens count no more."""


class People:
    def __init__(self, pool: asyncpg.Pool, secret: bytes) -> None:
        self._pool = pool
        self._secret = secret

    async def pseudonym(self, subject: str, scope: UUID) -> str:
        """32 hexadecimal digits. ``scope``: the petition for a resident, the organisation for whoever acts for one.

        Raises ``Erased``.
        """
        who = self._digest(subject)
        row = await self._pool.fetchrow("SELECT key, closed FROM people_keys WHERE subject_digest = $1", who)
        if row is None:
            row = await self._pool.fetchrow(
                "INSERT INTO people_keys (subject_digest, key) VALUES ($1, $2)"
                # Somebody else may have been first: then theirs is the key. The update changes nothing, but returns it.
                " ON CONFLICT (subject_digest) DO UPDATE SET key = people_keys.key RETURNING key, closed",
                who,
                os.urandom(32),
            )
        assert row is not None
        if row["closed"]:
            raise Erased
        return self._made(row["key"], scope)

    async def pseudonyms(self, conn: PoolConnectionProxy, subject: str, scopes: Sequence[UUID]) -> list[str]:
        """In each scope, of a closed person too; none of somebody who never acted."""
        key = await conn.fetchval("SELECT key FROM people_keys WHERE subject_digest = $1", self._digest(subject))
        if key is None:
            return []
        own = self._own(key)  # once: there may be thousands of petitions
        return [_pseudonym(own, scope) for scope in scopes]

    async def elsewhere(self, pseudonyms: Collection[str], scope: UUID, other: UUID) -> list[str]:
        """What these people are called in another scope, sorted, so that nothing tells which is whose. For this once
        everybody's key is tried, since nobody keeps a list; whoever is closed stays behind."""
        rows = await self._pool.fetch("SELECT key FROM people_keys WHERE key IS NOT NULL AND NOT closed")
        wanted = set(pseudonyms)

        def tried() -> list[str]:
            return sorted(self._made(row["key"], other) for row in rows if self._made(row["key"], scope) in wanted)

        return await asyncio.to_thread(tried)

    async def same_person(self, staff: str, resident: str) -> None:
        """Remember that a member of staff is this resident too."""
        await self._pool.execute(
            "INSERT INTO staff_persons (staff_digest, person_digest) VALUES ($1, $2)"
            " ON CONFLICT (staff_digest) DO UPDATE SET person_digest = excluded.person_digest",
            self._digest(staff),
            self._digest(resident),
        )

    async def as_resident(self, staff: str, scope: UUID) -> list[str]:
        """The pseudonyms that a member of staff would have as a resident, as far as that is known."""
        return [pseudonym for _, pseudonym in await self.as_resident_in(staff, [scope])]

    async def as_resident_in(self, staff: str, scopes: Sequence[UUID]) -> list[tuple[UUID, str]]:
        """The same in several scopes, each pseudonym with its scope."""
        rows = await self._pool.fetch(
            "SELECT key FROM people_keys WHERE key IS NOT NULL AND subject_digest IN"
            " (SELECT $1::bytea UNION SELECT person_digest FROM staff_persons WHERE staff_digest = $1)",
            self._digest(staff),
        )
        return [(scope, self._made(row["key"], scope)) for row in rows for scope in scopes]

    async def close(self, conn: PoolConnectionProxy, subject: str) -> None:
        """From here on nobody can act as this person."""
        await conn.execute(
            "INSERT INTO people_keys (subject_digest, closed) VALUES ($1, true)"
            " ON CONFLICT (subject_digest) DO UPDATE SET closed = true",
            self._digest(subject),
        )

    async def forget(self, conn: PoolConnectionProxy, subject: str) -> None:
        """Delete a closed person's key: nobody can tell any more which pseudonyms were theirs."""
        await conn.execute("UPDATE people_keys SET key = NULL WHERE subject_digest = $1", self._digest(subject))
        await conn.execute("DELETE FROM staff_persons WHERE person_digest = $1", self._digest(subject))

    def key_for(self, purpose: str) -> bytes:
        """A secret of its own for another purpose, from which this one's cannot be found."""
        return hmac.digest(self._secret, f"for {purpose}".encode(), "sha256")

    def _digest(self, subject: str) -> bytes:
        return hmac.digest(self._secret, subject.encode(), "sha256")

    def _own(self, key: bytes) -> bytes:
        return hmac.digest(self._secret, key, "sha256")

    def _made(self, key: bytes, scope: UUID) -> str:
        return _pseudonym(self._own(key), scope)


def _pseudonym(own: bytes, scope: UUID) -> str:
    return hmac.digest(own, scope.bytes, "sha256").hex()[:32]
