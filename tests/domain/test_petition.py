"""The course of a petition, rule by rule."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.calendar import local_day
from domain.command import Role
from domain.petition import Petition
from domain.petition.words import Answer, Category, Outcome, Phase, RejectionReason, Resolved, StatutoryRoute
from domain.refusals import Conflict, Forbidden, Invalid
from domain.roadmap import RoadmapItem
from tests.domain.story import (
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    LEAD,
    MONDAY,
    OFFICIAL,
    SECOND_OFFICIAL,
    SIGNER,
    STRANGER,
    SUPERVISOR,
    WORKFLOW,
    Actor,
    Story,
    feedback,
    given,
    id_of,
    promise,
    resident,
    text,
)

YES, PARTLY, NO = Resolved.YES, Resolved.PARTLY, Resolved.NO


def end_of(month: int, day: int) -> datetime:
    """Midnight in Ningbo at the end of that day of 2026."""
    return datetime(2026, month, day, 16, tzinfo=UTC)


# --- opening and signing ----------------------------------------------------------------------------------------------


def test_who_opens_signs_first() -> None:
    petition = given(Phase.COLLECTING, signatures=1).petition
    assert (petition.lead, petition.signers, petition.signatures) == (LEAD.by, {LEAD.by: True}, 1)
    assert petition.clocks["signing"].due_at == end_of(4, 1), "30 days, the first not counted"


@pytest.mark.parametrize("posts", [[], [0, 0], [0, 1, 0, 1]])
def test_one_to_three_different_posts_are_called(posts: list[int]) -> None:
    story = Story()
    story.when(
        Petition.open,
        LEAD,
        id=id_of("petition"),
        topic=text(),
        details=text(),
        category=Category.CONDUCT,
        host=story.host,
        posts=[story.posts[n] for n in posts],
    ).refused(Invalid, "called-posts", "called_post_ids")


def test_nine_signatures_cannot_be_submitted() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    story.when(story.petition.give_host_opinion, HOST_STAFF, opinion=text()).refused(Conflict, "threshold-not-reached")


def test_the_tenth_signature_crosses_the_threshold_and_the_eleventh_does_not() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    story.when(story.petition.co_sign, resident(10)).then(
        Petition.CoSigned, Petition.ThresholdReached, signatures=10, by="yuetan", role="workflow"
    )
    story.when(story.petition.co_sign, resident(11)).then(Petition.CoSigned)


def test_of_fifty_who_race_for_the_tenth_place_one_crosses_the_threshold() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    for n in range(10, 60):
        story.do(story.petition.co_sign, resident(n))
        story.when(story.petition.co_sign, resident(n)).refused(Conflict, "already-signed")
    assert story.petition.signatures == 59
    assert [type(event) for event in story.log].count(Petition.ThresholdReached) == 1


def test_a_threshold_once_crossed_is_not_crossed_again_after_a_withdrawal() -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.when(story.petition.withdraw_signature, SIGNER).then(Petition.CoSignatureWithdrawn)
    story.when(story.petition.co_sign, SIGNER).then(Petition.CoSigned)
    assert story.petition.signatures == 10


def test_the_threshold_is_the_one_the_petition_was_opened_under() -> None:
    story = given(Phase.COLLECTING, signatures=2, threshold=3)
    story.policy = given(Phase.COLLECTING).policy
    story.when(story.petition.co_sign, STRANGER).then(Petition.CoSigned, Petition.ThresholdReached)


def test_the_lead_petitioner_cannot_withdraw_alone_once_the_threshold_is_crossed() -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.do(story.petition.withdraw_signature, SIGNER)
    story.when(story.petition.withdraw, LEAD).refused(Conflict, "threshold-reached")


def test_the_petition_lapses_when_too_few_have_signed_in_time_and_not_before() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    story.now = end_of(4, 1) - timedelta(microseconds=1)
    story.when(story.petition.close_signing, WORKFLOW).refused(Conflict, "too-early")
    story.now = end_of(4, 1)
    story.when(story.petition.close_signing, WORKFLOW).then(Petition.Lapsed, signatures=9)


def test_a_host_that_says_nothing_does_not_stop_the_petition() -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.now = end_of(3, 9) - timedelta(microseconds=1)
    story.when(story.petition.close_signing, WORKFLOW).refused(Conflict, "too-early")
    story.now = end_of(3, 9)  # 5 working days: Tuesday to Friday and Monday
    story.when(story.petition.close_signing, WORKFLOW).then(Petition.Submitted)


def test_a_petition_that_fell_below_the_threshold_may_still_be_signed_until_the_signing_window_ends() -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.do(story.petition.withdraw_signature, SIGNER)
    story.now = end_of(3, 9)
    story.when(story.petition.close_signing, WORKFLOW).refused(Conflict, "too-early")
    story.when(story.petition.co_sign, STRANGER).then(Petition.CoSigned)
    story.when(story.petition.close_signing, WORKFLOW).then(Petition.Submitted)


def test_once_submitted_the_threshold_stays_crossed() -> None:
    story = given(Phase.SUBMITTED, signatures=10)
    for n in range(2, 11):
        story.do(story.petition.withdraw_signature, resident(n))
    story.when(story.petition.accept, CLERK).then(Petition.Accepted, Petition.Called)


# --- admissibility, call and meeting ----------------------------------------------------------------------------------


def test_acceptance_starts_the_clocks_of_the_call_the_meeting_and_the_response() -> None:
    petition = given(Phase.ACCEPTED).petition
    assert {rule: clock.due_at for rule, clock in petition.clocks.items()} == {
        "acknowledgement": end_of(3, 5),
        "meeting": end_of(3, 16),
        "response": end_of(5, 1),
    }
    assert {clock.policy for clock in petition.clocks.values()} == {"2026-11"}


@pytest.mark.parametrize("phase", [Phase.COLLECTING, Phase.SUBMITTED, Phase.REJECTED, Phase.MERGED, Phase.CLOSED])
def test_a_petition_is_merged_only_into_one_that_is_accepted_and_open(phase: Phase) -> None:
    story = given(Phase.SUBMITTED)
    other = given(phase, name="other").petition
    story.when(story.petition.merge, WORKFLOW, into=other).refused(Invalid, "cannot-merge-into", "into")


def test_a_petition_is_not_merged_into_itself() -> None:
    story = given(Phase.SUBMITTED)
    story.when(story.petition.merge, WORKFLOW, into=story.petition).refused(Invalid, "cannot-merge-into", "into")


def test_the_first_post_leads_and_its_acknowledgement_starts_the_meeting_phase() -> None:
    story = given(Phase.ACCEPTED)
    story.do(story.petition.acknowledge, SECOND_OFFICIAL)
    assert (story.petition.phase, "acknowledgement" in story.petition.clocks) == (Phase.ACCEPTED, True)
    story.do(story.petition.acknowledge, OFFICIAL)
    assert (story.petition.phase, "acknowledgement" in story.petition.clocks) == (Phase.MEETING, False)


def test_a_post_that_was_met_before_it_acknowledged_may_still_acknowledge() -> None:
    story = given(Phase.ACCEPTED)
    story.meet()
    story.when(story.petition.acknowledge, OFFICIAL).then(Petition.CallAcknowledged)
    assert story.petition.phase == Phase.ROADMAP


def test_the_meeting_stops_its_clock_and_starts_that_of_the_roadmap_but_not_a_new_one_of_the_response() -> None:
    petition = given(Phase.ROADMAP).petition
    assert {rule: clock.due_at for rule, clock in petition.clocks.items()} == {
        "roadmap": end_of(3, 11),
        "response": end_of(5, 1),
    }


# --- roadmap, extension, suspension, answer ---------------------------------------------------------------------------


def publish(story: Story, *items: RoadmapItem) -> None:
    story.when(story.petition.publish_roadmap, OFFICIAL, items=items, units=story.units).then(Petition.RoadmapPublished)


@pytest.mark.parametrize(
    ("due_on", "code"),
    [
        (date(2026, 3, 3), "due-date-past"),
        (date(2026, 3, 4), "due-date-past"),  # today, in Ningbo
        (date(2025, 12, 31), "due-date-past"),
        (date(2027, 1, 4), "calendar-unknown-year"),
    ],
)
def test_a_due_date_lies_after_today_in_a_year_that_the_calendar_knows(due_on: date, code: str) -> None:
    story = given(Phase.ROADMAP)
    items = [*story.items()[:1], *story.items(due_on)[1:]]
    story.when(story.petition.publish_roadmap, OFFICIAL, items=items, units=story.units).refused(
        Invalid, code, "tasks.1.due_on"
    )


def test_today_is_today_in_ningbo() -> None:
    story = given(Phase.ROADMAP)
    story.now = end_of(3, 4)  # still the 4th in UTC
    items = story.items(date(2026, 3, 5))
    story.when(story.petition.publish_roadmap, OFFICIAL, items=items, units=story.units).refused(
        Invalid, "due-date-past", "tasks.0.due_on"
    )


def test_a_roadmap_names_units_of_the_directory() -> None:
    story = given(Phase.ROADMAP)
    story.when(story.petition.publish_roadmap, OFFICIAL, items=story.items(), units=story.units[1:]).refused(
        Invalid, "unknown-unit", "tasks.0"
    )


def test_a_roadmap_has_at_least_one_task() -> None:
    story = given(Phase.ROADMAP)
    story.when(story.petition.publish_roadmap, OFFICIAL, items=[], units=[]).refused(Invalid, "no-tasks", "tasks")


def test_the_answer_is_done_only_when_every_task_is_confirmed() -> None:
    story = given(Phase.IN_PROGRESS)
    answer = {"text": text(), "outcome": Answer.DONE}
    story.when(story.petition.answer, OFFICIAL, tasks=story.tasks, **answer).refused(Conflict, "tasks-not-finished")
    story.work()
    story.when(story.petition.answer, OFFICIAL, tasks=story.tasks[:1], **answer).refused(Conflict, "tasks-not-finished")
    story.when(story.petition.answer, OFFICIAL, tasks=story.tasks, **answer).then(Petition.Answered, outcome="done")


def test_a_plan_or_an_explanation_may_be_answered_while_tasks_are_open() -> None:
    story = given(Phase.IN_PROGRESS)
    plan = {"text": text(), "tasks": story.tasks, **promise(story)}
    due_on = date(2026, 3, 4) + timedelta(days=40)
    story.when(story.petition.answer, OFFICIAL, **plan).then(Petition.Answered, Petition.CommitmentMade, due_on=due_on)
    story = given(Phase.IN_PROGRESS)
    explained = {"text": text(), "outcome": Answer.EXPLAINED, "tasks": story.tasks}
    story.when(story.petition.answer, OFFICIAL, **explained).then(Petition.Answered)


@pytest.mark.parametrize(
    ("outcome", "days", "code"),
    [
        (Answer.PLANNED, None, "no-due-date"),
        (Answer.EXPLAINED, 5, "due-date-without-plan"),
        (Answer.PLANNED, 0, "due-date-past"),
        (Answer.PLANNED, -1, "due-date-past"),
    ],
)
def test_what_is_planned_and_only_that_is_promised_for_a_day_to_come(
    outcome: Answer, days: int | None, code: str
) -> None:
    story = given(Phase.IN_PROGRESS)
    due_on = None if days is None else story.now.date() + timedelta(days=days)
    said = {"text": text(), "outcome": outcome, "tasks": story.tasks, "due_on": due_on}
    story.when(story.petition.answer, OFFICIAL, **said).refused(Invalid, code, "due_on")


# --- what was promised ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [YES, NO])
def test_a_promise_is_judged_tracked_delivered_and_judged_again(verdict: Resolved) -> None:
    story = given(Phase.TRACKING)
    assert story.petition.clocks["commitment"].due_at == end_of(4, 13)
    story.when(story.petition.report_delivery, OFFICIAL, report=text()).then(Petition.CommitmentDelivered, round=1)
    story.invite()
    story.judge(*[verdict] * 9)
    end = [Petition.Closed] if verdict == YES else [Petition.Reopened]
    story.when(story.petition.give_feedback, resident(10), **feedback(verdict)).then(Petition.FeedbackGiven, *end)
    assert (story.petition.commitment, story.petition.delivered) == (None, verdict == YES)


def test_nobody_is_judged_for_a_promise_before_its_day_is_over() -> None:
    story = given(Phase.TRACKING)
    story.when(story.petition.close_tracking, WORKFLOW).refused(Conflict, "too-early")
    story.later(days=60)
    story.when(story.petition.close_tracking, WORKFLOW).then(Petition.SupervisionOrdered, Petition.CommitmentMissed)
    assert story.petition.phase == Phase.ANSWERED


def test_a_promise_outlives_the_bad_judgement_of_the_last_round_and_silence_too() -> None:
    story = given(Phase.IN_PROGRESS, max_rounds=1)
    story.do(story.petition.answer, OFFICIAL, text=text(), tasks=story.tasks, **promise(story))
    story.invite()
    story.judge(*[NO] * 9)
    story.when(story.petition.give_feedback, resident(10), **feedback(NO)).then(
        Petition.FeedbackGiven, Petition.SupervisionOrdered, Petition.TrackingBegun, round=1
    )
    story = given(Phase.IN_PROGRESS)
    story.do(story.petition.answer, OFFICIAL, text=text(), tasks=story.tasks, **promise(story))
    story.invite()
    story.later(days=20)
    story.when(story.petition.close_feedback, WORKFLOW).then(Petition.TrackingBegun)


def test_a_new_round_takes_the_place_of_a_promise() -> None:
    story = given(Phase.IN_PROGRESS)
    story.do(story.petition.answer, OFFICIAL, text=text(), tasks=story.tasks, **promise(story))
    story.invite()
    story.judge(*[NO] * 10)
    assert (story.petition.phase, story.petition.commitment) == (Phase.ROADMAP, None)


def test_the_response_is_extended_by_thirty_days_in_all_at_most() -> None:
    story = given(Phase.IN_PROGRESS)
    for days in (-1, 0, 31):
        story.when(story.petition.extend, SUPERVISOR, days=days, reason=text()).refused(
            Invalid, "extension-too-long", "days"
        )
    story.when(story.petition.extend, SUPERVISOR, days=20, reason=text()).then(Petition.Extended, days=20)
    story.when(story.petition.extend, SUPERVISOR, days=11, reason=text()).refused(Invalid, "extension-too-long", "days")
    story.when(story.petition.extend, SUPERVISOR, days=10, reason=text()).then(Petition.Extended, days=10)
    story.when(story.petition.extend, SUPERVISOR, days=1, reason=text()).refused(Invalid, "extension-too-long", "days")
    assert story.petition.clocks["response"].due_at == end_of(5, 31)


def test_clocks_stand_still_while_suspended() -> None:
    story = given(Phase.ROADMAP)
    before = dict(story.petition.clocks)
    story.suspend()
    story.later(days=7, hours=3)
    story.resume()
    assert story.petition.suspended_at is None
    for rule, clock in story.petition.clocks.items():
        assert clock == before[rule].shifted(timedelta(days=7, hours=3))


# --- judgement --------------------------------------------------------------------------------------------------------


def test_whoever_withdrew_is_neither_invited_nor_heard() -> None:
    story = given(Phase.IN_PROGRESS, signatures=10)
    story.do(story.petition.withdraw_signature, SIGNER)
    story.answer()
    story.when(story.petition.invite_feedback, WORKFLOW).then(Petition.FeedbackInvited, invited=9)
    story.when(story.petition.give_feedback, SIGNER, **feedback()).refused(Forbidden, "not-a-co-signer")
    for n in (1, *range(3, 11)):
        story.do(story.petition.give_feedback, resident(n), **feedback())
    assert story.petition.phase == Phase.CLOSED, "all who were invited have judged"


def test_when_the_last_has_judged_nobody_waits_for_the_clock() -> None:
    story = given(Phase.FEEDBACK, signatures=10)
    story.judge(*[YES] * 5, *[PARTLY] * 3, NO)
    story.when(story.petition.give_feedback, resident(10), **feedback(NO)).then(
        Petition.FeedbackGiven,
        Petition.Closed,
        by="yuetan",
        outcome="resolved",
        invited=10,
        judged=10,
        resolved=8,
        satisfied=5,
    )


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ([], Outcome.NOT_JUDGED),
        ([YES], Outcome.RESOLVED),
        ([PARTLY, NO], Outcome.RESOLVED),  # half is not fewer than half
        ([YES, YES, NO, NO, NO], None),
        ([NO], None),
    ],
)
def test_silence_is_not_judged_and_fewer_than_half_reopen(verdicts: list[Resolved], outcome: Outcome | None) -> None:
    story = given(Phase.FEEDBACK, signatures=10)
    story.judge(*verdicts)
    story.when(story.petition.close_feedback, WORKFLOW).refused(Conflict, "too-early")
    story.later(days=15)
    result = story.when(story.petition.close_feedback, WORKFLOW)
    if outcome:
        result.then(Petition.Closed, outcome=outcome, judged=len(verdicts))
    else:
        result.then(Petition.Reopened, round=2, judged=len(verdicts))
        assert (story.petition.phase, story.petition.tasks, story.petition.judgements) == (Phase.ROADMAP, [], {})


def test_a_second_round_has_tasks_clocks_and_judgements_of_its_own() -> None:
    story = given(Phase.FEEDBACK, signatures=10)
    story.judge(*[NO] * 10)
    assert story.petition.clocks["response"].started_at == story.now
    story.plan()
    assert {task.id for task in story.tasks} == {id_of("task 3"), id_of("task 4")} == set(story.petition.tasks)
    story.answer()
    story.invite()
    story.judge(*[YES] * 10)
    assert (story.petition.phase, story.petition.outcome, story.petition.round) == (Phase.CLOSED, "resolved", 2)


def test_after_the_last_unsatisfactory_round_supervision_is_ordered_and_the_petition_closed() -> None:
    story = given(Phase.FEEDBACK, signatures=10)
    story.judge(*[NO] * 10)
    story.plan()
    story.answer()
    story.invite()
    story.judge(*[NO] * 9)
    story.when(story.petition.give_feedback, resident(10), **feedback(NO)).then(
        Petition.FeedbackGiven, Petition.SupervisionOrdered, Petition.Closed, outcome="unresolved"
    )


# --- supervision orders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.SUBMITTED, Phase.IN_PROGRESS, Phase.CLOSED])
def test_without_an_order_there_is_nothing_to_obey_or_lift(phase: Phase) -> None:
    story = given(phase)
    obey, lift = story.petition.answer_supervision, story.petition.lift_supervision
    story.when(obey, OFFICIAL, report=text()).refused(Conflict, "no-supervision-order")
    story.when(lift, SUPERVISOR, reason=text()).refused(Conflict, "no-supervision-order")


@pytest.mark.parametrize("after_the_end", [False, True])
def test_an_order_is_obeyed_by_the_post_that_leads_and_lifted_by_a_supervisor(after_the_end: bool) -> None:
    story = given(Phase.FEEDBACK if after_the_end else Phase.ROADMAP, suspended=not after_the_end, max_rounds=1)
    if after_the_end:
        story.judge(*[NO] * 10)
    else:
        story.do(story.petition.order_supervision, SUPERVISOR, order=text())
    obey, lift = story.petition.answer_supervision, story.petition.lift_supervision
    for actor in EVERYBODY:
        if actor != OFFICIAL:
            story.when(obey, actor, report=text()).refused(Forbidden, "forbidden")
        if actor != SUPERVISOR:
            story.when(lift, actor, reason=text()).refused(Forbidden, "forbidden")
    story.when(obey, OFFICIAL, report=text()).then(Petition.SupervisionAnswered)
    story.when(obey, OFFICIAL, report=text("better")).then(Petition.SupervisionAnswered)
    story.when(lift, SUPERVISOR, reason=text()).then(Petition.SupervisionLifted)
    for method, actor, said in ((obey, OFFICIAL, "report"), (lift, SUPERVISOR, "reason")):
        story.when(method, actor, **{said: text()}).refused(Conflict, "no-supervision-order")


def test_an_order_may_be_lifted_unanswered_and_the_final_response_answers_it() -> None:
    story = given(Phase.IN_PROGRESS)
    story.do(story.petition.order_supervision, SUPERVISOR, order=text())
    story.when(story.petition.lift_supervision, SUPERVISOR, reason=text()).then(Petition.SupervisionLifted)
    story.do(story.petition.order_supervision, SUPERVISOR, order=text())
    story.answer()
    assert story.petition.supervision == "answered"


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["remind", "escalate"])
def test_a_clock_warns_once_and_not_after_it_was_stopped_or_moved(kind: str) -> None:
    story = given(Phase.IN_PROGRESS)
    warn, response = getattr(story.petition, kind), story.petition.clocks["response"]
    event = Petition.Reminded if kind == "remind" else Petition.Escalated
    story.when(warn, WORKFLOW, rule="response", due_at=response.due_at).then(event)
    story.when(warn, WORKFLOW, rule="response", due_at=response.due_at).then()
    story.when(warn, WORKFLOW, rule="roadmap", due_at=response.due_at).then()
    story.do(story.petition.extend, SUPERVISOR, days=1, reason=text())
    story.when(warn, WORKFLOW, rule="response", due_at=response.due_at).then()
    story.when(warn, WORKFLOW, rule="response", due_at=response.due_at + timedelta(days=1)).then(event)
    for task_id in story.petition.tasks:
        story.when(warn, WORKFLOW, rule="task", due_at=story.now, task_id=task_id).then(event)
        story.when(warn, WORKFLOW, rule="task", due_at=story.now, task_id=task_id).then()


def test_a_clock_that_stands_still_does_not_warn() -> None:
    story = given(Phase.ROADMAP, suspended=True)
    due_at = story.petition.clocks["response"].due_at
    story.when(story.petition.escalate, WORKFLOW, rule="response", due_at=due_at).then()
    story.when(story.petition.escalate, WORKFLOW, rule="task", due_at=due_at, task_id=id_of("task 1")).then()


def test_no_warning_after_the_end() -> None:
    story = given(Phase.CLOSED)
    story.when(story.petition.remind, WORKFLOW, rule="task", due_at=story.now, task_id=id_of("task 1")).then()


def test_a_supervisor_may_order_even_a_suspended_matter_on() -> None:
    story = given(Phase.ROADMAP, suspended=True)
    story.when(story.petition.order_supervision, SUPERVISOR, order=text()).then(Petition.SupervisionOrdered)


def test_a_date_in_an_unknown_year_stops_the_command_before_anything_is_decided() -> None:
    """The end of 2026, when the notice for 2027 is not in the calendar yet."""
    december = datetime(2026, 12, 29, 1, tzinfo=UTC)
    for story, step in (
        (given(Phase.COLLECTING, signatures=9), "co_sign"),
        (given(Phase.SUBMITTED), "accept"),
        (given(Phase.MEETING), "conclude_meeting"),
    ):
        story.now = december
        actor = {"co_sign": STRANGER, "accept": CLERK}.get(step, HOST_STAFF)
        arguments = {"meeting_id": id_of("meeting")} if step == "conclude_meeting" else {}
        story.when(getattr(story.petition, step), actor, **arguments).refused(Invalid, "calendar-unknown-year")
    story = given(Phase.FEEDBACK, signatures=10)
    story.judge(*[NO] * 9)
    story.now = december
    story.when(story.petition.give_feedback, resident(10), **feedback(NO)).refused(Invalid, "calendar-unknown-year")
    assert story.petition.created_on == MONDAY


def test_representatives_are_known_by_the_names_they_chose_until_others_are_elected_or_they_withdraw() -> None:
    story = given(Phase.SUBMITTED)
    story.elect(SIGNER, resident(3))
    assert story.petition.representatives == [SIGNER.by, "resident-3"]
    assert story.petition.elected[SIGNER.by] == text("name of resident-2")
    story.do(story.petition.withdraw_signature, SIGNER)
    assert story.petition.representatives == ["resident-3"]
    story.elect(LEAD)
    assert story.petition.representatives == [LEAD.by]


def test_a_referral_says_to_whom_once_and_its_receipt_is_of_a_day_that_has_been() -> None:
    for named in ({}, {"to": text(), "unit": given(Phase.SUBMITTED).units[0]}):
        story = given(Phase.SUBMITTED)
        story.when(story.petition.refer, CLERK, explanation=text(), **named).refused(Invalid, "referred-to-whom", "to")
    story.do(story.petition.refer, CLERK, to=text("authority"), explanation=text())
    tomorrow = local_day(story.now) + timedelta(days=1)
    receipt = {"number": text(), "received_by": text(), "received_on": tomorrow}
    story.when(story.petition.receive_referral, CLERK, **receipt).refused(Invalid, "received-in-future", "received_on")
    # Nobody holds office for a unit that is not named.
    nobody = Actor("nobody", Role.UNIT_OFFICER)
    story.when(story.petition.receive_referral, nobody, **receipt).refused(Forbidden, "forbidden")


def test_what_is_urgent_is_submitted_whoever_has_signed_and_goes_on_being_signed() -> None:
    story = given(Phase.COLLECTING, signatures=2)
    result = story.when(story.petition.mark_urgent, HOST_STAFF, reason=text("flood"))
    result.then(Petition.MarkedUrgent, Petition.Submitted)
    assert story.petition.clocks["urgent"].due_at == MONDAY + timedelta(hours=24)
    assert set(story.petition.clocks) == {"urgent", "admissibility"}
    story.when(story.petition.co_sign, resident(3)).then(Petition.CoSigned)
    story.sign(12)  # over the threshold, which nothing waits for any more
    assert not story.petition.threshold_reached
    story.accept()
    story.when(story.petition.co_sign, resident(20)).then(Petition.CoSigned)


def test_the_first_response_stops_the_clock_of_what_is_urgent() -> None:
    for phase in (Phase.SUBMITTED, Phase.ACCEPTED, Phase.MEETING):
        story = given(phase)
        story.do(story.petition.mark_urgent, CLERK, reason=text())
        due_at = story.petition.clocks["urgent"].due_at
        if phase == Phase.SUBMITTED:
            story.accept()
        assert story.petition.clocks["urgent"].due_at == due_at
        story.do(story.petition.give_interim_response, OFFICIAL, text=text("pumps are on their way"))
        assert "urgent" not in story.petition.clocks
    story = given(Phase.ROADMAP)
    story.do(story.petition.mark_urgent, CLERK, reason=text())
    assert set(story.petition.clocks) == {"roadmap", "response", "urgent"}
    story.plan()
    assert set(story.petition.clocks) == {"response"}
    assert story.petition.urgent, "the flag stays"


def test_what_can_wait_after_all_collects_its_signatures_unless_it_has_them() -> None:
    story = given(Phase.COLLECTING, signatures=2)
    story.do(story.petition.mark_urgent, CLERK, reason=text())
    result = story.when(story.petition.lift_urgency, CLERK, reason=text("the pump works"))
    result.then(Petition.UrgencyLifted, signing=story.petition.clocks["signing"])
    assert (story.petition.phase, story.petition.urgent) == (Phase.COLLECTING, False)
    story.sign(9)
    story.when(story.petition.co_sign, resident(10)).then(Petition.CoSigned, Petition.ThresholdReached)
    story.submit()
    story.when(story.petition.co_sign, resident(11)).refused(Conflict, "wrong-phase")

    story = given(Phase.COLLECTING, signatures=2)
    story.do(story.petition.mark_urgent, CLERK, reason=text())
    story.sign(10)
    story.when(story.petition.lift_urgency, CLERK, reason=text()).then(Petition.UrgencyLifted, signing=None)
    assert set(story.petition.clocks) == {"admissibility"}

    story = given(Phase.COLLECTING, signatures=10)
    story.do(story.petition.mark_urgent, CLERK, reason=text())
    story.do(story.petition.withdraw_signature, SIGNER)
    story.when(story.petition.lift_urgency, CLERK, reason=text()).then(Petition.UrgencyLifted, signing=None)


def test_a_reason_says_as_much_as_it_needs_and_no_more() -> None:
    story, other = given(Phase.SUBMITTED), given(Phase.CLOSED, name="other").petition
    reject, why = story.petition.reject, {"explanation": text()}
    court, duplicate = RejectionReason.STATUTORY_ROUTE, RejectionReason.DUPLICATE
    story.when(reject, CLERK, reason_code=court, **why).refused(Invalid, "statutory-route", "route")
    story.when(reject, CLERK, reason_code=RejectionReason.OTHER, route=StatutoryRoute.COURT, **why).refused(
        Invalid, "statutory-route", "route"
    )
    for named in (None, story.petition):
        story.when(reject, CLERK, reason_code=duplicate, duplicate_of=named, **why).refused(
            Invalid, "duplicate-of", "duplicate_of"
        )
    story.when(reject, CLERK, reason_code=RejectionReason.OTHER, duplicate_of=other, **why).refused(
        Invalid, "duplicate-of", "duplicate_of"
    )
    story.when(reject, CLERK, reason_code=duplicate, duplicate_of=other, **why).then(
        Petition.Rejected, route=None, duplicate_of=other.id
    )
    story = given(Phase.SUBMITTED)
    arbitration = StatutoryRoute.ARBITRATION
    story.when(story.petition.reject, CLERK, reason_code=court, route=arbitration, **why).then(
        Petition.Rejected, route="arbitration", reason_code="statutory_route"
    )


def test_a_rejected_petition_is_amended_in_time_with_all_its_signatures_and_only_so_often() -> None:
    story = given(Phase.SUBMITTED)
    petition, amended = story.petition, {"topic": text("new topic"), "details": text("new details")}
    story.do(petition.issue_public_text, CLERK, topic=text(), details=text())
    story.reject()
    assert petition.clocks["refiling"].due_at == end_of(4, 1), "30 days, the first not counted"
    story.when(petition.close_refiling, WORKFLOW).refused(Conflict, "too-early")
    story.when(petition.refile, LEAD, **amended).then(Petition.Refiled)
    assert (petition.phase, petition.topic, petition.public_topic) == (Phase.SUBMITTED, text("new topic"), None)
    assert petition.signatures == 10
    story.when(petition.withdraw_signature, SIGNER).then(Petition.CoSignatureWithdrawn)
    story.reject()
    assert petition.over
    story.when(petition.refile, LEAD, **amended).refused(Conflict, "refiling-over")


def test_a_rejection_that_is_not_amended_in_time_stands() -> None:
    story = given(Phase.REJECTED)
    amended = {"topic": text(), "details": text()}
    story.later(days=31)
    story.when(story.petition.refile, LEAD, **amended).refused(Conflict, "refiling-over")
    story.when(story.petition.close_refiling, WORKFLOW).then(Petition.RefilingClosed)
    assert story.petition.over
    story.when(story.petition.refile, LEAD, **amended).refused(Conflict, "refiling-over")
    assert given(Phase.REJECTED, max_refilings=0).petition.over
