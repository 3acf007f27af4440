"""Slips of paper signatures: sealed with the signer's own key in that petition, kept as files, found by intake.

The log has the digest of what is kept, sealed, so that it says nothing of the paper. Whoever is erased leaves no slip:
the key goes, the row and the file. A keyed digest of the paper itself finds out the slip that is used for two people.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from io import BytesIO
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from infra.files import Files
from infra.register import Register
from infra.sealing import Keyring


class SlipUsed(Exception):
    """For another signature of the same petition."""


class Slips:
    def __init__(self, register: Register, keyring: Keyring, files: Files) -> None:
        self._register, self._keyring, self._files = register, keyring, files
        self._pool = register.pool

    async def keep(self, intake_id: UUID, matter_id: UUID, signer: str, data: bytes) -> str:
        """Durable when it returns; answers with the digest of what is kept. Kept already: with the same again."""
        paper = self._register.keyed("slip", hashlib.sha256(data).hexdigest())
        async with self._pool.acquire() as conn, conn.transaction():
            sealed = await self._keyring.seal_bytes(matter_id, signer, data)
            digest = hashlib.sha256(sealed).hexdigest()
            row = await conn.fetchrow(
                "INSERT INTO slips (matter_id, paper, intake_id, signer, digest) VALUES ($1, $2, $3, $4, $5)"
                # It may be kept already. The update changes nothing, but returns it.
                " ON CONFLICT (matter_id, paper) DO UPDATE SET signer = slips.signer RETURNING intake_id, digest",
                *(matter_id, paper, intake_id, signer, digest),
            )
            assert row is not None
            if row["digest"] == digest:  # the row is seen once the file is there
                await asyncio.to_thread(self._files.keep, digest, BytesIO(sealed))
        if UUID(bytes=row["intake_id"].bytes) != intake_id:
            raise SlipUsed
        return str(row["digest"])

    async def read(self, digest: str) -> bytes | None:
        """None when its signer has been erased."""
        try:
            sealed = await asyncio.to_thread(self._files.read, digest)
        except FileNotFoundError:
            return None
        return await self._keyring.open_bytes(sealed)

    async def erase(self, conn: PoolConnectionProxy, matters: Sequence[UUID], signers: Sequence[str]) -> None:
        """Those of each signer in the matter at the same place. The files go first: a row that is left is seen."""
        rows = await conn.fetch(
            "DELETE FROM slips s USING unnest($1::uuid[], $2::text[]) AS mine (matter_id, signer)"
            " WHERE s.matter_id = mine.matter_id AND s.signer = mine.signer RETURNING digest",
            matters,
            signers,
        )
        for row in rows:
            await asyncio.to_thread(self._files.remove, row["digest"])
