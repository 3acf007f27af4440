"""Every clock of the policy, at its real length, on the real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain.ballot import Ballot, Question
from domain.clock import Clock
from domain.directory import Unit
from domain.intake import Intake, Means
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Answer, RejectionReason, Resolved, ReviewResult
from domain.proposal import Proposal
from domain.refusals import Conflict
from domain.task import Task
from infra.database import connect
from tests.domain.story import (
    CLERK,
    HOST_STAFF,
    OFFICIAL,
    SECOND_STAFF,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    id_of,
    resident,
    text,
)
from tests.workflows.people import People, engine, in_hand
from workflows.relay import OpenMatter, nudge

MINUTE = timedelta(minutes=1)


Play = Callable[[People], Awaitable[None]]
PLAYS: list[Play] = []


def at_once(play: Play) -> Callable[..., Awaitable[None]]:
    """Make a test of a play. All plays begin together: most of the time Temporal waits a second before it skips."""
    PLAYS.append(play)

    async def test(playing: dict[Play, asyncio.Task[None]]) -> None:
        await playing[play]

    return test


@pytest.fixture(scope="module")
async def playing(postgres: str, temporal: str) -> AsyncIterator[dict[Play, asyncio.Task[None]]]:
    admin = await asyncpg.connect(postgres, database="postgres")
    await admin.execute("CREATE DATABASE clocks TEMPLATE yuetan")
    pool = await connect(postgres.replace("/yuetan?", "/clocks?"))
    async with engine(pool, temporal) as made:
        tasks = {play: asyncio.create_task(begin(play, People(made, uuid4()))) for play in PLAYS}
        yield tasks
        for task in tasks.values():  # those that nobody asked for
            task.cancel()
        await asyncio.wait(tasks.values())
    await pool.close()
    await admin.execute("DROP DATABASE clocks")
    await admin.close()


async def begin(play: Play, people: People) -> None:
    await people.open()
    await play(people)


def assert_on_time(event: Any, at: datetime) -> None:
    assert timedelta(0) <= event.timestamp - at < MINUTE


async def assert_warned(people: People, clock: Clock) -> None:
    """Reminded at 80 % of the clock, escalated at its end."""
    [reminded] = await people.happens("petition.Reminded", rule=clock.rule)
    assert_on_time(reminded, clock.remind_at)
    [escalated] = await people.happens("petition.Escalated", rule=clock.rule)
    assert_on_time(escalated, clock.due_at)
    assert reminded.due_at == escalated.due_at == clock.due_at


@at_once
async def test_too_few_signatures_let_a_petition_lapse_at_the_end_of_signing(people: People) -> None:
    signing = await people.clock("signing")
    await people.sign(2)
    await people.forward(signing.due_at + MINUTE)
    reminded, lapsed = await people.happens("petition.Reminded", "petition.Lapsed")
    assert_on_time(reminded, signing.remind_at)
    assert_on_time(lapsed, signing.due_at)
    assert await people.handle.result() == "lapsed"


@at_once
async def test_a_silent_host_does_not_stop_a_petition(people: People) -> None:
    await people.sign()
    opinion = await people.clock("host_opinion")
    await people.forward(opinion.due_at + MINUTE)
    reminded, submitted = await people.happens("petition.Reminded", "petition.Submitted")
    assert_on_time(reminded, opinion.remind_at)
    assert_on_time(submitted, opinion.due_at)
    topics = await people.topics()
    assert "petition.HostOpinionGiven" not in topics
    assert "petition.Escalated" not in topics, "the story itself acts at the end of this clock"


@at_once
async def test_a_signature_withdrawn_in_secret_moves_the_end_of_signing_back(people: People) -> None:
    """Signatures are not announced: the story finds out when it is refused."""
    signing = await people.clock("signing")
    await people.sign()
    opinion = await people.clock("host_opinion")
    await people.do(Petition.withdraw_signature, resident(3), at=await people.now())
    await people.forward(opinion.due_at + MINUTE)
    assert (await people.clock("signing")) == signing
    await people.forward(signing.due_at + MINUTE)
    [lapsed] = await people.happens("petition.Lapsed")
    assert_on_time(lapsed, signing.due_at)


async def contested(people: People) -> UUID:
    """A slip that two of the staff found false."""
    intake, petition = uuid4(), {"petition": (Petition, people.id)}
    facts = {"signer": resident(50).by, "means": Means.PAPER, "slip": None}
    await people.act(Intake.file, HOST_STAFF, intake, also=petition, **facts)
    await people.act(Intake.propose_invalidation, HOST_STAFF, intake, reason=text())
    await people.act(Intake.confirm_invalidation, SECOND_STAFF, intake, also=petition)
    return intake


@at_once
async def test_a_signature_found_false_counts_until_nobody_has_appealed_in_time(people: People) -> None:
    await people.sign(2)
    await contested(people)
    appeal = await people.clock("appeal")
    await people.forward(appeal.due_at + MINUTE)
    _, invalidated = await people.happens("intake.Invalidated", "petition.CoSignatureInvalidated")
    assert_on_time(invalidated, appeal.due_at)
    assert await people.warnings("appeal") == []


@at_once
async def test_a_clerk_who_leaves_an_appeal_lying_is_escalated(people: People) -> None:
    await people.sign(2)
    intake = await contested(people)
    await people.act(Intake.appeal, resident(50), intake, grounds=text())
    decision = await people.clock("appeal_decision")
    await people.forward(decision.due_at + MINUTE)
    await assert_warned(people, decision)
    assert "petition.CoSignatureInvalidated" not in await people.topics()


@at_once
async def test_what_is_urgent_has_a_day_to_its_first_response_and_collects_again_when_it_can_wait(
    people: People,
) -> None:
    await people.act(Petition.mark_urgent, CLERK, reason=text("flood"))
    urgent = await people.clock("urgent")
    assert urgent.due_at - urgent.started_at == timedelta(hours=24)
    await people.forward(urgent.due_at + MINUTE)
    await assert_warned(people, urgent)
    await people.act(Petition.lift_urgency, CLERK, reason=text("the water is gone"))
    assert (await people.knows()).phase == "collecting"
    signing = await people.clock("signing")
    await people.forward(signing.due_at + MINUTE)
    [lapsed] = await people.happens("petition.Lapsed")
    assert_on_time(lapsed, signing.due_at)


@at_once
async def test_an_interim_response_stops_the_clock_of_what_is_urgent(people: People) -> None:
    await people.accept()
    await people.act(Petition.mark_urgent, HOST_STAFF, reason=text("flood"))
    urgent = await people.clock("urgent")
    await people.act(Petition.give_interim_response, OFFICIAL, text=text("pumps are on their way"))
    await people.forward(urgent.due_at + MINUTE)
    assert {running.clock.rule for running in (await people.knows()).clocks} == {
        "acknowledgement",
        "meeting",
        "response",
    }
    assert await people.warnings("urgent") == []


@at_once
async def test_what_was_rejected_waits_to_be_amended_is_checked_again_and_then_ends(people: People) -> None:
    await people.submit()
    reject: dict[str, Any] = {"reason_code": RejectionReason.NO_CONCRETE_TOPIC, "explanation": text("which pump?")}
    await people.act(Petition.reject, CLERK, **reject)
    assert not (await people.knows()).ended
    await people.forward(await people.now() + timedelta(days=20))
    await people.act(Petition.refile, resident(1), topic=text("that pump"), details=text())
    admissibility = await people.clock("admissibility")
    await people.forward(admissibility.due_at + MINUTE)
    await assert_warned(people, admissibility)
    await people.act(Petition.reject, CLERK, **reject)
    assert await people.handle.result() == "rejected"


@at_once
async def test_what_was_rejected_and_is_not_amended_in_time_has_ended(people: People) -> None:
    await people.submit()
    await people.act(
        Petition.reject, CLERK, reason_code=RejectionReason.OTHER_LEVEL, explanation=text("the city plans")
    )
    refiling = await people.clock("refiling")
    await people.forward(refiling.due_at + MINUTE)
    reminded, closed = await people.happens("petition.Reminded", "petition.RefilingClosed")
    assert_on_time(reminded, refiling.remind_at)
    assert_on_time(closed, refiling.due_at)
    assert await people.handle.result() == "rejected"


@at_once
async def test_an_idle_clerk_is_reminded_and_escalated(people: People) -> None:
    await people.submit()
    admissibility = await people.clock("admissibility")
    await people.forward(admissibility.due_at + MINUTE)
    await assert_warned(people, admissibility)
    await people.act(Petition.accept, CLERK)
    assert (await people.knows()).phase == "accepted"


@at_once
async def test_unacknowledged_calls_and_meetings_not_held_are_escalated(people: People) -> None:
    await people.accept()
    acknowledgement, meeting = await people.clock("acknowledgement"), await people.clock("meeting")
    await people.forward(meeting.due_at + MINUTE)
    await assert_warned(people, acknowledgement)
    people.read = 0
    await assert_warned(people, meeting)


@at_once
async def test_an_acknowledged_call_is_not_escalated(people: People) -> None:
    await people.accept()
    acknowledgement = await people.clock("acknowledgement")
    await people.act(Petition.acknowledge, OFFICIAL)
    await people.forward(acknowledgement.due_at + MINUTE)
    assert (await people.knows()).phase == "meeting"
    assert await people.warnings("acknowledgement") == []


@at_once
async def test_a_late_roadmap_is_escalated(people: People) -> None:
    await people.accept()
    await people.meet()
    roadmap = await people.clock("roadmap")
    await people.forward(roadmap.due_at + MINUTE)
    await assert_warned(people, roadmap)


@at_once
async def test_an_unclaimed_task_goes_back_to_the_official_who_is_pressed_until_it_is_mandated(people: People) -> None:
    await people.accept()
    await people.meet()
    [task] = await people.plan("unit")
    claim = await people.clock("claim")
    await people.forward(claim.due_at + MINUTE)
    reminded, handed_back = await people.happens("petition.Reminded", "task.HandedBack")
    assert_on_time(reminded, claim.remind_at)
    assert_on_time(handed_back, claim.due_at)
    assert handed_back.originator_id == task
    mandate = await people.clock("mandate")
    await people.forward(mandate.due_at + MINUTE)
    await assert_warned(people, mandate)
    assert {event.task_id for event in await people.warnings("mandate")} == {task}
    second = {"unit": (Unit, id_of("second unit"))}
    await people.act(Task.mandate, OFFICIAL, task, reason=text("reason"), also=second)
    assert (await people.clock("task")).due_at > claim.due_at


@at_once
async def test_a_transfer_that_nobody_takes_goes_back_to_the_official(people: People) -> None:
    await people.accept()
    await people.meet()
    [task] = await people.plan("unit")
    await people.act(Task.claim, UNIT_OFFICER, task)
    await people.act(Task.transfer, UNIT_OFFICER, task, reason=text("reason"), also=second_unit())
    claim = await people.clock("claim")
    await people.forward(claim.due_at + MINUTE)
    _, handed_back = await people.happens("petition.Reminded", "task.HandedBack")
    assert_on_time(handed_back, claim.due_at)
    await people.act(Task.mandate, OFFICIAL, task, reason=text("reason"), also=second_unit())
    await people.act(Task.complete, SUPPORTING_OFFICER, task, report=text("report"))


@at_once
async def test_a_superior_who_does_not_decide_on_a_second_objection_is_escalated(people: People) -> None:
    await people.accept()
    await people.meet()
    [task] = await people.plan("unit")
    words = {"reason": text("reason"), "basis": text("basis")}
    await people.act(Task.object, UNIT_OFFICER, task, **words)
    await people.act(Task.mandate, OFFICIAL, task, reason=text("reason"), also=second_unit())
    superior = {"superior": (Unit, id_of("unit"))}
    await people.act(Task.object, SUPPORTING_OFFICER, task, **words, also=superior)
    mandate = await people.clock("mandate")
    await people.forward(mandate.due_at + MINUTE)
    await assert_warned(people, mandate)
    assert {event.task_id for event in await people.warnings("mandate")} == {task}
    await people.act(Task.mandate, UNIT_OFFICER, task, reason=text("reason"), also=second_unit())
    assert (await people.clock("task")).due_at > mandate.due_at


def second_unit() -> dict[str, Any]:
    return {"unit": (Unit, id_of("second unit"))}


@at_once
async def test_a_revised_roadmap_offers_what_is_new_leaves_the_rest_and_moves_the_date(people: People) -> None:
    await people.accept()
    await people.meet()
    kept, dropped = await people.plan("unit", "second unit", days=12)
    await people.act(Task.claim, UNIT_OFFICER, kept)
    due = await people.clock("task")
    petition = await people.engine.repository.get(Petition, people.id)
    first = petition.roadmaps[-1][0]
    later = replace(first, due_on=first.due_on + timedelta(days=5))
    new = replace(first, task_id=uuid4(), title=text("new"))
    together = in_hand([kept, dropped])
    together["also"]["units"] = [(Unit, id_of("unit"))]
    await people.act(Petition.revise_roadmap, OFFICIAL, reason=text("reason"), items=[later, new], **together)
    left_out, offered = await people.happens("task.Dropped", "task.Offered")
    assert (left_out.originator_id, offered.originator_id) == (dropped, new.task_id)
    assert {task.id for task in (await people.knows()).tasks} == {kept, new.task_id}
    moved = await people.clock("task")
    assert moved.due_at == due.due_at + timedelta(days=5)
    await people.work([new.task_id])
    await people.forward(moved.due_at + MINUTE)
    await assert_warned(people, moved)
    assert len(await people.warnings("task")) == 2, "nothing at the old date"


@at_once
async def test_a_task_that_is_not_done_is_escalated_on_its_date(people: People) -> None:
    await people.accept()
    await people.meet()
    [task] = await people.plan("unit", days=12)
    await people.act(Task.claim, UNIT_OFFICER, task)
    due = await people.clock("task")
    await people.forward(due.due_at + MINUTE)
    await assert_warned(people, due)
    assert await people.warnings("claim") == [], "it was claimed in time"


@at_once
async def test_an_extension_moves_reminder_and_escalation_of_the_response(people: People) -> None:
    await people.accept()
    await people.meet()
    await people.work(await people.plan("unit"))
    response = await people.clock("response")
    await people.forward(response.remind_at - timedelta(days=1))
    await people.act(Petition.extend, SUPERVISOR, days=20, reason=text("reason"))
    extended = await people.clock("response")
    assert extended.due_at == response.due_at + timedelta(days=20)
    await people.forward(extended.due_at + MINUTE)
    await assert_warned(people, extended)
    assert len(await people.warnings("response")) == 2, "nothing at the old dates"


@at_once
async def test_a_suspended_matter_is_left_in_peace_and_its_clocks_move(people: People) -> None:
    await people.accept()
    await people.meet()
    tasks = await people.plan("unit", "second unit")
    done, waiting = tasks
    await people.work([done])
    response, claim = await people.clock("response"), await people.clock("claim")
    await people.forward(claim.remind_at - timedelta(hours=1))
    await people.suspend(tasks)
    suspended_at = await people.now()
    await people.forward(response.due_at + timedelta(days=30))
    assert (await people.knows()).suspended
    assert await people.warnings("response") == await people.warnings("claim") == []
    await people.resume(tasks)
    stood_still = await people.now() - suspended_at
    for rule, before in (("claim", claim), ("response", response)):
        resumed = await people.clock(rule)
        assert abs(resumed.due_at - before.due_at - stood_still) < MINUTE
        people.read = 0
        await people.forward(resumed.due_at + MINUTE)
        if rule == "claim":
            reminded, handed_back = await people.happens("petition.Reminded", "task.HandedBack")
            assert_on_time(reminded, resumed.remind_at)
            assert_on_time(handed_back, resumed.due_at)
            assert handed_back.originator_id == waiting
        else:
            await assert_warned(people, resumed)


async def answered(people: People) -> None:
    await people.accept()
    await people.meet()
    tasks = await people.plan("unit")
    await people.work(tasks)
    await people.answer(tasks)


async def closes(people: People, *verdicts: Resolved) -> str:
    """Let the time to judge run out; answers with the outcome."""
    await answered(people)
    feedback = await people.clock("feedback")
    await people.judge(*verdicts)
    await people.forward(feedback.due_at + MINUTE)
    reminded, closed = await people.happens("petition.Reminded", "petition.Closed")
    assert_on_time(reminded, feedback.remind_at)
    assert_on_time(closed, feedback.due_at)
    assert await people.handle.result() == "closed"
    return str(closed.outcome)


@at_once
async def test_silence_is_not_judged_when_the_time_to_judge_is_over(people: People) -> None:
    assert await closes(people) == "not_judged"


@at_once
async def test_a_review_wakes_the_story_up_and_what_is_returned_goes_on(people: People) -> None:
    assert await closes(people, Resolved.YES) == "resolved"
    at = await people.now()
    people.position = await people.do(Petition.request_review, resident(1), at=at, grounds=text("grounds"))
    await nudge(people.engine.client, OpenMatter(people.id, people.position, ended=False, revived=True))
    review = await people.clock("review")
    await people.forward(review.due_at + MINUTE)
    await assert_warned(people, review)
    await people.act(Petition.decide_review, SUPERVISOR, result=ReviewResult.RETURNED, opinion=text("opinion"))
    assert (await people.knows()).phase == "roadmap"
    tasks = await people.plan("unit")
    await people.work(tasks)
    await people.answer(tasks)
    await people.judge(Resolved.YES, Resolved.YES, Resolved.YES)
    await people.happens("petition.Closed")
    assert await people.handle.result() == "closed"


@at_once
async def test_a_review_that_changes_nothing_lets_the_story_end_again(people: People) -> None:
    await closes(people, Resolved.YES)
    at = await people.now()
    people.position = await people.do(Petition.request_review, resident(1), at=at, grounds=text("grounds"))
    await nudge(people.engine.client, OpenMatter(people.id, people.position, ended=False, revived=True))
    await people.clock("review")
    await people.act(Petition.decide_review, SUPERVISOR, result=ReviewResult.UPHELD, opinion=text("opinion"))
    assert await people.handle.result() == "closed"


@at_once
async def test_too_few_judgements_begin_a_call_back_that_ends_by_its_clock(people: People) -> None:
    await answered(people)
    await people.act(Petition.agree_to_call, resident(3))
    feedback = await people.clock("feedback")
    await people.forward(feedback.due_at + MINUTE)
    [begun] = await people.happens("petition.CallBackBegun")
    assert_on_time(begun, feedback.due_at)
    await people.act(Petition.hand_out_call, CLERK, call_id=uuid4())
    await people.forward(begun.call_back.due_at + MINUTE)
    [closed] = await people.happens("petition.Closed")
    assert_on_time(closed, begun.call_back.due_at)
    assert closed.outcome == "not_judged"
    assert await people.handle.result() == "closed"


@at_once
async def test_what_half_of_the_judges_call_partly_resolved_is_resolved(people: People) -> None:
    assert await closes(people, Resolved.PARTLY, Resolved.NO) == "resolved"


async def promised(people: People) -> Clock:
    """The residents have heard a promise and are content with it so far; answers with its clock."""
    await people.accept()
    await people.meet()
    tasks = await people.plan("unit")
    await people.answer(tasks, outcome=Answer.PLANNED)
    await people.judge(Resolved.YES, Resolved.YES, Resolved.YES)
    await people.happens("petition.TrackingBegun")
    return await people.clock("commitment")


@at_once
async def test_a_promise_that_is_kept_is_judged_again(people: People) -> None:
    commitment = await promised(people)
    await people.forward(commitment.due_at - timedelta(days=1))
    [reminded] = await people.happens("petition.Reminded", rule="commitment")
    assert_on_time(reminded, commitment.remind_at)
    await people.act(Petition.report_delivery, OFFICIAL, report=text("report"))
    await people.happens("petition.FeedbackInvited")
    await people.judge(Resolved.YES, Resolved.PARTLY, Resolved.YES)
    [closed] = await people.happens("petition.Closed")
    assert closed.outcome == "resolved"
    assert await people.handle.result() == "closed"
    assert "petition.SupervisionOrdered" not in await people.topics()


@at_once
async def test_a_promise_that_is_not_kept_is_ordered_and_judged_on_its_day(people: People) -> None:
    commitment = await promised(people)
    await people.forward(commitment.due_at + MINUTE)
    ordered, missed, _ = await people.happens(
        "petition.SupervisionOrdered", "petition.CommitmentMissed", "petition.FeedbackInvited"
    )
    assert_on_time(missed, commitment.due_at)
    assert ordered.order is None
    await people.judge(Resolved.NO, Resolved.NO, Resolved.NO)
    [reopened] = await people.happens("petition.Reopened")
    assert reopened.round == 2
    assert (await people.knows()).phase == "roadmap"


@at_once
async def test_dissatisfied_residents_get_a_second_round_and_then_a_supervision_order(people: People) -> None:
    await people.accept()
    await people.meet()
    done, neglected = await people.plan("unit", "second unit")
    await people.work([done])
    await people.answer([done, neglected], outcome=Answer.PLANNED)
    feedback = await people.clock("feedback")
    await people.judge(Resolved.NO)
    await people.forward(feedback.due_at + MINUTE)
    [reopened] = await people.happens("petition.Reopened")
    assert_on_time(reopened, feedback.due_at)
    [dropped] = await people.happens("task.Dropped")
    assert dropped.originator_id == neglected

    roadmap = await people.clock("roadmap")
    await people.forward(roadmap.due_at + MINUTE)
    await assert_warned(people, roadmap)
    tasks = await people.plan("unit")
    await people.work(tasks)
    await people.answer(tasks)
    second = await people.clock("feedback")
    await people.judge(Resolved.NO)
    await people.forward(second.due_at + MINUTE)
    ordered, closed = await people.happens("petition.SupervisionOrdered", "petition.Closed")
    assert_on_time(closed, second.due_at)
    assert (ordered.order, closed.outcome) == (None, "unresolved")
    assert await people.handle.result() == "closed"


@at_once
async def test_after_a_waived_meeting_the_story_goes_on_with_the_answer(people: People) -> None:
    await people.accept()
    await people.act(Petition.acknowledge, OFFICIAL)
    meeting, proposal, starts_at = uuid4(), uuid4(), await people.now() + timedelta(days=6)
    also: dict[str, Any] = {"petition": (Petition, people.id)}
    await people.act(Meeting.schedule, HOST_STAFF, meeting, starts_at=starts_at, venue=text(), also=also)
    await people.act(Petition.elect_representatives, WORKFLOW, elected={resident(1).by: text()})
    await people.act(Proposal.waive, resident(1), proposal, reason=text(), also=also)
    concerned = {**also, "meetings": [(Meeting, meeting)]}
    await people.act(Proposal.voice, resident(1), proposal, agrees=True, also=concerned)
    await people.answer([])
    await people.judge(Resolved.YES, Resolved.YES, Resolved.YES)
    await people.happens("petition.Closed")
    topics = await people.topics()
    assert "meeting.Cancelled" in topics
    assert "meeting.BriefReleased" not in topics


@at_once
async def test_the_brief_is_released_two_days_ahead_and_minutes_that_nobody_confirms_are_left(people: People) -> None:
    await people.accept()
    await people.act(Petition.acknowledge, OFFICIAL)
    meeting, starts_at = uuid4(), await people.now() + timedelta(days=6)
    also = {"petition": (Petition, people.id)}
    await people.act(Meeting.schedule, HOST_STAFF, meeting, starts_at=starts_at, venue=text(), also=also)
    later = starts_at + timedelta(days=1)
    moved = {"starts_at": later, "venue": text(), "reason": text()}
    await people.act(Meeting.reschedule, OFFICIAL, meeting, **moved, also=also)
    await people.forward(later + MINUTE)
    [released] = await people.happens("meeting.BriefReleased")
    assert_on_time(released, later - timedelta(hours=48))
    await people.act(Meeting.hold, HOST_STAFF, meeting, minutes=text(), also=also)
    clock = (await people.engine.repository.get(Meeting, meeting)).minutes_clock
    assert clock
    await people.forward(clock.due_at + MINUTE)
    reminded, left = await people.happens("petition.Reminded", "meeting.MinutesLeftUnconfirmed")
    assert (reminded.rule, reminded.task_id, left.missing) == ("minutes", meeting, ["official", "representative"])
    assert_on_time(reminded, clock.remind_at)
    assert_on_time(left, clock.due_at)


async def asked(people: People, question: Question) -> UUID:
    ballot, also = uuid4(), {"petition": (Petition, people.id)}
    await people.act(Ballot.call, resident(1), ballot, question=question, also=also)
    return ballot


async def vote(people: People, ballot: UUID, choice: str, *voters: int) -> None:
    """As the relay sees it: of votes it hears nothing."""
    for n in voters:
        also = {"petition": (Petition, people.id)}
        await people.do(Ballot.vote, resident(n), ballot, at=await people.now(), choices=[choice], also=also)


@at_once
async def test_a_ballot_without_a_majority_fails_at_the_end_of_its_clock_and_the_petition_goes_on(
    people: People,
) -> None:
    await people.accept()
    ballot = await asked(people, Question.WITHDRAWAL)
    clock = await people.clock("ballot")
    await vote(people, ballot, "yes", 1)
    await people.forward(clock.due_at + MINUTE)
    [reminded] = await people.happens("petition.Reminded", rule="ballot")
    assert_on_time(reminded, clock.remind_at)
    [concluded] = await people.happens("petition.BallotConcluded")
    assert_on_time(concluded, clock.due_at)
    assert (concluded.ballot_id, concluded.result) == (ballot, "failed")
    with pytest.raises(Conflict, match="ballot-concluded"):
        await vote(people, ballot, "yes", 2)
    await people.meet()
    assert (await people.knows()).phase == "roadmap"


@at_once
async def test_a_ballot_and_an_alert_do_not_break_the_story_of_what_was_rejected_meanwhile(people: People) -> None:
    await people.submit()
    await asked(people, Question.WITHDRAWAL)
    clock = await people.clock("ballot")
    await people.act(Petition.withdraw_signature, resident(3))
    await people.act(
        Petition.reject, CLERK, reason_code=RejectionReason.NO_CONCRETE_TOPIC, explanation=text("explanation")
    )
    await people.forward(clock.due_at + MINUTE)
    await people.happens("petition.SupervisorAlerted")
    await people.act(Petition.refile, resident(1), topic=text("that pump"), details=text())
    await people.act(Petition.accept, CLERK)
    assert (await people.knows()).phase == "accepted"
    assert "petition.BallotConcluded" not in await people.topics()


@at_once
async def test_a_vote_at_the_end_of_the_clock_is_either_in_time_or_refused(people: People) -> None:
    await people.accept()
    ballot = await asked(people, Question.WITHDRAWAL)
    clock = await people.clock("ballot")
    await vote(people, ballot, "yes", 1)
    await people.forward(clock.due_at - MINUTE)
    ended = asyncio.create_task(people.forward(clock.due_at + MINUTE))
    expected = "passed"
    try:
        await vote(people, ballot, "yes", 2)
    except Conflict as refusal:
        expected = {"ballot-over": "failed", "ballot-concluded": "failed"}[refusal.code]
    await ended
    [concluded] = await people.happens("petition.BallotConcluded")
    assert concluded.result == expected
    assert (await people.topics()).count("ballot.Concluded") == 1
    if expected == "passed":
        assert await people.handle.result() == "withdrawn"


@at_once
async def test_an_election_is_decided_at_the_end_of_its_clock(people: People) -> None:
    await people.accept()
    ballot = await asked(people, Question.REPRESENTATIVES)
    also = {"petition": (Petition, people.id)}
    await people.act(Ballot.stand, resident(3), ballot, name=text("name"), also=also)
    clock = await people.clock("ballot")
    await people.forward(clock.started_at + timedelta(days=4))
    await vote(people, ballot, "1", 1, 2)
    await people.forward(clock.due_at + MINUTE)
    concluded, elected = await people.happens("petition.BallotConcluded", "petition.RepresentativesElected")
    assert_on_time(concluded, clock.due_at)
    assert list(elected.elected) == [resident(3).by]


@at_once
async def test_what_a_majority_withdraws_ends_with_its_tasks(people: People) -> None:
    await people.accept()
    await people.meet()
    [task] = await people.plan("unit")
    ballot = await asked(people, Question.WITHDRAWAL)
    await vote(people, ballot, "yes", 1)
    await people.act(Ballot.vote, resident(2), ballot, choices=["yes"], also={"petition": (Petition, people.id)})
    [dropped] = await people.happens("task.Dropped")
    assert dropped.originator_id == task
    assert await people.handle.result() == "withdrawn"


@at_once
async def test_the_supervisor_hears_of_many_withdrawals_at_the_end_of_a_later_day(people: People) -> None:
    await people.accept()
    await people.act(Petition.withdraw_signature, resident(2))
    alert = await people.clock("alert")
    await people.forward(alert.due_at + MINUTE)
    [alerted] = await people.happens("petition.SupervisorAlerted")
    assert_on_time(alerted, alert.due_at)
    assert alert.due_at - alert.started_at > timedelta(days=1)
    assert not await people.warnings("alert")
