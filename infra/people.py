"""Pseudonyms: one per person and scope, so that nobody in the log can be found out or joined across petitions.

Each person has a random key; a pseudonym is a keyed digest of the scope. Deleting the key cuts all their pseudonyms
loose. The person is found again by a keyed digest of the subject: the table names nobody, and without the secret nobody
can try out guesses.
"""

import hmac
import os
from uuid import UUID

import asyncpg


class People:
    def __init__(self, pool: asyncpg.Pool, secret: bytes) -> None:
        self._pool = pool
        self._secret = secret

    async def pseudonym(self, subject: str, scope: UUID) -> str:
        """32 hexadecimal digits. ``scope``: the petition for a resident, the organisation for whoever acts for one."""
        who = hmac.digest(self._secret, subject.encode(), "sha256")
        key = await self._pool.fetchval("SELECT key FROM people_keys WHERE subject_digest = $1", who)
        if key is None:
            key = await self._pool.fetchval(
                "INSERT INTO people_keys (subject_digest, key) VALUES ($1, $2)"
                # Somebody else may have been first: then theirs is the key. The update changes nothing, but returns it.
                " ON CONFLICT (subject_digest) DO UPDATE SET key = people_keys.key RETURNING key",
                who,
                os.urandom(32),
            )
        return hmac.digest(key, scope.bytes, "sha256").hex()[:32]

    async def forget(self, subject: str) -> bool:
        """Delete the person's key: nobody can tell any more which pseudonyms were theirs."""
        who = hmac.digest(self._secret, subject.encode(), "sha256")
        done: str = await self._pool.execute("DELETE FROM people_keys WHERE subject_digest = $1", who)
        return done != "DELETE 0"
