"""Steps and waits, and where a history leaves the course."""

import pytest
from eventsourcing.utils import get_topic

from domain import course
from domain.petition.words import Phase
from projections import process
from tests.domain.story import given
from tests.projections.conftest import Mirror

NEVER_LEFT_OUT = (
    *("petition.Opened", "petition.Submitted", "petition.Accepted", "petition.Called", "petition.MeetingHeld"),
    *("petition.RoadmapPublished", "petition.Answered", "petition.FeedbackInvited", "petition.Closed"),
    *("meeting.Scheduled", "meeting.Held", "task.Offered", "task.Claimed", "task.Completed", "task.Confirmed"),
)


@pytest.mark.parametrize("step", sorted(set(NEVER_LEFT_OUT) - {"petition.Closed", "task.Confirmed"}))
async def test_a_history_without_one_of_its_steps_departs_right_after_it(mirror: Mirror, step: str) -> None:
    """(Without the last step of something it has not departed: it has not come to its end.)"""
    story = given(Phase.CLOSED)
    gone = next(n for n, event in enumerate(story.log) if get_topic(type(event)) == step)
    subject = story.log[gone].originator_id
    left = [get_topic(type(event)) for event in story.log[gone + 1 :] if event.originator_id == subject]
    told = {one for one, _, _ in course.arrows()}
    del story.log[gone]
    await mirror.tell(story)
    mirror.start(process.READ_MODEL)
    await mirror.caught_up("process")
    first = "SELECT step FROM process.departures ORDER BY position LIMIT 1"
    assert await mirror.pool.fetchval(first) == next(one for one in left if one in told)
