"""kill -9 of the process that writes to people, in the middle of a letter."""

import asyncio
from email import message_from_bytes
from pathlib import Path
from typing import Any

import asyncpg
from aiosmtpd.smtp import SMTP, Envelope

from tests.api.conftest import beginning
from tests.api.test_notices import newcomer
from tests.faults.letters import start_telling
from tests.programs import eventually


class Slow:
    """A mail server that takes letters, and at first does not get to say so."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []  # to whom, Message-ID
        self.arrived, self.answering = asyncio.Event(), asyncio.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.letters.append((envelope.rcpt_tos[0], message_from_bytes(envelope.content)["Message-ID"]))
        self.arrived.set()
        await self.answering.wait()
        return "250 OK"


async def test_every_letter_comes_and_one_that_comes_again_can_be_known(
    database: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    mail = Slow()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mail), "127.0.0.1", 0)
    smtp_url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, beginning(pool, tmp_path / "keys") as world:
        people = [await newcomer(world, n, email=f"{n}@example.cn") for n in range(5)]
        path = await world.collecting(5)
        for person in people:
            await world.post(person, f"{path}/co-signatures")
        await world.post(world.host, f"{path}/host-opinion", opinion="属实。")
        for _ in range(2):
            mail.arrived.clear()
            teller = await start_telling(database, tmp_path / "keys", smtp_url)
            await asyncio.wait_for(mail.arrived.wait(), 30)
            teller.kill()
            await teller.wait()
        mail.answering.set()

        async def all_sent() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 5 FROM notice_deliveries WHERE outcome = 'sent'"))

        teller = await start_telling(database, tmp_path / "keys", smtp_url)
        await eventually(all_sent)
        teller.kill()
        await teller.wait()
        assert {to for to, _ in mail.letters} == {f"{n}@example.cn" for n in range(5)}
        assert len(set(mail.letters)) == 5  # however often it came, each is one message
        assert len(mail.letters) > 5
