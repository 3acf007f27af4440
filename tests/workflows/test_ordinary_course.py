from uuid import uuid4

import asyncpg

from domain.petition import Resolved
from tests.workflows.people import People, engine


async def test_a_petition_goes_from_its_first_signature_to_a_judged_end(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await people.open()
        await people.accept()
        await people.meet()
        tasks = await people.plan("unit")
        await people.work(tasks)
        await people.answer(tasks)
        await people.judge(Resolved.YES, Resolved.YES, Resolved.PARTLY)
        await people.happens("petition.Closed")
        assert await people.handle.result() == "closed"
