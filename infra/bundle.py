"""Everything that was signed, in one file that whoever gets it can check with nothing else: see docs/proof.md."""

import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from typing import IO, Any

import asyncpg

from infra import merkle, transparency
from infra.event_store import Recorded, read_page
from infra.merkle import WIDTH, Tile
from infra.transparency import Sealed, leaf_of
from infra.verification import FORMAT, Tell

PAGE = 2_000  # events
COMPRESSION = 3  # zlib's 6 takes three times as long, for a tenth


class NotSealed(Exception):
    """There is nothing to write, or what is in the log is not what was sealed."""


async def write(
    pool: asyncpg.Pool, file: IO[bytes], withheld: Callable[[Recorded], bool], tell: Tell
) -> dict[str, Any]:
    """The events up to the last checkpoint; answers with the manifest. ``withheld``: of which only the hash is told."""
    newest = await transparency.checkpoints(pool)
    if not newest:
        raise NotSealed("nothing is sealed yet: the log is empty")
    last = newest[0]
    members: dict[str, Any] = {}
    counts = {"shown": 0, "withheld": 0}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as bundle:
        with _Member(bundle, "events.jsonl", members) as lines:
            async for event in _events(pool, last):
                if hide := withheld(event):
                    lines.write(b'{"leaf_hash":"%b"}\n' % merkle.leaf_hash(leaf_of(event)).hex().encode())
                else:
                    lines.write(leaf_of(event) + b"\n")
                counts["withheld" if hide else "shown"] += 1
                if not (counts["shown"] + counts["withheld"]) % 1000:
                    tell(counts["shown"] + counts["withheld"], last.checkpoint.size)
        with _Member(bundle, "leaves", members, zipfile.ZIP_STORED) as leaves:
            async for tile in _tiles(pool, last.checkpoint.size):
                leaves.write(tile)
        checkpoints = await _checkpoints(pool, last.checkpoint.size)
        with _Member(bundle, "checkpoints", members) as out:
            out.write("\n".join(sealed.note for sealed in checkpoints).encode())
        with _Member(bundle, "proofs.jsonl", members) as out:
            for one, other in pairwise(sealed.checkpoint.size for sealed in checkpoints):
                proof = await transparency.hashes(pool, merkle.consistency_ranges(one, other))
                line = {"first": one, "second": other, "proof": [hash.hex() for hash in proof]}
                out.write(json.dumps(line).encode() + b"\n")
        keys = [key for key in await transparency.keys(pool) if key.since is not None]
        with _Member(bundle, "keys", members) as out:
            out.write("".join(f"{key.verifier} {key.since}\n" for key in keys).encode())
        manifest = {
            "format": FORMAT,
            "origin": last.checkpoint.origin,
            "size": last.checkpoint.size,
            "root": last.checkpoint.root.hex(),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "program": f"yuetan {version('yuetan')}",
            **counts,
            "checkpoints": len(checkpoints),
            "keys": len(keys),
            "members": members,
        }
        bundle.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    tell(last.checkpoint.size, last.checkpoint.size)
    return manifest


class _Member:
    """One file of the bundle, written piece by piece; its size and digest go into ``members``."""

    def __init__(
        self, bundle: zipfile.ZipFile, name: str, members: dict[str, Any], method: int = zipfile.ZIP_DEFLATED
    ) -> None:
        self._name, self._members, self._digest, self._size = name, members, hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
        info.compress_type, info.external_attr = method, 0o600 << 16
        info._compresslevel = COMPRESSION  # type: ignore[attr-defined]  # public from Python 3.13 on
        self._file = bundle.open(info, "w", force_zip64=True)

    def __enter__(self) -> "_Member":
        return self

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)
        self._file.write(data)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._members[self._name] = {"size": self._size, "sha256": self._digest.hexdigest()}


async def _events(pool: asyncpg.Pool, last: Sealed) -> AsyncIterator[Recorded]:
    after = 0
    while after < last.position:
        page = await read_page(pool, after, PAGE)
        for event in page:
            if event.id > last.position:
                return
            yield event
        after = page.position


async def _tiles(pool: asyncpg.Pool, size: int) -> AsyncIterator[bytes]:
    """The leaf hashes as they were sealed, not as the events have them now: so a bundle of a log that was altered says
    where."""
    for first in range(0, -(-size // WIDTH), WIDTH):
        numbers = range(first, min(first + WIDTH, -(-size // WIDTH)))
        found = await transparency.tiles(pool, [Tile(0, n) for n in numbers])
        for n in numbers:
            yield found.get(Tile(0, n), b"")[: min(WIDTH, size - n * WIDTH) * merkle.HASH_BYTES]


async def _checkpoints(pool: asyncpg.Pool, size: int) -> list[Sealed]:
    """The oldest first: half a kilobyte each."""
    found: list[Sealed] = []
    below: int | None = size + 1
    while page := await transparency.checkpoints(pool, below=below, limit=1000):
        found += page
        below = page[-1].checkpoint.size
    return found[::-1]
