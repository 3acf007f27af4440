"""Who subscribes, pauses and replays; and that what is over is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.refusals import Conflict, Forbidden, NotFound
from domain.webhook import Audience, PausedBecause, Webhook
from tests.domain.story import ADMIN, EVERYBODY, WORKFLOW, Actor, Story, id_of, text

DAY = timedelta(days=1)


def subscribed() -> tuple[Story, Webhook]:
    story = Story()
    wanted = {"url": text(), "types": [], "audience": Audience.PUBLIC, "from_position": None}
    return story, story.do(Webhook.subscribe, ADMIN, id=id_of("webhook"), **wanted)


def test_old_and_new_secret_are_both_good_for_a_while() -> None:
    story, webhook = subscribed()
    story.when(webhook.rotate_secret, ADMIN, overlap=DAY).then(
        Webhook.SecretRotated, secret=2, old_until=story.now + DAY
    )
    story.when(webhook.rotate_secret, ADMIN, overlap=DAY).then(
        Webhook.SecretRotated, secret=3, old_until=story.now + DAY
    )


def test_it_is_paused_once_and_resumed_once_whoever_paused_it() -> None:
    story, webhook = subscribed()
    story.when(webhook.resume, ADMIN).refused(Conflict, "webhook-is-active")
    for pause, who, arguments in (
        (webhook.pause, ADMIN, {}),
        (webhook.give_up, WORKFLOW, {"reason": PausedBecause.UNANSWERED}),
    ):
        story.when(pause, who, **arguments).then(Webhook.Paused, reason=arguments.get("reason", "asked"))
        story.when(webhook.pause, ADMIN).refused(Conflict, "webhook-is-paused")
        story.when(webhook.resume, ADMIN).then(Webhook.Resumed)


COMMANDS: list[tuple[Callable[..., Any], Actor, dict[str, Any]]] = [
    (Webhook.rotate_secret, ADMIN, {"overlap": DAY}),
    (Webhook.pause, ADMIN, {}),
    (Webhook.give_up, WORKFLOW, {"reason": PausedBecause.GONE}),
    (Webhook.replay, ADMIN, {"from_position": 1}),
    (Webhook.cancel, ADMIN, {}),
]


@pytest.mark.parametrize(("method", "who", "arguments"), COMMANDS, ids=lambda value: getattr(value, "__name__", ""))
def test_only_administrators_decide_and_only_the_engine_gives_up(
    method: Callable[..., Any], who: Actor, arguments: dict[str, Any]
) -> None:
    for actor in EVERYBODY:
        story, webhook = subscribed()
        result = story.when(getattr(webhook, method.__name__), actor, **arguments)
        if actor == who:
            assert result.events
        else:
            result.refused(Forbidden, "forbidden")


@pytest.mark.parametrize(("method", "who", "arguments"), COMMANDS, ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_more_happens_to_a_cancelled_one(
    method: Callable[..., Any], who: Actor, arguments: dict[str, Any]
) -> None:
    story, webhook = subscribed()
    story.do(webhook.cancel, ADMIN)
    story.when(getattr(webhook, method.__name__), who, **arguments).refused(NotFound, "not-found")


def test_nobody_else_subscribes() -> None:
    story, _ = subscribed()
    wanted = {"url": text(), "types": [], "audience": Audience.HANDLERS, "from_position": 1}
    for actor in EVERYBODY:
        if actor != ADMIN:
            story.when(Webhook.subscribe, actor, id=id_of("other"), **wanted).refused(Forbidden, "forbidden")
