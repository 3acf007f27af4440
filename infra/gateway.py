"""How a message reaches a phone or a mailbox: an SMS gateway over HTTP, a mail server, or the engine's own console.

A gateway never raises for what the other side does: who asked must not learn from an error whom we could reach.
"""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from infra.contacts import Contact, national

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10


class Gateway(Protocol):
    def reaches(self, kind: str, /) -> bool:
        """Whether there is a way to phones ("phone") or to mailboxes ("email")."""

    async def send(
        self, to: Contact, subject: str, text: str, /, *, id: str | None = None, leave_url: str | None = None
    ) -> bool:
        """Whether it was taken. The same ``id`` twice is the same message: the other side may drop the second.

        ``leave_url``: where mail programs unsubscribe with one click (RFC 8058).
        """


class Console:
    """For the embedded engine, which has nobody else to tell: whoever reads its console may sign in as anybody."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def reaches(self, _kind: str, /) -> bool:
        return True

    async def send(self, to: Contact, _subject: str, text: str, /, **_more: str | None) -> bool:
        self._say(f"[no {to.kind} gateway: shown here only] to …{to.address[-4:]}: {text}")
        return True


class Outside:
    """``sms_url`` takes ``POST {"to": "138…", "text": "…"}`` with a bearer token; ``smtp_url`` is
    ``smtp://user:password@host:587`` (STARTTLS where offered) or ``smtps://…``. Either may be missing."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        sms_url: str | None = None,
        sms_token: str | None = None,
        smtp_url: str | None = None,
        mail_from: str = "yuetan@localhost",
    ) -> None:
        self._http, self._sms_url, self._sms_token = http, sms_url, sms_token
        self._smtp_url, self._mail_from = smtp_url, mail_from

    def reaches(self, kind: str) -> bool:
        return bool(self._sms_url if kind == "phone" else self._smtp_url)

    async def send(
        self, to: Contact, subject: str, text: str, /, *, id: str | None = None, leave_url: str | None = None
    ) -> bool:
        try:
            if to.kind == "phone":
                await self._sms(to, text, id)
            else:
                await asyncio.to_thread(self._mail, self._letter(to, subject, text, id, leave_url))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException, ValueError) as error:
            # Neither the address nor what the other side says of it: only the kind of trouble.
            log.error("the %s gateway did not take a message: %s", to.kind, type(error).__name__)
            return False
        return True

    async def _sms(self, to: Contact, text: str, id: str | None) -> None:
        headers = {"Authorization": f"Bearer {self._sms_token}"} if self._sms_token else {}
        headers |= {"Idempotency-Key": id} if id else {}
        body = {"to": national(to.address), "text": text}
        (await self._http.post(str(self._sms_url), json=body, headers=headers)).raise_for_status()

    def _letter(self, to: Contact, subject: str, text: str, id: str | None, leave_url: str | None) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._mail_from, to.address, subject
        message["Date"] = format_datetime(datetime.now(UTC))
        domain = self._mail_from.rpartition("@")[2]
        message["Message-ID"] = f"<{id}@{domain}>" if id else make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        if leave_url:
            message["List-Unsubscribe"] = f"<{leave_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text)
        return message

    async def check(self) -> None:
        """Whether the mail server lets us in; raises ``OSError`` or ``smtplib.SMTPException``. (What SMS gateways have
        in common is only that they send.)"""
        with await asyncio.to_thread(self._mail_server):
            pass

    def _mail(self, message: EmailMessage) -> None:
        with self._mail_server() as server:
            server.send_message(message)

    def _mail_server(self) -> smtplib.SMTP:
        """Connected, and we are known to it."""
        url = urlsplit(self._smtp_url or "")
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if url.scheme == "smtps":
            server = smtplib.SMTP_SSL(url.hostname or "", url.port or 465, timeout=PATIENCE_SECONDS, context=context)
        else:
            server = smtplib.SMTP(url.hostname or "", url.port or 25, timeout=PATIENCE_SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            if url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
            elif url.scheme == "smtp" and url.username:
                raise smtplib.SMTPNotSupportedError("no STARTTLS: a password is not sent in the clear")
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
        except BaseException:
            server.close()
            raise
        return server
