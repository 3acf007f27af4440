"""Codes reach a real SMS gateway (HTTP) and a real mail server, and trouble there is told without telling whom."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope

from infra.contacts import Contact
from infra.gateway import Console, Outside

PHONE, MAILBOX = Contact.phone("138 0000 0001"), Contact.email("li.lei@example.cn")


class Mailbox:
    def __init__(self) -> None:
        self.received: list[tuple[list[str], EmailMessage]] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append((envelope.rcpt_tos, message))
        return self.answer


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def smtp_url(mailbox: Mailbox) -> AsyncIterator[str]:
    def session() -> SMTP:
        return SMTP(mailbox, hostname="mail.example.cn")

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Sms:
    """An HTTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str]]] = []
        self.status = "200 OK"
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
        self.received.append((head, json.loads(await reader.readexactly(length))))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def sms() -> AsyncIterator[Sms]:
    found = Sms()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/send"
    async with server:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


async def test_a_text_goes_to_the_gateway(sms: Sms, http: httpx.AsyncClient) -> None:
    gateway = Outside(http, sms_url=sms.url, sms_token="gateway-token")
    assert (gateway.reaches("phone"), gateway.reaches("email")) == (True, False)
    await gateway.send(PHONE, "验证码", "验证码 123456")
    ((head, body),) = sms.received
    assert head.startswith("POST /send ")
    assert "bearer gateway-token" in head.lower()
    assert body == {"to": "13800000001", "text": "验证码 123456"}


async def test_a_mail_goes_to_the_mail_server(mailbox: Mailbox, smtp_url: str, http: httpx.AsyncClient) -> None:
    gateway = Outside(http, smtp_url=smtp_url, mail_from="yuetan@jiangdong.example.cn")
    assert (gateway.reaches("phone"), gateway.reaches("email")) == (False, True)
    await gateway.send(MAILBOX, "验证码 / Code", "验证码 123456")
    ((recipients, message),) = mailbox.received
    assert recipients == ["li.lei@example.cn"]
    assert (message["From"], message["Subject"]) == ("yuetan@jiangdong.example.cn", "验证码 / Code")
    assert message.get_content().strip() == "验证码 123456"


async def test_trouble_is_told_without_telling_whom(
    sms: Sms, mailbox: Mailbox, smtp_url: str, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "infra.gateway")
    sms.status, mailbox.answer = "500 No", f"550 nobody called {MAILBOX.address} here"
    gateway = Outside(http, sms_url=sms.url, smtp_url=smtp_url)
    await gateway.send(PHONE, "验证码", "123456")
    await gateway.send(MAILBOX, "验证码", "123456")
    with_password = Outside(http, smtp_url=smtp_url.replace("//", "//user:secret@"))
    await with_password.send(MAILBOX, "验证码", "123456")  # the server has no TLS: the password stays here
    nobody = Outside(http, sms_url="http://127.0.0.1:1/", smtp_url="smtp://127.0.0.1:1")
    await nobody.send(PHONE, "验证码", "123456")
    await nobody.send(MAILBOX, "验证码", "123456")
    told = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(": ")[2] for line in told] == [
        "HTTPStatusError",
        "SMTPDataError",
        "SMTPNotSupportedError",
        "ConnectError",
        "ConnectionRefusedError",
    ]
    assert not any(secret in caplog.text for secret in ("13800000001", "li.lei", "123456", "secret"))
    assert len(mailbox.received) == 1


async def test_without_a_gateway_the_console_shows_it_and_only_the_end_of_the_number() -> None:
    said: list[str] = []
    await Console(said.append).send(PHONE, "验证码", "验证码 123456")
    (line,) = said
    assert "shown here only" in line
    assert "123456" in line
    assert "…0001" in line
    assert "13800000001" not in line
