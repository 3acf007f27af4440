"""Sends webhooks: every subscriber is told in order, and told the next only when it has taken the one before.

What there is to know (how far each has come, when to try again) stands in rows: whoever takes over from a sender that
was killed goes on where it was, and sends at most one event twice, under the same id. One process sends at a time.
"""

import asyncio
import base64
import hmac
import logging
import random
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from asyncpg.pool import PoolConnectionProxy

from domain.command import Command, Role
from domain.policy import Policy
from domain.refusals import Refusal
from domain.webhook import PausedBecause, Webhook
from infra.database import my_turn
from infra.event_store import TRANSIENT, EventStore
from infra.outbound import Outbound, Undeliverable
from infra.repository import Repository, Unavailable
from infra.sealing import Keyring
from projections import webhooks
from projections.projector import Positions
from projections.read_model import to_json
from projections.webhooks import Subscriber

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BATCH = 100  # events that are read at once for a subscriber; they are sent one by one
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(hours=2)
GIVE_UP = timedelta(days=5)
GONE = 410
TYPE = "yuetan."  # before an event's own type
SOURCE = "/v1/events"  # where the same is told as it happens
_TURN = 0x7975_7768  # the advisory lock of whoever sends
_NO_TOPIC = ("-",)  # positions alone


class Secrets:
    """Signing secrets, derived from one that lies in the keys folder: none is stored, so none can be read or lost."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, webhook_id: UUID, number: int) -> str:
        """As a subscriber is shown it."""
        return "whsec_" + base64.b64encode(self._of(webhook_id, number)).decode()

    def sign(self, whom: Subscriber, message: bytes, at: datetime) -> str:
        """With the secret in force, and with the one before it while that is still good."""
        numbers = [whom.secret]
        if whom.old_secret_until and at < whom.old_secret_until:
            numbers.append(whom.secret - 1)
        signatures = (hmac.digest(self._of(whom.id, number), message, "sha256") for number in numbers)
        return " ".join(f"v1,{base64.b64encode(signature).decode()}" for signature in signatures)

    def _of(self, webhook_id: UUID, number: int) -> bytes:
        return hmac.digest(self._key, f"{webhook_id} {number}".encode(), "sha256")


class Sender:
    def __init__(
        self,
        store: EventStore,
        repository: Repository,
        keyring: Keyring,
        secrets: Secrets,
        outbound: Outbound,
        policy: Policy,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._repository, self._keyring, self._policy = store, repository, keyring, policy
        self._secrets, self._outbound, self._now = secrets, outbound, now
        self._pool = store.pool
        self._bell = asyncio.Event()
        self._busy: set[UUID] = set()

    async def run(self) -> None:
        """Send for ever, when it is our turn; never returns."""
        try:
            while True:
                try:
                    async with self._pool.acquire() as conn:
                        await self._take_turn(conn)
                except* TRANSIENT as errors:
                    log.warning("webhooks wait, trying again: %s", errors.exceptions[0])
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._outbound.aclose()

    async def _take_turn(self, conn: PoolConnectionProxy) -> None:
        await my_turn(conn, _TURN)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            await self._send(conn, group)

    async def _listen(self) -> None:
        """Ring when the read models have what is new."""
        positions = Positions(self._pool)
        async with aclosing(self._store.follow(0, _NO_TOPIC)) as pages:
            async for page in pages:
                await positions.wait_for(page.position, POLL_SECONDS, "board", "timeline", "webhooks")
                self._bell.set()

    async def _send(self, conn: PoolConnectionProxy, group: asyncio.TaskGroup) -> None:
        """Start whoever has something waiting. Looks on the connection of the lock: when it is lost, so is our turn."""
        self._busy.clear()
        while True:
            self._bell.clear()
            for webhook_id in await webhooks.waiting(conn, self._now()):
                if webhook_id not in self._busy:
                    self._busy.add(webhook_id)
                    group.create_task(self._attend(webhook_id))
            with suppress(TimeoutError):  # (asyncio.wait_for may swallow a cancellation, in Python 3.11)
                async with asyncio.timeout(POLL_SECONDS):
                    await self._bell.wait()

    async def _attend(self, webhook_id: UUID) -> None:
        """One subscriber's trouble, ours with it included, is nobody else's."""
        try:
            await self._catch_up(webhook_id)
        except (Unavailable, *TRANSIENT) as error:
            log.warning("webhook %s waits, trying again: %s", webhook_id, error)
            await asyncio.sleep(POLL_SECONDS)
        except Exception:
            log.exception("WEBHOOK %s CANNOT BE SENT", webhook_id)
            await asyncio.sleep(FIRST_RETRY.total_seconds())
        finally:
            self._busy.discard(webhook_id)
            self._bell.set()

    async def _catch_up(self, webhook_id: UUID) -> None:
        while whom := await webhooks.subscriber(self._pool, webhook_id):
            (url,) = await self._keyring.open([whom.url])
            happenings = await webhooks.told_to(self._pool, whom, limit=BATCH)
            for happening in happenings:
                try:
                    await self._post(whom, url, happening)
                except Undeliverable as error:
                    await self._refused(whom, error)
                    return
                if not await webhooks.taken(self._pool, whom, happening["position"], self._now()):
                    return
                whom = replace(whom, position=happening["position"], attempts=0, failing_since=None)
            if len(happenings) < BATCH:
                await webhooks.taken(self._pool, whom, whom.head, None)

    async def _post(self, whom: Subscriber, url: str, happening: dict[str, Any]) -> None:
        body = cloud_event(happening)
        at = self._now()
        id, timestamp = str(happening["position"]), str(int(at.timestamp()))
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": "Yuetan",
            "webhook-id": id,
            "webhook-timestamp": timestamp,
            "webhook-signature": self._secrets.sign(whom, b".".join((id.encode(), timestamp.encode(), body)), at),
        }
        await self._outbound.post(url, headers, body)

    async def _refused(self, whom: Subscriber, error: Undeliverable) -> None:
        now = self._now()
        since, attempts = whom.failing_since or now, whom.attempts + 1
        failing = replace(whom, failing_since=since, attempts=attempts)
        await webhooks.refused(self._pool, failing, now, now + retry_after(attempts), str(error))
        if error.status == GONE or now - since >= GIVE_UP:
            reason = PausedBecause.GONE if error.status == GONE else PausedBecause.UNANSWERED
            id = uuid5(whom.id, f"{reason} {whom.position} {since}")
            cmd = Command(id=id, by="yuetan", role=Role.WORKFLOW, at=now, policy=self._policy)
            with suppress(Refusal):  # an administrator was faster
                await self._repository.execute(Webhook.give_up, whom.id, cmd, reason=reason)
            log.warning("WEBHOOK %s IS PAUSED: %s since %s; resume it when it is well", whom.id, error, since)


def retry_after(attempts: int) -> timedelta:
    """Doubled each time, up to hours; not the same for all, so that a receiver that is back is not run down."""
    return min(FIRST_RETRY * (1 << min(attempts - 1, 20)), LAST_RETRY) * random.uniform(0.75, 1.25)  # noqa: S311


def cloud_event(happening: dict[str, Any]) -> bytes:
    """CloudEvents 1.0, structured mode. ``data`` is what /v1/events tells of it."""
    told = {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in happening.items()
    }
    event = {
        "specversion": "1.0",
        "id": str(told["position"]),
        "source": SOURCE,
        "type": TYPE + told["type"],
        "subject": told["petition_id"],
        "time": told["at"],
        "datacontenttype": "application/json",
        "data": told,
    }
    return to_json(event).encode()
