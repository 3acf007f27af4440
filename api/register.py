"""The people register: a host's roll, a person's own data, and erasure by two persons' decision."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from api.counter import AtCounter
from api.deps import NO_BODY, Page, Paged
from api.openapi import PRIVATE_READ, REGISTER, REGISTER_CREATION
from api.problems import Problem, of
from api.schemas import Readable, Reason, example, shown, wrong
from api.sign_in import PERSON_ID, DocumentNumber, Email, Name, Phone
from domain.command import Role
from infra import roll_csv
from infra.contacts import masked
from infra.register import Basis, Entry, Person, Place
from infra.register_log import looks

router = APIRouter(prefix="/v1", tags=["register"])
log = logging.getLogger(__name__)


class NewResident(BaseModel):
    model_config = example(
        name="张小华", phones=["138 0000 0000"], email=None, document_number=None, basis="lives", adult=True
    )
    name: Name
    phones: Annotated[list[Phone], Field(max_length=5)] = []
    email: Email | None = None
    document_number: DocumentNumber | None = None
    basis: Basis
    adult: Literal[True]

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> "NewResident":
        if not (self.phones or self.email or self.document_number):
            raise wrong("contact", *roll_csv.WRONG["contact"])
        return self

    @property
    def entry(self) -> Entry:
        return Entry(self.name, self.basis, tuple(dict.fromkeys(self.phones)), self.email, self.document_number)


class Registered(BaseModel):
    model_config = shown(id=PERSON_ID)
    id: UUID


class RollRow(BaseModel):
    id: UUID
    name: str = Field(description="Masked: the whole record is read one by one, and every look is recorded.")
    basis: Basis
    verified: bool
    verify_by: datetime | None = Field(description="Until then an unverified entry should be verified.")

    @classmethod
    def of(cls, person: Person) -> "RollRow":
        return cls(
            id=person.id,
            name=masked(person.entry.name),
            basis=person.entry.basis,
            verified=person.verify_by is None,
            verify_by=person.verify_by,
        )


class Resident(BaseModel):
    id: UUID
    host_id: UUID
    name: str
    phones: Sequence[str]
    email: str | None
    document_number: str | None
    basis: Basis
    registered_at: datetime
    verified: bool = Field(description="Who is not yet verified may sign, and counts provisionally.")
    verify_by: datetime | None
    erasure_reason: str | None = Field(None, description="Why somebody has asked to erase this person.")

    @classmethod
    def of(cls, person: Person, erasure_reason: str | None) -> "Resident":
        return cls(
            **{name: getattr(person.entry, name) for name in ("name", "phones", "email", "document_number", "basis")},
            id=person.id,
            host_id=person.host_id,
            registered_at=person.registered_at,
            verified=person.verify_by is None,
            verify_by=person.verify_by,
            erasure_reason=erasure_reason,
        )


class Look(BaseModel):
    at: datetime
    role: str = Field(examples=["host_staff"])
    act: str = Field(examples=["read"])


class LogEntry(Look):
    by: str = Field(description="A pseudonym: the same for the same member of staff.")


# A host's roll


@router.post("/hosts/{host_id}/residents", status_code=201, responses=REGISTER_CREATION)
async def register_resident(host_id: UUID, body: NewResident, counter: AtCounter, response: Response) -> Registered:
    """Host staff enter somebody whom they have verified."""
    counter.require_staff(host_id)
    person_id = await counter.new_id()
    await counter.register.register(host_id, body.entry, await counter.actor(), counter.at, person_id)
    response.headers["Location"] = f"/v1/residents/{person_id}"
    return Registered(id=person_id)


@router.get("/hosts/{host_id}/residents", responses=PRIVATE_READ)
async def list_residents(
    host_id: UUID,
    counter: AtCounter,
    paging: Paged,
    verified: bool | None = None,
    q: Annotated[
        Readable | None, Query(min_length=2, max_length=100, description="Part of a name; for the host's staff.")
    ] = None,
) -> Page[RollRow]:
    """The roll, with masked names: first those to be verified soonest. Whom one finds by name one has looked at: that
    is recorded."""
    counter.require_staff(host_id, *([] if q else [Role.ADMIN]))
    after, limit = paging.read(_place), paging.limit + 1
    if q:
        people = await counter.register.search(host_id, q, verified, after, limit, await counter.actor(), counter.at)
    else:
        people = await counter.register.roll(host_id, verified, after, limit)
    rows = [RollRow.of(person) for person in people[: paging.limit]]
    last = people[paging.limit - 1] if len(people) > paging.limit else None
    return paging.page(rows, last and f"{last.verify_by.isoformat() if last.verify_by else ''}/{last.id}")


def _place(cursor: str) -> Place:
    verify_by, _, person_id = cursor.partition("/")
    try:
        return (datetime.fromisoformat(verify_by).astimezone(UTC) if verify_by else None), UUID(person_id)
    except OverflowError:
        raise ValueError from None


@router.post(
    "/hosts/{host_id}/residents/imports",
    responses=REGISTER,
    response_class=StreamingResponse,
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def import_residents(host_id: UUID, request: Request, counter: AtCounter) -> StreamingResponse:
    """Take in the host's own list (CSV in UTF-8 or GB18030), as verified; who is on the roll already stays as they are.

    Answers with a stream of JSON lines: progress, broken rows, and at the end the sum. The good rows are in, all of
    them, when the last line says so; before that, none.
    """
    counter.require_staff(host_id)
    actor = await counter.actor()
    try:
        rows = await asyncio.to_thread(roll_csv.read, await request.body())
    except roll_csv.Unusable as error:
        raise Problem(422, "unusable-file", error.zh, error.en) from None

    async def reports() -> AsyncIterator[str]:
        try:
            async with aclosing(roll_csv.take_in(counter.register, host_id, rows, actor, counter.at)) as told:
                async for report in told:
                    yield _line(report)
        except Exception as error:
            problem = of(error)
            if problem.status == 500:
                log.exception("an import failed")
            told_so = {"type": f"/problems/{problem.code}", "detail": problem.zh, "detail_en": problem.en}
            yield _line({"failed": told_so})

    return StreamingResponse(reports(), media_type="application/x-ndjson")


def _line(report: dict[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False) + "\n"


@router.get("/hosts/{host_id}/residents/export", responses=PRIVATE_READ, response_class=StreamingResponse)
async def export_residents(host_id: UUID, counter: AtCounter) -> StreamingResponse:
    """The roll as CSV, for host staff; no cell of it is a formula. Everybody on it counts as read."""
    counter.require_staff(host_id)
    actor = await counter.actor()

    async def lines() -> AsyncIterator[str]:
        yield roll_csv.heading()
        async for page in counter.register.export(host_id, actor, counter.at):
            yield "".join(roll_csv.line(person.entry) for person in page)

    disposition = {"Content-Disposition": 'attachment; filename="residents.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=disposition)


# One person


@router.get("/residents/{person_id}", responses=PRIVATE_READ)
async def read_resident(person_id: UUID, counter: AtCounter) -> Resident:
    """The whole record, for staff of the person's host and administrators. That they looked is recorded."""
    await counter.require_own_host(person_id, Role.ADMIN)
    person = await counter.register.read(person_id, await counter.actor(), counter.at)
    return Resident.of(person, await counter.erasures.reason(person_id))


@router.post("/residents/{person_id}/verification", status_code=204, responses=REGISTER, dependencies=NO_BODY)
async def verify_resident(person_id: UUID, counter: AtCounter) -> None:
    """Host staff have seen that somebody who entered themselves is who they say."""
    await counter.require_own_host(person_id)
    await counter.register.verify(person_id, await counter.actor(), counter.at)


@router.get("/residents/{person_id}/log", responses=PRIVATE_READ)
async def read_log(person_id: UUID, counter: AtCounter) -> list[LogEntry]:
    """Who looked at or changed this person's data, newest first: for auditors."""
    counter.require(Role.AUDITOR)
    return [LogEntry.model_validate(entry) for entry in await looks(counter.services.pool, person_id)]


@router.get("/me", responses=PRIVATE_READ)
async def read_me(counter: AtCounter) -> Resident:
    """Your own data, and whether your host has verified you."""
    person_id = await counter.own_id()
    return Resident.of(await counter.register.read(person_id, None, counter.at), None)


@router.get("/me/log", responses=PRIVATE_READ)
async def read_own_log(counter: AtCounter) -> list[Look]:
    """Who looked at or changed your data, newest first: in which function, not who in person."""
    person_id = await counter.own_id()
    await counter.register.host_of(person_id)
    return [Look.model_validate(entry) for entry in await looks(counter.services.pool, person_id)]


# Erasure


@router.post("/residents/{person_id}/hold", status_code=204, responses=REGISTER, dependencies=NO_BODY)
async def hold_resident(person_id: UUID, counter: AtCounter) -> None:
    """An auditor needs this person's data: until released, nobody erases them."""
    counter.require(Role.AUDITOR)
    await counter.register.host_of(person_id)
    await counter.erasures.hold(person_id, await counter.actor(), counter.at)


@router.delete("/residents/{person_id}/hold", status_code=204, responses=REGISTER)
async def release_resident(person_id: UUID, counter: AtCounter) -> None:
    """The data are needed no longer."""
    counter.require(Role.AUDITOR)
    await counter.register.host_of(person_id)
    await counter.erasures.release(person_id, await counter.actor(), counter.at)


@router.post("/residents/{person_id}/erasure", status_code=202, response_class=Response, responses=REGISTER)
async def request_erasure(person_id: UUID, body: Reason, counter: AtCounter) -> None:
    """An administrator asks to erase somebody for good; a second one has to confirm it."""
    counter.require(Role.ADMIN)
    await counter.register.host_of(person_id)
    await counter.erasures.request(person_id, body.reason, await counter.actor(), counter.at)


@router.post("/me/erasure", status_code=202, response_class=Response, responses=REGISTER)
async def request_own_erasure(body: Reason, counter: AtCounter) -> None:
    """Ask to be erased; an administrator has to confirm it."""
    person_id = await counter.own_id()
    await counter.register.host_of(person_id)
    await counter.erasures.request(person_id, body.reason, await counter.actor(), counter.at)


@router.post(
    "/residents/{person_id}/erasure/confirmation",
    status_code=202,
    response_class=Response,
    responses=REGISTER,
    dependencies=NO_BODY,
)
async def confirm_erasure(person_id: UUID, counter: AtCounter) -> None:
    """The second person confirms: from now on the person is gone, and their data and keys follow."""
    counter.require(Role.ADMIN)
    await counter.register.host_of(person_id)
    await counter.erasures.confirm(person_id, await counter.actor(), counter.at)
