"""Proofs as auditors get them, and Go's own packages, which nobody here wrote, to say whether they hold."""

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import merkle, transparency
from infra.event_store import read_page
from infra.publication import FolderShelf, Publication
from infra.transparency import Sealer
from tests.api.checks import is_problem
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, World, resident

REASONS = {
    "leaves": "leaf 3 is another one",
    "inclusion": "invalid transparency proof",
    "consistency": "invalid transparency proof",
    "tile": "downloaded inconsistent tile",
    "checkpoint": "invalid signature",
}
GO = Path(sys.executable).with_name("go")


@pytest.fixture
async def folder(new_world: World, tmp_path: Path) -> Path:
    """Where the log of a petition is published: sealed four times, the last time with a new key too."""
    sealer = Sealer(
        new_world.store.pool, tmp_path / "seeds", Publication(FolderShelf(tmp_path / "proof")), "district.example/y"
    )
    await sealer.seal()
    path = await new_world.roadmap()
    await sealer.seal()
    await new_world.publish(path)
    await sealer.seal()
    await sealer.rotate()
    await sealer.seal()
    return tmp_path / "proof"


async def asked(world: World, folder: Path) -> dict[str, Any]:
    """What there is to verify: all leaves, a proof of inclusion for each, all pairs of checkpoints."""
    standing = await world.get(AUDITOR, "/v1/proof")
    events = await read_page(world.store.pool, 0)
    made = (await world.get(AUDITOR, "/v1/proof/checkpoints", limit=100))["items"]
    sizes = [one["size"] for one in made]
    pairs = [(first, second) for first in sizes for second in sizes if first <= second]
    return {
        "key": standing["keys"][-1]["verifier"],
        "folder": str(folder),
        "leaves": [transparency.leaf_of(event).decode() for event in events],
        "inclusion": [await world.get(AUDITOR, f"/v1/proof/inclusion/{event.id}") for event in events],
        "consistency": [
            await world.get(AUDITOR, "/v1/proof/consistency", first=first, second=second) for first, second in pairs
        ],
    }


async def go_says(question: Mapping[str, Any]) -> tuple[bool, str]:
    program = await asyncio.create_subprocess_exec(
        *(GO, "run", "."),
        cwd=Path(__file__).parents[1] / "go",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await program.communicate(json.dumps(question).encode())
    return program.returncode == 0, (said + complaint).decode()


async def test_gos_own_packages_find_that_everything_holds(new_world: World, folder: Path) -> None:
    question = await asked(new_world, folder)
    old = (await new_world.get(AUDITOR, "/v1/proof"))["keys"][0]["verifier"]
    # The older checkpoints have the old key's signature alone, the newest both.
    holds, said = await go_says(question | {"key": old})
    assert holds, said
    count = len(question["leaves"])
    assert said == f"{count} leaves, {count} inclusion and {len(question['consistency'])} consistency proofs hold\n"
    assert len(question["consistency"]) == 6
    holds, said = await go_says(question | {"consistency": []})
    assert holds, f"the new key signs the newest too: {said}"


@pytest.mark.parametrize("part", REASONS)
async def test_gos_own_packages_find_what_does_not_hold(new_world: World, folder: Path, part: str) -> None:
    question = await asked(new_world, folder)
    question["key"] = (await new_world.get(AUDITOR, "/v1/proof"))["keys"][0]["verifier"]
    wrong = base64.b64encode(bytes(32)).decode()
    if part == "leaves":
        question["leaves"][3] = question["leaves"][3].replace("recorded_at", "recorded_on")
    elif part == "tile":
        tile = max(folder.glob("tile/0/000.p/*"), key=lambda path: int(path.name))
        tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    elif part == "checkpoint":
        text = (folder / "checkpoint").read_text()
        (folder / "checkpoint").write_text(text.replace(text.split("\n")[1], "1", 1))
    else:
        question[part][1]["hashes"][0] = wrong
    holds, said = await go_says(question)
    assert not holds
    assert REASONS[part] in said


async def test_a_proof_against_an_earlier_checkpoint(new_world: World, folder: Path) -> None:
    made = (await new_world.get(AUDITOR, "/v1/proof/checkpoints"))["items"]
    first = made[-1]
    event = (await read_page(new_world.store.pool, 0, 1))[0]
    proof = await new_world.get(AUDITOR, f"/v1/proof/inclusion/{event.id}", size=first["size"])
    assert proof["checkpoint"] == first["note"]
    assert merkle.verify_inclusion(
        proof["index"],
        first["size"],
        merkle.leaf_hash(transparency.leaf_of(event)),
        [base64.b64decode(hash) for hash in proof["hashes"]],
        base64.b64decode(first["root"]),
    )
    later = f"/v1/proof/inclusion/{first['position'] + 1}"
    is_problem(await new_world.send(AUDITOR, "GET", f"{later}?size={first['size']}"), 404, "not-found")


async def test_how_far_the_log_is_sealed_is_told(new_world: World, folder: Path) -> None:
    standing = await new_world.get(AUDITOR, "/v1/proof")
    head = await new_world.store.max_notification_id()
    assert standing["checkpoint"]["position"] == head
    assert standing["published"] == standing["checkpoint"]["size"]
    assert (standing["waiting_since"], standing["error"]) == (None, None)
    assert [key["since"] for key in standing["keys"]] == [standing["keys"][0]["since"], standing["published"]]
    await new_world.roadmap()
    standing = await new_world.get(AUDITOR, "/v1/proof")
    assert standing["waiting_since"] is not None
    is_problem(await new_world.send(AUDITOR, "GET", f"/v1/proof/inclusion/{head + 1}"), 404, "not-found")


async def test_nothing_is_proved_before_the_first_checkpoint(new_world: World) -> None:
    assert (await new_world.get(AUDITOR, "/v1/proof"))["checkpoint"] is None
    for path in ("inclusion/1", "consistency?first=1"):
        is_problem(await new_world.send(AUDITOR, "GET", f"/v1/proof/{path}"), 404, "not-found")


async def test_sizes_tell_when_people_sign_so_that_proofs_are_for_auditors(world: World) -> None:
    for who in (CLERK, SUPERVISOR, ADMIN, resident(1), world.official, world.host):
        for path in ("", "/checkpoints", "/inclusion/1", "/consistency?first=1"):
            is_problem(await world.send(who, "GET", f"/v1/proof{path}"), 403, "forbidden")
    is_problem(await world.send(None, "GET", "/v1/proof"), 401, "unauthenticated", "Authorization")
