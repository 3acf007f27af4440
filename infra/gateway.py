"""How a message reaches a phone or a mailbox: an SMS gateway over HTTP, a mail server, or the engine's own console.

A gateway never raises for what the other side does: who asked must not learn from an error whom we could reach.
"""

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from infra.contacts import Contact, national

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10


class Gateway(Protocol):
    def reaches(self, kind: str, /) -> bool:
        """Whether there is a way to phones ("phone") or to mailboxes ("email")."""

    async def send(self, to: Contact, subject: str, text: str, /) -> None: ...


class Console:
    """For the embedded engine, which has nobody else to tell: whoever reads its console may sign in as anybody."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def reaches(self, _kind: str, /) -> bool:
        return True

    async def send(self, to: Contact, _subject: str, text: str, /) -> None:
        self._say(f"[no {to.kind} gateway: shown here only] to …{to.address[-4:]}: {text}")


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

    async def send(self, to: Contact, subject: str, text: str) -> None:
        try:
            if to.kind == "phone":
                await self._sms(to, text)
            else:
                await asyncio.to_thread(self._mail, to, subject, text)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException, ValueError) as error:
            # Neither the address nor what the other side says of it: only the kind of trouble.
            log.error("the %s gateway did not take a message: %s", to.kind, type(error).__name__)

    async def _sms(self, to: Contact, text: str) -> None:
        headers = {"Authorization": f"Bearer {self._sms_token}"} if self._sms_token else {}
        body = {"to": national(to.address), "text": text}
        (await self._http.post(str(self._sms_url), json=body, headers=headers)).raise_for_status()

    def _mail(self, to: Contact, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._mail_from, to.address, subject
        message.set_content(text)
        url = urlsplit(self._smtp_url or "")
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if url.scheme == "smtps":
            server = smtplib.SMTP_SSL(url.hostname or "", url.port or 465, timeout=PATIENCE_SECONDS, context=context)
        else:
            server = smtplib.SMTP(url.hostname or "", url.port or 25, timeout=PATIENCE_SECONDS)
        with server:
            server.ehlo_or_helo_if_needed()
            if url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
            elif url.scheme == "smtp" and url.username:
                raise smtplib.SMTPNotSupportedError("no STARTTLS: a password is not sent in the clear")
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
