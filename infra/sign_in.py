"""Signing in with a phone or an e-mail address and a one-time code.

Asking for a code never looks into the register, so neither answer nor time tells who is in it. A code is kept as a
keyed digest, lasts ten minutes, is tried at most five times and used once. How often somebody may ask or try is counted
in the database, by contact and by client address (digests too), over a sliding window: all API processes share it.
"""

import hmac
import ipaddress
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.command import Role
from domain.refusals import Conflict
from infra.contacts import Contact
from infra.gateway import Gateway
from infra.identity import Issuer
from infra.register import Entry, Person, Register, on_the_roll
from infra.register_log import Actor, log

CODE_LASTS = timedelta(minutes=10)
TRIES = 5
SELF_ENTERED = 3  # unverified people behind one phone or address: a family, not a crowd
Limits = Sequence[tuple[int, timedelta]]
PER_CONTACT: Limits = ((5, timedelta(hours=1)), (10, timedelta(days=1)))
PER_CLIENT: Limits = ((60, timedelta(minutes=10)),)

SIGNING_IN = "sign in"
TELL_NOBODY = "点题约谈验证码 {code},10 分钟内有效,请勿告诉任何人。Your code; tell nobody."

logger = logging.getLogger(__name__)


class WrongCode(Exception):
    """Wrong, used, expired, tried too often or never sent: nobody is told which."""


class TooMany(Exception):
    """This client has to wait."""


class SignIn:
    def __init__(self, register: Register, issuer: Issuer, gateway: Gateway) -> None:
        self.register, self.gateway = register, gateway
        self._issuer, self._pool = issuer, register.pool

    async def ask(self, contact: Contact, client: str, at: datetime, purpose: str = SIGNING_IN) -> str | None:
        """Make a code, which replaces the one before; None when this contact has had enough of them.

        A code is good for its purpose only: whoever is told one to confirm a draft cannot sign in with it.
        ``TooMany`` where the client has: that says nothing about anybody's phone.
        """
        code = f"{secrets.randbelow(10**6):06}"
        await self.bound("ask", client, at)
        async with self._pool.acquire() as conn, conn.transaction():
            if not await self._within(conn, self.register.digest(contact), PER_CONTACT, at):
                logger.warning("a contact has asked for too many sign-in codes")
                return None
            await conn.execute(
                "INSERT INTO sign_in_codes (contact, code, expires_at) VALUES ($1, $2, $3) ON CONFLICT (contact)"
                " DO UPDATE SET code = excluded.code, expires_at = excluded.expires_at, attempts = 0",
                self._place(contact, purpose),
                self._code(contact, code),
                at + CODE_LASTS,
            )
        return code

    async def send(self, contact: Contact, code: str, text: str = TELL_NOBODY) -> None:
        await self.gateway.send(contact, "验证码 / Code", text.format(code=code))

    async def check(self, contact: Contact, code: str, purpose: str, client: str, at: datetime) -> None:
        """The code is right; it is not used up. Raises ``WrongCode`` or ``TooMany``."""
        await self.bound("try", client, at)
        async with self._pool.acquire() as conn, conn.transaction():
            right = await self._try(conn, contact, code, at, purpose)
        if not right:
            raise WrongCode

    async def use_up(self, contact: Contact, purpose: str) -> None:
        async with self._pool.acquire() as conn:
            await self._use_up(conn, contact, purpose)

    async def confirm(
        self, contact: Contact, code: str, person_id: UUID | None, client: str, at: datetime
    ) -> tuple[str | None, list[Person]]:
        """A token when the code leads to one person, or to the one chosen; else the people to choose from.

        Only a token uses the code up. Raises ``WrongCode`` or ``TooMany``.
        """
        await self.bound("try", client, at)
        async with self._pool.acquire() as conn, conn.transaction():
            right = await self._try(conn, contact, code, at)
            people = await self.register.find(conn, contact) if right else []
            chosen = [person for person in people if person_id in (None, person.id)]
            if len(chosen) == 1:
                await self._use_up(conn, contact)
                return self.token(chosen[0].id), people
        if not right or person_id:
            raise WrongCode
        return None, people

    async def enter(
        self, contact: Contact, code: str, host_id: UUID, entry: Entry, client: str, at: datetime, verify_by: datetime
    ) -> str:
        """Whoever holds the code enters themselves on a host's roll, unverified; answers with their token."""
        await self.bound("try", client, at)
        async with self._pool.acquire() as conn, conn.transaction():
            if await self._try(conn, contact, code, at):
                people = await self.register.find(conn, contact)
                person_id = await self._enter(conn, host_id, entry, people, at, verify_by)
                await self._use_up(conn, contact)
                return self.token(person_id)
        raise WrongCode

    async def who(
        self,
        contact: Contact,
        code: str,
        purpose: str,
        host_id: UUID,
        person_id: UUID | None,
        entry: Entry | None,
        *,
        client: str,
        at: datetime,
        verify_by: datetime,
    ) -> tuple[UUID | None, list[Person]]:
        """Who holds the code: the one on this host's roll, the one chosen, or who enters themselves; else the people
        to choose from. The code is not used up. Raises ``WrongCode`` or ``TooMany``."""
        await self.bound("try", client, at)
        async with self._pool.acquire() as conn, conn.transaction():
            right = await self._try(conn, contact, code, at, purpose)
            found = await self.register.find(conn, contact) if right else []
            people = [person for person in found if person.host_id == host_id]
            if entry:  # who entered themselves just now and was cut off is on the roll already
                people = [person for person in people if person.entry.name == entry.name]
                if right and not people:
                    return await self._enter(conn, host_id, entry, found, at, verify_by), []
        chosen = [person.id for person in people if person_id in (None, person.id)]
        if len(chosen) == 1:
            return chosen[0], people
        if not right or person_id:
            raise WrongCode
        return None, people

    async def _enter(
        self,
        conn: PoolConnectionProxy,
        host_id: UUID,
        entry: Entry,
        people: Sequence[Person],
        at: datetime,
        verify_by: datetime,
    ) -> UUID:
        """``people``: those whom the contact leads to already."""
        if sum(person.verify_by is not None for person in people) >= SELF_ENTERED:
            raise Conflict(
                "too-many-unverified",
                "此号码下待核实的登记过多,请先由社区核实。",
                "Too many entries under this contact wait to be verified: ask your community first.",
            )
        (entered,) = await self.register.enter(conn, host_id, [entry], at, verify_by=verify_by, person_id=uuid4())
        if not entered.new:
            raise on_the_roll()
        await log(conn, Actor("self", Role.RESIDENT.value), "registered", [entered.person_id], at)
        return entered.person_id

    def token(self, person_id: UUID) -> str:
        return self._issuer.token(Role.RESIDENT, str(person_id))

    # Codes

    def _code(self, contact: Contact, code: str) -> bytes:
        return self.register.keyed("code", contact.kind, contact.address, code)

    def _place(self, contact: Contact, purpose: str) -> bytes:
        if purpose == SIGNING_IN:
            return self.register.digest(contact)
        return self.register.keyed("purpose", purpose, contact.kind, contact.address)

    async def _try(
        self, conn: PoolConnectionProxy, contact: Contact, code: str, at: datetime, purpose: str = SIGNING_IN
    ) -> bool:
        """Each try counts, also that of the right code, and one is made after the other: the row is locked."""
        kept = await conn.fetchval(
            "UPDATE sign_in_codes SET attempts = attempts + 1"
            " WHERE contact = $1 AND attempts < $2 AND expires_at > $3 RETURNING code",
            self._place(contact, purpose),
            TRIES,
            at,
        )
        return hmac.compare_digest(self._code(contact, code), kept or secrets.token_bytes(32))

    async def _use_up(self, conn: PoolConnectionProxy, contact: Contact, purpose: str = SIGNING_IN) -> None:
        await conn.execute("DELETE FROM sign_in_codes WHERE contact = $1", self._place(contact, purpose))

    # Limits

    async def _within(self, conn: PoolConnectionProxy, what: bytes, limits: Limits, at: datetime) -> bool:
        """Count one more, unless that is too many."""
        # One after the other, so that none slips through beside another.
        await conn.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(what[:8], signed=True))
        for most, window in limits:
            if await conn.fetchval(_COUNT, what, at - window) >= most:
                return False
        await conn.execute("INSERT INTO sign_in_attempts (what, at) VALUES ($1, $2)", what, at)
        return True

    async def bound(self, what: str, client: str, at: datetime) -> None:
        """Count one more of this client's; ``TooMany`` if it has had enough."""
        async with self._pool.acquire() as conn, conn.transaction():
            if not await self._within(conn, self._client(what, client), PER_CLIENT, at):
                raise TooMany

    def _client(self, what: str, address: str) -> bytes:
        """Of an IPv6 address its network: whoever has one address there has all."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return self.register.keyed(what, address)
        network = ipaddress.ip_network(f"{ip}/64", strict=False) if ip.version == 6 else ip
        return self.register.keyed(what, str(network))


_COUNT = "SELECT count(*) FROM sign_in_attempts WHERE what = $1 AND at > $2"


async def tidy(pool: asyncpg.Pool, at: datetime) -> None:
    """Delete what counts no more."""
    longest = max(window for _, window in (*PER_CONTACT, *PER_CLIENT))
    await pool.execute("DELETE FROM sign_in_codes WHERE expires_at <= $1", at)
    await pool.execute("DELETE FROM sign_in_attempts WHERE at <= $1", at - longest)
    await pool.execute("DELETE FROM intake_drafts WHERE expires_at <= $1", at)
