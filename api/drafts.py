"""Doorstep and telephone intake: what a grid worker takes down is read back, and filed on the resident's own word.

The word is a code sent to their phone or e-mail, which serves for nothing else; or, without either, a slip they signed.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from starlette.datastructures import UploadFile

from api.counter import AtCounter, Counter
from api.deps import NO_BODY, AtDesk, Desk, Services, require_on_roll
from api.intakes import IntakeState, slip, take_in, unknown_resident
from api.openapi import CREATION, PRIVATE_READ, REGISTER, REGISTER_CREATION, problems
from api.pages import petition_row, readable
from api.problems import Problem
from api.schemas import HOST_ID, PETITION_ID, POST_ID, Ids, Long, Short, example, shown
from api.sign_in import PERSON_ID, TOO_MANY, client_of, digits
from domain.command import Role
from domain.directory import Host, Post
from domain.intake import Means
from domain.petition import Petition
from domain.petition.words import Category
from domain.refusals import Conflict, Invalid, NotFound, not_found
from infra.contacts import Contact
from infra.drafts import LASTS, Draft
from infra.files import Content
from infra.sign_in import TooMany, WrongCode

router = APIRouter(prefix="/v1")

READ_BACK_FIRST = (
    "点题约谈:工作人员代您登记。请听其复述,无误后再告知验证码 {code}。"
    "Somebody takes something down for you: tell them this code once they have read it back and it is right."
)
SPOKEN = Literal[Means.DOORSTEP, Means.PHONE]


class NewIntake(BaseModel):
    model_config = example(resident_id=PERSON_ID, means="doorstep")
    resident_id: UUID
    means: SPOKEN


class NewPetitionIntake(NewIntake):
    model_config = example(
        resident_id=PERSON_ID,
        means="phone",
        topic="小区低洼地排涝改造",
        details="每逢暴雨,低洼处积水,车辆和行人无法通行。",
        category="grievance",
        called_post_ids=[POST_ID],
    )
    topic: Short
    details: Long
    category: Category
    called_post_ids: Annotated[Ids, Field(min_length=1, max_length=3, description="The first takes the lead.")]


class DraftCode(BaseModel):
    model_config = example(code="123456")
    code: Annotated[str, Field(max_length=100), AfterValidator(digits)]


class DraftState(BaseModel):
    """To be read back to the resident, word for word."""

    model_config = shown(
        id="b6d1f0a4-93c7-4e52-8f1d-2a7c5e90b310",
        host_id=HOST_ID,
        petition_id=PETITION_ID,
        means="doorstep",
        topic="小区低洼地排涝改造",
        details="每逢暴雨,低洼处积水,车辆和行人无法通行。",
        opens=False,
        code_sent=True,
        expires_at="2026-11-26T01:00:00Z",
    )
    id: UUID
    host_id: UUID
    petition_id: UUID
    means: Means
    topic: str
    details: str
    opens: bool = Field(description="Whether the petition is opened by it, or signed.")
    code_sent: bool = Field(description="If not, the resident confirms by a slip that they sign.")
    expires_at: datetime


# Taking down


@router.post("/petitions/{petition_id}/intakes", status_code=201, responses=REGISTER_CREATION, tags=["register"])
async def draft_signature(
    petition_id: UUID,
    body: NewIntake,
    counter: AtCounter,
    request: Request,
    response: Response,
    background: BackgroundTasks,
) -> DraftState:
    """Take down that a resident wants to sign. Read the topic and details of the answer back to them."""
    petition = await counter.services.repository.get(Petition, petition_id)
    counter.require_staff(petition.host_id)
    petition.require(*petition.signing_phases)
    said = {"petition_id": str(petition_id), "means": body.means}
    draft = await _keep(counter, petition.host_id, body.resident_id, said, response)
    return await _read_back(counter, draft, await _send_code(counter, draft, request, background))


@router.post("/hosts/{host_id}/intakes", status_code=201, responses=REGISTER_CREATION, tags=["register"])
async def draft_petition(
    host_id: UUID,
    body: NewPetitionIntake,
    counter: AtCounter,
    request: Request,
    response: Response,
    background: BackgroundTasks,
) -> DraftState:
    """Take down a topic that a resident sets. Read the answer back to them."""
    counter.require_staff(host_id)
    await counter.services.repository.get(Host, host_id)
    for post_id in body.called_post_ids:
        try:
            await counter.services.repository.get(Post, post_id)
        except NotFound as refusal:
            raise Invalid("unknown-reference", refusal.zh, refusal.en, "called_post_ids") from None
    said = body.model_dump(mode="json", exclude={"resident_id"})
    draft = await _keep(counter, host_id, body.resident_id, said, response)
    return await _read_back(counter, draft, await _send_code(counter, draft, request, background))


class DraftRow(BaseModel):
    """Whose it is stands on no list."""

    id: UUID
    petition_id: UUID
    means: Means
    opens: bool
    expires_at: datetime


@router.get("/hosts/{host_id}/drafts", responses=PRIVATE_READ, tags=["register"])
async def list_drafts(host_id: UUID, counter: AtCounter) -> list[DraftRow]:
    """For the host's staff: what was taken down and waits for its resident's word, soonest expiring first. At most
    200."""
    counter.require_staff(host_id)
    return [
        DraftRow(
            id=draft.id,
            petition_id=draft.body["petition_id"],
            means=draft.body["means"],
            opens="topic" in draft.body,
            expires_at=draft.expires_at,
        )
        for draft in await counter.services.drafts.of_host(host_id, counter.at)
    ]


@router.get("/drafts/{draft_id}", responses=REGISTER, tags=["register"])
async def read_draft(draft_id: UUID, counter: AtCounter) -> DraftState:
    """For the host's staff, until it is confirmed or expires."""
    return await _read_back(counter, await _draft(counter.services, counter.identity, draft_id, counter.at), False)


@router.post("/drafts/{draft_id}/code", responses=REGISTER, tags=["register"], dependencies=NO_BODY)
async def send_draft_code(
    draft_id: UUID, counter: AtCounter, request: Request, background: BackgroundTasks
) -> DraftState:
    """Send the resident another code; the one before counts no more."""
    draft = await _draft(counter.services, counter.identity, draft_id, counter.at)
    return await _read_back(counter, draft, await _send_code(counter, draft, request, background))


async def _keep(counter: Counter, host_id: UUID, resident_id: UUID, said: dict[str, Any], response: Response) -> Draft:
    register = counter.register
    try:
        if await register.host_of(resident_id) != host_id:
            raise unknown_resident()
    except NotFound:
        raise unknown_resident() from None
    id = await counter.new_id()
    body = {"petition_id": str(uuid5(id, "petition"))} | said
    draft = Draft(id, resident_id, host_id, body, counter.at + LASTS)
    await counter.services.drafts.keep(draft)
    response.headers["Location"] = f"/v1/drafts/{id}"
    return draft


async def _draft(services: Services, identity: Any, draft_id: UUID, at: datetime) -> Draft:
    draft = await services.drafts.get(draft_id, at)
    if (identity.role, identity.org) != (Role.HOST_STAFF, draft.host_id):
        raise not_found("draft")
    return draft


async def _read_back(counter: Counter, draft: Draft, code_sent: bool) -> DraftState:
    said = dict(draft.body)
    if opens := "topic" in said:
        words = {"topic": said["topic"], "details": said["details"]}
    else:
        row = await petition_row(counter.services, counter.identity, UUID(said["petition_id"]))
        (words,) = await readable(counter.services.keyring, [row])
    return DraftState(
        id=draft.id,
        host_id=draft.host_id,
        petition_id=said["petition_id"],
        means=said["means"],
        topic=words["topic"],
        details=words["details"],
        opens=opens,
        code_sent=code_sent,
        expires_at=draft.expires_at,
    )


# The resident's word


async def _contact(services: Services, draft: Draft, at: datetime) -> Contact | None:
    """Where the code goes: to their first phone, or else their e-mail. The worker is not shown it."""
    person = await services.sign_in.register.read(draft.person_id, None, at)
    return next((to for to in person.entry.contacts if services.sign_in.gateway.reaches(to.kind)), None)


async def _send_code(counter: Counter, draft: Draft, request: Request, background: BackgroundTasks) -> bool:
    sign_in = counter.services.sign_in
    contact = await _contact(counter.services, draft, counter.at)
    if contact is None:
        return False
    try:
        code = await sign_in.ask(contact, client_of(request), counter.at, purpose=str(draft.id))
    except TooMany:
        raise TOO_MANY from None
    if code:
        background.add_task(sign_in.send, contact, code, READ_BACK_FIRST)
    return code is not None


WRONG = Problem(
    422,
    "wrong-code",
    "验证码无效或已过期,请核对或重新发送。",
    "This code is not valid, or no longer: check it, or have another sent.",
    "/code",
)
CONFIRMED = CREATION | problems(429)


@router.post("/drafts/{draft_id}/confirmation", status_code=201, responses=CONFIRMED, tags=["intakes"])
async def confirm_draft(draft_id: UUID, body: DraftCode, desk: AtDesk, request: Request) -> IntakeState:
    """File the draft on the code that the resident tells: it opens or signs the petition."""
    at, services = request.app.state.now(), desk.services
    draft = await _draft(services, desk.identity, draft_id, at)
    contact = await _contact(services, draft, at)
    if contact is None:
        raise WRONG
    try:
        await services.sign_in.check(contact, body.code, str(draft.id), client_of(request), at)
    except WrongCode:
        raise WRONG from None
    except TooMany:
        raise TOO_MANY from None
    filed = await _file(desk, draft, None, None)
    await services.sign_in.use_up(contact, str(draft.id))
    return filed


SLIP = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {"file": {"type": "string", "format": "binary", "description": "What the resident has signed."}},
}


@router.post(
    "/drafts/{draft_id}/slip",
    status_code=201,
    responses=CREATION,
    tags=["intakes"],
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": SLIP}}}},
)
async def confirm_draft_by_slip(draft_id: UUID, request: Request, desk: AtDesk) -> IntakeState:
    """File the draft on a slip that the resident has signed."""
    draft = await _draft(desk.services, desk.identity, draft_id, request.app.state.now())
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file-missing", "请选择文件。", "Send the slip as a part of the form.", "file")
        content = await slip(file)
        return await _file(desk, draft, await file.read(), content)


async def _file(desk: Desk, draft: Draft, data: bytes | None, content: Content | None) -> IntakeState:
    """Done half before, it is done to the end: each step has an id of its own, made from the draft's."""
    petition_id, opens = UUID(draft.body["petition_id"]), "topic" in draft.body
    await require_on_roll(desk.services, str(draft.person_id), draft.host_id)
    if opens:
        await _open(desk, draft, petition_id)
    petition = await desk.get(Petition, petition_id)
    means = Means(draft.body["means"])
    filed = await take_in(desk, petition, draft.person_id, means, data, content, intake_id=draft.id, opened=opens)
    await desk.services.drafts.drop(draft.id)
    return filed


async def _open(desk: Desk, draft: Draft, petition_id: UUID) -> None:
    """In the resident's name, as if they had done so themselves."""
    services, said = desk.services, draft.body
    by = await services.people.pseudonym(str(draft.person_id), petition_id)
    await services.correspondents.remember(petition_id, by, str(draft.person_id))
    cmd = await desk.command(petition_id)
    try:
        await services.repository.execute(
            Petition.open,
            petition_id,
            replace(cmd, id=uuid5(draft.id, "open"), by=by, role=Role.RESIDENT, org=None),
            also={
                "host": (Host, draft.host_id),
                "posts": [(Post, UUID(id)) for id in said["called_post_ids"]],
            },
            topic=await services.keyring.seal(petition_id, by, said["topic"]),
            details=await services.keyring.seal(petition_id, by, said["details"]),
            category=Category(said["category"]),
        )
    except Conflict as refusal:
        if refusal.code != "already-exists":
            raise
