"""What a resident is in a petition and may do in it now, and which petitions are theirs. Told to nobody else."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Known, Page, Paged, Services, Serving, caught_up, position, pseudonym, require_on_roll, viewer
from api.meetings import is_invited
from api.openapi import PRIVATE_READ, problems
from api.pages import PetitionSummary, petition_row, readable, require_role
from api.schemas import PETITION_ID
from domain.ballot import SEATS, YES, Ballot, Question
from domain.command import Command, Role, would
from domain.intake import Intake
from domain.meeting import Meeting
from domain.meeting import Status as MeetingStatus
from domain.petition import Petition
from domain.petition.words import Resolved
from domain.policy import Policy
from domain.proposal import Proposal
from domain.refusals import Forbidden
from domain.text import NOTHING
from infra.identity import Identity
from projections import board, notices

router = APIRouter(prefix="/v1", tags=["petitions"])

Arguments = dict[str, Any]


class Step(StrEnum):
    """Named after what it asks for."""

    CO_SIGNATURE = "co-signature"
    WITHDRAWAL_OF_SIGNATURE = "signature-withdrawal"
    WITHDRAWAL = "withdrawal"
    REFILING = "refiling"
    SPLIT = "split-agreement"
    CARRY_OVER = "carry-over"
    FEEDBACK = "feedback"
    REVIEW = "review"
    CALL_CONSENT = "call-consent"
    CALL_REFUSAL = "call-refusal"
    RESIGNATION = "resignation"
    WAIVER = "waiver"
    VOICE = "voice"
    WITHDRAWAL_BALLOT = "withdrawal-ballot"
    REPLACEMENT_BALLOT = "replacement-ballot"
    REPRESENTATIVES_BALLOT = "representatives-ballot"
    CANDIDACY = "candidacy"
    STANDING_DOWN = "standing-down"
    VOTE = "vote"
    TICKET = "ticket"
    OBJECTION = "objection"
    AGENDA = "agenda"
    CORRECTION = "correction"
    CONFIRMATION = "confirmation"
    APPEAL = "appeal"


class Offer(BaseModel):
    step: Step = Field(examples=["feedback"])
    id: UUID = Field(
        examples=[PETITION_ID],
        description="What it is about: the petition, its meeting, proposal or ballot, or a slip.",
    )


class Mine(BaseModel):
    signature: str | None = Field(examples=["valid"], description="valid, withdrawn or invalidated; null: none.")
    lead: bool = Field(description="The lead petitioner.")
    representative: bool
    judged: bool = Field(description="This round's result has been judged.")
    may_be_called: bool = Field(description="Agreed to be called by the clerk, should too few judge.")
    on_roll: bool = Field(description="One may sign by one's entry in the register.")
    may: list[Offer] = Field(description="What can be done now.")


class MyPetition(BaseModel):
    petition: PetitionSummary
    mine: Mine


@dataclass
class Standing:
    """One resident before one petition: private copies of all that there is to be done with."""

    cmd: Command
    petition: Petition
    meeting: Meeting | None
    ballots: list[Ballot]
    proposals: list[Proposal]
    contested: list[Intake]
    merged_into: Petition | None
    by_there: str  # in what it was merged into
    on_roll: bool

    @property
    def page(self) -> Mine:
        petition, by = self.petition, self.cmd.by
        invalidated = by in petition.invalidated
        signature = "valid" if petition.signers.get(by) else "invalidated" if invalidated else "withdrawn"
        return Mine(
            signature=signature if by in petition.signers else None,
            lead=by == petition.lead,
            representative=by in petition.elected,
            judged=by in petition.judgements,
            may_be_called=petition.callable.get(by, False),
            on_roll=self.on_roll,
            may=[Offer(step=step, id=id) for step, id, attempt in self._steps() if would(attempt)]
            + [Offer(step=Step.TICKET, id=meeting.id) for meeting in self._meetings_to_come()],
        )

    def _meetings_to_come(self) -> Iterator[Meeting]:
        meeting = self.meeting
        if meeting and meeting.status == MeetingStatus.SCHEDULED and is_invited(meeting, self.petition, self.cmd.by):
            yield meeting

    def _steps(self) -> Iterator[tuple[Step, UUID, Callable[[], Any]]]:
        """Everything that a resident can do, with a try at it; what is wanted most comes first."""
        petition, cmd = self.petition, self.cmd
        if self.on_roll:
            yield Step.CO_SIGNATURE, petition.id, partial(petition.co_sign, cmd)
        judgement: Arguments = {"contacted": True, "resolved": Resolved.YES, "satisfied": True, "comment": None}
        yield Step.FEEDBACK, petition.id, partial(petition.give_feedback, cmd, **judgement)
        for ballot in self.ballots:
            choices = [] if ballot.question in SEATS else [YES]
            yield Step.VOTE, ballot.id, partial(ballot.vote, cmd, petition=petition, choices=choices)
            yield Step.CANDIDACY, ballot.id, partial(ballot.stand, cmd, petition=petition, name=NOTHING)
            yield Step.STANDING_DOWN, ballot.id, partial(ballot.stand_down, cmd, petition=petition)
        for proposal in self.proposals:
            yield Step.VOICE, proposal.id, partial(proposal.voice, cmd, petition=petition, meetings=[], agrees=False)
        for intake in self.contested:
            yield Step.APPEAL, intake.id, partial(intake.appeal, cmd, grounds=NOTHING)
        yield Step.REFILING, petition.id, partial(petition.refile, cmd, topic=NOTHING, details=NOTHING)
        seen = [by for by, valid in petition.signers.items() if valid] if petition.split_proposal else []
        yield Step.SPLIT, petition.id, partial(petition.agree_to_split, cmd, into_id=cmd.id, seen=seen)
        if self.merged_into:
            there = replace(cmd, by=self.by_there)
            attempt = partial(self.merged_into.carry_over, there, merged=petition, signed_as=cmd.by)
            yield Step.CARRY_OVER, petition.id, attempt
        if meeting := self.meeting:
            text: Arguments = {"petition": petition, "text": NOTHING}
            yield Step.CONFIRMATION, meeting.id, partial(meeting.confirm_minutes, cmd, petition=petition)
            yield Step.CORRECTION, meeting.id, partial(meeting.offer_correction, cmd, **text)
            yield Step.AGENDA, meeting.id, partial(meeting.add_to_agenda, cmd, **text)
            yield Step.OBJECTION, meeting.id, partial(meeting.file_objection, cmd, objection_id=cmd.id, **text)
        yield Step.REVIEW, petition.id, partial(petition.request_review, cmd, grounds=NOTHING)
        new: Arguments = {"id": cmd.id, "petition": petition}
        yield Step.WAIVER, petition.id, partial(Proposal.waive, cmd, reason=NOTHING, **new)
        for step, question in BALLOTS.items():
            yield step, petition.id, partial(Ballot.call, cmd, question=question, **new)
        yield Step.CALL_CONSENT, petition.id, partial(petition.agree_to_call, cmd)
        yield Step.CALL_REFUSAL, petition.id, partial(petition.decline_call, cmd)
        yield Step.RESIGNATION, petition.id, partial(petition.resign, cmd)
        yield Step.WITHDRAWAL_OF_SIGNATURE, petition.id, partial(petition.withdraw_signature, cmd)
        yield Step.WITHDRAWAL, petition.id, partial(petition.withdraw, cmd)


BALLOTS = {
    Step.REPRESENTATIVES_BALLOT: Question.REPRESENTATIVES,
    Step.REPLACEMENT_BALLOT: Question.REPLACEMENT,
    Step.WITHDRAWAL_BALLOT: Question.WITHDRAWAL,
}


async def standing(services: Services, identity: Identity, petition_id: UUID, at: datetime, policy: Policy) -> Standing:
    """``policy``: the one in force. A matter's own may give a little more or less time for a review, and for asking
    again: the command itself goes by that."""
    get = services.repository.get
    petition = await get(Petition, petition_id)
    by = await pseudonym(services, identity, petition_id)
    cmd = Command(id=uuid4(), by=by, role=identity.role, at=at, policy=policy)
    intakes = [await get(Intake, id) for id in petition.contests]
    into = petition.merged_into
    try:
        await require_on_roll(services, identity.subject, petition.host_id)
        on_roll = True
    except Forbidden:
        on_roll = False
    asked = await board.open_proposals(services.pool, petition_id) if by in petition.elected else []
    found = Standing(
        cmd=cmd,
        petition=petition,
        meeting=await get(Meeting, petition.meeting_id) if petition.meeting_id else None,
        ballots=[await get(Ballot, id) for id, _ in petition.ballots.values()],
        proposals=[await get(Proposal, id) for id in asked],
        contested=[intake for intake in intakes if intake.signer == by],
        merged_into=await get(Petition, into) if into else None,
        by_there=await pseudonym(services, identity, into) if into else "",
        on_roll=on_roll,
    )
    for copy in (petition, found.meeting, found.merged_into, *found.ballots, *found.proposals, *intakes):
        if copy:
            copy.rehearsing = True
    return found


@router.get("/petitions/{petition_id}/mine", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def read_my_part(petition_id: UUID, services: Serving, identity: Known) -> Mine:
    """What one is in a petition, and what one may do in it now: for residents, each about themselves."""
    require_role(identity, Role.RESIDENT)
    await petition_row(services, identity, petition_id)
    at = services.now()
    policy = (await services.rules()).in_force(at)
    return (await standing(services, identity, petition_id, at, policy)).page


@router.get(
    "/me/petitions", responses=problems(401, 403, 422, 500, 503), dependencies=[caught_up("board")], tags=["register"]
)
async def read_my_petitions(services: Serving, identity: Known, paging: Paged) -> Page[MyPetition]:
    """Those that one has opened or signed, newest first, with what can be done in each. Nobody keeps a list of who
    signed what: one's pseudonym in each petition is looked for."""
    require_role(identity, Role.RESIDENT)
    signed = list(await own_pseudonyms(services, identity))
    rows, following = await board.petitions(
        services.pool, viewer(services, identity), signed=signed, cursor=paging.read(position), limit=paging.limit
    )
    at = services.now()
    policy = (await services.rules()).in_force(at)
    found = await asyncio.gather(*(standing(services, identity, row["id"], at, policy) for row in rows))
    for row, mine in zip(rows, found, strict=True):
        row["signatures"] = mine.petition.signatures
    return paging.page(
        [
            MyPetition(petition=PetitionSummary.model_validate(row), mine=mine.page)
            for row, mine in zip(await readable(services.keyring, rows), found, strict=True)
            if mine.petition.signers.get(mine.cmd.by)
        ],
        following,
    )


async def own_pseudonyms(services: Services, identity: Identity) -> dict[UUID, str]:
    """A resident's, by petition, where an address was written down before they signed. Of all petitions one's pseudonym
    is made and looked for."""
    petitions = await board.ids(services.pool)
    async with services.pool.acquire() as conn:
        pseudonyms = await services.people.pseudonyms(conn, identity.subject, petitions)
    return await notices.addressed(services.pool, pseudonyms)
