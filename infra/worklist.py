"""What waits in the people register, and for whom. The inbox is made of the log, which knows nobody."""

from typing import Any
from uuid import UUID

import asyncpg

from domain.command import Role

_HOSTS = """
SELECT 'verification' AS kind, person_id AS resident_id, verify_by AS due_at FROM roll
WHERE host_id = $1 AND verify_by IS NOT NULL
UNION ALL
SELECT 'rejection', person_id, NULL FROM rejections JOIN roll USING (person_id)
WHERE host_id = $1 AND status = 'proposed'
ORDER BY due_at, resident_id LIMIT 200
"""
_CLERKS = """
SELECT 'appeal' AS kind, person_id AS resident_id, due_at FROM rejections JOIN roll USING (person_id)
WHERE status = 'appealed' ORDER BY due_at, person_id LIMIT 200
"""


async def waiting(pool: asyncpg.Pool, role: Role, org: UUID | None) -> list[dict[str, Any]]:
    """For a host's staff or the clerks, soonest due first, what has no date last."""
    rows = await (pool.fetch(_CLERKS) if role == Role.CLERK else pool.fetch(_HOSTS, org))
    return [dict(row) for row in rows]
