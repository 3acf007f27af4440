"""The words of a petition: phases and codes, its rows and permissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.command import Command, Permission, Role
from domain.directory import Post
from domain.refusals import Forbidden, Invalid
from domain.text import Text


class Phase(StrEnum):
    COLLECTING = "collecting"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    MEETING = "meeting"
    ROADMAP = "roadmap"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    FEEDBACK = "feedback"
    TRACKING = "tracking"
    CLOSED = "closed"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    REFERRED = "referred"
    MERGED = "merged"


ENDS = frozenset({Phase.CLOSED, Phase.LAPSED, Phase.WITHDRAWN, Phase.REJECTED, Phase.REFERRED, Phase.MERGED})

OPEN = frozenset(Phase) - ENDS

ADMITTED = frozenset(
    {Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP, Phase.IN_PROGRESS, Phase.ANSWERED, Phase.FEEDBACK, Phase.TRACKING}
)

UNDER_WAY = frozenset({Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP, Phase.IN_PROGRESS})

WEEK, MANY = timedelta(days=7), 5  # one in so many co-signers withdrawing within a week: somebody may be pressing them

SIGNATURES_CHANGE = (Phase.COLLECTING, Phase.SUBMITTED, *UNDER_WAY)  # not while those who signed are asked to judge

UNANSWERED = frozenset({Phase.SUBMITTED, Phase.ACCEPTED, Phase.MEETING, Phase.ROADMAP})  # an urgent one's clock runs on


class Category(StrEnum):
    ADVICE = "advice"
    CONDUCT = "conduct"
    GRIEVANCE = "grievance"


class RejectionReason(StrEnum):
    NOT_IN_SCOPE = "not_in_scope"
    STATUTORY_ROUTE = "statutory_route"
    DISCIPLINE = "discipline"
    OTHER_LEVEL = "other_level"
    NO_CONCRETE_TOPIC = "no_concrete_topic"
    DUPLICATE = "duplicate"
    OTHER = "other"


class StatutoryRoute(StrEnum):
    COURT = "court"
    ARBITRATION = "arbitration"
    ADMINISTRATIVE_REVIEW = "administrative_review"


class Answer(StrEnum):
    """What a final response promises."""

    DONE = "done"
    PLANNED = "planned"
    EXPLAINED = "explained"


class Resolved(StrEnum):
    YES = "yes"
    PARTLY = "partly"
    NO = "no"


class Outcome(StrEnum):
    """How the residents judged a closed petition. Silence is "not judged", never "satisfied"."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    NOT_JUDGED = "not_judged"


class Supervision(StrEnum):
    """Where an order stands. One that comes while another stands is obeyed, and lifted, together with it."""

    ORDERED = "ordered"
    ANSWERED = "answered"


class ReviewResult(StrEnum):
    """Changed: the reviewing unit's opinion takes the answer's place. Returned: the post works on it in a new round."""

    UPHELD = "upheld"
    CHANGED = "changed"
    RETURNED = "returned"


FEW = 3  # judgements: with fewer, those who agreed to it are called

REVIEWS = 2  # 复查, then 复核; what it says is final


@dataclass(frozen=True)
class SplitProposal:
    """How a clerk would divide a petition with two topics: what stays, and what becomes another petition."""

    topic: Text
    details: Text
    other_topic: Text
    other_details: Text
    other_category: str


Judgements = dict[str, tuple[str, bool]]  # pseudonym -> resolved, satisfied

RESIDENT = Permission(Role.RESIDENT)

LEAD_PETITIONER = Permission(Role.RESIDENT, who=lambda petition: [petition.lead])

HOST_STAFF = Permission(Role.HOST_STAFF, of=lambda petition, _: [petition.host_id])

CLERK = Permission(Role.CLERK)

RECEIVING_UNIT = Permission(Role.UNIT_OFFICER, of=lambda petition, _: {petition.referred_to} - {None})

CALLED_POST = Permission(Role.OFFICIAL, of=lambda petition, _: petition.called_post_ids)

AT_THE_TABLE = Permission(
    Role.OFFICIAL, of=lambda petition, _: [*petition.called_post_ids, *petition.delegates.values()]
)

LEAD_OFFICIAL = Permission(Role.OFFICIAL, of=lambda petition, _: petition.called_post_ids[:1])

SUPERVISOR = Permission(Role.SUPERVISOR)

APPROVER = Permission(Role.OFFICIAL, of=lambda _, arguments: arguments.get("approvers", ()))

REPRESENTATIVE = Permission(Role.RESIDENT, who=lambda petition: petition.representatives)

WORKFLOW = Permission(Role.WORKFLOW)


def require_holder(cmd: Command, post: Post | None) -> None:
    """Or whoever stands in while the post is vacant. A post that never had a registered term is answered for by any of
    its officials."""
    signs = post and (post.holder or post.acting)
    if post and (signs or post.since) and cmd.by != signs:
        raise Forbidden(
            "not-the-holder",
            "答复须由职务的在任领导本人签发;您可以起草,交其签发。",
            "A response is signed off by the post's holder in person: draft it, and have it signed.",
        )


def resolved_in(judgements: Judgements) -> int:
    return sum(verdict != Resolved.NO for verdict, _ in judgements.values())


def warning(what: str, rule: str, due_at: datetime, task_id: UUID | None) -> str:
    return f"{what} {rule} {due_at.isoformat()} {task_id}"


def require_apart(kept_from: Sequence[UUID], ids: Sequence[UUID], field: str) -> None:
    """Nobody handles a complaint about themselves, or about whoever is above them."""
    if not set(kept_from).isdisjoint(ids):
        raise Invalid(
            "complained-about",
            "被反映的对象及其下属不能经办此件,请改由其上一级或其他单位办理。",
            "Those it is about, and whoever is below them, cannot handle it: take their superior, or somebody else.",
            field,
        )
