"""The console's pages: what a browser without JavaScript shows and sends."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from eventsourcing.utils import get_topic
from jinja2.ext import babel_extract

from api.console.words import ENGLISH, HAPPENED
from domain.petition.words import Phase
from domain.task import Status
from domain.wording import ZH
from projections import timeline
from tests.api.world import CLERK, World, resident


class Tab:
    """A browser's tab: keeps cookies, follows redirects, and sends the forms it was shown."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.html = client, ""

    async def open(self, address: str) -> httpx.Response:
        return self._shown(await self.client.get(address))

    async def send(self, address: str, **fields: str) -> httpx.Response:
        mark = re.search(r'name="mark" value="(\w+)"', self.html)
        assert mark, "there is no form on this page"
        return self._shown(await self.client.post(address, data={"mark": mark[1], **fields}))

    def _shown(self, answer: httpx.Response) -> httpx.Response:
        self.html = answer.text
        return answer


@pytest.fixture
async def tab(world: World) -> AsyncIterator[Tab]:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://yuetan", follow_redirects=True) as client:
        world.app.state.personas = world.issuer
        yield Tab(client)
        world.app.state.personas = None


async def test_everybody_reads_what_is_public_in_two_languages(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    hidden = (await world.collecting(topic="尚未公开的题目"))[-36:]
    await world.get(CLERK, path)  # until the board shows it
    answer = await tab.open("/")
    assert answer.status_code == 200
    assert "排涝改造" in tab.html
    assert hidden not in tab.html
    page = f"/petitions/{path[-36:]}"
    await tab.open(page)
    assert all(shown in tab.html for shown in ("路线图", "铺设排水管", "办理中", "期限如何算得", "区住建局"))
    await tab.open("/language/en")
    await tab.open(page)
    assert all(shown in tab.html for shown in ("Roadmap", "铺设排水管", "In progress", 'lang="en"'))
    await tab.open("/statistics?by=month")
    assert "Response rate" in tab.html
    for address in (f"/petitions/{hidden}", "/petitions/00000000-0000-0000-0000-000000000000"):
        assert (await tab.open(address)).status_code == 404
        assert 'role="alert"' in tab.html


async def test_a_persona_signs_once_and_signs_out(world: World, tab: Tab) -> None:
    path = await world.collecting(3)
    page = f"/petitions/{path[-36:]}"
    await tab.open(f"/sign-in?then={page}")
    await tab.send("/sign-in/persona", subject="resident-12", then=page)
    assert "我要联名" in tab.html
    await tab.send(f"{page}/co-signatures")
    assert "您已联名" in tab.html
    assert (await tab.send(f"{page}/co-signatures")).status_code == 409  # pressed twice
    assert "您已联名,每人一次,无需重复。" in tab.html
    await tab.open(page)
    await tab.send("/sign-out")
    assert (await tab.open(page)).status_code == 404  # a stranger is not shown what still collects


async def test_a_code_signs_in_and_a_wrong_one_says_so(world: World, tab: Tab) -> None:
    await tab.open("/sign-in")
    await tab.send("/sign-in", contact="138 0000 0042", then="/")
    assert "验证码已发送" in tab.html
    assert (await tab.send("/sign-in", contact="138 0000 0042", code="0", then="/")).status_code == 401
    assert "验证码无效或已过期" in tab.html
    assert (await tab.send("/sign-in", contact="no number", then="/")).status_code == 422


async def test_a_forged_form_does_nothing_and_nobody_is_sent_elsewhere(world: World, tab: Tab) -> None:
    path = await world.collecting(3)
    await tab.open("/sign-in")
    await tab.send("/sign-in/persona", subject="resident-12", then="//evil.example")
    assert str(tab.client.base_url) == "http://yuetan"
    forged = await tab.client.post(f"/petitions/{path[-36:]}/co-signatures", data={"mark": "0" * 32})
    assert forged.status_code == 403
    assert "表单已失效" in forged.text
    assert (await world.get(resident(1), path))["signatures"] == 3


async def test_without_personas_nobody_signs_in_as_one(world: World, tab: Tab) -> None:
    world.app.state.personas = None
    await tab.open("/sign-in")
    assert "试用身份" not in tab.html
    assert (await tab.send("/sign-in/persona", subject="clerk", then="/")).status_code == 404


async def test_no_script_but_our_own_files_runs(tab: Tab) -> None:
    answer = await tab.open("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for found in re.findall(r"<script([^>]*)>(.*?)</script>", tab.html, re.DOTALL):
        assert found[0].startswith(' src="/static/')
        assert found[1] == ""
    assert not re.search(r"\son\w+=|style=", tab.html)
    for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', tab.html):
        assert (await tab.client.get(file)).status_code == 200


def test_every_event_that_is_told_has_words() -> None:
    assert {get_topic(event) for told in (timeline.PUBLIC, timeline.HANDLERS) for event in told} <= HAPPENED.keys()


def test_every_word_of_the_pages_is_there_in_english() -> None:
    said = {*HAPPENED.values(), *(ZH[code] for code in (*Phase, "planned", *Status))}
    for file in Path("api/console/templates").iterdir():
        with file.open("rb") as opened:
            said |= {str(text) for _, _, text, _ in babel_extract(opened, ["_"], [], {})}
    assert len(said) > 100
    assert not {text for text in said if not ENGLISH.get(text)}
