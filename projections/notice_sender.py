"""Tells people what has happened, and writes to those who have an address.

Each event is told in one transaction with the mark how far the log has been told: nobody is told twice or left out,
however often the process is killed. A letter is marked as sent right after the other side has taken it; one that was
under way when the process died is sent again under the same id, by which mail servers and gateways know it again.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.calendar import CHINA
from domain.command import Role
from domain.intake import Intake
from domain.petition import Petition
from infra.correspondents import FOLLOWER, Correspondent, Correspondents
from infra.database import my_turn
from infra.event_store import TRANSIENT, EventStore, Recorded
from infra.gateway import Gateway
from infra.mapper import mapper
from infra.repository import Repository, Unavailable
from projections import notices
from projections.projector import Positions

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
STANDSTILL_SECONDS = 60.0
AT_ONCE = 8
FIRST_RETRY, LAST_RETRY, GIVE_UP = timedelta(minutes=1), timedelta(hours=6), 12  # attempts: about two days
_TURN = 0x6E6F_7469  # the advisory lock of whoever tells


class NoticeSender:
    def __init__(
        self,
        store: EventStore,
        repository: Repository,
        correspondents: Correspondents,
        gateway: Gateway,
        public_url: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._repository, self._correspondents = store, repository, correspondents
        self._gateway, self._public_url, self._now = gateway, public_url, now
        self._pool, self._positions = store.pool, Positions(store.pool)

    async def run(self) -> None:
        """Tell and send for ever, when it is our turn; never returns."""
        while True:
            try:
                async with self._pool.acquire() as conn:
                    await my_turn(conn, _TURN)
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._tell())
                        group.create_task(self._send(conn))
            except* (*TRANSIENT, Unavailable) as errors:
                log.warning("notices wait, trying again: %s", errors.exceptions[0])
            await asyncio.sleep(POLL_SECONDS)

    async def _tell(self) -> None:
        position = await self._pool.fetchval("SELECT position FROM notice_progress")
        async with aclosing(self._store.follow(position)) as pages:
            async for page in pages:
                while not await self._positions.wait_for(page.position, 60, "inbox"):
                    log.warning("notices wait for the inbox to be caught up")
                for at in page:
                    if matter_id := _matter(at):
                        while not await self._told(at, matter_id):  # noqa: ASYNC110
                            await asyncio.sleep(STANDSTILL_SECONDS)
                await self._pool.execute("UPDATE notice_progress SET position = $1", page.position)

    async def _told(self, at: Recorded, matter_id: UUID) -> bool:
        """False: a mistake of ours, to be seen to. Nothing is told past it, and letters already due are still sent."""
        try:
            await self._tell_of(at, matter_id)
        except (*TRANSIENT, Unavailable):
            raise
        except Exception:
            log.exception("NOTICES STAND STILL AT %s", at.id)
            return False
        return True

    async def _tell_of(self, at: Recorded, matter_id: UUID) -> None:
        whom = notices.FOR_RESIDENTS.get(at.topic)
        about = (Intake, at.originator_id) if at.topic.startswith("intake.") else (Petition, matter_id)
        residents = sorted(whom(await self._repository.get(*about))) if whom else []
        async with self._pool.acquire() as conn, conn.transaction():
            await notices.tell(conn, at, matter_id, residents, self._now())
            await conn.execute("UPDATE notice_progress SET position = $1", at.id)

    async def _send(self, conn: PoolConnectionProxy) -> None:
        """Looks on the connection of the lock: when it is lost, so is our turn."""
        while True:
            due = await conn.fetch(
                "SELECT n.*, d.owner, d.attempts FROM notice_deliveries AS d JOIN notices AS n ON n.id = d.notice_id"
                " WHERE d.outcome IS NULL AND d.send_at <= $1 ORDER BY d.send_at, n.id LIMIT $2",
                self._now(),
                AT_ONCE,
            )
            await asyncio.gather(*(self._deliver(row) for row in due))
            if not due:
                await asyncio.sleep(POLL_SECONDS)

    async def _deliver(self, row: asyncpg.Record) -> None:
        now = self._now()
        if (morning := notices.by_day(now)) > now:
            await self._later(row, morning, attempts=row["attempts"])
        elif (outcome := await self._attempt(row, now)) or row["attempts"] + 1 >= GIVE_UP:
            await self._pool.execute(
                "UPDATE notice_deliveries SET outcome = $3 WHERE (notice_id, owner) = ($1, $2)",
                row["id"],
                row["owner"],
                outcome or "given up",
            )
        else:
            pause = min(FIRST_RETRY * (1 << row["attempts"]), LAST_RETRY) * random.uniform(0.75, 1.25)  # noqa: S311
            await self._later(row, now + pause, attempts=row["attempts"] + 1)

    async def _later(self, row: asyncpg.Record, at: datetime, *, attempts: int) -> None:
        await self._pool.execute(
            "UPDATE notice_deliveries SET send_at = $3, attempts = $4 WHERE (notice_id, owner) = ($1, $2)",
            row["id"],
            row["owner"],
            at,
            attempts,
        )

    async def _attempt(self, row: asyncpg.Record, now: datetime) -> str | None:
        """One letter's trouble, ours with it included, is nobody else's."""
        try:
            return await self._write(row, now)
        except (*TRANSIENT, Unavailable):
            raise
        except Exception:
            log.exception("NOTICE %s CANNOT BE SENT", row["id"])
            return None

    async def _write(self, row: asyncpg.Record, now: datetime) -> str | None:
        """What came of it; None: try again."""
        if row["role"] in (Role.RESIDENT, FOLLOWER):
            if row["role"] == FOLLOWER:
                found = await self._correspondents.follower(row["petition_id"], row["recipient"])
            else:
                found = await self._correspondents.resident(row["petition_id"], row["recipient"], now)
            if found is None:
                return "unreachable"
            who, settings = found
        else:
            who = Correspondent(row["owner"], row["role"], row["recipient"])
            settings = await self._correspondents.settings(row["owner"])
        required = row["role"] == Role.RESIDENT and row["kind"] in notices.CANNOT_BE_LEFT
        if not (required or settings.optional):
            return "muted"
        to = settings.address()
        if to is None or not self._gateway.reaches(to.kind):
            return "unreachable"
        words = notices.TEXTS[settings.language]["follower" if row["role"] == FOLLOWER else "letter"]
        due = row["due_at"] and f"{row['due_at'].astimezone(CHINA):%Y-%m-%d %H:%M}"
        subject, text = ("subject_due", "text_due") if due else ("subject", "text")
        said = words[subject]
        body = words[text].format(due=due, link=self._public_url, petition=row["petition_id"])
        if row["role"] not in (Role.RESIDENT, FOLLOWER):
            said = notices.text(settings.language, row["kind"], row["role"])
            body = f"{said}\n\n{body}"
        leave_url = None
        if to.kind == "email" and not required:
            leave_url = f"{self._public_url}/v1/notices/leaving?token={self._correspondents.token(who)}"
            body += words["leave"].format(leave=leave_url)
        id = f"notice-{row['id']}-{row['owner'].hex()[:16]}"
        return "sent" if await self._gateway.send(to, said, body, id=id, leave_url=leave_url) else None


# Of each signature and judgement nobody is told, so they need not be looked at.
UNTOLD = {"petition.CoSigned", "petition.CoSignatureWithdrawn", "petition.FeedbackGiven", "petition.FeedbackTaken"}


def _matter(at: Recorded) -> UUID | None:
    """The petition that an event belongs to; None for the directory and the like."""
    if at.topic in UNTOLD:
        return None
    event: Any = mapper.to_domain_event(at)
    if isinstance(event, Petition.Event):
        return event.originator_id
    return getattr(event, "matter_id", None)
