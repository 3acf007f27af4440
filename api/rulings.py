"""Which rules an event followed: the clocks that it began or moved, and those that it met, missed or left behind."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.replay import Running
from api.schemas import PETITION_ID, ClockState

# What a clock waits for. Whatever else ends one before its time has nothing to do with it: a withdrawal, for example.
FULFILS: dict[str, tuple[str, ...]] = {
    "signing": ("petition.Submitted",),
    "host_opinion": ("petition.Submitted",),
    "admissibility": ("petition.Accepted", "petition.Rejected", "petition.Referred", "petition.Merged"),
    "acknowledgement": ("petition.CallAcknowledged",),
    "meeting": ("petition.MeetingHeld", "petition.MeetingWaived"),
    "minutes": ("meeting.MinutesConfirmed",),
    "roadmap": ("petition.RoadmapPublished",),
    "claim": ("task.Claimed", "task.Objected", "task.ObjectedAgain", "task.Transferred"),
    "mandate": ("task.Mandated",),
    "task": ("task.Completed",),
    "response": ("petition.Answered",),
    "urgent": ("petition.InterimResponseGiven", "petition.RoadmapPublished", "petition.Answered"),
    "refiling": ("petition.Refiled",),
    "commitment": ("petition.CommitmentDelivered",),
    "review": ("petition.ReviewDecided",),
}
WINDOWS = ("feedback", "call_back")  # open for a while: nobody has to do anything by their end
LEFT_OPEN = "host_opinion"  # the petition is submitted at its end all the same
PROLONGING = ("petition.Extended", "petition.Resumed", "task.Resumed", "task.Replanned")


class Ruling(BaseModel):
    subject_id: UUID = Field(examples=[PETITION_ID])
    rule: str = Field(examples=["response"])
    what: Literal["began", "moved", "met", "missed", "ended"] = Field(
        description="`met`: what it waits for was done, in time or late; `missed`: it ran out; `ended`: something else."
    )
    policy: str = Field(examples=["2026-11"], description="The version that it was computed by.")
    started_at: datetime
    due_at: datetime = Field(description="As the event left it.")
    was_due_at: datetime | None = Field(description="Of one that was moved.")
    in_time: bool | None = Field(description="null while it runs, and of what was not waited for.")


def rulings(event: Mapping[str, Any], were: Running, are: Running) -> list[Ruling]:
    """By the clocks that ran before an event and after it; ``event`` is a row of the timeline."""
    found = []
    for place in dict.fromkeys([*were, *are]):
        was, now = were.get(place), are.get(place)
        if was == now:
            continue
        moved = event["type"] in PROLONGING or event["type"].endswith(".ClocksMoved")
        if was and now and moved:
            found.append(_ruling(place[0], now, "moved", was_due_at=was.due_at))
            continue
        if was:
            found.append(_ended(event, place[0], was))
        if now:
            found.append(_ruling(place[0], now, "began"))
    if event["type"] == "petition.Escalated":
        place = UUID(event["data"]["task_id"] or str(event["subject_id"])), event["data"]["rule"]
        if place in were:
            found.append(_ruling(place[0], were[place], "missed", in_time=False))
    return found


def _ended(event: Mapping[str, Any], subject_id: UUID, clock: ClockState) -> Ruling:
    late = event["at"] > clock.due_at
    if event["type"] in FULFILS.get(clock.rule, ()) and not (late and clock.rule == LEFT_OPEN):
        return _ruling(subject_id, clock, "met", in_time=clock.rule == "signing" or not late)
    if event["at"] >= clock.due_at and clock.rule not in WINDOWS:
        return _ruling(subject_id, clock, "missed", in_time=False)
    return _ruling(subject_id, clock, "ended")


def _ruling(subject_id: UUID, clock: ClockState, what: Any, **more: Any) -> Ruling:
    return Ruling(
        subject_id=subject_id, what=what, **{"was_due_at": None, "in_time": None, **clock.model_dump(), **more}
    )
