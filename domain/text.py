"""Free text that people write, in the only form the log ever sees it: sealed."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Text:
    """A sealed text: AES-256-GCM under a key that stands outside the log.

    ``sealed`` is base64 of a 12-byte nonce followed by the ciphertext and its 16-byte tag; the associated data are
    the bytes of ``key_id``. Erasing the key leaves the event, its bytes and every proof intact, and the text reads
    "erased". Sealing and opening need I/O and are done outside the domain (``infra/sealing.py``).
    """

    key_id: UUID
    sealed: str


NOTHING = Text(UUID(int=0), "")  # in the place of one, where a command is only tried
