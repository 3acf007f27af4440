"""Signed notes (C2SP signed-note) with Ed25519, and the checkpoints of a transparency log in them (tlog-checkpoint).

A note is a text, an empty line, and a line for each signature. Go's golang.org/x/mod/sumdb/note reads and writes the
same; keys are exchanged in its form, ``name+hash+base64``.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
MOST_SIGNATURES = 100
DASH = "\N{EM DASH} "


class BadNote(ValueError):
    """It is no note, or nobody whose key we know has signed it."""


def key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


@dataclass(frozen=True)
class Verifier:
    """A public key, and whose it is. ``name`` has neither spaces nor a plus sign."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() for c in self.name) or len(self.public) != 32:
            raise ValueError(f"{self.name!r} cannot be a key's name, or its key is none of Ed25519")

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """``name+hash+base64``. Raises ``ValueError``."""
        name, _, rest = text.strip().partition("+")
        hash, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if key[:1] != ED25519 or key_hash(name, key[1:]).hex() != hash:
            raise ValueError(f"{text!r} is not the public key of a signed note")
        return cls(name, key[1:])

    def __str__(self) -> str:
        key = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.hash.hex()}+{key}"

    @property
    def hash(self) -> bytes:
        return key_hash(self.name, self.public)

    def verifies(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer:
    def __init__(self, name: str, seed: bytes) -> None:
        """``seed``: 32 secret bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        signed = base64.b64encode(self.verifier.hash + self._key.sign(text.encode())).decode()
        return f"{DASH}{self.verifier.name} {signed}\n"


def sign(text: str, signers: Iterable[Signer]) -> str:
    """``text`` ends with a line end."""
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, list[Verifier]]:
    """The text, and who has signed it, of those we know. Raises ``BadNote`` where a known signature is wrong or none
    is there: signatures of others are passed over."""
    text, gap, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not gap or lines.pop() or not 0 < len(lines) <= MOST_SIGNATURES or any(c < " " and c != "\n" for c in note):
        raise BadNote("this is not a signed note: a text, an empty line and signatures")
    text += "\n"
    known = {(verifier.name, verifier.hash): verifier for verifier in verifiers}
    found: list[Verifier] = []
    for line in lines:
        name, _, encoded = line.removeprefix(DASH).partition(" ")
        signature = _decoded(encoded)
        if not line.startswith(DASH) or not name or len(signature) < 5:
            raise BadNote(f"{line!r} is not the signature of a note")
        verifier = known.get((name, signature[:4]))
        if verifier is None or verifier in found:
            continue
        if not verifier.verifies(text, signature[4:]):
            raise BadNote(f"the signature of {name} is not that of this text")
        found.append(verifier)
    if not found:
        raise BadNote("nobody whose key is known has signed this note")
    return text, found


@dataclass(frozen=True)
class Checkpoint:
    """What a log was: ``size`` leaves whose tree has this root. ``origin`` names the log."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The text of a note; lines after the third are passed over. Raises ``BadNote``."""
        origin, size, root, *_ = [*text.split("\n"), "", "", ""]
        if not origin or not (size.isascii() and size.isdigit()) or (size[0] == "0" and size != "0"):
            raise BadNote("this is not a checkpoint: the log's name, its size, its root hash")
        return cls(origin, int(size), _decoded(root, length=32))


def _decoded(text: str, length: int | None = None) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote(f"{text!r} is not base64") from error
    if length is not None and len(found) != length:
        raise BadNote(f"{text!r} has not {length} bytes")
    return found
