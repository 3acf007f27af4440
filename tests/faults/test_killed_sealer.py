"""kill -9 of processes that seal and publish, while others append."""

import asyncio
import random
import sys
from itertools import pairwise
from pathlib import Path

import asyncpg

from infra import merkle, note, transparency
from infra.event_store import EventStore, read_page
from infra.note import Checkpoint
from infra.publication import FolderShelf, Publication
from infra.repository import Repository
from infra.transparency import Sealer
from tests.faults.sealing import ORIGIN
from tests.faults.writing import start_tallies, start_writing


async def start_sealing(url: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.sealing", url, str(folder)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )


async def test_whatever_was_published_holds_however_often_the_sealer_is_killed(
    database: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    chance = random.Random(6)
    await start_tallies(Repository(EventStore(pool)), processes=1)
    writer = await start_writing(database, 0, 4, 1_000_000)
    for _ in range(6):
        sealers = [await start_sealing(database, tmp_path) for _ in range(2)]
        for sealer in sealers:  # both at once: each has made a few checkpoints, and is in the midst of another
            assert sealer.stdout
            for _ in range(chance.randint(1, 20)):
                assert await sealer.stdout.readline()
        for sealer in sealers:
            sealer.kill()
            await sealer.communicate()
    writer.kill()
    await writer.communicate()

    last = await Sealer(pool, tmp_path / "seeds", Publication(FolderShelf(tmp_path / "proof"))).seal()
    assert last
    edge = merkle.Edge()
    list(edge.append(merkle.leaf_hash(transparency.leaf_of(event)) for event in await read_page(pool, 0)))
    assert (last.checkpoint.size, last.checkpoint.root) == (edge.size, edge.root())
    (key,) = await transparency.keys(pool)
    published = sorted((tmp_path / "proof").glob("checkpoints/*/[0-9]*"), key=lambda path: int(path.name))
    opened = [Checkpoint.parse(note.open_note(path.read_text(), [key.verifier])[0]) for path in published]
    assert [checkpoint.size for checkpoint in opened] == [int(path.name) for path in published]
    assert len(opened) > 12
    assert opened[-1] == last.checkpoint
    assert {checkpoint.origin for checkpoint in opened} == {ORIGIN}
    for first, second in pairwise(opened):
        proof = await transparency.hashes(pool, merkle.consistency_ranges(first.size, second.size))
        assert merkle.verify_consistency(first.size, second.size, first.root, second.root, proof)
    for tile, width in merkle.edge_of(last.checkpoint.size):
        kept = await transparency.tiles(pool, [tile])
        if width:
            assert (tmp_path / "proof" / tile.path(width)).read_bytes() == kept[tile]
