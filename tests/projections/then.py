"""The facts that the board and the aggregates folded from the log both tell of a petition, to be compared."""

import json
from typing import Any
from uuid import UUID

import asyncpg

from domain.meeting import Meeting
from domain.petition import Petition
from domain.task import Task
from infra.replay import Folded

Facts = dict[Any, Any]


def folded_facts(folded: Folded) -> Facts:
    """A view for ``infra.replay.replay``."""
    facts: Facts = {}
    for id, part in folded.items():
        if isinstance(part, Petition):
            names: tuple[str, ...] = (
                "phase",
                "round",
                "outcome",
                "urgent",
                "threshold",
                "extended_days",
                "merged_into",
            )
            clocks = {rule: (clock.due_at.isoformat(), clock.policy) for rule, clock in part.clocks.items()}
            posts = (list(part.called_post_ids), list(part.acknowledged))
            facts[id] = (*(getattr(part, name) for name in names), part.suspended_at is not None, *posts, clocks)
        elif isinstance(part, Task):
            names = ("status", "percent", "lead_unit_id", "transfer_to", "due_on", "version")
            due = part.clock and part.clock.due_at.isoformat()
            facts[id] = (*(getattr(part, name) for name in names), list(part.supporting_unit_ids), due)
        elif isinstance(part, Meeting):
            names = ("status", "starts_at", "rescheduled", "minutes_status", "version")
            facts[id] = tuple(getattr(part, name) for name in names)
    return facts


async def facts_on_the_board(pool: asyncpg.Pool, petition_id: UUID) -> Facts:
    row = await pool.fetchrow(
        "SELECT phase, round, outcome, urgent, threshold, extended_days, merged_into, suspended, called_post_ids,"
        " acknowledged, clocks FROM board.petitions WHERE id = $1",
        petition_id,
    )
    if row is None:
        return {}
    *told, clocks = row
    running = {rule: (clock["due_at"], clock["policy"]) for rule, clock in json.loads(clocks).items()}
    facts: Facts = {petition_id: (*told, running)}
    for id, *task in await pool.fetch(
        "SELECT id, status, percent, lead_unit_id, transfer_to, due_on, version, supporting_unit_ids,"
        " clock ->> 'due_at' FROM board.tasks WHERE petition_id = $1 AND status <> 'planned'",
        petition_id,
    ):
        facts[id] = tuple(task)
    for id, *meeting in await pool.fetch(
        "SELECT id, status, starts_at, rescheduled, minutes_status, version FROM board.meetings WHERE petition_id = $1",
        petition_id,
    ):
        facts[id] = tuple(meeting)
    return facts
