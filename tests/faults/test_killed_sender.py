"""kill -9 of the worker that sends webhooks, in the middle of a delivery."""

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg

from infra.outbound import Outbound
from tests.api.conftest import beginning
from tests.api.test_webhooks import publicly_told
from tests.api.world import ADMIN
from tests.programs import program
from tests.receiver import Delivery, answers, receiving

NO_TEMPORAL = "127.0.0.1:1"  # webhooks do not need it


async def test_nothing_is_lost_and_the_order_kept_however_often_the_sender_is_killed(
    database: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    environment = {
        "YUETAN_DATABASE_URL": database,
        "YUETAN_TEMPORAL_ADDRESS": NO_TEMPORAL,
        "YUETAN_KEYS": str(keys),
        "YUETAN_PROOF_FOLDER": str(tmp_path / "proof"),
        "YUETAN_WEBHOOKS_ALLOW_PRIVATE": "1",
    }
    deadly = {3, 9, 10}  # the deliveries that are never answered
    arrived, killed = asyncio.Event(), asyncio.Event()
    async with beginning(pool, keys) as world, receiving() as receiver:
        world.app.state.services = replace(world.app.state.services, outbound=Outbound(allow_private=True))

        async def answer(delivery: Delivery) -> bytes:
            if len(receiver.all) not in deadly:
                return answers(200)
            arrived.set()
            await killed.wait()
            return b""

        receiver.answer = answer  # type: ignore[method-assign]
        webhook = await world.post(ADMIN, "/v1/webhooks", url=receiver.url)
        for _ in range(2):
            await world.in_progress()
        for _ in deadly:
            arrived.clear()
            killed.clear()
            async with program("worker", **environment) as worker:
                await asyncio.wait_for(arrived.wait(), 30)
                worker.process.kill()
                await worker.process.communicate()
            killed.set()
        async with program("worker", **environment):
            expected = await publicly_told(pool)
            assert await receiver.took(up_to=expected[-1]) == expected
            assert len(expected) == 20
            came = [delivery.position for delivery in receiver.all]
            assert came == sorted(came)
            assert len(came) == len(expected) + len(deadly)
            first = {delivery.position: delivery.body for delivery in receiver.taken}
            assert all(first[delivery.position] == delivery.body for delivery in receiver.all)
            await world.post(ADMIN, f"/v1/webhooks/{webhook['id']}/replay", from_position=1)
            await receiver.came(len(came) + len(expected))
            assert [delivery.position for delivery in receiver.all[len(came) :]] == expected
