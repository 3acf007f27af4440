"""How petitions go, as auditors and supervisors see it: the map, the waits, and what they may take with them."""

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.api.console.tab import Tab
from tests.api.world import AUDITOR, World


async def looked_at(world: World, tab: Tab, role: str = "auditor") -> str:
    path = await world.roadmap()
    world.clock.at += timedelta(days=3)
    await world.finish(await world.publish(path))
    await world.get(AUDITOR, "/v1/process")  # until the read models show it
    await tab.be(role, "/process")
    return path


async def test_the_map_says_what_it_shows_and_the_table_beside_it_says_all(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    await tab.be("auditor", "/process")
    assert "没有这样的申请。" in tab.html
    path = await looked_at(world, tab)
    await tab.open("/process")
    (svg,) = re.findall(r"<svg.*?</svg>", tab.html, re.DOTALL)
    assert (await tab.client.get("/process/map.svg")).text == svg
    drawn = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert {*(drawn.get("aria-labelledby") or "").split()} <= {element.get("id") for element in drawn}
    assert "style=" not in tab.html
    said = [text.text for text in drawn.iter() if text.tag.endswith("text")]
    for step in ("予以受理", "公布时间表、路线图", "交办任务", "核实销号"):
        assert step in said
    assert "3 天" in said  # from the meeting to the roadmap
    arrows = (await world.get(AUDITOR, "/v1/process"))["arrows"]
    assert tab.html.count('<th scope="row">') == len(arrows)
    assert {"previous": "task.Offered", "step": "task.Claimed", "count": 2, "median_seconds": 0} in arrows
    await tab.open("/language/en")
    await tab.open(f"/process?host_id={world.host.org}&paths=5")
    assert "The 5 most frequent paths are shown." in tab.html
    assert "Process map</title>" in tab.html
    await tab.open("/process?phase=lapsed")
    assert "There is no such petition." in tab.html
    assert path[-36:] not in tab.html


async def test_waits_handovers_and_comparisons_are_told_with_who(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path = await looked_at(world, tab)
    await tab.open("/process?tab=waits")
    assert re.search(rf'<td>3 天</td><th scope="row"><a href="/audit{path[3:]}\?at=\d+">排涝改造</a>', tab.html)
    await tab.open("/process?tab=handovers")
    assert re.search(r'<th scope="row">区委书记</th><td>区住建局</td><td>1</td><td>1</td>', tab.html)
    assert "行交给列" in tab.html
    await tab.open("/process?tab=organisations")
    assert re.search(r'<th scope="row">区住建局 <small>不足十件</small></th><td>1</td><td>2</td>', tab.html)
    await tab.open("/process?tab=departures")
    assert "1 件申请中有 0 件出现" in tab.html


async def test_a_step_out_of_course_is_shown_with_what_might_have_come(new_world: World, new_tab: Tab) -> None:
    """(The aggregates never let one happen: as if the log had lost the claim.)"""
    world, tab = new_world, new_tab
    task, _ = await world.publish(await world.roadmap())
    await world.post(world.officer, f"{task}/claim")
    assert (await world.get(AUDITOR, "/v1/process/departures"))["items"] == []
    lost = "UPDATE process.subjects SET states = '{task.status:offered}' WHERE id = $1"
    await world.store.pool.execute(lost, task[-36:])
    await world.post(world.officer, f"{task}/completion", report="已完成。")
    (departure,) = (await world.get(AUDITOR, "/v1/process/departures"))["items"]
    assert (departure["step"], departure["states"]) == ("task.Completed", ["task.status:offered"])
    assert {"task.Claimed", "task.Objected"} <= set(departure["allowed"])
    await tab.be("auditor", "/process?tab=departures")
    assert "1 件申请中有 1 件出现" in tab.html
    assert "待认领" in tab.html


async def test_auditors_take_files_with_them_and_supervisors_do_not(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    await looked_at(world, tab)
    files = re.findall(r'href="([^"]+)" download', tab.html)
    assert len(files) == 4
    for file in files:
        answer = await tab.client.get(file)
        assert answer.status_code == 200
        assert answer.content
    assert "attachment" in answer.headers["Content-Disposition"]
    assert (await tab.client.get("/process/files/ocel?phase=closed")).json()["events"] == []
    await tab.be("supervisor", "/process?tab=waits")
    assert "download" not in tab.html
    assert "/audit/petitions/" not in tab.html
    for what in ("ocel", "xes", "model"):
        assert (await tab.client.get(f"/process/files/{what}")).status_code == 403


@pytest.mark.parametrize("role", ["clerk", "resident-1"])
async def test_nobody_else_sees_it(world: World, tab: Tab, role: str) -> None:
    await tab.be(role, "/")
    assert (await tab.open("/process")).status_code == 403
