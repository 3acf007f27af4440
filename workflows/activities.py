"""What a story may do: look at its matter, and ask for a command. The aggregates decide."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid5

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.ballot import Ballot, concerned
from domain.clock import Clock
from domain.command import Command, Role, seen_version
from domain.directory import Post
from domain.intake import Intake
from domain.meeting import Meeting
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import SIGNATURES_CHANGE, Phase, warning
from domain.policy import Policy
from domain.refusals import NotFound, Refusal
from domain.task import ENDS as TASK_ENDS
from domain.task import Status, Task
from infra import policies
from infra.event_store import TRANSIENT, EventStore
from infra.repository import Repository, Unavailable
from workflows.messages import Answer, MatterState, RunningClock, Step, TaskState

# The step that is due when the clock of a rule runs out; of all others the end is escalated.
ENDINGS = {
    "signing": "close_signing",
    "host_opinion": "close_signing",
    "feedback": "close_feedback",
    "call_back": "close_feedback",
    "refiling": "close_refiling",
    "claim": "hand_back",
    "appeal": "close_appeal",
    "commitment": "close_tracking",
    "brief": "release_brief",
    "minutes": "close_minutes",
    "ballot": "conclude_ballot",
    "alert": "alert_supervisor",
}


@contextmanager
def failing_for_good() -> Iterator[None]:
    """Only trouble with the database is worth another attempt. The rest is a mistake of ours, and shall be seen."""
    try:
        yield
    except (*TRANSIENT, Unavailable, ApplicationError):
        raise
    except Exception as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error


class Activities:
    def __init__(self, store: EventStore, repository: Repository, policy: Policy) -> None:
        self._store, self._repository, self._policy = store, repository, policy

    @activity.defn
    async def load(self, petition_id: UUID) -> MatterState:
        with failing_for_good():
            return await self._look(petition_id)

    @activity.defn
    async def issue(self, step: Step) -> Answer:
        cmd = Command(
            id=uuid5(step.matter_id, f"{step.round} {step.name} {step.rule} {step.due_at} {step.part_id}"),
            by="yuetan",
            role=Role.WORKFLOW,
            at=step.at,
            policy=self._policy,
        )
        with failing_for_good():
            try:
                await self._carry_out(step, cmd)
            except Refusal as refusal:
                return Answer(await self._look(step.matter_id), refusal.code, refusal.en)
            return Answer(await self._look(step.matter_id))

    async def _look(self, petition_id: UUID) -> MatterState:
        position = await self._store.max_notification_id()  # first: the state is then at least as new
        petition = await self._repository.get(Petition, petition_id)
        tasks = [
            (number, item.task_id, await self._find(item.task_id))
            for number, roadmap in enumerate(petition.roadmaps, start=1)
            for item in roadmap
        ]
        meeting = await self._repository.get(Meeting, petition.meeting_id) if petition.meeting_id else None
        contests = [await self._repository.get(Intake, id) for id in petition.contests]
        return MatterState(
            version=seen_version(petition),
            phase=petition.phase,
            round=petition.round,
            ended=petition.over,
            suspended=petition.suspended_at is not None,
            clocks=[
                *watched(petition, [task for _, _, task in tasks if task], contests),
                *await self._vacancy(petition),
                *(await self._brief(petition, meeting) if meeting else []),
                *(minutes(petition, meeting) if meeting else []),
            ],
            tasks=[
                TaskState(id, number, planned=task is None, open=task is not None and task.status not in TASK_ENDS)
                for number, id, task in tasks
            ],
            delivered=petition.delivered,
            position=position,
        )

    async def _vacancy(self, petition: Petition) -> list[RunningClock]:
        """While nobody holds the post that leads, once it has been called."""
        if petition.over or petition.phase in (Phase.COLLECTING, Phase.SUBMITTED):
            return []
        post = await self._repository.get(Post, petition.called_post_ids[0])
        if post.vacancy is None:
            return []
        clock = post.vacancy
        reminded, escalated = (
            warning(what, clock.rule, clock.due_at, post.id) in petition.warned for what in ("reminded", "escalated")
        )
        return [RunningClock(clock, post.id, reminded, escalated)]

    async def _brief(self, petition: Petition, meeting: Meeting) -> Sequence[RunningClock]:
        """Until it is due. Nobody is reminded of what the system does by itself."""
        if (
            petition.phase not in (Phase.ACCEPTED, Phase.MEETING)
            or meeting.status != MeetingStatus.SCHEDULED
            or meeting.briefed_for == meeting.starts_at
        ):
            return []
        policy = await policies.of(self._repository, petition.clocks["response"], self._policy)
        due_at = policy.before("brief", meeting.starts_at)
        clock = Clock("brief", due_at, due_at, policy.stamp)
        return [RunningClock(clock, meeting.id, reminded=True, ending=ENDINGS["brief"])]

    async def _carry_out(self, step: Step, cmd: Command) -> None:
        execute = functools.partial(self._repository.execute, origin=f"step {step.name}")
        match step.name:
            case "close_signing":
                await execute(Petition.close_signing, step.matter_id, cmd)
            case "close_refiling":
                await execute(Petition.close_refiling, step.matter_id, cmd)
            case "invite_feedback":
                await execute(Petition.invite_feedback, step.matter_id, cmd)
            case "close_feedback":
                await execute(Petition.close_feedback, step.matter_id, cmd)
            case "close_tracking":
                await execute(Petition.close_tracking, step.matter_id, cmd)
            case "alert_supervisor":
                await execute(Petition.alert_supervisor, step.matter_id, cmd)
            case "conclude_ballot":
                assert step.part_id
                ballot = await self._repository.get(Ballot, step.part_id)
                await execute(Ballot.conclude, step.part_id, cmd, also=concerned(ballot))
            case "remind" | "escalate":
                method = Petition.remind if step.name == "remind" else Petition.escalate
                await execute(method, step.matter_id, cmd, rule=step.rule, due_at=step.due_at, task_id=step.part_id)
            case "release_brief":
                assert step.part_id
                await execute(Meeting.release_brief, step.part_id, cmd)
            case "close_minutes":
                assert step.part_id
                await execute(Meeting.close_minutes, step.part_id, cmd, also={"petition": (Petition, step.matter_id)})
            case "offer":
                assert step.part_id
                await execute(Task.offer, step.part_id, cmd, **await self._offer(step.matter_id, step.part_id))
            case "hand_back":
                assert step.part_id
                await execute(Task.hand_back, step.part_id, cmd)
            case "close_appeal":
                assert step.part_id
                petition = {"petition": (Petition, step.matter_id)}
                await execute(Intake.close_appeal, step.part_id, cmd, also=petition)
            case "drop":
                assert step.part_id
                await execute(Task.drop, step.part_id, cmd)
            case _:
                raise ValueError(f"no such step: {step.name}")

    async def _offer(self, petition_id: UUID, task_id: UUID) -> dict[str, Any]:
        petition = await self._repository.get(Petition, petition_id)
        item = next(item for roadmap in petition.roadmaps for item in roadmap if item.task_id == task_id)
        return {
            "also": {"matter": (Petition, petition_id)},
            "matter_kind": Petition.TOPIC,
            "post_id": petition.called_post_ids[0],
            "title": item.title,
            "lead_unit_id": item.lead_unit_id,
            "supporting_unit_ids": item.supporting_unit_ids,
            "due_on": item.due_on,
            "cost_fen": item.cost_fen,
            "money_source": item.money_source,
            "vote_needed": item.vote_needed,
        }

    async def _find(self, task_id: UUID) -> Task | None:
        try:
            return await self._repository.get(Task, task_id)
        except NotFound:
            return None


def watched(petition: Petition, tasks: Iterable[Task], contests: Iterable[Intake] = ()) -> Iterator[RunningClock]:
    """Every clock that runs, and what it has been warned of. Of the two while signing, the one that counts; and while
    the residents judge, none of a contested signature: it stays until they have."""
    if petition.over:
        return
    own = [petition.signing_clock] if petition.phase == Phase.COLLECTING else petition.clocks.values()
    clocks: list[tuple[Clock, UUID | None, str]] = [
        *((clock, None, ENDINGS.get(clock.rule, "escalate")) for clock in own),
        *((task.clock, task.id, _ending(task, task.clock)) for task in tasks if task.clock),
        *((clock, ballot_id, ENDINGS[clock.rule]) for ballot_id, clock in petition.ballots.values()),
        *((clock, None, ENDINGS[clock.rule]) for clock in (petition.alert,) if clock),
    ]
    if petition.phase in SIGNATURES_CHANGE:
        clocks += [
            (intake.clock, intake.id, ENDINGS.get(intake.clock.rule, "escalate")) for intake in contests if intake.clock
        ]
    for clock, part_id, ending in clocks:
        reminded, escalated = (
            warning(what, clock.rule, clock.due_at, part_id) in petition.warned for what in ("reminded", "escalated")
        )
        reminded |= clock.rule in ("appeal", "alert")  # of a right, and of a secret, nobody else need hear
        yield RunningClock(clock, part_id, reminded, escalated, ending)


def minutes(petition: Petition, meeting: Meeting) -> Iterator[RunningClock]:
    """While they are open."""
    if meeting.minutes_clock and not petition.over:
        clock = meeting.minutes_clock
        reminded = warning("reminded", clock.rule, clock.due_at, meeting.id) in petition.warned
        yield RunningClock(clock, meeting.id, reminded, ending=ENDINGS["minutes"])


def _ending(task: Task, clock: Clock) -> str:
    """What has been objected to is in the official's hands already."""
    return "escalate" if task.status == Status.OBJECTED else ENDINGS.get(clock.rule, "escalate")
