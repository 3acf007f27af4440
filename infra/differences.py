"""Where two sequences of leaf hashes differ: what is there, and what was signed."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from infra.merkle import split

Kind = Literal["changed", "removed", "inserted", "moved", "repeated"]


@dataclass(frozen=True)
class Difference:
    """``count`` neighbours at once. ``line``: the first that is there, or where one is missing; ``leaf``: the first
    that was signed, or that is signed after an inserted one. Both count from 0."""

    kind: Kind
    line: int
    leaf: int
    count: int = 1


def differences(found: bytes, signed: bytes) -> list[Difference]:
    """Both are hashes, one after the other; those signed are all different. Shortest story: a longest series that is in
    order stays, whatever else is signed has moved, and what is between is new or missing."""
    if found == signed:
        return []
    lines, leaves = split(found), split(signed)
    leaf_of = {leaf: n for n, leaf in enumerate(leaves)}
    targets = [leaf_of.get(line) for line in lines]
    stays = _longest_ascending(targets)
    there = set(targets)
    told: set[int | None] = {targets[n] for n in stays}
    story: list[Difference] = []
    anchors = [(-1, -1), *((n, leaf) for n in stays if (leaf := targets[n]) is not None), (len(lines), len(leaves))]
    for (line_before, leaf_before), (line_after, leaf_after) in pairwise(anchors):
        absent = [leaf for leaf in range(leaf_before + 1, leaf_after) if leaf not in there]
        for n in range(line_before + 1, line_after):
            target = targets[n]
            if target is not None:
                story.append(Difference("repeated" if target in told else "moved", n, target))
                told.add(target)
            elif absent:
                story.append(Difference("changed", n, absent.pop(0)))
            else:
                story.append(Difference("inserted", n, leaf_after))
        story += [Difference("removed", line_after, leaf) for leaf in absent]
    return _joined(story)


def _longest_ascending(numbers: list[int | None]) -> list[int]:
    """The places of a longest series of numbers that ascend (patience sorting)."""
    ends: list[int] = []
    at: list[int] = []
    before: dict[int, int | None] = {}
    for n, number in enumerate(numbers):
        if number is None:
            continue
        length = bisect_left(ends, number)
        before[n] = at[length - 1] if length else None
        ends[length : length + 1], at[length : length + 1] = [number], [n]
    found: list[int] = []
    last = at[-1] if at else None
    while last is not None:
        found.append(last)
        last = before[last]
    return found[::-1]


def _joined(story: list[Difference]) -> list[Difference]:
    found: list[Difference] = []
    for change in story:
        last = found[-1] if found else None
        steps = {"changed": (1, 1), "removed": (0, 1), "inserted": (1, 0)}.get(change.kind)
        if last and steps and last.kind == change.kind:
            lines, leaves = (step * last.count for step in steps)
            if (last.line + lines, last.leaf + leaves) == (change.line, change.leaf):
                found[-1] = replace(last, count=last.count + 1)
                continue
        found.append(change)
    return found
