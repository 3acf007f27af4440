"""What readers are shown of a petition, by whom it concerns: texts are opened here, and nowhere else.

Who sees a petition at all is the board's to say (``projections/board.py``). Those who handle it, and the residents who
signed it, read it as it was written; everybody else reads what a clerk issued, the roadmap and the responses.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.deps import Services, conflicted, pseudonym, viewer
from api.problems import Problem
from api.schemas import DIGEST, MEETING_ID, PETITION_ID, POST_ID, TASK_ID, UNIT_ID, ClockState
from domain.command import Role
from domain.petition import Petition
from domain.petition.words import Category, Phase
from domain.refusals import NotFound, conflict_of_interest, not_found
from domain.task import Stage
from domain.text import Text
from infra.identity import Identity
from infra.sealing import Keyring
from projections import board
from projections.board import Viewer

Row = dict[str, Any]

WATCHERS = (Role.CLERK, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN)  # over all petitions, the board says so too
AS_WRITTEN = "As written; null for those whom it does not concern."


class PetitionSummary(BaseModel):
    id: UUID = Field(examples=[PETITION_ID])
    phase: str = Field(examples=["in_progress"])
    round: int
    category: str = Field(examples=["grievance"])
    host_id: UUID
    called_post_ids: list[UUID] = Field(examples=[[POST_ID]])
    signatures: int = Field(
        examples=[10], description="For who has signed: all. Else at least so many, as of the last fixed time."
    )
    threshold: int = Field(examples=[10])
    public_topic: str | None = Field(examples=["小区低洼地排涝改造"], description="As a clerk issued it.")
    public_details: str | None = Field(examples=["居民反映小区低洼处雨后积水,请求改造排水。"])
    topic: str | None = Field(None, description=AS_WRITTEN)
    details: str | None = Field(None, description=AS_WRITTEN)
    clocks: list[ClockState] = Field(description="What is running now, soonest due first.")
    public: bool = Field(description="Everybody may read it, and follow it.")
    progress: int | None = Field(
        examples=[45],
        description="Of the present round, in percent: each task counts alike, as reported, at most 90 until it is"
        " confirmed, then 100; the mean, rounded down. null without a roadmap.",
    )
    suspended: bool
    urgent: bool
    outcome: str | None = Field(examples=["resolved"])
    commitment_due_on: date | None = Field(description="Promised by the response of this round.")
    merged_into: UUID | None
    opened_at: datetime
    changed_at: datetime
    version: int | None = Field(
        None, description="For If-Match; null for those whom it does not concern, and while residents judge."
    )


class Rejected(BaseModel):
    """The last time. A petition that was filed again since still shows it."""

    reason_code: str
    route: str | None = Field(description="With `statutory_route`: court, arbitration or administrative_review.")
    duplicate_of: UUID | None = Field(description="With `duplicate`: the other one, for those who may read it.")
    explanation: str
    at: datetime


class SplitProposed(BaseModel):
    topic: str
    details: str
    other_topic: str
    other_details: str
    other_category: str


class EvidenceRow(BaseModel):
    digest: str = Field(examples=[DIGEST])
    media_type: str = Field(examples=["image/jpeg"], description="As found in the content.")
    size: int = Field(description="In bytes.")
    stage: Stage
    name: str
    at: datetime
    used_before: bool | None = Field(
        description="The same file was evidence of another task before; null for those who do not handle the petition."
    )


class RoadmapHeading(BaseModel):
    round: int
    version: int = Field(description="Within its round, from 1.")
    reason: str | None = Field(examples=["汛期提前,增加清淤。"], description="Why it was revised; null: the first.")
    at: datetime


class VoteRow(BaseModel):
    passed: bool
    in_favour: int
    against: int
    entitled: int
    voted_on: date
    digest: str


class TaskRow(BaseModel):
    id: UUID = Field(examples=[TASK_ID])
    round: int
    title: str = Field(examples=["铺设排水管"])
    lead_unit_id: UUID = Field(examples=[UNIT_ID])
    supporting_unit_ids: list[UUID]
    transfer_to: UUID | None = Field(description="The unit that has been asked to take the lead over.")
    superior_id: UUID | None = Field(description="The post or unit that a second objection waits for.")
    due_on: date
    after_response: bool = Field(description="Due only after the final response is.")
    status: str = Field(examples=["claimed"])
    percent: int
    cost_fen: int | None = Field(description="In hundredths of a yuan.")
    money_source: str | None
    vote_needed: bool = Field(description="The owners must agree before it can be completed.")
    vote: VoteRow | None = Field(description="Of the owners, the last.")
    returned: int = Field(description="How often it was returned to be done again.")
    clock: ClockState | None
    version: int
    evidence: list[EvidenceRow] = Field([], description="On its own and its petition's page, for whom it concerns.")


class MeetingRow(BaseModel):
    id: UUID = Field(examples=[MEETING_ID])
    starts_at: datetime
    status: str = Field(examples=["held"])
    rescheduled: int = Field(description="How often it was moved.")
    no_shows: list[UUID] = Field(description="Called posts that nobody came for, at any date.")
    venue: str | None = Field(None, description=AS_WRITTEN)
    minutes: str | None = Field(None, description=AS_WRITTEN)
    minutes_status: str | None = Field(examples=["confirmed"], description="draft, confirmed or unconfirmed.")
    clock: ClockState | None = Field(description="Until when the minutes can be corrected and confirmed.")
    version: int


class BallotRow(BaseModel):
    """What the co-signers are or were asked; more at its own address."""

    id: UUID
    question: str = Field(examples=["withdrawal"])
    into_id: UUID | None
    clock: ClockState
    result: str | None = Field(
        examples=["passed"], description="null: it was open when the petition ended, or still is."
    )


class ProposalRow(BaseModel):
    """What the representatives are asked to agree to."""

    id: UUID
    kind: str = Field(examples=["waiver"])
    post_id: UUID | None
    to_post_id: UUID | None
    reason: str | None
    status: str = Field(examples=["open"])
    agree: int
    disagree: int


class ResponseRow(BaseModel):
    round: int
    interim: bool
    outcome: str | None = Field(
        examples=["done"], description="`delivered`: the report that what was planned has been done."
    )
    text: str
    at: datetime


class FeedbackRow(BaseModel):
    """A round's judgement, as totals from five on: only its invitations while it runs, so that nobody sees who judges
    when, or how."""

    round: int
    delivery: bool = Field(description="Judged again, once what was planned had been delivered or was due.")
    invited: int
    concluded: bool
    fewer_than_five: bool = Field(False, description="So few have judged that no totals are told.")
    judged: int | None
    contacted: int | None
    resolved_yes: int | None
    resolved_partly: int | None
    resolved_no: int | None
    satisfied: int | None


class ReviewRow(BaseModel):
    level: int = Field(description="1: review; 2: second review, which is final.")
    grounds: str | None = Field(description=AS_WRITTEN)
    requested_at: datetime
    result: str | None = Field(examples=["upheld"], description="null while it is under way.")
    opinion: str | None
    decided_at: datetime | None


class PetitionPage(PetitionSummary):
    acknowledged: list[UUID]
    delegates: dict[UUID, UUID] = Field(description="Called post: the post that comes to the meeting in its place.")
    meeting_waived: bool = Field(description="The representatives did without it: the matter was resolved before.")
    extended_days: int
    rejection: Rejected | None
    roadmaps: list[RoadmapHeading] = Field(description="Every version there has been: …/roadmap shows each.")
    refilings: int = Field(description="How often it was amended and filed again.")
    split_proposal: SplitProposed | None = Field(description="What a clerk asks the lead petitioner to agree to.")
    split_into: list[UUID] = Field(description="For whom it concerns, as the two around it.")
    split_from: UUID | None
    tasks: list[TaskRow]
    meetings: list[MeetingRow]
    proposals: list[ProposalRow] = Field(description="For those whom the petition concerns.")
    ballots: list[BallotRow] = Field([], description="For whom they concern.")
    responses: list[ResponseRow]
    reviews: list[ReviewRow]
    feedback: list[FeedbackRow]


class TaskPage(TaskRow):
    petition_id: UUID


async def petition_row(services: Services, identity: Identity | None, petition_id: UUID) -> Row:
    """The board's row, if this reader may see it; else there is no such petition."""
    petition = await _as_resident(services, identity, petition_id)
    signed = bool(petition and identity and petition.signers.get(await pseudonym(services, identity, petition_id)))
    # While signatures are collected whoever has been given the address reads it too, for nobody can sign unread. Not so
    # about an official's conduct: there the lead petitioner shows it to whom they trust. An urgent one is signed also
    # after its acceptance: then its address is public, and so is what a clerk has issued of it.
    asked = petition is not None and (
        petition.phase in petition.signing_phases
        and petition.phase in (Phase.COLLECTING, Phase.SUBMITTED)
        and petition.category != Category.CONDUCT
    )
    who = viewer(services, identity)
    if kept_out := await _kept_out(services, identity, petition_id):
        who = Viewer(at=who.at)
    row = await board.petition(services.pool, petition_id, who, signed=signed or asked)
    if row is None:
        raise conflict_of_interest() if kept_out else not_found("petition")
    if petition and signed:
        row["signatures"] = petition.signatures
    other = row["rejection"] and row["rejection"]["duplicate_of"]
    if other and not (await board.petitions(services.pool, viewer(services, identity), ids=[UUID(other)]))[0]:
        row["rejection"]["duplicate_of"] = None
    return row


async def _kept_out(services: Services, identity: Identity | None, petition_id: UUID) -> bool:
    """A member of staff with an interest in it reads no more than the public. (If it is about them, it is hidden.)"""
    if identity is None or identity.role == Role.RESIDENT:
        return False
    try:
        petition = await services.repository.get(Petition, petition_id)
    except NotFound:
        return False
    return identity.org not in petition.kept_from and await conflicted(services, identity, petition)


async def _as_resident(services: Services, identity: Identity | None, petition_id: UUID) -> Petition | None:
    if identity is None or identity.role != Role.RESIDENT:
        return None
    try:
        return await services.repository.get(Petition, petition_id)
    except NotFound:
        return None


async def readable(keyring: Keyring, rows: Sequence[Row]) -> list[Row]:
    """Rows with every text that this reader may have opened, and the others left out."""
    shown = [_for_reader(row) for row in rows]
    texts = [text for row in shown for text in _texts(row)]
    opened = dict(zip(map(id, texts), await keyring.open(texts) if texts else (), strict=True))
    return [_replaced(row, opened) for row in shown]


def _for_reader(row: Row) -> Row:
    """A version counts signatures and judgements: where it would tell when one comes, it is left out."""
    if row.get("phase") == Phase.FEEDBACK:
        row = row | {"version": None}
    if not row.get("handler", True):
        row = row | dict.fromkeys(("topic", "details", "version", "rejection", "split_proposal", "split_from"))
        row["ballots"] = row["split_into"] = []
        row["meetings"] = [meeting | dict.fromkeys(("venue", "minutes")) for meeting in row.get("meetings", ())]
        row["reviews"] = [review | {"grounds": None} for review in row.get("reviews", ())]
        row["proposals"] = []
        row["tasks"] = [task | {"evidence": []} for task in row.get("tasks", ())]
    return row


def _texts(value: Any) -> list[Text]:
    if isinstance(value, Text):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def _replaced(value: Any, opened: dict[int, str]) -> Any:
    if isinstance(value, Text):
        return opened[id(value)]
    if isinstance(value, dict):
        return {name: _replaced(item, opened) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, opened) for item in value]
    return value


async def part_of_page(services: Services, identity: Identity | None, petition_id: UUID, kind: str, id: UUID) -> Row:
    """A task or a meeting as its petition's page shows it."""
    (page,) = await readable(services.keyring, [await petition_row(services, identity, petition_id)])
    for row in page[kind]:
        if row["id"] == id:
            return {**row, "petition_id": petition_id}
    raise not_found(kind.removesuffix("s"))


def require_role(identity: Identity, *roles: Role) -> None:
    """For reading alone: what a role may do is the aggregates' to say."""
    if identity.role not in roles:
        raise Problem(
            403,
            "forbidden",
            "您的身份不能查看此内容。",
            f"Your role may not read this; it takes {', '.join(roles)}.",
        )
