"""Staff sign in to the console with the district's OpenID Connect provider: authorization code with PKCE (RFC 7636)."""

import asyncio
import secrets
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import jwt
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from infra.identity import InvalidToken, IssuerUnreachable, Verifier, document


@dataclass(frozen=True)
class Attempt:
    """What must be the same when the browser comes back."""

    state: str
    verifier: str
    nonce: str
    then: str


class SingleSignOn:
    """``client_secret``: None for a public client."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: str | None, verifier: Verifier, http: httpx.AsyncClient
    ) -> None:
        self._issuer, self._verifier, self._http = issuer.rstrip("/"), verifier, http
        self._client_id, self._secret = client_id, client_secret
        self._discovery: dict[str, Any] | None = None
        self._discovering = asyncio.Lock()

    async def begin(self, back: str, then: str) -> tuple[str, dict[str, str]]:
        """Where the browser goes, and what it keeps meanwhile."""
        client = WebApplicationClient(self._client_id)
        attempt = Attempt(secrets.token_urlsafe(32), client.create_code_verifier(64), secrets.token_urlsafe(32), then)
        address = client.prepare_request_uri(
            (await self._endpoints())["authorization_endpoint"],
            redirect_uri=back,
            scope="openid",
            state=attempt.state,
            code_challenge=client.create_code_challenge(attempt.verifier, "S256"),
            code_challenge_method="S256",
            nonce=attempt.nonce,
        )
        return str(address), asdict(attempt)

    async def finish(self, back: str, attempt: Attempt, state: str, code: str) -> str:
        """The provider's token for this person. ``InvalidToken`` where it is none of ours, or was not asked for."""
        if not secrets.compare_digest(state.encode(), attempt.state.encode()):
            raise InvalidToken("the answer is to another attempt")
        client, endpoint = WebApplicationClient(self._client_id), (await self._endpoints())["token_endpoint"]
        asked = client.prepare_request_body(
            code=code, redirect_uri=back, code_verifier=attempt.verifier, include_client_id=self._secret is None
        )
        proof = httpx.BasicAuth(self._client_id, self._secret) if self._secret else httpx.USE_CLIENT_DEFAULT
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._http.post(endpoint, content=asked, headers=form, auth=proof)
            if answer.is_server_error:
                answer.raise_for_status()
            tokens = client.parse_request_body_response(answer.text)
        except OAuth2Error as error:
            raise InvalidToken(f"the provider refuses the code: {error.error}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise IssuerUnreachable(f"the provider's tokens cannot be had: {error}") from error
        return await self._good_one(tokens, attempt.nonce)

    async def _good_one(self, tokens: dict[str, Any], nonce: str) -> str:
        """Some providers say the role in the one token, some in the other."""
        problems = []
        for name in ("id_token", "access_token"):
            token = str(tokens.get(name, ""))
            try:
                await self._verifier.verify(token)
            except InvalidToken as error:
                problems.append(f"{name}: {error}")
                continue
            if name == "id_token" and jwt.decode(token, options={"verify_signature": False}).get("nonce") != nonce:
                raise InvalidToken("the token was given to another attempt")
            return token
        raise InvalidToken("; ".join(problems))

    async def _endpoints(self) -> dict[str, Any]:
        async with self._discovering:
            if self._discovery is None:
                try:
                    self._discovery = await document(self._http, f"{self._issuer}/.well-known/openid-configuration")
                except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                    raise IssuerUnreachable(f"{self._issuer} cannot be reached: {error}") from error
            return self._discovery
