"""Who stands before the people register: what they may there, and under which pseudonym it is written down."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from fastapi import Depends, Request

from api.deps import YUETAN, Key, Known, Services, Serving
from domain.command import Role
from domain.refusals import Forbidden, not_found
from infra.identity import Identity
from infra.register_log import Actor

REGISTER_SCOPE = uuid5(YUETAN, "register")  # of pseudonyms here: for whatever organisation somebody acts, one person


class Counter:
    """One person's business with the register: who they are, and whether they may."""

    def __init__(self, request: Request, services: Services, identity: Identity, key: str | None) -> None:
        self.services, self.identity, self.key = services, identity, key
        self.register, self.erasures = services.sign_in.register, services.erasures
        self.path = request.url.path
        self.at: datetime = request.app.state.now()

    async def actor(self) -> Actor:
        by = await self.services.people.pseudonym(self.identity.subject, REGISTER_SCOPE)
        return Actor(by, self.identity.role.value)

    def require(self, *roles: Role) -> None:
        if self.identity.role not in roles:
            raise _forbidden(*roles)

    def require_staff(self, host_id: UUID, *others: Role) -> None:
        self.require(Role.HOST_STAFF, *others)
        if self.identity.role == Role.HOST_STAFF and self.identity.org != host_id:
            raise _forbidden(Role.HOST_STAFF, *others)

    async def require_own_host(self, person_id: UUID, *others: Role) -> None:
        """Host staff of the person's own host, or one of the others; 404 where there is no such person."""
        self.require(Role.HOST_STAFF, *others)
        self.require_staff(await self.register.host_of(person_id), *others)

    async def own_id(self) -> UUID:
        """The person behind a resident's token."""
        self.require(Role.RESIDENT)
        await self.actor()  # refused once the person is to be erased
        try:
            return UUID(self.identity.subject)
        except ValueError:
            raise not_found("resident") from None

    async def new_id(self) -> UUID:
        """A random one; under an Idempotency-Key the same again, which nobody else can work out."""
        if self.key is None:
            return uuid4()
        return uuid5(YUETAN, f"{(await self.actor()).by} POST {self.path} {self.key}")


def _forbidden(*roles: Role) -> Forbidden:
    named = ", ".join(roles)
    return Forbidden(
        "forbidden",
        f"您的身份不能办理此事;可办理的身份:{named}(限本社区)。",
        f"Your role may not do this; it takes {named} of the host concerned.",
    )


async def _counter(request: Request, services: Serving, identity: Known, key: Key = None) -> Counter:
    return Counter(request, services, identity, key)


AtCounter = Annotated[Counter, Depends(_counter)]
