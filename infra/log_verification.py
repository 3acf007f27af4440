"""Whether the events in the database are what was sealed, and what was published."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import asyncpg

from infra import merkle, transparency
from infra.differences import differences
from infra.event_store import PATIENCE_SECONDS
from infra.merkle import HASH_BYTES, WIDTH, Tile
from infra.note import Verifier
from infra.settings import CannotStart
from infra.verification import (
    MOST_FINDINGS,
    Chain,
    Earlier,
    Evidence,
    Fields,
    Report,
    Tell,
    check_roots,
    differ_rightly,
    neighbours,
    open_earlier,
    tell_differences,
)

SPAN = 20_000  # positions that a process reads at once
FIRST = -(2**63)

_LINE = """
SELECT notification_id AS position, originator_id::text, originator_version,
    to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at
FROM stored_events ORDER BY notification_id OFFSET $1 LIMIT 1
"""
_GAPS = """
SELECT * FROM (
    SELECT originator_id, originator_version AS version, notification_id AS position,
        lag(originator_version, 1, 0::bigint) OVER (PARTITION BY originator_id ORDER BY originator_version) AS last
    FROM stored_events WHERE notification_id <= $1
) AS following WHERE version <> last + 1 ORDER BY position LIMIT 100
"""


async def verify_log(
    pool: asyncpg.Pool,
    url: str,
    trusted: Sequence[Verifier],
    given: Sequence[Earlier],
    tell: Tell,
    processes: int | None = None,
) -> Report:
    """``url``: of the same database, for the processes that read it. ``given``: read before the database is, so that
    the log has not grown beyond what it is compared with."""
    report = Report()
    keys = [key.verifier for key in await transparency.keys(pool)]
    newest = await transparency.checkpoints(pool)
    if not newest or not keys:
        if given:
            zh, en = "数据库里没有检查点,而外面有", "the database has no checkpoint, and there are some outside"
            report.add("truncated", zh, en, file=given[0].name)
        report.facts |= {"origin": None, "size": 0, "root": merkle.EMPTY.hex(), "checkpoints": 0, "keys": len(keys)}
        return report
    last = newest[0]
    if not trusted:
        zh, en = (
            "未用 --key 指定密钥",
            "no --key was given, and the first one that the database names proves less",
        )
        report.warn("own_key", zh, en, key=str(keys[0]))
    if not given:
        zh, en = "没有对外发布的检查点可比", "there is no published checkpoint to compare with, which proves less"
        report.warn("nothing_published", zh, en)
    waiting = await pool.fetchval("SELECT count(*) FROM stored_events WHERE notification_id > $1", last.position)
    if waiting:
        zh, en = "未封存的事件未经核验", "events that are under no checkpoint yet were not verified"
        report.warn("waiting", zh, en, count=waiting)
    chain, evidence = Chain(keys, trusted or keys[:1], report), Evidence()
    rows = await pool.fetch("SELECT note FROM log_checkpoints ORDER BY size")
    for n, row in enumerate(rows):
        if checkpoint := chain.open(row["note"], n):
            evidence.own[checkpoint.size] = checkpoint
    chain.end()
    open_earlier(given, chain, evidence, report)
    size = last.checkpoint.size
    signed = await _leaves(pool, size)
    above: dict[Tile, bytes] = {}
    checked = asyncio.create_task(_check(signed, evidence, above))
    found = await _found(url, await _spans(pool, last.position), processes, size, tell)
    kept, checks = await checked
    if not differ_rightly(found, signed, last.checkpoint, report):
        signed = found
        kept, checks = await _check(signed, evidence, above)
    report.findings += checks.findings
    await _compare_tiles(pool, {tile: content for tile, content in above.items() if tile.level}, report)
    for sealed, code in ((signed, ""), (kept, "kept_")):
        if sealed is None or (changes := differences(found if not code else found[: len(sealed)], sealed)) == []:
            continue
        lines: dict[int, Fields] = {}
        for n in neighbours(changes[: MOST_FINDINGS + 1]):
            if line := await pool.fetchrow(_LINE, n, timeout=PATIENCE_SECONDS):
                lines[n] = dict(line)
        tell_differences(changes, lines, report, code=code)
    if not report.ok:
        for row in await pool.fetch(_GAPS, last.position, timeout=10 * PATIENCE_SECONDS):
            first, until = row["last"] + 1, row["version"] - 1
            missing = str(first) if first == until else f"{first} to {until}"
            where = {"stream": str(row["originator_id"]), "missing": missing, "before_position": row["position"]}
            report.add("version_gap", "缺少版本", "versions are missing", **where)
    facts = {"origin": last.checkpoint.origin, "size": size, "root": last.checkpoint.root.hex()}
    report.facts |= facts | {"checkpoints": len(evidence.own), "keys": len(keys)}
    return report


async def _leaves(pool: asyncpg.Pool, size: int) -> bytes:
    """As they were sealed. What is missing there is nobody's hash."""
    found = bytearray()
    count = -(-size // WIDTH)
    for first in range(0, count, WIDTH):
        numbers = range(first, min(first + WIDTH, count))
        tiles = await transparency.tiles(pool, [Tile(0, n) for n in numbers])
        for n in numbers:
            width = min(WIDTH, size - n * WIDTH) * HASH_BYTES
            found += tiles.get(Tile(0, n), b"")[:width].ljust(width, b"\0")
    return bytes(found)


async def _check(leaves: bytes, evidence: Evidence, tiles: dict[Tile, bytes]) -> tuple[bytes | None, Report]:
    """Beside reading; ``tiles`` are those that the leaves make."""
    report = Report()
    kept = await asyncio.to_thread(check_roots, leaves, evidence, report, tiles.__setitem__)
    return kept, report


async def _compare_tiles(pool: asyncpg.Pool, above: dict[Tile, bytes], report: Report) -> None:
    stored = await transparency.tiles(pool, above)
    for tile, content in above.items():
        if stored.get(tile, b"")[: len(content)] != content:
            report.add("tile", "树的内部哈希被改动", "an inner tile was altered", tile=tile.path())


Span = tuple[int, int]


async def _spans(pool: asyncpg.Pool, last: int) -> list[Span]:
    first = await pool.fetchval("SELECT min(notification_id) FROM stored_events")
    start = max(first or 0, 0)
    step = max(SPAN, (last - start) // 1000)  # whoever alters positions makes no millions of spans
    return list(pairwise([FIRST, *range(start + step, last, step), last]))


async def _found(url: str, spans: Sequence[Span], processes: int | None, size: int, tell: Tell) -> bytes:
    """The hashes of the events as they are now."""
    count = min(processes or os.cpu_count() or 1, len(spans))
    found = bytearray()
    async with _readers(count) as readers:
        for n, reader in enumerate(readers):
            asks = "".join(f"{after} {until}\n" for after, until in spans[n::count])
            assert reader.stdin
            reader.stdin.write(f"{url}\n{asks}".encode())
            reader.stdin.close()
        for n in range(len(spans)):
            out = readers[n % count].stdout
            assert out
            try:
                length = int.from_bytes(await out.readexactly(8), "big")
                found += await out.readexactly(length * HASH_BYTES)
            except asyncio.IncompleteReadError as error:
                raise CannotStart("a process that read the log has ended; see above, and try again") from error
            tell(len(found) // HASH_BYTES, size)
    return bytes(found)


@asynccontextmanager
async def _readers(count: int) -> AsyncIterator[list[Process]]:
    readers: list[Process] = []
    try:
        for _ in range(count):
            program = sys.executable, "-m", "infra.leaf_reader"
            readers.append(await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, limit=1 << 20))
        yield readers
    finally:
        for reader in readers:
            if reader.returncode is None:
                reader.kill()
            await reader.wait()
