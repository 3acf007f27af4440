"""The transparency log: a Merkle tree over the event log, signed and published, so that no event can be altered or
removed unseen. Off the hot path: it follows the log, and a command never waits for it.

The leaves are the events' canonical lines (``infra/leaf.py``) in order of position; a leaf's number is not its
position, since positions have gaps. docs/proof.md says all that a verifier must know.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from infra import merkle, note
from infra.event_store import PATIENCE_SECONDS, TRANSIENT, Recorded, read_page
from infra.leaf import line
from infra.merkle import Edge, Tile
from infra.note import BadNote, Checkpoint, Signer, Verifier
from infra.publication import Publication
from infra.sealing import secret
from infra.writer import Unavailable

log = logging.getLogger(__name__)

EVERY_SECONDS = 60
BATCH = 1_000  # events: hashing them keeps the event loop for a few milliseconds
_TURN = 0x79756C6F67  # "yulog"

_TILES = """
SELECT level, n, hashes FROM log_tiles JOIN unnest($1::int[], $2::bigint[]) AS wanted (level, n) USING (level, n)
"""
_KEEP = """
INSERT INTO log_tiles (level, n, hashes, position)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::bigint[])
ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes
"""


class Stopped(Exception):
    """The log cannot go on without somebody looking: what was published is not what is there."""


@dataclass(frozen=True)
class Sealed:
    """A checkpoint as it was made. ``position``: of the last event under it."""

    checkpoint: Checkpoint
    position: int
    note: str
    made_at: datetime


@dataclass(frozen=True)
class Key:
    """``since``: the size of the first checkpoint that it signed; None: none yet."""

    verifier: Verifier
    since: int | None


def leaf_of(event: Recorded) -> bytes:
    """The canonical line."""
    return line(
        position=event.id,
        originator_id=cast("UUID", event.originator_id),
        originator_version=event.originator_version,
        topic=event.topic,
        state=event.state,
        recorded_at=event.recorded_at,
        command_id=event.command_id,
        salt=event.salt,
    )


# Reading


async def keys(conn: asyncpg.Pool | PoolConnectionProxy) -> list[Key]:
    rows = await conn.fetch("SELECT verifier, since FROM log_keys ORDER BY n")
    return [Key(Verifier.parse(row["verifier"]), row["since"]) for row in rows]


async def checkpoints(
    conn: asyncpg.Pool | PoolConnectionProxy, *, below: int | None = None, limit: int = 1
) -> list[Sealed]:
    """The newest first, of fewer leaves than ``below``."""
    rows = await conn.fetch(
        "SELECT position, note, made_at FROM log_checkpoints WHERE $1::bigint IS NULL OR size < $1"
        " ORDER BY size DESC LIMIT $2",
        below,
        limit,
    )
    return [_sealed(row) for row in rows]


async def checkpoint(conn: asyncpg.Pool | PoolConnectionProxy, size: int) -> Sealed | None:
    row = await conn.fetchrow("SELECT position, note, made_at FROM log_checkpoints WHERE size = $1", size)
    return _sealed(row) if row else None


def _sealed(row: asyncpg.Record) -> Sealed:
    text = row["note"].partition("\n\n")[0] + "\n"
    return Sealed(Checkpoint.parse(text), row["position"], row["note"], row["made_at"])


async def tiles(conn: asyncpg.Pool | PoolConnectionProxy, wanted: Iterable[Tile]) -> dict[Tile, bytes]:
    ordered = list(wanted)
    rows = await conn.fetch(_TILES, [tile.level for tile in ordered], [tile.n for tile in ordered])
    return {Tile(row["level"], row["n"]): row["hashes"] for row in rows}


async def hashes(conn: asyncpg.Pool | PoolConnectionProxy, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Of these ranges of leaves, as ``merkle.inclusion_ranges`` and ``merkle.consistency_ranges`` name them."""
    found = await tiles(conn, merkle.tiles_for(ranges))
    return [merkle.range_hash(start, end, found) for start, end in ranges]


async def index_of(conn: asyncpg.Pool | PoolConnectionProxy, position: int) -> int | None:
    """Which leaf the event at this position is; None where no leaf is it (yet)."""
    index: int | None = await conn.fetchval(
        "SELECT tile.n * 256 + (SELECT count(*) FROM stored_events"
        "   WHERE notification_id >= tile.position AND notification_id < $1)"
        " FROM (SELECT n, position FROM log_tiles WHERE level = 0 AND position <= $1"
        "       ORDER BY position DESC LIMIT 1) AS tile, log_progress"
        " WHERE $1 <= log_progress.position AND EXISTS (SELECT FROM stored_events WHERE notification_id = $1)",
        position,
    )
    return index


async def status(conn: asyncpg.Pool | PoolConnectionProxy) -> Mapping[str, Any]:
    """``waiting``: events that are under no checkpoint yet; ``waiting_since``: when the first of them was stored."""
    row = await conn.fetchrow(
        "SELECT p.size, p.position, p.published, p.error, c.made_at, w.* FROM log_progress p"
        " LEFT JOIN LATERAL (SELECT size, position, made_at FROM log_checkpoints ORDER BY size DESC LIMIT 1) c ON true"
        " CROSS JOIN LATERAL (SELECT min(recorded_at) AS waiting_since FROM ("
        "   SELECT recorded_at FROM stored_events WHERE notification_id > coalesce(c.position, 0)"
        "   ORDER BY notification_id LIMIT 1) first) w"
    )
    assert row is not None
    return dict(row)


# Sealing


class Sealer:
    """Any number of processes may seal: one at a time does, the others find nothing left to do."""

    def __init__(
        self, pool: asyncpg.Pool, seeds: Path, publication: Publication | None = None, origin: str | None = None
    ) -> None:
        """``seeds``: the folder of the log's secret keys. ``origin``: the log's name, for its first key only."""
        self._pool, self._seeds, self._publication, self._origin = pool, seeds, publication, origin

    async def run(self) -> None:
        """A checkpoint every minute in which something was appended, for ever."""
        while True:
            try:
                await self.seal()
            except (*TRANSIENT, Unavailable) as error:
                log.warning("the transparency log waits: %s", error)
            except Stopped as error:
                log.error("the transparency log stands still: %s", error)
            await asyncio.sleep(EVERY_SECONDS)

    async def seal(self) -> Sealed | None:
        """Bring the tree up to the log, sign it, publish it; answers with the newest checkpoint, if there is any.

        Raises ``Stopped``, or ``Unavailable`` where it is signed but cannot be published now: it will be.
        """
        try:
            while await self._extend():
                pass
            await self._sign()
            await self._publish()
        except (Stopped, Unavailable) as error:
            await self._pool.execute("UPDATE log_progress SET error = $1", str(error))
            raise
        await self._pool.execute("UPDATE log_progress SET error = NULL WHERE error IS NOT NULL")
        newest = await checkpoints(self._pool)
        return newest[0] if newest else None

    async def rotate(self) -> Verifier:
        """From the next checkpoint on another key signs. That one is signed by both; then the old key is destroyed."""
        async with self._pool.acquire() as conn, conn.transaction():
            await _my_turn(conn)
            known = await keys(conn)
            if not known:
                raise Stopped("the log has no key yet: start the engine first")
            if known[-1].since is None:
                raise Stopped("the newest key has signed nothing yet: wait for the next checkpoint")
            self._signer(len(known), known[-1].verifier)  # whoever has not the old one may not bring a new one
            return await self._make_key(conn, len(known) + 1, known[-1].verifier.name)

    async def _extend(self) -> bool:
        """One batch of events into the tiles; False when there was none."""
        async with self._pool.acquire() as conn, conn.transaction():
            await _my_turn(conn)
            size, position = await _progress(conn)
            if position and not await conn.fetchval(
                "SELECT EXISTS (SELECT FROM stored_events WHERE notification_id = $1)", position
            ):
                raise Stopped(f"the event at position {position} was sealed, and is not in the log any more")
            page = await read_page(conn, position, BATCH)
            if not page:
                return False
            edge = Edge(size, await tiles(conn, [tile for tile, width in merkle.edge_of(size) if width]))
            try:
                made = list(edge.append(merkle.leaf_hash(leaf_of(event)) for event in page))
            except ValueError as error:
                raise Stopped(f"after position {position} there is what this program never wrote: {error}") from error
            made += edge.tiles()
            # A tile of level 0 that begins in this batch begins with one of its events.
            begins = [
                page[tile.n * merkle.WIDTH - size].id if tile.level == 0 and tile.n * merkle.WIDTH >= size else None
                for tile, _ in made
            ]
            await conn.execute(
                _KEEP,
                [tile.level for tile, _ in made],
                [tile.n for tile, _ in made],
                [hashes for _, hashes in made],
                begins,
            )
            await conn.execute("UPDATE log_progress SET size = $1, position = $2", edge.size, page[-1].id)
            return True

    async def _sign(self) -> None:
        """A checkpoint of what is in the tiles, if there is none yet, or a new key is to be brought in."""
        published = await self._outside()
        async with self._pool.acquire() as conn, conn.transaction():
            await _my_turn(conn)
            size, position = await _progress(conn)
            known = await keys(conn)
            if not size:
                return
            if not known:
                origin = self._origin or f"yuetan/{uuid4().hex[:12]}"
                known = [Key(await self._make_key(conn, 1, origin), None)]
            newest = await checkpoints(conn)
            if newest and newest[0].checkpoint.size == size and known[-1].since is not None:
                return
            await self._require_same(conn, published, known, size)
            signing = known[-2:] if known[-1].since is None else known[-1:]
            first = len(known) - len(signing) + 1
            signers = [self._signer(first + n, key.verifier) for n, key in enumerate(signing)]
            root = merkle.root(size, await tiles(conn, [tile for tile, width in merkle.edge_of(size) if width]))
            signed = note.sign(str(Checkpoint(signers[0].verifier.name, size, root)), signers)
            await conn.execute(
                "INSERT INTO log_checkpoints (size, position, note, made_at) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (size) DO UPDATE SET note = excluded.note",
                size,
                position,
                signed,
                datetime.now(UTC),
            )
            # What was published of this size had the old key's signature alone.
            await conn.execute("UPDATE log_progress SET published = least(published, $1)", size - 1)
            await conn.execute("UPDATE log_keys SET since = $1 WHERE since IS NULL", size)
        for n in range(1, len(known)):
            (self._seeds / f"{n}.key").unlink(missing_ok=True)

    async def _require_same(
        self, conn: PoolConnectionProxy, published: str | None, known: Sequence[Key], size: int
    ) -> None:
        """What stands outside must be what this log was; else nothing more is signed, it would be a second history."""
        if published is None:
            return
        try:
            text, _ = note.open_note(published, [key.verifier for key in known])
            outside = Checkpoint.parse(text)
        except BadNote as error:
            raise Stopped(f"the checkpoint that stands outside is not of this log: {error}") from error
        if outside.size > size:
            raise Stopped(f"a checkpoint over {outside.size} events is published, and the log has {size}")
        (root,) = await hashes(conn, [(0, outside.size)])
        if root != outside.root:
            raise Stopped(f"the first {outside.size} events are not those of the published checkpoint")

    async def _outside(self) -> str | None:
        return await asyncio.to_thread(self._publication.newest) if self._publication else None

    async def _publish(self) -> None:
        """Whatever is signed and stands nowhere else yet: first the tiles, then the checkpoints, the newest last."""
        if self._publication is None:
            return
        async with self._pool.acquire() as conn, conn.transaction():
            await _my_turn(conn)
            published: int = await conn.fetchval("SELECT published FROM log_progress")
            rows = await conn.fetch("SELECT * FROM log_checkpoints WHERE size > $1 ORDER BY size", published)
            if not rows:
                return
            waiting = [_sealed(row) for row in rows]
            size = waiting[-1].checkpoint.size
            for level in range(len(merkle.edge_of(size))):
                first, last = (at >> merkle.HEIGHT * (level + 1) for at in (published, size))
                for n in range(first, last + 1):
                    found = await tiles(conn, [Tile(level, n)])
                    width = min(merkle.WIDTH, (size >> merkle.HEIGHT * level) - n * merkle.WIDTH)
                    if width:
                        shown = found[Tile(level, n)][: width * merkle.HASH_BYTES]
                        await asyncio.to_thread(self._publication.tile, Tile(level, n), shown)
            told = "".join(f"{key.verifier} {key.since}\n" for key in await keys(conn))
            await asyncio.to_thread(self._publication.keys, told)
            for sealed in waiting:
                await asyncio.to_thread(
                    self._publication.checkpoint, sealed.checkpoint.size, sealed.made_at, sealed.note
                )
            await conn.execute("UPDATE log_progress SET published = $1", size)

    async def _make_key(self, conn: PoolConnectionProxy, n: int, name: str) -> Verifier:
        verifier = Signer(name, secret(self._seeds, f"{n}.key")).verifier
        await conn.execute("INSERT INTO log_keys (n, verifier) VALUES ($1, $2)", n, str(verifier))
        return verifier

    def _signer(self, n: int, verifier: Verifier) -> Signer:
        path = self._seeds / f"{n}.key"
        if not path.exists():
            raise Stopped(f"{path}, the log's secret key, is missing; put it back from a copy")
        signer = Signer(verifier.name, secret(self._seeds, path.name))
        if signer.verifier != verifier:
            raise Stopped(f"{path} is not the key that the log is signed with; put that one back")
        return signer


async def _my_turn(conn: PoolConnectionProxy) -> None:
    await conn.execute(f"SELECT pg_advisory_xact_lock({_TURN})", timeout=PATIENCE_SECONDS)


async def _progress(conn: PoolConnectionProxy) -> tuple[int, int]:
    row = await conn.fetchrow("SELECT size, position FROM log_progress")
    assert row is not None
    return row["size"], row["position"]
