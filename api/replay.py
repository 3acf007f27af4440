"""What a petition and its parts were at an event, what that event changed, and who may have done it: for auditors.

Only what may be told is folded into this: nothing that a signature, a judgement or a vote moves.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from eventsourcing.domain import Aggregate
from pydantic import BaseModel, Field, TypeAdapter

from api.deps import Services
from api.pages import readable
from api.schemas import PETITION_ID, ClockState
from domain.clock import Clock
from domain.command import Role
from domain.extension import Extension
from domain.meeting import Meeting
from domain.petition import Petition
from domain.proposal import Proposal
from domain.task import Task
from infra.replay import Folded, replay

Clocks = Annotated[dict[str, ClockState], Field(description="What is running, by rule.")]


class _Part(BaseModel):
    id: UUID = Field(examples=[PETITION_ID])


class PetitionThen(_Part):
    kind: Literal["petition"] = "petition"
    phase: str = Field(examples=["in_progress"])
    round: int
    category: str
    topic: str = Field(description="As it was written.")
    public_topic: str | None
    host_id: UUID
    called_post_ids: list[UUID]
    acknowledged: list[UUID]
    delegates: dict[UUID, UUID]
    signatures: int | None = Field(description="At least so many, from the submission on.")
    threshold: int
    urgent: bool
    suspended: bool
    extended_days: int
    roadmap_version: int | None = Field(description="Of the present round's roadmap; null: there is none.")
    commitment_due_on: date | None
    refilings: int
    referred_to: UUID | None
    merged_into: UUID | None
    reviews: int
    supervision: str | None
    outcome: str | None
    clocks: Clocks


class MeetingThen(_Part):
    kind: Literal["meeting"] = "meeting"
    status: str
    starts_at: datetime
    venue: str
    rescheduled: int
    unit_ids: list[UUID]
    no_shows: list[UUID]
    minutes_status: str | None
    clocks: Clocks


class TaskThen(_Part):
    kind: Literal["task"] = "task"
    title: str
    status: str
    post_id: UUID
    lead_unit_id: UUID
    supporting_unit_ids: list[UUID]
    transfer_to: UUID | None
    superior_id: UUID | None
    due_on: date
    percent: int
    evidence: int = Field(description="How many pieces.")
    objections: int
    cost_fen: int | None
    vote_needed: bool
    suspended: bool
    clocks: Clocks


class ExtensionThen(_Part):
    kind: Literal["extension"] = "extension"
    status: str
    days: int
    superior_id: UUID | None


class ProposalThen(_Part):
    kind: Literal["proposal"] = "proposal"
    # (of what sort it is has to be called otherwise than the kind of the part)
    about: str = Field(examples=["waiver"])
    status: str
    post_id: UUID | None
    to_post_id: UUID | None


Part = Annotated[PetitionThen | MeetingThen | TaskThen | ExtensionThen | ProposalThen, Field(discriminator="kind")]
PARTS: TypeAdapter[list[Part]] = TypeAdapter(list[Part])


class Change(BaseModel):
    """One fact, of one part. Of a part that is new, ``before`` is null."""

    subject_id: UUID = Field(examples=[PETITION_ID])
    kind: str = Field(examples=["petition"])
    name: str = Field(examples=["phase"], description="Of a clock: `clocks.` and its rule.")
    before: Any = Field(examples=["submitted"])
    after: Any = Field(examples=["accepted"])


Place = tuple[int, datetime]  # a position, and up to when it is told of


async def moments(services: Services, ids: Sequence[UUID], places: Sequence[Place]) -> list[list[Part]]:
    """The petition and its parts, opened to be read, as they were at each of these places, which ascend."""
    seen = await replay(services.store, ids, [position for position, _ in places], _parts)
    for parts, (_, told_at) in zip(seen, places, strict=True):
        for part in parts:
            if "clocks" in part:
                part["clocks"] = {rule: clock for rule, clock in part["clocks"].items() if _told(clock, told_at)}
    (opened,) = await readable(services.keyring, [{"moments": seen}])
    return [PARTS.validate_python(parts) for parts in opened["moments"]]


Running = Mapping[tuple[UUID, str], ClockState]  # by part and rule


async def clocks(services: Services, ids: Sequence[UUID], places: Sequence[Place]) -> list[Running]:
    """What ran at each of these places, without opening anything that was written."""
    seen = await replay(
        services.store, ids, [position for position, _ in places], lambda folded: running(_parts(folded))
    )
    return [
        {place: clock for place, clock in found.items() if _told(clock, told_at)}
        for found, (_, told_at) in zip(seen, places, strict=True)
    ]


def running(parts: Sequence[Mapping[str, Any]]) -> Running:
    return {(part["id"], rule): clock for part in parts for rule, clock in part.get("clocks", {}).items()}


def _told(clock: ClockState, at: datetime) -> bool:
    """When the host's clock begins tells that somebody signed: it is told of from then on."""
    return clock.rule != "host_opinion" or clock.started_at <= at


def changes(before: Sequence[Part], after: Sequence[Part]) -> list[Change]:
    """What differs; of a new part, whatever it has."""
    were = {part.id: _flat(part) for part in before}
    found = []
    for part in after:
        was = were.get(part.id, {})
        now = _flat(part)
        for name in dict.fromkeys([*now, *was]):
            if was.get(name) != now.get(name) and (was or now[name] not in (False, 0, [], {})):
                values = {"before": was.get(name), "after": now.get(name)}
                found.append(Change(subject_id=part.id, kind=part.kind, name=name, **values))
    return found


def policies(data: Any) -> list[str]:
    """The policy versions by which the clocks in an event's facts were computed."""
    if isinstance(data, dict):
        if {"rule", "policy"} <= data.keys():
            return [data["policy"]]
        data = list(data.values())
    return list(dict.fromkeys(p for item in data for p in policies(item))) if isinstance(data, list) else []


def organisations(event: Mapping[str, Any], parts: Mapping[UUID, Part]) -> list[UUID]:
    """For which one somebody of the event's role did it: as it was written down, else (before it was) by the permission
    that the command takes, one of these.

    ``parts``: as they were before, or as the event created them. Empty: one of the district's own offices, a resident,
    the engine, or an organisation that no permission names.
    """
    if event["on_behalf_of"]:
        return [event["on_behalf_of"]]
    role, type = event["role"], event["type"]
    subject, petition = parts[event["subject_id"]], parts[event["petition_id"]]
    assert isinstance(petition, PetitionThen)
    if role == Role.HOST_STAFF:
        return [petition.host_id]
    if isinstance(subject, TaskThen):
        return _of_task(type, role, subject)
    if role == Role.UNIT_OFFICER:
        return [petition.referred_to] if petition.referred_to else []
    if role != Role.OFFICIAL:
        return []
    if type in ("extension.Approved", "extension.Refused"):
        return [subject.superior_id] if isinstance(subject, ExtensionThen) and subject.superior_id else []
    if isinstance(subject, MeetingThen):
        return [*petition.called_post_ids, *petition.delegates.values()]
    if type in ("petition.CallAcknowledged", "petition.DelegateNamed"):
        return [UUID(event["data"]["post_id"])]
    return petition.called_post_ids[:1]


def _of_task(type: str, role: str, task: TaskThen) -> list[UUID]:
    decides = [task.superior_id] if task.superior_id and type == "task.Mandated" else []
    if role == Role.OFFICIAL:
        return decides or [task.post_id]
    if role != Role.UNIT_OFFICER:
        return []
    if type in ("task.Claimed", "task.Objected", "task.ObjectedAgain"):
        return [task.transfer_to or task.lead_unit_id]
    if type in ("task.ProgressReported", "task.EvidenceAttached", "task.VoteRecorded"):
        return [task.lead_unit_id, *task.supporting_unit_ids]
    return decides or [task.lead_unit_id]


def _flat(part: Part) -> dict[str, Any]:
    """Its facts by name, as JSON has them; each clock by its rule, without the rule."""
    facts = part.model_dump(mode="json", exclude={"id", "kind", "clocks"})
    running: dict[str, ClockState] = getattr(part, "clocks", {})
    return facts | {
        f"clocks.{rule}": clock.model_dump(mode="json", exclude={"rule"}) for rule, clock in running.items()
    }


# --- what aggregates are made into; the texts are still sealed -------------------------------------------------------


def _parts(folded: Folded) -> list[dict[str, Any]]:
    return [made for aggregate in folded.values() if (made := _part(aggregate))]


def _part(aggregate: Aggregate) -> dict[str, Any] | None:
    if isinstance(aggregate, Petition):
        return _petition(aggregate)
    if isinstance(aggregate, Meeting):
        names = ("id", "status", "starts_at", "venue", "rescheduled", "minutes_status")
        lists = {name: list(getattr(aggregate, name)) for name in ("unit_ids", "no_shows")}
        return _named(aggregate, "meeting", *names) | lists | {"clocks": _clocks(aggregate.minutes_clock)}
    if isinstance(aggregate, Task):
        return _task(aggregate)
    if isinstance(aggregate, Extension):
        return _named(aggregate, "extension", "id", "status", "days", "superior_id")
    if isinstance(aggregate, Proposal):
        return _named(aggregate, "proposal", "id", "status", "post_id", "to_post_id") | {"about": aggregate.kind}
    return None


def _named(aggregate: Aggregate, kind: str, *names: str) -> dict[str, Any]:
    return {"kind": kind} | {name: getattr(aggregate, name) for name in names}


def _clocks(*clocks: Clock | None) -> dict[str, ClockState]:
    return {clock.rule: ClockState.of(clock) for clock in clocks if clock}


def _petition(petition: Petition) -> dict[str, Any]:
    names = (
        *("id", "phase", "round", "category", "topic", "public_topic", "host_id", "threshold", "urgent"),
        *("extended_days", "refilings", "referred_to", "merged_into", "reviews", "supervision", "outcome"),
    )
    published = len(petition.roadmaps) >= petition.round
    return _named(petition, "petition", *names) | {
        "called_post_ids": list(petition.called_post_ids),
        "acknowledged": list(petition.acknowledged),
        "delegates": dict(petition.delegates),
        "signatures": petition.signatures_told,
        "suspended": petition.suspended_at is not None,
        "roadmap_version": petition.roadmap_version if published else None,
        "commitment_due_on": petition.commitment,
        "clocks": _clocks(*petition.clocks.values()),
    }


def _task(task: Task) -> dict[str, Any]:
    names = (
        *("id", "status", "title", "post_id", "lead_unit_id", "transfer_to", "superior_id", "due_on", "percent"),
        *("cost_fen", "vote_needed"),
    )
    return _named(task, "task", *names) | {
        "supporting_unit_ids": list(task.supporting_unit_ids),
        "evidence": len(task.evidence),
        "objections": len(task.objectors),
        "suspended": task.suspended_at is not None,
        "clocks": _clocks(task.clock),
    }
