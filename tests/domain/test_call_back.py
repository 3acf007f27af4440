"""The clerk's call-back: only those who agreed, one at a time, and only where too few have judged."""

from typing import Any

import pytest

from domain.command import Role
from domain.petition import Petition
from domain.petition.words import ENDS, Phase, Resolved
from domain.refusals import Conflict, Forbidden
from tests.domain.story import CLERK, EVERYBODY, WORKFLOW, Actor, Story, feedback, given, id_of, resident

OTHER_CLERK = Actor("other clerk", Role.CLERK)
FIRST = {"call_id": id_of("first call")}


def due(agreed: int, judged: int = 0) -> Story:
    """The window to judge is over."""
    story = given(Phase.IN_PROGRESS)
    for n in range(10, 10 - agreed, -1):
        story.do(story.petition.agree_to_call, resident(n))
    story.answer()
    story.invite()
    story.judge(*[Resolved.YES] * judged)
    story.later(days=20)
    return story


def begun(agreed: int = 2, judged: int = 0) -> Story:
    story = due(agreed, judged)
    story.when(story.petition.close_feedback, WORKFLOW).then(Petition.CallBackBegun, round=1)
    return story


def verdict(call: str = "first call") -> dict[str, Any]:
    return {"call_id": id_of(call), **feedback(Resolved.PARTLY)}


@pytest.mark.parametrize(("agreed", "judged"), [(0, 0), (0, 2), (5, 3)])
def test_where_enough_have_judged_or_nobody_agreed_nobody_is_called(agreed: int, judged: int) -> None:
    story = due(agreed, judged)
    story.when(story.petition.close_feedback, WORKFLOW).then(Petition.Closed)


def test_who_has_judged_or_taken_back_their_word_is_not_called() -> None:
    story = given(Phase.FEEDBACK)
    for n in (1, 2):
        story.do(story.petition.agree_to_call, resident(n))
    story.judge(Resolved.YES)
    story.do(story.petition.decline_call, resident(2))
    story.later(days=20)
    story.when(story.petition.close_feedback, WORKFLOW).then(Petition.Closed)


def test_agreeing_twice_is_agreeing_once_and_it_is_the_co_signers_alone() -> None:
    story = given(Phase.ROADMAP)
    agree, decline = story.petition.agree_to_call, story.petition.decline_call
    story.when(decline, resident(2)).then()
    story.when(agree, resident(2)).then(Petition.CallBackAgreed)
    story.when(agree, resident(2)).then()
    story.when(decline, resident(2)).then(Petition.CallBackDeclined)
    story.when(agree, resident(99)).refused(Forbidden, "not-a-co-signer")
    for end in ENDS:
        over = given(end).petition
        assert over.phase == end
        given_end = given(end)
        given_end.when(given_end.petition.agree_to_call, resident(1)).refused(Conflict, "wrong-phase")


def test_the_clerk_is_told_of_one_at_a_time_and_enters_what_was_said() -> None:
    story = begun()
    petition = story.petition
    story.when(petition.hand_out_call, CLERK, **FIRST).then(Petition.CallHandedOut, signer="resident-10")
    story.when(petition.hand_out_call, CLERK, call_id=id_of("again")).then()
    story.when(petition.hand_out_call, OTHER_CLERK, call_id=id_of("x")).refused(Conflict, "call-under-way")
    story.when(petition.take_feedback, OTHER_CLERK, **verdict()).refused(Conflict, "no-such-call")
    story.when(petition.take_feedback, CLERK, **verdict("again")).refused(Conflict, "no-such-call")
    story.when(petition.take_feedback, CLERK, **verdict()).then(Petition.FeedbackTaken, signer="resident-10")
    story.when(petition.take_feedback, CLERK, **verdict()).refused(Conflict, "no-such-call")
    story.when(petition.give_feedback, resident(10), **feedback()).refused(Conflict, "already-judged")

    second = {"call_id": id_of("second call")}
    story.when(petition.hand_out_call, CLERK, **second).then(Petition.CallHandedOut, signer="resident-9")
    story.do(petition.give_feedback, resident(9), **feedback())
    story.when(petition.take_feedback, CLERK, **verdict("second call")).refused(Conflict, "already-judged")
    story.when(petition.miss_call, CLERK, **second).then(Petition.CallMissed)
    story.when(petition.hand_out_call, CLERK, call_id=id_of("third")).refused(Conflict, "nobody-to-call")
    story.when(petition.close_feedback, WORKFLOW).refused(Conflict, "too-early")
    story.later(days=10)
    story.when(petition.close_feedback, WORKFLOW).then(Petition.Closed, judged=2, outcome="resolved")


def test_only_clerks_call_and_only_when_too_few_have_judged() -> None:
    story = given(Phase.FEEDBACK)
    story.do(story.petition.agree_to_call, resident(1))
    story.when(story.petition.hand_out_call, CLERK, **FIRST).refused(Conflict, "no-call-back")
    story = begun()
    for actor in EVERYBODY:
        if actor.role != Role.CLERK:
            story.when(story.petition.hand_out_call, actor, **FIRST).refused(Forbidden, "forbidden")
    story.do(story.petition.hand_out_call, CLERK, **FIRST)
    for actor in EVERYBODY:
        if actor.role != Role.CLERK:
            story.when(story.petition.take_feedback, actor, **verdict()).refused(Forbidden, "forbidden")
            story.when(story.petition.miss_call, actor, **FIRST).refused(Forbidden, "forbidden")
