"""Where checkpoints and tiles stand outside the database, for whoever wants to hold this office to its word.

Laid out as C2SP tlog-tiles: ``checkpoint`` (the newest), ``tile/…``; and ``checkpoints/2026-11-23/1234`` (every one, by
day), ``keys``. Nothing in it tells of an event more than that there is one.
"""

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import S3Store

from infra.files import bucket_at, within_reach
from infra.merkle import HASH_BYTES, WIDTH, Tile
from infra.writer import Unavailable


class Shelf(Protocol):
    """Calls block. Each raises ``Unavailable`` where it is out of reach just now."""

    def put(self, path: str, data: bytes) -> None:
        """Durable when it returns; a reader finds the old or the new, never a part."""

    def get(self, path: str) -> bytes | None:
        pass

    def remove(self, path: str) -> None:
        """A folder, with what is in it."""


class Publication:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def newest(self) -> str | None:
        found = self._shelf.get("checkpoint")
        return found.decode() if found is not None else None

    def tile(self, tile: Tile, hashes: bytes) -> None:
        width = len(hashes) // HASH_BYTES
        self._shelf.put(tile.path(width), hashes)
        if width == WIDTH:
            self._shelf.remove(f"{tile.path()}.p")

    def keys(self, text: str) -> None:
        self._shelf.put("keys", text.encode())

    def checkpoint(self, size: int, made_at: datetime, note: str) -> None:
        self._shelf.put(f"checkpoints/{made_at.astimezone(UTC).date()}/{size}", note.encode())
        self._shelf.put("checkpoint", note.encode())


class FolderShelf:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, data: bytes) -> None:
        at = self._folder / path
        try:
            at.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=at.parent, prefix=".", delete=False) as new:
                try:
                    new.write(data)
                    new.flush()
                    os.fsync(new.fileno())
                    os.fchmod(new.fileno(), 0o644)
                    Path(new.name).rename(at)
                except BaseException:
                    Path(new.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise Unavailable(f"{at} cannot be written: {error.strerror}") from error

    def get(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self._folder / path} cannot be read: {error.strerror}") from error

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            for file in (self._folder / path).iterdir():
                file.unlink()
            (self._folder / path).rmdir()


class BucketShelf:
    """A store that speaks S3. ``url`` and ``endpoint`` as for files."""

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        self._store: S3Store = bucket_at(url, endpoint)

    def put(self, path: str, data: bytes) -> None:
        with within_reach():
            obstore.put(self._store, path, data, use_multipart=False)

    def get(self, path: str) -> bytes | None:
        with within_reach():
            try:
                return obstore.get(self._store, path).bytes().to_bytes()
            except FileNotFoundError:
                return None

    def remove(self, path: str) -> None:
        with within_reach():
            for page in obstore.list(self._store, prefix=path):
                obstore.delete(self._store, [found["path"] for found in page])
