"""More time: asked for by the lead official, decided by somebody above, once."""

from typing import Any

import pytest

from domain.extension import Extension, extension_of
from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, Invalid
from tests.domain.story import ADMIN, EVERYBODY, OFFICIAL, SECOND_OFFICIAL, SUPERVISOR, Story, given, text


def asked(days: int = 10) -> tuple[Story, Extension]:
    story = given(Phase.IN_PROGRESS)
    story.do(story.posts[0].place, ADMIN, superior=story.posts[1])
    return story, story.do(Extension.ask, OFFICIAL, id=extension_of(story.petition.id), **wanted(story, days))


def wanted(story: Story, days: int = 10) -> dict[str, Any]:
    return {"petition": story.petition, "post": story.posts[0], "days": days, "reason": text("reason")}


def test_the_lead_official_asks_and_the_post_above_or_a_supervisor_decides() -> None:
    for actor in EVERYBODY:
        story = given(Phase.IN_PROGRESS)
        result = story.when(Extension.ask, actor, id=extension_of(story.petition.id), **wanted(story))
        if actor == OFFICIAL:
            result.then(Extension.Asked, days=10, superior_id=None)
        else:
            result.refused(Forbidden, "forbidden")
        for name in ("approve", "refuse"):
            story, extension = asked()
            arguments: dict[str, Any] = {"approve": {"petition": story.petition}, "refuse": {"explanation": text()}}
            result = story.when(getattr(extension, name), actor, **arguments[name])
            if actor in (SECOND_OFFICIAL, SUPERVISOR):
                assert result.events
            else:
                result.refused(Forbidden, "forbidden")


def test_approved_it_extends_the_petition_in_the_same_command() -> None:
    story, extension = asked()
    due_at = story.petition.clocks["response"].due_at
    result = story.when(extension.approve, SECOND_OFFICIAL, petition=story.petition)
    assert {type(event) for event in result.events} == {Petition.Extended, Extension.Approved}
    assert (story.petition.clocks["response"].due_at - due_at).days == 10
    for again in (extension.approve, extension.refuse):
        arguments = {"petition": story.petition} if again == extension.approve else {"explanation": text()}
        story.when(again, SUPERVISOR, **arguments).refused(Conflict, "extension-not-asked")


def test_refused_it_changes_no_date_and_may_be_asked_for_again() -> None:
    story, extension = asked()
    clocks = dict(story.petition.clocks)
    story.when(extension.ask_again, OFFICIAL, **wanted(story)).refused(Conflict, "extension-asked")
    story.when(extension.refuse, SUPERVISOR, explanation=text("why")).then(Extension.Refused)
    assert story.petition.clocks == clocks
    story.when(extension.ask_again, OFFICIAL, **wanted(story, 5)).then(Extension.AskedAgain, days=5)
    story.do(extension.approve, SUPERVISOR, petition=story.petition)
    assert story.petition.extended_days == 5


@pytest.mark.parametrize("days", [-1, 0, 31])
def test_no_more_is_asked_for_than_the_policy_gives(days: int) -> None:
    story = given(Phase.IN_PROGRESS)
    result = story.when(Extension.ask, OFFICIAL, id=extension_of(story.petition.id), **wanted(story, days))
    result.refused(Invalid, "extension-too-long", "days")


def test_after_the_answer_there_is_nothing_to_extend() -> None:
    story, extension = asked()
    story.answer()
    story.when(extension.approve, SUPERVISOR, petition=story.petition).refused(Conflict, "wrong-phase")
