"""Signing by QR code or short link: read, say where a code can be sent, and sign by confirming it.

Until then a signature is pending: all that is kept of it is the code, under digests, for ten minutes. The link is
random and the same for everybody; whoever made it, gave it on or followed it is not to be seen in it.
"""

import io
import re
import secrets
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import segno
from fastapi import APIRouter, BackgroundTasks, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator, BaseModel, Field, model_validator

from api.counter import AtCounter, Counter
from api.deps import NO_BODY, PATIENCE_SECONDS, Services, Serving, public_base, require_on_roll
from api.openapi import PRIVATE_READ, REGISTER, SIGN_IN, problems
from api.pages import readable
from api.problems import wants_page
from api.schemas import HOST_ID, PETITION_ID, example, shown, wrong
from api.sign_in import (
    NO_GATEWAY,
    TOO_MANY,
    WRONG_CODE,
    Asking,
    Choice,
    CodeAsked,
    DocumentNumber,
    Name,
    client_of,
    digits,
)
from domain.command import Command, Role
from domain.petition import Petition
from domain.petition.words import SIGNATURES_CHANGE, Phase
from domain.refusals import Conflict, Forbidden, not_found
from infra.contacts import masked
from infra.register import Basis, Entry
from infra.sign_in import CODE_LASTS, TooMany, WrongCode
from projections import board
from projections.board import Viewer

router = APIRouter(tags=["sign-in"])

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 and O, 1, I and L: people type it off a poster
LENGTH = 8
Code = Annotated[str, Path(pattern=f"^[{ALPHABET}]{{{LENGTH}}}$", description="Of the short link.")]


class SigningLink(BaseModel):
    model_config = shown(code="7KQ2MZ9T", url="https://yuetan.example/s/7KQ2MZ9T")
    code: str
    url: str = Field(description="To print or pass on; with `/qr.svg` or `/qr.png` after it, the QR code.")


class WhatToSign(BaseModel):
    """What one signs, as it was written: for whoever was given the link."""

    petition_id: UUID = Field(examples=[PETITION_ID])
    host_id: UUID = Field(examples=[HOST_ID])
    topic: str = Field(examples=["小区低洼地排涝改造"])
    details: str


class Signing(Asking):
    """The code again, and who of those on the host's roll one is; or what is entered there of oneself."""

    model_config = example(phone="138 0000 0000", code="123456", person=None, name="张小华", basis="lives", adult=True)
    code: Annotated[str, Field(max_length=100), AfterValidator(digits)]
    person: UUID | None = Field(None, description="One of `choices`, where the first answer offered any.")
    name: Name | None = Field(None, description="With basis and adult, of whoever is not on the roll yet.")
    basis: Basis | None = None
    adult: Literal[True] | None = None
    document_number: DocumentNumber | None = None

    @model_validator(mode="after")
    def _all_of_oneself(self) -> "Signing":
        if len({value is None for value in (self.name, self.basis, self.adult)}) > 1 or (self.name and self.person):
            raise wrong(
                "oneself",
                "首次登记须填写姓名、依据并确认成年。",
                "Who is new gives name, basis and adult; who is not, none of them.",
            )
        return self

    @property
    def entry(self) -> Entry | None:
        if self.name is None or self.basis is None:
            return None
        phones = (self.phone,) if self.phone else ()
        return Entry(self.name, self.basis, phones, self.email, self.document_number)


class Signed(BaseModel):
    """Signed, with a token for whatever comes after; or the people to choose from with the same code."""

    model_config = shown(signed=True, token="eyJhbGciOiJFZERTQSJ9…", choices=[])  # noqa: S106
    signed: bool
    token: str | None = Field(default=None, description="A bearer token, valid for a day.")
    choices: list[Choice] = Field(
        default=[], description="Neither signed nor choices: enter yourself, with name and basis."
    )


# Signing


@router.get("/v1/petitions/{petition_id}/signing", responses=problems(401, 404, 409, 422, 429, 500, 503))
async def read_what_to_sign(
    petition_id: UUID,
    services: Serving,
    request: Request,
    link: Annotated[str, Query(max_length=50, description="The short link's code.")],
) -> WhatToSign:
    """Nobody signs unread: the topic and details, for whoever has the link, while signatures are collected."""
    if await _petition_of(services, request, link) != petition_id:
        raise not_found("link")
    (row,) = await readable(services.keyring, [await _to_be_signed(services, petition_id)])
    return WhatToSign.model_validate(row | {"petition_id": petition_id})


@router.post("/v1/petitions/{petition_id}/signing", status_code=202, responses=SIGN_IN)
async def ask_to_sign(
    petition_id: UUID, body: Asking, request: Request, services: Serving, background: BackgroundTasks
) -> CodeAsked:
    """Have a code sent. Nothing is signed, counted or seen until it is confirmed; after ten minutes it is forgotten."""
    await _to_be_signed(services, petition_id)
    sign_in = services.sign_in
    if not sign_in.gateway.reaches(body.contact.kind):
        raise NO_GATEWAY
    try:
        code = await sign_in.ask(body.contact, client_of(request), request.app.state.now(), _purpose(petition_id))
    except TooMany:
        raise TOO_MANY from None
    if code:
        background.add_task(sign_in.send, body.contact, code)  # after the answer, whose time tells nothing
    return CodeAsked(expires_in=int(CODE_LASTS.total_seconds()))


@router.post("/v1/petitions/{petition_id}/signing/confirmation", responses=SIGN_IN)
async def confirm_and_sign(petition_id: UUID, body: Signing, request: Request, services: Serving) -> Signed:
    """Sign by the code. Who is not on the host's roll yet enters themselves and counts provisionally."""
    petition = await services.repository.get(Petition, petition_id, version=1)  # as it was opened
    at, purpose = request.app.state.now(), _purpose(petition_id)
    verify_by = (await services.rules()).in_force(at).clock("verification", at).due_at
    try:
        person_id, people = await services.sign_in.who(
            *(body.contact, body.code, purpose, petition.host_id, body.person, body.entry),
            client=client_of(request),
            at=at,
            verify_by=verify_by,
        )
    except WrongCode:
        raise WRONG_CODE from None
    except TooMany:
        raise TOO_MANY from None
    if person_id is None:
        choices = [Choice(person=p.id, name=masked(p.entry.name), host_id=p.host_id) for p in people]
        return Signed(signed=False, choices=choices)
    await require_on_roll(services, str(person_id), petition.host_id)
    await _sign(services, petition_id, person_id, at)
    await services.sign_in.use_up(body.contact, purpose)  # last: whoever is cut off before tries again
    return Signed(signed=True, token=services.sign_in.token(person_id))


async def _sign(services: Services, petition_id: UUID, person_id: UUID, at: datetime) -> None:
    by = await services.people.pseudonym(str(person_id), petition_id)
    await services.correspondents.remember(petition_id, by, str(person_id))
    cmd = Command(id=uuid4(), by=by, role=Role.RESIDENT, at=at, policy=services.policy)
    try:
        await services.repository.execute(Petition.co_sign, petition_id, cmd)
    except Conflict as refusal:
        if refusal.code != "already-signed":
            raise


async def _to_be_signed(services: Services, petition_id: UUID) -> dict[str, Any]:
    """The board's row. Whether it can still be signed is the petition's to say; most is known before a code is sent."""
    row = await board.petition(services.pool, petition_id, Viewer(), signed=True)
    if row is None:  # or it was opened just now, and the board does not show it yet
        head = await services.store.max_notification_id()
        await services.positions.wait_for(head, PATIENCE_SECONDS, "board")
        row = await board.petition(services.pool, petition_id, Viewer(), signed=True)
    if row is None:
        raise not_found("petition")
    if row["phase"] != Phase.COLLECTING and not (row["urgent"] and row["phase"] in SIGNATURES_CHANGE):
        raise Conflict("wrong-phase", "此件目前不在联名阶段。", "No signatures are collected for it now.")
    return row


def _purpose(petition_id: UUID) -> str:
    return f"sign {petition_id}"


# The link


@router.post("/v1/petitions/{petition_id}/signing-link", responses=REGISTER, dependencies=NO_BODY)
async def make_signing_link(petition_id: UUID, counter: AtCounter, request: Request) -> SigningLink:
    """For the host's staff and the lead petitioner: the petition's link, made the first time."""
    await _require_host_or_lead(counter, petition_id)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    code = await counter.services.pool.fetchval(
        "INSERT INTO signing_links (petition_id, code) VALUES ($1, $2)"
        # There is one already. The update changes nothing, but returns it.
        " ON CONFLICT (petition_id) DO UPDATE SET code = signing_links.code RETURNING code",
        petition_id,
        code,
    )
    return SigningLink(code=code, url=_url(request, code))


@router.get("/v1/petitions/{petition_id}/signing-link", responses=PRIVATE_READ)
async def read_signing_link(petition_id: UUID, counter: AtCounter, request: Request) -> SigningLink:
    """The link that was made, for those who may make it."""
    await _require_host_or_lead(counter, petition_id)
    code = await counter.services.pool.fetchval("SELECT code FROM signing_links WHERE petition_id = $1", petition_id)
    if code is None:
        raise not_found("link")
    return SigningLink(code=code, url=_url(request, code))


@router.delete("/v1/petitions/{petition_id}/signing-link", status_code=204, responses=REGISTER)
async def revoke_signing_link(petition_id: UUID, counter: AtCounter) -> None:
    """From now on it leads nowhere. Another can be made, with another code."""
    await _require_host_or_lead(counter, petition_id)
    await counter.services.pool.execute("DELETE FROM signing_links WHERE petition_id = $1", petition_id)


async def _require_host_or_lead(counter: Counter, petition_id: UUID) -> None:
    petition = await counter.services.repository.get(Petition, petition_id)
    if counter.identity.role == Role.RESIDENT:
        if await counter.services.people.pseudonym(counter.identity.subject, petition_id) == petition.lead:
            return
        raise Forbidden("forbidden", "只有发起人和社区可以办理。", "Only the lead petitioner and the host may.")
    counter.require_staff(petition.host_id)


@router.get("/s/{code}", responses=problems(404, 422, 429), status_code=307, response_class=RedirectResponse)
async def follow_signing_link(code: Code, services: Serving, request: Request) -> RedirectResponse:
    """To what can be signed; a browser, to the page to sign on."""
    petition_id = await _petition_of(services, request, code)
    headers = {"Referrer-Policy": "no-referrer", "Vary": "Accept"}
    if wants_page(request):
        return RedirectResponse(f"/petitions/{petition_id}/sign?link={code}", headers=headers)
    return RedirectResponse(f"/v1/petitions/{petition_id}/signing?link={code}", headers=headers)


@router.get("/s/{code}/qr.{kind}", responses=problems(404, 422, 429), response_class=Response)
async def draw_qr_code(code: Code, kind: Literal["svg", "png"], services: Serving, request: Request) -> Response:
    """The link as a QR code, to print."""
    await _petition_of(services, request, code)
    drawn = io.BytesIO()
    segno.make(_url(request, code), error="m", micro=False).save(drawn, kind=kind, scale=8)
    return Response(drawn.getvalue(), media_type="image/svg+xml" if kind == "svg" else "image/png")


async def _petition_of(services: Services, request: Request, code: str) -> UUID:
    """Raises ``NotFound``, and after many of them ``TooMany``: codes are not to be guessed."""
    petition_id = None
    if re.fullmatch(f"[{ALPHABET}]{{{LENGTH}}}", code):
        petition_id = await services.pool.fetchval("SELECT petition_id FROM signing_links WHERE code = $1", code)
    if petition_id is None:
        try:
            await services.sign_in.bound("link", client_of(request), request.app.state.now())
        except TooMany:
            raise TOO_MANY from None
        raise not_found("link")
    return UUID(bytes=petition_id.bytes)


def _url(request: Request, code: str) -> str:
    return f"{public_base(request)}/s/{code}"
