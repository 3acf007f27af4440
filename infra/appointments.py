"""Whether a person's role has been revoked: asked of the log itself, so that it counts at once and everywhere."""

import hmac
from uuid import UUID

import asyncpg

from domain.appointment import NOBODYS, Appointment
from domain.command import Role
from infra.people import People


class Appointments:
    def __init__(self, pool: asyncpg.Pool, people: People) -> None:
        self._pool = pool
        self._key = people.key_for("appointments")

    def id_of(self, subject: str, role: Role, org: UUID | None) -> UUID:
        """The stream of this person in this role. Nobody can try out subjects on it."""
        return UUID(bytes=hmac.digest(self._key, f"{role} {org} {subject}".encode(), "sha256")[:16])

    async def revoked(self, subject: str, role: Role, org: UUID | None) -> bool:
        """A role that was never granted here is as good as its token: that is how the first administrator begins."""
        if role in NOBODYS:
            return False
        newest = await self._pool.fetchval(
            "SELECT topic FROM stored_events WHERE originator_id = $1 ORDER BY originator_version DESC LIMIT 1",
            self.id_of(subject, role, org),
        )
        return bool(newest == Appointment.Revoked.TOPIC)
