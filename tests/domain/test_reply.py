"""Responses: drafted by anybody of the office, signed off by the post's holder alone."""

from datetime import date

import pytest

from domain.command import Role
from domain.petition import Petition
from domain.petition.words import UNDER_WAY, Answer, Phase
from domain.refusals import Conflict, Forbidden, Invalid
from domain.reply import Reply
from tests.domain.story import ADMIN, EVERYBODY, OFFICIAL, Actor, Story, given, id_of, promise, text

HOLDER = Actor("holder", Role.OFFICIAL, id_of("post"))


def held(phase: Phase = Phase.IN_PROGRESS) -> Story:
    story = given(phase)
    story.do(story.posts[0].start_term, ADMIN, holder=HOLDER.by, started_on=date(2026, 1, 1))
    return story


def test_only_the_office_of_the_post_that_leads_drafts_and_only_at_its_time() -> None:
    for phase in Phase:
        for outcome, phases in ((None, UNDER_WAY), (Answer.EXPLAINED, {Phase.IN_PROGRESS})):
            for actor in EVERYBODY if phase == Phase.IN_PROGRESS else [OFFICIAL]:
                story = given(phase)
                said = {"id": id_of("draft"), "petition": story.petition, "text": text(), "outcome": outcome}
                result = story.when(Reply.draft, actor, **said)
                if actor != OFFICIAL:
                    result.refused(Forbidden, "forbidden")
                elif phase in phases:
                    result.then(Reply.Drafted)
                else:
                    result.refused(Conflict, "wrong-phase")


def test_nobody_but_the_holder_answers() -> None:
    story = held()
    petition, post = story.petition, story.posts[0]
    said = {"text": text(), "post": post}
    story.when(petition.give_interim_response, OFFICIAL, **said).refused(Forbidden, "not-the-holder")
    final = said | {"outcome": Answer.EXPLAINED, "tasks": story.tasks}
    story.when(petition.answer, OFFICIAL, **final).refused(Forbidden, "not-the-holder")
    story.when(petition.give_interim_response, HOLDER, **said).then(Petition.InterimResponseGiven)
    story.when(petition.answer, HOLDER, **final).then(Petition.Answered)


def test_what_the_office_drafts_the_holder_signs_and_only_then_it_is_given() -> None:
    story = held()
    reply = story.draft(**promise(story))
    said = {"petition": story.petition, "post": story.posts[0], "tasks": story.tasks}
    story.when(reply.sign_off, OFFICIAL, **said).refused(Forbidden, "not-the-holder")
    assert story.petition.phase == Phase.IN_PROGRESS
    result = story.when(reply.sign_off, HOLDER, **said)
    assert [type(event) for event in result.events] == [Petition.Answered, Petition.CommitmentMade, Reply.SignedOff]
    answered = result.events[0]
    assert (answered.by, answered.text, answered.outcome) == (HOLDER.by, reply.text, "planned")


@pytest.mark.parametrize("passed", [True, False])
def test_a_successor_signs_what_was_drafted_before(passed: bool) -> None:
    story = held()
    reply = story.draft(outcome=None)
    post = story.posts[0]
    story.do(post.end_term, ADMIN, ended_on=date(2026, 3, 1))
    successor = Actor("successor", Role.OFFICIAL, post.id)
    if passed:
        story.do(post.start_term, ADMIN, holder=successor.by, started_on=date(2026, 3, 2))
    said = {"petition": story.petition, "post": post, "tasks": story.tasks}
    for actor in (HOLDER, OFFICIAL) if passed else (HOLDER, OFFICIAL, successor):
        story.when(reply.sign_off, actor, **said).refused(Forbidden, "not-the-holder")
    if not passed:  # but stands in
        story.do(post.name_acting, ADMIN, holder=successor.by)
    story.when(reply.sign_off, successor, **said).then(Petition.InterimResponseGiven, Reply.SignedOff)


def test_a_draft_is_checked_when_it_is_signed_as_an_answer_is() -> None:
    story = given(Phase.IN_PROGRESS)
    said = {"petition": story.petition, "post": story.posts[0], "tasks": story.tasks}
    story.when(story.draft("done", outcome=Answer.DONE).sign_off, OFFICIAL, **said).refused(
        Conflict, "tasks-not-finished"
    )
    story.when(story.draft("plan", outcome=Answer.PLANNED).sign_off, OFFICIAL, **said).refused(
        Invalid, "no-due-date", "due_on"
    )
    late = story.draft("late")
    story.sign_off(story.draft("first"))
    story.when(late.sign_off, OFFICIAL, **said).refused(Conflict, "wrong-phase")
    story.when(late.discard, OFFICIAL).then(Reply.Discarded)
