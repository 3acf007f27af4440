"""A thousand lives: whatever has been stored up to any place makes the state that the live aggregate had there."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from domain.command import Decider
from infra.mapper import mapper
from infra.snapshots import fold
from tests.domain.test_life import Life

LIVES, STEPS = 1_000, 10
Place = tuple[UUID, int]


def state(aggregate: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(aggregate).items() if name != "_pending_events"}


def test_a_thousand_lives_fold_at_every_place_to_what_the_aggregate_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    were: dict[Place, dict[str, Any]] = {}
    places = lives = 0

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def decided(aggregate: Any, *args: Any, **facts: Any) -> Any:
            made = method(aggregate, *args, **facts)
            changed = made or aggregate
            if isinstance(changed, Decider) and not changed.rehearsing:
                were[changed.id, changed.version] = deepcopy(state(changed))
            return made

        return decided

    monkeypatch.setattr(Aggregate, "trigger_event", noting(Aggregate.trigger_event))
    monkeypatch.setattr(Decider, "begin", classmethod(noting(Decider.begin.__func__)))  # type: ignore[attr-defined]

    class Replayed(Life):
        def __init__(self) -> None:
            super().__init__()
            were.clear()

        def teardown(self) -> None:
            nonlocal places, lives
            folded: dict[UUID, Aggregate] = {}
            for event in self.story.log if hasattr(self, "story") else []:
                id = event.originator_id
                folded[id] = fold(folded.get(id), mapper.to_stored_event(event))
                assert state(folded[id]) == were[id, event.originator_version]
                places += 1
            lives += 1

    run_state_machine_as_test(
        Replayed,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a life takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert lives >= LIVES
    assert places > 20 * LIVES
