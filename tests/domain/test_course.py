"""The course that petitions may take, as it is written down."""

from eventsourcing.utils import get_topic

from domain import course
from domain.petition.words import ENDS, OPEN
from projections import timeline


def test_every_step_that_is_told_has_its_place_in_the_course() -> None:
    told = {get_topic(event) for event in (*timeline.PUBLIC, *timeline.HANDLERS)}
    assert {step for step, _, _ in course.arrows()} == told


def test_every_state_is_come_to_and_only_ends_are_never_left() -> None:
    arrows = list(course.arrows())
    assert len(set(arrows)) == len(arrows)
    come_to = {after for _, before, after in arrows if before != after}
    assert {before for _, before, _ in arrows} <= come_to | {course.START}
    ends = {course.state(machine, end) for machine in course.MACHINES for end in machine.ends}
    assert come_to - {before for _, before, after in arrows if before != after} <= ends <= come_to
    phases = {state.partition(":")[2] for state in come_to if state.startswith("petition.phase:")}
    assert phases >= OPEN | ENDS
