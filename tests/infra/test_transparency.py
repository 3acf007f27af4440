"""The transparency log over a real event log: grown, signed, published, and what it does when something is wrong."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent

from infra import merkle, note, transparency
from infra.event_store import EventStore, read_page
from infra.merkle import Tile
from infra.publication import FolderShelf, Publication
from infra.transparency import Sealer, Stopped
from infra.writer import Unavailable


def some(count: int) -> list[StoredEvent]:
    return [StoredEvent(uuid4(), 1, "test.Happened", f'{{"n":{n},"text":"积水"}}'.encode()) for n in range(count)]


@pytest.fixture
def store(pool: asyncpg.Pool) -> EventStore:
    return EventStore(pool)


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "proof")


@pytest.fixture
def sealer(pool: asyncpg.Pool, tmp_path: Path, shelf: FolderShelf) -> Sealer:
    return Sealer(pool, tmp_path / "seeds", Publication(shelf), "district.example/yuetan")


async def leaves(pool: asyncpg.Pool) -> list[bytes]:
    return [merkle.leaf_hash(transparency.leaf_of(event)) for event in await read_page(pool, 0)]


def root_of(hashes: Sequence[bytes]) -> bytes:
    edge = merkle.Edge()
    list(edge.append(hashes))
    return edge.root()


async def test_every_event_is_a_leaf_of_what_is_signed_and_published(
    store: EventStore, sealer: Sealer, tmp_path: Path
) -> None:
    assert await sealer.seal() is None
    await store.insert_events(some(1))
    await sealer.seal()
    await store.insert_events(some(700))
    sealed = await sealer.seal()
    assert sealed
    (key,) = await transparency.keys(store.pool)
    hashes = await leaves(store.pool)
    assert (sealed.checkpoint.origin, sealed.checkpoint.size) == ("district.example/yuetan", 701)
    assert sealed.checkpoint.root == root_of(hashes)
    assert sealed.position == await store.max_notification_id()
    assert note.open_note(sealed.note, [key.verifier])[0] == str(sealed.checkpoint)
    proof = tmp_path / "proof"
    assert (proof / "checkpoint").read_text() == sealed.note
    assert sorted(int(path.name) for path in proof.glob("checkpoints/*/*")) == [1, 701]
    assert (proof / "keys").read_text() == f"{key.verifier} 1\n"
    assert (proof / "tile/0/001").read_bytes() == b"".join(hashes[256:512])
    assert (proof / "tile/0/002.p/189").read_bytes() == b"".join(hashes[512:])
    assert len((proof / "tile/1/000.p/2").read_bytes()) == 64
    assert not (proof / "tile/0/000.p").exists(), "the first tile is full"
    again = await sealer.seal()
    assert again == sealed, "nothing new, nothing signed"


async def test_positions_have_gaps_and_leaves_have_none(store: EventStore, sealer: Sealer) -> None:
    for count in (300, 5, 300):
        await store.insert_events(some(count))
        await store.pool.execute("SELECT nextval('stored_events_notification_id_seq')")
    sealed = await sealer.seal()
    assert sealed
    await store.insert_events(some(1))
    positions = [event.id for event in await read_page(store.pool, 0)]
    assert positions[-2] > 605
    for index in (0, 255, 256, 299, 300, 304, 305, 511, 512, 604):
        assert await transparency.index_of(store.pool, positions[index]) == index
    for nowhere in (0, positions[299] + 1, positions[-1], positions[-1] + 1):
        assert await transparency.index_of(store.pool, nowhere) is None
    hashes = await leaves(store.pool)
    proof = await transparency.hashes(store.pool, merkle.inclusion_ranges(304, 605))
    assert merkle.verify_inclusion(304, 605, hashes[304], proof, sealed.checkpoint.root)


async def test_several_seal_at_once_and_one_log_comes_of_it(
    store: EventStore, sealer: Sealer, tmp_path: Path, pool: asyncpg.Pool
) -> None:
    others = [Sealer(pool, tmp_path / "seeds", Publication(FolderShelf(tmp_path / "proof"))) for _ in range(3)]
    for _ in range(5):
        await asyncio.gather(store.insert_events(some(400)), *(one.seal() for one in (sealer, *others)))
    last = await sealer.seal()
    assert last
    assert last.checkpoint.root == root_of(await leaves(pool))
    made = await transparency.checkpoints(pool, limit=100)
    sizes = [one.checkpoint.size for one in made]
    assert sizes == sorted(set(sizes), reverse=True)
    for newer, older in pairwise(made):
        first, second = older.checkpoint, newer.checkpoint
        proof = await transparency.hashes(pool, merkle.consistency_ranges(first.size, second.size))
        assert merkle.verify_consistency(first.size, second.size, first.root, second.root, proof)
    assert len(await transparency.keys(pool)) == 1


async def test_what_cannot_be_published_now_is_published_later(
    store: EventStore, sealer: Sealer, tmp_path: Path
) -> None:
    (tmp_path / "proof").write_text("not a folder")
    await store.insert_events(some(3))
    with pytest.raises(Unavailable):
        await sealer.seal()
    assert (await transparency.status(store.pool))["error"]
    (tmp_path / "proof").unlink()
    await store.insert_events(some(300))
    await sealer.seal()
    assert {path.name for path in (tmp_path / "proof").glob("checkpoints/*/*")} >= {"303"}
    assert (await transparency.status(store.pool))["error"] is None


async def test_a_new_key_comes_in_by_a_checkpoint_of_both(store: EventStore, sealer: Sealer, tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="no key yet"):
        await sealer.rotate()
    await store.insert_events(some(2))
    await sealer.seal()
    new = await sealer.rotate()
    with pytest.raises(Stopped, match="signed nothing yet"):
        await sealer.rotate()
    both = await sealer.seal()
    await store.insert_events(some(1))
    after = await sealer.seal()
    old, now = await transparency.keys(store.pool)
    assert both
    assert after
    assert (old.since, now.since, now.verifier) == (2, 2, new)
    assert note.open_note(both.note, [old.verifier, new])[1] == [old.verifier, new]
    assert note.open_note(after.note, [old.verifier, new])[1] == [new]
    assert (tmp_path / "proof/checkpoint").read_text() == after.note
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == ["2.key"], "nobody can sign with the old one"
    assert (await transparency.checkpoints(store.pool, limit=9))[-1] == both, "signed again, over the same events"
    assert next((tmp_path / "proof").glob("checkpoints/*/2")).read_text() == both.note


async def test_it_signs_no_second_history(store: EventStore, sealer: Sealer, pool: asyncpg.Pool) -> None:
    """A database restored to an earlier state, or rewritten together with its tiles."""
    await store.insert_events(some(5))
    await sealer.seal()
    await pool.execute("UPDATE log_tiles SET hashes = sha256(hashes) || substring(hashes FROM 33)")
    await store.insert_events(some(1))
    with pytest.raises(Stopped, match="not those of the published"):
        await sealer.seal()
    await pool.execute("TRUNCATE log_tiles, log_checkpoints")
    await pool.execute("UPDATE log_progress SET size = 0, position = 0, published = 0")
    await pool.execute("DELETE FROM stored_events WHERE notification_id > 2")
    with pytest.raises(Stopped, match="5 events is published, and the log has 2"):
        await sealer.seal()
    assert "5 events" in (await transparency.status(pool))["error"]


async def test_it_goes_not_on_over_what_is_gone(store: EventStore, sealer: Sealer, pool: asyncpg.Pool) -> None:
    await store.insert_events(some(5))
    await sealer.seal()
    await pool.execute(
        "DELETE FROM stored_events WHERE notification_id = (SELECT max(notification_id) FROM stored_events)"
    )
    await store.insert_events(some(1))
    with pytest.raises(Stopped, match="not in the log any more"):
        await sealer.seal()


async def test_a_lost_or_exchanged_key_is_not_replaced_in_silence(
    store: EventStore, sealer: Sealer, tmp_path: Path
) -> None:
    await store.insert_events(some(1))
    await sealer.seal()
    await store.insert_events(some(1))
    seed = tmp_path / "seeds/1.key"
    kept = seed.read_bytes()
    seed.unlink()
    with pytest.raises(Stopped, match="missing"):
        await sealer.seal()
    seed.write_bytes(bytes(32))
    with pytest.raises(Stopped, match="not the key"):
        await sealer.seal()
    with pytest.raises(Stopped, match="not the key"):
        await sealer.rotate()
    seed.write_bytes(kept)
    sealed = await sealer.seal()
    assert sealed
    assert sealed.checkpoint.size == 2


async def test_what_this_program_never_wrote_stops_it(store: EventStore, sealer: Sealer) -> None:
    await store.insert_events([StoredEvent(uuid4(), 1, "test.Happened", b"\xff")])
    with pytest.raises(Stopped, match="never wrote"):
        await sealer.seal()


async def test_the_last_tile_of_a_level_is_read_again_when_it_is_empty(store: EventStore, sealer: Sealer) -> None:
    for count in (256, 256, 1):
        await store.insert_events(some(count))
        await sealer.seal()
    assert (await transparency.tiles(store.pool, [Tile(0, 2), Tile(1, 0)])).keys() == {Tile(0, 2), Tile(1, 0)}
    (newest,) = await transparency.checkpoints(store.pool)
    assert newest.checkpoint.root == root_of(await leaves(store.pool))
