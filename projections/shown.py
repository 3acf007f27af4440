"""Which events a bundle shows to whoever gets it. Of all others it has the hash alone.

Nothing of a stream that has events which are not told is shown: a version counts those before it. So petitions,
ballots, slips and meetings (people come in at the door) stand there by hashes alone, and what is told of them is in the
history. Nothing that a resident has done is shown: an export knows no resident, under a pseudonym either.
"""

from typing import Any

import orjson

from domain.command import Role, aggregates
from infra.event_store import Recorded
from projections.timeline import VISIBILITY


def _open(aggregate: type[Any]) -> set[str]:
    members: list[Any] = [member for member in vars(aggregate).values() if isinstance(member, type)]
    events = [member for member in members if hasattr(member, "TOPIC")]
    if any(event.SECRET or event not in VISIBILITY for event in events):
        return set()
    return {event.TOPIC for event in events}


TOPICS = frozenset[str]().union(*(_open(aggregate) for aggregate in aggregates()))


def withheld(event: Recorded) -> bool:
    return event.topic not in TOPICS or orjson.loads(event.state).get("role") in (Role.RESIDENT, None)
