"""One engine, one town and one browser for all; people are tabs in contexts of their own."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.api.console.tab import Tab
from tests.browser.town import POLICY, Petition, Town
from tests.programs import Program, district, new_folder, program

PHONE, DESK = 390, 1440
FLAGS = "headless no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
PATIENCE_MS = 15_000
Person = Callable[..., Awaitable[Page]]


@dataclass
class Site:
    engine: Program
    url: str
    town: Town
    petitions: dict[str, Petition]  # by the phase they stand in

    async def code(self, contact: str) -> str:
        """The one-time code that the engine has just sent there, as its own console shows it."""
        assert self.engine.process.stdout
        async with asyncio.timeout(PATIENCE_MS / 1000):
            async for line in self.engine.process.stdout:
                if found := re.search(rf"to …{contact[-4:]}: .*?(\d{{6}})", line.decode()):
                    return found[1]
        raise AssertionError("the engine is gone")

    @asynccontextmanager
    async def tab(self, subject: str | None) -> AsyncIterator[Tab]:
        """A browser without a screen, signed in as a persona."""
        async with httpx.AsyncClient(base_url=self.url, follow_redirects=True, timeout=60) as client:
            tab = Tab(client)
            if subject:
                await tab.open("/sign-in")
                answer = await tab.send("/sign-in/persona", subject=subject, then="/")
                assert answer.status_code == 200, answer.text
            yield tab


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    with new_folder() as folder:
        (folder / "policy.toml").write_text(POLICY, "utf-8")
        up = ("up", "--data-dir", folder / "data", "--port", "0", "--policy", folder / "policy.toml")
        async with program(*up) as engine, district(engine.url, folder / "data" / "keys") as people:
            town = await Town.founded(people)
            yield Site(engine, engine.url, town, await town.settled())


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    found = shutil.which("chromium")
    assert found, "the browser tests need Debian's package chromium: `make test` installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=[f"--{flag}" for flag in FLAGS.split()])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with browsing() as browser:
        yield browser


async def new_page(
    chromium: Browser, site: Site, subject: str | None = None, width: int = DESK, *, scripts: bool = True
) -> Page:
    """A tab of somebody's own browser; closing its context ends it."""
    context = await chromium.new_context(
        base_url=site.url,
        viewport={"width": width, "height": 900},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE_MS)
    if subject:
        async with site.tab(subject) as tab:
            cookies = tab.client.cookies.items()
        await context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in cookies])
    return await context.new_page()


@pytest.fixture
async def person(chromium: Browser, site: Site) -> AsyncIterator[Person]:
    """``person(subject, width, scripts=…)`` opens a browser of that persona; nobody's without a subject."""
    async with AsyncExitStack() as stack:

        async def come(subject: str | None = None, width: int = DESK, *, scripts: bool = True) -> Page:
            page = await new_page(chromium, site, subject, width, scripts=scripts)
            stack.push_async_callback(page.context.close)
            return page

        yield come
