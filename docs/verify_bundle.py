#!/usr/bin/env python3
"""Verifies a bundle after docs/proof.md, with Python's standard library alone and no code of the program that wrote it.
It ends with 0 if all is as it was signed; else with 1, and names line, leaf, position, stream and version.
Without --key it trusts the bundle's own first key, which proves less.
"""
import argparse, base64, difflib, hashlib, json, pathlib, re, sys, zipfile, zlib

MEMBERS = ["events.jsonl", "leaves", "checkpoints", "proofs.jsonl", "keys", "manifest.json"]
LONGEST, ID = 64 << 20, "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
WHOLE, TIME = "[1-9][0-9]{0,15}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
FORMS = {"command_id": ID, "originator_id": ID, "originator_version": WHOLE, "position": WHOLE,
         "recorded_at": TIME, "salt": ID, "state": "(?s:.*)", "topic": "(?s:.*)"}
problems = []
PLACE = "position {position}, stream {originator_id}, version {originator_version}, at {recorded_at}"
bad = problems.append

# Ed25519, after RFC 8032, section 6
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def add(a, b):
    u, v = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    w, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (v - u) * (z - w) % P, (z + w) * (v + u) % P, (z - w) * (z + w) % P, (v - u) * (v + u) % P
def times(number, point):
    if not number:
        return 0, 1, 1, 0
    half = times(number >> 1, add(point, point))
    return add(half, point) if number & 1 else half
def point(data):
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = next(x for x in (pow(x2, (P + 3) // 8, P) * root % P for root in (1, ROOT)) if y < P and not (x * x - x2) % P)
    x = P - x if x & 1 != sign else x  # (no root, and next() above raises: it is no point of the curve)
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
def signed(key, text, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % Q
    one, other = times(s, BASE), add(r, times(h, a))
    return len(signature) == 64 and s < Q and not any((one[n] * other[2] - other[n] * one[2]) % P for n in (0, 1))

# The tree, after RFC 9162, section 2.1
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
def roots(leaves, sizes):
    """Of the first leaves, for each size that there are enough leaves for."""
    made, stack, start = {}, [], 0  # the stack: complete subtrees, (height, hash), the largest first
    for size in sorted(size for size in sizes if 0 < size <= len(leaves)):
        for leaf in leaves[start:size]:
            stack.append((0, leaf))
            while len(stack) > 1 and stack[-2][0] == stack[-1][0]:
                (height, left), (_, right) = stack[-2:]
                stack[-2:] = [(height + 1, sha(b"\1", left, right))]
        start, made[size] = size, stack[-1][1]
        for _, left in stack[-2::-1]:
            made[size] = sha(b"\1", left, made[size])
    return made
def climb(first, second, whole, old, proof):
    """The roots of both trees as the proof (consumed from its end) makes them."""
    if first == second:
        return (old, old) if whole else (proof[-1], proof.pop())
    middle, side = 1 << (second - 1).bit_length() - 1, proof.pop()
    if first <= middle:
        one, other = climb(first, middle, whole, old, proof)
        return one, sha(b"\1", other, side)
    one, other = climb(first - middle, second - middle, False, old, proof)
    return sha(b"\1", side, one), sha(b"\1", side, other)

# Keys, checkpoints, lines
def read_key(text):
    name, hash, data = text.split("+", 2)
    key = base64.b64decode(data, validate=True)
    if key[:1] != b"\1" or len(key) != 33 or sha(name.encode(), b"\n", key)[:4].hex() != hash:
        raise ValueError(f"{text} is no key")
    return name, hash, key[1:]
def read_notes(data, keys):
    """Of each checkpoint: size, root, and which of the keys have signed it."""
    parts = data.decode().removesuffix("\n").split("\n\n")
    for text, lines in zip(parts[::2], parts[1::2], strict=True):
        (origin, size, root, *_), signers = text.split("\n"), []
        for dash, name, encoded in (line.split(" ") for line in lines.split("\n")):
            raw = base64.b64decode(encoded, validate=True)
            for key in [key for key in keys if (dash, name, raw[:4].hex()) == ("\u2014", key[0], key[1])]:
                if not signed(key[2], f"{text}\n".encode(), raw[4:]) or name != origin:
                    raise ValueError(f"the signature under the checkpoint of {origin}, size {size}, is false")
                signers.append(key)
        if not signers or str(int(size)) != size:
            raise ValueError(f"nobody whose key is known has signed the checkpoint of {origin}, size {size}")
        yield int(size), base64.b64decode(root, validate=True), signers
def read_line(line):
    said = json.loads(line)
    if json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() != line:
        raise ValueError("not canonical JSON")
    if said.keys() == {"leaf_hash"} and re.fullmatch("[0-9a-f]{64}", str(said["leaf_hash"])):
        return None
    for name, form in FORMS.items():
        value, kind = said[name], int if form == WHOLE else str
        if (name, value) != ("command_id", None) and (type(value) is not kind or not re.fullmatch(form, str(value))):
            raise ValueError(f"{name} is not as it should be")
    if len(said) != len(FORMS) or max(said["position"], said["originator_version"]) >= 2**53:
        raise ValueError("it has other members than an event")
    return said

def read_checkpoints(data, proofs, keys, trusted):
    """The roots by size, and since which size each key signs; a key counts once an older one has signed beside it."""
    own, since, retired, current = {}, {}, [], None
    for n, (size, root, signers) in enumerate(read_notes(data, keys)):
        since = {**dict.fromkeys(signers, size), **since}
        if current and current not in signers:
            bad(f"checkpoint {n + 1}, size {size}: signed by a key that the one before it has not brought in")
        else:
            current = current or next((key for key in signers if key in trusted), None)
            new = [key for key in signers if current and key != current and key not in retired]
            retired, current = retired + [current] * len(new[:1]), (new or [current])[0]
        if own:
            (before, old), proof = list(own.items())[-1], json.loads(proofs[n - 1])
            path = [bytes.fromhex(hash) for hash in proof["proof"]]
            fits = (proof["first"], proof["second"]) == (before, size) and 0 < before < size
            if not fits or climb(before, size, True, old, path) != (old, root) or path:
                bad(f"checkpoint {n + 1}, size {size}: no proof that it continues that of size {before}")
        own[size] = root
    if not current or len(proofs) != len(own) - 1:
        bad("no checkpoint is signed by a key that you trust, or there are more proofs than checkpoints")
    return own, since, [key for key in [*retired, current] if key]

def read_events(file, size, digest):
    """The lines' leaf hashes, and what each says; a hash alone says nothing."""
    hashes, said, versions, position, withheld = [], [], {}, 0, 0
    while (line := file.readline(LONGEST)) and len(hashes) <= size + 1000 and len(problems) < 1000:
        digest.update(line)
        hashes.append(sha(b"\0", line.removesuffix(b"\n")))
        try:
            fields = read_line(line[:-1] if line.endswith(b"\n") else b"")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            said.append(f"no event: {str(error)[:100]}")
            bad(f"line {len(hashes)}: {said[-1]}")
            continue
        said.append(fields and PLACE.format_map(fields))
        if fields is None:
            hashes[-1], withheld = bytes.fromhex(line[14:78].decode()), withheld + 1
            continue
        last, hidden = versions.get(fields["originator_id"], (0, 0))
        if fields["position"] <= position or not last < fields["originator_version"] <= last + 1 + withheld - hidden:
            bad(f"line {len(hashes)}: out of order, or versions after {last} are missing: {said[-1]}")
        position, versions[fields["originator_id"]] = fields["position"], (fields["originator_version"], withheld)
    return hashes, said, withheld

def compare(hashes, leaves, said):
    where = {leaf: n for n, leaf in enumerate(leaves)}
    for kind, a, b, c, d in difflib.SequenceMatcher(None, leaves, hashes, autojunk=False).get_opcodes():
        for n in range(c, d) if kind != "equal" else ():
            what = f"is leaf {where[hashes[n]]}" if hashes[n] in where else "changed" if n - c < b - a else "inserted"
            bad(f"line {n + 1}, leaf {a + n - c}, {what}: {said[n]}")
        if kind != "equal" and b - a > d - c:
            bad(f"removed: leaves {a + d - c} to {b - 1}, before line {d + 1}, between"
                f" {said[d - 1] if d else 'the start'} and {said[d] if d < len(said) else 'the end'}")

def verify(bundle, args):
    if sorted(bundle.namelist()) != sorted(MEMBERS) or bundle.getinfo("leaves").compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"it must hold {', '.join(MEMBERS)}, each once, and the leaves as they are")
    read = {name: bundle.open(name).read(LONGEST) for name in MEMBERS[2:]} | {"leaves": bundle.read("leaves")}
    listed = {read_key(line.split(" ")[0]): int(line.split(" ")[1]) for line in read["keys"].decode().splitlines()}
    trusted, proofs = [read_key(key) for key in args.key] or [*listed][:1], read["proofs.jsonl"].splitlines()
    own, since, known = read_checkpoints(read["checkpoints"], proofs, [*{**listed, **dict.fromkeys(trusted)}], trusted)
    digest, leaves = hashlib.sha256(), [read["leaves"][n:n + 32] for n in range(0, len(read["leaves"]), 32)]
    with bundle.open("events.jsonl") as file:
        hashes, said, withheld = read_events(file, len(leaves), digest)
    compare(hashes, leaves, said)
    kept = [(size, root, "") for size, root in own.items()]
    for path in args.checkpoint:
        for file in [*path.glob("checkpoints/*/*"), path / "checkpoint"] if path.is_dir() else [path]:
            kept += [(size, root, file) for size, root, _ in read_notes(file.read_bytes(), known)]
    made = roots(leaves, {size for size, _, _ in kept})
    fits = [size for size, root, _ in kept if made.get(size) == root]
    for size, root, file in sorted((one for one in kept if made.get(one[0]) != one[1]), key=lambda one: one[0])[:1]:
        first = max((n for n in fits if n < size), default=0)
        bad(f"contradicts the checkpoint {file} of size {size}, root {root.hex()}: in leaves {first} to {size - 1}")
    size, manifest = [*own][-1], json.loads(read["manifest.json"])
    told = {"format": "yuetan-bundle/1", "origin": [*listed][0][0], "size": size, "root": own[size].hex(),
            "shown": len(hashes) - withheld, "withheld": withheld, "checkpoints": len(own), "keys": len(listed)}
    sizes = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in read.items()}
    sizes["events.jsonl"] = {"size": bundle.getinfo("events.jsonl").file_size, "sha256": digest.hexdigest()}
    if listed != since or len(leaves) != size or manifest != {**manifest, **told} or manifest["members"] != {
            name: sizes[name] for name in MEMBERS[:-1]} or {*manifest} != {*told, "members", "made_at", "program"}:
        bad(f"keys, leaves or manifest.json do not say what is there: {told}")
    return told

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("bundle", metavar="F.zip")
parser.add_argument("--key", action="append", default=[], help="whose signature you trust")
parser.add_argument("--checkpoint", action="append", default=[], type=pathlib.Path, help="file or folder, from earlier")
args = parser.parse_args()
try:
    print(verify(zipfile.ZipFile(args.bundle), args))
except Exception as error:  # whatever it is, it is no bundle
    bad(f"not a bundle: {type(error).__name__} {error}")
print(*(f"BAD {problem}" for problem in problems[:100]), sep="\n")
print("altered" if problems else "as it was signed" if args.key else "as it was signed by the key that it names itself")
sys.exit(bool(problems))
