"""Free text, sealed with a key that can be erased: the log keeps its bytes, and nobody reads them any more.

A key belongs to one author in one matter. Keys stand in the table ``text_keys``, each sealed by the master key, a file
in the keys folder: neither a copy of the database nor one of the folder gives anything away by itself. No key is kept
in memory, so that one erased by any process is gone for all of them at once.
"""

import asyncio
import base64
import hmac
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.text import Text

ERASED = "已删除 / erased"
NONCE_BYTES = 12
PLACE = UUID(int=0)  # the id that places in the log are sealed under: no key of a text has it
KEY_BYTES = 32


def secret(keys: Path, name: str) -> bytes:
    """A random secret in a file that only its owner can read; made at the first start, by whoever is first."""
    path = keys / name
    if not path.exists():
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=keys) as new:  # readable by its owner alone
            new.write(os.urandom(KEY_BYTES))
            new.flush()
            os.fsync(new.fileno())
            with suppress(FileExistsError):  # another process was first: its secret is the one
                os.link(new.name, path)
    found = path.read_bytes()
    if len(found) != KEY_BYTES:
        raise ValueError(f"{path} is not a secret of {KEY_BYTES} bytes: put the right file back from a copy")
    return found


class Keyring:
    def __init__(self, pool: asyncpg.Pool, keys: Path) -> None:
        self._pool = pool
        self._master = AESGCM(secret(keys, "texts.key"))
        self._words = secret(keys, "words.key")

    async def seal(self, matter_id: UUID, author: str, plaintext: str) -> Text:
        """``author`` is a pseudonym: all that it writes in this matter has one key."""
        key_id, key = await self._find_key(matter_id, author) or await self._make_key(matter_id, author)
        return Text(key_id, base64.b64encode(encrypted(key, key_id, plaintext.encode())).decode())

    async def open(self, texts: Sequence[Text]) -> list[str]:
        """The plaintexts, in the same order; ``ERASED`` where the key is gone. ``ValueError`` if one was altered."""
        rows = await self._pool.fetch(
            "SELECT key_id, wrapped FROM text_keys WHERE key_id = ANY ($1)", list({text.key_id for text in texts})
        )
        keys = {row["key_id"]: self._unwrap(row["key_id"], row["wrapped"]) for row in rows}
        return [
            decrypted(keys[text.key_id], text.key_id, base64.b64decode(text.sealed)).decode()
            if text.key_id in keys
            else ERASED
            for text in texts
        ]

    async def seal_bytes(self, matter_id: UUID, author: str, data: bytes) -> bytes:
        """A file, with the same key as the author's texts; it says by itself which key that is."""
        key_id, key = await self._find_key(matter_id, author) or await self._make_key(matter_id, author)
        return key_id.bytes + await asyncio.to_thread(encrypted, key, key_id, data)

    async def open_bytes(self, sealed: bytes) -> bytes | None:
        """None where the key is gone. ``ValueError`` if the file was altered."""
        key_id = UUID(bytes=sealed[:16])
        wrapped = await self._pool.fetchval("SELECT wrapped FROM text_keys WHERE key_id = $1", key_id)
        if wrapped is None:
            return None
        return await asyncio.to_thread(decrypted, self._unwrap(key_id, wrapped), key_id, sealed[16:])

    def veiled(self, position: int) -> str:
        """A place in the log that its holder can come back to, and cannot read: another text each time."""
        return base64.urlsafe_b64encode(encrypted(self._master, PLACE, f"{position:019}".encode())).decode()

    def unveiled(self, text: str) -> int:
        """``ValueError``: that is none of ours."""
        return int(decrypted(self._master, PLACE, base64.b64decode(text, b"-_", validate=True)))

    def hashed(self, word: str) -> str:
        """A part of a text as a search may keep it: the same for the same word, and no guess at it can be tried out."""
        return hmac.digest(self._words, word.encode(), "sha256").hex()[:8]

    def id_of(self, words: str) -> UUID:
        """The same for the same words; who reads it in the log finds them out by no trying."""
        return UUID(bytes=hmac.digest(self._words, words.encode(), "sha256")[:16])

    async def erase(self, matter_id: UUID, author: str) -> bool:
        """Make everything this author wrote in this matter unreadable for good. What they write later has a new key."""
        done: str = await self._pool.execute(
            "DELETE FROM text_keys WHERE matter_id = $1 AND author = $2", matter_id, author
        )
        return done != "DELETE 0"

    async def _find_key(self, matter_id: UUID, author: str) -> tuple[UUID, AESGCM] | None:
        row = await self._pool.fetchrow(
            "SELECT key_id, wrapped FROM text_keys WHERE matter_id = $1 AND author = $2", matter_id, author
        )
        return self._opened(row) if row else None

    async def _make_key(self, matter_id: UUID, author: str) -> tuple[UUID, AESGCM]:
        key_id, key = uuid4(), os.urandom(KEY_BYTES)
        row = await self._pool.fetchrow(
            "INSERT INTO text_keys (key_id, matter_id, author, wrapped) VALUES ($1, $2, $3, $4)"
            # Somebody else may have been first: then theirs is the key. The update changes nothing, but returns it.
            " ON CONFLICT (matter_id, author) DO UPDATE SET author = excluded.author RETURNING key_id, wrapped",
            key_id,
            matter_id,
            author,
            encrypted(self._master, key_id, key),
        )
        assert row is not None
        return self._opened(row)

    def _opened(self, row: asyncpg.Record) -> tuple[UUID, AESGCM]:
        """The id as Python's own UUID: asyncpg's is a type of its own, which an event cannot hold."""
        return UUID(bytes=row["key_id"].bytes), self._unwrap(row["key_id"], row["wrapped"])

    def _unwrap(self, key_id: UUID, wrapped: bytes) -> AESGCM:
        return AESGCM(decrypted(self._master, key_id, wrapped))


def encrypted(key: AESGCM, key_id: UUID, data: bytes) -> bytes:
    """Bound to the id: under another one it does not open."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, data, key_id.bytes)


def decrypted(key: AESGCM, key_id: UUID, sealed: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key_id.bytes)
    except InvalidTag as error:
        raise ValueError(f"what key {key_id} sealed has been altered, or the keys folder is another one") from error
