"""What everybody reads: the list, a petition's page, the statistics; and what may run in them."""

import re

from tests.api.console.tab import Tab
from tests.api.world import CLERK, World


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
