"""The worked example in docs/proof.md is what the program does."""

import json
import re
from datetime import datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

from infra import leaf, merkle, note
from infra.merkle import Tile
from infra.note import Checkpoint, Signer, Verifier
from infra.verification import notes, parse_line

PAGE = (Path(__file__).parents[2] / "docs/proof.md").read_text()


def test_the_example_on_the_page_holds() -> None:
    lines, hashes, roots, (key,), checkpoints = (
        block.splitlines() for block in re.findall(r"```\w*\n(.*?)```", PAGE.partition("## Example")[2], re.DOTALL)
    )
    made = [merkle.leaf_hash(line.encode()) for line in lines]
    assert [hash.hex() for hash in made] == hashes
    for line in lines:
        said = parse_line(line.encode())
        assert line.encode() == leaf.line(
            position=said["position"],
            originator_id=UUID(said["originator_id"]),
            originator_version=said["originator_version"],
            topic=said["topic"],
            state=said["state"].encode(),
            recorded_at=datetime.fromisoformat(said["recorded_at"]),
            command_id=said["command_id"] and UUID(said["command_id"]),
            salt=UUID(said["salt"]),
        )
        assert f"`{'`, `'.join(said)}`" == ", ".join(re.findall(r"^\| (`\w+`) \|", PAGE, re.MULTILINE)[: len(said)])
        json.loads(said["state"])
    edge = merkle.Edge()
    for leaf_hash, root in zip(made, roots, strict=True):
        assert not list(edge.append([leaf_hash]))
        assert edge.root().hex() == root
    signer = Signer("district.example/yuetan", bytes(range(32)))
    assert Verifier.parse(key) == signer.verifier
    found = list(notes(BytesIO("".join(f"{line}\n" for line in checkpoints).encode())))
    points = [Checkpoint(signer.verifier.name, size, bytes.fromhex(roots[size - 1])) for size in (2, 3)]
    assert found == [note.sign(str(point), [signer]) for point in points]
    assert merkle.verify_consistency(2, 3, points[0].root, points[1].root, [made[2]])
    assert merkle.verify_inclusion(1, 3, made[1], [made[0], made[2]], points[1].root)
    assert f"`{Tile(0, 0).path(3)}`" in PAGE
