"""What waits for whom: items come and go as the story goes on, soonest due first."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.command import Role
from domain.petition import Petition
from domain.petition.words import Answer, Category, Phase, Resolved
from projections import inbox
from tests.domain.story import (
    CLERK,
    DELEGATE,
    HOST_STAFF,
    LEAD,
    MONDAY,
    OFFICIAL,
    SECOND_OFFICIAL,
    STRANGER,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Actor,
    Story,
    given,
    id_of,
    resident,
    text,
)
from tests.projections.conftest import Mirror

OFFICES = {
    "host": HOST_STAFF,
    "lead post": OFFICIAL,
    "second post": SECOND_OFFICIAL,
    "unit": UNIT_OFFICER,
    "second unit": SUPPORTING_OFFICER,
    "clerks": CLERK,
    "supervisors": SUPERVISOR,
}


async def items(mirror: Mirror, whose: Actor, now: datetime) -> list[dict[str, Any]]:
    rows, following = await inbox.waiting(mirror.pool, whose.role.value, whose.org, now)
    assert following is None
    return rows


async def waits(mirror: Mirror, story: Story, now: datetime | None = None) -> dict[str, list[str]]:
    """The kinds of items in each office's inbox, where there are any."""
    await mirror.show(story)
    found = {name: await items(mirror, whose, now or story.now) for name, whose in OFFICES.items()}
    return {name: [row["kind"] for row in rows] for name, rows in found.items() if rows}


async def test_the_ordinary_course_hands_each_step_to_whom_it_belongs(mirror: Mirror) -> None:
    story = given(Phase.COLLECTING, signatures=9)
    petition = story.petition
    assert await waits(mirror, story) == {}
    story.sign(10)
    assert await waits(mirror, story) == {"host": ["opinion"]}
    story.submit()
    assert await waits(mirror, story) == {"clerks": ["admissibility", "public_text"]}
    story.accept()
    assert await waits(mirror, story) == {
        "host": ["arrange_meeting"],
        "lead post": ["acknowledge"],
        "second post": ["acknowledge"],
        "clerks": ["public_text"],
    }
    story.do(petition.issue_public_text, CLERK, topic=text(), details=text())
    story.acknowledge()
    assert await waits(mirror, story) == {"host": ["arrange_meeting"], "second post": ["acknowledge"]}
    story.schedule()
    assert await waits(mirror, story) == {
        "host": ["meeting"],
        "lead post": ["meeting"],
        "second post": ["meeting", "acknowledge"],
    }
    story.do(petition.acknowledge, SECOND_OFFICIAL)
    story.later(days=2)
    meeting, of_it = story.meeting, {"petition": petition}
    story.do(meeting.hold, HOST_STAFF, minutes=text(), **of_it)
    assert await waits(mirror, story) == {"lead post": ["confirm_minutes", "roadmap"]}
    story.do(meeting.confirm_minutes, OFFICIAL, **of_it)
    story.do(meeting.offer_correction, LEAD, text=text(), **of_it)
    assert await waits(mirror, story) == {"host": ["correct_minutes"], "lead post": ["roadmap"]}
    story.do(meeting.confirm_minutes, LEAD, **of_it)
    assert await waits(mirror, story) == {"lead post": ["roadmap"]}
    story.plan()
    assert await waits(mirror, story) == {"lead post": ["answer"], "unit": ["claim"], "second unit": ["claim"]}
    first, second = story.tasks
    story.do(first.claim, UNIT_OFFICER)
    assert await waits(mirror, story) == {
        "lead post": ["answer"],
        "unit": ["task"],
        "second unit": ["claim", "task"],  # it leads one and supports the other
    }
    story.do(first.complete, UNIT_OFFICER, report=text())
    story.do(second.claim, SUPPORTING_OFFICER)
    assert await waits(mirror, story) == {"lead post": ["answer", "confirm"], "second unit": ["task"]}
    story.do(first.confirm, OFFICIAL)
    story.do(second.complete, SUPPORTING_OFFICER, report=text())
    story.do(second.confirm, OFFICIAL)
    assert await waits(mirror, story) == {"lead post": ["answer"]}
    story.do(petition.answer, OFFICIAL, text=text(), outcome=Answer.DONE, tasks=story.tasks)
    assert await waits(mirror, story) == {}
    story.invite()
    story.judge(*[Resolved.NO] * 10)
    assert await waits(mirror, story) == {"lead post": ["roadmap"]}
    story.plan()
    story.answer()
    story.invite()
    story.close()
    assert await waits(mirror, story) == {}


async def test_an_item_says_what_it_is_about_and_when_it_is_due(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    await mirror.show(story)
    (item,) = await items(mirror, UNIT_OFFICER, story.now)
    task = story.tasks[0]
    assert task.clock
    assert item == {
        "kind": "claim",
        "petition_id": story.petition.id,
        "task_id": task.id,
        "meeting_id": None,
        "intake_id": None,
        "reply_id": None,
        "rule": "claim",
        "due_at": task.clock.due_at,
        "since": story.now,
        "overdue": False,
        "suspended": False,
        "urgent": False,
        "category": "advice",
        "topic": text("topic"),
        "title": text("title"),
        "position": item["position"],
    }
    (late,) = await items(mirror, UNIT_OFFICER, task.clock.due_at + timedelta(seconds=1))
    assert late["overdue"]


async def test_a_slip_found_false_waits_for_a_second_person_and_an_appeal_for_the_clerk(mirror: Mirror) -> None:
    story = given(Phase.COLLECTING, signatures=3)
    intake = story.take_in(resident(50))
    assert await waits(mirror, story) == {}
    story.do(intake.propose_invalidation, HOST_STAFF, reason=text())
    assert await waits(mirror, story) == {"host": ["invalidation"]}
    story.do(intake.drop_invalidation, HOST_STAFF)
    assert await waits(mirror, story) == {}
    story.contest(intake)
    assert await waits(mirror, story) == {}
    story.do(intake.appeal, resident(50), grounds=text())
    assert await waits(mirror, story) == {"clerks": ["appeal"]}
    (item,) = await items(mirror, CLERK, story.now)
    assert intake.clock
    assert (item["intake_id"], item["due_at"]) == (intake.id, intake.clock.due_at)
    story.do(intake.decide_appeal, CLERK, petition=story.petition, counts=True, explanation=text())
    assert await waits(mirror, story) == {}


async def test_signatures_withdrawn_below_the_threshold_take_the_hosts_item_away_and_bring_it_back(
    mirror: Mirror,
) -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.do(story.petition.withdraw_signature, resident(3))
    assert await waits(mirror, story) == {}
    story.do(story.petition.co_sign, resident(3))
    assert await waits(mirror, story) == {"host": ["opinion"]}


async def test_a_cancelled_meeting_must_be_arranged_anew_and_a_moved_one_is_due_later(mirror: Mirror) -> None:
    story = given(Phase.MEETING)
    story.do(story.petition.acknowledge, SECOND_OFFICIAL)
    story.schedule()
    later = story.now + timedelta(days=5)
    moved = {"petition": story.petition, "starts_at": later, "venue": text(), "reason": text()}
    story.do(story.meeting.reschedule, HOST_STAFF, **moved)
    await mirror.show(story)
    (item,) = await items(mirror, SECOND_OFFICIAL, story.now)
    assert (item["kind"], item["meeting_id"], item["due_at"]) == ("meeting", story.meeting.id, later)
    story.do(story.meeting.cancel, HOST_STAFF, petition=story.petition, reason=text())
    assert await waits(mirror, story) == {"host": ["arrange_meeting"], "clerks": ["public_text"]}


async def test_what_a_meeting_needs_waits_for_the_host_the_posts_and_their_delegates(mirror: Mirror) -> None:
    story = given(Phase.MEETING)
    story.do(story.petition.acknowledge, SECOND_OFFICIAL)
    story.schedule()
    meeting, of_it = story.meeting, {"petition": story.petition}
    story.do(meeting.file_objection, STRANGER, objection_id=id_of("objection"), text=text(), **of_it)
    story.do(story.petition.name_delegate, OFFICIAL, posts=story.posts, delegate=story.third_post)
    story.do(meeting.release_brief, WORKFLOW)
    found = await waits(mirror, story)
    assert (found["host"], found["lead post"]) == (["meeting", "resident_objection"], ["meeting", "brief"])
    assert [item["kind"] for item in await items(mirror, DELEGATE, story.now)] == ["meeting", "brief"]
    story.do(meeting.take_up_objection, HOST_STAFF, objection_id=id_of("objection"), **of_it)
    moved = {"starts_at": story.now + timedelta(days=9), "venue": text(), "reason": text()}
    story.do(meeting.reschedule, HOST_STAFF, **moved, **of_it)
    found = await waits(mirror, story)
    assert (found["host"], found["lead post"]) == (["meeting"], ["meeting"])
    story.later(days=9)
    story.do(meeting.record_no_show, HOST_STAFF, post_id=SECOND_OFFICIAL.org, **of_it)
    assert (await waits(mirror, story))["supervisors"] == ["no_show"]


async def test_an_objection_waits_for_the_post_and_a_mandate_hands_the_task_on(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    first = story.tasks[0]
    story.do(first.object, UNIT_OFFICER, reason=text(), basis=text())
    found = await waits(mirror, story)
    assert (found["lead post"], found["second unit"], found.get("unit")) == (["objection", "answer"], ["claim"], None)
    story.do(first.mandate, OFFICIAL, unit=story.units[1], reason=text())
    found = await waits(mirror, story)
    assert (found["lead post"], found["second unit"], found.get("unit")) == (["answer"], ["claim", "task"], None)


async def test_an_offer_nobody_claims_in_time_waits_for_the_post_to_mandate(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    assert story.tasks[0].clock
    due_at = story.tasks[0].clock.due_at
    before, after = due_at - timedelta(seconds=1), due_at
    assert (await waits(mirror, story, before))["lead post"] == ["answer"]
    assert (await waits(mirror, story, after))["lead post"] == ["unclaimed", "unclaimed", "answer"]
    story.later(days=20)
    first, second = story.tasks
    story.do(first.claim, UNIT_OFFICER)
    assert (await waits(mirror, story, after))["lead post"] == ["unclaimed", "answer"]
    story.do(second.mandate, OFFICIAL, unit=story.units[0], reason=text())
    found = await waits(mirror, story, after)
    assert (found["lead post"], found["unit"], found["second unit"]) == (["answer"], ["task", "task"], ["task"])


async def test_an_objection_to_a_mandate_waits_for_the_post_as_well(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    first = story.tasks[0]
    story.later(days=10)
    story.do(first.hand_back, WORKFLOW)
    story.do(first.mandate, OFFICIAL, unit=story.units[0], reason=text())
    story.do(first.object, UNIT_OFFICER, reason=text(), basis=text())
    assert first.clock
    await mirror.show(story)
    assert await dues(mirror, story) == [("objection", first.clock.due_at)]


async def test_a_dispute_waits_for_the_superior_and_keeps_its_time_through_a_suspension(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    first = story.tasks[0]
    words = {"reason": text(), "basis": text(), "superior": story.posts[1]}
    story.do(first.object, UNIT_OFFICER, **words)
    story.do(first.mandate, OFFICIAL, unit=story.units[1], reason=text())
    story.do(first.object, SUPPORTING_OFFICER, **words)
    assert (await waits(mirror, story))["unit"] == ["responsible"]
    story.suspend()
    story.later(days=4)
    story.resume()
    assert (await waits(mirror, story))["unit"] == ["responsible"]
    kinds = dict(await dues(mirror, story))
    assert first.clock
    assert kinds == {"objection": first.clock.due_at, "responsible": None}


async def dues(mirror: Mirror, story: Story) -> list[tuple[str, datetime | None]]:
    """Of the first task, for everybody."""
    rows = await mirror.pool.fetch(
        "SELECT kind, nullif(due_at, 'infinity') AS due_at FROM inbox.items WHERE subject_id = $1", story.tasks[0].id
    )
    return [(row["kind"], row["due_at"]) for row in rows]


async def test_a_task_sent_back_is_in_hand_again(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    first = story.tasks[0]
    story.do(first.claim, UNIT_OFFICER)
    story.do(first.complete, UNIT_OFFICER, report=text())
    story.do(first.send_back, OFFICIAL, reason=text())
    assert (await waits(mirror, story))["unit"] == ["task"]
    story.do(first.drop, WORKFLOW)
    assert "unit" not in await waits(mirror, story)


async def test_while_suspended_nothing_is_overdue_and_afterwards_everything_is_due_later(mirror: Mirror) -> None:
    story = given(Phase.ROADMAP)
    due_at = story.petition.clocks["roadmap"].due_at
    story.suspend()
    await mirror.show(story)
    (item,) = await items(mirror, OFFICIAL, due_at + timedelta(days=1))
    assert (item["suspended"], item["overdue"]) == (True, False)
    story.later(days=3)
    story.resume()
    await mirror.show(story)
    (item,) = await items(mirror, OFFICIAL, due_at + timedelta(days=1))
    assert (item["suspended"], item["overdue"], item["due_at"]) == (False, False, due_at + timedelta(days=3))


async def test_an_extension_moves_the_answers_date(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    due_at = story.petition.clocks["response"].due_at
    story.do(story.petition.escalate, WORKFLOW, rule="response", due_at=due_at)
    assert (await waits(mirror, story))["supervisors"] == ["escalated"]
    story.do(story.petition.extend, SUPERVISOR, days=7, reason=text())
    assert "supervisors" not in await waits(mirror, story)
    (item,) = await items(mirror, OFFICIAL, story.now)
    assert item["due_at"] == due_at + timedelta(days=7)


def put_off(story: Story) -> None:
    story.suspend()
    story.later(days=1)
    story.resume()


@pytest.mark.parametrize(
    ("phase", "rule", "step"),
    [
        (Phase.COLLECTING, "host_opinion", Story.submit),
        (Phase.SUBMITTED, "admissibility", Story.accept),
        (Phase.SUBMITTED, "admissibility", Story.reject),
        (Phase.ACCEPTED, "acknowledgement", Story.acknowledge),
        (Phase.MEETING, "meeting", Story.meet),
        (Phase.ROADMAP, "roadmap", Story.plan),
        (Phase.IN_PROGRESS, "response", Story.answer),
        (Phase.FEEDBACK, "feedback", Story.close),
        (Phase.FEEDBACK, "feedback", lambda story: story.judge(*[Resolved.NO] * 10)),  # reopened
        (Phase.ROADMAP, "roadmap", put_off),
    ],
)
async def test_an_escalated_clock_is_the_supervisors_until_it_stops(
    mirror: Mirror, phase: Phase, rule: str, step: Any
) -> None:
    story = given(phase)
    clock = story.petition.clocks[rule]
    story.do(story.petition.escalate, WORKFLOW, rule=rule, due_at=clock.due_at)
    await mirror.show(story)
    (item,) = await items(mirror, SUPERVISOR, clock.due_at + timedelta(hours=1))
    assert (item["kind"], item["rule"], item["due_at"], item["overdue"]) == ("escalated", rule, clock.due_at, True)
    step(story)
    assert "supervisors" not in await waits(mirror, story)


async def test_an_escalated_task_is_the_supervisors_until_somebody_moves(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    task = story.tasks[0]
    assert task.clock
    story.do(story.petition.escalate, WORKFLOW, rule="claim", due_at=task.clock.due_at, task_id=task.id)
    await mirror.show(story)
    (item,) = await items(mirror, SUPERVISOR, story.now)
    assert (item["kind"], item["task_id"], item["title"]) == ("escalated", task.id, text("title"))
    story.do(task.claim, UNIT_OFFICER)
    assert "supervisors" not in await waits(mirror, story)


async def test_a_supervision_order_waits_until_it_is_answered(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    story.do(story.petition.order_supervision, SUPERVISOR, order=text())
    story.do(story.petition.order_supervision, SUPERVISOR, order=text("again"))
    found = await waits(mirror, story)
    assert (found["lead post"], found["supervisors"]) == (["answer", "supervision"], ["supervision"])
    story.do(story.petition.answer_supervision, OFFICIAL, report=text())
    found = await waits(mirror, story)
    assert (found["lead post"], found["supervisors"]) == (["answer"], ["lift"])
    story.do(story.petition.order_supervision, SUPERVISOR, order=text("not enough"))
    found = await waits(mirror, story)
    assert (found["lead post"], found["supervisors"]) == (["answer", "supervision"], ["supervision"])
    story.answer()  # which obeys whatever was ordered
    assert await waits(mirror, story) == {"clerks": ["public_text"], "supervisors": ["lift"]}
    story.do(story.petition.lift_supervision, SUPERVISOR, reason=text())
    assert await waits(mirror, story) == {"clerks": ["public_text"]}


async def test_the_order_that_ends_an_unresolved_petition_stands(mirror: Mirror) -> None:
    story = given(Phase.FEEDBACK, max_rounds=1)
    story.judge(*[Resolved.NO] * 10)
    assert await waits(mirror, story) == {"lead post": ["supervision"], "supervisors": ["supervision"]}
    story.do(story.petition.answer_supervision, OFFICIAL, report=text())
    assert await waits(mirror, story) == {"supervisors": ["lift"]}
    story.do(story.petition.lift_supervision, SUPERVISOR, reason=text())
    assert await waits(mirror, story) == {}


@pytest.mark.parametrize("phase", [Phase.LAPSED, Phase.WITHDRAWN, Phase.REJECTED, Phase.MERGED])
async def test_nothing_waits_once_a_petition_has_ended(mirror: Mirror, phase: Phase) -> None:
    assert await waits(mirror, given(phase)) == {}


async def test_the_receipt_of_a_referral_waits_for_the_unit_or_else_for_the_clerks(mirror: Mirror) -> None:
    story = given(Phase.REFERRED)
    assert await waits(mirror, story) == {"unit": ["receipt"]}
    received = {"number": text(), "received_by": text(), "received_on": MONDAY.date()}
    story.do(story.petition.receive_referral, UNIT_OFFICER, **received)
    assert await waits(mirror, story) == {}
    elsewhere = given(Phase.SUBMITTED, name="elsewhere")
    elsewhere.do(elsewhere.petition.refer, CLERK, to=text(), explanation=text())
    assert await waits(mirror, elsewhere) == {"clerks": ["receipt"]}


async def test_what_waited_for_a_petition_goes_with_it(mirror: Mirror) -> None:
    lapsed, withdrawn = given(Phase.COLLECTING, name="lapsed"), given(Phase.COLLECTING, signatures=2, name="withdrawn")
    lapsed.do(lapsed.petition.withdraw_signature, resident(2))
    signing = withdrawn.petition.clocks["signing"]
    withdrawn.do(withdrawn.petition.escalate, WORKFLOW, rule="signing", due_at=signing.due_at)
    await mirror.tell(withdrawn)
    await mirror.show(lapsed)
    assert await mirror.pool.fetchval("SELECT count(*) FROM inbox.items") == 2
    lapsed.later(days=60)
    lapsed.do(lapsed.petition.close_signing, WORKFLOW)
    withdrawn.do(withdrawn.petition.withdraw, LEAD)
    await mirror.tell(withdrawn)
    await mirror.show(lapsed)
    assert await mirror.pool.fetchval("SELECT count(*) FROM inbox.items") == 0


async def test_there_is_no_public_text_to_issue_of_what_is_about_conduct(mirror: Mirror) -> None:
    story = given(Phase.SUBMITTED)
    vars(next(e for e in story.log if isinstance(e, Petition.Opened)))["category"] = Category.CONDUCT.value
    assert await waits(mirror, story) == {"clerks": ["admissibility"]}


async def test_others_inboxes_stay_empty(mirror: Mirror) -> None:
    await mirror.show(given(Phase.IN_PROGRESS))
    for role in (Role.OFFICIAL, Role.HOST_STAFF, Role.UNIT_OFFICER, Role.RESIDENT, Role.ADMIN):
        assert await items(mirror, Actor("somebody", role), MONDAY) == []


async def test_pages_of_an_inbox_are_in_order_of_urgency_and_complete(mirror: Mirror) -> None:
    for n in range(5):
        story = given(Phase.SUBMITTED, name=f"petition {n}")
        await mirror.tell(story)
    story = given(Phase.IN_PROGRESS, name="with an order, which has no date")
    story.do(story.petition.order_supervision, SUPERVISOR, order=text())
    await mirror.show(story)
    for role, org, number in (("clerk", None, 11), ("official", OFFICIAL.org, 2)):
        everything, end = await inbox.waiting(mirror.pool, role, org, story.now)
        assert len(everything) == number
        assert end is None
        paged, cursor = await inbox.waiting(mirror.pool, role, org, story.now, limit=1)
        while cursor:
            rows, cursor = await inbox.waiting(mirror.pool, role, org, story.now, limit=1, cursor=cursor)
            paged += rows
        assert paged == everything
        dates = [row["due_at"] for row in everything]
        assert dates == sorted(dates, key=lambda due: (due is None, due))


@pytest.mark.parametrize("cursor", ["x", "a|b", "a|1|claim", "infinity|x|claim", "2026-01-01T00:00:00|1|claim|x"])
async def test_a_cursor_that_is_none_of_ours_is_refused(mirror: Mirror, cursor: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        await inbox.waiting(mirror.pool, "clerk", None, MONDAY, cursor=cursor)
