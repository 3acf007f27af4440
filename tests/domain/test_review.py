"""Review and second review: who may ask, who decides, until when, and what follows."""

from datetime import timedelta

import pytest

from domain.command import Role
from domain.petition import Petition
from domain.petition.words import Phase, Resolved, ReviewResult
from domain.refusals import Conflict, Forbidden
from tests.domain.story import (
    EVERYBODY,
    LEAD,
    SIGNER,
    SUPERVISOR,
    WORKFLOW,
    Actor,
    Story,
    given,
    resident,
    text,
)

OTHER_SUPERVISOR = Actor("other supervisor", Role.SUPERVISOR)


def under_review(story: Story | None = None) -> Story:
    story = story or given(Phase.CLOSED)
    story.do(story.petition.request_review, SIGNER, grounds=text("grounds"))
    return story


def decided(result: ReviewResult) -> Story:
    story = under_review()
    story.do(story.petition.decide_review, SUPERVISOR, result=result, opinion=text("opinion"))
    return story


def test_only_a_supervisor_decides_and_only_what_was_asked_for() -> None:
    said = {"result": ReviewResult.UPHELD, "opinion": text()}
    story = given(Phase.CLOSED)
    story.when(story.petition.decide_review, SUPERVISOR, **said).refused(Conflict, "not-under-review")
    under_review(story)
    for actor in EVERYBODY:
        if actor != SUPERVISOR:
            story.when(story.petition.decide_review, actor, **said).refused(Forbidden, "forbidden")
    story.when(story.petition.decide_review, SUPERVISOR, **said).then(Petition.ReviewDecided, level=1, result="upheld")
    story.when(story.petition.decide_review, SUPERVISOR, **said).refused(Conflict, "not-under-review")
    assert story.petition.over


def test_who_has_withdrawn_cannot_ask() -> None:
    story = given(Phase.IN_PROGRESS, signatures=11)
    story.do(story.petition.withdraw_signature, resident(11))
    story.answer()
    story.invite()
    story.close()
    story.when(story.petition.request_review, resident(11), grounds=text()).refused(Forbidden, "not-a-co-signer")
    story.when(story.petition.request_review, LEAD, grounds=text()).then(Petition.ReviewRequested, level=1)


def test_a_review_is_asked_for_within_thirty_days_of_the_closing() -> None:
    for days, code in ((30, None), (31, "review-too-late")):
        story = given(Phase.CLOSED)
        story.later(days=days)
        result = story.when(story.petition.request_review, SIGNER, grounds=text())
        if code:
            result.refused(Conflict, code)
        else:
            result.then(Petition.ReviewRequested)
            review = story.petition.clocks["review"]
            assert timedelta(days=30) < review.due_at - story.now <= timedelta(days=31), "to the end of the day"


def test_the_clock_of_a_review_warns_until_it_is_decided() -> None:
    story = under_review()
    clock = story.petition.clocks["review"]
    story.when(story.petition.remind, WORKFLOW, rule="review", due_at=clock.due_at).then(Petition.Reminded)
    story.do(story.petition.decide_review, SUPERVISOR, result=ReviewResult.UPHELD, opinion=text())
    story.when(story.petition.escalate, WORKFLOW, rule="review", due_at=clock.due_at).then()


def test_a_second_review_is_somebody_elses_and_final() -> None:
    story = decided(ReviewResult.CHANGED)
    story.later(days=31)
    story.when(story.petition.request_review, LEAD, grounds=text()).refused(Conflict, "review-too-late")
    story = decided(ReviewResult.CHANGED)
    story.later(days=30)
    story.when(story.petition.request_review, LEAD, grounds=text()).then(Petition.ReviewRequested, level=2)
    said = {"result": ReviewResult.UPHELD, "opinion": text()}
    story.when(story.petition.decide_review, SUPERVISOR, **said).refused(Forbidden, "same-reviewer")
    story.when(story.petition.decide_review, OTHER_SUPERVISOR, **said).then(Petition.ReviewDecided, level=2)
    story.when(story.petition.request_review, SIGNER, grounds=text()).refused(Conflict, "review-final")


def test_what_is_returned_goes_into_a_round_of_its_own_and_may_be_reviewed_once_more() -> None:
    story = under_review(given(Phase.CLOSED, max_rounds=1))
    said = {"result": ReviewResult.RETURNED, "opinion": text()}
    story.when(story.petition.decide_review, SUPERVISOR, **said).then(
        Petition.ReviewDecided, Petition.Reopened, round=2, judged=10, resolved=10
    )
    petition = story.petition
    assert (petition.phase, petition.outcome, set(petition.clocks)) == (Phase.ROADMAP, None, {"roadmap", "response"})
    story.plan()
    story.answer()
    story.invite()
    story.judge(*[Resolved.NO] * 10)
    assert (petition.phase, petition.outcome) == (Phase.CLOSED, "unresolved")
    story.when(petition.request_review, SIGNER, grounds=text()).then(Petition.ReviewRequested, level=2)


@pytest.mark.parametrize("result", ReviewResult)
def test_only_what_is_returned_opens_the_petition_again(result: ReviewResult) -> None:
    story = decided(result)
    assert story.petition.over == (result != ReviewResult.RETURNED)
    assert (story.petition.phase == Phase.CLOSED) == story.petition.over
