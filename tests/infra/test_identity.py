import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from domain.command import Role
from infra import identity
from infra.identity import Identity, InvalidToken, Issuer, IssuerUnreachable, Verifier

PROVIDER = "https://login.district.example"


async def test_a_token_of_our_own_issuer_tells_person_role_and_organisation(tmp_path: Path) -> None:
    issuer, org = Issuer(tmp_path), uuid4()
    seen = await Verifier.embedded(issuer).verify(issuer.token(Role.UNIT_OFFICER, "officer-1", org))
    assert seen == Identity("officer-1", Role.UNIT_OFFICER, org)


async def test_a_token_outlives_a_restart(tmp_path: Path) -> None:
    token = Issuer(tmp_path).token(Role.RESIDENT, "r1")
    assert (await Verifier.embedded(Issuer(tmp_path)).verify(token)).subject == "r1"


def test_the_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    Issuer(tmp_path / "keys")
    assert [file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()] == [0o600]


@pytest.mark.parametrize(
    "forge",
    [
        lambda mine, other: other.token(Role.ADMIN, "r1"),
        lambda mine, other: mine.token(Role.RESIDENT, "r1", lifetime=timedelta(minutes=-1)),
        lambda mine, other: mine.token(Role.WORKFLOW, "r1"),
        lambda mine, other: mine.token(Role.RESIDENT, ""),
        lambda mine, other: mine.token(Role.RESIDENT, "x" * 256),
        lambda mine, other: mine.token(Role.RESIDENT, "r1")[:-4] + "AAAA",
        lambda mine, other: jwt.encode(_claims(identity.EMBEDDED_ISSUER), "", algorithm="none"),
        lambda mine, other: "not a token",
    ],
    ids=["other key", "expired", "workflow", "nobody", "long name", "altered", "unsigned", "rubbish"],
)
async def test_a_token_that_proves_nothing_is_refused(tmp_path: Path, forge: Callable[[Issuer, Issuer], str]) -> None:
    issuer = Issuer(tmp_path / "mine")
    with pytest.raises(InvalidToken):
        await Verifier.embedded(issuer).verify(forge(issuer, Issuer(tmp_path / "other")))


class Provider:
    """A district's OpenID Connect provider, as seen over HTTP."""

    def __init__(self) -> None:
        self.up = True
        self.looks = 0
        self.keys: dict[str, RSAPrivateKey] = {}
        self.add("first")
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def add(self, key_id: str) -> None:
        self.keys[key_id] = generate_private_key(65537, 2048)

    def token(self, key_id: str, **claims: Any) -> str:
        return jwt.encode(_claims(PROVIDER) | claims, self.keys[key_id], "RS256", headers={"kid": key_id})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("no route", request=request)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": PROVIDER, "jwks_uri": f"{PROVIDER}/keys"})
        self.looks += 1
        public = jwt.algorithms.RSAAlgorithm.to_jwk
        keys = [public(key.public_key(), as_dict=True) | {"kid": name} for name, key in self.keys.items()]
        return httpx.Response(200, json={"keys": [*keys, {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}]})


def _claims(issuer: str) -> dict[str, Any]:
    exp = datetime.now(UTC) + timedelta(hours=1)
    return {"iss": issuer, "aud": "yuetan", "sub": "r1", "role": "resident", "exp": exp}


@pytest.fixture
async def provider() -> Provider:
    return Provider()


async def test_an_outside_providers_token_is_checked_against_its_published_keys(provider: Provider) -> None:
    verifier = Verifier.outside(PROVIDER, "yuetan", provider.http)
    seen = await asyncio.gather(*(verifier.verify(provider.token("first")) for _ in range(20)))
    assert set(seen) == {Identity("r1", Role.RESIDENT)}
    assert provider.looks == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody else"},
        {"iss": "https://evil.example"},
        {"role": "king"},
        {"role": None},
        {"org": "17"},
        {"sub": 7},
        {"sub": " "},
        {"sub": "\ud800"},
    ],
    ids=str,
)
async def test_an_outside_token_with_wrong_claims_is_refused(provider: Provider, claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await Verifier.outside(PROVIDER, "yuetan", provider.http).verify(provider.token("first", **claims))


async def test_a_shared_secret_that_a_provider_publishes_signs_nothing(provider: Provider) -> None:
    forged = jwt.encode(_claims(PROVIDER), b"secret" * 6, "HS256", headers={"kid": "shared"})
    with pytest.raises(InvalidToken):
        await Verifier.outside(PROVIDER, "yuetan", provider.http).verify(forged)


async def test_a_new_key_is_found_but_made_up_key_ids_do_not_flood_the_provider(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier.outside(PROVIDER, "yuetan", provider.http)
    await verifier.verify(provider.token("first"))
    provider.add("second")
    for _ in range(5):
        with pytest.raises(InvalidToken, match="does not publish"):
            await verifier.verify(provider.token("second"))
    assert provider.looks == 1
    monkeypatch.setattr(identity, "KEYS_REST", 0.0)
    assert (await verifier.verify(provider.token("second"))).subject == "r1"


async def test_a_withdrawn_key_is_refused_once_the_keys_are_read_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier.outside(PROVIDER, "yuetan", provider.http)
    token = provider.token("first")
    await verifier.verify(token)
    provider.keys.clear()
    monkeypatch.setattr(identity, "KEYS_LAST", 0.0)
    with pytest.raises(InvalidToken, match="does not publish"):
        await verifier.verify(token)


async def test_an_unreachable_provider_is_not_the_bearers_fault(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier.outside(PROVIDER, "yuetan", provider.http)
    provider.up = False
    with pytest.raises(IssuerUnreachable):
        await verifier.verify(provider.token("first"))
    provider.up = True
    await verifier.verify(provider.token("first"))
    provider.up = False
    monkeypatch.setattr(identity, "KEYS_LAST", 0.0)
    assert (await verifier.verify(provider.token("first"))).subject == "r1"


async def test_beside_a_provider_our_own_tokens_are_for_residents_alone(provider: Provider, tmp_path: Path) -> None:
    own, stranger = Issuer(tmp_path / "own"), Issuer(tmp_path / "other")
    verifier = Verifier.outside(PROVIDER, "yuetan", provider.http, own=own)
    assert (await verifier.verify(provider.token("first"))).role
    assert await verifier.verify(own.token(Role.RESIDENT, "person")) == Identity("person", Role.RESIDENT)
    for forged in (own.token(Role.ADMIN, "person"), stranger.token(Role.RESIDENT, "person"), "no token"):
        with pytest.raises(InvalidToken):
            await verifier.verify(forged)
    with pytest.raises(InvalidToken):  # unless we are told to trust them
        await Verifier.outside(PROVIDER, "yuetan", provider.http).verify(own.token(Role.RESIDENT, "person"))
