"""Whatever happens to a petition, every read model says the same as the aggregates folded from the same events."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from eventsourcing.utils import get_topic
from hypothesis import Phase as HypothesisPhase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from domain.ballot import Ballot, Question
from domain.calendar import local_day
from domain.command import seen_version
from domain.intake import Intake
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import ENDS, Answer, Phase, Resolved, ReviewResult
from domain.roadmap import standing
from domain.task import Status, Task
from infra.database import connect
from infra.replay import replay
from projections import board, inbox, process, statistics, timeline
from projections.board import Viewer
from projections.projector import READ_MODELS, Batch, advance, checksum, install
from tests.domain.story import (
    CLERK,
    DELEGATE,
    HOST_STAFF,
    OFFICIAL,
    SECOND_OFFICIAL,
    STRANGER,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Story,
    given,
    id_of,
    merged_into,
    resident,
    text,
)
from tests.domain.test_life import Life, Try
from tests.projections.conftest import Mirror
from tests.projections.then import Facts, facts_on_the_board, folded_facts

UNITS = [("unit_officer", id_of("unit")), ("unit_officer", id_of("second unit"))]
OFFICERS = (UNIT_OFFICER, SUPPORTING_OFFICER)
LEAD, SECOND = ("official", OFFICIAL.org), ("official", SECOND_OFFICIAL.org)
UNTOLD = (
    Petition.CoSigned,
    Petition.CoSignatureWithdrawn,
    Petition.CoSignatureRepeated,
    Petition.CoSignatureContested,
    Petition.CoSignatureInvalidated,
    Petition.WithdrawalsMounted,
    Petition.SupervisorAlerted,
    Petition.AlertHeeded,
    Petition.FeedbackGiven,
    *(Petition.CallBackAgreed, Petition.CallBackDeclined, Petition.CallHandedOut, Petition.CallMissed),
    Petition.FeedbackTaken,
    Meeting.AttendanceRecorded,
)
REPRESENTATIVES = (resident(2), resident(5))
SECRET = (Intake.Event, Ballot.Event)
HOST, CLERKS = ("host_staff", HOST_STAFF.org), ("clerk", CLERK.org)


def test_whatever_happens_the_read_models_agree_with_the_aggregates(database: str, tmp_path: Path) -> None:
    """Whole lives, as Hypothesis invents them for the domain."""
    with asyncio.Runner() as runner:
        pool = runner.run(connect(database, max_size=4))

        class Mirrored(Life):
            @rule(data=st.data())
            def somebody_does_what_is_rare(self, data: st.DataObject) -> None:
                petition = self.story.petition
                escalations = [{"rule": r, "due_at": clock.due_at} for r, clock in petition.clocks.items()]
                words = {"reason": text(), "basis": text(), "superior": self.story.posts[1]}
                rare: list[Try] = [
                    (petition.withdraw_signature, resident(2), {}),
                    *((petition.escalate, WORKFLOW, facts) for facts in escalations),
                    *((task.object, officer, words) for task in self.story.tasks for officer in OFFICERS),
                ]
                method, actor, arguments = data.draw(st.sampled_from(rare))
                self.attempt(method, actor, **arguments)

            def teardown(self) -> None:
                if hasattr(self, "story"):
                    runner.run(assert_mirrored(Mirror(pool, tmp_path), self.story))

        lives = settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            phases=[HypothesisPhase.reuse, HypothesisPhase.generate],  # shrinking a life takes minutes
        )
        try:
            run_state_machine_as_test(Mirrored, settings=lives)
        finally:
            runner.run(pool.close())


@pytest.mark.parametrize("phase", list(Phase))
async def test_in_every_phase_the_read_models_agree_with_the_aggregates(mirror: Mirror, phase: Phase) -> None:
    await assert_mirrored(mirror, given(phase))


def eventful(story: Story) -> Iterator[None]:
    """A life in which nearly everything happens once, step by step."""
    petition = story.petition
    story.sign(11)
    yield
    story.do(petition.withdraw_signature, resident(3))
    yield
    story.do(petition.withdraw_signature, resident(4))
    yield
    story.do(petition.co_sign, resident(4))
    yield
    story.contest(intake := story.take_in(resident(50)))
    yield
    story.later(days=11)
    story.do(intake.close_appeal, WORKFLOW, petition=petition)
    yield
    story.submit()
    yield
    story.do(petition.escalate, WORKFLOW, rule="admissibility", due_at=petition.clocks["admissibility"].due_at)
    yield
    story.do(petition.issue_public_text, CLERK, topic=text(), details=text())
    yield
    story.accept()
    yield
    story.do(petition.acknowledge, SECOND_OFFICIAL)
    yield
    story.do(petition.acknowledge, OFFICIAL)
    yield
    ballot = story.ballot(Question.WITHDRAWAL, resident(1))
    yield
    for voter in [resident(n) for n in range(1, 12) if petition.signers.get(resident(n).by)][:5]:
        story.do(ballot.vote, voter, petition=petition, choices=["no"])
        yield
    assert not petition.ballots
    for n in (5, 6, 7):
        story.do(petition.withdraw_signature, resident(n))
        yield
    assert petition.alert
    story.later(days=2)
    story.do(petition.alert_supervisor, WORKFLOW)
    yield
    story.do(petition.heed_alert, SUPERVISOR)
    yield
    for n in (5, 6, 7):
        story.do(petition.carry_over, resident(n), merged=merged_into(petition), signed_as=resident(n).by)
        yield
    story.elect(*REPRESENTATIVES)
    yield
    story.schedule()
    yield
    first = story.meeting
    moved = {"starts_at": story.now + timedelta(days=2), "venue": text("elsewhere"), "reason": text()}
    story.do(first.reschedule, HOST_STAFF, petition=petition, **moved)
    yield
    story.do(first.cancel, HOST_STAFF, petition=petition, reason=text())
    yield
    delegate = {"posts": story.posts, "delegate": story.third_post}
    story.do(petition.name_delegate, SECOND_OFFICIAL, **delegate)
    yield
    again = {"petition": petition, "starts_at": story.now + timedelta(days=4), "venue": text(), "earlier": [first]}
    story.meeting = second = story.do(Meeting.schedule, OFFICIAL, id=id_of("second meeting"), **again)
    yield
    of_it = {"petition": petition}
    story.do(second.invite, HOST_STAFF, unit=story.units[0], **of_it)
    yield
    story.do(second.file_objection, STRANGER, objection_id=id_of("objection"), text=text(), **of_it)
    yield
    story.do(second.take_up_objection, HOST_STAFF, objection_id=id_of("objection"), **of_it)
    yield
    story.later(days=3)
    story.do(second.release_brief, WORKFLOW)
    yield
    story.later(days=1)
    story.do(second.admit, HOST_STAFF, attendee=REPRESENTATIVES[0].by, post_id=None, **of_it)
    yield
    counted = {"post_ids": [OFFICIAL.org], "representatives": 0, "residents": 3}
    story.do(second.count_attendance, HOST_STAFF, **counted, **of_it)
    yield
    story.do(second.record_no_show, HOST_STAFF, post_id=SECOND_OFFICIAL.org, **of_it)
    yield
    story.do(second.hold, DELEGATE, minutes=text("minutes"), **of_it)
    yield
    story.do(second.offer_correction, REPRESENTATIVES[0], text=text(), **of_it)
    yield
    draft = {"minutes": text("corrected"), "commitments": [], "units": []}
    story.do(second.draft_minutes, HOST_STAFF, **draft, **of_it)
    yield
    story.do(second.confirm_minutes, OFFICIAL, **of_it)
    yield
    for representative in REPRESENTATIVES:
        story.do(second.confirm_minutes, representative, **of_it)
        yield
    story.suspend()
    yield
    story.later(days=3)
    story.resume()
    yield
    story.do(petition.publish_roadmap, OFFICIAL, items=story.items(), units=story.units)
    yield
    items = story.items()
    story.tasks = [story.do(Task.offer, WORKFLOW, **story.offer(items[0]))]
    yield
    story.tasks.append(story.do(Task.offer, WORKFLOW, **story.offer(items[1])))
    mine, theirs = story.tasks
    story.do(mine.object, UNIT_OFFICER, reason=text(), basis=text())
    yield
    story.do(mine.mandate, OFFICIAL, unit=story.units[1], reason=text())
    yield
    story.do(mine.object, SUPPORTING_OFFICER, reason=text(), basis=text(), superior=story.posts[1])
    yield
    story.do(mine.mandate, SECOND_OFFICIAL, unit=story.units[1], reason=text())
    yield
    row, second = standing(petition.roadmaps[-1], story.tasks)
    later = replace(row, due_on=row.due_on + timedelta(days=2), supporting_unit_ids=[story.units[0].id])
    new = replace(items[0], task_id=id_of("new"), cost_fen=700, vote_needed=True)
    later = replace(later, cost_fen=5, money_source=text("source"))
    story.do(petition.revise_roadmap, OFFICIAL, **story.revision(new, later, second))
    yield
    story.do(petition.revise_roadmap, OFFICIAL, **story.revision(second, replace(later, supporting_unit_ids=[])))
    yield
    story.do(theirs.transfer, SUPPORTING_OFFICER, unit=story.units[0], reason=text())
    yield
    story.suspend()
    yield
    story.later(days=3)
    story.resume()
    yield
    story.do(theirs.claim, UNIT_OFFICER)
    yield
    story.do(theirs.transfer, UNIT_OFFICER, unit=story.units[1], reason=text())
    yield
    story.later(days=10)
    story.do(theirs.hand_back, WORKFLOW)
    yield
    story.do(theirs.mandate, OFFICIAL, unit=story.units[1], reason=text())
    yield
    story.do(theirs.report_progress, SUPPORTING_OFFICER, percent=30, note=text())
    yield
    story.do(theirs.complete, SUPPORTING_OFFICER, report=text())
    yield
    story.do(theirs.send_back, OFFICIAL, reason=text())
    yield
    story.do(petition.extend, SUPERVISOR, days=10, reason=text())
    yield
    story.do(petition.give_interim_response, OFFICIAL, text=text())
    yield
    story.do(petition.remind, WORKFLOW, rule="response", due_at=petition.clocks["response"].due_at)
    yield
    story.do(petition.order_supervision, SUPERVISOR, order=text())
    yield
    story.do(petition.answer_supervision, OFFICIAL, report=text())
    yield
    story.do(petition.lift_supervision, SUPERVISOR, reason=text())
    yield
    promise = {"outcome": Answer.PLANNED, "due_on": local_day(story.now) + timedelta(days=40)}
    story.do(petition.answer, OFFICIAL, text=text(), tasks=story.tasks, **promise)
    yield
    story.invite()
    yield
    story.judge(*[Resolved.NO] * 2)
    yield
    story.later(days=30)
    story.do(petition.close_feedback, WORKFLOW)
    yield
    story.do(mine.drop, WORKFLOW)
    yield
    story.do(theirs.complete, SUPPORTING_OFFICER, report=text())
    yield
    story.do(theirs.confirm, OFFICIAL)
    yield
    story.tasks = []
    story.plan()
    yield
    story.do(petition.answer, OFFICIAL, text=text(), tasks=story.tasks, **promise)
    yield
    story.invite()
    yield
    story.later(days=30)
    story.do(petition.close_feedback, WORKFLOW)
    yield
    story.do(petition.report_delivery, OFFICIAL, report=text())
    yield
    story.invite()
    yield
    story.judge(Resolved.NO)
    story.later(days=30)
    story.do(petition.close_feedback, WORKFLOW)
    yield
    for task in story.tasks:
        story.do(task.drop, WORKFLOW)
    yield
    story.do(petition.request_review, resident(1), grounds=text())
    yield
    story.do(petition.decide_review, SUPERVISOR, result=ReviewResult.RETURNED, opinion=text())
    yield


async def test_after_a_call_was_reassigned_and_the_meeting_waived_they_agree(mirror: Mirror) -> None:
    story = given(Phase.MEETING)
    story.schedule()
    await mirror.show(story)
    for from_id, to_id in zip(story.petition.called_post_ids, [story.third_post.id, id_of("nobody's")], strict=True):
        story.do(story.petition.reassign_call, WORKFLOW, from_id=from_id, to_id=to_id)
        await mirror.show(story)
        await assert_on_the_board(mirror.pool, story)
        await assert_counted(mirror.pool, story)
    story.do(story.petition.waive_meeting, WORKFLOW)
    await mirror.show(story)
    await assert_on_the_board(mirror.pool, story)
    await assert_counted(mirror.pool, story)
    rows, _ = await inbox.waiting(mirror.pool, "official", story.third_post.id, story.now)
    assert [row["kind"] for row in rows] == ["answer"]
    for gone in (OFFICIAL, SECOND_OFFICIAL):
        assert await inbox.waiting(mirror.pool, "official", gone.org, story.now) == ([], None)


async def test_after_every_step_the_read_models_agree_with_the_aggregates(mirror: Mirror) -> None:
    """And folded from the log at each of these places, the aggregates are what the board said there."""
    story = given(Phase.COLLECTING, signatures=9)
    said: dict[int, Facts] = {}
    for _ in eventful(story):
        await mirror.show(story)
        await assert_agreement(mirror.pool, story)
        said[await mirror.store.max_notification_id()] = await facts_on_the_board(mirror.pool, story.petition.id)
    parts = [aggregate.id for aggregate in story.aggregates if isinstance(aggregate, Petition | Meeting | Task)]
    found = await replay(mirror.store, parts, list(said), folded_facts)
    assert found == list(said.values())


async def assert_mirrored(log: Mirror, story: Story) -> None:
    await log.pool.execute("TRUNCATE stored_events RESTART IDENTITY")
    await log.tell(story)
    events = await log.store.select_notifications(1, 10_000)
    in_batches, stood = [], []
    for size in (7, len(events)):
        await log.pool.execute("TRUNCATE projections")
        await install(log.pool)
        async with log.pool.acquire() as conn:
            for n in range(0, len(events), size):
                part = events[n : n + size]
                for model in READ_MODELS.values():
                    await advance(conn, model, model.name, Batch(part, part[0].id - 1, part[-1].id), log.keyring)
                moment, now = part[-1].recorded_at, story.log[n + len(part) - 1].timestamp
                stood.append((moment, now, await statistics.district(log.pool, now, conduct=True)))
        in_batches.append([await checksum(log.pool, name) for name in READ_MODELS])
    assert in_batches[0] == in_batches[1]
    for moment, now, then in stood:
        assert await statistics.district(log.pool, now, conduct=True, as_of=moment) == then
    await assert_agreement(log.pool, story)


async def assert_agreement(pool: asyncpg.Pool, story: Story) -> None:
    await assert_on_the_board(pool, story)
    await assert_waiting(pool, story)
    await assert_counted(pool, story)
    await assert_in_steps(pool, story)


async def assert_on_the_board(pool: asyncpg.Pool, story: Story) -> None:
    folded, aggregates = story.petition, {aggregate.id: aggregate for aggregate in story.aggregates}
    row = await board.petition(pool, folded.id, Viewer("auditor"))
    assert row
    for name in ("phase", "round", "signatures", "threshold", "outcome", "extended_days", "merged_into"):
        assert row[name] == getattr(folded, name), name
    assert row["version"] == seen_version(folded)
    for name in ("acknowledged", "delegates", "topic", "details", "category", "called_post_ids"):
        assert row[name] == getattr(folded, name), name
    assert {clock["rule"]: clock for clock in row["clocks"]} == {rule: vars(c) for rule, c in folded.clocks.items()}
    assert row["suspended"] == (folded.suspended_at is not None)
    assert (row["public_topic"] is not None) == (folded.public_topic is not None)
    mine = [
        e
        for e in story.log
        if folded.id in (e.originator_id, getattr(e, "matter_id", None)) and not isinstance(e, SECRET)
    ]
    position = await pool.fetchval("SELECT position FROM board.petitions WHERE id = $1", folded.id)
    assert position == 1 + story.log.index(mine[-1])
    assert row["changed_at"] == next(e.timestamp for e in reversed(mine) if not isinstance(e, UNTOLD))
    kinds = [type(e) for e in mine]
    responses = (Petition.Answered, Petition.InterimResponseGiven, Petition.CommitmentDelivered)
    assert len(row["responses"]) == sum(map(kinds.count, responses))
    judging = [True] * kinds.count(Petition.FeedbackInvited)
    if folded.phase == Phase.FEEDBACK:
        judging[-1] = False
    assert [tally["concluded"] for tally in row["feedback"]] == judging
    promise = folded.promise if folded.promise and folded.promise[0] == folded.round else (0, None)
    assert row["commitment_due_on"] == promise[1]
    planned = {item.task_id for roadmap in folded.roadmaps for item in roadmap}
    assert {task["id"] for task in row["tasks"]} == planned | {
        e.originator_id for e in mine if isinstance(e, Task.Event)
    }
    in_order = [task["id"] for task in row["tasks"] if task["round"] == folded.round and task["id"] in folded.tasks]
    assert in_order == folded.tasks
    if folded.tasks:
        shown = await board.roadmap(pool, folded.id)
        assert shown
        assert (shown["round"], shown["version"]) == (len(folded.roadmaps), folded.roadmap_version)
        assert [line["task_id"] for line in shown["tasks"]] == [str(item.task_id) for item in folded.roadmaps[-1]]
    assert {meeting["id"] for meeting in row["meetings"]} == {
        a.id for a in aggregates.values() if isinstance(a, Meeting)
    }
    in_hand = {post for e in mine if isinstance(e, Petition.Called) for post in e.post_ids}
    for e in mine:
        if isinstance(e, Petition.DelegateNamed):
            in_hand.add(e.delegate_id)
        if isinstance(e, Petition.CallReassigned):
            in_hand = (in_hand - {e.from_id}) | {e.to_id}
        if isinstance(e, Meeting.Invited):
            in_hand.add(e.unit_id)
        if isinstance(e, Task.Offered | Task.Mandated):
            in_hand |= {e.lead_unit_id, *getattr(e, "supporting_unit_ids", [])}
        if isinstance(e, Petition.Referred | Task.Transferred) and e.unit_id:
            in_hand.add(e.unit_id)
        if isinstance(e, Task.ObjectedAgain):
            in_hand.add(e.superior_id)
        if isinstance(e, Task.Replanned):
            in_hand |= set(e.supporting_unit_ids)
    found = await pool.fetchval("SELECT in_hand_of FROM board.petitions WHERE id = $1", folded.id)
    assert sorted(found) == sorted(in_hand)
    for seen in row["tasks"]:
        task = aggregates.get(seen["id"])
        if task is None:
            assert seen["status"] == "planned"
            continue
        assert isinstance(task, Task)
        for name in ("status", "percent", "lead_unit_id", "supporting_unit_ids", "due_on", "title"):
            assert seen[name] == getattr(task, name), name
        for name in ("transfer_to", "superior_id", "cost_fen", "money_source", "vote_needed"):
            assert seen[name] == getattr(task, name), name
        assert seen["version"] == task.version
        assert seen["clock"] == (task.clock and vars(task.clock))
        sent_back = [e for e in mine if isinstance(e, Task.Returned) and e.originator_id == task.id]
        assert seen["returned"] == len(sent_back)
    for seen in row["meetings"]:
        meeting = aggregates[seen["id"]]
        assert isinstance(meeting, Meeting)
        for name in ("status", "starts_at", "venue", "rescheduled", "minutes", "minutes_status", "version"):
            assert seen[name] == getattr(meeting, name), name
        assert seen["clock"] == (meeting.minutes_clock and vars(meeting.minutes_clock))
    judged = "SELECT sum(judged) FROM board.feedback WHERE petition_id = $1 AND (round, delivery) = ($2, $3)"
    found = await pool.fetchval(judged, folded.id, folded.round, folded.delivered)
    assert (found or 0) == len(folded.judgements)


Waiting = tuple[str, tuple[str, UUID | None], datetime]


def expected(story: Story) -> Iterator[Waiting]:
    """What waits for whom until when, told from the aggregates alone."""
    petition, clocks = story.petition, story.petition.clocks
    match petition.phase:
        case Phase.COLLECTING if petition.threshold_reached and petition.signatures >= petition.threshold:
            yield "opinion", HOST, clocks["host_opinion"].due_at
        case Phase.SUBMITTED:
            yield "admissibility", CLERKS, clocks["admissibility"].due_at
        case Phase.ACCEPTED | Phase.MEETING:
            meetings = [m for m in story.aggregates if isinstance(m, Meeting) and m.status == "scheduled"]
            for meeting in meetings:
                yield from (("meeting", whose, meeting.starts_at) for whose in (HOST, LEAD, SECOND))
            if not meetings:
                yield "arrange_meeting", HOST, clocks["meeting"].due_at
        case Phase.ROADMAP:
            yield "roadmap", LEAD, clocks["roadmap"].due_at
        case Phase.IN_PROGRESS:
            yield "answer", LEAD, clocks["response"].due_at
    for task in story.tasks:
        lead = ("unit_officer", task.transfer_to or task.lead_unit_id)
        match task.status:
            case Status.OFFERED if task.clock:
                yield "claim", lead, task.clock.due_at
                if task.clock.due_at <= story.now:
                    yield "unclaimed", LEAD, task.clock.due_at
            case Status.UNCLAIMED if task.clock:
                yield "unclaimed", LEAD, task.clock.due_at
            case Status.OBJECTED if task.clock:
                yield "objection", SECOND if task.superior_id else LEAD, task.clock.due_at
            case Status.CLAIMED if task.clock:
                for unit in {task.lead_unit_id, *task.supporting_unit_ids}:
                    yield "task", ("unit_officer", unit), task.clock.due_at


async def assert_waiting(pool: asyncpg.Pool, story: Story) -> None:
    found: list[Waiting] = []
    for role, org in (HOST, CLERKS, LEAD, SECOND, *UNITS):
        rows, end = await inbox.waiting(pool, role, org, story.now)
        assert end is None
        found += [(row["kind"], (role, org), row["due_at"]) for row in rows]
        assert all(row["suspended"] == (story.petition.suspended_at is not None) for row in rows)
    if story.petition.phase in ENDS:  # what is left of its tasks is dropped by its workflow
        left = {"supervision", "lift", "review", "receipt", "task", "confirm", "claim", "objection", "unclaimed"}
        assert {kind for kind, _, _ in found} <= left
        return
    if story.petition.reviews and {task.id for task in story.tasks if task.clock} - set(story.petition.tasks):
        return  # its workflow had no time to drop what the end left open, and nobody waits for that
    kinds = {kind for kind, _, _ in expected(story)} | set(DATED)
    assert sorted(wait for wait in found if wait[0] in kinds) == sorted(expected(story))
    assert sum(kind == "confirm" for kind, _, _ in found) == sum(t.status == "completed" for t in story.tasks)
    acknowledging = {org for kind, (_, org), _ in found if kind == "acknowledge"}
    assert acknowledging.isdisjoint(story.petition.acknowledged)


DATED = ("opinion", "admissibility", "arrange_meeting", "meeting", "roadmap", "answer", "claim", "unclaimed", "task")


async def assert_counted(pool: asyncpg.Pool, story: Story) -> None:
    petition = story.petition
    row = await pool.fetchrow("SELECT * FROM statistics.petitions WHERE id = $1", petition.id)
    assert row
    assert (row["phase"], row["outcome"], row["suspended_at"]) == (
        petition.phase,
        petition.outcome,
        petition.suspended_at,
    )
    if petition.round == 1 and (response := petition.clocks.get("response")):
        assert row["response_due"] == response.due_at
    stays = await pool.fetch("SELECT phase, left_at FROM statistics.stays WHERE petition_id = $1", petition.id)
    assert [stay["phase"] for stay in stays if stay["left_at"] is None] == [petition.phase]
    told, _ = await timeline.history(pool, petition.id, handler=True, limit=1000)
    mine = [e for e in story.log if isinstance(e, Petition.Event | Task.Event | Meeting.Event)]
    assert [row["type"] for row in told] == [get_topic(type(e)) for e in mine if not isinstance(e, UNTOLD)]


async def assert_in_steps(pool: asyncpg.Pool, story: Story) -> None:
    """What auditors' tools read is what the timeline tells, but for the threshold, and keeps to the course."""
    told, _ = await timeline.history(pool, story.petition.id, handler=True, limit=1000)
    told = [row for row in told if row["type"] != get_topic(Petition.ThresholdReached)]
    steps = (await process.steps(pool, [story.petition.id], 10_000))[story.petition.id]
    for name, shown in (("position", "position"), ("step", "type"), ("subject_id", "subject_id"), ("at", "at")):
        assert [step[name] for step in steps] == [row[shown] for row in told]
    last: dict[UUID, dict[str, Any]] = {}
    for step in steps:
        before = last.get(step["subject_id"], last.get(story.petition.id))
        assert step["previous"] == (before and before["step"])
        assert step["waited"] == (before and max(0, (step["at"] - before["at"]) // timedelta(seconds=1)))
        last[step["subject_id"]] = step
    phases = [step["phase"] for step in steps if step["phase"]]
    assert phases[-1] == story.petition.phase
    assert await pool.fetch("SELECT step, states FROM process.departures") == []
