"""The course that a petition and what belongs to it may take: DESIGN §4 and the aggregates' rules, written as data.

Not found by looking at histories: histories are held against it. A machine is one aspect of one kind of thing; each of
its moves is a step that leads from any of some states to another. Two moves of the same step may begin in the same
state, where it depends on more than the step which of them it is (the lead post's word opens the next phase, another
post's does not): then a history may have gone either way.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product

from domain.petition.words import ADMITTED, ENDS, OPEN, UNANSWERED, UNDER_WAY, Phase
from domain.task import Status

START = ""  # where nothing has happened yet


@dataclass(frozen=True)
class Move:
    """``steps``: topics of events. ``to``: None means that they change nothing here."""

    steps: Collection[str]
    states: Collection[str]
    to: str | None = None


@dataclass(frozen=True)
class Machine:
    """``ends``: the states in which nothing more need come."""

    kind: str
    aspect: str
    ends: Collection[str]
    moves: Collection[Move]


P = Phase
# States besides the phases: what always follows at once has not happened yet.
OPINION, URGENT, CALLING, REVIEW, RETURNED = "opinion_given", "marked_urgent", "calling", "under_review", "returned"
NOT_ENDED = (Status.OFFERED, Status.OBJECTED, "disputed", Status.UNCLAIMED, Status.CLAIMED, Status.COMPLETED)


def _of(kind: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for name in names)


def _petition(names: str, states: Collection[str], to: str | None = None) -> Move:
    return Move(_of("petition", *names.split()), states, to)


def _task(names: str, states: Collection[str], to: str | None = None) -> Move:
    return Move(_of("task", *names.split()), states, to)


def _meeting(names: str, states: Collection[str], to: str | None = None) -> Move:
    return Move(_of("meeting", *names.split()), states, to)


MACHINES = (
    Machine(
        "petition",
        "phase",
        ENDS,
        (
            _petition("Opened", [START], P.COLLECTING),
            _petition("SplitFrom", [P.COLLECTING]),
            _petition("HostOpinionGiven", [P.COLLECTING], OPINION),
            _petition("MarkedUrgent", [P.COLLECTING], URGENT),
            _petition("Submitted", [P.COLLECTING, OPINION, URGENT], P.SUBMITTED),
            _petition("Lapsed", [P.COLLECTING], P.LAPSED),
            _petition("Withdrawn", OPEN, P.WITHDRAWN),
            _petition("MarkedUrgent", UNANSWERED),
            _petition("UrgencyLifted", OPEN),
            _petition("UrgencyLifted", [P.SUBMITTED], P.COLLECTING),
            _petition("SplitProposed Split", [P.SUBMITTED]),
            _petition("PublicTextIssued", [*OPEN - {P.COLLECTING}, *ENDS, REVIEW]),
            _petition("Rejected", [P.SUBMITTED], P.REJECTED),
            _petition("Refiled", [P.REJECTED], P.SUBMITTED),
            _petition("RefilingClosed", [P.REJECTED]),
            _petition("Referred", [P.SUBMITTED], P.REFERRED),
            _petition("ReferralReceived", [P.REFERRED]),
            _petition("Merged", [P.SUBMITTED], P.MERGED),
            _petition("Accepted", [P.SUBMITTED], CALLING),
            _petition("Called", [CALLING], P.ACCEPTED),
            _petition("CallAcknowledged", UNDER_WAY),
            _petition("CallAcknowledged", [P.ACCEPTED], P.MEETING),
            _petition("CallReassigned", [P.ACCEPTED, P.MEETING]),
            _petition("CallReassigned", [P.MEETING], P.ACCEPTED),
            _petition("DelegateNamed MeetingArranged", [P.ACCEPTED, P.MEETING]),
            _petition("MeetingWaived", [P.ACCEPTED, P.MEETING], P.IN_PROGRESS),
            _petition("MeetingHeld", [P.ACCEPTED, P.MEETING], P.ROADMAP),
            _petition("RoadmapPublished", [P.ROADMAP], P.IN_PROGRESS),
            _petition("RoadmapRevised", [P.IN_PROGRESS]),
            _petition("InterimResponseGiven Extended", UNDER_WAY),
            _petition("Answered", [P.IN_PROGRESS], P.ANSWERED),
            _petition("CommitmentMade", [P.ANSWERED]),
            _petition("FeedbackInvited", [P.ANSWERED], P.FEEDBACK),
            _petition("CallBackBegun", [P.FEEDBACK]),
            _petition("TrackingBegun", [P.FEEDBACK], P.TRACKING),
            _petition("CommitmentDelivered CommitmentMissed", [P.TRACKING], P.ANSWERED),
            _petition("Reopened", [P.FEEDBACK, RETURNED], P.ROADMAP),
            _petition("Closed", [P.FEEDBACK], P.CLOSED),
            _petition("ReviewRequested", [P.CLOSED], REVIEW),
            _petition("ReviewDecided", [REVIEW], P.CLOSED),
            _petition("ReviewDecided", [REVIEW], RETURNED),
            _petition("SupervisionOrdered", ADMITTED),
            _petition("SupervisionAnswered SupervisionLifted", [*ADMITTED, *ENDS, REVIEW]),
            _petition("RepresentativesElected RepresentativeResigned BallotCalled BallotConcluded LeadReplaced", OPEN),
            _petition("ClocksMoved Reminded Escalated", [*OPEN, P.REJECTED, P.CLOSED, REVIEW]),
        ),
    ),
    Machine(
        "petition",
        "suspension",
        ("going_on", "suspended"),
        (
            _petition("Opened", [START], "going_on"),
            _petition("Suspended", ["going_on"], "suspended"),
            _petition("Resumed", ["suspended"], "going_on"),
        ),
    ),
    Machine(
        "meeting",
        "status",
        ("scheduled", "cancelled", "minutes_open", "minutes_closed"),
        (
            _meeting("Scheduled", [START], "scheduled"),
            _meeting("Invited ObjectionFiled AgendaItemAdded Rescheduled BriefReleased", ["scheduled"]),
            _meeting("AttendanceCounted NoShowRecorded", ["scheduled", "minutes_open", "minutes_closed"]),
            _meeting("Cancelled", ["scheduled"], "cancelled"),
            _meeting("Held", ["scheduled"], "held"),
            _meeting("MinutesDrafted", ["held", "minutes_open"], "minutes_open"),
            _meeting("CorrectionOffered MinutesConfirmed ClocksMoved", ["minutes_open"]),
            _meeting("MinutesConfirmed MinutesLeftUnconfirmed", ["minutes_open"], "minutes_closed"),
        ),
    ),
    Machine(
        "task",
        "status",
        (Status.CONFIRMED, Status.DROPPED),
        (
            _task("Offered", [START], Status.OFFERED),
            _task("Claimed", [Status.OFFERED], Status.CLAIMED),
            _task("Transferred", [Status.OFFERED, Status.CLAIMED], Status.OFFERED),
            _task("Objected", [Status.OFFERED, Status.CLAIMED], Status.OBJECTED),
            _task("ObjectedAgain", [Status.OFFERED, Status.CLAIMED], "disputed"),
            _task("HandedBack", [Status.OFFERED], Status.UNCLAIMED),
            _task("Mandated", [Status.OFFERED, Status.OBJECTED, "disputed", Status.UNCLAIMED], Status.CLAIMED),
            _task("ProgressReported EvidenceAttached VoteRecorded", [Status.CLAIMED, "disputed"]),
            _task("Completed", [Status.CLAIMED], Status.COMPLETED),
            _task("Returned", [Status.COMPLETED], Status.CLAIMED),
            _task("Confirmed", [Status.COMPLETED], Status.CONFIRMED),
            _task("Dropped", NOT_ENDED, Status.DROPPED),
            _task("TermsSet Replanned", [*NOT_ENDED, Status.CONFIRMED]),
            _task("ClocksMoved", NOT_ENDED),
        ),
    ),
    Machine(
        "task",
        "suspension",
        ("going_on", "suspended"),
        (
            _task("Offered", [START], "going_on"),
            _task("Suspended", ["going_on"], "suspended"),
            _task("Resumed", ["suspended"], "going_on"),
        ),
    ),
    Machine(
        "extension",
        "status",
        ("asked", "decided"),
        (
            Move(["extension.Asked"], [START], "asked"),
            Move(["extension.Approved", "extension.Refused"], ["asked"], "decided"),
            Move(["extension.AskedAgain"], ["decided"], "asked"),
        ),
    ),
    Machine(
        "proposal",
        "status",
        ("open", "decided"),
        (
            Move(["proposal.Made"], [START], "open"),
            Move(["proposal.Voiced"], ["open"]),
            Move(["proposal.Decided"], ["open"], "decided"),
        ),
    ),
)


def state(machine: Machine, name: str) -> str:
    """As one of all machines' states: ``task.status:claimed``."""
    return f"{machine.kind}.{machine.aspect}:{name}" if name else START


def arrows() -> Iterator[tuple[str, str, str]]:
    """Each move one by one: the step, the state before, the state after."""
    for machine in MACHINES:
        for move in machine.moves:
            for step, before in product(move.steps, sorted(map(str, move.states))):
                yield step, state(machine, before), state(machine, before if move.to is None else move.to)


def transitions() -> Iterator[tuple[str, list[str], list[str]]]:
    """Each way in which a step may move all the machines that it moves: the step, the states before and after."""
    moved: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for step, before, after in arrows():
        moved.setdefault(step, {}).setdefault(after.partition(":")[0], []).append((before, after))
    for step, machines in moved.items():
        for ways in product(*machines.values()):
            yield step, [before for before, _ in ways if before], [after for _, after in ways]


def allowed(states: Collection[str]) -> list[str]:
    """The steps that may come in any of these states."""
    return list(dict.fromkeys(step for step, before, _ in arrows() if before in states))
