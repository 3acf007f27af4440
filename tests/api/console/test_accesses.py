"""The auditor's page of who looked, and the signers' page of which offices did."""

from api.console import accesses
from api.console.words import ENGLISH
from domain.command import Role
from tests.api.console.tab import Tab
from tests.api.world import CLERK, World

THEIR_OWN = {"me", "own_log", "own_rejection", "own_signature", "my_part", "my_petitions", "readers"}  # residents'


async def test_an_auditor_finds_who_read_a_petition_and_is_found_too(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await world.get(CLERK, path)
    await world.get(world.host, f"{path}/documents")
    id = path[-36:]
    await tab.be("auditor", "/audit")
    assert 'href="/audit/accesses"' in tab.html
    await tab.open(f"/audit/accesses?petition={id}")
    assert "<td>查看文书目录</td>" in tab.html
    assert "社区(合作社)工作人员 · 划船社区" in tab.html
    await tab.open(f"/audit/accesses?petition={id}&role=clerk&act=petition&day=2026-03-02")
    assert tab.html.count("<td><time") == 1
    await tab.open(f"/audit/accesses?petition={id}&role=clerk&day=2026-03-03")
    assert "没有找到查阅记录。" in tab.html
    await tab.open("/audit/accesses?role=auditor&act=accesses")
    assert id[:8] in tab.html, "that these pages were read"
    assert (await tab.open("/audit/accesses?petition=x&by=y")).status_code == 422


async def test_who_signed_reads_which_offices_did_and_nobody_else_does(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await world.get(CLERK, f"{path}/history")
    page = f"/petitions/{path[-36:]}"
    await tab.bring(world.issuer.token(Role.RESIDENT, "resident-3"), page)
    assert f'href="{page}/readers"' in tab.html
    await tab.open(f"{page}/readers")
    assert '<time datetime="2026-03-02">2026-03-02</time></td><td>受理人员</td>' in tab.html
    await tab.bring(world.issuer.token(Role.RESIDENT, "resident-99"))
    assert (await tab.open(f"{page}/readers")).status_code == 404


def test_whatever_is_recorded_has_words_in_both_languages(world: World) -> None:
    routes = [methods["get"] for methods in world.app.openapi()["paths"].values() if "get" in methods]
    names = {route["operationId"] for route in routes if route.get("security")}
    acts = {name.removeprefix("read_").removeprefix("list_") for name in names}
    assert acts - THEIR_OWN <= accesses.ACTS.keys()
    assert not {text for text in accesses.words() if not ENGLISH.get(text)}
