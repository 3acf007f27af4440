"""What the co-signers of a petition decide in secret, and who speaks for them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import NO_BODY, AtDesk, Desk, Known, Serving, caught_up, pseudonym
from api.openapi import COMMAND, CREATION, PRIVATE_READ, SECRET_COMMAND
from api.pages import petition_row
from api.schemas import BALLOT, BallotState, Candidacy, Merger, NewBallot, PetitionState, Vote, shown
from domain.ballot import SEATS, Ballot, Question, Result, concerned
from domain.command import Role
from domain.petition import Petition
from domain.refusals import Conflict, Forbidden, not_found

router = APIRouter(prefix="/v1", tags=["ballots"])

FEWEST_SHOWN = 5  # votes: the totals of fewer would tell who voted how


class Option(BaseModel):
    choice: str = Field(examples=["yes"])
    name: str | None = Field(description="The candidate's; for co-signers.")


class BallotPage(BallotState):
    model_config = shown(
        **BALLOT,
        options=[{"choice": "yes", "name": None}, {"choice": "no", "name": None}],
        voted=True,
        standing=False,
        counted=None,
        totals=None,
    )
    options: list[Option]
    voted: bool | None = Field(description="Whether you have; null for those who have no vote.")
    standing: bool | None = Field(description="Whether you are a candidate.")
    counted: int | None = Field(description="Valid votes, once it is decided and if there are five at least.")
    totals: dict[str, int] | None = Field(description="How often each option was chosen, under the same condition.")


async def call(desk: Desk, petition_id: UUID, question: Question, **also: tuple[type[Petition], UUID]) -> BallotState:
    cmd = await desk.command(petition_id)
    ballot_id = uuid5(cmd.id, "ballot")
    desk.response.headers["Location"] = f"/v1/ballots/{ballot_id}"
    return await desk.execute(
        Ballot.call,
        ballot_id,
        BallotState.of,
        cmd=cmd,
        matter_id=petition_id,
        also={"petition": (Petition, petition_id)} | also,
        question=question,
    )


@router.post("/petitions/{petition_id}/ballots", status_code=201, responses=CREATION)
async def call_ballot(petition_id: UUID, body: NewBallot, desk: AtDesk) -> BallotState:
    """Ask the co-signers, once the threshold is reached. A withdrawal is proposed by the lead petitioner or a
    representative, the rest by any co-signer; the clerk may call the election of representatives."""
    return await call(desk, petition_id, Question(body.question))


@router.post("/petitions/{petition_id}/merge", status_code=201, responses=CREATION, tags=["petitions"])
async def merge(petition_id: UUID, body: Merger, desk: AtDesk) -> BallotState:
    """Propose that a duplicate be merged into another petition that is admitted and open. Its co-signers decide, until
    the end of the clock `ballot`."""
    return await call(desk, petition_id, Question.MERGING, into=(Petition, body.into))


@router.post("/petitions/{petition_id}/carry-over", responses=COMMAND, dependencies=NO_BODY)
async def carry_over(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """Who signed a petition that has been merged becomes a co-signer of the one it was merged into, until that is
    closed. Nobody is carried over unasked, and nothing that is kept joins the two signatures. Answers with the other.
    """
    merged: Petition = await desk.get(Petition, petition_id)
    if merged.merged_into is None:
        raise Conflict("not-merged", "该申请没有并入其他申请。", "It has not been merged into another petition.")
    cmd = await desk.command(merged.merged_into)
    await desk.address(cmd, merged.merged_into)
    return await desk.execute(
        Petition.carry_over,
        merged.merged_into,
        PetitionState.of,
        cmd=cmd,
        also={"merged": (Petition, petition_id)},
        signed_as=await pseudonym(desk.services, desk.identity, petition_id),
    )


async def decide(desk: Desk, method: Callable[..., Any], ballot_id: UUID, **arguments: Any) -> BallotState:
    ballot: Ballot = await desk.get(Ballot, ballot_id)
    desk.if_match = None
    state = await desk.execute(method, ballot_id, BallotState.of, matter_id=ballot.matter_id, **arguments)
    del desk.response.headers["ETag"]
    return state


@router.post("/ballots/{ballot_id}/votes", responses=SECRET_COMMAND)
async def vote(ballot_id: UUID, body: Vote, desk: AtDesk) -> BallotState:
    """Vote, once, in secret. The answer comes at once with the result if this vote has made it certain."""
    also = concerned(await desk.get(Ballot, ballot_id))
    return await decide(desk, Ballot.vote, ballot_id, also=also, choices=body.choices)


@router.post("/ballots/{ballot_id}/candidacies", responses=SECRET_COMMAND)
async def stand(ballot_id: UUID, body: Candidacy, desk: AtDesk) -> BallotState:
    """Stand in an election, until the clock `candidacy` runs out."""
    also = its_petition(await desk.get(Ballot, ballot_id))
    return await decide(desk, Ballot.stand, ballot_id, also=also, texts={"name": body.name})


@router.delete("/ballots/{ballot_id}/candidacies/mine", responses=SECRET_COMMAND, dependencies=NO_BODY)
async def stand_down(ballot_id: UUID, desk: AtDesk) -> BallotState:
    """Take one's candidacy back, until it is decided."""
    return await decide(desk, Ballot.stand_down, ballot_id, also=its_petition(await desk.get(Ballot, ballot_id)))


def its_petition(ballot: Ballot) -> dict[str, Any]:
    return {"petition": (Petition, ballot.matter_id)}


@router.get("/ballots/{ballot_id}", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def read_ballot(ballot_id: UUID, services: Serving, identity: Known) -> BallotPage:
    """For those who signed and those who handle the petition. Who voted, when and how is told to nobody."""
    ballot = await services.repository.get(Ballot, ballot_id)
    row = await petition_row(services, identity, ballot.matter_id)
    if not row["handler"]:
        raise not_found("ballot")
    petition = await services.repository.get(Petition, ballot.matter_id)
    me = await pseudonym(services, identity, ballot.matter_id)
    co_signer = identity.role == Role.RESIDENT and petition.signers.get(me, False)
    # Who stands, and when somebody does, is for the co-signers alone.
    options = ballot.options if co_signer or ballot.result or ballot.question not in SEATS else {}
    names: list[str | None] = [None] * len(options)
    if co_signer and ballot.question in SEATS:
        names = [*await services.keyring.open([name for name in options.values() if name])]
    state = BallotState.of(ballot)
    if ballot.result is None and not petition.asks(ballot_id):
        state.result = Result.VOID  # what ended the petition has taken the question along
    shown = ballot.result is not None and ballot.counted >= FEWEST_SHOWN
    return BallotPage(
        **dict(state),
        options=[Option(choice=choice, name=name) for choice, name in zip(options, names, strict=True)],
        voted=me in ballot.votes if co_signer else None,
        standing=bool(ballot.candidates.get(me)) if co_signer else None,
        counted=ballot.counted if shown else None,
        totals=ballot.totals if shown else None,
    )


class Representative(BaseModel):
    name: str = Field(examples=["三幢陈阿姨"], description="By which they agreed to be known.")
    me: bool


@router.delete("/petitions/{petition_id}/representatives/mine", responses=COMMAND, dependencies=NO_BODY)
async def resign(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """Speak for the others no longer. The signature stands."""
    return await desk.execute(Petition.resign, petition_id, PetitionState.of)


@router.get("/petitions/{petition_id}/representatives", responses=PRIVATE_READ, dependencies=[caught_up("board")])
async def read_representatives(petition_id: UUID, services: Serving, identity: Known) -> list[Representative]:
    """Who speaks for the co-signers, most votes first: for these, the host, the called posts and the clerk."""
    row = await petition_row(services, identity, petition_id)
    petition = await services.repository.get(Petition, petition_id)
    me = await pseudonym(services, identity, petition_id)
    staff = identity.role in (Role.HOST_STAFF, Role.OFFICIAL, Role.CLERK) and row["handler"]
    if not staff and not petition.signers.get(me):
        raise Forbidden(
            "forbidden",
            "群众代表只向联名人、社区、应约职务和受理人员公开。",
            "The representatives are known to the co-signers, the host, the called posts and the clerk alone.",
        )
    names = await services.keyring.open(list(petition.elected.values()))
    return [Representative(name=name, me=by == me) for by, name in zip(petition.elected, names, strict=True)]
