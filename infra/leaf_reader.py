"""A process that reads events and answers with their leaf hashes: hashing a log keeps a core busy, and there are more.

Run as ``python -m infra.leaf_reader``. Standard input: the database's URL on a line, then on each line the positions
after which and up to which to read. Standard output: for each, how many hashes (8 bytes), and these.
"""

import asyncio
import sys
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop

from infra.leaf import line

PAGE = 2_000
NOT_OURS = bytes(32)  # what this program never wrote is no leaf

_PAGE = (
    "SELECT notification_id, originator_id, originator_version, topic, state, recorded_at, command_id, salt"
    " FROM stored_events WHERE notification_id > $1 AND notification_id <= $2 ORDER BY notification_id LIMIT $3"
)


async def connected(url: str) -> asyncpg.Connection:
    conn = await asyncpg.connect(url, server_settings={"application_name": "yuetan", "jit": "off"})
    await conn.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    return conn


def hashes(rows: list[Any]) -> list[bytes]:
    """The same as ``leaf.line`` makes, a test says so, but in half the time; ids are text here."""
    found = []
    for position, id, version, topic, state, at, command_id, salt in rows:
        try:
            if not at.microsecond:  # the one thing that orjson writes otherwise
                raise ValueError
            said = {
                "command_id": command_id,
                "originator_id": id,
                "originator_version": version,
                "position": position,
                "recorded_at": at,
                "salt": salt,
                "state": state.decode(),
                "topic": topic,
            }
            made = orjson.dumps(said, None, orjson.OPT_UTC_Z)
        except (ValueError, AttributeError, orjson.JSONEncodeError):
            made = slowly(position, id, version, topic, state, at, command_id, salt)
        found.append(sha256(b"\x00" + made).digest() if made else NOT_OURS)
    return found


def slowly(
    position: int, id: str, version: int, topic: Any, state: Any, at: Any, command_id: str | None, salt: str
) -> bytes:
    try:
        return line(
            position=position,
            originator_id=UUID(id),
            originator_version=version,
            topic=topic,
            state=state,
            recorded_at=at,
            command_id=None if command_id is None else UUID(command_id),
            salt=UUID(salt),
        )
    except (ValueError, AttributeError, TypeError, OverflowError):
        return b""


async def main() -> None:
    conn = await connected(sys.stdin.readline().strip())
    for ask in sys.stdin:
        after, until = map(int, ask.split())
        found: list[bytes] = []
        rows = await conn.fetch(_PAGE, after, until, PAGE)
        while rows:
            following = asyncio.ensure_future(conn.fetch(_PAGE, rows[-1][0], until, PAGE))
            await asyncio.sleep(0)  # it is asked for while we hash this one
            found += hashes(rows)
            rows = await following
        sys.stdout.buffer.write(len(found).to_bytes(8, "big") + b"".join(found))
        sys.stdout.buffer.flush()
    await conn.close()


if __name__ == "__main__":
    uvloop.run(main())
