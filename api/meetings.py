"""Called meetings: arranged, held, put down in minutes; and what each reader is shown of one."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.deps import NO_BODY, Anyone, AtDesk, Desk, Known, Serving, caught_up, pseudonym
from api.openapi import COMMAND, CREATION, PRIVATE_READ, READ
from api.pages import MeetingRow, petition_row, readable
from api.schemas import (
    AgendaEntry,
    Attendance,
    CommitmentRow,
    Correction,
    Delegation,
    Invitation,
    MeetingState,
    Minutes,
    NewMeeting,
    NoShow,
    PetitionState,
    Reason,
    Rescheduling,
    ResidentObjection,
    RoadmapRow,
)
from domain.command import Command, Role
from domain.directory import Post, Unit
from domain.meeting import Capacity, Commitment, Meeting
from domain.petition import Petition
from domain.petition.words import Category
from domain.refusals import Forbidden, Invalid, not_found
from infra.tickets import Ticket, qr_code

router = APIRouter(prefix="/v1", tags=["meetings"])

CAUGHT_UP = [caught_up("board")]


class AgendaRow(BaseModel):
    text: str
    objection_id: UUID | None = Field(description="Where it is the objection of a resident who did not sign.")


class ObjectionRow(BaseModel):
    id: UUID
    text: str


class InvitationRow(BaseModel):
    """Who is invited, by function: whoever signed is, and nobody is told who that is."""

    role: str = Field(examples=["official"])
    org: UUID | None


class Present(BaseModel):
    """Never who: officials and representatives by function, residents as a number."""

    post_ids: list[UUID]
    representatives: int
    residents: int


class MeetingPage(MeetingRow):
    petition_id: UUID
    invited: list[InvitationRow]
    present: Present
    agenda: list[AgendaRow] = Field([], description="For whom the petition concerns, as all that follows.")
    commitments: list[CommitmentRow] = Field([], description="Made in the meeting, as the latest minutes have them.")
    confirmed: list[str] = Field([], description="By whom the latest minutes are confirmed: official, representative.")
    objections: list[ObjectionRow] = Field([], description="Of residents who did not sign; for those who handle it.")
    corrections: list[str] = Field([], description="Asked for by those who attended; for those who handle it.")


class DoorTicket(BaseModel):
    token: str
    svg: str = Field(description="The token as a QR code.")
    code: str | None = Field(
        examples=["04711815"], description="Of residents: to be typed at the door in place of the token."
    )


class RoadmapDraft(BaseModel):
    """What was promised in the meeting, as a first roadmap: put it to …/roadmap as it is, or changed."""

    meeting_id: UUID | None
    minutes_status: str | None = Field(examples=["confirmed"])
    tasks: list[RoadmapRow]


@router.get("/meetings/{meeting_id}", responses=READ, dependencies=CAUGHT_UP)
async def read_meeting(meeting_id: UUID, services: Serving, identity: Anyone, response: Response) -> MeetingPage:
    """Seen by whoever sees its petition; its texts by those whom the petition concerns."""
    meeting = await services.repository.get(Meeting, meeting_id)
    page = await petition_row(services, identity, meeting.matter_id)
    (shown,) = await readable(services.keyring, [page])
    row = next((row for row in shown["meetings"] if row["id"] == meeting_id), None)
    if row is None:
        raise not_found("meeting")
    row |= {
        "petition_id": meeting.matter_id,
        "invited": [
            {"role": Role.HOST_STAFF, "org": meeting.host_id},
            *({"role": Role.OFFICIAL, "org": id} for id in [*page["called_post_ids"], *page["delegates"].values()]),
            *({"role": Role.UNIT_OFFICER, "org": id} for id in meeting.unit_ids),
            {"role": Role.RESIDENT, "org": None},
        ],
        "present": {
            "post_ids": meeting.posts_present,
            "representatives": meeting.present(Capacity.REPRESENTATIVE),
            "residents": meeting.present(Capacity.RESIDENT),
        },
    }
    if page["handler"]:
        row |= {
            "agenda": [vars(item) for item in meeting.agenda],
            "commitments": [
                vars(commitment) | {"due_on": commitment.due_on.isoformat()} for commitment in meeting.commitments
            ],
            "confirmed": sorted(set(meeting.confirmed_by.values())),
        }
        if identity and identity.role != Role.RESIDENT:
            row |= {
                "objections": [{"id": id, "text": objection.text} for id, objection in meeting.objections.items()],
                "corrections": list(meeting.corrections.values()),
            }
    (row,) = await readable(services.keyring, [row])
    response.headers["ETag"] = f'"{row["version"]}"'
    return MeetingPage.model_validate(row)


# Who comes in whose place, and when


@router.post("/petitions/{petition_id}/delegation", responses=COMMAND)
async def name_delegate(petition_id: UUID, body: Delegation, desk: AtDesk) -> PetitionState:
    """A called post sends another of the same rank to the meeting, once; the answer stays its own."""
    petition = await desk.get(Petition, petition_id)
    return await desk.execute(
        Petition.name_delegate,
        petition_id,
        PetitionState.of,
        also={
            "posts": [(Post, id) for id in petition.called_post_ids],
            "delegate": (Post, body.delegate_id),
        },
    )


@router.post("/petitions/{petition_id}/meetings", status_code=201, responses=CREATION)
async def schedule_meeting(petition_id: UUID, body: NewMeeting, desk: AtDesk) -> MeetingState:
    """Arrange the called meeting, one at a time. The answer's `ETag` is the meeting's."""
    petition = await desk.get(Petition, petition_id)
    cmd = await desk.command(petition_id)
    meeting_id = uuid5(cmd.id, "meeting")
    desk.response.headers["Location"] = f"/v1/meetings/{meeting_id}"
    return await desk.execute(
        Meeting.schedule,
        meeting_id,
        MeetingState.of,
        cmd=cmd,
        matter_id=petition_id,
        texts={"venue": body.venue},
        also={
            "petition": (Petition, petition_id),
            "earlier": [(Meeting, petition.meeting_id)] if petition.meeting_id else [],
        },
        starts_at=body.starts_at,
    )


@router.post("/meetings/{meeting_id}/rescheduling", responses=COMMAND)
async def reschedule(meeting_id: UUID, body: Rescheduling, desk: AtDesk) -> MeetingState:
    """Move it, with a reason; how often it was moved is shown."""
    texts = {"venue": body.venue, "reason": body.reason}
    return await _execute(desk, Meeting.reschedule, meeting_id, texts=texts, starts_at=body.starts_at)


@router.post("/meetings/{meeting_id}/cancellation", responses=COMMAND)
async def cancel(meeting_id: UUID, body: Reason, desk: AtDesk) -> MeetingState:
    return await _execute(desk, Meeting.cancel, meeting_id, texts={"reason": body.reason})


# Who is invited, and what is to be talked about


@router.post("/meetings/{meeting_id}/invitations", responses=COMMAND)
async def invite(meeting_id: UUID, body: Invitation, desk: AtDesk) -> MeetingState:
    """A unit. The host, the called posts and all who signed are invited anyway."""
    return await _execute(desk, Meeting.invite, meeting_id, also={"unit": (Unit, body.unit_id)})


@router.post("/meetings/{meeting_id}/agenda", responses=COMMAND)
async def add_to_agenda(meeting_id: UUID, body: AgendaEntry, desk: AtDesk) -> MeetingState:
    """An item of one's own, by the host, a called post or a representative; or, by the host, a resident's objection."""
    if body.objection_id:
        return await _execute(desk, Meeting.take_up_objection, meeting_id, objection_id=body.objection_id)
    return await _execute(desk, Meeting.add_to_agenda, meeting_id, texts={"text": body.text})


@router.post("/meetings/{meeting_id}/objections", responses=COMMAND)
async def object_to_topic(meeting_id: UUID, body: ResidentObjection, desk: AtDesk) -> MeetingState:
    """A resident who did not sign objects to the topic, once; the host puts it on the agenda."""
    meeting = await desk.get(Meeting, meeting_id)
    petition, cmd = await desk.get(Petition, meeting.matter_id), await desk.command(meeting.matter_id)
    hidden = petition.category == Category.CONDUCT and not petition.signers.get(cmd.by)
    if hidden and desk.identity.role == Role.RESIDENT:  # nobody learns by objecting of what they may not see
        raise not_found("meeting")
    objection_id = uuid5(cmd.id, "objection")
    return await _execute(
        desk, Meeting.file_objection, meeting_id, cmd=cmd, texts={"text": body.text}, objection_id=objection_id
    )


# Who came


@router.get("/meetings/{meeting_id}/ticket", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_ticket(meeting_id: UUID, services: Serving, identity: Known) -> DoorTicket:
    """One's own token for the door, for the called posts, their delegates, and residents who signed or objected. It
    counts once; whoever scans it learns nothing but that it does."""
    meeting = await services.repository.get(Meeting, meeting_id)
    await petition_row(services, identity, meeting.matter_id)
    petition = await services.repository.get(Petition, meeting.matter_id)
    by = await pseudonym(services, identity, petition.id)
    called = (*petition.called_post_ids, *petition.delegates.values())
    if not (
        (identity.role == Role.RESIDENT and is_invited(meeting, petition, by))
        or (identity.role == Role.OFFICIAL and identity.org in called)
    ):
        raise Forbidden("not-invited", "您不在此会议的邀请之列。", "You are not invited to this meeting.")
    token = services.tickets.token(Ticket(meeting_id, by, identity.org if identity.role == Role.OFFICIAL else None))
    code = services.tickets.code(meeting_id, by) if identity.role == Role.RESIDENT else None
    return DoorTicket(token=token, svg=qr_code(token), code=code)


def is_invited(meeting: Meeting, petition: Petition, by: str) -> bool:
    """A resident, by the pseudonym."""
    return petition.signers.get(by, False) or by in [objection.by for objection in meeting.objections.values()]


@router.post("/meetings/{meeting_id}/attendance", responses=COMMAND)
async def record_attendance(meeting_id: UUID, body: Attendance, desk: AtDesk) -> MeetingState:
    """At the door: a token that is shown, or its code, once; or how many came without one, instead of what was counted
    before."""
    if body.token is not None:
        ticket = desk.services.tickets.read(body.token) or await _by_code(desk, meeting_id, body.token)
        if ticket is None or ticket.meeting_id != meeting_id:
            raise Invalid("not-a-token", "不是此会议的签到码。", "This is no token for this meeting.", "token")
        return await _execute(desk, Meeting.admit, meeting_id, attendee=ticket.attendee, post_id=ticket.post_id)
    return await _execute(
        desk,
        Meeting.count_attendance,
        meeting_id,
        post_ids=body.post_ids,
        representatives=body.representatives,
        residents=body.residents,
    )


async def _by_code(desk: Desk, meeting_id: UUID, typed: str) -> Ticket | None:
    """Of those who may come. Two may happen to have the same code: then of whoever is not there yet."""
    code = re.sub(r"\D", "", typed, flags=re.ASCII)
    if len(code) != 8 or desk.identity.role != Role.HOST_STAFF:
        return None
    meeting = await desk.get(Meeting, meeting_id)
    petition = await desk.get(Petition, meeting.matter_id)
    may_come = {by for by, valid in petition.signers.items() if valid}
    may_come |= {objection.by for objection in meeting.objections.values()}
    found = [by for by in may_come if desk.services.tickets.code(meeting_id, by) == code]
    found.sort(key=lambda by: by in meeting.attended)
    return Ticket(meeting_id, found[0], None) if found else None


@router.post("/meetings/{meeting_id}/no-shows", responses=COMMAND)
async def record_no_show(meeting_id: UUID, body: NoShow, desk: AtDesk) -> MeetingState:
    """A called post's holder did not come, nor a delegate."""
    return await _execute(desk, Meeting.record_no_show, meeting_id, post_id=body.post_id)


# Minutes


@router.post("/meetings/{meeting_id}/minutes", responses=COMMAND)
async def hold(meeting_id: UUID, body: Minutes, desk: AtDesk) -> MeetingState:
    """Record that the meeting took place, with a first draft of its minutes: its petition moves on to the roadmap."""
    return await _put_down(desk, Meeting.hold, meeting_id, body)


@router.put("/meetings/{meeting_id}/minutes", responses=COMMAND)
async def draft_minutes(meeting_id: UUID, body: Minutes, desk: AtDesk) -> MeetingState:
    """Another draft, in which corrections are taken in. It has time of its own, and is to be confirmed anew."""
    return await _put_down(desk, Meeting.draft_minutes, meeting_id, body)


@router.post("/meetings/{meeting_id}/corrections", responses=COMMAND)
async def offer_correction(meeting_id: UUID, body: Correction, desk: AtDesk) -> MeetingState:
    """By those who attended: what the minutes should say."""
    return await _execute(desk, Meeting.offer_correction, meeting_id, texts={"text": body.text})


@router.post("/meetings/{meeting_id}/confirmation", responses=COMMAND, dependencies=NO_BODY)
async def confirm_minutes(meeting_id: UUID, desk: AtDesk) -> MeetingState:
    """By the lead official or the delegate, and by more than half of the representatives."""
    return await _execute(desk, Meeting.confirm_minutes, meeting_id)


@router.get("/petitions/{petition_id}/roadmap/draft", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def draft_roadmap(petition_id: UUID, services: Serving, identity: Anyone) -> RoadmapDraft:
    """For those whom the petition concerns: what was promised in the meeting, as rows of a roadmap."""
    if not (await petition_row(services, identity, petition_id))["handler"]:
        raise not_found("roadmap draft")
    petition = await services.repository.get(Petition, petition_id)
    if petition.meeting_id is None:
        return RoadmapDraft(meeting_id=None, minutes_status=None, tasks=[])
    meeting = await services.repository.get(Meeting, petition.meeting_id)
    tasks = [
        {"title": commitment.what, "lead_unit_id": commitment.unit_id, "due_on": commitment.due_on.isoformat()}
        for commitment in meeting.commitments
    ]
    return RoadmapDraft(
        meeting_id=meeting.id,
        minutes_status=meeting.minutes_status,
        tasks=[RoadmapRow.model_validate(row) for row in await readable(services.keyring, tasks)],
    )


async def _put_down(desk: Desk, method: Callable[..., Any], meeting_id: UUID, body: Minutes) -> MeetingState:
    meeting = await desk.get(Meeting, meeting_id)
    cmd = await desk.command(meeting.matter_id)
    commitments = [
        Commitment(await desk.services.keyring.seal(meeting.matter_id, cmd.by, row.what), row.unit_id, row.due_on)
        for row in body.commitments
    ]
    return await _execute(
        desk,
        method,
        meeting_id,
        cmd=cmd,
        texts={"minutes": body.minutes},
        also={"units": [(Unit, id) for id in sorted({row.unit_id for row in body.commitments})]},
        commitments=commitments,
    )


async def _execute(
    desk: Desk,
    method: Callable[..., Any],
    meeting_id: UUID,
    *,
    cmd: Command | None = None,
    texts: Mapping[str, str | None] | None = None,
    also: dict[str, Any] | None = None,
    **arguments: Any,
) -> MeetingState:
    """Every command of a meeting has its petition at hand."""
    meeting = await desk.get(Meeting, meeting_id)
    return await desk.execute(
        method,
        meeting_id,
        MeetingState.of,
        cmd=cmd,
        matter_id=meeting.matter_id,
        texts=texts,
        also={"petition": (Petition, meeting.matter_id), **(also or {})},
        **arguments,
    )
