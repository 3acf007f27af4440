"""What goes into the log comes out as it was, or does not go in."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import TranscodingNotRegisteredError

from domain.clock import Clock
from domain.roadmap import RoadmapItem
from domain.text import Text
from infra.mapper import transcoder

NOW = datetime(2026, 11, 22, 4, 5, 6, 7, tzinfo=UTC)
TEXT = Text(uuid4(), "c2VhbGVk")


@pytest.mark.parametrize(
    "value",
    [
        {"text": TEXT, "clock": Clock("claim", NOW, NOW, "1"), "at": NOW, "on": date(2026, 11, 22)},
        {"items": [RoadmapItem(uuid4(), TEXT, uuid4(), [uuid4()], date(2026, 12, 1))]},
        {"pairs": {"a": ("yes", True), "b": ((1, 2), [(3,)])}, "nothing": None, "amount": Decimal("1.10")},
        {"signers": {f"{n:032x}": True for n in range(100)}},
        {"zh": "双向约谈 \x00 \u2028", "empty": {}, "tuple": ()},
    ],
)
def test_values_come_back_as_they_were_of_the_same_types(value: dict[str, Any]) -> None:
    decoded = transcoder.decode(transcoder.encode(value))
    assert decoded == value
    assert repr(decoded) == repr(value)


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    SMALL = 1


class Name(str):
    pass


@pytest.mark.parametrize("value", [Colour.RED, Size.SMALL, Name("x"), {1, 2}, frozenset({1}), object(), b"bytes"])
def test_what_would_come_back_as_something_else_is_refused(value: object) -> None:
    for holder in ({"value": value}, {"nested": {"value": [value]}}, {"tuple": (value,)}):
        with pytest.raises(TranscodingNotRegisteredError):
            transcoder.encode(holder)


def test_a_dict_with_other_keys_than_strings_is_refused() -> None:
    for keys in ({1: "a"}, {"a": {uuid4(): True}}):
        with pytest.raises(TypeError, match="str keys"):
            transcoder.encode(keys)


def test_what_was_marked_is_a_copy_that_the_aggregate_no_longer_changes() -> None:
    signers, tasks = {"a": True}, [1]
    state = transcoder.marked({"signers": signers, "tasks": tasks})
    signers["b"] = False
    tasks.append(2)
    assert state == {"signers": {"a": True}, "tasks": [1]}
