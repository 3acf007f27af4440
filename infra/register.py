"""The people register: who is on which host's roll. Names and numbers stand here only, and only encrypted.

A person is one entry on one host's roll. The record is encrypted with a key of the person's own, and that key with the
master key, a file in the keys folder. People are found by keyed digests of a phone, an e-mail address or a document
number: without the master key nobody can read, or try out guesses on, a copy of the database.
"""

import hmac
import json
import os
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.refusals import Conflict, Invalid, not_found
from infra.contacts import Contact
from infra.register_log import Actor, log
from infra.sealing import KEY_BYTES, decrypted, encrypted

MASTER = "register.key"  # in the keys folder
EXPORTED_AT_ONCE = 500


Place = tuple[datetime | None, UUID]  # on a roll


class Basis(StrEnum):
    """What makes somebody a resident in this matter; hukou plays no part."""

    LIVES = "lives"
    OWNS = "owns"
    WORKS = "works"
    COOPERATIVE_MEMBER = "cooperative_member"


@dataclass(frozen=True)
class Entry:
    """What is entered for one person, normalised as by ``infra.contacts``."""

    name: str = field(repr=False)
    basis: Basis
    phones: Sequence[str] = field(default=(), repr=False)
    email: str | None = field(default=None, repr=False)
    document_number: str | None = field(default=None, repr=False)

    @property
    def contacts(self) -> list[Contact]:
        emails = [self.email] if self.email else []
        return [Contact("phone", phone) for phone in self.phones] + [Contact("email", email) for email in emails]


@dataclass(frozen=True)
class Person:
    """``verify_by``: until then host staff should verify the entry; meanwhile and after, it counts provisionally."""

    id: UUID
    host_id: UUID
    entry: Entry
    registered_at: datetime
    verify_by: datetime | None

    @property
    def place(self) -> Place:
        return self.verify_by, self.id


@dataclass(frozen=True)
class Entered:
    person_id: UUID
    new: bool


class Register:
    def __init__(self, pool: asyncpg.Pool, master: bytes) -> None:
        self.pool = pool
        self._master = AESGCM(master)
        self._secret = hmac.digest(master, b"digests", "sha256")

    # Entering

    async def enter(
        self,
        conn: PoolConnectionProxy,
        host_id: UUID,
        entries: Sequence[Entry],
        at: datetime,
        *,
        verify_by: datetime | None = None,
        person_id: UUID | None = None,
    ) -> list[Entered]:
        """Enter those who are not on the host's roll yet; wants a transaction. ``person_id``: for a single entry.

        Somebody is on it already with the same document number, or the same name and phone or e-mail. Their record is
        left as it is; without ``verify_by`` the entry counts as verified, theirs too. With it, the document number
        is not looked up: whoever enters themselves must not learn by trying whose is on the roll.
        """
        await _lock_roll(conn, host_id)
        signs_of = self._named_signs if verify_by else self._signs
        known = await self._known(conn, host_id, [sign for entry in entries for sign in signs_of(entry)])
        answers: list[Entered] = []
        people, contacts = [], []
        for entry in entries:
            signs = signs_of(entry)
            found = next((known[sign] for sign in signs if sign in known), None)
            answers.append(Entered(found or person_id or uuid4(), new=found is None))
            if found is None:
                new = answers[-1].person_id
                known |= dict.fromkeys(signs, new)
                document = None if verify_by else self._document(entry)
                people.append((new, host_id, *self._sealed(new, entry), document, entry.basis.value, at, verify_by))
                contacts += [(self.digest(to), new, host_id, self._named(entry, to)) for to in entry.contacts]
        await conn.executemany(
            "INSERT INTO residents (person_id, host_id, key, sealed, document_digest, basis, registered_at, verify_by)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            people,
        )
        await conn.executemany("INSERT INTO contacts VALUES ($1, $2, $3, $4)", contacts)
        if verify_by is None:
            await conn.execute(
                "UPDATE residents SET verify_by = NULL WHERE person_id = ANY ($1) AND verify_by IS NOT NULL",
                [answer.person_id for answer in answers if not answer.new],
            )
        return answers

    async def register(self, host_id: UUID, entry: Entry, actor: Actor, at: datetime, person_id: UUID) -> None:
        """Enter one person, verified. Done already under this id: nothing more. ``Conflict`` if on the roll."""
        async with self.pool.acquire() as conn, conn.transaction():
            await _lock_roll(conn, host_id)
            if await conn.fetchval("SELECT true FROM residents WHERE person_id = $1", person_id):
                if (await self._person(conn, person_id)).entry == entry:
                    return
                raise Invalid(
                    "idempotency-key-reused",
                    "该幂等键已用于另一内容,请换一个。",
                    "This Idempotency-Key came with another body: use a new one.",
                    "Idempotency-Key",
                )
            (entered,) = await self.enter(conn, host_id, [entry], at, person_id=person_id)
            if not entered.new:
                raise on_the_roll()
            await log(conn, actor, "registered", [person_id], at)

    async def verify(self, person_id: UUID, actor: Actor, at: datetime) -> None:
        """The host has seen that the person is who they say. ``Conflict`` if their document is somebody else's."""
        async with self.pool.acquire() as conn, conn.transaction():
            person = await self._person(conn, person_id)
            await _lock_roll(conn, person.host_id)
            document = self._document(person.entry)
            if document and (await self._known(conn, person.host_id, [document])).get(document, person_id) != person_id:
                raise on_the_roll()
            await conn.execute(
                "UPDATE residents SET verify_by = NULL, document_digest = $2 WHERE person_id = $1", person_id, document
            )
            await conn.execute(  # what one person alone had called false is true after all
                "DELETE FROM rejections WHERE person_id = $1 AND status = 'proposed'", person_id
            )
            await log(conn, actor, "verified", [person_id], at)

    # Finding

    async def host_of(self, person_id: UUID) -> UUID:
        """Whose roll a person is on. ``NotFound`` also when they are to be erased."""
        host_id = await self.pool.fetchval("SELECT host_id FROM roll WHERE person_id = $1", person_id)
        if host_id is None:
            raise not_found("resident")
        return UUID(bytes=host_id.bytes)

    async def standing(self, person_id: UUID) -> tuple[UUID, bool] | None:
        """Whose roll a person is on, and whether the entry stands; None for whom we do not know."""
        row = await self.pool.fetchrow(
            "SELECT host_id, coalesce(status, '') IN ('contested', 'appealed', 'final') AS rejected"
            " FROM roll LEFT JOIN rejections USING (person_id) WHERE person_id = $1",
            person_id,
        )
        return (UUID(bytes=row["host_id"].bytes), not row["rejected"]) if row else None

    async def search(
        self,
        host_id: UUID,
        name: str,
        verified: bool | None,
        after: Place | None,
        limit: int,
        actor: Actor,
        at: datetime,
    ) -> list[Person]:
        """Those of one roll in whose name this occurs, in the roll's order. Names are encrypted: all are opened, a page
        at a time. Whoever is found counts as looked at."""
        wanted, found = _folded(name), list[Person]()
        while len(found) < limit and (page := await self.roll(host_id, verified, after, EXPORTED_AT_ONCE)):
            found += [person for person in page if wanted in _folded(person.entry.name)]
            after = page[-1].place
        async with self.pool.acquire() as conn:
            await log(conn, actor, "found by name", [person.id for person in found[:limit]], at)
        return found[:limit]

    async def read(self, person_id: UUID, actor: Actor | None, at: datetime) -> Person:
        """The whole record. That somebody looked is written down before they see it; own eyes (None) are not."""
        async with self.pool.acquire() as conn, conn.transaction():
            person = await self._person(conn, person_id)
            if actor:
                await log(conn, actor, "read", [person_id], at)
            return person

    async def find(self, conn: PoolConnectionProxy, contact: Contact) -> list[Person]:
        """Everybody whom this phone or e-mail address leads to."""
        rows = await conn.fetch(
            "SELECT roll.* FROM roll JOIN contacts USING (person_id)"
            " WHERE digest = $1 ORDER BY registered_at, person_id",
            self.digest(contact),
        )
        return [self._opened(row) for row in rows]

    async def roll(
        self, host_id: UUID, verified: bool | None = None, after: Place | None = None, limit: int | None = None
    ) -> list[Person]:
        """A host's people, first those to be verified soonest. ``after``: the place of the last one before."""
        verify_by, person_id = after or (None, None)
        rows = await self.pool.fetch(
            "SELECT * FROM roll WHERE host_id = $1 AND ($2::boolean IS NULL OR (verify_by IS NULL) = $2)"
            " AND ($4::uuid IS NULL"
            " OR (coalesce(verify_by, 'infinity'), person_id) > (coalesce($3::timestamptz, 'infinity'), $4))"
            " ORDER BY coalesce(verify_by, 'infinity'), person_id LIMIT $5",
            host_id,
            verified,
            verify_by,
            person_id,
            limit,
        )
        return [self._opened(row) for row in rows]

    async def export(self, host_id: UUID, actor: Actor, at: datetime) -> AsyncIterator[list[Person]]:
        """The whole roll, page by page; each is written down as looked at before it is shown."""
        after = None
        while page := await self.roll(host_id, after=after, limit=EXPORTED_AT_ONCE):
            async with self.pool.acquire() as conn:
                await log(conn, actor, "exported", [person.id for person in page], at)
            yield page
            after = page[-1].place

    async def _known(self, conn: PoolConnectionProxy, host_id: UUID, signs: Sequence[bytes]) -> dict[bytes, UUID]:
        rows = await conn.fetch(
            "SELECT named AS sign, person_id FROM contacts WHERE host_id = $1 AND named = ANY ($2) UNION ALL"
            " SELECT document_digest, person_id FROM residents WHERE host_id = $1 AND document_digest = ANY ($2)",
            host_id,
            signs,
        )
        return {row["sign"]: UUID(bytes=row["person_id"].bytes) for row in rows}

    async def _person(self, conn: PoolConnectionProxy, person_id: UUID) -> Person:
        row = await conn.fetchrow("SELECT * FROM roll WHERE person_id = $1", person_id)
        if row is None:
            raise not_found("resident")
        return self._opened(row)

    # Digests and encryption

    def digest(self, contact: Contact) -> bytes:
        return self.keyed(contact.kind, contact.address)

    def keyed(self, *parts: str) -> bytes:
        """A digest that only the holder of the master key can make: of something to find again, never to read."""
        return hmac.digest(self._secret, "\0".join(parts).encode(), "sha256")

    def _named(self, entry: Entry, contact: Contact) -> bytes:
        return self.keyed("named", entry.name, contact.kind, contact.address)

    def _document(self, entry: Entry) -> bytes | None:
        return self.keyed("document", entry.document_number) if entry.document_number else None

    def _signs(self, entry: Entry) -> list[bytes]:
        """Digests by which a person is known again on one roll, the surest first."""
        document = self._document(entry)
        return ([document] if document else []) + self._named_signs(entry)

    def _named_signs(self, entry: Entry) -> list[bytes]:
        return [self._named(entry, contact) for contact in entry.contacts]

    def _sealed(self, person_id: UUID, entry: Entry) -> tuple[bytes, bytes]:
        """The wrapped key, and the record."""
        key = os.urandom(KEY_BYTES)
        record = json.dumps([entry.name, list(entry.phones), entry.email, entry.document_number])
        return encrypted(self._master, person_id, key), encrypted(AESGCM(key), person_id, record.encode())

    def encrypt(self, context: UUID, plaintext: bytes) -> bytes:
        """With the master key: for what belongs beside the register. Opens only in the same context."""
        return encrypted(self._master, context, plaintext)

    def decrypt(self, context: UUID, sealed: bytes) -> bytes:
        return decrypted(self._master, context, sealed)

    def key(self, person_id: UUID, wrapped: bytes) -> AESGCM:
        return AESGCM(decrypted(self._master, person_id, wrapped))

    def _opened(self, row: asyncpg.Record) -> Person:
        person_id = UUID(bytes=row["person_id"].bytes)
        name, phones, email, document = json.loads(decrypted(self.key(person_id, row["key"]), person_id, row["sealed"]))
        return Person(
            id=person_id,
            host_id=UUID(bytes=row["host_id"].bytes),
            entry=Entry(name, Basis(row["basis"]), tuple(phones), email, document),
            registered_at=row["registered_at"],
            verify_by=row["verify_by"],
        )


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


async def _lock_roll(conn: PoolConnectionProxy, host_id: UUID) -> None:
    """Changes to one host's roll come one after the other: two imports of one list enter nobody twice."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"roll {host_id}")


def on_the_roll() -> Conflict:
    return Conflict(
        "on-the-roll",
        "此人已在名册中,无需重复登记。",
        "This person is on the roll already: sign in, or verify the entry that is there.",
    )
