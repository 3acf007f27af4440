"""Whatever is done to the database behind the program's back, `yuetan verify` finds it and names the place."""

import json
import shutil
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent

from infra import leaf_reader, merkle
from infra.database import connect
from infra.event_store import EventStore, read_page
from infra.log_verification import verify_log
from infra.publication import FolderShelf, Publication
from infra.settings import CannotStart
from infra.transparency import Sealer, leaf_of
from infra.verification import Report, earlier

STREAMS = 20


def event(n: int) -> StoredEvent:
    state = json.dumps({"n": n, "text": '积水\n"深"'}, ensure_ascii=False).encode()
    return StoredEvent(UUID(int=n % STREAMS), n // STREAMS + 1, "task.Claimed", state)


class Log:
    def __init__(self, pool: asyncpg.Pool, url: str, folder: Path) -> None:
        self.pool, self.url, self.published = pool, url, folder / "proof"
        self.store = EventStore(pool)
        self.sealer = Sealer(
            pool, folder / "seeds", Publication(FolderShelf(self.published)), "district.example/yuetan"
        )

    async def verify(self, *, published: bool = True) -> Report:
        given = earlier(self.published) if published else []
        return await verify_log(self.pool, self.url, [], given, lambda *_: None, 1)


@pytest.fixture(scope="module")
async def sealed(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Path]]:
    """The name of a database with 600 events under four checkpoints, and the folder of what was published of it."""
    name, folder = f"test_{uuid4().hex}", tmp_path_factory.mktemp("log")
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE yuetan")
    url = postgres.replace("/yuetan?", f"/{name}?")
    pool = await connect(url)
    log = Log(pool, url, folder)
    for first, last in pairwise((0, 100, 300, 550, 600)):
        await log.store.insert_events([event(n) for n in range(first, last)])
        await pool.execute("SELECT nextval('stored_events_notification_id_seq')")  # a place that stays empty
        await log.sealer.seal()
    await pool.close()
    yield name, folder
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def log(postgres: str, sealed: tuple[str, Path], tmp_path: Path) -> AsyncIterator[Log]:
    template, folder = sealed
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    url = postgres.replace("/yuetan?", f"/{name}?")
    pool = await connect(url)
    yield Log(pool, url, tmp_path)
    await pool.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def told(report: Report) -> str:
    return "\n".join(str(finding) for finding in report.findings)


async def test_a_log_is_what_was_sealed_and_what_came_after_is_counted(log: Log) -> None:
    report = await log.verify()
    assert report.ok, told(report)
    assert (report.facts["size"], report.facts["checkpoints"]) == (600, 4)
    await log.store.insert_events([event(600)])
    report = await log.verify()
    assert (report.ok, report.facts["size"]) == (True, 600)
    assert [(one.code, one.where["count"]) for one in report.warnings if one.code == "waiting"] == [("waiting", 1)]
    await log.sealer.rotate()
    await log.sealer.seal()
    report = await log.verify()
    assert report.ok, told(report)
    assert (report.facts["size"], report.facts["keys"]) == (601, 2)


ATTACKS = {
    "a changed byte": (
        "UPDATE stored_events SET state = set_byte(state, 5, 57) WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42", f"stream {UUID(int=1)}", "version 3"),
    ),
    "bytes that are no text": (
        "UPDATE stored_events SET state = '\\xff' WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42"),
    ),
    "a changed time": (
        "UPDATE stored_events SET recorded_at = '2020-01-01Z' WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42", "at 2020-01-01T00:00:00.000000Z"),
    ),
    "a time without end": (
        "UPDATE stored_events SET recorded_at = 'infinity' WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42"),
    ),
    "another command": (
        "UPDATE stored_events SET command_id = gen_random_uuid() WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42"),
    ),
    "another salt": (
        "UPDATE stored_events SET salt = gen_random_uuid() WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42"),
    ),
    "a removed event": (
        "DELETE FROM stored_events WHERE notification_id = 42",
        ("removed", "leaf 41", "after position 41", "before position 43", f"stream {UUID(int=1)}", "missing 3"),
    ),
    "a removed stream": (
        "DELETE FROM stored_events WHERE originator_id = '00000000-0000-0000-0000-000000000003'",
        ("removed", "leaf 3", "leaf 23", "leaf 583", "after position 3", "before position 5"),
    ),
    "two swapped events": (
        (
            "ALTER TABLE stored_events DROP CONSTRAINT stored_events_pkey;"
            " UPDATE stored_events SET originator_version = 5 - originator_version"
            " WHERE originator_id = '00000000-0000-0000-0000-000000000001' AND originator_version IN (2, 3)"
        ),
        ("changed", "leaf 21", "leaf 41", "position 22", "position 42"),
    ),
    "two swapped positions": (
        (
            "DROP INDEX stored_events_notification_id_idx;"
            " UPDATE stored_events SET notification_id = 85 - notification_id WHERE notification_id IN (42, 43)"
        ),
        ("changed", "leaf 41", "position 42", "count 2"),
    ),
    "a truncated tail": (
        "DELETE FROM stored_events WHERE notification_id > 583",
        ("removed", "leaf 580", "count 20", "after position 583"),
    ),
    "an inserted event": (
        (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id)"
            " VALUES (gen_random_uuid(), 1, 'task.Claimed', '{}', 101)"
        ),
        ("inserted", "line 101", "leaf 100", "position 101"),
    ),
    "an inserted event before all": (
        (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id)"
            " VALUES (gen_random_uuid(), 1, 'task.Claimed', '{}', -7)"
        ),
        ("inserted", "line 1", "position -7"),
    ),
    "an event out of sight": (
        "UPDATE stored_events SET notification_id = 9000000000000000 WHERE notification_id = 42",
        ("removed", "leaf 41"),
    ),
    "an event without a topic": (
        "UPDATE stored_events SET topic = NULL, state = NULL WHERE notification_id = 42",
        ("changed", "leaf 41", "position 42"),
    ),
    "the tiles": (
        (
            "UPDATE log_tiles SET hashes = set_byte(hashes, 41 * 32, (get_byte(hashes, 41 * 32) + 1) % 256)"
            " WHERE level = 0 AND n = 0"
        ),
        ("the leaf hashes were altered; the events are those signed: leaf 41",),
    ),
    "an inner tile": (
        "UPDATE log_tiles SET hashes = set_byte(hashes, 0, (get_byte(hashes, 0) + 1) % 256) WHERE level = 1",
        ("tile/1/000",),
    ),
    "the tiles gone": ("DELETE FROM log_tiles WHERE n = 1", ("the leaf hashes were altered", "leaf 256")),
    "how far it is": ("UPDATE log_checkpoints SET position = 4000000000000000000", ()),
    "a checkpoint's note": (
        "UPDATE log_checkpoints SET note = replace(note, E'\\n300\\n', E'\\n301\\n')",
        ("a checkpoint is not valid", "checkpoint 2"),
    ),
    "the checkpoints gone": ("DELETE FROM log_checkpoints", ("no checkpoint",)),
    "the tail with its checkpoint gone": (
        "DELETE FROM stored_events WHERE notification_id > 553; DELETE FROM log_checkpoints WHERE size = 600",
        ("shorter than a checkpoint", "leaves 550 to 599"),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_altered_database_is_found_and_the_place_named(log: Log, attack: str) -> None:
    statement, names = ATTACKS[attack]
    await log.pool.execute(statement)
    report = await log.verify()
    assert report.ok == (not names)
    for name in names:
        assert name in told(report)


async def test_a_whole_log_written_anew_contradicts_what_was_published(log: Log, tmp_path: Path) -> None:
    """By somebody who has the log's own key, and the patience to make every tile and checkpoint again."""
    await log.pool.execute("UPDATE stored_events SET recorded_at = '2020-01-01Z' WHERE notification_id = 343")
    await log.pool.execute("TRUNCATE log_tiles, log_checkpoints, log_keys")
    await log.pool.execute("UPDATE log_progress SET size = 0, position = 0, published = 0, error = NULL")
    forger = Sealer(log.pool, tmp_path / "seeds", None, "district.example/yuetan")
    assert await forger.seal()
    assert (await log.verify(published=False)).ok, "nothing but what is outside tells it"
    report = await log.verify()
    assert "contradicts a checkpoint" in told(report)
    assert "size 550" in told(report)
    assert "leaves 300 to 549" in told(report)
    (named,) = (finding for finding in report.findings if finding.code == "kept_changed")
    assert (named.where["leaf"], named.where["position"]) == (340, 343)


async def test_without_anything_published_it_says_that_this_proves_less(log: Log) -> None:
    report = await log.verify(published=False)
    assert {warning.code for warning in report.warnings} == {"own_key", "nothing_published"}


async def test_what_is_hashed_fast_is_hashed_the_same(log: Log) -> None:
    """Also whole seconds, years of old, zones, and every character that JSON escapes."""
    states = [bytes([n]) for n in range(128)] + ["\u2028\u2029\ufeff😀é".encode(), b"", b"\xff"]
    await log.store.insert_events([StoredEvent(UUID(int=99), n + 1, 't."\n', state) for n, state in enumerate(states)])
    for version, moment in (
        (1, "2026-11-23T00:00:00Z"),
        (2, "0044-03-15T12:00:00.5+08"),
        (3, "9999-12-31T23:59:59.9Z"),
    ):
        await log.pool.execute(
            f"UPDATE stored_events SET recorded_at = '{moment}' WHERE originator_id = $1 AND originator_version = $2",
            UUID(int=99),
            version,
        )
    conn = await leaf_reader.connected(log.url)
    fast = leaf_reader.hashes(await conn.fetch(leaf_reader._PAGE, 0, 10**9, 10**9))
    await conn.close()
    slow = [merkle.leaf_hash(leaf_of(event)) for event in (await read_page(log.pool, 0))[:-1]]
    assert fast == [*slow, leaf_reader.NOT_OURS]


async def test_a_log_that_cannot_be_read_to_the_end_is_not_called_sound(log: Log) -> None:
    log.url = log.url.replace("/test_", "/nowhere_")
    with pytest.raises(CannotStart, match="has ended"):
        await log.verify()
