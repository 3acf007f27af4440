from uuid import uuid4

import asyncpg

from tests.workflows.people import People, engine


async def test_a_petition_goes_from_its_first_signature_to_a_judged_end(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        await people.to_the_end()
        assert await people.handle.result() == "closed"
