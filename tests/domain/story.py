"""Given–When–Then for the domain: a story brought to where a test needs it, on a clock that the test moves.

``given(phase)`` plays the ordinary course up to a phase; ``story.when(method, actor, …)`` gives one command and returns
what came of it, to be followed by ``.then(events…)`` or ``.refused(kind, code)``. Every ``when`` checks, whatever the
test is about, that a refusal changes nothing, explains itself in both languages and names nobody, and that an event
says who, in which role, by which command and when.
"""

import tomllib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_OID, UUID, uuid5

import domain.policy
from domain.ballot import Ballot, Question
from domain.calendar import local_day
from domain.command import Command, Decider, Role
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.intake import Intake, Means
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Answer, Category, Phase, RejectionReason, Resolved, SplitProposal
from domain.policy import Policy
from domain.refusals import Refusal
from domain.reply import Reply
from domain.roadmap import HANDED_IN, RoadmapItem, standing
from domain.rulebook import BUILT_IN, document_of
from domain.task import Stage, Task
from domain.text import Text

SHIPPED = Policy.parse(tomllib.loads(Path(domain.policy.__file__).with_name("policy.toml").read_text(encoding="utf-8")))
POLICY = replace(SHIPPED, counts_every=0)  # who tests something else need not wait for midnight
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in Ningbo, no holiday near


def id_of(name: str) -> UUID:
    return uuid5(NAMESPACE_OID, name)


def text(words: str = "words") -> Text:
    """As if sealed: the domain never looks inside."""
    return Text(id_of("key"), words)


PROPOSAL = SplitProposal(text("this"), text("of this"), text("that"), text("of that"), Category.GRIEVANCE.value)


@dataclass(frozen=True)
class Actor:
    by: str
    role: Role
    org: UUID | None = None


def resident(n: int) -> Actor:
    return Actor(f"resident-{n}", Role.RESIDENT)


LEAD, SIGNER, STRANGER = resident(1), resident(2), resident(99)
HOST_STAFF = Actor("host-staff", Role.HOST_STAFF, id_of("host"))
CLERK = Actor("clerk", Role.CLERK, id_of("office"))
OFFICIAL = Actor("official", Role.OFFICIAL, id_of("post"))  # of the post that takes the lead
SECOND_OFFICIAL = Actor("second-official", Role.OFFICIAL, id_of("second post"))
UNIT_OFFICER = Actor("unit-officer", Role.UNIT_OFFICER, id_of("unit"))
COLLEAGUE = Actor("colleague", Role.UNIT_OFFICER, id_of("unit"))
SUPPORTING_OFFICER = Actor("supporting-officer", Role.UNIT_OFFICER, id_of("second unit"))
DELEGATE = Actor("delegate", Role.OFFICIAL, id_of("third post"))
SUPERVISOR = Actor("supervisor", Role.SUPERVISOR)
ADMIN = Actor("admin", Role.ADMIN)
WORKFLOW = Actor("yuetan", Role.WORKFLOW)
SECOND_STAFF = Actor("second-host-staff", Role.HOST_STAFF, id_of("host"))  # not among everybody: may what the first may
DISCIPLINE = Actor("inspector", Role.DISCIPLINE)
EVERYBODY = [
    *(LEAD, SIGNER, STRANGER, HOST_STAFF, CLERK, OFFICIAL, SECOND_OFFICIAL, DELEGATE, UNIT_OFFICER, COLLEAGUE),
    *(SUPPORTING_OFFICER, SUPERVISOR, Actor("auditor", Role.AUDITOR), ADMIN, WORKFLOW, DISCIPLINE),
    # Right role, wrong organisation or none; right organisation, wrong role.
    Actor("other-host-staff", Role.HOST_STAFF, id_of("another host")),
    Actor("other-official", Role.OFFICIAL, id_of("another post")),
    Actor("other-officer", Role.UNIT_OFFICER, id_of("another unit")),
    Actor("official-of-nothing", Role.OFFICIAL),
    Actor("auditor-at-the-host", Role.AUDITOR, id_of("host")),
    Actor("host-staff-at-the-post", Role.HOST_STAFF, id_of("post")),
]


@dataclass(frozen=True)
class Result:
    events: Sequence[Any]
    refusal: Refusal | None = None

    def then(self, *classes: type[Any], **facts: Any) -> None:
        """These events and no others; ``facts`` are fields of the last."""
        if self.refusal:
            raise AssertionError("it was refused") from self.refusal
        assert [type(event) for event in self.events] == list(classes)
        assert facts == {name: getattr(self.events[-1], name) for name in facts}

    def refused(self, kind: type[Refusal], code: str, field: str | None = None) -> None:
        assert self.refusal, f"it was allowed: {self.events}"
        assert (type(self.refusal), self.refusal.code, self.refusal.field) == (kind, code, field)


class Story:
    def __init__(self, name: str = "petition", policy: Policy = POLICY, at: datetime = MONDAY) -> None:
        self.name, self.policy, self.now = name, policy, at
        self.aggregates: list[Decider] = []
        self.log: list[Any] = []
        self.commands = 0
        self.host = self.do(Host.register, ADMIN, id=id_of("host"), name="划船社区", kind=HostKind.COMMUNITY)
        self.posts: list[Post] = [
            self.do(Post.register, ADMIN, id=id_of(name), name=name, kind=PostKind.GOVERNMENT)
            for name in ("post", "second post")
        ]
        self.units: list[Unit] = [
            self.do(Unit.register, ADMIN, id=id_of(name), name=name, kind=UnitKind.DEPARTMENT)
            for name in ("unit", "second unit")
        ]
        self.petition: Petition
        self.meeting: Meeting
        self.tasks: list[Task] = []

    # --- the three words --------------------------------------------------------------------------------------------

    def when(self, method: Callable[..., Any], actor: Actor, **arguments: Any) -> Result:
        self.commands += 1
        cmd = Command(
            id=id_of(f"{self.name} {self.commands}"),
            by=actor.by,
            role=actor.role,
            org=actor.org,
            at=self.now,
            policy=self.policy,
        )
        before = deepcopy([vars(aggregate) for aggregate in self.aggregates])
        made, refused = None, None
        try:
            made = method(cmd, **arguments)
        except Refusal as refusal:
            refused = refusal
        if refused:
            assert [vars(aggregate) for aggregate in self.aggregates] == before, "a refusal changes nothing"
            assert refused.zh, "a refusal explains itself"
            assert refused.en, "in both languages"
            assert "resident-" not in refused.zh + refused.en, "and names nobody"
            return Result([], refused)
        if isinstance(made, Decider):
            self.aggregates.append(made)
        events: list[Any] = [event for aggregate in self.aggregates for event in aggregate.collect_events()]
        for event in events:
            assert event.on_behalf_of == (None if event.role in (Role.WORKFLOW, Role.RESIDENT) else actor.org)
        who = [(event.by, event.role) for event in events]
        assert not events or (actor.by, actor.role.value) in who
        for n, event in enumerate(events):
            assert who[n] in ((actor.by, actor.role.value), ("yuetan", "workflow")) or _on_behalf(events, n)
            assert (event.command_id, event.timestamp) == (cmd.id, cmd.at)
        self.log += events
        return Result(events)

    def do(self, method: Callable[..., Any], actor: Actor, **arguments: Any) -> Any:
        """A step on the way; what it creates, if anything."""
        known = len(self.aggregates)
        if refusal := self.when(method, actor, **arguments).refusal:
            raise refusal
        return self.aggregates[-1] if len(self.aggregates) > known else None

    def announce(self, *days_off: date, worked: Sequence[date] = ()) -> None:
        """From now on the calendar knows of these days."""
        calendar = self.policy.calendar.changed(days_off=days_off, days_worked=worked)
        self.policy = replace(self.policy, calendar=calendar)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    @cached_property
    def third_post(self) -> Post:
        """Nobody calls it."""
        kind = PostKind.GOVERNMENT
        return cast("Post", self.do(Post.register, ADMIN, id=id_of("third post"), name="third post", kind=kind))

    # --- the ordinary course ----------------------------------------------------------------------------------------

    def open(self) -> None:
        self.petition = self.do(
            Petition.open,
            LEAD,
            id=id_of(self.name),
            topic=text("topic"),
            details=text("details"),
            category=Category.ADVICE,
            host=self.host,
            posts=self.posts,
        )

    def sign(self, signatures: int) -> None:
        for n in range(self.petition.signatures, signatures):
            self.do(self.petition.co_sign, resident(n + 1))

    def take_in(self, signer: Actor, name: str = "intake") -> Intake:
        """Host staff enter a signature that they have on paper."""
        facts = {"signer": signer.by, "means": Means.PAPER, "slip": "digest"}
        made: Intake = self.do(Intake.file, HOST_STAFF, id=id_of(name), petition=self.petition, **facts)
        return made

    def contest(self, intake: Intake) -> None:
        self.do(intake.propose_invalidation, HOST_STAFF, reason=text("reason"))
        self.do(intake.confirm_invalidation, SECOND_STAFF, petition=self.petition)

    def submit(self) -> None:
        self.do(self.petition.give_host_opinion, HOST_STAFF, opinion=text("opinion"))

    def accept(self) -> None:
        self.do(self.petition.accept, CLERK)

    def acknowledge(self) -> None:
        self.do(self.petition.acknowledge, OFFICIAL)

    def elect(self, *representatives: Actor) -> None:
        elected = {someone.by: text(f"name of {someone.by}") for someone in representatives}
        self.do(self.petition.elect_representatives, WORKFLOW, elected=elected)

    def ballot(self, question: Question, caller: Actor, into: Petition | None = None) -> Ballot:
        """Call one."""
        facts = {"id": id_of(f"{self.name} {question} {self.commands}"), "petition": self.petition, "into": into}
        ballot: Ballot = self.do(Ballot.call, caller, question=question, **facts)
        return ballot

    def schedule(self) -> None:
        self.meeting = self.do(
            Meeting.schedule,
            HOST_STAFF,
            id=id_of("meeting"),
            petition=self.petition,
            starts_at=self.now + timedelta(days=1),
            venue=text("venue"),
        )

    def meet(self) -> None:
        self.schedule()
        self.later(days=2)
        self.do(self.meeting.hold, HOST_STAFF, petition=self.petition, minutes=text("minutes"))
        for who in (LEAD, OFFICIAL):
            self.do(self.meeting.confirm_minutes, who, petition=self.petition)

    def items(self, due_on: date | None = None) -> list[RoadmapItem]:
        """Two tasks, numbered through the rounds."""
        first = 2 * self.petition.round - 1
        due_on = due_on or local_day(self.now) + timedelta(days=30)
        units = [unit.id for unit in self.units]
        return [
            RoadmapItem(id_of(f"task {first}"), text("title"), units[0], units[1:], due_on),
            RoadmapItem(id_of(f"task {first + 1}"), text("title"), units[1], [], due_on),
        ]

    def plan(self) -> None:
        items = self.items()
        self.do(self.petition.publish_roadmap, OFFICIAL, items=items, units=self.units)
        self.tasks = [self.do(Task.offer, WORKFLOW, **self.offer(item)) for item in items]

    def revision(self, *items: RoadmapItem) -> dict[str, Any]:
        return {"reason": text("reason"), "items": list(items), "units": self.units, **self.in_hand()}

    def revised(self) -> list[RoadmapItem]:
        """The first task as it stands, due a day later, what was handed in, and a new one instead of the others."""
        first, *others = standing(self.petition.roadmaps[-1], self.tasks)
        handed_in = {task.id for task in self.tasks if task.status in HANDED_IN}
        if first.task_id not in handed_in:
            first = replace(first, due_on=max(first.due_on, local_day(self.now)) + timedelta(days=1))
        new = id_of(f"task of {self.petition.round}, {self.petition.roadmap_version + 1}")
        due_on = local_day(self.now) + timedelta(days=20)
        others = [item for item in others if item.task_id in handed_in]
        return [first, *others, RoadmapItem(new, text("title"), self.units[1].id, [], due_on)]

    def offer(self, item: RoadmapItem) -> dict[str, Any]:
        return {
            "id": item.task_id,
            "matter": self.petition,
            "matter_kind": "petition",
            "post_id": self.petition.called_post_ids[0],
            "title": item.title,
            "lead_unit_id": item.lead_unit_id,
            "supporting_unit_ids": item.supporting_unit_ids,
            "due_on": item.due_on,
            "cost_fen": item.cost_fen,
            "money_source": item.money_source,
            "vote_needed": item.vote_needed,
        }

    def in_hand(self) -> dict[str, Any]:
        """What is decided on together with the petition: its tasks of this round."""
        tasks = self.petition.tasks
        return {"seen": tasks, "tasks": [task for task in self.tasks if task.id in tasks]}

    def suspend(self) -> None:
        self.do(self.petition.suspend, OFFICIAL, reason=text("reason"), **self.in_hand())

    def resume(self) -> None:
        self.do(self.petition.resume, OFFICIAL, **self.in_hand())

    def work(self) -> None:
        for task, officer in zip(self.tasks, (UNIT_OFFICER, SUPPORTING_OFFICER), strict=True):
            self.do(task.claim, officer)
            self.do(task.report_progress, officer, percent=50, note=text("note"))
            self.do(task.complete, officer, report=text("report"))
            self.do(task.confirm, OFFICIAL)

    def answer(self) -> None:
        self.work()
        self.do(self.petition.answer, OFFICIAL, text=text("answer"), outcome=Answer.DONE, tasks=self.tasks)

    def draft(self, name: str = "reply", **said: Any) -> Reply:
        said = said or {"outcome": Answer.EXPLAINED}
        reply: Reply = self.do(
            Reply.draft, OFFICIAL, id=id_of(name), petition=self.petition, text=text("draft"), **said
        )
        return reply

    def sign_off(self, reply: Reply) -> None:
        self.do(reply.sign_off, OFFICIAL, petition=self.petition, post=self.posts[0], tasks=self.tasks)

    def invite(self) -> None:
        self.do(self.petition.invite_feedback, WORKFLOW)

    def judge(self, *verdicts: Resolved) -> None:
        """By resident 1, 2, …, each satisfied if it is resolved."""
        for n, verdict in enumerate(verdicts, 1):
            self.do(self.petition.give_feedback, resident(n), **feedback(verdict))

    def close(self) -> None:
        self.judge(*[Resolved.YES] * self.petition.signatures)

    def reach(self, phase: Phase, signatures: int) -> None:
        if phase == Phase.TRACKING:
            self.reach(Phase.IN_PROGRESS, signatures)
            self.do(self.petition.answer, OFFICIAL, text=text("answer"), tasks=self.tasks, **promise(self))
            self.invite()
            self.close()
            return
        self.open()
        self.sign(9 if phase in (Phase.WITHDRAWN, Phase.LAPSED) else signatures)
        if phase == Phase.WITHDRAWN:
            self.do(self.petition.withdraw, LEAD)
            return
        if phase == Phase.LAPSED:
            self.later(days=40)
            self.do(self.petition.close_signing, WORKFLOW)
            return
        if phase == Phase.COLLECTING:
            return
        self.submit()
        if phase in (ends := {Phase.REJECTED: self.reject, Phase.REFERRED: self.refer, Phase.MERGED: self.merge}):
            ends[phase]()
            return
        if phase == Phase.SUBMITTED:
            return
        for step, leads_to in (
            (self.accept, Phase.ACCEPTED),
            (self.acknowledge, Phase.MEETING),
            (self.meet, Phase.ROADMAP),
            (self.plan, Phase.IN_PROGRESS),
            (self.answer, Phase.ANSWERED),
            (self.invite, Phase.FEEDBACK),
            (self.close, Phase.CLOSED),
        ):
            step()
            if leads_to == phase:
                return
        raise AssertionError(phase)

    def reject(self) -> None:
        self.do(self.petition.reject, CLERK, reason_code=RejectionReason.OTHER_LEVEL, explanation=text("why"))

    def refer(self) -> None:
        self.do(self.petition.refer, CLERK, unit=self.units[0], explanation=text("why"))

    def merge(self) -> None:
        self.do(self.petition.merge, WORKFLOW, into=given(Phase.ACCEPTED, name="another petition").petition)


def merged_into(petition: Petition) -> Petition:
    """One that ten residents had signed; by the time it was, the other could still take it in."""
    story, into = given(Phase.SUBMITTED, name="merged"), given(Phase.ACCEPTED).petition
    assert into.id == petition.id
    story.do(story.petition.merge, WORKFLOW, into=into)
    return story.petition


def _on_behalf(events: Sequence[Any], n: int) -> bool:
    """Staff took in what a resident has signed: the signature is that resident's. A lead petitioner agrees to a split
    in one petition and leads the other."""
    if isinstance(events[n], Petition.Split):
        return True
    signed, filed = events[n], [event for event in events if isinstance(event, Intake.Filed)]
    return [(signed.by, signed.role)] == [(event.signer, "resident") for event in filed]


def policy_file(version: str = "2026-11", **changes: Any) -> str:
    """The built-in policy as another version, as the log keeps it."""
    return document_of(BUILT_IN | {"version": version} | changes)


def feedback(verdict: Resolved = Resolved.YES) -> dict[str, Any]:
    satisfied = verdict == Resolved.YES
    return {"contacted": True, "resolved": verdict, "satisfied": satisfied, "comment": text("comment")}


def promise(story: Story) -> dict[str, Any]:
    return {"outcome": Answer.PLANNED, "due_on": local_day(story.now) + timedelta(days=40)}


def photo(name: str = "photo") -> dict[str, Any]:
    facts = {"sha256": sha256(name.encode()).hexdigest(), "media_type": "image/jpeg", "size": 7}
    return {**facts, "stage": Stage.AFTER, "name": text(f"{name}.jpg")}


def vote(**facts: Any) -> dict[str, Any]:
    """Of the owners, who agree; shown by ``photo()``."""
    counted = {"passed": True, "in_favour": 120, "against": 9, "entitled": 160, "voted_on": MONDAY.date()}
    return {**counted, "sha256": photo()["sha256"], **facts}


def given(
    phase: Phase, *, signatures: int = 10, suspended: bool = False, name: str = "petition", **numbers: Any
) -> Story:
    """A petition in this phase; ``numbers`` are what the district has changed in the policy."""
    story = Story(name, replace(POLICY, **numbers))
    story.reach(phase, signatures)
    assert story.petition.phase == phase
    if suspended:
        story.suspend()
    return story
