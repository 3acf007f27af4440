"""Signing in with a phone or an e-mail address, and entering oneself on a host's roll."""

import unicodedata
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.deps import Services, Serving
from api.openapi import SIGN_IN
from api.problems import Problem
from api.schemas import HOST_ID, example, shown, wrong
from domain.directory import Host
from domain.refusals import Invalid, NotFound
from infra import contacts
from infra.contacts import Contact
from infra.register import Basis, Entry
from infra.sign_in import CODE_LASTS, TooMany, WrongCode

router = APIRouter(prefix="/v1/sign-in", tags=["sign-in"])

PERSON_ID = "1f6b0c52-7d3e-4c8a-9b51-60e2d4a7c807"


def _phone(text: str) -> str:
    try:
        return contacts.phone(text)
    except ValueError:
        raise wrong("phone", "电话号码无效,请核对。", "This is no phone number.") from None


def _email(text: str) -> str:
    try:
        return contacts.email(text)
    except ValueError:
        raise wrong("email", "邮箱地址无效,请核对。", "This is no e-mail address.") from None


def _name(text: str) -> str:
    try:
        return contacts.name(text)
    except ValueError:
        raise wrong("name", "请填写姓名。", "This is no name.") from None


def _document(text: str) -> str:
    try:
        return contacts.document_number(text)
    except ValueError:
        raise wrong("document", "证件号码无效,请核对。", "This is no document number: check its digits.") from None


def digits(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


_Typed = Annotated[str, StringConstraints(strict=True, max_length=300)]
Phone = Annotated[_Typed, AfterValidator(_phone)]
Email = Annotated[_Typed, AfterValidator(_email)]
Name = Annotated[_Typed, AfterValidator(_name)]
DocumentNumber = Annotated[_Typed, AfterValidator(_document)]


class Asking(BaseModel):
    model_config = example(phone="138 0000 0000")
    phone: Phone | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Asking":
        if (self.phone is None) == (self.email is None):
            raise wrong("contact", "请填写手机号或邮箱之一。", "Give either a phone or an e-mail address.")
        return self

    @property
    def contact(self) -> Contact:
        return Contact("phone", self.phone) if self.phone else Contact("email", self.email or "")


class Confirming(Asking):
    model_config = example(phone="138 0000 0000", code="123456", person=None)
    code: Annotated[_Typed, AfterValidator(digits)]
    person: UUID | None = Field(None, description="One of `choices`, where the first answer offered any.")


class EnteringOneself(Asking):
    model_config = example(
        phone="138 0000 0000", code="123456", host_id=HOST_ID, name="张小华", basis="lives", adult=True
    )
    code: Annotated[_Typed, AfterValidator(digits)]
    host_id: UUID
    name: Name
    basis: Basis
    adult: Literal[True]
    document_number: DocumentNumber | None = None


class CodeAsked(BaseModel):
    """The same for everybody."""

    model_config = shown(expires_in=600)
    expires_in: int = Field(description="Seconds for which the code lasts.")


class Choice(BaseModel):
    person: UUID
    name: str = Field(description="Masked, but for its last character.", examples=["**华"])
    host_id: UUID


class SignedIn(BaseModel):
    """A token; or the people to choose from with the same code. Nobody to choose from: enter yourself."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "eyJhbGciOiJFZERTQSJ9…", "choices": []}]})
    token: str | None = Field(default=None, description="A bearer token, valid for a day.")
    choices: list[Choice] = []


@router.post("", status_code=202, responses=SIGN_IN)
async def ask_for_code(body: Asking, request: Request, services: Serving, background: BackgroundTasks) -> CodeAsked:
    """Have a six-digit code sent. The answer tells nothing about who is registered."""
    sign_in = services.sign_in
    if not sign_in.gateway.reaches(body.contact.kind):
        raise NO_GATEWAY
    try:
        code = await sign_in.ask(body.contact, client_of(request), request.app.state.now())
    except TooMany:
        raise TOO_MANY from None
    if code:
        background.add_task(sign_in.send, body.contact, code)  # after the answer: its time tells nothing either
    return CodeAsked(expires_in=int(CODE_LASTS.total_seconds()))


@router.post("/confirmation", responses=SIGN_IN)
async def confirm_code(body: Confirming, request: Request, services: Serving) -> SignedIn:
    """Turn the code into a token. Where several people share the phone, first choose one."""
    try:
        token, people = await services.sign_in.confirm(
            body.contact, body.code, body.person, client_of(request), request.app.state.now()
        )
    except WrongCode:
        raise WRONG_CODE from None
    except TooMany:
        raise TOO_MANY from None
    if token:
        return SignedIn(token=token)
    return SignedIn(
        choices=[
            Choice(person=person.id, name=contacts.masked(person.entry.name), host_id=person.host_id)
            for person in people
        ]
    )


@router.post("/registration", status_code=201, responses=SIGN_IN)
async def enter_oneself(body: EnteringOneself, request: Request, services: Serving) -> SignedIn:
    """Enter yourself on a host's roll. You count provisionally until the host has verified you."""
    await _host_exists(services, body.host_id)
    at = request.app.state.now()
    entry = Entry(body.name, body.basis, (body.phone,) if body.phone else (), body.email, body.document_number)
    verify_by = (await services.rules()).in_force(at).clock("verification", at).due_at
    try:
        token = await services.sign_in.enter(
            body.contact, body.code, body.host_id, entry, client_of(request), at, verify_by
        )
    except WrongCode:
        raise WRONG_CODE from None
    except TooMany:
        raise TOO_MANY from None
    return SignedIn(token=token)


async def _host_exists(services: Services, host_id: UUID) -> None:
    try:
        await services.repository.get(Host, host_id)
    except NotFound as refusal:
        raise Invalid("unknown-reference", refusal.zh, refusal.en, "host_id") from None


def client_of(request: Request) -> str:
    return request.client.host if request.client else ""


NO_GATEWAY = Problem(
    503,
    "no-gateway",
    "本系统尚未开通此种登录方式。",
    "This installation has no way to send you a code: try the other kind, or ask your community.",
)
WRONG_CODE = Problem(
    401,
    "wrong-code",
    "验证码无效或已过期,请核对或重新获取。",
    "This code is not valid, or no longer: check it, or ask for a new one.",
    headers={"WWW-Authenticate": 'Bearer realm="yuetan"'},
)
TOO_MANY = Problem(
    429,
    "too-many-requests",
    "操作过于频繁,请十分钟后再试。",
    "Too many requests from your address: try again in ten minutes.",
    headers={"Retry-After": "600"},
)
