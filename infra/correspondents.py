"""How to write to whom: whose a pseudonym is, in which language they read, where and how much they want to be told.

All of it is encrypted with the master key of the people register, and a row of one petition has nothing in common with
a row of another. An address is written down before its owner's command is carried out: of an acknowledged signature
it is there.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from domain.command import Role
from domain.refusals import NotFound
from infra.contacts import Contact
from infra.people import Erased, People
from infra.register import Register
from infra.register_log import Actor

COMMON = UUID(int=0)
ONE_FOR_ALL = (Role.CLERK, Role.SUPERVISOR)  # who share one inbox, whatever their organisation
FOLLOWER = "follower"  # of a petition, by an e-mail address alone: no role of the engine's
TAG_BYTES = 16


@dataclass(frozen=True)
class Settings:
    """``optional``: to be written to also when it is not required. A resident's addresses stand in the register."""

    language: str = "zh"
    prefer: str = "email"
    optional: bool = True
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)

    def address(self) -> Contact | None:
        """The one that is preferred, or else the other."""
        found = [Contact("email", self.email)] if self.email else []
        found += [Contact("phone", self.phone)] if self.phone else []
        return min(found, key=lambda contact: contact.kind != self.prefer, default=None)


@dataclass(frozen=True)
class Correspondent:
    """Somebody in one role. ``recipient``: under which they are told as one of their organisation."""

    owner: bytes
    role: str
    recipient: str


class Correspondents:
    def __init__(self, register: Register) -> None:
        self.register, self._pool = register, register.pool

    def who(self, role: Role, subject: str, org: UUID | None) -> Correspondent:
        if role == Role.RESIDENT:
            return Correspondent(self.register.keyed("notices", role, subject), role, "")
        return Correspondent(self.register.keyed("notices", role, str(org), subject), role, str(inbox_of(role, org)))

    # Addresses of residents

    async def remember(self, petition_id: UUID, pseudonym: str, subject: str) -> None:
        await self._pool.execute(
            "INSERT INTO notice_addresses VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            petition_id,
            pseudonym,
            self.register.encrypt(petition_id, subject.encode()),
        )

    async def carry(self, petition_id: UUID, other: UUID, people: People) -> None:
        """Who can be told of one petition can be told of the other that is split off it."""
        for row in await self._pool.fetch("SELECT sealed FROM notice_addresses WHERE petition_id = $1", petition_id):
            subject = self.register.decrypt(petition_id, row["sealed"]).decode()
            with suppress(Erased):
                await self.remember(other, await people.pseudonym(subject, other), subject)

    async def resident(self, petition_id: UUID, pseudonym: str, at: datetime) -> tuple[Correspondent, Settings] | None:
        """None: it is not known (any more) whose pseudonym it is."""
        sealed = await self._pool.fetchval(
            "SELECT sealed FROM notice_addresses WHERE (petition_id, recipient) = ($1, $2)", petition_id, pseudonym
        )
        if sealed is None:
            return None
        subject = self.register.decrypt(petition_id, sealed).decode()
        who = self.who(Role.RESIDENT, subject, None)
        settings = await self.settings(who.owner)
        try:
            entry = (await self.register.read(UUID(subject), None, at)).entry
        except (ValueError, NotFound):
            return who, settings  # not on a roll: somebody of an outside identity provider
        return who, replace(settings, email=entry.email, phone=next(iter(entry.phones), None))

    async def callee(
        self, petition_id: UUID, pseudonym: str, actor: Actor, at: datetime
    ) -> tuple[str, str | None] | None:
        """Name and phone, for whom they agreed to be called by; that they were told is written down."""
        sealed = await self._pool.fetchval(
            "SELECT sealed FROM notice_addresses WHERE (petition_id, recipient) = ($1, $2)", petition_id, pseudonym
        )
        try:
            subject = UUID(self.register.decrypt(petition_id, sealed).decode()) if sealed else None
            entry = (await self.register.read(subject, actor, at)).entry if subject else None
        except (ValueError, NotFound):
            return None
        return (entry.name, next(iter(entry.phones), None)) if entry else None

    async def forget(
        self, conn: PoolConnectionProxy, subject: str, petitions: list[UUID], pseudonyms: list[str]
    ) -> None:
        """Of a person who is erased: their pseudonyms in these petitions, what they were told, and their settings."""
        for table in ("notice_addresses", "notices"):
            await conn.execute(
                f"DELETE FROM {table} t USING unnest($1::uuid[], $2::text[]) AS mine (petition_id, recipient)"  # noqa: S608
                " WHERE t.petition_id = mine.petition_id AND t.recipient = mine.recipient",
                petitions,
                pseudonyms,
            )
        owner = self.who(Role.RESIDENT, subject, None).owner
        await conn.execute("DELETE FROM notice_settings WHERE owner = $1", owner)

    # Addresses of those who follow a petition without having signed it

    async def follow(self, petition_id: UUID, settings: Settings) -> None:
        """Again: in the language that is read now."""
        follower = self._follower(petition_id, settings.email or "")
        await self._pool.execute(
            "INSERT INTO followers SELECT $1, $2, coalesce(max(notification_id), 0), $3 FROM stored_events"
            " ON CONFLICT (petition_id, follower) DO UPDATE SET sealed = excluded.sealed",
            petition_id,
            follower.hex(),
            self.register.encrypt(petition_id, json.dumps(asdict(settings)).encode()),
        )

    async def follower(self, petition_id: UUID, recipient: str) -> tuple[Correspondent, Settings] | None:
        """None: they have left."""
        sealed = await self._pool.fetchval(
            "SELECT sealed FROM followers WHERE (petition_id, follower) = ($1, $2)", petition_id, recipient
        )
        if sealed is None:
            return None
        settings = Settings(**json.loads(self.register.decrypt(petition_id, sealed)))
        return Correspondent(bytes.fromhex(recipient), FOLLOWER, ""), settings

    async def unfollow(self, conn: PoolConnectionProxy, email: str) -> None:
        """Whatever is followed from this address, and what it was told."""
        petitions = [row[0] for row in await conn.fetch("SELECT DISTINCT petition_id FROM followers")]
        followers = [self._follower(petition_id, email).hex() for petition_id in petitions]
        await self._no_longer(conn, followers)

    async def _no_longer(self, conn: PoolConnectionProxy, followers: list[str]) -> None:
        await conn.execute("DELETE FROM followers WHERE follower = ANY ($1)", followers)
        await conn.execute("DELETE FROM notices WHERE role = $1 AND recipient = ANY ($2)", FOLLOWER, followers)

    def _follower(self, petition_id: UUID, email: str) -> bytes:
        return self.register.keyed("follower", str(petition_id), email)

    # Settings

    async def settings(self, owner: bytes) -> Settings:
        sealed = await self._pool.fetchval("SELECT sealed FROM notice_settings WHERE owner = $1", owner)
        return Settings(**json.loads(self.register.decrypt(_context(owner), sealed))) if sealed else Settings()

    async def set(self, who: Correspondent, settings: Settings) -> None:
        await self._pool.execute(
            "INSERT INTO notice_settings VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (owner) DO UPDATE SET sealed = excluded.sealed",
            who.owner,
            who.role,
            who.recipient,
            self.register.encrypt(_context(who.owner), json.dumps(asdict(settings)).encode()),
        )

    # Leaving by a link in a letter

    def token(self, who: Correspondent) -> str:
        """Whoever holds it can end what is not required, and nothing else."""
        return ".".join(
            urlsafe_b64encode(part).decode().rstrip("=") for part in (who.owner, self._tag(who), who.role.encode())
        )

    async def leave(self, token: str) -> bool:
        """False: that is no token of ours."""
        try:
            owner, tag, role = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
            who = Correspondent(owner, role.decode(), "")
        except (ValueError, NotBase64):
            return False
        if not hmac.compare_digest(tag, self._tag(who)):
            return False
        if who.role == FOLLOWER:
            async with self._pool.acquire() as conn, conn.transaction():
                await self._no_longer(conn, [owner.hex()])
            return True
        known = await self._pool.fetchval("SELECT recipient FROM notice_settings WHERE owner = $1", owner)
        await self.set(replace(who, recipient=known or ""), replace(await self.settings(owner), optional=False))
        return True

    def _tag(self, who: Correspondent) -> bytes:
        return self.register.keyed("leave", who.owner.hex(), who.role)[:TAG_BYTES]


def inbox_of(role: str, org: UUID | None) -> UUID:
    return COMMON if role in ONE_FOR_ALL or org is None else org


def _context(owner: bytes) -> UUID:
    return UUID(bytes=owner[:16])
