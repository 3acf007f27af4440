"""Revisions of the roadmap: what goes on, what is new, what is dropped, and what may not be touched."""

from dataclasses import replace
from datetime import date, timedelta

from domain.calendar import local_day
from domain.petition import Petition, Phase
from domain.refusals import Conflict, Invalid
from domain.roadmap import RoadmapItem, standing
from domain.task import Task
from tests.domain.story import OFFICIAL, SUPPORTING_OFFICER, UNIT_OFFICER, Story, given, id_of, text

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
