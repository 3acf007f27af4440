"""Passages of a text that a page marks: what may lead to a person, and what two texts have in common."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

ALIKE = 4  # characters in a row: shorter runs are in any two texts

Pieces = list[tuple[str, str]]  # text, and the kind of the mark; "" for none


def found(text: str, findings: Iterable[Mapping[str, Any]]) -> Pieces:
    """``findings`` of the API about this text, in its order."""
    pieces, at = [], 0
    for finding in findings:
        pieces += [(text[at : finding["start"]], ""), (text[finding["start"] : finding["end"]], finding["kind"])]
        at = finding["end"]
    return [piece for piece in [*pieces, (text[at:], "")] if piece[0]]


def shared(text: str, other: str) -> Pieces:
    """What stands in the other text as well, wherever it stands there: people tell the same in another order."""
    theirs, words = _runs(_plain(other)), _plain(text)
    marked = [False] * len(text)
    for start, run in enumerate(_runs_in_order(words)):
        if run in theirs:
            marked[start : start + ALIKE] = [True] * ALIKE
    grouped = groupby(zip(text, marked, strict=True), key=lambda pair: pair[1])
    return [("".join(char for char, _ in pairs), "shared" if same else "") for same, pairs in grouped]


def _plain(text: str) -> Sequence[str]:
    """Character by character, so that places stay: without regard to case; what is no word is in no run."""
    return [char.lower() if char.isalnum() else "" for char in text]


def _runs_in_order(words: Sequence[str]) -> list[str]:
    runs = (words[start : start + ALIKE] for start in range(len(words) - ALIKE + 1))
    return ["".join(run) if all(run) else "" for run in runs]


def _runs(words: Sequence[str]) -> set[str]:
    return set(_runs_in_order(words)) - {""}
