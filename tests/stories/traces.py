"""Finding what is left of somebody's words: in every row of a database, and in every byte of a data folder."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import asyncpg


def ways_to_write(words: str) -> Iterator[bytes]:
    """As they may stand: in three character sets, as JSON escapes them, in base64 wherever it begins, in digits."""
    escaped = words.encode("unicode_escape")
    for bytes_ in (words.encode(), words.encode("utf-16-le"), words.encode("gb18030"), escaped):
        yield bytes_
        yield bytes_.hex().encode()
    for bytes_ in (words.encode(), escaped):
        for before in range(3):
            # Without the letters that also hold bits of what stands before and after.
            letters = base64.b64encode(b"\0" * before + bytes_)
            yield letters[(0, 2, 3)[before] : (before + len(bytes_)) // 3 * 4]


async def in_database(url: str, words: list[str]) -> set[str]:
    """Which of them stand in any row of any table of any schema, also where pages hold them compressed."""
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    found: set[str] = set()
    for (table,) in tables:
        for (row,) in await connection.fetch(f"SELECT t::text FROM {table} t"):
            found |= within(row.encode(), words)
    await connection.close()
    return found


def in_folder(folder: Path, ways: Mapping[str, Sequence[bytes]]) -> dict[str, set[str]]:
    """By word the files that hold it in one of its ways: tables with what is dead in them, PostgreSQL's log of changes,
    Temporal's database, logs, files."""
    found: dict[str, set[str]] = {}
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for word in ways:
                if any(way in content for way in ways[word]):
                    found.setdefault(word, set()).add(str(file.relative_to(folder)))
    return found


def within(content: bytes, words: list[str]) -> set[str]:
    return {word for word in words if any(way in content for way in ways_to_write(word))}
