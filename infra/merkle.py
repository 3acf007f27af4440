"""The Merkle tree of a transparency log: hashes and proofs of RFC 9162 (as RFC 6962), stored as C2SP tlog-tiles.

A tile of level L holds up to 256 hashes, each of a complete subtree of 256**L leaves; only the last tile of a level may
be shorter, and only full ones count in the level above. All here is pure: reading and writing tiles is the caller's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

HASH_BYTES = 32
HEIGHT = 8
WIDTH = 1 << HEIGHT  # hashes of a full tile

EMPTY = sha256().digest()  # the root of a tree without leaves


class Tile(NamedTuple):
    """Where a tile stands: ``n`` counts those of its level from 0."""

    level: int
    n: int

    def path(self, width: int = WIDTH) -> str:
        """As tlog-tiles names it: ``tile/0/x001/234`` or, with less than 256 hashes, ``tile/0/x001/234.p/7``."""
        parts = [f"{self.n % 1000:03}"]
        rest = self.n // 1000
        while rest:
            parts.append(f"x{rest % 1000:03}")
            rest //= 1000
        return f"tile/{self.level}/{'/'.join(reversed(parts))}" + ("" if width == WIDTH else f".p/{width}")


Tiles = Mapping[Tile, bytes]  # hashes one after the other


class Subtree(NamedTuple):
    """The ``n``-th complete subtree of ``2**level`` leaves, from 0."""

    level: int
    n: int

    @property
    def place(self) -> tuple[Tile, int, int]:
        """The tile that tells its hash, and which of the tile's hashes, from and to, it is made of."""
        up = self.level % HEIGHT
        tile, first = divmod(self.n << up, WIDTH)
        return Tile(self.level // HEIGHT, tile), first, first + (1 << up)


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [sha256(b"\x01" + hashes[n] + hashes[n + 1]).digest() for n in range(0, len(hashes), 2)]
    return hashes[0]


def split(hashes: bytes) -> list[bytes]:
    return [hashes[n : n + HASH_BYTES] for n in range(0, len(hashes), HASH_BYTES)]


# Growing


class Edge:
    """The right edge of a tree, all that appending needs: of each level the last tile, if it is not full."""

    def __init__(self, size: int = 0, tiles: Tiles | None = None) -> None:
        """``tiles``: at least those of ``edge_of(size)`` that hold anything."""
        self.size = size
        self._open = [split(tiles[tile])[:width] if tiles and width else [] for tile, width in edge_of(size)]

    def append(self, leaf_hashes: Iterable[bytes]) -> Iterator[tuple[Tile, bytes]]:
        """Yields each tile that has become full."""
        waiting = iter(leaf_hashes)
        while True:
            if not self._open:
                self._open.append([])
            tile = self._open[0]
            before = len(tile)
            tile.extend(islice(waiting, WIDTH - before))
            self.size += len(tile) - before
            level = 0
            while len(tile := self._open[level]) == WIDTH:
                yield Tile(level, (self.size >> HEIGHT * (level + 1)) - 1), b"".join(tile)
                if level + 1 == len(self._open):
                    self._open.append([])
                self._open[level + 1].append(folded(tile))
                tile.clear()
                level += 1
            if not level:
                return

    def tiles(self) -> Iterator[tuple[Tile, bytes]]:
        """The tiles that are not full."""
        for level, hashes in enumerate(self._open):
            if hashes:
                yield Tile(level, self.size >> HEIGHT * (level + 1)), b"".join(hashes)

    def root(self) -> bytes:
        return root(self.size, dict(self.tiles()))


def edge_of(size: int) -> list[tuple[Tile, int]]:
    """The last tiles, level by level, of a tree of this size, with their widths from 0; they tell its root."""
    found, level = [], 0
    while size >> HEIGHT * level:
        index, width = divmod(size >> HEIGHT * level, WIDTH)
        found.append((Tile(level, index), width))
        level += 1
    return found


# Reading. Which tiles a question needs says `tiles_for`.


def subtrees(start: int, end: int) -> list[Subtree]:
    """The complete subtrees that leaves ``start`` to ``end`` (not included) are made of, left to right.

    ``start`` is where RFC 9162 cuts a tree: a multiple of the largest power of two below the length.
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def tiles_for(ranges: Iterable[tuple[int, int]]) -> set[Tile]:
    return {subtree.place[0] for start, end in ranges for subtree in subtrees(start, end)}


def range_hash(start: int, end: int, tiles: Tiles) -> bytes:
    hashes = []
    for subtree in subtrees(start, end):
        tile, first, last = subtree.place
        hashes.append(folded(split(tiles[tile][first * HASH_BYTES : last * HASH_BYTES])))
    found = hashes.pop()
    while hashes:
        found = node_hash(hashes.pop(), found)
    return found


def root(size: int, tiles: Tiles) -> bytes:
    return range_hash(0, size, tiles) if size else EMPTY


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Of which leaves the hashes of an inclusion proof are, in the order of the proof (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    found, start, end = [], 0, size
    while end - start > 1:
        middle = start + _below(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """Likewise of a consistency proof (RFC 9162, 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError(f"a tree of {second} leaves does not continue one of {first}")
    found, start, end, whole = [], 0, second, True
    while first != end:
        middle = start + _below(end - start)
        if first <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, whole = middle, False
    return found[::-1] if whole else [(start, end), *found[::-1]]


def _below(length: int) -> int:
    """The largest power of two below it."""
    return 1 << (length - 1).bit_length() - 1


# Verifying


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf with this hash is the one of this index in the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, hash = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            hash = node_hash(sibling, hash)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hash = node_hash(hash, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hash == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the second tree begins with all the leaves of the first (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first & (first - 1) == 0:  # a complete subtree itself
        proof = [first_root, *proof]
    if not proof:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = proof[0]
    for hash in proof[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(hash, old), node_hash(hash, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, hash)
        node, last = node >> 1, last >> 1
    return last == 0 and (old, new) == (first_root, second_root)
