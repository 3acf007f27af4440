"""Files that people hand in, on disk under the SHA-256 of their content: never altered, and each kept once."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 256 * 1024
MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"}

# What is taken, and the ending under which it is given out: whatever name or type was claimed counts for nothing.
ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "video/mp4": ".mp4",
}


@dataclass(frozen=True)
class Content:
    """``media_type``: as the first bytes say; None where they say nothing that we take."""

    digest: str
    size: int
    media_type: str | None


class Files:
    """Calls block: a thread is their place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def keep(self, digest: str, source: BinaryIO) -> None:
        """Durable when it returns; a reader finds the whole file or none."""
        path = self.path(digest)
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.seek(0)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
            try:
                while chunk := source.read(CHUNK):
                    new.write(chunk)
                new.flush()
                os.fsync(new.fileno())
                Path(new.name).rename(path)
            except BaseException:
                Path(new.name).unlink(missing_ok=True)
                raise
        for folder in (path.parent, self._folder):
            _sync(folder)

    def remove(self, digest: str) -> None:
        """For good. Only what is known to be nobody else's: the same content is kept once."""
        self.path(digest).unlink(missing_ok=True)


def examine(source: BinaryIO) -> Content:
    source.seek(0)
    first, size, digest = source.read(CHUNK), 0, hashlib.sha256()
    chunk = first
    while chunk:
        size += len(chunk)
        digest.update(chunk)
        chunk = source.read(CHUNK)
    return Content(digest.hexdigest(), size, _media_type(first))


def _media_type(first: bytes) -> str | None:
    if first.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if first.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if first.startswith(b"RIFF") and first[8:12] == b"WEBP":
        return "image/webp"
    if first.startswith(b"%PDF-"):
        return "application/pdf"
    if first[4:8] == b"ftyp" and first[8:12] in MP4_BRANDS:
        return "video/mp4"
    return None


def _sync(folder: Path) -> None:
    """A new name is durable once its folder is."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
