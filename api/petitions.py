"""Petitions: the list, the page, and every command of the petition's life in the order of the story."""

from contextlib import suppress
from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Query, Response

from api.deps import NO_BODY, OPENING, Anyone, AtDesk, Desk, Page, Paged, Serving, caught_up, position, viewer
from api.openapi import COMMAND, CREATION, READ, REGISTER
from api.pages import PetitionPage, PetitionSummary, petition_row, readable
from api.reports import about
from api.roadmap import tasks_in_hand
from api.schemas import (
    Feedback,
    HostOpinion,
    NewPetition,
    PetitionState,
    PublicText,
    Readable,
    Reason,
    Refiling,
    Rejection,
)
from domain.command import seen_version
from domain.directory import Host, Post, Unit
from domain.petition import Petition
from domain.petition.words import Category, Phase, RejectionReason
from domain.refusals import Invalid, NotFound
from domain.report import Report
from domain.text import NOTHING
from projections import board, directory

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])

CAUGHT_UP = [caught_up("board")]


@router.get("", responses=READ, dependencies=CAUGHT_UP)
async def list_petitions(
    services: Serving,
    identity: Anyone,
    paging: Paged,
    phase: Annotated[list[Phase] | None, Query(description="Several: any of them.")] = None,
    category: Category | None = None,
    host_id: UUID | None = None,
    post_id: Annotated[UUID | None, Query(description="That is called.")] = None,
    urgent: bool | None = None,
    id: Annotated[list[UUID] | None, Query(max_length=200, description="These and no others.")] = None,
    q: Annotated[Readable | None, Query(max_length=100, description="Words, all looked for in public texts.")] = None,
) -> Page[PetitionSummary]:
    """Newest first. The public sees what is admitted and not about conduct; others also what they handle."""
    rows, following = await board.petitions(
        services.pool,
        viewer(services, identity),
        phases=phase,
        category=category,
        host_id=host_id,
        post_id=post_id,
        urgent=urgent,
        q=q,
        ids=id,
        cursor=paging.read(position),
        limit=paging.limit,
    )
    rows = await readable(services.keyring, rows)
    return paging.page([PetitionSummary.model_validate(row) for row in rows], following)


@router.get("/{petition_id}", responses=READ, dependencies=CAUGHT_UP)
async def read_petition(petition_id: UUID, services: Serving, identity: Anyone, response: Response) -> PetitionPage:
    """The page. `ETag` is there where `version` is."""
    (row,) = await readable(services.keyring, [await petition_row(services, identity, petition_id)])
    if row["version"] is not None:
        response.headers["ETag"] = f'"{row["version"]}"'
    return PetitionPage.model_validate(row)


# Collecting


@router.post("", status_code=201, responses=CREATION)
async def open_petition(body: NewPetition, desk: AtDesk) -> PetitionState:
    """Set the topic and sign first. One to three posts are called; the first takes the lead."""
    await _require_possible(body, desk)
    petition_id, cmd = await desk.opening()
    await desk.address(cmd, petition_id)
    return await desk.execute(
        Petition.open,
        petition_id,
        PetitionState.for_signer,
        cmd=cmd,
        texts={"topic": body.topic, "details": body.details},
        also={"host": (Host, body.host_id), "posts": [(Post, id) for id in body.called_post_ids]},
        category=body.category,
        kept_from=await directory.with_those_below(desk.services.pool, body.about_ids),
    )


@router.post("/check", status_code=204, response_class=Response, responses=REGISTER)
async def check_petition(body: NewPetition, desk: AtDesk) -> None:
    """Whether this could be opened, before anything is: the same refusals as there."""
    await _require_possible(body, desk)
    Petition.open(
        await desk.command(OPENING),
        id=OPENING,
        topic=NOTHING,
        details=NOTHING,
        category=body.category,
        host=await desk.get(Host, body.host_id),
        posts=[await desk.get(Post, id) for id in body.called_post_ids],
        kept_from=await directory.with_those_below(desk.services.pool, body.about_ids),
    )


async def _require_possible(body: NewPetition, desk: Desk) -> None:
    await desk.require(Host, [body.host_id], "host_id")
    await desk.require(Post, body.called_post_ids, "called_post_ids")
    for id in body.about_ids:
        await _require_known(desk, id)
    await desk.require_on_roll(body.host_id)


async def _require_known(desk: Desk, id: UUID) -> None:
    for kind in (Post, Unit, Host):
        with suppress(NotFound):
            await desk.get(kind, id)
            return
    raise Invalid("unknown-reference", "名录中没有所反映的对象。", "It is not in the directory.", "about_ids")


@router.post("/{petition_id}/co-signatures", responses=COMMAND, dependencies=NO_BODY)
async def co_sign(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """Sign, once per person."""
    cmd = await desk.command(petition_id)
    # As it was opened: of all its signatures none need be loaded.
    await desk.require_on_roll((await desk.services.repository.get(Petition, petition_id, version=1)).host_id)
    await desk.address(cmd, petition_id)
    return await desk.execute(Petition.co_sign, petition_id, PetitionState.for_signer, cmd=cmd)


@router.delete("/{petition_id}/co-signatures/mine", responses=COMMAND)
async def withdraw_signature(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """Take one's own signature back. What has too few signatures left is not submitted; once submitted it stays so."""
    return await desk.execute(Petition.withdraw_signature, petition_id, PetitionState.of)


@router.post("/{petition_id}/withdrawal", responses=COMMAND, dependencies=NO_BODY)
async def withdraw(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """The lead petitioner withdraws the petition, before the threshold is reached."""
    return await desk.execute(Petition.withdraw, petition_id, PetitionState.of)


@router.post("/{petition_id}/host-opinion", responses=COMMAND)
async def give_host_opinion(petition_id: UUID, body: HostOpinion, desk: AtDesk) -> PetitionState:
    """The host adds its opinion, which submits the petition. Without it the clock submits: the host has no veto."""
    return await desk.execute(
        Petition.give_host_opinion, petition_id, PetitionState.of, texts={"opinion": body.opinion}
    )


# Admissibility


@router.post("/{petition_id}/public-text", responses=COMMAND)
async def issue_public_text(petition_id: UUID, body: PublicText, desk: AtDesk) -> PetitionState:
    """What the public reads of the petition, redacted by a clerk."""
    return await desk.execute(
        Petition.issue_public_text,
        petition_id,
        PetitionState.of,
        texts={"topic": body.topic, "details": body.details},
    )


@router.post("/{petition_id}/acceptance", responses=COMMAND, dependencies=NO_BODY)
async def accept(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """Admit the petition and call the posts."""
    return await desk.execute(Petition.accept, petition_id, PetitionState.of)


@router.post("/{petition_id}/rejection", responses=COMMAND)
async def reject(petition_id: UUID, body: Rejection, desk: AtDesk) -> PetitionState:
    """Refuse admission, with a reason code and an explanation. Within a time (`clocks`), the lead petitioner may amend
    it and file it again. For the reason `discipline`, what it alleges is handed over to discipline inspection."""
    if body.reason_code == RejectionReason.DISCIPLINE:
        return await _hand_over(petition_id, body, desk)
    return await desk.execute(
        Petition.reject,
        petition_id,
        PetitionState.of,
        texts={"explanation": body.explanation},
        also={"duplicate_of": (Petition, body.duplicate_of)} if body.duplicate_of else None,
        reason_code=body.reason_code,
        route=body.route,
    )


async def _hand_over(petition_id: UUID, body: Rejection, desk: Desk) -> PetitionState:
    """Rejected and handed over, or neither."""
    cmd = await desk.command(petition_id)
    report_id, seal = uuid5(cmd.id, "report"), desk.services.keyring.seal
    desk.require_version(await desk.get(Petition, petition_id))
    await desk.execute(
        Report.hand_over,
        report_id,
        lambda _: None,
        cmd=cmd,
        also={"petition": (Petition, petition_id)},
        about=await seal(report_id, cmd.by, about(petition_id, signed=None)),
        explanation=await seal(petition_id, cmd.by, body.explanation),
    )
    petition = await desk.get(Petition, petition_id)
    desk.response.headers["ETag"] = f'"{seen_version(petition)}"'
    return PetitionState.of(petition)


@router.post("/{petition_id}/refiling", responses=COMMAND)
async def refile(petition_id: UUID, body: Refiling, desk: AtDesk) -> PetitionState:
    """The lead petitioner amends what was rejected and files it again. All signatures stand until withdrawn."""
    return await desk.execute(
        Petition.refile, petition_id, PetitionState.of, texts={"topic": body.topic, "details": body.details}
    )


# The call and the meeting


@router.post("/{petition_id}/acknowledgement", responses=COMMAND, dependencies=NO_BODY)
async def acknowledge(petition_id: UUID, desk: AtDesk) -> PetitionState:
    """A called post acknowledges the call."""
    return await desk.execute(Petition.acknowledge, petition_id, PetitionState.of)


# Extension and suspension


@router.post("/{petition_id}/suspension", responses=COMMAND)
async def suspend(petition_id: UUID, body: Reason, desk: AtDesk) -> PetitionState:
    """Every clock stands still until the petition is resumed."""
    return await desk.execute(
        Petition.suspend,
        petition_id,
        PetitionState.of,
        texts={"reason": body.reason},
        **await tasks_in_hand(desk, petition_id),
    )


@router.post("/{petition_id}/resumption", responses=COMMAND, dependencies=NO_BODY)
async def resume(petition_id: UUID, desk: AtDesk) -> PetitionState:
    return await desk.execute(Petition.resume, petition_id, PetitionState.of, **await tasks_in_hand(desk, petition_id))


# The residents judge


@router.post("/{petition_id}/feedback", responses=COMMAND)
async def give_feedback(petition_id: UUID, body: Feedback, desk: AtDesk) -> PetitionState:
    """One co-signer's judgement, once a round."""
    return await desk.execute(
        Petition.give_feedback,
        petition_id,
        PetitionState.of,
        texts={"comment": body.comment},
        contacted=body.contacted,
        resolved=body.resolved,
        satisfied=body.satisfied,
    )
