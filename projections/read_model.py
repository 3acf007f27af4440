"""What a read model is made of: a name, a version, its tables, and a handler for each event it wants to know of."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from eventsourcing.utils import get_topic

from domain.clock import Clock
from domain.text import Text
from infra.event_store import Recorded
from infra.sealing import Keyring

Statement = tuple[Any, ...]  # SQL, then its arguments
Handler = Callable[[Any, Recorded], Iterable[Statement]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Plain:
    """An argument of a statement: a sealed text that is to be stored readable."""

    text: Text


@dataclass(frozen=True)
class Digest:
    """An argument of a statement: what is made of sealed texts and does not let them be read."""

    texts: tuple[Text, ...]
    make: Callable[[Keyring, Sequence[str]], str]


@dataclass(frozen=True)
class ReadModel:
    """Handlers are pure: they turn an event into statements on unqualified tables, and know no time but the event's.

    Raise ``version`` with every change of tables or handlers: the read model is then built anew from the log.
    """

    name: str
    version: int
    tables: str
    handlers: dict[str, Handler] = field(default_factory=dict)

    def on(self, *events: type) -> Callable[[H], H]:
        def register(handler: H) -> H:
            for event in events:
                topic = get_topic(event)
                assert topic not in self.handlers, f"two handlers of {self.name} for {topic}"
                self.handlers[topic] = handler
            return handler

        return register


# Between Python's values and jsonb, which asyncpg passes as text.


def to_json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Clock | Text):
        return vars(value)
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat()


def clocks_to_json(*clocks: Clock) -> str:
    return to_json({clock.rule: clock for clock in clocks})


def text_from(value: Mapping[str, str]) -> Text:
    return Text(UUID(value["key_id"]), value["sealed"])


def clock_from(value: Mapping[str, str]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(value[name]) for name in ("started_at", "due_at")}
    return {**value, **moments}


def shape(record: asyncpg.Record, *, texts: Iterable[str] = (), json_columns: Iterable[str] = ()) -> dict[str, Any]:
    """A row as callers get it: jsonb columns that are there parsed, and sealed texts as ``Text``."""
    row = dict(record)
    for name in row.keys() & {*texts, *json_columns}:
        row[name] = row[name] and json.loads(row[name])
    for name in texts:
        row[name] = row[name] and text_from(row[name])
    return row
