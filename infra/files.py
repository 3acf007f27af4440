"""Files that people hand in, under the SHA-256 of their content: never altered, and each kept once."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from infra.writer import Unavailable

CHUNK = 256 * 1024
PATIENCE = timedelta(seconds=30)
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


class Altered(Exception):
    """What is stored is not what was handed in."""


class Files(Protocol):
    """Calls block: a thread is their place. ``Unavailable``: out of reach just now."""

    def keep(self, digest: str, source: BinaryIO) -> None:
        """Durable when it returns; a reader finds the whole file or none."""

    def read(self, digest: str) -> bytes:
        """The content, checked. Raises ``FileNotFoundError`` or ``Altered``."""

    def remove(self, digest: str) -> None:
        """For good. Only what is known to be nobody else's: the same content is kept once."""


class Folder:
    """Files on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def keep(self, digest: str, source: BinaryIO) -> None:
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

    def read(self, digest: str) -> bytes:
        return _checked(digest, self.path(digest).read_bytes())

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)


class Bucket:
    """Files in any store that speaks S3: one object each, which is there as a whole or not at all.

    ``url``: ``s3://bucket`` or ``s3://bucket/prefix``. ``endpoint``: of a store that is not Amazon's. Who we are says
    the environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``), or the machine's own role.
    """

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        self._store = bucket_at(url, endpoint)

    def check(self) -> None:
        """Raises ``Unavailable`` where the bucket cannot be used."""
        with within_reach():
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def keep(self, digest: str, source: BinaryIO) -> None:
        with within_reach():
            try:
                obstore.head(self._store, _key(digest))
            except FileNotFoundError:
                source.seek(0)
                try:
                    obstore.put(self._store, _key(digest), source.read(), use_multipart=False)
                except FileNotFoundError as error:
                    raise Unavailable("the bucket is gone") from error

    def read(self, digest: str) -> bytes:
        with within_reach():
            return _checked(digest, obstore.get(self._store, _key(digest)).bytes().to_bytes())

    def remove(self, digest: str) -> None:
        with within_reach(), suppress(FileNotFoundError):
            obstore.delete(self._store, _key(digest))


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _checked(digest: str, content: bytes) -> bytes:
    if hashlib.sha256(content).hexdigest() != digest:
        raise Altered(digest)
    return content


def bucket_at(url: str, endpoint: str | None) -> S3Store:
    with within_reach():
        return S3Store.from_url(
            url,
            client_options={"allow_http": bool(endpoint and endpoint.startswith("http://")), "timeout": PATIENCE},
            retry_config={"max_retries": 3, "retry_timeout": PATIENCE},
            config={"endpoint": endpoint} if endpoint else None,
        )


@contextmanager
def within_reach() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        said = " ".join(str(error).partition("Debug source")[0].split())
        raise Unavailable(f"the store of files: {said}") from error


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
