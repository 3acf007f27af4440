"""Revisions of the roadmap: what goes on, what is new, what is dropped, and what may not be touched."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from domain.calendar import local_day
from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, Invalid
from domain.roadmap import RoadmapItem, standing
from domain.task import Task
from tests.domain.story import (
    COLLEAGUE,
    EVERYBODY,
    HOST_STAFF,
    OFFICIAL,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Story,
    given,
    id_of,
    photo,
    text,
    vote,
)

DAY = timedelta(days=1)


def claimed() -> tuple[Story, list[RoadmapItem]]:
    story = given(Phase.IN_PROGRESS)
    story.do(story.tasks[0].claim, UNIT_OFFICER)
    return story, standing(story.petition.roadmaps[-1], story.tasks)


def new(story: Story, name: str = "new") -> RoadmapItem:
    return RoadmapItem(id_of(name), text(name), story.units[1].id, [], local_day(story.now) + 9 * DAY)


def test_rows_go_on_are_new_or_are_dropped_and_a_moved_date_moves_the_clock() -> None:
    story, (first, _) = claimed()
    later = replace(first, due_on=first.due_on + 5 * DAY, supporting_unit_ids=[])
    clock = story.tasks[0].clock
    assert clock
    story.later(days=1)
    result = story.when(story.petition.revise_roadmap, OFFICIAL, **story.revision(later, new(story)))
    result.then(Petition.RoadmapRevised, Task.Replanned, Task.Dropped)
    assert result.events[0].version == 2
    assert story.petition.tasks == [first.task_id, id_of("new")]
    mine, theirs = story.tasks
    assert (mine.due_on, mine.supporting_unit_ids) == (later.due_on, [])
    assert mine.clock == replace(clock, due_at=clock.due_at + 5 * DAY), "it began when it was claimed"
    assert theirs.status == "dropped"
    story.when(theirs.claim, SUPPORTING_OFFICER).refused(Conflict, "wrong-status")


def test_the_same_again_is_no_revision() -> None:
    story, rows = claimed()
    story.when(story.petition.revise_roadmap, OFFICIAL, **story.revision(*rows)).then()


def test_a_date_that_is_over_may_stay_and_none_may_be_set() -> None:
    story, (first, second) = claimed()
    story.now = story.now.replace(month=5)
    story.when(
        story.petition.revise_roadmap, OFFICIAL, **story.revision(first, replace(second, due_on=local_day(story.now)))
    ).refused(Invalid, "due-date-past", "tasks.1.due_on")
    story.when(story.petition.revise_roadmap, OFFICIAL, **story.revision(first, second, new(story))).then(
        Petition.RoadmapRevised
    )


def test_what_was_handed_in_is_neither_left_out_nor_changed() -> None:
    story, (first, second) = claimed()
    story.do(story.tasks[0].complete, UNIT_OFFICER, report=text())
    revise = story.petition.revise_roadmap
    story.when(revise, OFFICIAL, **story.revision(second)).refused(Conflict, "task-handed-in", "tasks")
    changed = replace(first, due_on=first.due_on + DAY)
    story.when(revise, OFFICIAL, **story.revision(second, changed)).refused(Conflict, "task-handed-in", "tasks.1")
    story.when(revise, OFFICIAL, **story.revision(first)).then(Petition.RoadmapRevised, Task.Dropped)


def test_a_row_that_goes_on_keeps_its_content_and_its_unit() -> None:
    story, (first, second) = claimed()
    revise = story.petition.revise_roadmap
    other = replace(first, title=text("something else"))
    story.when(revise, OFFICIAL, **story.revision(other)).refused(Invalid, "another-task", "tasks.0.title")
    moved = replace(first, lead_unit_id=story.units[1].id)
    story.when(revise, OFFICIAL, **story.revision(second, moved)).refused(
        Invalid, "another-unit", "tasks.1.lead_unit_id"
    )
    story.when(revise, OFFICIAL, **story.revision(first, first)).refused(Invalid, "task-twice", "tasks")
    story.when(revise, OFFICIAL, **story.revision()).refused(Invalid, "no-tasks", "tasks")
    unknown = replace(new(story), lead_unit_id=id_of("nobody"))
    story.when(revise, OFFICIAL, **story.revision(unknown)).refused(Invalid, "unknown-unit", "tasks.0")
    far = replace(new(story), due_on=date(2040, 1, 2))
    story.when(revise, OFFICIAL, **story.revision(far)).refused(Invalid, "calendar-unknown-year", "tasks.0.due_on")


def test_a_mandated_task_stands_with_its_new_unit_and_a_suspension_has_moved_its_date() -> None:
    story = given(Phase.IN_PROGRESS)
    task = story.tasks[0]
    story.do(task.object, UNIT_OFFICER, reason=text(), basis=text())
    story.do(task.mandate, OFFICIAL, unit=story.units[1], reason=text())
    story.suspend()
    story.later(days=3)
    story.resume()
    first, second = standing(story.petition.roadmaps[-1], story.tasks)
    assert (first.lead_unit_id, first.due_on) == (story.units[1].id, task.due_on)
    story.when(story.petition.revise_roadmap, OFFICIAL, **story.revision(first, second)).then()


def test_a_revision_decides_on_all_the_tasks_there_are() -> None:
    story, rows = claimed()
    without = story.revision(*rows) | {"seen": [rows[0].task_id]}
    story.when(story.petition.revise_roadmap, OFFICIAL, **without).refused(Conflict, "roadmap-changed")


COSTS: dict[str, Any] = {"cost_fen": 3_500_000_00, "money_source": text("source"), "vote_needed": True}


def costly() -> tuple[Story, Task]:
    """A claimed task that needs the owners' vote."""
    story = given(Phase.ROADMAP)
    items = [replace(item, **COSTS) for item in story.items()]
    story.do(story.petition.publish_roadmap, OFFICIAL, items=items, units=story.units)
    result = story.when(Task.offer, WORKFLOW, **story.offer(items[0]))
    result.then(Task.Offered, Task.TermsSet, **COSTS)
    task = next(a for a in story.aggregates if isinstance(a, Task))
    story.tasks = [task]
    story.do(task.claim, UNIT_OFFICER)
    return story, task


def test_what_needs_the_owners_vote_is_completed_only_once_it_has_passed() -> None:
    story, task = costly()
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Conflict, "vote-pending")
    story.when(task.record_vote, UNIT_OFFICER, **vote()).refused(Invalid, "vote-evidence", "digest")
    story.do(task.attach_evidence, HOST_STAFF, **photo(), matter=story.petition)
    story.when(task.record_vote, UNIT_OFFICER, **vote(passed=False, in_favour=40)).then(Task.VoteRecorded, passed=False)
    story.when(task.complete, UNIT_OFFICER, report=text()).refused(Conflict, "vote-pending")
    story.when(task.record_vote, HOST_STAFF, **vote(), matter=story.petition).then(Task.VoteRecorded, passed=True)
    story.when(task.record_vote, HOST_STAFF, **vote(), matter=story.petition).refused(Conflict, "vote-passed")
    story.when(task.complete, UNIT_OFFICER, report=text()).then(Task.Completed)


def test_a_vote_is_recorded_by_units_of_the_task_and_the_host_and_adds_up() -> None:
    story, task = costly()
    story.do(task.attach_evidence, UNIT_OFFICER, **photo())
    for actor in EVERYBODY:
        if actor not in (UNIT_OFFICER, COLLEAGUE, SUPPORTING_OFFICER, HOST_STAFF):
            story.when(task.record_vote, actor, **vote(), matter=story.petition).refused(Forbidden, "forbidden")
    story.when(task.record_vote, HOST_STAFF, **vote()).refused(Forbidden, "forbidden")
    for wrong in ({"in_favour": 9}, {"against": 60}, {"against": -1}, {"in_favour": 161, "against": 0}):
        story.when(task.record_vote, UNIT_OFFICER, **vote(**wrong)).refused(Invalid, "vote-count", "in_favour")
    tomorrow = vote(voted_on=local_day(story.now) + DAY)
    story.when(task.record_vote, UNIT_OFFICER, **tomorrow).refused(Invalid, "vote-in-future", "voted_on")
    story.suspend()
    story.when(task.record_vote, SUPPORTING_OFFICER, **vote()).then(Task.VoteRecorded)


def test_only_what_needs_a_vote_gets_one() -> None:
    story, _ = claimed()
    story.do(story.tasks[0].attach_evidence, UNIT_OFFICER, **photo())
    story.when(story.tasks[0].record_vote, UNIT_OFFICER, **vote()).refused(Conflict, "no-vote-needed")


def test_a_revision_changes_costs_and_adds_the_need_of_a_vote_and_never_takes_it_away() -> None:
    story, (first, second) = claimed()
    revise = story.petition.revise_roadmap
    costly = replace(first, **COSTS)
    story.when(revise, OFFICIAL, **story.revision(costly, second)).then(Petition.RoadmapRevised, Task.TermsSet, **COSTS)
    story.when(story.tasks[0].complete, UNIT_OFFICER, report=text()).refused(Conflict, "vote-pending")
    waived = replace(costly, vote_needed=False)
    story.when(revise, OFFICIAL, **story.revision(waived, second)).refused(
        Invalid, "vote-needed", "tasks.0.vote_needed"
    )
    cheaper = replace(costly, cost_fen=1)
    story.when(revise, OFFICIAL, **story.revision(cheaper, second)).then(Petition.RoadmapRevised, Task.TermsSet)
    assert (story.tasks[0].cost_fen, story.tasks[0].vote_needed) == (1, True)
