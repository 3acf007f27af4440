"""Whoever has an interest in a petition has no part in it; where nobody is free, the work goes one level up."""

import pytest

from domain.command import Role
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import ENDS, Phase
from domain.refusals import Conflict, Forbidden, Invalid
from tests.domain.story import (
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    OFFICIAL,
    SUPERVISOR,
    UNIT_OFFICER,
    Actor,
    given,
    id_of,
    text,
)

OTHER_CLERK = Actor("other-clerk", Role.CLERK, id_of("office"))
PART_IN_IT = {"clerk", "supervisor", "auditor", "admin", "unit_officer"}


@pytest.mark.parametrize("actor", EVERYBODY)
def test_whoever_handles_it_may_recuse_themselves(actor: Actor) -> None:
    story = given(Phase.ACCEPTED)
    result = story.when(story.petition.recuse, actor, nobody_else=False)
    concerned = actor.org in (story.petition.host_id, *story.petition.called_post_ids)
    if actor.role.value in PART_IN_IT or (actor.role in (Role.HOST_STAFF, Role.OFFICIAL) and concerned):
        if actor.role == Role.HOST_STAFF and actor.org != story.petition.host_id:
            result.refused(Forbidden, "forbidden")
        else:
            result.then(Petition.Recused, raised=False, by=actor.by)
            assert not story.when(story.petition.recuse, actor, nobody_else=False).events
    else:
        result.refused(Forbidden, "forbidden")


def test_who_has_recused_themselves_does_nothing_more_and_a_colleague_does_it() -> None:
    story = given(Phase.SUBMITTED)
    story.do(story.petition.recuse, CLERK, nobody_else=False)
    story.when(story.petition.accept, CLERK).refused(Forbidden, "conflict-of-interest")
    story.when(story.petition.accept, SUPERVISOR).refused(Forbidden, "forbidden")
    story.when(story.petition.accept, OTHER_CLERK).then(Petition.Accepted, Petition.Called)


def test_without_a_clerk_the_supervisor_decides_and_clerks_do_not() -> None:
    story = given(Phase.SUBMITTED)
    story.when(story.petition.recuse, CLERK, nobody_else=True).then(Petition.Recused, raised=True)
    assert not story.when(story.petition.recuse, CLERK, nobody_else=True).events
    for clerk in (CLERK, OTHER_CLERK):
        story.when(story.petition.accept, clerk).refused(Forbidden, "forbidden")
    story.when(story.petition.accept, SUPERVISOR).then(Petition.Accepted, Petition.Called)


def test_without_a_host_the_clerk_does_its_part_and_without_a_clerk_the_supervisor() -> None:
    story = given(Phase.COLLECTING)
    story.do(story.petition.recuse, HOST_STAFF, nobody_else=True)
    story.when(story.petition.give_host_opinion, HOST_STAFF, opinion=text()).refused(Forbidden, "forbidden")
    story.do(story.petition.recuse, OTHER_CLERK, nobody_else=True)
    story.when(story.petition.give_host_opinion, CLERK, opinion=text()).refused(Forbidden, "forbidden")
    story.do(story.petition.give_host_opinion, SUPERVISOR, opinion=text())
    story.do(story.petition.accept, SUPERVISOR)
    facts = {"id": id_of("meeting"), "petition": story.petition, "starts_at": story.now.replace(year=2027)}
    story.when(Meeting.schedule, HOST_STAFF, **facts, venue=text()).refused(Forbidden, "forbidden")


@pytest.mark.parametrize("actor", [OFFICIAL, UNIT_OFFICER, SUPERVISOR])
def test_other_work_does_not_go_up_by_itself(actor: Actor) -> None:
    story = given(Phase.ACCEPTED)
    story.when(story.petition.recuse, actor, nobody_else=True).refused(Invalid, "no-level-up", "nobody_else")


@pytest.mark.parametrize("phase", sorted(ENDS))
def test_what_has_ended_needs_nobody_to_leave_it(phase: Phase) -> None:
    story = given(phase)
    story.when(story.petition.recuse, CLERK, nobody_else=False).refused(Conflict, "wrong-phase")
