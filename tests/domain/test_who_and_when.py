"""Every command of every aggregate: who may give it, and in which phase or status. All else is refused."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from domain.ballot import Ballot, Question
from domain.command import Decider
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.intake import Intake
from domain.intake import Status as IntakeStatus
from domain.meeting import Meeting
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import (
    ADMITTED,
    ENDS,
    OPEN,
    SIGNATURES_CHANGE,
    UNANSWERED,
    UNDER_WAY,
    Category,
    Phase,
    RejectionReason,
)
from domain.proposal import Proposal
from domain.proposal import Status as ProposalStatus
from domain.refusals import Conflict, Forbidden
from domain.reply import Reply
from domain.reply import Status as ReplyStatus
from domain.task import Status as TaskStatus
from domain.task import Task
from tests.domain.story import (
    ADMIN,
    CLERK,
    COLLEAGUE,
    DELEGATE,
    EVERYBODY,
    HOST_STAFF,
    LEAD,
    MONDAY,
    OFFICIAL,
    SECOND_OFFICIAL,
    SECOND_STAFF,
    SIGNER,
    STRANGER,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Actor,
    Story,
    feedback,
    given,
    id_of,
    merged_into,
    photo,
    promise,
    resident,
    text,
)
from tests.domain.story import (
    PROPOSAL as SPLIT,
)

Arguments = Callable[[Story], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``who`` may (the first acts in the other tests); ``but`` are refused for another reason than their role."""

    who: Collection[Actor]
    phases: Collection[str]
    takes: Arguments = lambda _: {}
    but: dict[Actor, str] = field(default_factory=dict)
    suspended: bool = False  # may be done to a suspended petition
    wait_days: int = 0
    signatures: int = 10  # while collecting
    # Why a second time is refused; None: it is allowed, and means something new; "": it is allowed, and does nothing.
    again: str | None = None


PETITION = {
    "co_sign": Rule(
        who=[STRANGER],
        phases=[Phase.COLLECTING],
        but={LEAD: "already-signed", SIGNER: "already-signed"},
        again="already-signed",
    ),
    "withdraw_signature": Rule(
        who=[SIGNER],
        phases=[Phase.COLLECTING, Phase.SUBMITTED, *UNDER_WAY],
        but={LEAD: "lead-petitioner", STRANGER: "not-signed"},
        again="not-signed",
    ),
    "contest_signature": Rule(
        who=[HOST_STAFF], phases=SIGNATURES_CHANGE, takes=lambda _: {"intake_id": id_of("intake")}, again=""
    ),
    "invalidate_signature": Rule(
        who=[CLERK, WORKFLOW], phases=SIGNATURES_CHANGE, takes=lambda _: {"signer": SIGNER.by}, again=""
    ),
    "withdraw": Rule(who=[LEAD], phases=[Phase.COLLECTING], signatures=9, again="wrong-phase"),
    "give_host_opinion": Rule(
        who=[HOST_STAFF], phases=[Phase.COLLECTING], takes=lambda _: {"opinion": text()}, again="wrong-phase"
    ),
    "close_signing": Rule(who=[WORKFLOW], phases=[Phase.COLLECTING], wait_days=40, again="wrong-phase"),
    "issue_public_text": Rule(
        # Also after the end: what was overlooked must be taken out of the public's sight whenever it is found.
        who=[CLERK],
        phases=set(Phase) - {Phase.COLLECTING},
        takes=lambda _: {"topic": text(), "details": text()},
        suspended=True,
    ),
    "call_ballot": Rule(
        who=[LEAD, SIGNER, STRANGER, CLERK],
        phases=OPEN,
        takes=lambda story: {
            "ballot_id": id_of("ballot"),
            "question": Question.WITHDRAWAL,
            "into_id": None,
            "ballot": story.policy.clock("ballot", story.now),
        },
        again="ballot-open",
    ),
    "withdraw_by_vote": Rule(who=[WORKFLOW], phases=OPEN, suspended=True, again="wrong-phase"),
    "carry_over": Rule(
        who=[STRANGER],
        phases=ADMITTED,
        takes=lambda story: {"merged": merged_into(story.petition), "signed_as": resident(7).by},
        but={LEAD: "already-signed", SIGNER: "already-signed"},
        suspended=True,
        again="already-signed",
    ),
    "replace_lead": Rule(who=[WORKFLOW], phases=OPEN, takes=lambda _: {"lead": SIGNER.by}, suspended=True),
    "merge": Rule(
        who=[WORKFLOW],
        phases=[Phase.SUBMITTED],
        takes=lambda _: {"into": given(Phase.ACCEPTED, name="another").petition},
        again="wrong-phase",
    ),
    "elect_representatives": Rule(
        who=[WORKFLOW], phases=OPEN, takes=lambda _: {"elected": {SIGNER.by: text()}}, suspended=True
    ),
    "accept": Rule(who=[CLERK], phases=[Phase.SUBMITTED], again="wrong-phase"),
    "reject": Rule(
        who=[CLERK],
        phases=[Phase.SUBMITTED],
        takes=lambda _: {"reason_code": RejectionReason.OTHER, "explanation": text()},
        again="wrong-phase",
    ),
    "propose_split": Rule(who=[CLERK], phases=[Phase.SUBMITTED], takes=lambda _: {"proposal": SPLIT}),
    "refile": Rule(
        who=[LEAD],
        phases=[Phase.REJECTED],
        takes=lambda _: {"topic": text(), "details": text()},
        again="wrong-phase",
    ),
    "close_refiling": Rule(who=[WORKFLOW], phases=[Phase.REJECTED], wait_days=31, again=""),
    "mark_urgent": Rule(
        who=[CLERK, HOST_STAFF],
        phases=[Phase.COLLECTING, *UNANSWERED],
        takes=lambda _: {"reason": text()},
        again="already-urgent",
    ),
    "refer": Rule(
        who=[CLERK],
        phases=[Phase.SUBMITTED],
        takes=lambda story: {"unit": story.units[1], "explanation": text()},
        again="wrong-phase",
    ),
    "receive_referral": Rule(
        who=[CLERK, UNIT_OFFICER, COLLEAGUE],
        phases=[Phase.REFERRED],
        takes=lambda story: {"number": text(), "received_by": text(), "received_on": story.now.date()},
        again="already-received",
    ),
    "acknowledge": Rule(who=[SECOND_OFFICIAL, OFFICIAL], phases=UNDER_WAY, again="already-acknowledged"),
    "name_delegate": Rule(
        who=[OFFICIAL, SECOND_OFFICIAL],
        phases=[Phase.ACCEPTED, Phase.MEETING],
        takes=lambda story: {"posts": story.posts, "delegate": story.third_post},
        again="delegate-named",
    ),
    "reassign_call": Rule(
        who=[WORKFLOW],
        phases=[Phase.ACCEPTED, Phase.MEETING],
        takes=lambda story: {"from_id": story.posts[0].id, "to_id": story.third_post.id},
        again="call-has-changed",
    ),
    "waive_meeting": Rule(who=[WORKFLOW], phases=[Phase.ACCEPTED, Phase.MEETING], again="wrong-phase"),
    "arrange_meeting": Rule(
        who=[HOST_STAFF, OFFICIAL, SECOND_OFFICIAL],
        phases=[Phase.ACCEPTED, Phase.MEETING],
        takes=lambda _: {"meeting_id": id_of("meeting"), "in_place_of": None},
        again="meeting-arranged",
    ),
    "conclude_meeting": Rule(
        who=[HOST_STAFF, OFFICIAL, SECOND_OFFICIAL],
        phases=[Phase.ACCEPTED, Phase.MEETING],
        takes=lambda _: {"meeting_id": id_of("meeting")},
        again="wrong-phase",
    ),
    "publish_roadmap": Rule(
        who=[OFFICIAL],
        phases=[Phase.ROADMAP],
        takes=lambda story: {"items": story.items(), "units": story.units},
        again="wrong-phase",
    ),
    "revise_roadmap": Rule(
        who=[OFFICIAL],
        phases=[Phase.IN_PROGRESS],
        takes=lambda story: story.revision(*(story.revised() if story.petition.tasks else story.items())),
        again="roadmap-changed",
    ),
    "give_interim_response": Rule(who=[OFFICIAL], phases=UNDER_WAY, takes=lambda _: {"text": text()}),
    "answer": Rule(
        who=[OFFICIAL],
        phases=[Phase.IN_PROGRESS],
        takes=lambda story: {"text": text(), "tasks": story.tasks, **promise(story)},
        again="wrong-phase",
    ),
    "extend": Rule(who=[SUPERVISOR], phases=UNDER_WAY, takes=lambda _: {"days": 10, "reason": text()}),
    "suspend": Rule(
        who=[OFFICIAL], phases=UNDER_WAY, takes=lambda story: {"reason": text(), **story.in_hand()}, again="suspended"
    ),
    "invite_feedback": Rule(who=[WORKFLOW], phases=[Phase.ANSWERED], again="wrong-phase"),
    "give_feedback": Rule(
        who=[SIGNER, LEAD],
        phases=[Phase.FEEDBACK],
        takes=lambda _: feedback(),
        but={STRANGER: "not-a-co-signer"},
        again="already-judged",
    ),
    "close_feedback": Rule(who=[WORKFLOW], phases=[Phase.FEEDBACK], wait_days=20, again="wrong-phase"),
    "report_delivery": Rule(
        who=[OFFICIAL], phases=[Phase.TRACKING], takes=lambda _: {"report": text()}, again="wrong-phase"
    ),
    "close_tracking": Rule(who=[WORKFLOW], phases=[Phase.TRACKING], wait_days=60, again="wrong-phase"),
    "request_review": Rule(
        who=[SIGNER, LEAD],
        phases=[Phase.CLOSED],
        takes=lambda _: {"grounds": text()},
        but={STRANGER: "not-a-co-signer"},
        again="under-review",
    ),
    "order_supervision": Rule(who=[SUPERVISOR], phases=ADMITTED, takes=lambda _: {"order": text()}, suspended=True),
}
# They have tests of their own, below or with the ballots: `resume` needs a suspension, `conclude_ballot` a ballot; a
# warning is never refused, only superfluous.
PETITION_APART = {
    "open",
    *("agree_to_split", "split_off"),  # test_splitting.py
    "conclude_ballot",
    "resign",
    # They have tests of their own below: `resume` needs a suspension; a warning is never refused, only superfluous.
    *("alert_supervisor", "heed_alert"),
    "resume",
    "lift_urgency",
    "remind",
    "escalate",
    "answer_supervision",
    "lift_supervision",
    "decide_review",
    "recuse",
    *("agree_to_call", "decline_call", "hand_out_call", "take_feedback", "miss_call"),  # test_call_back.py
}

TASK = {
    "claim": Rule(who=[UNIT_OFFICER, COLLEAGUE], phases=[TaskStatus.OFFERED], again="already-claimed"),
    "object": Rule(
        who=[UNIT_OFFICER, COLLEAGUE],
        phases=[TaskStatus.OFFERED],
        takes=lambda _: {"reason": text(), "basis": text()},
        again="wrong-status",
    ),
    "transfer": Rule(
        who=[UNIT_OFFICER, COLLEAGUE],
        phases=[TaskStatus.CLAIMED, TaskStatus.OFFERED],
        takes=lambda story: {"unit": story.units[1], "reason": text()},
        again="same-unit",
    ),
    "mandate": Rule(
        who=[OFFICIAL],
        phases=[TaskStatus.OBJECTED, TaskStatus.UNCLAIMED],
        takes=lambda story: {"unit": story.units[1], "reason": text()},
        again="wrong-status",
    ),
    "hand_back": Rule(who=[WORKFLOW], phases=[TaskStatus.OFFERED], wait_days=10, again="wrong-status"),
    "report_progress": Rule(
        who=[UNIT_OFFICER, COLLEAGUE, SUPPORTING_OFFICER],
        phases=[TaskStatus.CLAIMED],
        takes=lambda _: {"percent": 60, "note": text()},
        suspended=True,
    ),
    "attach_evidence": Rule(
        who=[UNIT_OFFICER, COLLEAGUE, SUPPORTING_OFFICER, HOST_STAFF],
        phases=[TaskStatus.CLAIMED],
        takes=lambda story: photo() | {"matter": story.petition},
        suspended=True,
        again="",
    ),
    "complete": Rule(
        who=[UNIT_OFFICER, COLLEAGUE],
        phases=[TaskStatus.CLAIMED],
        takes=lambda _: {"report": text()},
        again="wrong-status",
    ),
    "send_back": Rule(
        who=[OFFICIAL], phases=[TaskStatus.COMPLETED], takes=lambda _: {"reason": text()}, again="wrong-status"
    ),
    "confirm": Rule(who=[OFFICIAL], phases=[TaskStatus.COMPLETED], again="wrong-status"),
}
TASK_APART = {"offer", "drop", "suspend", "resume", "replan", "set_terms", "record_vote"}

ARRANGERS = [HOST_STAFF, OFFICIAL, SECOND_OFFICIAL]


def of_it(story: Story) -> dict[str, Any]:
    return {"petition": story.petition}


MEETING = {
    "reschedule": Rule(
        who=ARRANGERS,
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {
            **of_it(story),
            "starts_at": story.now.replace(year=2027),
            "venue": text(),
            "reason": text(),
        },
    ),
    "cancel": Rule(
        who=[*ARRANGERS, WORKFLOW],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "reason": text()},
        again="wrong-status",
    ),
    "invite": Rule(
        who=ARRANGERS,
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "unit": story.units[0]},
        again="",
    ),
    "add_to_agenda": Rule(
        who=[*ARRANGERS, DELEGATE, LEAD],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "text": text()},
        but={SIGNER: "not-a-representative", STRANGER: "not-a-representative"},
    ),
    "file_objection": Rule(
        who=[STRANGER],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "objection_id": id_of("another"), "text": text()},
        but={LEAD: "signer-objects", SIGNER: "signer-objects"},
        again="already-objected",
    ),
    "take_up_objection": Rule(
        who=[HOST_STAFF],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "objection_id": id_of("objection")},
        again="",
    ),
    "release_brief": Rule(who=[WORKFLOW], phases=[MeetingStatus.SCHEDULED], again=""),
    "admit": Rule(
        who=[HOST_STAFF],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {**of_it(story), "attendee": SIGNER.by, "post_id": None},
        wait_days=1,
        again="token-used",
    ),
    "count_attendance": Rule(
        who=[HOST_STAFF],
        phases=[MeetingStatus.SCHEDULED, MeetingStatus.HELD],
        takes=lambda story: {**of_it(story), "post_ids": [OFFICIAL.org], "representatives": 1, "residents": 5},
        wait_days=1,
        again="",
    ),
    "record_no_show": Rule(
        who=[HOST_STAFF],
        phases=[MeetingStatus.SCHEDULED, MeetingStatus.HELD],
        takes=lambda story: {**of_it(story), "post_id": OFFICIAL.org},
        wait_days=1,
        again="",
    ),
    "draft_minutes": Rule(
        who=[*ARRANGERS, DELEGATE],
        phases=[MeetingStatus.HELD],
        takes=lambda story: {**of_it(story), "minutes": text(), "commitments": [], "units": []},
    ),
    "offer_correction": Rule(
        who=[LEAD, OFFICIAL, SECOND_OFFICIAL, DELEGATE],
        phases=[MeetingStatus.HELD],
        takes=lambda story: {**of_it(story), "text": text()},
        but={SIGNER: "did-not-attend", STRANGER: "did-not-attend"},
    ),
    "confirm_minutes": Rule(
        who=[OFFICIAL, DELEGATE, LEAD],
        phases=[MeetingStatus.HELD],
        takes=lambda story: of_it(story),
        but={SIGNER: "not-a-representative", STRANGER: "not-a-representative"},
        again="already-confirmed",
    ),
    "close_minutes": Rule(
        who=[WORKFLOW],
        phases=[MeetingStatus.HELD],
        takes=lambda story: of_it(story),
        wait_days=9,
        again="minutes-closed",
    ),
    "hold": Rule(
        who=[*ARRANGERS, DELEGATE],
        phases=[MeetingStatus.SCHEDULED],
        takes=lambda story: {"petition": story.petition, "minutes": text()},
        again="wrong-status",
        wait_days=1,
    ),
}
MEETING_APART = {"schedule"}

INTAKE = {
    "propose_invalidation": Rule(
        who=[HOST_STAFF], phases=[IntakeStatus.VALID], takes=lambda _: {"reason": text()}, again="wrong-status"
    ),
    "drop_invalidation": Rule(who=[HOST_STAFF], phases=[IntakeStatus.PROPOSED], again="wrong-status"),
    "appeal": Rule(
        who=[resident(50)], phases=[IntakeStatus.CONTESTED], takes=lambda _: {"grounds": text()}, again="wrong-status"
    ),
    "decide_appeal": Rule(
        who=[CLERK],
        phases=[IntakeStatus.APPEALED],
        takes=lambda story: {"petition": story.petition, "counts": False, "explanation": text()},
        again="wrong-status",
    ),
    "close_appeal": Rule(
        who=[WORKFLOW],
        phases=[IntakeStatus.CONTESTED],
        takes=lambda story: {"petition": story.petition},
        wait_days=15,
        again="wrong-status",
    ),
}
INTAKE_APART = {"file", "confirm_invalidation"}  # these have tests of their own: see test_intake.py
BALLOT = {
    "stand": Rule(
        who=[SIGNER],
        phases=["open"],
        takes=lambda story: {"petition": story.petition, "name": text()},
        but={LEAD: "lead-petitioner", STRANGER: "not-a-co-signer"},
        again="already-standing",
    ),
    "stand_down": Rule(
        who=[resident(3)],
        phases=["open"],
        takes=lambda story: {"petition": story.petition},
        but={LEAD: "not-standing", SIGNER: "not-standing", STRANGER: "not-a-co-signer"},
        again="not-standing",
    ),
    "vote": Rule(
        who=[SIGNER, LEAD],
        phases=["open"],
        takes=lambda story: {"petition": story.petition, "choices": ["1"]},
        but={STRANGER: "not-a-co-signer"},
        wait_days=4,
        again="already-voted",
    ),
    "conclude": Rule(
        who=[WORKFLOW],
        phases=["open"],
        takes=lambda story: {"petition": story.petition},
        wait_days=8,
        again="ballot-concluded",
    ),
}
BALLOT_APART = {"call"}


def a_petition(phase: str, rule: Rule) -> tuple[Story, Any]:
    story = given(Phase(phase), signatures=rule.signatures if phase == Phase.COLLECTING else 10)
    return story, story.petition


def a_task(status: str, _: Rule) -> tuple[Story, Any]:
    story = given(Phase.IN_PROGRESS)
    task = story.tasks[0]
    steps: dict[TaskStatus, list[tuple[Any, Actor, dict[str, Any]]]] = {
        TaskStatus.OBJECTED: [(task.object, UNIT_OFFICER, {"reason": text(), "basis": text()})],
        TaskStatus.CLAIMED: [(task.claim, UNIT_OFFICER, {})],
        TaskStatus.COMPLETED: [(task.claim, UNIT_OFFICER, {}), (task.complete, UNIT_OFFICER, {"report": text()})],
        TaskStatus.DROPPED: [(task.drop, WORKFLOW, {})],
    }
    if status == TaskStatus.UNCLAIMED:
        story.later(days=10)
        story.do(task.hand_back, WORKFLOW)
    steps[TaskStatus.CONFIRMED] = [*steps[TaskStatus.COMPLETED], (task.confirm, OFFICIAL, {})]
    for method, actor, arguments in steps.get(TaskStatus(status), []):
        story.do(method, actor, **arguments)
    return story, task


def a_meeting(status: str, _: Rule) -> tuple[Story, Any]:
    """The lead post has sent a delegate, and a resident has objected."""
    story = given(Phase.MEETING)
    story.do(story.petition.name_delegate, OFFICIAL, posts=story.posts, delegate=story.third_post)
    story.schedule()
    objecting = {"petition": story.petition, "objection_id": id_of("objection"), "text": text()}
    story.do(story.meeting.file_objection, resident(98), **objecting)
    if status == MeetingStatus.HELD:
        story.later(days=1)
        story.do(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
    if status == MeetingStatus.CANCELLED:
        story.do(story.meeting.cancel, HOST_STAFF, petition=story.petition, reason=text())
    return story, story.meeting


def an_intake(status: str, _: Rule) -> tuple[Story, Any]:
    story = given(Phase.COLLECTING)
    intake = story.take_in(resident(50))
    if status != IntakeStatus.VALID:
        story.do(intake.propose_invalidation, HOST_STAFF, reason=text())
    if status not in (IntakeStatus.VALID, IntakeStatus.PROPOSED):
        story.do(intake.confirm_invalidation, SECOND_STAFF, petition=story.petition)
    if status in (IntakeStatus.APPEALED, IntakeStatus.UPHELD):
        story.do(intake.appeal, resident(50), grounds=text())
    if status == IntakeStatus.UPHELD:
        story.do(intake.decide_appeal, CLERK, petition=story.petition, counts=True, explanation=text())
    if status == IntakeStatus.INVALIDATED:
        story.later(days=15)
        story.do(intake.close_appeal, WORKFLOW, petition=story.petition)
    return story, intake


def a_ballot(state: str, _: Rule) -> tuple[Story, Any]:
    """For another lead petitioner; resident 3 stands."""
    story = given(Phase.SUBMITTED)
    ballot = story.ballot(Question.REPLACEMENT, SIGNER)
    story.do(ballot.stand, resident(3), petition=story.petition, name=text())
    if state != "open":
        now, story.now = story.now, ballot.clock.due_at
        story.do(ballot.conclude, WORKFLOW, petition=story.petition)
        story.now = now
    return story, ballot


class BallotState(StrEnum):
    OPEN = "open"
    CONCLUDED = "concluded"


PROPOSAL = {
    "voice": Rule(
        who=[LEAD],
        phases=[ProposalStatus.OPEN],
        takes=lambda story: {**of_it(story), "meetings": [], "agrees": True},
        but={SIGNER: "not-a-representative", STRANGER: "not-a-representative"},
        again="already-voiced",
    )
}
PROPOSAL_APART = {"reassign", "waive"}


def a_proposal(status: str, _: Rule) -> tuple[Story, Any]:
    """To do without the meeting; residents 1, 3 and 4 are asked."""
    story = given(Phase.MEETING)
    story.elect(LEAD, resident(3), resident(4))
    proposal = story.do(Proposal.waive, LEAD, id=id_of("proposal"), reason=text(), **of_it(story))
    if status != ProposalStatus.OPEN:
        said = {"meetings": [], "agrees": status == ProposalStatus.AGREED, **of_it(story)}
        for n in (3, 4):
            story.do(proposal.voice, resident(n), **said)

    return story, proposal


REPLY = {
    "revise": Rule(
        who=[OFFICIAL],
        phases=[ReplyStatus.DRAFTED],
        takes=lambda _: {"text": text(), "outcome": None},
    ),
    "sign_off": Rule(
        who=[OFFICIAL],
        phases=[ReplyStatus.DRAFTED],
        takes=lambda story: {"petition": story.petition, "post": story.posts[0], "tasks": story.tasks},
        again="wrong-status",
    ),
    "discard": Rule(who=[OFFICIAL], phases=[ReplyStatus.DRAFTED], again="wrong-status"),
}
REPLY_APART = {"draft"}


def a_reply(status: str, _: Rule) -> tuple[Story, Any]:
    story = given(Phase.IN_PROGRESS)
    reply = story.draft()
    if status == ReplyStatus.SIGNED_OFF:
        story.sign_off(reply)
    elif status == ReplyStatus.DISCARDED:
        story.do(reply.discard, OFFICIAL)
    return story, reply


KINDS: tuple[tuple[type[Decider], dict[str, Rule], set[str], Callable[..., Any], type[StrEnum], str], ...] = (
    (Petition, PETITION, PETITION_APART, a_petition, Phase, "wrong-phase"),
    (Task, TASK, TASK_APART, a_task, TaskStatus, "wrong-status"),
    (Meeting, MEETING, MEETING_APART, a_meeting, MeetingStatus, "wrong-status"),
    (Intake, INTAKE, INTAKE_APART, an_intake, IntakeStatus, "wrong-status"),
    (Proposal, PROPOSAL, PROPOSAL_APART, a_proposal, ProposalStatus, "proposal-decided"),
    (Reply, REPLY, REPLY_APART, a_reply, ReplyStatus, "wrong-status"),
    (Ballot, BALLOT, BALLOT_APART, a_ballot, BallotState, "ballot-concluded"),
)
COMMANDS = [
    pytest.param(prepare, name, rule, states, code, id=f"{cls.__name__} {name}")
    for cls, rules, _, prepare, states, code in KINDS
    for name, rule in rules.items()
]
every_command = pytest.mark.parametrize(("prepare", "name", "rule", "states", "code"), COMMANDS)
Prepare = Callable[[str, Rule], tuple[Story, Any]]


def test_the_tables_leave_no_command_out() -> None:
    for cls, rules, apart, *_ in KINDS:
        commands = {
            name
            for name in dir(cls)
            if hasattr(method := getattr(cls, name), "__wrapped__") and method.__module__.startswith("domain.")
        }
        assert commands - {"move_clocks"} == rules.keys() | apart  # which have tests of their own: see test_holidays.py


@every_command
def test_only_those_concerned_may(prepare: Prepare, name: str, rule: Rule, states: type[StrEnum], code: str) -> None:
    for actor in EVERYBODY:
        story, aggregate = prepare(min(rule.phases), rule)
        story.later(days=rule.wait_days)
        result = story.when(getattr(aggregate, name), actor, **rule.takes(story))
        if actor in rule.who:
            assert result.events, f"{actor} may"
        elif actor in rule.but:
            assert result.refusal, f"{actor} may not"
            assert result.refusal.code == rule.but[actor]
        else:
            result.refused(Forbidden, "forbidden")


@every_command
def test_only_at_its_time(prepare: Prepare, name: str, rule: Rule, states: type[StrEnum], code: str) -> None:
    actor = next(iter(rule.who))
    for state in states:
        story, aggregate = prepare(state, rule)
        story.later(days=rule.wait_days)
        result = story.when(getattr(aggregate, name), actor, **rule.takes(story))
        if state in rule.phases:
            assert result.events, f"may be done in {state}"
        elif (name, state) == ("claim", TaskStatus.CLAIMED):
            result.refused(Conflict, "already-claimed")
        else:
            result.refused(Conflict, code)


@every_command
def test_a_second_time_does_nothing_twice(
    prepare: Prepare, name: str, rule: Rule, states: type[StrEnum], code: str
) -> None:
    """Reports, interim answers, orders and the like may be given again; each time is a new fact."""
    actor = next(iter(rule.who))
    story, aggregate = prepare(min(rule.phases), rule)
    story.later(days=rule.wait_days)
    arguments = rule.takes(story)
    story.do(getattr(aggregate, name), actor, **arguments)
    result = story.when(getattr(aggregate, name), actor, **arguments)
    if rule.again:
        result.refused(Conflict, rule.again)
    else:
        assert bool(result.events) == (rule.again is None)


@pytest.mark.parametrize(("name", "rule"), PETITION.items())
def test_a_suspended_petition_waits(name: str, rule: Rule) -> None:
    for phase in UNDER_WAY & set(rule.phases):
        story = given(phase, suspended=True)
        result = story.when(getattr(story.petition, name), next(iter(rule.who)), **rule.takes(story))
        if rule.suspended:
            assert result.events
        else:
            result.refused(Conflict, "suspended")


@pytest.mark.parametrize(("name", "rule"), TASK.items())
def test_a_task_of_a_suspended_petition_waits_but_what_was_done_is_reported(name: str, rule: Rule) -> None:
    for status in rule.phases:
        story, task = a_task(status, rule)
        story.later(days=rule.wait_days)
        story.suspend()
        result = story.when(getattr(task, name), next(iter(rule.who)), **rule.takes(story))
        if rule.suspended:
            assert result.events
        else:
            result.refused(Conflict, "suspended")


def test_only_residents_open_petitions() -> None:
    for actor in EVERYBODY:
        story = Story()
        result = story.when(
            Petition.open,
            actor,
            id=id_of("petition"),
            topic=text(),
            details=text(),
            category=Category.ADVICE,
            host=story.host,
            posts=story.posts,
        )
        if actor in (LEAD, SIGNER, STRANGER):
            result.then(Petition.Opened)
        else:
            result.refused(Forbidden, "forbidden")


def test_only_host_and_called_posts_schedule_the_meeting_and_only_after_acceptance() -> None:
    for phase in Phase:
        for actor in EVERYBODY if phase == Phase.ACCEPTED else [HOST_STAFF]:
            story = given(phase)
            result = story.when(
                Meeting.schedule,
                actor,
                id=id_of(f"meeting of {actor}"),
                petition=story.petition,
                starts_at=MONDAY.replace(year=2027),
                venue=text(),
            )
            if actor not in ARRANGERS:
                result.refused(Forbidden, "forbidden")
            elif phase in (Phase.ACCEPTED, Phase.MEETING):
                result.then(Petition.MeetingArranged, Meeting.Scheduled)
            else:
                result.refused(Conflict, "wrong-phase")


def test_only_the_workflow_offers_and_drops_tasks_and_watches_clocks() -> None:
    story = given(Phase.IN_PROGRESS)
    clock = story.petition.clocks["response"]
    for actor in EVERYBODY:
        if actor != WORKFLOW:
            offer = story.offer(story.items()[0]) | {"id": id_of("new task")}
            story.when(Task.offer, actor, **offer).refused(Forbidden, "forbidden")
            for step in (story.tasks[0].drop, story.tasks[0].suspend, story.tasks[0].resume):
                story.when(step, actor).refused(Forbidden, "forbidden")
            plan = {"due_on": MONDAY.date(), "supporting_unit_ids": []}
            story.when(story.tasks[0].replan, actor, **plan).refused(Forbidden, "forbidden")
            terms = {"cost_fen": 1, "money_source": None, "vote_needed": False}
            story.when(story.tasks[0].set_terms, actor, **terms).refused(Forbidden, "forbidden")
            for warn in (story.petition.remind, story.petition.escalate):
                story.when(warn, actor, rule="response", due_at=clock.due_at).refused(Forbidden, "forbidden")


def test_only_the_lead_official_resumes_and_only_what_is_suspended() -> None:
    for actor in EVERYBODY:
        story = given(Phase.ROADMAP, suspended=True)
        result = story.when(story.petition.resume, actor, **story.in_hand())
        if actor == OFFICIAL:
            result.then(Petition.Resumed)
            story.when(story.petition.resume, actor, **story.in_hand()).refused(Conflict, "not-suspended")
        else:
            result.refused(Forbidden, "forbidden")
    for phase in Phase:
        story = given(phase)
        story.when(story.petition.resume, OFFICIAL, **story.in_hand()).refused(Conflict, "not-suspended")


def test_only_a_clerk_takes_back_that_something_is_urgent_and_only_until_its_end() -> None:
    for actor in EVERYBODY:
        story = given(Phase.MEETING)
        story.do(story.petition.mark_urgent, HOST_STAFF, reason=text())
        result = story.when(story.petition.lift_urgency, actor, reason=text())
        if actor == CLERK:
            result.then(Petition.UrgencyLifted, signing=None)
        else:
            result.refused(Forbidden, "forbidden")
    for phase in Phase:
        code = "wrong-phase" if phase in ENDS else "not-urgent"
        story = given(phase)
        story.when(story.petition.lift_urgency, CLERK, reason=text()).refused(Conflict, code)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (Host.register, {"kind": HostKind.COOPERATIVE}),
        (Post.register, {"kind": PostKind.UNIT_PRINCIPAL}),
        (Unit.register, {"kind": UnitKind.UTILITY}),
    ],
)
def test_only_an_administrator_keeps_the_directory(method: Callable[..., Any], arguments: dict[str, Any]) -> None:
    story = Story()
    entries: list[Decider] = [story.host, *story.posts, *story.units]
    for actor in EVERYBODY:
        if actor != ADMIN:
            story.when(method, actor, id=id_of("new"), name="new", **arguments).refused(Forbidden, "forbidden")
            for entry in entries:
                story.when(entry.change, actor, name="new").refused(Forbidden, "forbidden")  # type: ignore[attr-defined]
            for entry in (story.posts[0], story.units[0]):
                story.when(entry.place, actor, superior=None).refused(Forbidden, "forbidden")
            story.when(story.posts[0].put_in_charge, actor, units=[]).refused(Forbidden, "forbidden")
            story.when(story.posts[0].start_term, actor, holder="who", started_on=MONDAY.date()).refused(
                Forbidden, "forbidden"
            )
            story.when(story.posts[0].end_term, actor, ended_on=MONDAY.date()).refused(Forbidden, "forbidden")
    assert story.do(method, ADMIN, id=id_of("new"), name="new", **arguments).name == "new"
