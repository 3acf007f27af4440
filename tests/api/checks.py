"""What every problem looks like, and that nothing was appended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from eventsourcing.persistence import StoredEvent

from infra.mapper import mapper
from tests.api.world import World


def is_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{code}", problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["detail_en"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem.get("field") == field, problem
    return problem


def by(stored: StoredEvent) -> str:
    """The pseudonym on an event."""
    return str(vars(mapper.to_domain_event(stored))["by"])


@asynccontextmanager
async def nothing_appended(world: World) -> AsyncIterator[None]:
    before = await world.store.max_notification_id()
    yield
    assert await world.store.max_notification_id() == before
