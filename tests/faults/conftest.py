"""Two APIs on a PostgreSQL and a Temporal given by address; workers are each test's own, since they get killed."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from api.demo import show
from api.demo.district import District
from infra.embedded import PostgreSQL, Temporal
from tests.programs import Program, new_folder, program, tokens

DEMO_POLICY = Path(show.__file__).with_name("policy.toml")
SIGNING_SECONDS = 15


@dataclass(frozen=True)
class Cluster:
    postgres: PostgreSQL
    temporal: Temporal
    apis: list[str]
    keys: Path
    settings: dict[str, str]

    def worker(self) -> AbstractAsyncContextManager[Program]:
        return program("worker", **self.settings)

    @asynccontextmanager
    async def people(self) -> AsyncIterator[District]:
        """Everybody, each request through another API than the one before."""
        async with httpx.AsyncClient(base_url=self.apis[0], transport=ByTurns(self.apis), timeout=60) as client:
            yield District(client, tokens(self.keys))

    async def workflows(self) -> Client:
        return await Client.connect(self.temporal.address)


class ByTurns(httpx.AsyncBaseTransport):
    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(map(httpx.URL, urls))
        self._transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=next(self._urls).port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@pytest.fixture(scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    with new_folder() as folder:
        policy = folder / "policy.toml"
        written = DEMO_POLICY.read_text("utf-8")
        for short, window in ((15, "15 days"), (25, f"{SIGNING_SECONDS} seconds")):
            written = written.replace(f'"{short} seconds"', f'"{window}"')
        policy.write_text(written, "utf-8")
        postgres, temporal = PostgreSQL(folder), Temporal(folder)
        async with postgres as database_url, temporal as address:
            settings = {
                "YUETAN_DATABASE_URL": database_url,
                "YUETAN_TEMPORAL_ADDRESS": address,
                "YUETAN_KEYS": str(folder / "keys"),
                "YUETAN_PROOF_FOLDER": str(folder / "proof"),
                "YUETAN_POLICY": str(policy),
            }
            api = ("api", "--port", "0")
            async with program(*api, **settings) as first, program(*api, **settings) as second:
                yield Cluster(postgres, temporal, [first.url, second.url], folder / "keys", settings)
