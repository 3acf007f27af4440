"""Staff sign in at the district's identity provider."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from oidc_provider_mock import User

from infra.identity import Verifier
from infra.single_sign_on import SingleSignOn
from tests.api.console.tab import Tab
from tests.api.world import World


@pytest.fixture(scope="module")
def provider(shared_world: World) -> Iterator[str]:
    people = [
        User(sub="wang", claims={"role": "host_staff", "org": str(shared_world.host.org)}),
        User(sub="visitor", claims={}),
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def office(world: World, tab: Tab, provider: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tab]:
    """The console of a district that has a provider."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # a provider in earnest has a certificate
    before = world.app.state.services
    async with httpx.AsyncClient() as http:
        verifier = Verifier.outside(provider, "console", http, own=world.issuer)
        world.app.state.services = replace(before, verifier=verifier)
        world.app.state.personas = None
        world.app.state.single_sign_on = SingleSignOn(provider, "console", "its secret", verifier, http)
        yield tab
    world.app.state.services, world.app.state.single_sign_on = before, None


async def at_the_provider(tab: Tab, subject: str) -> str:
    """Follow the sign-in button, be that person there; the address that the provider sends the browser back to."""
    await tab.open("/sign-in?then=/desk")
    link = re.search(r'href="(/sign-in/provider[^"]*)"', tab.html)
    assert link
    gone = await tab.client.get(link[1], follow_redirects=False)
    assert parse_qs(urlsplit(gone.headers["Location"]).query)["code_challenge_method"] == ["S256"]
    async with httpx.AsyncClient() as elsewhere:
        back = await elsewhere.post(gone.headers["Location"], data={"sub": subject})
    return back.headers["Location"]


async def test_staff_sign_in_with_their_office_account(office: Tab) -> None:
    assert (await office.open(await at_the_provider(office, "wang"))).status_code == 200
    assert "待办" in office.html
    assert "试用身份" not in office.html
    assert (await office.open("/desk")).status_code == 200


async def test_without_a_role_nobody_gets_in(office: Tab) -> None:
    assert (await office.open(await at_the_provider(office, "visitor"))).status_code == 401
    assert "核对您的角色和单位" in office.html


async def test_an_answer_that_was_not_asked_for_signs_nobody_in(office: Tab) -> None:
    answer = await at_the_provider(office, "wang")
    office.client.cookies.clear()  # in somebody else's browser
    assert (await office.open(answer)).status_code == 401
    assert (await office.open(re.sub("state=[^&]*", "state=made-up", answer))).status_code == 401
    await at_the_provider(office, "wang")
    assert (await office.open("/sign-in/provider/answer?code=made-up&state=made-up")).status_code == 401
    assert "/sign-out" not in office.html


async def test_where_there_is_no_provider_staff_have_a_token(world: World, tab: Tab) -> None:
    await tab.open("/sign-in")
    assert (await tab.fill("/sign-in/token", token="rubbish")).status_code == 401
    await tab.open("/sign-in")
    token = world.issuer.token(world.host.role, world.host.subject, world.host.org)
    await tab.fill("/sign-in/token", token=token, then="/desk")
    assert "待办" in tab.html
    assert (await tab.open("/sign-in/provider")).status_code == 404
