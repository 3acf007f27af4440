"""Whether a log is what was signed: of a bundle that `yuetan export` wrote, with nothing else at hand.

docs/proof.md says what is checked, and docs/verify_bundle.py does the same without any of this.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from infra import merkle, note
from infra.differences import Difference, differences
from infra.merkle import HASH_BYTES, WIDTH, Edge, Tile
from infra.note import BadNote, Checkpoint, Verifier

FORMAT = "yuetan-bundle/1"
MEMBERS = ("events.jsonl", "leaves", "checkpoints", "proofs.jsonl", "keys", "manifest.json")
SMALL = 1 << 20  # bytes of manifest and keys
LONGEST_LINE = 64 << 20  # bytes
MOST_FINDINGS = 100
LARGEST = (1 << 53) - 1  # a whole number that every JSON reader reads as itself

_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID, _TIME = re.compile(_ID), re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HASH = re.compile("[0-9a-f]{64}")
_FIELDS = {"command_id", "originator_id", "originator_version", "position", "recorded_at", "salt", "state", "topic"}

Tell = Callable[[int, int], None]  # so many leaves of so many
Fields = Mapping[str, Any]


class Unreadable(Exception):
    """The bundle is none, or is made to do harm: ``str`` says why."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was signed. ``where``: line (from 1), leaf (from 0), position, stream, version …"""

    code: str
    zh: str
    en: str
    where: Fields

    def __str__(self) -> str:
        place = ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in self.where.items() if value is not None
        )
        return f"{self.zh} {self.en}: {place}" if place else f"{self.zh} {self.en}"


@dataclass
class Report:
    findings: list[Finding] = field(default_factory=list)
    more: int = 0  # that are not told one by one
    warnings: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, code: str, zh: str, en: str, **where: Any) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, zh, en, where))
        else:
            self.more += 1

    def warn(self, code: str, zh: str, en: str, **where: Any) -> None:
        self.warnings.append(Finding(code, zh, en, where))

    @property
    def ok(self) -> bool:
        return not self.findings

    def json(self) -> str:
        told = {name: [asdict(finding) for finding in getattr(self, name)] for name in ("findings", "warnings")}
        return json.dumps({"ok": self.ok, **self.facts, **told, "more": self.more}, ensure_ascii=False)


# Lines


def parse_line(line: bytes) -> Fields:
    """A line as this program writes it, or ``ValueError``."""
    fields = orjson.loads(line)
    if not isinstance(fields, dict) or orjson.dumps(fields, option=orjson.OPT_SORT_KEYS) != line:
        raise ValueError("not canonical JSON (RFC 8785)")
    if fields.keys() == {"leaf_hash"} and isinstance(hash := fields["leaf_hash"], str) and _HASH.fullmatch(hash):
        return fields
    whole = (fields.get("position"), fields.get("originator_version"))
    texts = [fields.get(name) for name in ("originator_id", "recorded_at", "state", "topic")]
    if (
        fields.keys() != _FIELDS
        or not all(type(number) is int and 0 < number <= LARGEST for number in whole)
        or not all(isinstance(text, str) for text in texts)
        or not _UUID.fullmatch(fields["originator_id"])
        or not _UUID.fullmatch(str(fields["salt"]))
        or not _TIME.fullmatch(fields["recorded_at"])
        or not (fields["command_id"] is None or _UUID.fullmatch(str(fields["command_id"])))
    ):
        raise ValueError("not the eight members of an event")
    return fields


def place(fields: Fields | None) -> dict[str, Any]:
    if not fields or "position" not in fields:
        return {}
    names = {"position": "position", "stream": "originator_id", "version": "originator_version", "at": "recorded_at"}
    return {name: fields[member] for name, member in names.items()}


class Order:
    """That positions ascend, and that a stream lacks no more versions than lines in between are withheld."""

    def __init__(self, report: Report) -> None:
        self._report, self._position, self._withheld = report, 0, 0
        self._streams: dict[str, tuple[int, int]] = {}

    def see(self, n: int, fields: Fields) -> None:
        if "position" not in fields:
            self._withheld += 1
            return
        stream, version = fields["originator_id"], fields["originator_version"]
        if fields["position"] <= self._position:
            self._report.add("order", "位置顺序不对", "out of the order of positions", line=n + 1, **place(fields))
        self._position = max(self._position, fields["position"])
        last, withheld = self._streams.get(stream, (0, 0))
        if version <= last:
            self._report.add("version_twice", "版本重复或倒退", "a version twice", line=n + 1, **place(fields))
        elif version - last - 1 > self._withheld - withheld:
            missing = {"missing": f"{last + 1}" if version == last + 2 else f"{last + 1} to {version - 1}"}
            self._report.add("version_gap", "缺少版本", "versions are missing", **missing, line=n + 1, **place(fields))
        self._streams[stream] = version, self._withheld


# Trees


def roots(
    hashes: bytes, sizes: Iterable[int], each: Callable[[Tile, bytes], None] = lambda *_: None
) -> Iterator[tuple[int, bytes]]:
    """Of the first ``size`` leaves, for each size that ascends and that there are enough leaves for. ``each`` is told
    each tile when it is full, and at the end the others."""
    edge = Edge()
    for size in sizes:
        if size * HASH_BYTES > len(hashes):
            return
        for tile, content in edge.append(merkle.split(hashes[edge.size * HASH_BYTES : size * HASH_BYTES])):
            each(tile, content)
        yield size, edge.root()
    for tile, content in edge.tiles():
        each(tile, content)


class Chain:
    """Checkpoints, the oldest first: each signed by the key in force, which alone can bring in the next."""

    def __init__(self, keys: Sequence[Verifier], trusted: Sequence[Verifier], report: Report) -> None:
        self._keys, self._trusted, self._report = list(dict.fromkeys([*keys, *trusted])), trusted, report
        self._current: Verifier | None = None
        self._retired: set[Verifier] = set()
        self.accepted: list[Verifier] = list(trusted)
        self.since: dict[Verifier, int] = {}

    def open(self, text: str, n: int) -> Checkpoint | None:
        try:
            said, signers = note.open_note(text, self._keys)
            made = Checkpoint.parse(said)
        except BadNote as error:
            self._report.add("checkpoint", "检查点无效", "a checkpoint is not valid", checkpoint=n + 1, why=str(error))
            return None
        where = {"checkpoint": n + 1, "size": made.size}
        if any(signer.name != made.origin for signer in signers):
            self._report.add("origin", "检查点属于别的日志", "a checkpoint of another log", **where, origin=made.origin)
        for signer in signers:
            self.since.setdefault(signer, made.size)
        if self._current is None:
            self._current = next((signer for signer in signers if signer in self._trusted), None)
            if self._current is None:
                return made  # from before the key that is trusted: it counts by its tree
        elif self._current not in signers:
            zh, en = "换了密钥而旧密钥没有签名", "signed by a key that the one before it has not brought in"
            self._report.add("key", zh, en, **where, key=signers[0].hash.hex())
            return made
        for signer in signers:
            if signer != self._current and signer not in self._retired:
                self._retired.add(self._current)
                self._current = signer
                self.accepted.append(signer)
                break
        return made

    def end(self) -> None:
        if self._current is None:
            self._report.add("key", "没有检查点由您信任的密钥签名", "no checkpoint is signed by a key that you trust")


def notes(file: IO[bytes]) -> Iterator[str]:
    """One after the other, with an empty line in between. Raises ``Unreadable``."""
    part, gaps = b"", 0
    while line := file.readline(SMALL):
        gaps += line == b"\n"
        if gaps == 2:
            yield _text(part)
            part, gaps = b"", 0
        else:
            part += line
        if len(part) > SMALL:
            raise Unreadable("a checkpoint is longer than 1 MiB")
    if part:
        yield _text(part)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except ValueError as error:
        raise Unreadable(f"what should be text is none: {error}") from error


@dataclass(frozen=True)
class Earlier:
    """A checkpoint that was kept elsewhere, and where. ``folder``: of the tiles, if those are at hand."""

    name: str
    note: str
    folder: Path | None = None


def earlier(path: Path) -> list[Earlier]:
    """One file of checkpoints, or a folder as they are published in. Raises ``OSError`` or ``Unreadable``."""
    files = [path]
    if path.is_dir():
        files = [*path.glob("checkpoint"), *sorted(file for file in path.glob("checkpoints/**/*") if file.is_file())]
        if not files:
            raise Unreadable(f"there are no checkpoints in {path}")
    found = []
    for file in files:
        with file.open("rb") as opened:
            found += [Earlier(str(file), text, path if path.is_dir() else None) for text in notes(opened)]
    return found


def kept_leaves(folder: Path, checkpoint: Checkpoint) -> bytes | None:
    """The leaf hashes under this checkpoint, from published tiles; None where they are not all there."""
    found = b""
    for n in range(-(-checkpoint.size // WIDTH)):
        width = min(WIDTH, checkpoint.size - n * WIDTH)
        paths = [folder / Tile(0, n).path(w) for w in range(width, WIDTH + 1)]
        tile = next((path.read_bytes() for path in paths[::-1] if path.exists()), b"")
        found += tile[: width * HASH_BYTES]
    if len(found) != checkpoint.size * HASH_BYTES or dict(roots(found, [checkpoint.size])) != {
        checkpoint.size: checkpoint.root
    }:
        return None
    return found


@dataclass
class Evidence:
    """Roots that the log must have: by its own checkpoints, and by those kept elsewhere."""

    own: dict[int, Checkpoint] = field(default_factory=dict)
    kept: list[tuple[Earlier, Checkpoint]] = field(default_factory=list)


def open_earlier(given: Sequence[Earlier], chain: Chain, evidence: Evidence, report: Report) -> None:
    for one in given:
        try:
            said, signers = note.open_note(one.note, chain.accepted)
            made = Checkpoint.parse(said)
        except BadNote as error:
            zh, en = "给出的检查点不是这些密钥签的", "a given checkpoint is not of this log's keys"
            report.add("earlier", zh, en, file=one.name, why=str(error))
            continue
        if made.origin != signers[0].name:
            report.add("origin", "给出的检查点属于别的日志", "a given checkpoint is of another log", file=one.name)
        evidence.kept.append((one, made))


def check_roots(
    hashes: bytes, evidence: Evidence, report: Report, each: Callable[[Tile, bytes], None] = lambda *_: None
) -> bytes | None:
    """The leaves against every checkpoint. Of what does not fit: the narrowest range, and where kept tiles tell it,
    the leaf hashes that were signed instead."""
    count = len(hashes) // HASH_BYTES
    every = [(None, checkpoint) for checkpoint in evidence.own.values()] + evidence.kept
    made = dict(roots(hashes, sorted({checkpoint.size for _, checkpoint in every}), each))
    good = [checkpoint.size for _, checkpoint in every if made.get(checkpoint.size) == checkpoint.root]
    signed: bytes | None = None
    for group in ([(None, checkpoint) for checkpoint in evidence.own.values()], evidence.kept):
        bad = sorted(((c.size, c, one) for one, c in group if made.get(c.size) != c.root), key=lambda found: found[0])
        if not bad:
            continue
        size, checkpoint, one = bad[0]
        where = {"size": size, "root": checkpoint.root.hex(), "file": one.name if one else None}
        if size > count:
            zh, en = "日志比检查点短", "the log is shorter than a checkpoint"
            report.add("truncated", zh, en, **where, leaves=f"{count} to {size - 1}")
        else:
            zh, en = "与检查点矛盾", "contradicts a checkpoint; the difference lies in these leaves"
            first = max((n for n in good if n < size), default=0)
            report.add("contradicts", zh, en, **where, leaves=f"{first} to {size - 1}")
        _, checkpoint, one = bad[-1]
        signed = kept_leaves(one.folder, checkpoint) if one and one.folder else None
    return signed


def differ_rightly(found: bytes, leaves: bytes, last: Checkpoint, report: Report) -> bool:
    """False where the events are those under the last checkpoint, and it is the leaf hashes that were altered."""
    if found == leaves or dict(roots(found, [last.size])) != {last.size: last.root} or len(found) != 32 * last.size:
        return True
    zh, en = "叶子哈希被改动,事件无误", "the leaf hashes were altered; the events are those signed"
    report.add("leaves", zh, en, leaf=differences(leaves, found)[0].leaf)
    return False


# A bundle


class Bundle:
    """The file, opened with care: what it holds is a stranger's."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable(f"{path} is not a ZIP file that can be read: {error}") from error
        names = [member.filename for member in self._zip.infolist()]
        if sorted(names) != sorted(MEMBERS):
            twice = {name for name in names if names.count(name) > 1}
            odd = sorted(twice or {*names} ^ {*MEMBERS})
            raise Unreadable(f"it must hold {', '.join(MEMBERS)}, each once; see {', '.join(map(repr, odd[:5]))}")
        for member in self._zip.infolist():
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Unreadable(f"{member.filename} is encrypted, or packed by another method than deflate")
        if self._zip.getinfo("leaves").compress_type != zipfile.ZIP_STORED:
            raise Unreadable("leaves is packed: hashes are stored as they are")
        self.digests = {name: hashlib.sha256() for name in MEMBERS}
        self.sizes = dict.fromkeys(MEMBERS, 0)

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def small(self, name: str, most: int = SMALL) -> bytes:
        with self._zip.open(name) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise Unreadable(f"{name} is larger than {most} bytes")
        self.digests[name].update(data)
        self.sizes[name] += len(data)
        return data

    def whole(self, name: str) -> bytes:
        return self.small(name, self._zip.getinfo(name).compress_size)

    def lines(self, name: str) -> Iterator[bytes]:
        """With their ends. Each once, in order."""
        with io.BufferedReader(self._zip.open(name), SMALL) as file:  # type: ignore[type-var]
            digest, size = self.digests[name], 0
            while line := file.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise Unreadable(f"{name} has a line longer than {LONGEST_LINE} bytes")
                digest.update(line)
                size += len(line)
                yield line
            self.sizes[name] = size

    def again(self, wanted: set[int]) -> dict[int, Fields]:
        """What some lines say, of those that say anything: read a second time."""
        found: dict[int, Fields] = {}
        if wanted:
            with self._zip.open("events.jsonl") as file:
                for n in range(max(wanted) + 1):
                    line = file.readline(LONGEST_LINE)
                    if n in wanted:
                        with suppress(ValueError):
                            found[n] = parse_line(line.removesuffix(b"\n"))
        return found


class Lines:
    """A file of several lines that are read one by one."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def readline(self, _: int = -1, /) -> bytes:
        return next(self._lines, b"")


def verify_bundle(
    path: Path, trusted: Sequence[Verifier] = (), given: Sequence[Earlier] = (), tell: Tell = lambda *_: None
) -> Report:
    report = Report()
    try:
        with Bundle(path) as bundle:
            _verify(bundle, trusted, given, tell, report)
    except (Unreadable, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        report.add("unreadable", "文件不可用", "the bundle cannot be used", why=str(error) or type(error).__name__)
    return report


def _verify(bundle: Bundle, trusted: Sequence[Verifier], given: Sequence[Earlier], tell: Tell, report: Report) -> None:
    manifest = _manifest(bundle.small("manifest.json"))
    keys = _keys(_text(bundle.small("keys")))
    if not keys:
        raise Unreadable("keys has no key")
    if not trusted:
        zh, en = (
            "未用 --key 指定密钥",
            "no --key was given, and its own first key proves less: that it agrees with itself",
        )
        report.warn("own_key", zh, en, key=str(keys[0][0]))
    chain = Chain([key for key, _ in keys], trusted or [keys[0][0]], report)
    evidence = Evidence()
    last = _checkpoints(bundle, chain, evidence, report)
    for key, since in keys:
        if chain.since.get(key) != since:
            zh, en = "密钥起始大小不符", "a key does not sign from the size on that is told"
            report.add("keys", zh, en, key=key.hash.hex(), told=since, signs_from=chain.since.get(key))
    chain.end()
    open_earlier(given, chain, evidence, report)
    leaves = bundle.whole("leaves")
    found, shown, withheld, bad, ordered = _events(bundle, last.size, tell)
    signed = leaves if differ_rightly(found, leaves, last, report) else found
    changes = differences(found, signed)
    tell_differences(changes, bundle.again(neighbours(changes)), report, bad)
    kept = check_roots(signed, evidence, report)
    if len(signed) > HASH_BYTES * last.size:
        zh, en = "叶子多于检查点", "more leaves than the last checkpoint has"
        report.add("leaves", zh, en, leaf=last.size, size=last.size)
    if kept is not None:
        changes = differences(found[: len(kept)], kept)
        tell_differences(changes, bundle.again(neighbours(changes)), report, code="kept_")
    for finding in ordered.findings:
        report.add(finding.code, finding.zh, finding.en, **finding.where)
    facts = {"origin": last.origin, "size": last.size, "root": last.root.hex(), "shown": shown, "withheld": withheld}
    facts |= {"checkpoints": len(evidence.own), "keys": len(keys)}
    report.facts |= facts
    said = {"format": FORMAT, **facts}
    for name, value in said.items():
        if manifest.get(name) != value:
            zh, en = "清单与内容不符", "the manifest says otherwise"
            report.add("manifest", zh, en, name=name, said=str(manifest.get(name))[:100], found=value)
    if set(manifest) != {*said, "members", "made_at", "program"}:
        report.add("manifest", "清单有多余或缺少的项", "the manifest has other members than it should")
    told = manifest.get("members")
    for name in MEMBERS[:-1]:
        digest = {"size": bundle.sizes[name], "sha256": bundle.digests[name].hexdigest()}
        if not isinstance(told, dict) or told.get(name) != digest or len(told) != len(MEMBERS) - 1:
            report.add("digest", "摘要不符", "not the bytes of the manifest", member=name)


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except ValueError as error:
        raise Unreadable(f"manifest.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unreadable("manifest.json is not an object")
    return found


def _keys(text: str) -> list[tuple[Verifier, int]]:
    found = []
    for line in text.splitlines():
        key, _, since = line.partition(" ")
        try:
            if not (since.isascii() and since.isdigit() and len(since) < 17):
                raise ValueError(f"{line!r} does not say from which size on it signs")
            found.append((Verifier.parse(key), int(since)))
        except ValueError as error:
            raise Unreadable(f"keys: {error}") from error
    return found


def _checkpoints(bundle: Bundle, chain: Chain, evidence: Evidence, report: Report) -> Checkpoint:
    """Signatures, sizes that ascend, and a proof from each to the next; answers with the last one."""
    last: Checkpoint | None = None
    proofs = bundle.lines("proofs.jsonl")
    checkpoints = Lines(bundle.lines("checkpoints"))
    for n, text in enumerate(notes(checkpoints)):  # type: ignore[arg-type]
        made = chain.open(text, n)
        if made is None:
            continue
        if last is not None:
            if made.size <= last.size:
                raise Unreadable(f"checkpoint {n + 1}, of {made.size} leaves, does not follow one of {last.size}")
            if not _proves(next(proofs, b""), last, made):
                zh, en = "一致性证明无效", "no proof that a checkpoint continues the one before"
                report.add("consistency", zh, en, checkpoint=n + 1, size=made.size, before=last.size)
        evidence.own[made.size] = last = made
        if len(report.findings) >= MOST_FINDINGS:
            break
    if last is None:
        raise Unreadable("there is no checkpoint in it that counts")
    if any(True for _ in proofs):
        report.add("consistency", "多余的证明", "more proofs than checkpoints")
    return last


def _proves(line: bytes, first: Checkpoint, second: Checkpoint) -> bool:
    try:
        said = orjson.loads(line)
        hashes = [bytes.fromhex(hash) for hash in said["proof"]]
        return (said["first"], said["second"]) == (first.size, second.size) and merkle.verify_consistency(
            first.size, second.size, first.root, second.root, hashes
        )
    except (ValueError, KeyError, TypeError):
        return False


def _events(bundle: Bundle, size: int, tell: Tell) -> tuple[bytes, int, int, dict[int, str], Report]:
    """The lines' leaf hashes, how many are shown and withheld, those that are none, and what is out of order."""
    found, bad, ordered = bytearray(), dict[int, str](), Report()
    order, shown, withheld = Order(ordered), 0, 0
    for n, whole in enumerate(bundle.lines("events.jsonl")):
        line = whole.removesuffix(b"\n")
        try:
            if line is whole:
                raise ValueError("a line without an end")
            fields = parse_line(line)
        except ValueError as error:
            found += merkle.leaf_hash(line)
            bad[n] = str(error)
        else:
            if "leaf_hash" in fields:
                found += bytes.fromhex(fields["leaf_hash"])
                withheld += 1
            else:
                found += merkle.leaf_hash(line)
                shown += 1
            order.see(n, fields)
        if not n % 1000:
            tell(n, size)
        if n > size + 1000 or len(bad) > 1000:
            bad[n] = "far more lines than leaves were signed, or nothing but bad ones: the rest was not read"
            break
    tell(size, size)
    return bytes(found), shown, withheld, bad, ordered


SAID = {
    "changed": ("内容被改动", "changed"),
    "removed": ("被删除", "removed"),
    "inserted": ("被插入", "inserted"),
    "moved": ("被移动或调换", "moved or swapped: it is the leaf"),
    "repeated": ("重复出现", "there twice: it is the leaf"),
}


def neighbours(changes: Iterable[Difference]) -> set[int]:
    """The lines that have to be read to name these places."""
    return {n for change in changes for n in (change.line - 1, change.line) if n >= 0}


def tell_differences(
    changes: Sequence[Difference],
    lines: Mapping[int, Fields],
    report: Report,
    bad: Mapping[int, str] | None = None,
    code: str = "",
) -> None:
    """``lines``: what they say, those that can be read. ``bad``: why the others cannot."""
    bad = bad or {}
    for change in changes:
        zh, en = SAID[change.kind]
        where: dict[str, Any] = {"line": change.line + 1}
        if change.kind == "removed":
            where = {"before_line": change.line + 1}
            where |= {"after_position": place(lines.get(change.line - 1)).get("position")}
            where |= {"before_position": place(lines.get(change.line)).get("position")}
        else:
            where |= place(lines.get(change.line))
        where["leaf"] = change.leaf
        if change.count > 1:
            where["count"] = change.count
        if change.line in bad and change.kind != "removed":
            where["why"] = bad[change.line]
        report.add(code + change.kind, zh, en, **where)
    told = {change.line for change in changes if change.kind != "removed"}
    for n, why in bad.items():
        if n not in told:
            report.add("bad_line", "该行不是规范的事件", "a line is no event", line=n + 1, why=why)
