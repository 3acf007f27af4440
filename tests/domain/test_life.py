"""Whatever anybody does at whatever time, a petition with its meeting and its tasks stays within its rules."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.command import Command, Role
from domain.meeting import Meeting
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import ENDS, UNDER_WAY, Answer, Phase, RejectionReason, Resolved, ReviewResult
from domain.task import ENDS as TASK_ENDS
from domain.task import Status, Task
from tests.domain.story import (
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    OFFICIAL,
    POLICY,
    PROPOSAL,
    SECOND_OFFICIAL,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Actor,
    Result,
    feedback,
    given,
    id_of,
    photo,
    promise,
    resident,
    text,
)
from tests.domain.test_storage import assert_stored_alike

# Which phase may follow which. A meeting may be held although the call was never acknowledged.
MOVES = {
    Phase.COLLECTING: {Phase.SUBMITTED, Phase.LAPSED, Phase.WITHDRAWN},
    Phase.REJECTED: {Phase.SUBMITTED},
    Phase.SUBMITTED: {Phase.COLLECTING, Phase.ACCEPTED, Phase.REJECTED, Phase.REFERRED, Phase.MERGED},
    Phase.ACCEPTED: {Phase.MEETING, Phase.ROADMAP},
    Phase.MEETING: {Phase.ROADMAP},
    Phase.ROADMAP: {Phase.IN_PROGRESS},
    Phase.IN_PROGRESS: {Phase.ANSWERED},
    Phase.ANSWERED: {Phase.FEEDBACK},
    Phase.FEEDBACK: {Phase.CLOSED, Phase.ROADMAP, Phase.TRACKING},
    Phase.TRACKING: {Phase.ANSWERED},
    Phase.CLOSED: {Phase.ROADMAP},  # a review has returned it
}
LATEST = datetime(2026, 11, 1, tzinfo=UTC)  # after that, working days run into a year that is not known
RESIDENTS = [resident(n) for n in range(1, 6)]
T = TypeVar("T")
Try = tuple[Callable[..., Any], Actor, dict[str, Any]]


class Life(RuleBasedStateMachine):
    @initialize(phase=st.sampled_from([phase for phase in MOVES if phase not in ENDS]), max_rounds=st.integers(1, 3))
    def begin_somewhere(self, phase: Phase, max_rounds: int) -> None:
        signatures = 1 if phase == Phase.COLLECTING else 3
        self.story = given(phase, signatures=signatures, threshold=3, max_rounds=max_rounds)
        self.signed = {someone.by for someone in RESIDENTS[:signatures]}
        self.judged: set[tuple[int, str]] = set()
        self.other = given(Phase.ACCEPTED, name="other").petition

    def attempt(self, method: Callable[..., Any], actor: Actor, **arguments: Any) -> Result:
        """Give the command, check what it did, and remember what a bystander would have understood."""
        petition, before = self.story.petition, Phase(self.story.petition.phase)
        suspended, before_ended = (
            petition.suspended_at is not None,
            before in ENDS and "refiling" not in petition.clocks,
        )
        result = self.story.when(method, actor, **arguments)  # checks that a refusal changes nothing
        mine = [e for e in result.events if isinstance(e, Petition.Event)]
        after = Phase(petition.phase)
        assert after == before or after in MOVES[before]
        if before_ended:
            afterwards = {Petition.PublicTextIssued, Petition.SupervisionAnswered, Petition.SupervisionLifted}
            afterwards |= {Petition.ReviewRequested, Petition.ReviewDecided, Petition.Reopened}
            afterwards |= {Petition.Reminded, Petition.Escalated} if "review" in petition.clocks else set()
            assert {type(e) for e in mine} <= afterwards | {Petition.ReferralReceived}
        if suspended:
            assert after == before
        for e in result.events:
            assert e.by
            assert e.role in list(Role)
            if isinstance(e, Petition.CoSigned):
                assert e.by not in self.signed
                self.signed.add(e.by)
            elif isinstance(e, Petition.CoSignatureWithdrawn):
                self.signed.remove(e.by)
            elif isinstance(e, Petition.CoSignatureInvalidated):
                self.signed.remove(e.signer)
            elif isinstance(e, Petition.FeedbackGiven):
                assert e.by in self.signed
                assert (self.judgings, e.by) not in self.judged
                self.judged.add((self.judgings, e.by))
        return result

    # --- who does what ----------------------------------------------------------------------------------------------

    # One rule, not five: Hypothesis likes to leave rules out, and a petition gets nowhere without one of them.
    @rule(data=st.data())
    def somebody_does_something(self, data: st.DataObject) -> None:
        def drawn(choices: Sequence[T]) -> T:
            return data.draw(st.sampled_from(choices))

        petition = self.story.petition
        match drawn(["next step"] * 4 + ["resident"] * 3 + ["time", "right person", "anybody"]):
            case "next step" if steps := self.next_steps():
                method, actor, arguments = drawn(steps)
                self.attempt(method, actor, **arguments)
            case "resident" if petition.phase == Phase.COLLECTING:
                self.attempt(petition.co_sign, drawn(RESIDENTS))
            case "resident":
                self.attempt(petition.give_feedback, drawn(RESIDENTS), **feedback(drawn(list(Resolved))))
            case "time" if self.story.now < LATEST:
                self.story.later(hours=drawn([0, 1, 30, 24 * 7, 24 * 20]))
            case "right person":
                method, arguments = drawn(self.everything())
                for actor in (HOST_STAFF, CLERK, OFFICIAL, UNIT_OFFICER, SUPPORTING_OFFICER, SUPERVISOR, WORKFLOW):
                    if self.attempt(method, actor, **arguments).events:
                        break
            case "anybody":
                method, arguments = drawn(self.everything())
                self.attempt(method, drawn([*RESIDENTS, *EVERYBODY]), **arguments)

    def next_steps(self) -> list[Try]:
        story, petition = self.story, self.story.petition
        meet: list[Try] = [(petition.acknowledge, OFFICIAL, {})]
        if not hasattr(story, "meeting") or story.meeting.status == MeetingStatus.CANCELLED:
            meet.append((self.schedule, HOST_STAFF, {}))
        else:
            meet.append((story.meeting.hold, HOST_STAFF, {"petition": petition, "minutes": text()}))
        work: list[Try] = [
            (petition.answer, OFFICIAL, self.answer()),
            (petition.answer, OFFICIAL, self.answer() | promise(story)),
        ]
        offered = {task.id for task in story.tasks}
        work += [
            (self.offer, WORKFLOW, story.offer(item))
            for roadmap in petition.roadmaps[petition.round - 1 :]
            for item in roadmap
            if item.task_id not in offered
        ]
        for task in story.tasks:
            responsible = task.transfer_to or task.lead_unit_id
            officer = UNIT_OFFICER if responsible == story.units[0].id else SUPPORTING_OFFICER
            left: dict[Status, list[Try]] = {
                Status.OFFERED: [(task.claim, officer, {})],
                Status.OBJECTED: [
                    (task.mandate, OFFICIAL, {"unit": story.units[1], "reason": text()}),
                    (task.mandate, SECOND_OFFICIAL, {"unit": story.units[0], "reason": text()}),
                ],
                Status.UNCLAIMED: [(task.mandate, OFFICIAL, {"unit": story.units[1], "reason": text()})],
                Status.CLAIMED: [(task.complete, officer, {"report": text()})],
                Status.COMPLETED: [(task.confirm, OFFICIAL, {})],
            }
            work += left.get(Status(task.status), [])
        if petition.suspended_at:
            return [(petition.resume, OFFICIAL, story.in_hand())]
        steps: dict[Phase, list[Try]] = {
            Phase.COLLECTING: [
                (petition.give_host_opinion, HOST_STAFF, {"opinion": text()}),
                (petition.close_signing, WORKFLOW, {}),
            ],
            Phase.SUBMITTED: [(petition.accept, CLERK, {})],
            Phase.ACCEPTED: meet,
            Phase.MEETING: meet,
            Phase.ROADMAP: [(petition.publish_roadmap, OFFICIAL, {"items": story.items(), "units": story.units})],
            Phase.IN_PROGRESS: work,
            Phase.ANSWERED: [(petition.invite_feedback, WORKFLOW, {})],
            Phase.FEEDBACK: [
                (petition.close_feedback, WORKFLOW, {}),
                *((petition.give_feedback, someone, feedback(Resolved.NO)) for someone in RESIDENTS),
            ],
            Phase.CLOSED: [
                *((petition.request_review, someone, {"grounds": text()}) for someone in RESIDENTS),
                *(
                    (petition.decide_review, SUPERVISOR, {"result": result, "opinion": text()})
                    for result in ReviewResult
                ),
            ],
            Phase.TRACKING: [
                (petition.report_delivery, OFFICIAL, {"report": text()}),
                (petition.close_tracking, WORKFLOW, {}),
            ],
        }
        return steps.get(Phase(petition.phase), [])

    def offer(self, cmd: Command, **arguments: Any) -> Task:
        self.story.tasks.append(Task.offer(cmd, **arguments))
        return self.story.tasks[-1]

    def schedule(self, cmd: Command) -> Meeting:
        self.meetings = getattr(self, "meetings", 0) + 1
        self.story.meeting = Meeting.schedule(
            cmd,
            id=id_of(f"meeting {self.meetings}"),
            petition=self.story.petition,
            starts_at=cmd.at + timedelta(hours=1),
            venue=text(),
            earlier=[meeting for meeting in [getattr(self.story, "meeting", None)] if meeting],
        )
        return self.story.meeting

    def answer(self) -> dict[str, Any]:
        tasks = [task for task in self.story.tasks if task.id in self.story.petition.tasks]
        return {"text": text(), "outcome": Answer.DONE, "tasks": tasks}

    @property
    def judgings(self) -> int:
        return sum(isinstance(e, Petition.FeedbackInvited) for e in self.story.log)

    def everything(self) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
        story, petition = self.story, self.story.petition
        reason = {"reason": text()}
        running = next(iter(petition.clocks.values()), POLICY.clock("claim", story.now))
        tried: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (petition.co_sign, {}),
            (petition.withdraw_signature, {}),
            (petition.withdraw, {}),
            (petition.give_host_opinion, {"opinion": text()}),
            (petition.close_signing, {}),
            (petition.issue_public_text, {"topic": text(), "details": text()}),
            (petition.accept, {}),
            (petition.reject, {"reason_code": RejectionReason.OTHER, "explanation": text()}),
            (petition.propose_split, {"proposal": PROPOSAL}),
            (petition.refile, {"topic": text(), "details": text()}),
            (petition.close_refiling, {}),
            (petition.mark_urgent, reason),
            (petition.lift_urgency, reason),
            (petition.refer, {"to": text(), "explanation": text()}),
            (petition.merge, {"into": self.other}),
            (petition.acknowledge, {}),
            (petition.conclude_meeting, {"meeting_id": id_of("meeting")}),
            (petition.publish_roadmap, {"items": story.items(), "units": story.units}),
            *([(petition.revise_roadmap, story.revision(*story.revised()))] if petition.tasks else []),
            (petition.give_interim_response, {"text": text()}),
            (petition.answer, self.answer() | promise(story)),
            (petition.extend, {"days": 7, **reason}),
            (petition.suspend, reason | story.in_hand()),
            (petition.resume, story.in_hand()),
            (petition.invite_feedback, {}),
            (petition.give_feedback, feedback(Resolved.NO)),
            (petition.close_feedback, {}),
            (petition.remind, {"rule": running.rule, "due_at": running.due_at}),
            (petition.escalate, {"rule": running.rule, "due_at": running.due_at}),
            (petition.report_delivery, {"report": text()}),
            (petition.close_tracking, {}),
            (petition.request_review, {"grounds": text()}),
            (petition.decide_review, {"result": ReviewResult.CHANGED, "opinion": text()}),
            (petition.order_supervision, {"order": text()}),
            (petition.answer_supervision, {"report": text()}),
            (petition.lift_supervision, reason),
        ]
        if hasattr(story, "meeting"):
            at = {"starts_at": story.now + timedelta(hours=2), "venue": text()}
            tried += [
                (story.meeting.reschedule, at | reason | {"petition": petition}),
                (story.meeting.cancel, reason | {"petition": petition}),
                (story.meeting.hold, {"petition": petition, "minutes": text()}),
            ]
        for task in story.tasks:
            tried += [
                (task.claim, {}),
                (task.object, {"basis": text(), "superior": story.posts[1], **reason}),
                (task.transfer, {"unit": story.units[1], **reason}),
                (task.hand_back, {}),
                (task.mandate, {"unit": story.units[1], **reason}),
                (task.report_progress, {"percent": 40, "note": text()}),
                (task.attach_evidence, photo()),
                (task.complete, {"report": text()}),
                (task.send_back, reason),
                (task.confirm, {}),
                (task.drop, {}),
            ]
        return tried

    # --- what always holds ------------------------------------------------------------------------------------------

    @invariant()
    def signatures_are_the_valid_signers(self) -> None:
        petition = self.story.petition
        assert {by for by, valid in petition.signers.items() if valid} == self.signed
        assert petition.signatures == len(self.signed)
        assert petition.lead in self.signed

    @invariant()
    def the_threshold_is_crossed_at_most_once_and_before_anything_is_submitted(self) -> None:
        kinds = [type(e) for e in self.story.log]
        assert kinds.count(Petition.ThresholdReached) <= 1 + kinds.count(Petition.UrgencyLifted)
        reasons = kinds.count(Petition.ThresholdReached) + kinds.count(Petition.MarkedUrgent)
        assert kinds.count(Petition.Submitted) <= reasons

    @invariant()
    def there_are_no_more_rounds_than_the_policy_allows(self) -> None:
        kinds = [type(e) for e in self.story.log]
        assert self.story.petition.round == 1 + kinds.count(Petition.Reopened)
        decided = [e.result for e in self.story.log if isinstance(e, Petition.ReviewDecided)]
        assert self.story.petition.round - decided.count("returned") <= self.story.policy.max_rounds
        assert len(decided) <= 2

    @invariant()
    def only_what_is_under_way_is_suspended_and_only_what_goes_on_has_clocks(self) -> None:
        petition = self.story.petition
        assert petition.suspended_at is None or petition.phase in UNDER_WAY
        assert set(petition.clocks) <= {"review", "refiling"} or petition.phase not in ENDS
        if petition.phase in UNDER_WAY:
            assert "response" in petition.clocks

    @invariant()
    def tasks_stand_still_with_their_petition_and_only_what_is_offered_is_asked_of_another_unit(self) -> None:
        petition = self.story.petition
        for task in self.story.tasks:
            if petition.phase == Phase.IN_PROGRESS and petition.round == 1 and task.id not in petition.tasks:
                assert task.status == Status.DROPPED, "a revision has left it out"
            if task.id in petition.tasks and task.status not in TASK_ENDS:
                assert task.suspended_at == petition.suspended_at
            assert task.superior_id is None or task.status in (Status.OBJECTED, Status.DROPPED)
            assert task.transfer_to is None or task.status in (Status.OFFERED, Status.OBJECTED)

    @invariant()
    def the_same_clock_warns_once(self) -> None:
        warned = self.story.petition.warned
        assert len(warned) == len(set(warned))

    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        petition = self.story.petition
        event(f"{petition.phase}, round {petition.round}, {len(self.story.tasks)} tasks")
        for aggregate in self.story.aggregates:
            assert_stored_alike(aggregate, [e for e in self.story.log if e.originator_id == aggregate.id])
        if petition.phase == Phase.CLOSED:
            closed = next(e for e in reversed(self.story.log) if isinstance(e, Petition.Closed))
            judged = [by for number, by in self.judged if number == self.judgings]
            assert (closed.invited, closed.judged) == (len(self.signed), len(judged))
            assert (closed.outcome == "not_judged") == (not judged)
            ordered = any(isinstance(e, Petition.SupervisionOrdered) and e.order is None for e in self.story.log)
            promised = any(isinstance(e, Petition.CommitmentMade) for e in self.story.log)
            assert ordered or closed.outcome != "unresolved"
            assert promised or petition.reviews or closed.outcome == "unresolved" or not ordered


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=60)
test_whatever_anybody_does = Life.TestCase
