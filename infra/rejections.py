"""Entries of a roll that staff found false, and the signatures of their persons.

Two of the staff decide; the person is told and may appeal to the clerk; in the end their signatures under open
petitions are taken away. Neither staff nor clerk learn of any: it is done after the last word, by the engine, and
answers never differ by whether there were any. From the second person's word on nobody signs anew by the entry.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from asyncpg.pool import PoolConnectionProxy

from domain.calendar import CHINA
from domain.command import Command, Role
from domain.petition import Petition
from domain.policy import Policy
from domain.refusals import Conflict, Forbidden, NotFound, not_found
from infra.event_store import TRANSIENT
from infra.gateway import Gateway
from infra.people import People
from infra.register import Register
from infra.register_log import Actor, log
from infra.repository import Repository, Unavailable
from infra.sealing import decrypted, encrypted
from infra.signed import signed_by

EVERY_SECONDS = 60
DAY = range(7, 22)  # Chinese time
LETTER = (
    "您有一条新消息",
    "您好!您有一条新消息,请登录查看您的登记。There is news of your registration: sign in to read it.",
)
TEXTS = ("reason", "grounds", "explanation")

logger = logging.getLogger(__name__)


class Rejections:
    def __init__(self, register: Register) -> None:
        self._register, self._pool = register, register.pool

    async def read(self, person_id: UUID, actor: Actor | None, at: datetime) -> Mapping[str, Any] | None:
        """That somebody looked is written down before they see it; own eyes (None) are not."""
        if actor:
            async with self._pool.acquire() as conn:
                await log(conn, actor, "rejection read", [person_id], at)
        row = await self._pool.fetchrow(
            "SELECT r.*, roll.key FROM rejections r JOIN roll USING (person_id) WHERE person_id = $1", person_id
        )
        if row is None:
            return None
        key = self._register.key(person_id, row["key"])
        texts = {name: row[name] and decrypted(key, person_id, row[name]).decode() for name in TEXTS}
        return {"status": row["status"], "due_at": row["due_at"], **texts}

    async def propose(self, person_id: UUID, reason: str, actor: Actor, at: datetime) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id, None, "upheld")
            await conn.execute(
                "INSERT INTO rejections (person_id, status, proposed_by, reason) VALUES ($1, 'proposed', $2, $3)"
                " ON CONFLICT (person_id) DO UPDATE SET status = 'proposed', proposed_by = $2, reason = $3,"
                " confirmed_by = NULL, grounds = NULL, explanation = NULL, due_at = NULL, told = false",
                person_id,
                actor.by,
                await self._sealed(conn, person_id, reason),
            )
            await log(conn, actor, "rejection proposed", [person_id], at)

    async def drop(self, person_id: UUID, actor: Actor, at: datetime) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id, "proposed")
            await conn.execute("DELETE FROM rejections WHERE person_id = $1", person_id)
            await log(conn, actor, "rejection dropped", [person_id], at)

    async def confirm(self, person_id: UUID, actor: Actor, at: datetime, appeal_by: datetime) -> None:
        """By a second person."""
        async with self._pool.acquire() as conn, conn.transaction():
            row = await self._locked(conn, person_id, "proposed")
            if row["proposed_by"] == actor.by:
                raise Forbidden(
                    "second-person",
                    "须由另一名工作人员确认。",
                    "Somebody else of the host's staff has to confirm this.",
                )
            await conn.execute(
                "UPDATE rejections SET status = 'contested', confirmed_by = $2, due_at = $3 WHERE person_id = $1",
                person_id,
                actor.by,
                appeal_by,
            )
            await log(conn, actor, "rejection confirmed", [person_id], at)

    async def appeal(self, person_id: UUID, grounds: str, at: datetime, decide_by: datetime) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            row = await self._locked(conn, person_id, "contested")
            if row["due_at"] <= at:
                raise Conflict("too-late", "申诉期限已过。", "The time for an appeal is over.")
            await conn.execute(
                "UPDATE rejections SET status = 'appealed', grounds = $2, due_at = $3 WHERE person_id = $1",
                person_id,
                await self._sealed(conn, person_id, grounds),
                decide_by,
            )

    async def decide(self, person_id: UUID, counts: bool, explanation: str, actor: Actor, at: datetime) -> None:
        """The clerk: ``counts`` lets the entry stand."""
        async with self._pool.acquire() as conn, conn.transaction():
            await self._locked(conn, person_id, "appealed")
            await conn.execute(
                "UPDATE rejections SET status = $2, explanation = $3, due_at = NULL WHERE person_id = $1",
                person_id,
                "upheld" if counts else "final",
                await self._sealed(conn, person_id, explanation),
            )
            await log(conn, actor, "rejection decided", [person_id], at)

    async def _locked(self, conn: PoolConnectionProxy, person_id: UUID, *statuses: str | None) -> Mapping[str, Any]:
        """One after the other for each person. None: no rejection yet."""
        await conn.execute("SELECT FROM residents WHERE person_id = $1 FOR UPDATE", person_id)
        row = dict(await conn.fetchrow("SELECT * FROM rejections WHERE person_id = $1", person_id) or {})
        status = row.get("status")
        if status not in statuses:
            raise Conflict(
                "wrong-status",
                f"此登记的驳回目前为“{status or '无'}”,不能办理此事。",
                f"The rejection of this entry is “{status or 'none'}”, which does not allow it.",
            )
        return row

    async def _sealed(self, conn: PoolConnectionProxy, person_id: UUID, text: str) -> bytes:
        wrapped = await conn.fetchval("SELECT key FROM roll WHERE person_id = $1", person_id)
        if wrapped is None:
            raise not_found("resident")
        return encrypted(self._register.key(person_id, wrapped), person_id, text.encode())


class Settling:
    """Writes to whoever's entry is rejected, and takes the signatures away when that is final."""

    def __init__(
        self, register: Register, people: People, repository: Repository, policy: Policy, gateway: Gateway
    ) -> None:
        self._register, self._gateway, self._pool = register, gateway, register.pool
        self._people, self._repository, self._policy = people, repository, policy

    async def carry_out(self, at: datetime) -> None:
        if at.astimezone(CHINA).hour in DAY:
            new = "SELECT person_id, due_at FROM rejections WHERE status = 'contested' AND NOT told"
            for row in await self._pool.fetch(new):
                await self._tell(UUID(bytes=row["person_id"].bytes), row["due_at"], at)
        await self._pool.execute(
            "UPDATE rejections SET status = 'final', due_at = NULL WHERE status = 'contested' AND due_at <= $1", at
        )
        for row in await self._pool.fetch("SELECT person_id FROM rejections WHERE status = 'final' AND NOT settled"):
            try:
                await self._settle(UUID(bytes=row["person_id"].bytes), at)
            except (*TRANSIENT, Unavailable):
                raise
            except Exception:  # a mistake of ours with one person holds up nobody else
                logger.exception("a rejection cannot be settled")

    async def run(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        while True:
            try:
                await self.carry_out(now())
            except (*TRANSIENT, Unavailable) as error:
                logger.warning("rejections wait for the database: %s", error)
            await asyncio.sleep(EVERY_SECONDS)

    async def _tell(self, person_id: UUID, due_at: datetime, at: datetime) -> None:
        """Says nothing that a glance at a locked phone gives away. Nobody who is to be erased is written to."""
        try:
            person = await self._register.read(person_id, None, at)
        except NotFound:
            return
        to = next((contact for contact in person.entry.contacts if self._gateway.reaches(contact.kind)), None)
        id = self._register.keyed("rejection", str(person_id), str(due_at)).hex()[:32]
        if to is None or await self._gateway.send(to, *LETTER, id=id):
            await self._pool.execute("UPDATE rejections SET told = true WHERE person_id = $1", person_id)

    async def _settle(self, person_id: UUID, at: datetime) -> None:
        async with self._pool.acquire() as conn:
            signed = await signed_by(conn, self._people, self._repository, str(person_id))
        settled = True
        for petition, signer in signed:
            cmd = Command(
                id=uuid5(petition.id, f"invalidate {signer} {petition.version}"),
                by="yuetan",
                role=Role.WORKFLOW,
                at=at,
                policy=self._policy,
            )
            try:
                await self._repository.execute(Petition.invalidate_signature, petition.id, cmd, signer=signer)
            except Conflict:  # it is suspended, or the residents judge: later
                settled = False
        if settled:
            await self._pool.execute("UPDATE rejections SET settled = true WHERE person_id = $1", person_id)
