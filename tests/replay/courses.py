"""Every way a petition's story can take, played by real people of the test's own on real servers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

from domain.ballot import Ballot, Question
from domain.command import Role
from domain.directory import Unit
from domain.petition import Petition
from domain.petition.words import Answer, RejectionReason, Resolved
from domain.task import Task
from tests.domain.story import CLERK, OFFICIAL, SUPERVISOR, UNIT_OFFICER, Actor, id_of, resident, text
from tests.workflows.people import People

SECOND_OFFICER = Actor("second-officer", Role.UNIT_OFFICER, id_of("second unit"))
Course = Callable[[People], Awaitable[None]]


async def roadmap(people: People) -> None:
    await people.open()
    await people.accept()
    await people.meet()


async def to_feedback(people: People, tasks: list[UUID]) -> None:
    await people.work(tasks)
    await people.answer(tasks)


async def run_out(people: People, rule: str) -> None:
    await people.forward((await people.clock(rule)).due_at + timedelta(minutes=1))


async def lapsed(people: People) -> None:
    await people.open()
    await people.sign(2)
    await run_out(people, "signing")


async def withdrawn(people: People) -> None:
    await people.open()
    await people.act(Petition.withdraw, resident(1))


async def silent_host_and_rejected(people: People) -> None:
    await people.open()
    await people.sign()
    await run_out(people, "host_opinion")
    await people.happens("petition.Submitted")
    reason = RejectionReason.NOT_IN_SCOPE
    await people.act(Petition.reject, CLERK, reason_code=reason, explanation=text("explanation"))
    await run_out(people, "refiling")


async def merged(people: People) -> None:
    into = People(people.engine, uuid4())
    await into.open()
    await into.accept()
    await people.open()
    await people.submit()
    await run_out(people, "admissibility")
    ballot, both = uuid4(), {"petition": (Petition, people.id), "into": (Petition, into.id)}
    await people.act(Ballot.call, CLERK, ballot, question=Question.MERGING, also=both)
    for n in (1, 2):
        await people.act(Ballot.vote, resident(n), ballot, choices=["yes"], also=both)


async def late_everywhere(people: People) -> None:
    await people.open()
    await people.accept()
    await run_out(people, "meeting")
    await people.meet()
    await run_out(people, "roadmap")
    tasks = await people.plan("unit", "second unit")
    await run_out(people, "response")
    await people.answer(tasks, Answer.EXPLAINED)
    await run_out(people, "feedback")


async def objected_and_mandated(people: People) -> None:
    await roadmap(people)
    [task] = await people.plan("unit")
    await people.act(Task.object, UNIT_OFFICER, task, reason=text("reason"), basis=text("basis"))
    await run_out(people, "claim")
    second = {"unit": (Unit, id_of("second unit"))}
    await people.act(Task.mandate, OFFICIAL, task, reason=text("reason"), also=second)
    await people.act(Task.complete, SECOND_OFFICER, task, report=text("report"))
    await people.act(Task.confirm, OFFICIAL, task)
    await people.answer([task])
    await people.judge(*[Resolved.YES] * 3)


async def returned(people: People) -> None:
    await roadmap(people)
    [task] = await people.plan("unit")
    await people.act(Task.claim, UNIT_OFFICER, task)
    await people.act(Task.complete, UNIT_OFFICER, task, report=text("report"))
    await people.act(Task.send_back, OFFICIAL, task, reason=text("reason"))
    await run_out(people, "task")
    await people.act(Task.complete, UNIT_OFFICER, task, report=text("report"))
    await people.act(Task.confirm, OFFICIAL, task)
    await people.answer([task])
    await people.judge(*[Resolved.YES] * 3)


async def extended_and_suspended(people: People) -> None:
    await roadmap(people)
    tasks = await people.plan("unit")
    await people.act(Petition.extend, SUPERVISOR, days=10, reason=text("reason"))
    await people.suspend(tasks)
    await people.forward(await people.now() + timedelta(days=90))
    await people.resume(tasks)
    await to_feedback(people, tasks)
    await run_out(people, "feedback")


async def second_round(people: People) -> None:
    await roadmap(people)
    done, neglected = await people.plan("unit", "second unit")
    await people.work([done])
    await people.answer([done, neglected], Answer.PLANNED)
    await people.judge(*[Resolved.NO] * 3)
    await people.happens("petition.Reopened", "task.Dropped")
    await to_feedback(people, await people.plan("unit"))
    await people.judge(Resolved.NO)
    await run_out(people, "feedback")


async def promised(people: People) -> None:
    await roadmap(people)
    tasks = await people.plan("unit")
    await people.answer(tasks, Answer.PLANNED)
    await people.judge(*[Resolved.YES] * 3)
    await people.happens("petition.TrackingBegun")
    await run_out(people, "commitment")
    await people.happens("petition.CommitmentMissed", "petition.FeedbackInvited")
    await people.judge(*[Resolved.YES] * 3)


async def unfinished(people: People) -> None:
    await roadmap(people)
    await people.plan("unit", "second unit")


COURSES: dict[str, Course] = {
    "ordinary": People.to_the_end,
    "lapsed": lapsed,
    "withdrawn": withdrawn,
    "silent-host-and-rejected": silent_host_and_rejected,
    "merged": merged,
    "late-everywhere": late_everywhere,
    "objected-and-mandated": objected_and_mandated,
    "returned": returned,
    "extended-and-suspended": extended_and_suspended,
    "second-round": second_round,
    "promised": promised,
    "unfinished": unfinished,
}


def petition_id(course: str) -> UUID:
    return id_of(f"replay {course}")
