"""Erasing a person for good, when two have decided it and nothing holds it back.

From the confirmation on the person is gone for everybody: no sign-in, no token, on no list. Their data and keys go as
soon as no auditor holds them and no petition that they signed is open. That this takes a while is seen nowhere: an
answer that tells "not yet" would tell two administrators that this person has signed something.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from domain.petition import Petition
from domain.refusals import Conflict, Forbidden, NotFound, not_found
from infra.correspondents import Correspondents
from infra.event_store import TRANSIENT
from infra.people import People
from infra.register import Register
from infra.register_log import Actor, log
from infra.repository import Repository, Unavailable
from infra.sealing import decrypted, encrypted
from infra.sign_in import tidy
from infra.signed import signed_by
from infra.slips import Slips

SETTLED = timedelta(minutes=1)  # what the person had under way when they were closed is over by then
EVERY_SECONDS = 60

# What read models have made of texts that become unreadable (as hashes), by petition.
Forget = Callable[[PoolConnectionProxy, Sequence[UUID]], Awaitable[None]]

logger = logging.getLogger(__name__)


class Erasures:
    def __init__(
        self, register: Register, people: People, repository: Repository, slips: Slips, forget: Forget
    ) -> None:
        self.register, self._people, self._repository, self._slips = register, people, repository, slips
        self._forget = forget
        self._correspondents, self._pool = Correspondents(register), register.pool

    async def hold(self, person_id: UUID, actor: Actor, at: datetime) -> None:
        """An auditor needs this person's data: they stay until the hold is released."""
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id)
            await conn.execute(
                "INSERT INTO holds (person_id, held_by) VALUES ($1, $2) ON CONFLICT DO NOTHING", person_id, actor.by
            )
            await log(conn, actor, "held", [person_id], at)

    async def release(self, person_id: UUID, actor: Actor, at: datetime) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id)
            await conn.execute("DELETE FROM holds WHERE person_id = $1", person_id)
            await log(conn, actor, "released", [person_id], at)

    async def request(self, person_id: UUID, reason: str, actor: Actor, at: datetime) -> None:
        """One decides. A request that is there already stands: the second person decides on that."""
        async with self._pool.acquire() as conn, conn.transaction():
            wrapped = await self._locked(conn, person_id)
            await self._require_free(conn, person_id)
            await conn.execute(
                "INSERT INTO erasures (person_id, requested_by, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                person_id,
                actor.by,
                encrypted(self.register.key(person_id, wrapped), person_id, reason.encode()),
            )
            await log(conn, actor, "erasure requested", [person_id], at)

    async def reason(self, person_id: UUID) -> str | None:
        """Why somebody has asked for it; None where nobody has."""
        row = await self._pool.fetchrow(
            "SELECT key, reason FROM erasures JOIN residents USING (person_id) WHERE person_id = $1", person_id
        )
        if row is None:
            return None
        return decrypted(self.register.key(person_id, row["key"]), person_id, row["reason"]).decode()

    async def confirm(self, person_id: UUID, actor: Actor, at: datetime) -> None:
        """A second person decides: from here on the person is gone."""
        email = (await self.register.read(person_id, None, at)).entry.email
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id)
            row = await conn.fetchrow("SELECT requested_by FROM erasures WHERE person_id = $1", person_id)
            if row is None:
                raise Conflict("no-erasure-requested", "尚无人申请清除。", "Nobody has asked for this erasure yet.")
            if row["requested_by"] == actor.by:
                raise Forbidden("second-person", "须由另一人确认。", "Somebody else has to confirm this.")
            await self._require_free(conn, person_id)
            await conn.execute(
                "UPDATE erasures SET confirmed_by = $2, confirmed_at = $3 WHERE person_id = $1", person_id, actor.by, at
            )
            await conn.execute(
                "DELETE FROM sign_in_codes WHERE contact IN (SELECT digest FROM contacts WHERE person_id = $1)",
                person_id,
            )
            await conn.execute("DELETE FROM contacts WHERE person_id = $1", person_id)
            if email:
                await self._correspondents.unfollow(conn, email)
            await conn.execute("UPDATE residents SET document_digest = NULL WHERE person_id = $1", person_id)
            await self._people.close(conn, str(person_id))
            await log(conn, actor, "erasure confirmed", [person_id], at)

    async def carry_out(self, at: datetime) -> int:
        """Erase whomever nothing holds back any more; answers with how many."""
        due = await self._pool.fetch(
            "SELECT person_id FROM erasures WHERE confirmed_at <= $1"
            " AND person_id NOT IN (SELECT person_id FROM holds)",
            at - SETTLED,
        )
        done = 0
        for row in due:
            try:
                done += await self._erase(UUID(bytes=row["person_id"].bytes))
            except (*TRANSIENT, Unavailable):
                raise
            except Exception:  # a mistake of ours with one person holds up nobody else, nor the engine
                logger.exception("an erasure cannot be carried out")
        if done:  # what is deleted stays in its page until the page is cleaned up: keys are not left to wait for that
            await self._pool.execute("VACUUM text_keys, people_keys, residents")
        return done

    async def run(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Carry out what is due and forget old codes, for ever. Any number of processes may do so."""
        while True:
            try:
                await self.carry_out(now())
                await tidy(self._pool, now())
            except (*TRANSIENT, Unavailable) as error:
                logger.warning("erasures wait for the database: %s", error)
            await asyncio.sleep(EVERY_SECONDS)

    async def _erase(self, person_id: UUID) -> bool:
        async with self._pool.acquire() as conn, conn.transaction():
            try:
                await self._locked(conn, person_id)
            except NotFound:  # another process was first
                return False
            if await conn.fetchval("SELECT true FROM holds WHERE person_id = $1", person_id):
                return False
            subject = str(person_id)
            if await signed_by(conn, self._people, self._repository, subject):
                return False
            matters = [row[0] for row in await conn.fetch("SELECT DISTINCT matter_id FROM text_keys")]
            mine = await self._in_each(conn, subject, matters)
            gone = await conn.fetch(
                "DELETE FROM text_keys t USING unnest($1::uuid[], $2::text[]) AS mine (matter_id, author)"
                " WHERE t.matter_id = mine.matter_id AND t.author = mine.author RETURNING t.matter_id, t.key_id",
                *mine,
            )
            await self._forget(conn, [row["matter_id"] for row in gone if await self._is_topic(*row)])
            await self._correspondents.forget(conn, subject, *mine)
            await self._slips.erase(conn, *mine)
            await self._people.forget(conn, subject)
            await conn.execute("DELETE FROM residents WHERE person_id = $1", person_id)
            return True

    async def _in_each(
        self, conn: PoolConnectionProxy, subject: str, matters: list[UUID]
    ) -> tuple[list[UUID], list[str]]:
        """The matters and the person's pseudonyms in them; both empty for somebody who never acted."""
        pseudonyms = await self._people.pseudonyms(conn, subject, matters)
        return (matters if pseudonyms else []), pseudonyms

    async def _is_topic(self, matter_id: UUID, key_id: UUID) -> bool:
        """Whether the petition itself was written under this key."""
        try:
            petition = await self._repository.get(Petition, UUID(bytes=matter_id.bytes))
        except NotFound:  # a matter of another kind
            return False
        return key_id in (petition.topic.key_id, petition.details.key_id)

    async def _locked(self, conn: PoolConnectionProxy, person_id: UUID) -> bytes:
        """One after the other for each person; answers with the wrapped key."""
        wrapped: bytes | None = await conn.fetchval(
            "SELECT key FROM residents WHERE person_id = $1 FOR UPDATE", person_id
        )
        if wrapped is None:
            raise not_found("resident")
        return wrapped

    async def _require_free(self, conn: PoolConnectionProxy, person_id: UUID) -> None:
        if await conn.fetchval("SELECT true FROM holds WHERE person_id = $1", person_id):
            raise Conflict(
                "erasure-held",
                "审计保留期间不能清除,请待审计解除。",
                "An auditor holds this person's data: wait until the hold is released.",
            )
