"""The called meeting, and what it does to its petition."""

from datetime import timedelta

from domain.meeting import Meeting
from domain.petition import Petition, Phase
from domain.refusals import Conflict, Invalid, NotFound
from tests.domain.story import HOST_STAFF, OFFICIAL, Story, given, id_of, text


def scheduled() -> Story:
    story = given(Phase.MEETING)
    story.schedule()
    return story


def test_holding_the_meeting_moves_the_petition_on_by_the_same_command() -> None:
    story = scheduled()
    story.later(days=1)
    result = story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
    result.then(Petition.MeetingHeld, Meeting.Held, matter_id=story.petition.id)
    assert (story.meeting.status, story.petition.phase) == ("held", Phase.ROADMAP)


def test_a_meeting_is_not_held_before_it_begins() -> None:
    story = scheduled()
    story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text()).refused(Conflict, "not-begun")


def test_a_meeting_is_held_for_its_own_petition() -> None:
    story = scheduled()
    story.later(days=1)
    other = given(Phase.MEETING, name="other").petition
    story.when(story.meeting.hold, HOST_STAFF, petition=other, minutes=text()).refused(
        NotFound, "not-found", "petition"
    )


def test_a_meeting_is_not_held_while_its_petition_is_suspended() -> None:
    story = scheduled()
    story.suspend()
    story.later(days=1)
    story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text()).refused(Conflict, "suspended")


def test_a_meeting_begins_in_the_future() -> None:
    story = given(Phase.ACCEPTED)
    schedule = {"id": id_of("meeting"), "petition": story.petition, "venue": text()}
    story.when(Meeting.schedule, OFFICIAL, starts_at=story.now, **schedule).refused(
        Invalid, "starts-in-the-past", "starts_at"
    )
    story.when(Meeting.schedule, OFFICIAL, starts_at=story.now + timedelta(minutes=1), **schedule).then(
        Meeting.Scheduled
    )


def test_a_meeting_is_not_moved_into_the_past() -> None:
    story = scheduled()
    story.when(story.meeting.reschedule, OFFICIAL, starts_at=story.now, venue=text(), reason=text()).refused(
        Invalid, "starts-in-the-past", "starts_at"
    )


def test_a_rescheduled_meeting_waits_for_its_new_time() -> None:
    story = scheduled()
    starts_at = story.meeting.starts_at + timedelta(days=3)
    story.do(story.meeting.reschedule, OFFICIAL, starts_at=starts_at, venue=text("hall"), reason=text())
    story.later(days=1)
    story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text()).refused(Conflict, "not-begun")
    assert (story.meeting.starts_at, story.meeting.venue) == (starts_at, text("hall"))


def test_after_a_cancelled_meeting_another_may_be_held() -> None:
    story = scheduled()
    story.do(story.meeting.cancel, HOST_STAFF, reason=text())
    story.meeting = story.do(
        Meeting.schedule,
        HOST_STAFF,
        id=id_of("next"),
        petition=story.petition,
        starts_at=story.now + timedelta(days=1),
        venue=text(),
    )
    story.later(days=1)
    story.when(story.meeting.hold, OFFICIAL, petition=story.petition, minutes=text()).then(
        Petition.MeetingHeld, Meeting.Held
    )
