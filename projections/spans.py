"""What read models said at any earlier moment: each of their rows as long as it stood so, by the log's own time.

A row stands from the event that made it (``since``) until the one that changed it (``until``). Moments are those at
which events were recorded; only what is told may make or change such a row, or its times would tell what is secret.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from domain.petition import Petition
from domain.task import Task
from infra.event_store import Recorded
from projections.read_model import Handler, ReadModel, Statement

SPAN = "since timestamptz NOT NULL, until timestamptz NOT NULL DEFAULT 'infinity'"
# (A database's clock may be set back: then nothing ever stood in between.)
RANGE = "tstzrange(since, greatest(since, until))"

PETITIONS = f"""
CREATE TABLE petitions_then (LIKE petitions, {SPAN});
CREATE INDEX ON petitions_then (id) WHERE until = 'infinity';
CREATE INDEX ON petitions_then USING gist ({RANGE})
"""
_PETITIONS = (
    "UPDATE petitions_then SET until = $2 WHERE id = $1 AND until = 'infinity'",
    "INSERT INTO petitions_then SELECT p.*, $2, 'infinity' FROM petitions AS p WHERE p.id = $1",
)

CLOCKS = f"""
CREATE TABLE clocks (
    petition_id uuid NOT NULL, subject_id uuid NOT NULL, clock jsonb NOT NULL,
    rule text, started_at timestamptz, due_at timestamptz, -- as the clock has them
    {SPAN}
);
CREATE INDEX ON clocks (subject_id) WHERE until = 'infinity';
CREATE INDEX ON clocks USING gist ({RANGE})
"""
_RUNNING: dict[type, str] = {
    Petition.Event: "(SELECT id AS petition_id, id AS subject_id, clock"
    " FROM petitions CROSS JOIN jsonb_each(clocks) AS each (rule, clock) WHERE id = $1) AS running",
    Task.Event: "(SELECT petition_id, id AS subject_id, clock FROM tasks"
    " WHERE id = $1 AND clock IS NOT NULL) AS running",
}
_CLOCKS = {
    kind: (
        "UPDATE clocks AS c SET until = $2 WHERE c.subject_id = $1 AND c.until = 'infinity'"
        f" AND NOT EXISTS (SELECT FROM {running} WHERE running.clock = c.clock)",
        "INSERT INTO clocks SELECT petition_id, subject_id, clock, clock ->> 'rule',"
        " (clock ->> 'started_at')::timestamptz, (clock ->> 'due_at')::timestamptz, $2, 'infinity'"
        f" FROM {running} WHERE NOT EXISTS (SELECT FROM clocks AS c"
        "  WHERE c.subject_id = $1 AND c.until = 'infinity' AND c.clock = running.clock)",
    )
    for kind, running in _RUNNING.items()
}


def at(n: int) -> str:
    """Whether a row stood at the moment that is the statement's parameter ``n``."""
    return f"{RANGE} @> ${n}::timestamptz"


def keep_petitions(model: ReadModel) -> None:
    """After every event of a petition its row is kept as it stands."""

    def kept(handler: Handler) -> Handler:
        def handled(event: Any, at: Recorded) -> Iterable[Statement]:
            yield from handler(event, at)
            if isinstance(event, Petition.Event):
                yield from ((sql, event.originator_id, at.recorded_at) for sql in _PETITIONS)

        return handled

    _wrap(model, kept)


def keep_clocks(model: ReadModel) -> None:
    """After every event that names a clock, those that run are kept: of a petition, or of a task."""

    def kept(handler: Handler) -> Handler:
        def handled(event: Any, at: Recorded) -> Iterable[Statement]:
            statements = list(handler(event, at))
            yield from statements
            kind = next((kind for kind in _CLOCKS if isinstance(event, kind)), None)
            if kind and any("clock" in sql for sql, *_ in statements):
                yield from ((sql, event.originator_id, _told_at(event, at)) for sql in _CLOCKS[kind])

        return handled

    _wrap(model, kept)


def _wrap(model: ReadModel, kept: Any) -> None:
    model.handlers.update({topic: kept(handler) for topic, handler in model.handlers.items()})


def _told_at(event: Any, at: Recorded) -> datetime:
    """When the host's clock begins tells that somebody signed: it is told of from then on."""
    if isinstance(event, Petition.ThresholdReached):
        return max(at.recorded_at, event.host_opinion.started_at)
    return at.recorded_at
