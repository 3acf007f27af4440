"""The called meeting, and what it does to its petition."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.calendar import local_day
from domain.directory import Post, PostKind
from domain.meeting import Capacity, Commitment, Meeting
from domain.petition import Petition
from domain.petition.words import Answer, Phase, Resolved
from domain.refusals import Conflict, Forbidden, Invalid, NotFound
from tests.domain.story import (
    ADMIN,
    DELEGATE,
    HOST_STAFF,
    LEAD,
    OFFICIAL,
    SIGNER,
    STRANGER,
    WORKFLOW,
    Actor,
    Story,
    given,
    id_of,
    text,
)


def scheduled() -> Story:
    story = given(Phase.MEETING)
    story.schedule()
    return story


def moved(story: Story, starts_at: datetime) -> dict[str, Any]:
    return {"petition": story.petition, "starts_at": starts_at, "venue": text("hall"), "reason": text()}


def test_holding_the_meeting_moves_the_petition_on_by_the_same_command() -> None:
    story = scheduled()
    story.later(days=1)
    result = story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
    result.then(Petition.MeetingHeld, Meeting.Held, Meeting.MinutesDrafted, matter_id=story.petition.id)
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
        Petition.MeetingArranged, Meeting.Scheduled
    )


def test_a_meeting_is_not_moved_into_the_past() -> None:
    story = scheduled()
    story.when(story.meeting.reschedule, OFFICIAL, **moved(story, story.now)).refused(
        Invalid, "starts-in-the-past", "starts_at"
    )


def test_a_rescheduled_meeting_waits_for_its_new_time() -> None:
    story = scheduled()
    starts_at = story.meeting.starts_at + timedelta(days=3)
    story.do(story.meeting.reschedule, OFFICIAL, **moved(story, starts_at))
    story.later(days=1)
    story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text()).refused(Conflict, "not-begun")
    assert (story.meeting.starts_at, story.meeting.venue) == (starts_at, text("hall"))
    assert story.meeting.rescheduled == 1


def test_after_a_cancelled_meeting_another_may_be_held() -> None:
    story = scheduled()
    story.do(story.meeting.cancel, HOST_STAFF, petition=story.petition, reason=text())
    cancelled = story.meeting
    story.meeting = story.do(
        Meeting.schedule,
        HOST_STAFF,
        id=id_of("next"),
        petition=story.petition,
        starts_at=story.now + timedelta(days=1),
        venue=text(),
        earlier=[cancelled],
    )
    story.later(days=1)
    story.when(story.meeting.hold, OFFICIAL, petition=story.petition, minutes=text()).then(
        Petition.MeetingHeld, Meeting.Held, Meeting.MinutesDrafted
    )


def test_one_meeting_at_a_time_and_none_in_place_of_one_that_stands() -> None:
    story = scheduled()
    another = {"id": id_of("next"), "petition": story.petition, "starts_at": story.now + timedelta(days=3)}
    for earlier in ([], [story.meeting]):
        story.when(Meeting.schedule, OFFICIAL, venue=text(), earlier=earlier, **another).refused(
            Conflict, "meeting-arranged"
        )
    story.do(story.meeting.cancel, OFFICIAL, petition=story.petition, reason=text())
    story.when(Meeting.schedule, OFFICIAL, venue=text(), earlier=[], **another).refused(Conflict, "meeting-arranged")


def test_a_delegate_is_another_post_of_the_same_rank_and_acts_in_the_meeting_alone() -> None:
    story = given(Phase.MEETING)
    clerk_post = story.do(Post.register, ADMIN, id=id_of("other"), name="other", kind=PostKind.UNIT_PRINCIPAL)
    for delegate in (clerk_post, story.posts[0], story.posts[1]):
        story.when(story.petition.name_delegate, OFFICIAL, posts=story.posts, delegate=delegate).refused(
            Invalid, "not-of-the-same-rank", "delegate_id"
        )
    story.do(story.petition.name_delegate, OFFICIAL, posts=story.posts, delegate=story.third_post)
    story.schedule()
    at = moved(story, story.now + timedelta(days=3))
    story.when(story.meeting.reschedule, DELEGATE, **at).refused(Forbidden, "forbidden")
    story.later(days=1)
    story.do(story.meeting.hold, DELEGATE, petition=story.petition, minutes=text())
    for method, arguments in (
        (story.petition.publish_roadmap, {"items": story.items(), "units": story.units}),
        (story.petition.give_interim_response, {"text": text()}),
    ):
        story.when(method, DELEGATE, **arguments).refused(Forbidden, "forbidden")


def test_a_post_that_is_called_instead_acknowledges_anew_and_inherits_the_clocks() -> None:
    story = given(Phase.MEETING)
    meeting = story.petition.clocks["meeting"]
    story.schedule()
    instead = {"from_id": story.posts[0].id, "to_id": story.third_post.id}
    story.when(story.petition.reassign_call, WORKFLOW, **instead).then(Petition.CallReassigned)
    assert (story.petition.phase, story.petition.clocks["meeting"]) == (Phase.ACCEPTED, meeting)
    story.when(story.petition.acknowledge, OFFICIAL).refused(Forbidden, "forbidden")
    story.later(days=1)
    facts = {"petition": story.petition, "minutes": text()}
    story.when(story.meeting.hold, OFFICIAL, **facts).refused(Forbidden, "forbidden")
    story.do(story.petition.acknowledge, DELEGATE)
    story.do(story.meeting.hold, DELEGATE, **facts)
    assert story.petition.phase == Phase.ROADMAP


def test_a_post_that_is_called_second_is_replaced_without_holding_up_the_first() -> None:
    story = given(Phase.MEETING)
    instead = {"from_id": story.posts[1].id, "to_id": story.third_post.id}
    story.when(story.petition.reassign_call, WORKFLOW, **instead).then(Petition.CallReassigned, acknowledgement=None)
    assert story.petition.phase == Phase.MEETING
    assert story.petition.called_post_ids == [story.posts[0].id, story.third_post.id]


def test_after_a_waived_meeting_the_answer_is_due_and_residents_may_still_send_it_back() -> None:
    story = given(Phase.MEETING)
    story.do(story.petition.waive_meeting, WORKFLOW)
    assert (story.petition.phase, [*story.petition.clocks]) == (Phase.IN_PROGRESS, ["response"])
    story.do(story.petition.answer, OFFICIAL, text=text(), outcome=Answer.DONE, tasks=[])
    story.invite()
    story.judge(*[Resolved.NO] * 10)
    assert (story.petition.phase, story.petition.round) == (Phase.ROADMAP, 2)
    story.plan()
    assert story.petition.tasks == [item.task_id for item in story.items()]


def test_the_brief_is_released_two_days_ahead_and_again_for_another_date() -> None:
    story = given(Phase.MEETING)
    starts_at = story.now + timedelta(days=5)
    story.meeting = story.do(
        *(Meeting.schedule, HOST_STAFF), id=id_of("m"), petition=story.petition, starts_at=starts_at, venue=text()
    )
    story.later(days=3, seconds=-1)
    story.when(story.meeting.release_brief, WORKFLOW).refused(Conflict, "too-early")
    story.later(seconds=1)
    story.when(story.meeting.release_brief, WORKFLOW).then(Meeting.BriefReleased, starts_at=starts_at)
    story.do(story.meeting.reschedule, OFFICIAL, **moved(story, starts_at + timedelta(days=1)))
    story.when(story.meeting.release_brief, WORKFLOW).refused(Conflict, "too-early")
    story.later(days=1)
    story.when(story.meeting.release_brief, WORKFLOW).then(Meeting.BriefReleased)


def test_at_the_door_everybody_counts_once_by_function() -> None:
    story = scheduled()
    admit = {"petition": story.petition, "post_id": None}
    story.when(story.meeting.admit, HOST_STAFF, attendee=SIGNER.by, **admit).refused(Conflict, "doors-closed")
    story.later(hours=22)
    for who in (LEAD, SIGNER, STRANGER):
        story.do(story.meeting.admit, HOST_STAFF, attendee=who.by, **admit)
    story.when(story.meeting.admit, HOST_STAFF, attendee=SIGNER.by, **admit).refused(Conflict, "token-used")
    story.do(story.meeting.admit, HOST_STAFF, attendee="official", **admit | {"post_id": OFFICIAL.org})
    by_hand = {"petition": story.petition, "post_ids": [], "representatives": 0, "residents": 4}
    story.do(story.meeting.count_attendance, HOST_STAFF, **by_hand)
    present = {capacity: story.meeting.present(capacity) for capacity in Capacity}
    assert present == {"official": 1, "representative": 1, "resident": 6}
    assert story.meeting.posts_present == [OFFICIAL.org]


def test_whoever_came_or_sent_a_delegate_is_no_no_show_and_a_new_date_is_a_new_chance() -> None:
    story = scheduled()
    story.do(story.petition.name_delegate, OFFICIAL, posts=story.posts, delegate=story.third_post)
    absent = {"petition": story.petition, "post_id": OFFICIAL.org}
    story.when(story.meeting.record_no_show, HOST_STAFF, **absent).refused(Conflict, "not-begun")
    story.later(days=1)
    story.do(story.meeting.record_no_show, HOST_STAFF, **absent)
    assert story.meeting.no_shows == [OFFICIAL.org]
    story.do(story.meeting.reschedule, OFFICIAL, **moved(story, story.now + timedelta(days=1)))
    assert story.meeting.no_shows == []
    story.later(days=1)
    story.do(story.meeting.admit, HOST_STAFF, petition=story.petition, attendee="x", post_id=story.third_post.id)
    story.when(story.meeting.record_no_show, HOST_STAFF, **absent).refused(Conflict, "was-present")
    stranger = {**absent, "post_id": id_of("another post")}
    story.when(story.meeting.record_no_show, HOST_STAFF, **stranger).refused(Invalid, "not-called", "post_id")


def held(*attending: Actor) -> Story:
    story = scheduled()
    story.later(days=1)
    for who in attending:
        story.do(story.meeting.admit, HOST_STAFF, petition=story.petition, attendee=who.by, post_id=None)
    story.do(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text("minutes"))
    return story


def test_minutes_are_complete_with_both_sides_and_a_new_draft_begins_anew() -> None:
    story = held(SIGNER)
    meeting, of_it = story.meeting, {"petition": story.petition}
    story.do(meeting.offer_correction, SIGNER, text=text("two pumps"), **of_it)
    story.when(meeting.confirm_minutes, OFFICIAL, **of_it).then(Meeting.MinutesConfirmed, complete=False)
    due = local_day(story.now) + timedelta(days=9)
    promised = {"commitments": [Commitment(text("pump"), story.units[0].id, due)], "units": story.units}
    story.do(meeting.draft_minutes, HOST_STAFF, minutes=text("corrected"), **promised, **of_it)
    assert (meeting.confirmed_by, meeting.corrections, meeting.minutes) == ({}, {}, text("corrected"))
    story.when(meeting.confirm_minutes, LEAD, **of_it).then(Meeting.MinutesConfirmed, complete=False)
    story.when(meeting.confirm_minutes, OFFICIAL, **of_it).then(Meeting.MinutesConfirmed, complete=True)
    assert (meeting.minutes_status, meeting.minutes_clock) == ("confirmed", None)
    for method, actor, arguments in (
        (meeting.offer_correction, SIGNER, {"text": text()}),
        (meeting.draft_minutes, HOST_STAFF, {"minutes": text(), "commitments": [], "units": []}),
        (meeting.close_minutes, WORKFLOW, {}),
    ):
        story.when(method, actor, **arguments, **of_it).refused(Conflict, "minutes-closed")


def test_minutes_that_one_side_does_not_confirm_in_time_say_so() -> None:
    story = held()
    of_it = {"petition": story.petition}
    story.do(story.meeting.confirm_minutes, LEAD, **of_it)
    assert story.meeting.minutes_clock
    story.when(story.meeting.close_minutes, WORKFLOW, **of_it).refused(Conflict, "too-early")
    story.now = story.meeting.minutes_clock.due_at
    story.when(story.meeting.close_minutes, WORKFLOW, **of_it).then(
        Meeting.MinutesLeftUnconfirmed, missing=["official"]
    )
    story.when(story.meeting.confirm_minutes, OFFICIAL, **of_it).refused(Conflict, "minutes-closed")


@pytest.mark.parametrize(
    ("unit", "days", "code", "field"),
    [("nowhere", 9, "unknown-unit", "commitments.0.unit_id"), ("unit", 0, "due-date-past", "commitments.0.due_on")],
)
def test_a_commitment_names_a_unit_and_a_day_to_come(unit: str, days: int, code: str, field: str) -> None:
    story = scheduled()
    story.later(days=1)
    commitment = Commitment(text(), id_of(unit), local_day(story.now) + timedelta(days=days))
    promised = {"commitments": [commitment], "units": story.units}
    story.when(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text(), **promised).refused(
        Invalid, code, field
    )


def test_a_meeting_from_a_snapshot_of_the_time_before_all_this_goes_on() -> None:
    story = scheduled()
    known = {"status", "matter_id", "host_id", "called_post_ids", "starts_at", "venue"}
    assert {name for name in vars(story.meeting) if not name.startswith("_")} == known
    vars(story.petition).pop("meeting_id")
    story.later(days=1)
    story.do(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
