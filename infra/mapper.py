"""Between domain events and stored bytes: the library's mapper, and a transcoder that keeps Python's types.

The library's JSON transcoder turns tuples into lists and enums into strings without a word. This one marks tuples, and
refuses what it does not know. A dataclass that aggregates or events hold takes one line at the end of this file.
"""

from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.persistence import (
    DatetimeAsISO,
    DecimalAsStr,
    JSONTranscoder,
    Mapper,
    Transcoding,
    UUIDAsHex,
)

import domain.appointment
import domain.ballot  # with petition's own imports, the topics of all that is stored
import domain.extension
import domain.intake
import domain.link
import domain.proposal
import domain.report
import domain.webhook  # noqa: F401
from domain.clock import Clock
from domain.meeting import AgendaItem, Commitment, Objection
from domain.petition.words import SplitProposal
from domain.roadmap import RoadmapItem
from domain.rulebook import Announcement, Issue
from domain.text import Text


class DateAsISO(Transcoding):
    type = date
    name = "date_iso"

    def encode(self, obj: date) -> str:
        return obj.isoformat()

    def decode(self, data: str) -> date:
        return date.fromisoformat(data)


class TupleAsList(Transcoding):
    type = tuple
    name = "tuple_as_list"

    def encode(self, obj: tuple[Any, ...]) -> list[Any]:
        return list(obj)

    def decode(self, data: list[Any]) -> tuple[Any, ...]:
        return tuple(data)


class DataclassAsDict(Transcoding):
    """Field by field. A field added later needs a default: what was stored before does not have it. A default is not
    stored, so that the same is stored as before."""

    def __init__(self, cls: type, name: str) -> None:
        self.type, self.name = cls, name
        self._fields = [(field.name, field.default) for field in fields(cls)]

    def encode(self, obj: Any) -> dict[str, Any]:
        values = ((name, getattr(obj, name), default) for name, default in self._fields)
        return {name: transcoder.marked(value) for name, value, default in values if value != default}

    def decode(self, data: dict[str, Any]) -> Any:
        return self.type(**data)


class StrictTranscoder(JSONTranscoder):
    """JSON in which every registered type comes back as itself, and any other type is an error."""

    def __init__(self) -> None:
        super().__init__()
        self._leaves: set[type] = {str, int, float, bool, type(None)}

    def register(self, transcoding: Transcoding) -> None:
        super().register(transcoding)
        if transcoding.type not in (tuple, UUID):
            self._leaves.add(transcoding.type)

    def encode(self, obj: Any) -> bytes:
        return orjson.dumps(self.marked(obj), self._encode_obj, OPTIONS)

    def marked(self, obj: Any) -> Any:
        """A copy with the tuples marked, which the JSON encoder would not ask us about. Leaves are left to it."""
        kind = type(obj)
        if kind in self._leaves:
            return obj
        if kind is dict:
            if not {str}.issuperset(map(type, obj)):
                raise TypeError("a dict in an event or an aggregate needs str keys: JSON has no others")
            if self._leaves.issuperset(map(type, obj.values())):
                return dict(obj)
            return {key: self.marked(value) for key, value in obj.items()}
        if kind is list:
            return [self.marked(item) for item in obj]
        if kind is tuple:
            return {"_type_": "tuple_as_list", "_data_": [self.marked(item) for item in obj]}
        if isinstance(obj, UUID):  # asyncpg's own kind too, which the id of a loaded aggregate is
            return {"_type_": "uuid_hex", "_data_": obj.hex}
        return self._encode_obj(obj)  # raises the library's own error


OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS

transcoder = StrictTranscoder()
for _transcoding in (
    UUIDAsHex(),
    DecimalAsStr(),
    DatetimeAsISO(),
    DateAsISO(),
    TupleAsList(),
    # The names are stored: never change one.
    DataclassAsDict(SplitProposal, "petition.split_proposal"),
    DataclassAsDict(Text, "text"),
    DataclassAsDict(Clock, "clock"),
    DataclassAsDict(RoadmapItem, "petition.roadmap_item"),
    DataclassAsDict(Issue, "rulebook.issue"),
    DataclassAsDict(AgendaItem, "meeting.agenda_item"),
    DataclassAsDict(Objection, "meeting.objection"),
    DataclassAsDict(Commitment, "meeting.commitment"),
    DataclassAsDict(Announcement, "rulebook.announcement"),
):
    transcoder.register(_transcoding)
mapper: Mapper[UUID] = Mapper(transcoder)
