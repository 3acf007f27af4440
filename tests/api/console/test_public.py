"""What everybody reads: the list, a petition's page, the statistics; and what may run in them."""

import html
import re
from datetime import timedelta
from uuid import UUID
from xml.etree import ElementTree

from api.console import public
from domain.petition import Petition
from tests.api.console.tab import Tab
from tests.api.world import CLERK, DETAILS, TOPIC, World

ATOM = "{http://www.w3.org/2005/Atom}"


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


async def test_the_list_is_searched_and_filtered_and_says_what_to_do_when_it_is_empty(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await world.get(CLERK, path)
    link = f'href="/petitions/{path[-36:]}"'
    for query in ("", "?q=改造 排涝", "?phase=doing", f"?host_id={world.host.org}", "?phase=doing&category=grievance"):
        await tab.open(f"/{query}")
        assert link in tab.html, query
        assert "下一步:" in tab.html
    for query in ("?q=没有这样的事", "?phase=judging&urgent=true", "?q=排涝&category=advice"):
        assert (await tab.open(f"/{query}")).status_code == 200
        assert link not in tab.html, query
        assert "看全部申请" in tab.html
    await tab.open("/?q=%3Cscript%3E")
    assert "<script>" not in tab.html


async def test_every_page_of_the_list_is_reached_and_keeps_the_filters(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    for _ in range(public.PER_PAGE + 1):
        path = await world.accepted()
    await world.get(CLERK, path)
    seen: list[str] = []
    address = f"/?host_id={world.host.org}&phase=talking"
    while address:
        await tab.open(address)
        seen += re.findall(r'class="row" href="/petitions/([0-9a-f-]+)"', tab.html)
        following = re.search(r'href="([^"]+)" rel="next"', tab.html)
        address = html.unescape(following[1]) if following else ""
        assert not address or "phase=talking" in address
    assert len(seen) == len(set(seen)) > public.PER_PAGE


async def test_the_story_says_which_unit_did_what_and_what_comes_next_by_when(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    first, second = await world.publish(path)
    await world.post(world.officer, f"{first}/claim")
    await world.post(world.officer, f"{first}/progress", percent=40, note="过半。")
    await world.post(world.other_officer, f"{second}/objection", reason="非本局职责。", basis="三定方案")
    await world.post(world.official, f"{second}/mandate", unit_id=str(world.officer.org), reason="由住建局主办。")
    await world.post(world.officer, f"{second}/completion", report="已清运。")
    page = f"/petitions/{path[-36:]}"
    await tab.open(f"{page}?after={world.position}")
    for said in (
        "“清运淤泥”交区城管局主办",
        "区住建局认领“铺设排水管”",
        "区住建局报告“铺设排水管”已完成40%",
        "区城管局对“清运淤泥”提出异议",
        "“清运淤泥”指派给区住建局",
        "区住建局报告“清运淤泥”办结,待核实",
        "区委书记签收",
        '<svg class="gantt"',
        "区住建局最迟3月23日完成“铺设排水管”。",
    ):
        assert said in tab.html, said
    await tab.open("/language/en")
    await tab.open(page)
    assert "区住建局 claims “铺设排水管”" in tab.html
    assert "区住建局 completes “铺设排水管” by 23 March." in tab.html
    world.clock.at += timedelta(days=30)
    await tab.open(page)
    assert "Overdue" in tab.html


async def test_the_front_page_counts_what_it_lists(new_world: World, new_tab: Tab) -> None:
    for path in (await new_world.accepted(), await new_world.in_progress(), await new_world.in_progress()):
        await new_world.get(CLERK, path)
    await new_world.collecting()
    await new_world.accepted(category="conduct")
    await new_world.get(CLERK, "/v1/statistics")
    await new_tab.open("/")
    assert "开会与路线图 <small>1</small>" in new_tab.html
    assert "办理中 <small>2</small>" in new_tab.html
    assert new_tab.html.count('class="row"') == 3


async def test_of_progress_in_a_day_the_page_tells_the_last_and_the_data_all(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    first, second = await world.publish(path)
    for task, officer in ((first, world.officer), (second, world.other_officer)):
        await world.post(officer, f"{task}/claim")
    for percent in (10, 20):
        await world.post(world.officer, f"{first}/progress", percent=percent, note="有进展。")
    await world.post(world.other_officer, f"{second}/progress", percent=30, note="有进展。")
    world.clock.at += timedelta(days=1)
    await world.post(world.other_officer, f"{second}/progress", percent=40, note="有进展。")
    page = f"/petitions/{path[-36:]}"
    await tab.open(f"{page}?after={world.position}")
    assert re.findall(r"已完成(\d+)%", tab.html) == ["40", "30", "20"]
    events = (await tab.client.get(f"{page}/petition.json")).json()["history"]
    assert len([event for event in events if event["type"] == "task.ProgressReported"]) == 4


async def test_what_residents_judged_is_shown_with_its_denominators_and_no_text_as_written(
    world: World, tab: Tab
) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes", 1, 2, 3, 4)
    await world.judge(path, "partly", 5, 6)
    page = f"/petitions/{path[-36:]}"
    await tab.open(f"{page}?after={world.position}")
    assert "正在评价,邀请 10 人" in tab.html
    assert '<svg class="shares"' not in tab.html
    world.clock.at += timedelta(days=15)
    await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
    await tab.open(f"{page}?after={world.position}")
    for said in ("已解决 <b>4</b>", "部分解决 <b>2</b>", "未解决 <b>0</b>", "未评价 <b>4</b>", "邀请 10 人,6 人评价"):
        assert said in tab.html, said
    assert DETAILS not in tab.html
    assert "议事厅" not in tab.html
    assert "/documents/" not in tab.html


async def test_who_signed_reads_papers_and_gets_the_calendar(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await world.post(world.official, f"{path}/acknowledgement")
    starts_at = world.clock.at + timedelta(days=1)
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=starts_at.isoformat(), venue="议事厅")
    page = f"/petitions/{path[-36:]}"
    await tab.open("/sign-in")
    await tab.send("/sign-in/persona", subject="resident-2", then=f"{page}?after={world.position}")
    await tab.open(f"{page}?after={world.position}")
    assert "议事厅" in tab.html
    calendar = await tab.client.get(f"/meetings/{meeting['id']}/calendar.ics")
    assert calendar.headers["Content-Type"].startswith("text/calendar")
    (paper,) = re.findall(rf'href="({page}/documents/[^"]+\.pdf)"', tab.html)
    assert (await tab.client.get(paper)).content.startswith(b"%PDF")
    data = (await tab.client.get(f"{page}/petition.json")).json()
    assert data["petition"]["topic"] == TOPIC
    await tab.send("/sign-out")
    assert (await tab.client.get(paper)).status_code == 404
    assert (await tab.client.get(f"{page}/petition.json")).json()["petition"]["topic"] is None


async def test_feeds_are_atom_and_tell_only_what_is_public(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await world.get(CLERK, path)
    hidden = (await world.collecting())[-36:]
    await tab.open("/sign-in")
    await tab.send("/sign-in/persona", subject="clerk", then="/")  # a feed is the same for everybody
    for address in ("/feed.atom", f"/petitions/{path[-36:]}/feed.atom"):
        answer = await tab.client.get(address)
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        feed = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
        for element in (feed, *feed.iter(f"{ATOM}entry")):
            for name in ("id", "title", "updated"):
                found = element.find(f"{ATOM}{name}")
                assert found is not None
                assert found.text
        ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
        assert len(ids) == len(set(ids)) > 0
        assert hidden not in answer.text
        assert DETAILS not in answer.text
        again = await tab.client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert "交区住建局主办" in answer.text
    assert (await tab.client.get(f"/petitions/{hidden}/feed.atom")).status_code == 404


async def test_one_follows_by_email_on_a_page_of_its_own(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await world.get(CLERK, path)
    page = f"/petitions/{path[-36:]}/follow"
    await tab.open(page[: -len("/follow")])
    assert f'href="{page}"' in tab.html
    await tab.open(page)
    assert (await tab.fill(page, email="nobody")).status_code == 422
    await tab.fill(page, email="mei@example.cn")
    code = world.outbox.sent[-1][1].split("验证码 ")[1][:6]
    assert (await tab.fill(page, code="x")).status_code in (401, 422)
    await tab.fill(page, code=code)
    assert "已关注" in tab.html
    hidden = (await world.collecting())[-36:]
    assert (await tab.open(f"/petitions/{hidden}/follow")).status_code == 404
