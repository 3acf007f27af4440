"""What a grid worker has taken down for a resident, to be read back to them: kept until confirmed, for a few days."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.refusals import not_found
from infra.register import Register
from infra.sealing import decrypted, encrypted

LASTS = timedelta(days=3)  # until the slip is signed, where no code can be sent


@dataclass(frozen=True)
class Draft:
    """``body``: what was taken down, as JSON holds it."""

    id: UUID
    person_id: UUID
    host_id: UUID
    body: Mapping[str, Any]
    expires_at: datetime


class Drafts:
    def __init__(self, register: Register) -> None:
        self._register, self._pool = register, register.pool

    async def keep(self, draft: Draft) -> None:
        """Kept already under this id: nothing more."""
        wrapped = await self._pool.fetchval("SELECT key FROM roll WHERE person_id = $1", draft.person_id)
        if wrapped is None:
            raise not_found("resident")
        await self._pool.execute(
            "INSERT INTO intake_drafts (draft_id, person_id, host_id, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT DO NOTHING",
            draft.id,
            draft.person_id,
            draft.host_id,
            encrypted(self._register.key(draft.person_id, wrapped), draft.id, json.dumps(draft.body).encode()),
            draft.expires_at,
        )

    async def get(self, draft_id: UUID, at: datetime) -> Draft:
        row = await self._pool.fetchrow(
            "SELECT d.*, roll.key FROM intake_drafts d JOIN roll USING (person_id)"
            " WHERE draft_id = $1 AND expires_at > $2",
            draft_id,
            at,
        )
        if row is None:
            raise not_found("draft")
        person_id = UUID(bytes=row["person_id"].bytes)
        body = json.loads(decrypted(self._register.key(person_id, row["key"]), draft_id, row["sealed"]))
        return Draft(draft_id, person_id, UUID(bytes=row["host_id"].bytes), body, row["expires_at"])

    async def of_host(self, host_id: UUID, at: datetime) -> list[Draft]:
        """What waits to be confirmed, soonest expiring first; at most 200."""
        ids = await self._pool.fetch(
            "SELECT draft_id FROM intake_drafts JOIN roll USING (person_id) WHERE intake_drafts.host_id = $1"
            " AND expires_at > $2 ORDER BY expires_at, draft_id LIMIT 200",
            host_id,
            at,
        )
        return [await self.get(UUID(bytes=row["draft_id"].bytes), at) for row in ids]

    async def drop(self, draft_id: UUID) -> None:
        await self._pool.execute("DELETE FROM intake_drafts WHERE draft_id = $1", draft_id)
