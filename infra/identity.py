"""Who is asking: bearer tokens (JWT), from our own issuer or from a district's OpenID Connect provider.

Claims: ``sub`` (the person), ``role``, ``org`` (UUID of the host, post or unit the role is held for; absent where it
is held for none), and ``iss``, ``aud``, ``exp``. Only signatures with a private key count, never shared secrets.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.command import Role
from infra.sealing import secret

EMBEDDED_ISSUER = "yuetan"
AUDIENCE = "yuetan"
KEY_FILE = "tokens.key"  # in the keys folder
ALGORITHMS = ["EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]
LEEWAY = timedelta(seconds=30)
KEYS_LAST = 3600.0  # seconds: a key that the issuer withdrew is refused after this long
KEYS_REST = 10.0  # seconds between two looks for an unknown key: made-up key ids cannot flood the issuer
LONGEST_SUBJECT = 255


class InvalidToken(Exception):
    """The token proves nothing, and why."""


class IssuerUnreachable(Exception):
    """The issuer's keys cannot be had now; try again later."""


@dataclass(frozen=True)
class Identity:
    subject: str
    role: Role
    org: UUID | None = None


class Issuer:
    """Our own issuer, for an installation without an OpenID Connect provider. The key is made on first use."""

    def __init__(self, keys: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret(keys, KEY_FILE))
        public: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._key_id = str(public["x"])[:16]
        self._public = {**public, "kid": self._key_id, "alg": "EdDSA", "use": "sig"}

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._public]}

    def token(
        self, role: Role, subject: str, org: UUID | None = None, *, lifetime: timedelta = timedelta(days=1)
    ) -> str:
        now = datetime.now(UTC)
        claims: dict[str, Any] = {"iss": EMBEDDED_ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
        claims |= {"sub": subject, "role": role.value}
        if org:
            claims["org"] = str(org)
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._key_id})


class Verifier:
    """Turns a bearer token into an identity, or raises ``InvalidToken`` or ``IssuerUnreachable``."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        jwks: Mapping[str, Any] | None = None,
        http: httpx.AsyncClient | None = None,
        own: Issuer | None = None,
    ) -> None:
        self._issuer = issuer
        self._residents = Verifier.embedded(own) if own else None
        self._audience = audience
        self._http = http
        self._keys = _usable(jwks or {})
        self._fetched_at = -KEYS_LAST
        self._fetching = asyncio.Lock()

    @classmethod
    def embedded(cls, issuer: Issuer) -> Self:
        return cls(EMBEDDED_ISSUER, AUDIENCE, jwks=issuer.jwks())

    @classmethod
    def outside(cls, issuer_url: str, audience: str, http: httpx.AsyncClient, own: Issuer | None = None) -> Self:
        """Keys come from the provider's discovery document, at the first token and again as they change.

        ``own`` has signed in the residents, who are no users of the provider; its tokens make nobody anything else.
        """
        return cls(issuer_url, audience, http=http, own=own)

    @property
    def ours(self) -> bool:
        """Whether roles are granted here, and not by an outside issuer."""
        return self._http is None

    async def check(self) -> None:
        """Whether the issuer's keys can be had; raises ``IssuerUnreachable``."""
        if self._http is not None:
            await self._refresh(self._http, 0)

    async def verify(self, token: str) -> Identity:
        if self._residents and _issuer(token) == EMBEDDED_ISSUER:
            identity = await self._residents.verify(token)
            if identity.role != Role.RESIDENT:
                raise InvalidToken("our own tokens are for residents here")
            return identity
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["sub", "role", "iss", "aud", "exp"]},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from error
        return _identity(claims)

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if self._http is not None:
            known = key_id in self._keys or (not key_id and len(self._keys) == 1)
            try:
                await self._refresh(self._http, KEYS_LAST if known else KEYS_REST)
            except IssuerUnreachable:
                if not known:
                    raise
                # An issuer that is down for a while locks nobody out; tokens end by themselves.
                self._fetched_at = time.monotonic() - KEYS_LAST + KEYS_REST
        if not key_id and len(self._keys) == 1:  # OpenID Connect Core 1.0, section 10.1: then it need not be named
            return next(iter(self._keys.values()))
        try:
            return self._keys[key_id]
        except KeyError as error:
            raise InvalidToken("the token is signed with a key that its issuer does not publish") from error

    async def _refresh(self, http: httpx.AsyncClient, longest: float) -> None:
        async with self._fetching:
            if time.monotonic() - self._fetched_at < longest:
                return
            try:
                discovery = await document(http, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
                if discovery.get("issuer") != self._issuer:
                    raise IssuerUnreachable(f"{self._issuer} says that its issuer is {discovery.get('issuer')!r}")
                self._keys = _usable(await document(http, str(discovery.get("jwks_uri"))))
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise IssuerUnreachable(f"the keys of {self._issuer} cannot be read: {error}") from error
            self._fetched_at = time.monotonic()


def _issuer(token: str) -> str | None:
    """What the token says, not yet believed."""
    try:
        found = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError as error:
        raise InvalidToken(str(error)) from error
    return found if isinstance(found, str) else None


async def document(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    response = (await http.get(url)).raise_for_status().json()
    if not isinstance(response, dict):
        raise ValueError(f"{url} is no JSON object")
    return response


def _usable(jwks: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys that sign, by key id; what we cannot use is left out."""
    keys = {}
    for jwk in jwks.get("keys", ()):
        if jwk.get("use", "sig") == "sig":
            try:
                keys[str(jwk.get("kid", ""))] = jwt.PyJWK(jwk)
            except jwt.PyJWTError:
                continue
    return keys


def is_subject(text: str) -> bool:
    return 0 < len(text.strip()) <= len(text) <= LONGEST_SUBJECT and text.isprintable()


def _identity(claims: Mapping[str, Any]) -> Identity:
    subject, role, org = claims["sub"], claims["role"], claims.get("org")
    if not is_subject(subject):
        raise InvalidToken(f"the claim sub must have 1 to {LONGEST_SUBJECT} printable characters")
    try:
        identity = Identity(subject, Role(role), UUID(org) if org else None)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidToken(f"the claims role and org do not read: {error}") from error
    if identity.role == Role.WORKFLOW:
        raise InvalidToken("no token makes its bearer a workflow")
    return identity
