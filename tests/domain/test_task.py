"""A task, from the offer to its confirmation."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.command import Role
from domain.directory import Post, Unit, UnitKind
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, Invalid
from domain.task import Task
from tests.domain.story import (
    ADMIN,
    COLLEAGUE,
    OFFICIAL,
    SECOND_OFFICIAL,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Actor,
    Story,
    given,
    id_of,
    photo,
    text,
)


def offered() -> tuple[Story, Task]:
    story = given(Phase.IN_PROGRESS)
    return story, story.tasks[0]


def test_of_two_officers_of_a_unit_the_first_claims_the_task() -> None:
    story, task = offered()
    story.when(task.claim, UNIT_OFFICER).then(Task.Claimed, by=UNIT_OFFICER.by)
    story.when(task.claim, COLLEAGUE).refused(Conflict, "already-claimed")


def test_a_claimed_task_is_due_at_the_end_of_the_day_on_the_roadmap() -> None:
    story, task = offered()
    assert task.clock
    assert (task.clock.rule, task.clock.due_at) == ("claim", datetime(2026, 3, 11, 16, tzinfo=UTC))
    story.do(task.claim, UNIT_OFFICER)
    assert task.clock
    assert (task.clock.rule, task.clock.due_at) == ("task", datetime(2026, 4, 3, 16, tzinfo=UTC))


def test_an_objection_is_decided_by_a_mandate_and_the_first_receiver_is_out() -> None:
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, reason=text(), basis=text())
    story.when(task.claim, UNIT_OFFICER).refused(Conflict, "wrong-status")
    story.when(task.mandate, OFFICIAL, unit=story.units[1], reason=text()).then(
        Task.Mandated, lead_unit_id=story.units[1].id
    )
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Forbidden, "forbidden")
    story.when(task.complete, SUPPORTING_OFFICER, report=text()).then(Task.Completed)


def test_a_transfer_takes_effect_when_the_other_unit_claims_and_the_first_answers_until_then() -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    story.later(days=7)
    story.when(task.transfer, UNIT_OFFICER, unit=story.units[1], reason=text()).then(Task.Transferred)
    assert task.clock
    assert (task.status, task.lead_unit_id, task.clock.rule) == ("offered", story.units[0].id, "claim")
    assert task.clock.started_at == story.now
    for unit in story.units:
        story.when(task.transfer, UNIT_OFFICER, unit=unit, reason=text()).refused(Conflict, "same-unit")
    story.when(task.claim, UNIT_OFFICER).refused(Forbidden, "forbidden")
    story.when(task.claim, SUPPORTING_OFFICER).then(Task.Claimed)
    assert (task.lead_unit_id, task.transfer_to, task.clock.rule) == (story.units[1].id, None, "task")
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Forbidden, "forbidden")


def test_a_transfer_that_is_objected_to_or_not_claimed_is_decided_by_a_mandate() -> None:
    for objects in (True, False):
        story, task = offered()
        story.do(task.transfer, UNIT_OFFICER, unit=story.units[1], reason=text())
        if objects:
            story.do(task.object, SUPPORTING_OFFICER, reason=text(), basis=text())
        else:
            assert task.clock
            story.now = task.clock.due_at
        story.do(task.mandate, OFFICIAL, unit=story.units[0], reason=text())
        assert (task.status, task.lead_unit_id, task.transfer_to) == ("claimed", story.units[0].id, None)


def test_a_mandate_may_name_the_unit_that_objected() -> None:
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, reason=text(), basis=text())
    story.do(task.mandate, OFFICIAL, unit=story.units[0], reason=text())
    story.when(task.report_progress, UNIT_OFFICER, percent=1, note=text()).then(Task.ProgressReported)


WORDS = {"reason": text(), "basis": text()}


def disputed(superior: Post | Unit | None = None) -> tuple[Story, Task]:
    """The first unit has objected, the second will not have it either."""
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, **WORDS)
    story.later(hours=2)
    story.do(task.mandate, OFFICIAL, unit=story.units[1], reason=text())
    story.later(days=3)
    story.do(task.object, SUPPORTING_OFFICER, **WORDS, superior=superior or story.posts[1])
    return story, task


def test_a_second_objection_is_decided_by_the_superior_and_the_first_receiver_answers_meanwhile() -> None:
    story, task = disputed()
    assert (task.status, task.lead_unit_id, task.superior_id) == ("objected", story.units[0].id, story.posts[1].id)
    assert task.clock
    assert (task.clock.rule, task.clock.started_at) == ("mandate", story.now)
    story.when(task.report_progress, UNIT_OFFICER, percent=10, note=text()).then(Task.ProgressReported)
    story.when(task.attach_evidence, UNIT_OFFICER, **photo()).then(Task.EvidenceAttached)
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Conflict, "wrong-status")
    mandate = {"unit": story.units[1], "reason": text()}
    story.when(task.mandate, OFFICIAL, **mandate).refused(Forbidden, "forbidden")
    story.when(task.mandate, UNIT_OFFICER, **mandate).refused(Forbidden, "forbidden")
    story.when(task.mandate, SECOND_OFFICIAL, **mandate).then(Task.Mandated, lead_unit_id=story.units[1].id)
    assert (task.superior_id, task.status) == (None, "claimed")
    story.when(task.object, SUPPORTING_OFFICER, **WORDS, superior=story.posts[1]).refused(Conflict, "decided")
    story.when(task.complete, SUPPORTING_OFFICER, report=text()).then(Task.Completed)


def test_a_superior_may_be_a_unit() -> None:
    story = Story()
    bureau = story.do(Unit.register, ADMIN, id=id_of("another unit"), name="市局", kind=UnitKind.DEPARTMENT)
    story, task = disputed(bureau)
    officer = Actor("other-officer", Role.UNIT_OFFICER, bureau.id)
    event = next(event for event in story.log if isinstance(event, Task.ObjectedAgain))
    assert event.superior_role == "unit_officer"
    story.when(task.mandate, officer, unit=story.units[0], reason=text()).then(Task.Mandated)


def test_a_mandate_may_be_objected_to_within_the_time_to_claim_and_not_once_the_work_is_handed_in() -> None:
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, **WORDS)
    story.when(task.object, UNIT_OFFICER, **WORDS).refused(Conflict, "wrong-status")
    story.do(task.mandate, OFFICIAL, unit=story.units[0], reason=text())
    story.when(task.object, UNIT_OFFICER, **WORDS).refused(Conflict, "just-objected")
    story.now = story.policy.clock("claim", story.now).due_at
    story.when(task.object, UNIT_OFFICER, **WORDS, superior=story.posts[1]).refused(Conflict, "too-late")
    story.do(task.complete, UNIT_OFFICER, report=text())
    story.do(task.send_back, OFFICIAL, reason=text())
    story.when(task.object, UNIT_OFFICER, **WORDS, superior=story.posts[1]).refused(Conflict, "wrong-status")


def test_a_unit_to_which_a_mandated_task_is_handed_on_has_its_own_time_to_object() -> None:
    story, task = offered()
    story.now = story.policy.clock("claim", story.now).due_at
    story.do(task.mandate, OFFICIAL, unit=story.units[0], reason=text())
    story.later(days=20)
    story.do(task.transfer, UNIT_OFFICER, unit=story.units[1], reason=text())
    story.when(task.object, SUPPORTING_OFFICER, **WORDS).then(Task.Objected)


def test_what_was_claimed_of_ones_own_accord_is_not_objected_to() -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    story.when(task.object, UNIT_OFFICER, **WORDS).refused(Conflict, "wrong-status")


def test_a_mandate_takes_the_signature_of_the_leader_in_charge_where_there_is_one() -> None:
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, **WORDS)
    second, unit = story.posts[1], story.units[1]
    story.do(second.put_in_charge, ADMIN, units=[story.units[0]])
    mandate = {"unit": unit, "reason": text(), "leaders": [second], "line": [unit.id, story.units[0].id]}
    refused = story.when(task.mandate, OFFICIAL, **mandate)
    refused.refused(Forbidden, "no-authority", "unit_id")
    assert refused.refusal
    assert "second post" in refused.refusal.zh
    story.when(task.mandate, OFFICIAL, **mandate | {"line": [unit.id]}).then(Task.Mandated)  # nobody is in charge of it
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, **WORDS)
    story.do(story.posts[1].put_in_charge, ADMIN, units=[unit])
    story.when(task.mandate, SECOND_OFFICIAL, **mandate | {"leaders": story.posts[1:]}).then(Task.Mandated)
    story, task = offered()
    story.do(task.object, UNIT_OFFICER, **WORDS)
    story.do(story.posts[0].put_in_charge, ADMIN, units=[unit])
    story.when(task.mandate, OFFICIAL, **mandate | {"leaders": story.posts[:1]}).then(Task.Mandated)


def test_an_offer_that_nobody_claims_in_time_may_be_mandated_and_not_before() -> None:
    story, task = offered()
    assert task.clock
    story.now = task.clock.due_at - timedelta(microseconds=1)
    story.when(task.mandate, OFFICIAL, unit=story.units[1], reason=text()).refused(Conflict, "wrong-status")
    story.now = task.clock.due_at
    story.when(task.mandate, OFFICIAL, unit=story.units[1], reason=text()).then(Task.Mandated)


def test_what_nobody_claims_in_time_goes_back_to_the_official_on_a_clock() -> None:
    story, task = offered()
    story.do(task.transfer, UNIT_OFFICER, unit=story.units[1], reason=text())
    assert task.clock
    story.now = task.clock.due_at - timedelta(microseconds=1)
    story.when(task.hand_back, WORKFLOW).refused(Conflict, "too-early")
    story.now = task.clock.due_at
    story.when(task.hand_back, WORKFLOW).then(Task.HandedBack)
    assert (task.status, task.transfer_to, task.clock.rule) == ("unclaimed", None, "mandate")
    story.when(task.hand_back, WORKFLOW).refused(Conflict, "wrong-status")
    story.when(task.claim, UNIT_OFFICER).refused(Conflict, "wrong-status")
    story.when(task.claim, SUPPORTING_OFFICER).refused(Forbidden, "forbidden")
    story.do(task.mandate, OFFICIAL, unit=story.units[1], reason=text())
    assert (task.status, task.lead_unit_id, task.clock.rule) == ("claimed", story.units[1].id, "task")


def test_a_task_stands_still_with_its_matter_and_its_clock_and_date_move_by_that_time() -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    claimed, before = task.clock, story.tasks[1].clock
    assert claimed
    assert before
    story.suspend()
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Conflict, "suspended")
    story.when(task.report_progress, UNIT_OFFICER, percent=20, note=text()).then(Task.ProgressReported)
    story.when(task.attach_evidence, UNIT_OFFICER, **photo()).then(Task.EvidenceAttached)
    story.later(days=9, hours=2)
    story.when(story.tasks[1].hand_back, WORKFLOW).refused(Conflict, "suspended")
    story.resume()
    assert task.clock == claimed.shifted(timedelta(days=9, hours=2))
    assert task.due_on == date(2026, 4, 13), "the day in which the clock runs out"
    assert story.tasks[1].clock == before.shifted(timedelta(days=9, hours=2))
    story.when(task.complete, UNIT_OFFICER, report=text()).then(Task.Completed)


def test_tasks_are_suspended_once_and_those_that_have_ended_never() -> None:
    story, task = offered()
    story.do(task.drop, WORKFLOW)
    story.suspend()
    assert task.suspended_at is None
    story.when(story.tasks[1].suspend, WORKFLOW).then()
    story.resume()
    story.when(story.tasks[1].resume, WORKFLOW).then()


def test_whoever_suspends_or_resumes_brings_all_the_tasks_of_the_round() -> None:
    story, _ = offered()
    story.when(story.petition.suspend, OFFICIAL, reason=text()).refused(Conflict, "roadmap-changed")
    story.suspend()
    story.when(story.petition.resume, OFFICIAL).refused(Conflict, "roadmap-changed")


def test_only_what_is_on_the_roadmap_is_offered_and_not_while_the_matter_is_suspended() -> None:
    story = given(Phase.ROADMAP)
    items = story.items()
    story.when(Task.offer, WORKFLOW, **story.offer(items[0])).refused(Conflict, "not-planned")
    story.do(story.petition.publish_roadmap, OFFICIAL, items=items, units=story.units)
    story.do(story.petition.suspend, OFFICIAL, reason=text(), seen=story.petition.tasks)
    story.when(Task.offer, WORKFLOW, **story.offer(items[0])).refused(Conflict, "suspended")
    story.do(story.petition.resume, OFFICIAL, seen=story.petition.tasks)
    story.when(Task.offer, WORKFLOW, **story.offer(items[0])).then(Task.Offered)


def test_a_transfer_ends_with_the_task() -> None:
    story, task = offered()
    story.do(task.transfer, UNIT_OFFICER, unit=story.units[1], reason=text())
    story.do(task.drop, WORKFLOW)
    assert task.transfer_to is None


@pytest.mark.parametrize("percent", [-1, 101])
def test_progress_is_a_percentage(percent: int) -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    story.when(task.report_progress, UNIT_OFFICER, percent=percent, note=text()).refused(Invalid, "percent", "percent")


def test_a_returned_task_is_done_again() -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    story.do(task.complete, UNIT_OFFICER, report=text())
    assert (task.percent, task.clock) == (100, None)
    story.when(task.send_back, OFFICIAL, reason=text()).then(Task.Returned)
    assert task.clock
    story.do(task.complete, UNIT_OFFICER, report=text())
    story.when(task.confirm, OFFICIAL).then(Task.Confirmed)


def test_a_file_is_evidence_once_whoever_hands_it_in_and_evidence_of_each_task_that_it_is_handed_in_for() -> None:
    story, task = offered()
    story.do(task.claim, UNIT_OFFICER)
    story.when(task.attach_evidence, UNIT_OFFICER, **photo()).then(Task.EvidenceAttached, stage="after", size=7)
    story.when(task.attach_evidence, SUPPORTING_OFFICER, **photo()).then()
    story.when(task.attach_evidence, SUPPORTING_OFFICER, **photo("another")).then(Task.EvidenceAttached)
    story.do(story.tasks[1].claim, SUPPORTING_OFFICER)
    story.when(story.tasks[1].attach_evidence, SUPPORTING_OFFICER, **photo()).then(Task.EvidenceAttached)


def test_dropping_twice_or_after_confirmation_yields_nothing() -> None:
    story = given(Phase.ANSWERED)
    story.when(story.tasks[0].drop, WORKFLOW).then()
    story, task = offered()
    story.when(task.drop, WORKFLOW).then(Task.Dropped)
    story.when(task.drop, WORKFLOW).then()


def test_every_event_names_its_matter() -> None:
    story = given(Phase.CLOSED)
    tasks = [event for event in story.log if isinstance(event, Task.Event)]
    assert {event.matter_id for event in tasks} == {story.petition.id}
