"""Trees by the definitions of RFC 9162, against the tiles they are read from."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import merkle
from infra.merkle import Edge, Tile

# The test data of Certificate Transparency's own programs.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

SIZES = st.integers(1, 1_500) | st.sampled_from([255, 256, 257, 1_280, 65_535, 65_536, 65_537, 66_000])


def leaves(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(n).encode()) for n in range(size)]


def grown(hashes: Sequence[bytes]) -> tuple[Edge, dict[Tile, bytes]]:
    edge = Edge()
    tiles = dict(edge.append(hashes))
    return edge, tiles | dict(edge.tiles())


ALL = leaves(66_000)
FULL, TILES = grown(ALL)


def by_definition(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return merkle.node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


def test_the_known_trees_have_the_known_roots() -> None:
    hashes = [merkle.leaf_hash(data) for data in INPUTS]
    assert [grown(hashes[: n + 1])[0].root().hex() for n in range(8)] == ROOTS
    assert Edge().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@settings(deadline=None)  # the definition is slow
@given(SIZES, st.data())
def test_a_tree_grown_in_pieces_is_the_tree(size: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, size))
    first, tiles = grown(ALL[:cut])
    again = Edge(cut, tiles)
    assert again.root() == first.root() == (by_definition(ALL[:cut]) if cut else merkle.EMPTY)
    tiles |= dict(again.append(ALL[cut:size]))
    tiles |= dict(again.tiles())
    assert again.size == size
    assert again.root() == by_definition(ALL[:size]) == merkle.root(size, tiles)
    assert tiles.keys() >= {tile for tile, width in merkle.edge_of(size) if width}


@settings(deadline=None)  # the definition is slow
@given(SIZES, st.data())
def test_each_leaf_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    ranges = merkle.inclusion_ranges(index, size)
    tiles = {tile: TILES[tile] for tile in merkle.tiles_for(ranges)}  # later, fuller tiles tell the same
    proof = [merkle.range_hash(start, end, tiles) for start, end in ranges]
    root = by_definition(ALL[:size])
    assert merkle.verify_inclusion(index, size, ALL[index], proof, root)
    other = data.draw(st.integers(0, size))
    if other != index:
        assert not merkle.verify_inclusion(other, size, ALL[index], proof, root)
    assert not merkle.verify_inclusion(index, size, merkle.leaf_hash(b"another"), proof, root)
    assert not merkle.verify_inclusion(index, size, ALL[index], [*proof, root], root)
    assert not proof or not merkle.verify_inclusion(index, size, ALL[index], proof[:-1], root)


@settings(deadline=None)  # the definition is slow
@given(SIZES, st.data())
def test_what_continues_is_proved_and_what_was_rewritten_is_not(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size))
    ranges = merkle.consistency_ranges(first, size)
    tiles = {tile: TILES[tile] for tile in merkle.tiles_for(ranges)}
    proof = [merkle.range_hash(start, end, tiles) for start, end in ranges]
    old, new = by_definition(ALL[:first]), by_definition(ALL[:size])
    assert merkle.verify_consistency(first, size, old, new, proof)
    changed = data.draw(st.integers(0, first - 1))
    rewritten = [*ALL[:changed], merkle.leaf_hash(b"another"), *ALL[changed + 1 : first]]
    assert not merkle.verify_consistency(first, size, by_definition(rewritten), new, proof)
    assert not merkle.verify_consistency(first, size, old, merkle.EMPTY, proof)
    assert not merkle.verify_consistency(first, size, old, new, [*proof, new])
    assert not proof or not merkle.verify_consistency(first, size, old, new, proof[:-1])


@pytest.mark.parametrize(
    ("tile", "width", "path"),
    [
        (Tile(0, 0), 256, "tile/0/000"),
        (Tile(1, 999), 1, "tile/1/999.p/1"),
        (Tile(0, 1_234_067), 256, "tile/0/x001/x234/067"),
        (Tile(2, 1_000), 255, "tile/2/x001/000.p/255"),
    ],
)
def test_tiles_are_named_as_the_specification_names_them(tile: Tile, width: int, path: str) -> None:
    assert tile.path(width) == path


def test_what_no_tree_has_is_refused() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_ranges(index, size)
        assert not merkle.verify_inclusion(index, size, merkle.EMPTY, [], merkle.EMPTY)
    for first, second in ((0, 5), (6, 5), (-1, 5)):
        with pytest.raises(ValueError, match="does not continue"):
            merkle.consistency_ranges(first, second)
        assert not merkle.verify_consistency(first, second, merkle.EMPTY, merkle.EMPTY, [])
