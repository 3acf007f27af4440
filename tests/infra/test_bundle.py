"""A bundle is what was signed, or whoever verifies it reads where it is not: whatever is done to the file."""

import ast
import hashlib
import io
import json
import runpy
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

import yuetan
from infra import bundle, merkle, note
from infra.event_store import EventStore, Recorded
from infra.note import Checkpoint, Signer, Verifier
from infra.publication import FolderShelf, Publication
from infra.settings import CannotStart
from infra.transparency import Sealer
from infra.verification import MEMBERS, Report, earlier, verify_bundle

ORIGIN = "district.example/yuetan"
EVENTS, STREAMS = 600, 20
SECRET = "petition.CoSigned"


def quiet(_: int, __: int) -> None:
    pass


def secret(event: Recorded) -> bool:
    return event.topic == SECRET


@dataclass(repr=False)
class Kept:
    """A bundle of 600 events in 20 streams, and what was published and known when it was made."""

    file: bytes
    complete: bytes
    published: Path
    key: Verifier
    seed: bytes  # of the log's own key
    folder: Path
    said: str = ""

    def __repr__(self) -> str:
        return "the bundle"

    def verify(self, file: bytes | None = None, *given: Path, key: bool = True) -> Report:
        """By the program and by the script in docs/, which have to agree; what that one says is ``self.said``."""
        path = self.folder / f"{uuid4().hex}.zip"
        path.write_bytes(self.file if file is None else file)
        kept = [one for path in given for one in earlier(path)]
        report = verify_bundle(path, [self.key] if key else [], kept)
        options = ["--key", str(self.key)] if key else []
        sound, self.said = script(path, *options, *(f"--checkpoint={path}" for path in given))
        assert sound == report.ok, (told(report), self.said)
        path.unlink()
        return report


SCRIPT = Path(__file__).parents[2] / "docs/verify_bundle.py"


def script(*arguments: object) -> tuple[bool, str]:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setattr("sys.argv", [str(SCRIPT), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    return not end.value.code, out.getvalue()


@pytest.fixture(scope="module")
async def kept(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("bundle")
    admin = await asyncpg.connect(postgres, database="postgres")
    name = f"test_{uuid4().hex}"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE yuetan")
    async with asyncpg.create_pool(postgres.replace("/yuetan?", f"/{name}?"), min_size=1, max_size=4) as pool:
        store = EventStore(pool)
        shelf = FolderShelf(folder / "proof")
        sealer = Sealer(pool, folder / "seeds", Publication(shelf), ORIGIN)
        for first, last in pairwise((0, 100, 300, 550, EVENTS)):
            await store.insert_events([event(n) for n in range(first, last)])
            await sealer.seal()
        made = []
        for withheld in (secret, lambda _: False):
            file = io.BytesIO()
            await bundle.write(pool, file, withheld, quiet)
            made.append(file.getvalue())
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
    key = Verifier.parse((folder / "proof/keys").read_text().split(" ")[0])
    seed = (folder / "seeds/1.key").read_bytes()
    return Kept(made[0], made[1], folder / "proof", key, seed, folder)


def event(n: int) -> StoredEvent:
    """Every seventh is secret."""
    state = json.dumps({"n": n, "text": '积水\n"深"'}, ensure_ascii=False).encode()
    return StoredEvent(UUID(int=n % STREAMS), n // STREAMS + 1, SECRET if n % 7 == 0 else "task.Claimed", state)


# Changing a bundle as somebody would who knows the format: digests, counts and leaves are put right again.


def read(file: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(members: dict[str, bytes], *, manifest: bool = True) -> bytes:
    if manifest:
        said = json.loads(members["manifest.json"])
        lines = members["events.jsonl"].splitlines()
        said["withheld"] = sum(line.startswith(b'{"leaf_hash"') for line in lines)
        said["shown"] = len(lines) - said["withheld"]
        for name in {*said["members"]} & {*members}:
            digest = hashlib.sha256(members[name]).hexdigest()
            said["members"][name] = {"size": len(members[name]), "sha256": digest}
        members = members | {"manifest.json": json.dumps(said).encode()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data, zipfile.ZIP_STORED if name == "leaves" else None)
    return file.getvalue()


Lines = list[bytes]


def with_lines(file: bytes, change: Callable[[Lines], Lines]) -> bytes:
    members = read(file)
    lines = change(members["events.jsonl"].splitlines())
    return packed(members | {"events.jsonl": b"".join(line + b"\n" for line in lines)})


def hash_of(line: bytes) -> bytes:
    said = json.loads(line)
    return bytes.fromhex(said["leaf_hash"]) if "leaf_hash" in said else merkle.leaf_hash(line)


def leaves_of(lines: Lines) -> list[bytes]:
    return [hash_of(line) for line in lines]


def root_of(leaves: list[bytes]) -> bytes:
    edge = merkle.Edge()
    list(edge.append(leaves))
    return edge.root()


def rewritten(file: bytes, change: Callable[[Lines], Lines], signer: Signer) -> bytes:
    """The whole log anew, with a tree, checkpoints and proofs of its own."""
    members = read(file)
    lines = change(members["events.jsonl"].splitlines())
    leaves = leaves_of(lines)
    sizes = [size for size in (100, 300, 550) if size < len(leaves)] + [len(leaves)]
    points = [Checkpoint(ORIGIN, size, root_of(leaves[:size])) for size in sizes]
    tiles = tiles_of(leaves)
    proofs = []
    for one, other in pairwise(sizes):
        ranges = merkle.consistency_ranges(one, other)
        proof = [merkle.range_hash(*span, tiles).hex() for span in ranges]
        proofs.append(json.dumps({"first": one, "second": other, "proof": proof}))
    said = json.loads(members["manifest.json"]) | {
        "size": sizes[-1],
        "root": points[-1].root.hex(),
        "checkpoints": len(sizes),
    }
    return packed(
        members
        | {
            "events.jsonl": b"".join(line + b"\n" for line in lines),
            "leaves": b"".join(leaves),
            "checkpoints": "\n".join(note.sign(str(point), [signer]) for point in points).encode(),
            "proofs.jsonl": "".join(proof + "\n" for proof in proofs).encode(),
            "keys": f"{signer.verifier} {sizes[0]}\n".encode(),
            "manifest.json": json.dumps(said).encode(),
        }
    )


def tiles_of(leaves: list[bytes]) -> dict[merkle.Tile, bytes]:
    edge = merkle.Edge()
    return dict(edge.append(leaves)) | dict(edge.tiles())


def edited(line: bytes, **changes: Any) -> bytes:
    said = json.loads(line) | changes
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def at(lines: Lines, n: int, *new: bytes, instead: int = 1) -> Lines:
    return [*lines[:n], *new, *lines[n + instead :]]


def told(report: Report) -> str:
    return "\n".join(str(finding) for finding in report.findings)


# What is sound


def test_a_bundle_is_what_was_signed(kept: Kept) -> None:
    for file, withheld in ((kept.file, 86), (kept.complete, 0)):
        report = kept.verify(file, kept.published)
        assert report.ok, told(report)
        assert report.facts["withheld"] == withheld
        assert report.facts["size"] == EVENTS
        assert not report.warnings


def test_without_a_key_it_says_that_this_proves_less(kept: Kept) -> None:
    report = kept.verify(key=False)
    assert report.ok
    assert [warning.code for warning in report.warnings] == ["own_key"]


# What is not. Each attack: what is done to the lines, and what the finding must name.

ATTACKS: dict[str, tuple[Callable[[Lines], Lines], tuple[str, ...]]] = {
    "a changed byte": (
        lambda lines: at(lines, 41, lines[41].replace("积水".encode(), "积木".encode())),
        ("changed", "line 42", "leaf 41", "position 42", f"stream {UUID(int=1)}", "version 3"),
    ),
    "a changed time": (
        lambda lines: at(lines, 41, edited(lines[41], recorded_at="2020-01-01T00:00:00.000000Z")),
        ("changed", "line 42", "position 42", "version 3", "2020-01-01T00:00:00.000000Z"),
    ),
    "a changed version": (
        lambda lines: at(lines, 41, edited(lines[41], originator_version=4)),
        ("changed", "line 42", "position 42", "version 4"),
    ),
    "a removed event": (
        lambda lines: at(lines, 44),
        (
            "removed",
            "before line 45",
            "leaf 44",
            "after position 44",
            "before position 46",
        ),
    ),
    "two removed events": (
        lambda lines: at(at(lines, 200), 44),
        ("leaf 44", "leaf 200", "before position 202"),
    ),
    "a removed stream": (
        lambda lines: [line for line in lines if str(UUID(int=3)).encode() not in line],
        ("leaf 3", "leaf 23", "leaf 583", "after position 24"),
    ),
    "two swapped neighbours": (
        lambda lines: at(lines, 43, lines[44], lines[43], instead=2),
        ("moved", "line 44", "leaf 44", "position 45"),
    ),
    "two swapped events": (
        lambda lines: at(at(lines, 10, lines[500]), 500, lines[10]),
        ("line 11", "leaf 500", "position 501", "line 501", "leaf 10", "position 11"),
    ),
    "a truncated tail": (
        lambda lines: lines[:580],
        ("removed", "before line 581", "leaf 580", "count 20", "after position 580"),
    ),
    "an inserted event": (
        lambda lines: at(lines, 41, edited(lines[41], originator_id=str(UUID(int=99))), instead=0),
        ("inserted", "line 42", "leaf 41", str(UUID(int=99))),
    ),
    "an event twice": (
        lambda lines: at(lines, 45, lines[41], instead=0),
        ("twice", "line 46", "leaf 41", "position 42"),
    ),
    "a withheld line with another hash": (
        lambda lines: at(lines, 42, b'{"leaf_hash":"%b"}' % (b"ab" * 32)),
        ("changed", "line 43", "leaf 42"),
    ),
    "the same meaning, not canonical": (
        lambda lines: at(lines, 41, lines[41].replace(b'"position":', b'"position": ')),
        ("changed", "line 42", "leaf 41", "not canonical"),
    ),
    "a member twice": (
        lambda lines: at(lines, 41, lines[41].replace(b'"position":42', b'"position":1,"position":42')),
        ("changed", "line 42", "not canonical"),
    ),
    "a huge number": (
        lambda lines: at(lines, 41, lines[41].replace(b'"position":42', b'"position":' + b"9" * 400)),
        ("changed", "line 42"),
    ),
    "no JSON": (lambda lines: at(lines, 41, b'{"position":'), ("changed", "line 42")),
    "JSON without an end": (lambda lines: at(lines, 41, b"[" * 100_000), ("changed", "line 42")),
}


# The script has words of its own.
WORDS = {"not canonical", "twice", "moved"}
IN_SCRIPT = {
    "a removed event": ("removed: leaves 44 to 44", "before line 45", "position 44", "position 46"),
    "two removed events": ("leaves 44 to 44", "leaves 200 to 200", "position 202"),
    "a removed stream": ("leaves 3 to 3", "leaves 23 to 23", "leaves 583 to 583", "position 24"),
    "two swapped neighbours": ("leaf 44", "position 45"),
    "a truncated tail": ("leaves 580 to 599", "before line 581", "position 580"),
    "an event twice": ("line 46", "is leaf 41", "position 42"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_altered_line_is_found_and_named(kept: Kept, attack: str) -> None:
    change, names = ATTACKS[attack]
    report = kept.verify(with_lines(kept.file, change))
    assert not report.ok
    for name in names:
        assert name in told(report)
    for name in IN_SCRIPT.get(attack, names):
        assert name in kept.said or name in WORDS, kept.said


def test_a_removed_event_is_named_by_its_stream_where_everything_is_shown(kept: Kept) -> None:
    report = kept.verify(with_lines(kept.complete, lambda lines: at(lines, 44)))
    gap = next(finding.where for finding in report.findings if finding.code == "version_gap")
    assert (gap["stream"], gap["missing"], gap["line"]) == (str(UUID(int=4)), "3", 64)


def test_the_script_is_short_and_uses_nothing_of_this_project() -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) < 200
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    assert names <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in imports)


def test_whoever_alters_the_leaves_too_is_shown_the_range(kept: Kept) -> None:
    members = read(kept.file)
    lines = ATTACKS["a changed byte"][0](members["events.jsonl"].splitlines())
    lines = at(lines, 141, lines[141].replace("积水".encode(), "积木".encode()))
    altered = packed(
        members
        | {"events.jsonl": b"".join(line + b"\n" for line in lines[100:]), "leaves": b"".join(leaves_of(lines[100:]))}
    )
    assert not kept.verify(altered).ok
    altered = packed(
        members | {"events.jsonl": b"".join(line + b"\n" for line in lines), "leaves": b"".join(leaves_of(lines))}
    )
    report = kept.verify(altered)
    assert "leaves 0 to 99" in told(report)
    narrow = kept.verify(altered, kept.published)
    assert {finding.where.get("line") for finding in narrow.findings if finding.code == "kept_changed"} == {42, 142}


def test_leaves_that_alone_were_altered_are_told_apart_from_events(kept: Kept) -> None:
    members = read(kept.file)
    leaves = members["leaves"]
    report = kept.verify(packed(members | {"leaves": leaves[:320] + bytes(32) + leaves[352:]}))
    assert [(finding.code, finding.where["leaf"]) for finding in report.findings] == [("leaves", 10)]


def test_a_log_rewritten_with_its_own_key_contradicts_an_earlier_checkpoint(kept: Kept) -> None:
    signer = Signer(ORIGIN, kept.seed)
    change = ATTACKS["a changed byte"][0]
    forged = rewritten(kept.complete, lambda lines: at(lines, 341, change(lines[300:])[41]), signer)
    assert kept.verify(forged).ok, "with the log's own key and nothing kept, nothing is to be seen"
    day = next(kept.published.glob("checkpoints/*"))
    one = kept.verify(forged, day / "550")
    root = Checkpoint.parse((day / "550").read_text()).root.hex()
    assert [finding.code for finding in one.findings] == ["contradicts"]
    assert (one.findings[0].where["size"], one.findings[0].where["root"]) == (550, root)
    two = kept.verify(forged, day / "100", day / "300", day / "550")
    assert two.findings[0].where["leaves"] == "300 to 549"
    whole = kept.verify(forged, kept.published)
    (named,) = (finding for finding in whole.findings if finding.code == "kept_changed")
    assert (named.where["line"], named.where["leaf"], named.where["position"]) == (342, 341, 342)


def test_a_tail_that_was_cut_off_with_its_checkpoints_is_missed_by_a_later_one(kept: Kept) -> None:
    signer = Signer(ORIGIN, kept.seed)
    short = rewritten(kept.complete, lambda lines: lines[:550], signer)
    assert kept.verify(short).ok
    report = kept.verify(short, kept.published)
    assert "shorter than a checkpoint" in told(report)
    assert "leaves 550 to 599" in told(report)


def test_versions_show_what_a_rewritten_log_lacks(kept: Kept) -> None:
    signer = Signer(ORIGIN, kept.seed)
    report = kept.verify(rewritten(kept.complete, lambda lines: at(lines, 41), signer))
    (finding,) = report.findings
    assert finding.code == "version_gap"
    assert (finding.where["stream"], finding.where["missing"], finding.where["line"]) == (str(UUID(int=1)), "3", 61)
    report = kept.verify(rewritten(kept.complete, lambda lines: at(lines, 43, lines[44], lines[43], instead=2), signer))
    assert [finding.code for finding in report.findings] == ["order"]


def test_another_key_counts_only_if_the_old_one_brought_it_in(kept: Kept) -> None:
    stranger = Signer(ORIGIN, bytes(32))
    forged = rewritten(kept.complete, lambda lines: lines, stranger)
    assert kept.verify(forged, key=False).ok
    assert "trust" in told(kept.verify(forged))
    own = Signer(ORIGIN, kept.seed)
    for signed_by, sound in (([[own], [own, stranger], [stranger]], True), ([[own], [own], [stranger]], False)):
        members = read(kept.file)
        points = [Checkpoint.parse(text) for text in members["checkpoints"].decode().split("\n\n")[::2]][1:]
        notes = [note.sign(str(point), signers) for point, signers in zip(points, signed_by, strict=True)]
        since = 550 if sound else 600
        said = json.loads(members["manifest.json"]) | {"checkpoints": 3, "keys": 2}
        rotated = packed(
            members
            | {
                "checkpoints": "\n".join(notes).encode(),
                "proofs.jsonl": members["proofs.jsonl"].partition(b"\n")[2],
                "keys": f"{own.verifier} 300\n{stranger.verifier} {since}\n".encode(),
                "manifest.json": json.dumps(said).encode(),
            }
        )
        report = kept.verify(rotated)
        assert report.ok == sound, told(report)
        assert sound or "checkpoint 3, size 600" in told(report)


def test_checkpoints_are_of_this_log_and_not_forged(kept: Kept) -> None:
    members = read(kept.file)
    text = members["checkpoints"].decode()
    elsewhere = Signer("elsewhere.example/log", kept.seed)
    other = note.sign(str(Checkpoint("elsewhere.example/log", EVENTS, root_of([bytes(32)]))), [elsewhere])
    for checkpoints in (
        text.replace(ORIGIN + "\n300", ORIGIN + "\n301"),
        text.replace("\u2014 district", "\u2014 d1strict", 1),
    ):
        report = kept.verify(packed(members | {"checkpoints": checkpoints.encode()}))
        assert "checkpoint is not valid" in told(report)
    report = kept.verify(packed(members | {"checkpoints": f"{text}\n{other}".encode()}))
    assert "checkpoint 5" in told(report)
    stray = kept.folder / "stray"
    stray.write_text(other)
    assert "not of this log's keys" in told(kept.verify(None, stray))


def test_a_manifest_says_what_is_there(kept: Kept) -> None:
    members = read(kept.file)
    said = json.loads(members["manifest.json"])
    changes: list[dict[str, Any]] = [
        {"size": 599},
        {"root": "00" * 32},
        {"origin": "x"},
        {"shown": 1},
        {"withheld": 0},
        {"checkpoints": 3},
        {"keys": 2},
        {"format": "yuetan-bundle/2"},
        {"more": 1},
        {"members": {}},
        {"members": said["members"] | {"leaves": {"size": 1, "sha256": ""}}},
    ]
    for change in changes:
        changed = packed(members | {"manifest.json": json.dumps(said | change).encode()}, manifest=False)
        assert not kept.verify(changed).ok, change


def test_what_is_no_bundle_is_refused_in_one_line(kept: Kept) -> None:
    members = read(kept.file)
    twice = io.BytesIO(kept.file)
    with zipfile.ZipFile(twice, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("events.jsonl", b"")
    without = {name: data for name, data in members.items() if name != "keys"}
    for file in (
        b"",
        b"PK",
        kept.file[:-30],
        kept.file[: len(kept.file) // 2],
        twice.getvalue(),
        packed(without),
        packed(members | {"../../etc/passwd": b""}),
        packed(members | {"events.jsonl/": b""}),
        packed(members | {"keys": b"nothing\n"}),
        packed(members | {"keys": b""}),
        packed(members | {"manifest.json": b"[" * 100_000}, manifest=False),
        packed(members | {"manifest.json": b"[]"}, manifest=False),
        packed(members | {"checkpoints": b""}),
        packed(members | {"checkpoints": b"\n\n\n"}),
    ):
        report = kept.verify(file)
        assert not report.ok
        assert "\n" not in str(report.findings[-1])


def test_a_bomb_is_not_unpacked(kept: Kept) -> None:
    """A line without end, a million lines, and members that should be small."""
    members = read(kept.file)
    for name, data in (
        ("events.jsonl", bytes(70 << 20)),
        ("events.jsonl", b"{}\n" * 1_000_000),
        ("keys", bytes(10 << 20)),
        ("manifest.json", bytes(10 << 20)),
        ("checkpoints", bytes(10 << 20)),
    ):
        assert not kept.verify(packed(members | {name: data}, manifest=False)).ok
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, bytes(50 << 20) if name == "leaves" else data)
    assert "leaves is packed" in told(kept.verify(file.getvalue()))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["", *MEMBERS]), st.integers(0, 2**20), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_found_or_harmless(kept: Kept, name: str, place: int, bits: int) -> None:
    """Of the members and of the ZIP file around them. Harmless: what was unpacked is the same."""
    members = read(kept.file)
    changed = bytearray(members[name] if name else kept.file)
    changed[place % len(changed)] ^= bits
    file = packed(members | {name: bytes(changed)}, manifest=name != "manifest.json") if name else bytes(changed)
    if kept.verify(file).ok:
        same = read(file)
        manifest, was = (json.loads(files.pop("manifest.json")) for files in (same, members))
        for unproven in ("made_at", "program"):
            manifest.pop(unproven)
            was.pop(unproven)
        assert (manifest, same) == (was, members)


async def test_at_a_terminal_it_ends_with_the_right_code_and_says_where(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    async def verify(*arguments: object) -> tuple[int, str]:
        code = await yuetan.verify(yuetan.parse(["verify", *map(str, arguments)]))
        return code, capsys.readouterr().out

    sound, altered = kept.folder / "sound.zip", kept.folder / "altered.zip"
    sound.write_bytes(kept.file)
    altered.write_bytes(with_lines(kept.file, ATTACKS["a changed byte"][0]))
    trust = "--key", kept.key, "--checkpoint", kept.published
    code, out = await verify(sound, *trust)
    assert code == 0
    assert out.startswith("✓ 与签名一致 as it was signed: district.example/yuetan")
    code, out = await verify(altered, *trust)
    assert code == 1
    assert "line 42, position 42" in out.splitlines()[0]
    code, out = await verify(altered, "--json")
    said = json.loads(out)
    assert (code, said["ok"], said["findings"][0]["code"], said["findings"][0]["where"]["line"]) == (
        *(1, False),
        *("changed", 42),
    )
    for wrong in (("--key", "x"), ("--checkpoint", kept.folder / "nowhere")):
        with pytest.raises(CannotStart):
            await verify(sound, *wrong)
