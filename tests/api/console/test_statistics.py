"""The statistics: charts that say in words what they show, tables with denominators, and files to take home."""

import re
from xml.etree import ElementTree

from tests.api.console.tab import Tab
from tests.api.world import CLERK, World


async def judged(world: World) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")


async def test_every_tab_has_its_figures_in_both_languages(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    for by in ("", "month", "host", "post", "unit"):
        assert (await tab.open(f"/statistics?by={by}")).status_code == 200
        assert "还没有" in tab.html, by  # nothing yet
    await judged(world)
    for _ in range(9):
        await world.accepted()
    await world.get(CLERK, "/v1/statistics", after=world.position)
    for by, said in (
        ("", ("各阶段的申请件数", "每一步用了多久", "—")),
        ("month", ("每月受理的申请", "2026-03")),
        ("host", ("划船社区", "<small>1 / 1</small>", "响应率、解决率和满意率")),
        ("post", ("区委书记", "<small>10 / 10</small>")),
        ("unit", ("区住建局", "区城管局", "不足十件", "都不足十件,不作比较。")),
    ):
        await tab.open(f"/statistics?by={by}&after={world.position}")
        for words in said:
            assert words in tab.html, (by, words)
        assert "style=" not in tab.html
        for svg in re.findall(r"<svg.*?</svg>", tab.html, re.DOTALL):
            chart = ElementTree.fromstring(svg)  # noqa: S314 - our own
            ids = {element.get("id") for element in chart}
            assert {*(chart.get("aria-labelledby") or "").split()} <= ids
            assert all(element.text for element in chart if element.tag in ("title", "desc"))
        assert ("<svg" in tab.html) == (by != "unit")
    await tab.open("/language/en")
    await tab.open("/statistics?by=host")
    assert "Response, resolution, satisfaction" in tab.html
    assert (await tab.open("/statistics?by=official")).status_code == 422


async def test_what_is_shown_can_be_downloaded(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    await judged(world)
    await world.accepted(category="conduct")
    await world.get(CLERK, "/v1/statistics", after=world.position)
    for role, petitions in ((None, 1), ("auditor", 2)):
        if role:
            await tab.open("/sign-in")
            await tab.send("/sign-in/persona", subject=role, then="/statistics")
        await tab.open("/statistics?by=post")
        files = re.findall(r'href="([^"]+)" download', tab.html)
        assert len(files) == 4
        for file in files:
            answer = await tab.client.get(file)
            assert "attachment" in answer.headers["Content-Disposition"], file
        figures = await tab.client.get("/statistics.json?by=post")
        assert figures.json()["petitions"] == petitions
        assert (await tab.client.get("/statistics.csv?by=post")).content.startswith("\ufeff".encode())
    assert (await tab.client.get("/statistics.xlsx")).status_code == 404
