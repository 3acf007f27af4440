"""PostgreSQL is killed under load and started again, under APIs and workers that live on."""

import asyncio

import httpx

from api.demo.district import District
from tests.faults.conftest import ByTurns, Cluster
from tests.faults.journal import Journal
from tests.programs import readiness, tokens
from tests.stories.story import Story

CLIENTS = 16
SOME = 200  # commands


class Patient(httpx.AsyncBaseTransport):
    """Sends again what was turned away, when it is told to: the same request, with its key."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.turned_away = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        while True:
            answer = await self._transport.handle_async_request(request)
            if answer.status_code != 503:
                return answer
            self.turned_away += 1
            assert b"/problems/unavailable" in await answer.aread()
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def aclose(self) -> None:
        await self._transport.aclose()


async def test_a_killed_postgresql_costs_nobody_an_acknowledged_command(cluster: Cluster) -> None:
    journal, transport = Journal(), Patient(ByTurns(cluster.apis))
    async with (
        cluster.worker(),
        httpx.AsyncClient(
            base_url=cluster.apis[0], transport=transport, timeout=60, event_hooks={"response": [journal]}
        ) as client,
    ):
        people, enough = District(client, tokens(cluster.keys)), asyncio.Event()

        async def open_and_sign() -> None:
            while not enough.is_set():
                await (await Story.opened(people)).sign()

        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(open_and_sign())
            await journal.holds(SOME)
            await cluster.postgres.kill()
            before = len(journal.acknowledged)
            await cluster.postgres.start()
            await journal.holds(before + SOME)
            enough.set()
        print(f"{len(journal.acknowledged)} commands acknowledged, {transport.turned_away} requests turned away")

        await readiness(client, "ready")
        for command in tuple(journal.acknowledged):  # which grows as they are asked
            await command.ask_again(client)
        await (await Story.opened(people)).to_its_end()
