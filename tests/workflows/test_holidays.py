"""A holiday announced in the middle of a running clock: the workflow's timer fires at the new time, not at the old."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from domain.calendar import local_day
from domain.rulebook import RULEBOOK, Rulebook, document_of
from tests.domain.story import CLERK, WORKFLOW, text
from tests.workflows.people import DEFAULT, PATIENCE, POLICY, YEARS, People, engine
from workflows.holidays import Holidays

MINUTE = timedelta(minutes=1)


async def test_the_timer_fires_at_the_new_time(pool: asyncpg.Pool, temporal: str) -> None:
    async with engine(pool, temporal) as made:
        people = People(made, uuid4())
        document = document_of(DEFAULT | {"threshold": POLICY.threshold, "calendar": YEARS})
        await people.do(Rulebook.found, WORKFLOW, RULEBOOK, document=document)
        await people.open()
        await people.accept()
        before, meeting = await people.clock("acknowledgement"), await people.clock("meeting")
        response = await people.clock("response")

        last_day = local_day(before.due_at - MINUTE)
        days: dict[str, Any] = {"days_off": [last_day], "days_worked": [], "years": [], "reason": text()}
        now = await people.now()
        moving = asyncio.create_task(Holidays(made.store, made.repository, POLICY, lambda: now).run())
        await people.do(Rulebook.announce_holidays, CLERK, RULEBOOK, **days)
        (moved,) = await people.happens("petition.ClocksMoved")
        async with asyncio.timeout(PATIENCE):
            while not await pool.fetchval("SELECT true FROM calendar_moves WHERE finished_at IS NOT NULL"):
                await asyncio.sleep(0.05)
        moving.cancel()
        with suppress(asyncio.CancelledError):
            await moving
        people.position = await made.store.max_notification_id()
        await people.tell()  # as the relay does

        after = await people.clock("acknowledgement")
        assert after in moved.clocks
        assert after.due_at > before.due_at
        assert after.remind_at > before.remind_at
        assert (await people.clock("meeting")).due_at > meeting.due_at
        assert await people.clock("response") == response

        await people.forward(before.remind_at + MINUTE)
        assert await people.warnings("acknowledgement") == []
        await people.forward(after.remind_at + MINUTE)
        (reminded,) = await people.happens("petition.Reminded", rule="acknowledgement")
        assert reminded.due_at == after.due_at
        assert after.remind_at <= reminded.timestamp < after.remind_at + MINUTE
        await people.forward(after.due_at - MINUTE)
        assert len(await people.warnings("acknowledgement")) == 1, "the old date has passed, and nothing was escalated"
        await people.forward(after.due_at + MINUTE)
        (escalated,) = await people.happens("petition.Escalated", rule="acknowledgement")
        assert after.due_at <= escalated.timestamp < after.due_at + MINUTE
        await people.handle.terminate()
