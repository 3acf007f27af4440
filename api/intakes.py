"""Signatures that host staff took in: the slip, whether it is true, and the signer's appeal."""

import asyncio
from io import BytesIO
from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from api.deps import NO_BODY, YUETAN, AtDesk, Desk, Known, Services, Serving, pseudonym, require_on_roll
from api.front import MAX_FILE, too_large
from api.openapi import COMMAND, CREATION, PRIVATE_READ
from api.pages import require_role
from api.problems import Problem
from api.schemas import CLOCK, PETITION_ID, ClockState, Reason, Words, example, shown
from domain.command import Role
from domain.intake import Intake, Means, Status
from domain.petition import Petition
from domain.refusals import Conflict, Invalid, NotFound, not_found
from infra.files import ENDINGS, Content, examine
from infra.identity import Identity
from infra.slips import SlipUsed

router = APIRouter(prefix="/v1", tags=["intakes"])

INTAKE_ID = "8c1f0d5e-7a42-5b96-b1e3-94d0c6a27f09"


class AppealDecision(BaseModel):
    model_config = example(counts=True, explanation="经电话核实,本人确已签名。")
    counts: bool
    explanation: Words


class IntakeState(BaseModel):
    model_config = shown(
        id=INTAKE_ID,
        petition_id=PETITION_ID,
        means="paper",
        status="contested",
        clock=CLOCK | {"rule": "appeal", "due_at": "2026-12-03T16:00:00Z"},
        version=3,
    )
    id: UUID
    petition_id: UUID
    means: Means
    status: Status
    clock: ClockState | None = Field(None, description="Until when the signer may appeal, or the clerk is to decide.")
    version: int

    @classmethod
    def of(cls, intake: Intake) -> "IntakeState":
        return cls(
            id=intake.id,
            petition_id=intake.matter_id,
            means=Means(intake.means),
            status=Status(intake.status),
            clock=ClockState.of(intake.clock) if intake.clock else None,
            version=intake.version,
        )


class IntakePage(IntakeState):
    has_slip: bool = Field(description="Not where the signer's code stands for it.")
    reason: str | None = Field(description="Why the staff call it false.")
    grounds: str | None = Field(description="Of the signer's appeal.")
    explanation: str | None = Field(description="Of the clerk's decision.")


class OwnSignature(BaseModel):
    """One's own signature: only its signer sees it."""

    status: str = Field(description="`valid`, `withdrawn` or `invalidated`.", examples=["valid"])
    lead: bool = Field(description="One is the lead petitioner.")
    contested: list[IntakePage] = Field(description="Slips in one's name that staff found false: one may appeal.")


# Taking in


FORM = {
    "type": "object",
    "required": ["file", "resident_id"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "A picture or scan of one signer's slip."},
        "resident_id": {"type": "string", "format": "uuid", "description": "The signer, on the host's own roll."},
    },
}


@router.post(
    "/petitions/{petition_id}/paper-signatures",
    status_code=201,
    responses=CREATION,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
)
async def enter_paper_signature(petition_id: UUID, request: Request, desk: AtDesk) -> IntakeState:
    """Host staff enter one signer's slip. Whether that person had signed before is told to nobody."""
    petition = await desk.get(Petition, petition_id)
    async with request.form(max_files=1, max_fields=1) as form:
        file, said = form.get("file"), form.get("resident_id")
        if not isinstance(file, UploadFile):
            raise Invalid("file-missing", "请选择文件。", "Send the slip as a part of the form.", "file")
        try:
            resident_id = UUID(str(said))
        except ValueError:
            raise unknown_resident() from None
        content = await slip(file)
        return await take_in(desk, petition, resident_id, Means.PAPER, await file.read(), content)


async def slip(file: UploadFile) -> Content:
    """What the uploaded picture is; left to be read from its beginning."""
    content = await asyncio.to_thread(examine, file.file)
    if content.size > MAX_FILE:
        raise too_large(MAX_FILE)
    if content.media_type not in ("image/jpeg", "image/png", "image/webp", "application/pdf"):
        raise Problem(
            415,
            "unsupported-file",
            "签名单仅接受 JPEG、PNG、WebP 或 PDF 文件。",
            "A slip is a JPEG, PNG, WebP or PDF file, whatever it is called.",
            "/file",
        )
    await file.seek(0)
    return content


async def take_in(
    desk: Desk,
    petition: Petition,
    resident_id: UUID,
    means: Means,
    data: bytes | None,
    content: Content | None,
    *,
    intake_id: UUID | None = None,
    opened: bool = False,
) -> IntakeState:
    """File one resident's signature, with the slip, or on the word of their code. ``petition`` is our own copy.

    Without an id it has the same again for the same slip.
    """
    services, cmd = desk.services, await desk.command(petition.id)
    # Refused before anything is looked up or reaches the disk: on a stand-in that has not signed.
    Intake.file(cmd, id=resident_id, petition=petition, signer="", means=means, slip=None, opened=opened)
    try:
        if await services.sign_in.register.host_of(resident_id) != petition.host_id:
            raise unknown_resident()
    except NotFound:
        raise unknown_resident() from None
    await require_on_roll(services, str(resident_id), petition.host_id)
    signer = await services.people.pseudonym(str(resident_id), petition.id)
    said = f"{resident_id} {means} {content and content.digest}"
    intake_id = intake_id or uuid5(YUETAN, f"{petition.id} {signer} {said}")
    digest = None
    if data is not None:
        try:
            digest = await services.slips.keep(intake_id, petition.id, signer, data)
        except SlipUsed:
            raise Conflict(
                "slip-used", "此签名单已登记过,一人一单。", "This slip has been entered already: one for each signer."
            ) from None
    await services.correspondents.remember(petition.id, signer, str(resident_id))
    desk.response.headers["Location"] = f"/v1/intakes/{intake_id}"
    return await desk.execute(
        Intake.file,
        intake_id,
        IntakeState.of,
        cmd=cmd,
        matter_id=petition.id,
        also={"petition": (Petition, petition.id)},
        said=said.encode(),
        signer=signer,
        means=means,
        slip=digest,
        opened=opened,
    )


def unknown_resident() -> Invalid:
    return Invalid(
        "unknown-reference",
        "本社区名册中没有此人,请先登记。",
        "There is nobody with this id on your roll: enter them there first.",
        "resident_id",
    )


# Reading


@router.get("/intakes/{intake_id}", responses=PRIVATE_READ)
async def read_intake(intake_id: UUID, services: Serving, identity: Known, response: Response) -> IntakePage:
    """For the host's staff, clerks and auditors: what stands of it, and why. Nobody is named."""
    intake = await _readable(services, identity, intake_id)
    response.headers["ETag"] = f'"{intake.version}"'
    return await _page(services, intake)


@router.get("/intakes/{intake_id}/slip", responses=PRIVATE_READ, response_class=Response)
async def read_slip(intake_id: UUID, services: Serving, identity: Known) -> Response:
    """The slip, to be saved and never shown in place; for those who may read the intake."""
    intake = await _readable(services, identity, intake_id)
    data = intake.slip and await services.slips.read(intake.slip)
    if not data:
        raise not_found("slip")
    media_type = examine(BytesIO(data)).media_type or "application/octet-stream"
    return Response(
        data,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="slip{ENDINGS.get(media_type, "")}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


async def _readable(services: Services, identity: Identity, intake_id: UUID) -> Intake:
    require_role(identity, Role.HOST_STAFF, Role.CLERK, Role.AUDITOR)
    intake = await services.repository.get(Intake, intake_id)
    if identity.role == Role.HOST_STAFF and identity.org != intake.host_id:
        raise not_found("intake")
    return intake


async def _page(services: Services, intake: Intake) -> IntakePage:
    texts = {"reason": intake.reason, "grounds": intake.grounds, "explanation": intake.explanation}
    written = {name: text for name, text in texts.items() if text is not None}
    opened = await services.keyring.open(list(written.values())) if written else []
    words: dict[str, Any] = dict.fromkeys(texts) | dict(zip(written, opened, strict=True))
    return IntakePage(**IntakeState.of(intake).model_dump(), has_slip=intake.slip is not None, **words)


@router.get("/petitions/{petition_id}/co-signatures/mine", responses=PRIVATE_READ)
async def read_own_signature(petition_id: UUID, services: Serving, identity: Known) -> OwnSignature:
    """One's own signature, and what is held against it."""
    require_role(identity, Role.RESIDENT)
    petition = await services.repository.get(Petition, petition_id)
    own = await pseudonym(services, identity, petition_id)
    intakes = [await services.repository.get(Intake, id) for id in petition.contests]
    contested = [await _page(services, intake) for intake in intakes if intake.signer == own]
    if own not in petition.signers and not contested:
        raise not_found("co-signature")
    invalidated = own in petition.invalidated
    status = "valid" if petition.signers.get(own) else "invalidated" if invalidated else "withdrawn"
    return OwnSignature(status=status, lead=own == petition.lead, contested=contested)


# Whether it is true


async def _execute(desk: Desk, method: Any, intake_id: UUID, texts: dict[str, str] | None = None, **facts: Any) -> Any:
    """What is written about a signature is sealed with the signer's key: it goes when they are erased."""
    intake = await desk.get(Intake, intake_id)
    for name, words in (texts or {}).items():
        facts[name] = await desk.services.keyring.seal(intake.matter_id, intake.signer, words)
    return await desk.execute(method, intake_id, IntakeState.of, matter_id=intake.matter_id, **facts)


async def _with_petition(desk: Desk, intake_id: UUID) -> dict[str, Any]:
    return {"petition": (Petition, (await desk.get(Intake, intake_id)).matter_id)}


@router.post("/intakes/{intake_id}/invalidation", responses=COMMAND)
async def propose_invalidation(intake_id: UUID, body: Reason, desk: AtDesk) -> IntakeState:
    """Host staff found the slip false, and say why. A second person of the staff has to confirm it."""
    state: IntakeState = await _execute(desk, Intake.propose_invalidation, intake_id, {"reason": body.reason})
    return state


@router.delete("/intakes/{intake_id}/invalidation", responses=COMMAND)
async def drop_invalidation(intake_id: UUID, desk: AtDesk) -> IntakeState:
    """It was a mistake: nobody need confirm it."""
    state: IntakeState = await _execute(desk, Intake.drop_invalidation, intake_id)
    return state


@router.post("/intakes/{intake_id}/invalidation/confirmation", responses=COMMAND, dependencies=NO_BODY)
async def confirm_invalidation(intake_id: UUID, desk: AtDesk) -> IntakeState:
    """The second person confirms. The signer is told and may appeal; until that is settled, the signature counts."""
    also = await _with_petition(desk, intake_id)
    state: IntakeState = await _execute(desk, Intake.confirm_invalidation, intake_id, also=also)
    return state


@router.post("/intakes/{intake_id}/appeal", responses=COMMAND)
async def appeal(intake_id: UUID, body: Reason, desk: AtDesk) -> IntakeState:
    """The signer says why the signature is theirs. The clerk decides."""
    state: IntakeState = await _execute(desk, Intake.appeal, intake_id, {"grounds": body.reason})
    return state


@router.post("/intakes/{intake_id}/decision", responses=COMMAND)
async def decide_appeal(intake_id: UUID, body: AppealDecision, desk: AtDesk) -> IntakeState:
    """The clerk decides whether the signature counts, and tells the signer why."""
    also = await _with_petition(desk, intake_id)
    texts = {"explanation": body.explanation}
    state: IntakeState = await _execute(desk, Intake.decide_appeal, intake_id, texts, also=also, counts=body.counts)
    return state
