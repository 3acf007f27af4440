"""What goes wrong, as a page for people and as JSON for programs."""

import pytest

from tests.api.console.tab import Tab
from tests.api.world import World, somewhere

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/petitions/no-id", 404),
        ("GET", f"/petitions/{somewhere()}", 404),
        ("DELETE", "/statistics", 405),
        ("GET", "/?after=x", 422),
        ("GET", "/?cursor=x", 422),
        ("GET", "/?phase=x", 422),
        ("GET", "/s/22", 404),
    ],
)
async def test_people_get_a_page_with_a_way_on(tab: Tab, method: str, address: str, status: int) -> None:
    answer = await tab.client.request(method, address, headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert 'role="alert"' in answer.text
    assert 'href="/"' in answer.text
    assert '<html lang="zh-CN">' in answer.text
    tab.client.cookies.set("yuetan_language", "en")
    assert '<html lang="en">' in (await tab.client.request(method, address, headers=BROWSER)).text


@pytest.mark.parametrize("address", ["/nowhere", "/v1/nowhere", "/petitions/no-id"])
async def test_programs_get_json(tab: Tab, address: str) -> None:
    answer = await tab.client.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_the_api_speaks_json_to_browsers_too(tab: Tab) -> None:
    for address in ("/v1/nowhere", "/v1/petitions/no-id"):
        answer = await tab.client.get(address, headers=BROWSER)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_while_the_database_is_away_people_get_a_page(new_world: World, new_tab: Tab) -> None:
    await new_world.store.pool.execute("ALTER SCHEMA board RENAME TO away")
    answer = await new_tab.client.get("/", headers=BROWSER)
    assert answer.status_code == 503
    assert "再试一次" in answer.text
    await new_world.store.pool.execute("ALTER SCHEMA away RENAME TO board")
    await new_world.store.pool.execute("ALTER SCHEMA directory RENAME TO away")  # what a page asks by itself
    path = f"/petitions/{(await new_world.in_progress())[-36:]}"
    answer = await new_tab.client.get(path, headers=BROWSER)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Retry-After"] == "1"


async def test_what_nobody_foresaw_is_a_page_too_and_says_nothing(new_world: World, new_tab: Tab) -> None:
    new_world.app.state.now = None  # broken on purpose
    for address in ("/", "/petitions/00000000-0000-0000-0000-000000000000", "/feed.atom"):
        answer = await new_tab.client.get(address, headers=BROWSER)
        assert answer.status_code == 500
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "系统出错" in answer.text
        assert "NoneType" not in answer.text


async def test_pages_answer_to_head(tab: Tab) -> None:
    for address in ("/", "/statistics", "/sign-in", "/feed.atom"):
        answer = await tab.client.head(address)
        assert answer.status_code == 200
    assert (await tab.client.head(f"/petitions/{somewhere()}")).status_code == 404
