"""A lead post that stays vacant is reminded of and escalated in each petition that has called it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import asyncpg

from domain.calendar import local_day
from domain.directory import Post
from tests.domain.story import ADMIN, CLERK, id_of
from tests.workflows.people import PATIENCE, People, engine
from workflows.relay import Relay

MINUTE = timedelta(minutes=1)


async def test_nobody_stands_in(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people, post = People(made, uuid4()), id_of("post")
        relaying = asyncio.create_task(Relay(made.store, made.client).run())
        await people.open()
        await people.accept()
        today = local_day(await people.now())
        await people.do(Post.start_term, ADMIN, post, holder="first", started_on=today - timedelta(days=30))
        people.position = await people.do(Post.end_term, ADMIN, post, ended_on=today)
        async with asyncio.timeout(PATIENCE):
            while not any(c.clock.rule == "vacancy" for c in (await people.knows()).clocks):
                await asyncio.sleep(0.05)
        vacancy = await people.clock("vacancy")
        await people.forward(vacancy.due_at + MINUTE)
        (reminded,) = await people.happens("petition.Reminded", rule="vacancy")
        (escalated,) = await people.happens("petition.Escalated", rule="vacancy")
        assert vacancy.remind_at <= reminded.timestamp < vacancy.remind_at + MINUTE
        assert vacancy.due_at <= escalated.timestamp < vacancy.due_at + MINUTE
        assert (reminded.task_id, escalated.task_id) == (post, post)
        people.position = await people.do(Post.name_acting, CLERK, post, holder="second")
        async with asyncio.timeout(PATIENCE):
            while any(c.clock.rule == "vacancy" for c in (await people.knows()).clocks):
                await asyncio.sleep(0.05)
        await people.handle.terminate()
        relaying.cancel()
        with suppress(asyncio.CancelledError):
            await relaying
