"""A client of the HTTP API that acts for many people, each with a token of their own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

TRIES = 20  # of a request that got no answer: the idempotency key makes a retry safe
PATIENCE_SECONDS = 120


class Refused(Exception):
    """The API answered with a problem."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('type')}: {problem.get('detail_en') or problem.get('detail')}")
        self.status, self.problem = status, problem


@dataclass(frozen=True)
class Person:
    role: str
    subject: str
    org: str | None = None


class District:
    """``token(role, subject, org)`` makes a bearer token; ``client`` knows the engine's address."""

    def __init__(self, client: httpx.AsyncClient, token: Callable[[str, str, str | None], str]) -> None:
        self.client, self.token = client, token
        self.position = 0  # newest position any answer told us: reads wait for it

    async def send(self, who: Person, method: str, path: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        """One command as one person. A request without an answer is sent again under the same idempotency key."""
        headers = self._headers(who) | {"Idempotency-Key": key or str(uuid4())}
        for attempt in range(TRIES):
            try:
                answer = await self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                if attempt + 1 == TRIES:
                    raise
                await asyncio.sleep(0.5)
                continue
            return self._read(answer)
        raise AssertionError("unreachable")

    async def post(self, who: Person, path: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        return await self.send(who, "POST", path, key=key, **body)

    async def get(self, who: Person, path: str, **query: Any) -> dict[str, Any]:
        answer = await self.client.get(path, params=query | {"after": self.position}, headers=self._headers(who))
        return self._read(answer)

    async def until(
        self, who: Person, path: str, ready: Callable[[dict[str, Any]], bool], **query: Any
    ) -> dict[str, Any]:
        """Read until ``ready``: for what the workflow does by itself. ``TimeoutError`` when it never does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not ready(found := await self.get(who, path, **query)):  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(0.2)
            return found

    def _headers(self, who: Person) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(who.role, who.subject, who.org)}"}

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = answer.json() if answer.content else {}
        if answer.is_error:
            raise Refused(answer.status_code, body)
        self.position = max(self.position, int(answer.headers.get("Yuetan-Position", 0)))
        return body
