"""One-use tokens for the door of a meeting: who came is shown by something that only we can make and read.

A token says nothing to whoever scans it. It is bound to a meeting and a person; that it counts once, and until when, is
the meeting's to say (``Meeting.admit``), so that of two scans at once one is refused.
"""

import base64
import hmac
import os
from dataclasses import dataclass
from uuid import UUID

import segno
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


@dataclass(frozen=True)
class Ticket:
    """``attendee``: a pseudonym. ``post_id``: whom an official stands for."""

    meeting_id: UUID
    attendee: str
    post_id: UUID | None


class Tickets:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._secret = hmac.digest(key, b"codes", "sha256")

    def code(self, meeting_id: UUID, attendee: str) -> str:
        """Eight digits, for where nobody can scan: whoever has a list of those who may come finds whose they are."""
        digest = hmac.digest(self._secret, meeting_id.bytes + bytes.fromhex(attendee), "sha256")
        return f"{int.from_bytes(digest[:8]) % 10**8:08}"

    def token(self, ticket: Ticket) -> str:
        said = (
            ticket.meeting_id.bytes + bytes.fromhex(ticket.attendee) + (ticket.post_id.bytes if ticket.post_id else b"")
        )
        nonce = os.urandom(NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, said, None)).decode().rstrip("=")

    def read(self, token: str) -> Ticket | None:
        """None: it is not one of ours."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            said = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (ValueError, InvalidTag):
            return None
        return Ticket(UUID(bytes=said[:16]), said[16:32].hex(), UUID(bytes=said[32:]) if said[32:] else None)


def qr_code(token: str) -> str:
    """As an SVG image."""
    return segno.make(token, error="m", micro=False).svg_inline(scale=6, border=4)
