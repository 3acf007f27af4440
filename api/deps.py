"""What routes are given: who asks, the services, and the desk that carries a command to its aggregate and back."""

import hmac
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID, uuid4, uuid5

import asyncpg
from eventsourcing.domain import Aggregate
from fastapi import Depends, Header, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from api.front import Metrics
from api.problems import Problem, unauthenticated
from api.schemas import Nothing
from domain.command import Command, Role, seen_version
from domain.petition import Petition
from domain.policy import Policy
from domain.refusals import Forbidden, Invalid, NotFound, Refusal, Stale, conflict_of_interest, not_found
from domain.rulebook import Rules
from infra import policies
from infra.appointments import Appointments
from infra.calendar_feeds import CalendarFeeds
from infra.correspondents import Correspondents
from infra.drafts import Drafts
from infra.erasure import Erasures
from infra.event_store import EventStore
from infra.files import Files
from infra.identity import Identity, InvalidToken, Verifier
from infra.outbound import Outbound
from infra.people import People
from infra.rejections import Rejections
from infra.repository import Outcome, Repository, owner_of
from infra.sealing import Keyring
from infra.sign_in import SignIn
from infra.slips import Slips
from infra.tickets import Tickets
from projections.board import Viewer
from projections.projector import Positions
from projections.webhook_sender import Secrets

T = TypeVar("T")
C = TypeVar("C")

YUETAN = UUID("6d1f0c3e-0b52-5d0a-9a57-79756574616e")  # the namespace of our command ids
STAFF = uuid5(YUETAN, "staff")  # the pseudonyms of those who act for no organisation
OPENING = uuid5(YUETAN, "opening")  # of a resident, before the petition has an id
PATIENCE_SECONDS = 10.0
UNCOUNTED = "Report."  # commands: that somebody reports retaliation is to be seen nowhere

# The argument of a command, and the field of the body that named it.
NAMED_BY = {
    "org": "org_id",
    "from_post": "from_post_id",
    "host": "host_id",
    "unit": "unit_id",
    "delegate": "delegate_id",
    "post": "post_id",
    "to": "to_post_id",
    "regulator": "regulator_id",
    "into": "into",
    "duplicate_of": "duplicate_of",
}


@dataclass(frozen=True)
class Services:
    """``checks``: further parts that /readyz tells of, by name; each answers with what it knows or raises."""

    pool: asyncpg.Pool
    store: EventStore
    repository: Repository
    keyring: Keyring
    files: Files
    people: People
    verifier: Verifier
    appointments: Appointments
    policy: Policy
    tickets: Tickets
    calendar_feeds: CalendarFeeds
    sign_in: SignIn
    erasures: Erasures
    correspondents: Correspondents
    slips: Slips
    drafts: Drafts
    rejections: Rejections
    positions: Positions
    metrics: Metrics
    outbound: Outbound
    webhook_secrets: Secrets
    checks: Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]]
    now: Callable[[], datetime]

    async def rules(self) -> Rules:
        """The policies and the calendar as they stand now. ``policy`` is the file that this process was started with:
        whoever decides gets the policy of the matter from the writer."""
        return await policies.rules(self.repository, self.policy)


async def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Serving = Annotated[Services, Depends(_services)]

# Who asks. (Every dependency is a coroutine: FastAPI would send a plain function to a thread, on each request.)

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="`yuetan token` prints one.")


async def _anyone(
    request: Request, services: Serving, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> Identity | None:
    if credentials is None:
        if "Authorization" in request.headers:
            raise unauthenticated("invalid_request")
        return None
    try:
        identity = await services.verifier.verify(credentials.credentials)
    except InvalidToken:
        raise unauthenticated("invalid_token") from None
    if services.verifier.ours and await services.appointments.revoked(identity.subject, identity.role, identity.org):
        raise unauthenticated("invalid_token")
    request.state.role = identity.role.value
    request.state.identity = identity
    return identity


async def _known(identity: Annotated[Identity | None, Depends(_anyone)]) -> Identity:
    if identity is None:
        raise unauthenticated()
    return identity


Anyone = Annotated[Identity | None, Depends(_anyone)]
Known = Annotated[Identity, Depends(_known)]


def viewer(services: Services, identity: Identity | None) -> Viewer:
    at = services.now()
    return Viewer(identity.role.value, identity.org, at) if identity else Viewer(at=at)


async def pseudonym(services: Services, identity: Identity, matter_id: UUID) -> str:
    """A resident's differs from petition to petition; staff are known to themselves by their organisation."""
    scope = matter_id if identity.role == Role.RESIDENT else identity.org or STAFF
    return await services.people.pseudonym(identity.subject, scope)


async def require_on_roll(services: Services, subject: str, host_id: UUID) -> None:
    """Whoever opens or signs a petition lives, owns or works where its host is, or is a member of it: they stand on its
    roll, and nobody found that false. Not yet verified, they count provisionally. For whom the register does not know,
    a district's own issuer vouches: nobody signs in with a code without being on a roll."""
    try:
        found = await services.sign_in.register.standing(UUID(subject))
    except ValueError:
        return
    if found is not None and found != (host_id, True):
        raise Forbidden(
            "not-on-this-roll",
            "您不在该社区(合作社)名册上,或登记已被认定不实。可先到社区登记、核实。",
            "You are not on this host's roll, or your entry was found false: have the host enter or verify you.",
        )


async def conflicted(services: Services, identity: Identity, petition: Petition) -> bool:
    """Whether a member of staff has recused themselves, or has signed it as a resident."""
    if await pseudonym(services, identity, petition.id) in petition.recused:
        return True
    mine = await services.people.as_resident(identity.subject, petition.id)
    return any(petition.signers.get(by) for by in mine)


def public_base(request: Request) -> str:
    """What the links begin with that people are given."""
    return request.app.state.public_url or str(request.base_url).rstrip("/")


# Commands

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="The same key and body: the same answer, and nothing happens twice.",
    ),
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description='The `ETag` that the decision is based on, such as `"5"`.')
]


def _version(if_match: str | None) -> int | None:
    """Versions are the only tags we give out: any other matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'"(\d{1,18})"', if_match.strip(), re.ASCII)
    return int(match[1]) if match else -1


class Desk:
    """Takes one person's command to one aggregate, and sets the headers of the answer."""

    def __init__(
        self,
        request: Request,
        response: Response,
        services: Services,
        identity: Identity,
        key: str | None,
        if_match: int | None,
    ) -> None:
        self.request, self.response, self.services, self.identity = request, response, services, identity
        self.key, self.if_match = key, if_match

    async def command(self, matter_id: UUID) -> Command:
        """Who asks, when, and by which command: a retry under the same key has the same id.

        The id is made from a pseudonym, so that nobody who reads the log can try out subjects and keys on it.
        """
        by = await pseudonym(self.services, self.identity, matter_id)
        what = f"{by} {self.request.method} {self.request.url.path} {self.key}"
        return Command(
            id=uuid5(YUETAN, what) if self.key else uuid4(),
            by=by,
            role=self.identity.role,
            at=self.request.app.state.now(),
            policy=self.services.policy,
            org=self.identity.org,
        )

    async def opening(self) -> tuple[UUID, Command]:
        """A new petition's id, and the command under the pseudonym that its lead petitioner has in it."""
        petition_id, cmd = await self.registering()
        return petition_id, replace(cmd, by=await pseudonym(self.services, self.identity, petition_id))

    async def registering(self) -> tuple[UUID, Command]:
        """The id and the command of what is created at the request's own address; sets its Location."""
        cmd = await self.command(OPENING)
        id = uuid5(cmd.id, "created")
        self.response.headers["Location"] = f"{self.request.url.path}/{id}"
        return id, cmd

    async def require_on_roll(self, host_id: UUID) -> None:
        if self.identity.role == Role.RESIDENT:
            await require_on_roll(self.services, self.identity.subject, host_id)

    def require_version(self, aggregate: Aggregate) -> None:
        """For a command that is carried out on another aggregate than the one whose version was sent."""
        if self.if_match not in (None, seen_version(aggregate)):
            raise Stale(
                "stale", "内容已有更新,请刷新后再办理。", "It has changed: read it again, then decide.", "If-Match"
            )
        self.if_match = None

    async def address(self, cmd: Command, petition_id: UUID) -> None:
        """Before a resident signs: where they can be told of the petition. Of no use to whoever did not sign."""
        if cmd.role == Role.RESIDENT:
            await self.services.correspondents.remember(petition_id, cmd.by, self.identity.subject)

    async def execute(
        self,
        method: Callable[..., Any],
        id: UUID,
        view: Callable[[Any], T],
        *,
        cmd: Command | None = None,
        matter_id: UUID | None = None,
        texts: Mapping[str, str | None] | None = None,
        also: Mapping[str, Any] | None = None,
        said: bytes | None = None,
        **arguments: Any,
    ) -> T:
        """Carry out one command; the answer is ``view`` of the aggregate as the command left it.

        ``texts`` are sealed for the matter (the aggregate itself, unless another is given) and passed on by name.
        ``said``: what makes two requests the same, where it is not the body.
        """
        if self.if_match is not None and inspect.ismethod(method):
            raise Stale("stale", "新建的内容还没有版本。", "What is yet to be created has no version.", "If-Match")
        matter_id = matter_id or id
        if self.identity.role != Role.RESIDENT and method is not Petition.recuse:
            await self._require_no_conflict(matter_id)
        cmd = cmd or await self.command(matter_id)
        for name, text in (texts or {}).items():
            arguments[name] = text and await self.services.keyring.seal(matter_id, cmd.by, text)
        result = "failed"
        try:
            outcome: Outcome[tuple[int, T]] = await self.services.repository.execute(
                method,
                id,
                cmd,
                also=also,
                digest=await self._digest(said),
                if_match=self.if_match,
                view=lambda aggregate: (seen_version(aggregate), view(aggregate)),
                origin=f"request {self.request.state.request_id}",
                **arguments,
            )
            result = "repeated" if outcome.repeated else "accepted"
        except Refusal as refusal:
            result = refusal.code
            if isinstance(refusal, NotFound) and refusal.field in NAMED_BY:
                raise _unknown_reference(refusal, NAMED_BY[refusal.field]) from None
            raise
        finally:
            name = f"{owner_of(method).__name__}.{method.__name__}"
            if not name.startswith(UNCOUNTED):
                self.services.metrics.commands.labels(name, result).inc()
        version, seen = outcome.view
        self.response.headers["ETag"] = f'"{version}"'
        self.response.headers["Yuetan-Position"] = str(outcome.position)
        return seen

    async def _require_no_conflict(self, matter_id: UUID) -> None:
        try:
            petition = await self.services.repository.get(Petition, matter_id)
        except NotFound:
            return
        if self.identity.org in petition.kept_from:
            raise not_found("petition")  # it is about them: to them it is not there
        if await conflicted(self.services, self.identity, petition):
            raise conflict_of_interest()

    async def get(self, cls: type[Aggregate], id: UUID) -> Any:
        return await self.services.repository.get(cls, id)

    async def require(self, cls: type[Aggregate], ids: Sequence[UUID], field: str) -> None:
        """Each of several that the body names must exist: the writer leaves out those that do not."""
        for id in ids:
            try:
                await self.get(cls, id)
            except NotFound as refusal:
                raise _unknown_reference(refusal, field) from None

    async def _digest(self, said: bytes | None) -> bytes | None:
        """Of the body, under the client's key: kept to compare, and of no use to whoever reads the database."""
        if self.key is None:
            return None
        return hmac.digest(self.key.encode(), await self.request.body() if said is None else said, "sha256")


def _unknown_reference(refusal: NotFound, field: str) -> Invalid:
    """The address is right; what the body names does not exist."""
    return Invalid("unknown-reference", refusal.zh, refusal.en, field)


async def _desk(
    request: Request,
    response: Response,
    services: Serving,
    identity: Known,
    key: Key = None,
    if_match: IfMatch = None,
) -> Desk:
    return Desk(request, response, services, identity, key, _version(if_match))


AtDesk = Annotated[Desk, Depends(_desk)]


async def _nothing(body: Nothing = Nothing()) -> None:  # noqa: B008 - read so that a field in it is refused
    pass


NO_BODY = [Depends(_nothing)]

# Reading


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = Field(description="The `cursor` of the following page; null on the last.")


NO_SUCH_CURSOR = Problem(
    422, "invalid-cursor", "分页游标无效,请从第一页开始。", "No such cursor: begin again.", "?cursor"
)


class Paging:
    def __init__(self, request: Request, response: Response, cursor: str | None, limit: int) -> None:
        self._request, self._response = request, response
        self.cursor, self.limit = cursor, limit

    def read(self, kind: Callable[[str], C]) -> C | None:
        """The cursor as the query wants it."""
        try:
            return None if self.cursor is None else kind(self.cursor)
        except ValueError:
            raise NO_SUCH_CURSOR from None

    def page(self, items: Sequence[T], following: object) -> Page[T]:
        cursor = None if following is None else str(following)
        if cursor is not None:
            link = self._request.url.include_query_params(cursor=cursor)
            self._response.headers["Link"] = f'<{link.path}?{link.query}>; rel="next"'
        return Page(items=list(items), next=cursor)


def position(text: str) -> int:
    """A place in the log, as a cursor or an event id: what PostgreSQL holds in a bigint."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ValueError
    return int(text)


async def _paging(
    request: Request,
    response: Response,
    cursor: Annotated[
        str | None, Query(max_length=200, pattern=r"^[\x20-\x7e]*$", description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Paging:
    return Paging(request, response, cursor, limit)


Paged = Annotated[Paging, Depends(_paging)]

After = Annotated[
    int | None,
    Query(ge=0, le=2**63 - 1, description="Wait until this `Yuetan-Position` is shown: read your own write."),
]


def caught_up(*read_models: str) -> Any:
    """Have a route wait, for a while, until these read models show the position that the client asks for."""

    async def wait(services: Serving, after: After = None) -> None:
        if after is not None:
            await require_shown(services, after, *read_models, field="?after")

    return Depends(wait)


async def require_shown(services: Services, position: int, *read_models: str, field: str | None = None) -> None:
    """Wait, for a while, until these read models have this position."""
    if not await services.positions.wait_for(position, PATIENCE_SECONDS, *read_models):
        raise Problem(
            503,
            "not-caught-up",
            "刚才的办理尚未显示,请稍后再查看。",
            "This position is not shown yet: ask again in a moment.",
            field,
            headers={"Retry-After": "1"},
        )
