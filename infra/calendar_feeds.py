"""The addresses of calendar feeds: unguessable, revocable, and of no use to whoever reads the database.

Only digests are kept; whose an address is stands sealed under the token in it.
"""

import hashlib
import hmac
import os
import secrets
from uuid import UUID

import asyncpg
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.command import Role
from infra.identity import Identity
from infra.sealing import NONCE_BYTES


class CalendarFeeds:
    def __init__(self, pool: asyncpg.Pool, key: bytes) -> None:
        self._pool, self._key = pool, key

    async def make(self, identity: Identity) -> str:
        """A new token; the one that this person had before, in this role and organisation, counts no more."""
        token, nonce = secrets.token_urlsafe(32), os.urandom(NONCE_BYTES)
        said = orjson.dumps([identity.subject, identity.role, identity.org])
        await self._pool.execute(
            "INSERT INTO calendar_feeds (owner, token, sealed) VALUES ($1, $2, $3)"
            " ON CONFLICT (owner) DO UPDATE SET token = excluded.token, sealed = excluded.sealed, made_at = now()",
            self._owner(identity),
            _digest(token),
            nonce + self._cipher(token).encrypt(nonce, said, None),
        )
        return token

    async def revoke(self, identity: Identity) -> bool:
        done: str = await self._pool.execute("DELETE FROM calendar_feeds WHERE owner = $1", self._owner(identity))
        return done != "DELETE 0"

    async def find(self, token: str) -> Identity | None:
        sealed = await self._pool.fetchval("SELECT sealed FROM calendar_feeds WHERE token = $1", _digest(token))
        if sealed is None:
            return None
        said = self._cipher(token).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        subject, role, org = orjson.loads(said)
        return Identity(subject, Role(role), org and UUID(org))

    def _owner(self, identity: Identity) -> bytes:
        return hmac.digest(self._key, f"{identity.role} {identity.org} {identity.subject}".encode(), "sha256")

    def _cipher(self, token: str) -> AESGCM:
        return AESGCM(hmac.digest(self._key, f"token {token}".encode(), "sha256"))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
