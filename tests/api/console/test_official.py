"""The called official: one press to acknowledge, the roadmap row by row, the answer."""

import re
from datetime import timedelta

from tests.api.console.tab import Tab
from tests.api.world import CLERK, SUPERVISOR, Person, World


def in_days(world: World, days: int) -> str:
    return (world.clock.at + timedelta(days=days)).date().isoformat()


async def another(world: World, name: str, kind: str) -> Person:
    """A post for which nothing waits yet."""
    post = await world.register("posts", name, kind)
    return world.official._replace(org=post)


async def come(world: World, tab: Tab, who: Person, then: str = "/") -> None:
    await tab.bring(world.issuer.token(who.role, who.subject, who.org), then)


async def sign_in(world: World, tab: Tab) -> None:
    await world.get(CLERK, "/v1/inbox")  # until the read models show it
    await tab.be(f"official-{world.official.org}", "/desk")


async def test_a_call_is_acknowledged_with_one_press(world: World, tab: Tab) -> None:
    mayor = await another(world, "区长", "government")
    path = await world.accepted(called_post_ids=[str(mayor.org)])
    await world.get(CLERK, "/v1/inbox")
    await come(world, tab, mayor, "/desk")
    assert "请签收约谈" in tab.html
    form = tab.html
    for _ in range(2):
        tab.html = form
        assert (await tab.fill(f"/do/acknowledgement/{path[-36:]}")).status_code == 200
        assert "已签收。" in tab.html
        assert "请签收约谈" not in tab.html
    assert (await world.get(CLERK, path))["acknowledged"] == [str(mayor.org)]


async def test_a_roadmap_is_drawn_up_row_by_row(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    await sign_in(world, tab)
    await tab.open(f"/do/roadmap/{path[-36:]}?then=/desk")
    lead, other = str(world.officer.org), str(world.other_officer.org)
    row = {"tasks-0-title": "铺设排水管", "tasks-0-lead_unit_id": lead, "tasks-0-due_on": in_days(world, 20)}
    await tab.fill("/do/roadmap", **row, more="yes")
    assert 'value="铺设排水管"' in tab.html
    assert 'name="tasks-1-title"' in tab.html
    assert (await world.get(world.official, path))["phase"] == "roadmap"
    second = {"tasks-1-title": "清运淤泥", "tasks-1-lead_unit_id": other, "tasks-1-due_on": in_days(world, -1)}
    await tab.fill("/do/roadmap", **second, more="yes")
    await tab.fill("/do/roadmap", **{"tasks-2-title": "写错的一行", "tasks-2-struck": "yes"}, more="yes")
    terms: dict[str, str | list[str]] = {"tasks-0-cost_fen": "1234.5", "tasks-0-vote_needed": "yes"}
    terms["tasks-0-supporting_unit_ids"] = [other]
    answer = await tab.fill(**terms)
    assert answer.status_code == 422
    assert 'id="wrong-tasks-1-due_on">完成日期须晚于今天。' in tab.html
    assert 'id="wrong-tasks-0-due_on"' not in tab.html
    await tab.fill(**{"tasks-1-due_on": in_days(world, 9)})
    assert "路线图已公布。" in tab.html
    first, second = (await world.get(world.official, path))["tasks"]
    assert (first["title"], first["cost_fen"], first["vote_needed"]) == ("铺设排水管", 123450, True)
    assert (first["lead_unit_id"], first["supporting_unit_ids"]) == (lead, [other])
    assert (second["title"], second["due_on"], second["vote_needed"]) == ("清运淤泥", in_days(world, 9), False)


async def test_a_roadmap_begins_with_what_was_promised_and_is_revised_with_a_reason(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    unit, due_on = str(world.officer.org), in_days(world, 9)
    (meeting,) = (await world.get(world.official, path))["meetings"]
    commitments = [{"what": "加装水泵两台", "unit_id": unit, "due_on": due_on}]
    body = {"minutes": "年内完成。", "commitments": commitments}
    await world.send(world.host, "PUT", f"/v1/meetings/{meeting['id']}/minutes", body)
    await sign_in(world, tab)
    await tab.open(f"/do/roadmap/{path[-36:]}")
    assert 'value="加装水泵两台"' in tab.html
    await tab.fill("/do/roadmap")
    (task,) = (await world.get(world.official, path))["tasks"]
    await tab.open(f"/do/roadmap-revision/{path[-36:]}")
    await tab.fill("/do/roadmap-revision", more="yes")
    row = {"tasks-1-title": "清运淤泥", "tasks-1-lead_unit_id": unit, "tasks-1-due_on": due_on}
    assert (await tab.fill(**row)).status_code == 422
    assert 'id="wrong-reason"' in tab.html
    await tab.fill(reason="汛期提前。")
    tasks = (await world.get(world.official, path))["tasks"]
    assert [found["title"] for found in tasks] == ["加装水泵两台", "清运淤泥"]
    assert tasks[0]["id"] == task["id"]


async def test_an_expired_session_loses_no_row(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    await sign_in(world, tab)
    await tab.open(f"/do/roadmap/{path[-36:]}")
    tab.client.cookies.clear()
    row = {"tasks-0-title": "铺设𠮷巷排水管🌧", "tasks-0-lead_unit_id": str(world.officer.org)}
    assert (await tab.fill(**row)).status_code == 401
    await tab.fill("/sign-in/persona", subject=f"official-{world.official.org}")
    assert 'value="铺设𠮷巷排水管🌧"' in tab.html
    await tab.fill(**{"tasks-0-due_on": in_days(world, 5)})
    assert (await world.get(world.official, path))["phase"] == "in_progress"


async def test_an_answer_is_given_and_what_cannot_be_answered_yet_is_refused_in_words(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await sign_in(world, tab)
    page = f"/do/response/{path[-36:]}"
    await tab.open(f"{page}?then=/desk")
    await tab.fill(outcome="interim", text="已开工。")
    assert "答复已作出。" in tab.html
    await tab.open(page)
    assert (await tab.fill(outcome="done", text="已完工。")).status_code == 409
    assert "还有任务未核实销号" in tab.html
    assert "已完工。</textarea>" in tab.html
    assert (await tab.fill(outcome="planned")).status_code == 422
    assert 'id="wrong-due_on"' in tab.html
    await tab.fill(outcome="planned", due_on=in_days(world, 90))
    assert (await world.get(world.official, path))["phase"] == "answered"


async def test_another_official_is_refused_in_words(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    stranger = await another(world, "副区长", "government")
    await world.get(CLERK, path)
    await come(world, tab, stranger, f"/petitions/{path[-36:]}")
    assert "/do/roadmap/" not in tab.html
    await tab.open("/desk")
    assert "目前没有待办事项。" in tab.html
    await tab.open(f"/do/acknowledgement/{path[-36:]}")
    assert (await tab.fill("/do/acknowledgement")).status_code == 403
    assert 'role="alert"' in tab.html


async def test_the_desk_says_how_much_waits_and_what_is_overdue(world: World, tab: Tab) -> None:
    mayor = await another(world, "区长", "government")
    path = await world.accepted(called_post_ids=[str(mayor.org)])
    await world.get(CLERK, path)
    await come(world, tab, mayor, "/desk")
    assert re.search(r"待办</dt><dd>1<.*已逾期</dt><dd>0<.*本周到期</dt><dd>1<", tab.html, re.DOTALL)
    assert "划船社区 · 联名 10 · 已受理" in tab.html
    world.clock.at += timedelta(days=8)
    await come(world, tab, mayor, "/desk")
    assert re.search(r"已逾期</dt><dd>1<.*本周到期</dt><dd>0<", tab.html, re.DOTALL)
    assert "逾期 5 天" in tab.html
    assert (await world.get(mayor, "/v1/inbox/figures")) == {"waiting": 1, "overdue": 1, "soon": 0}
    assert (await world.read(None, "/v1/inbox/figures")).status_code == 401


async def test_a_reply_is_drafted_revised_and_signed_off(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await sign_in(world, tab)
    await tab.open(f"/do/reply/{path[-36:]}")
    await tab.fill(outcome="explained", text="已答复居民。")
    assert "答复稿已保存,待签发。" in tab.html
    draft = re.search(r"/do/reply-revision/([0-9a-f-]{36})", tab.html)
    assert draft
    await tab.open(f"/do/reply-revision/{draft[1]}")
    assert "已答复居民。</textarea>" in tab.html
    await tab.fill(text="已当面答复居民𠮷。")
    stranger = await another(world, "副区长", "government")
    page = tab.html
    await come(world, tab, stranger)
    assert (await tab.open(f"/replies/{draft[1]}")).status_code == 403
    assert "答复稿只供牵头职务查看。" in tab.html
    assert "已当面答复" not in tab.html
    await sign_in(world, tab)
    await tab.open(f"/replies/{draft[1]}")
    assert "已当面答复居民𠮷。" in page
    form = tab.html
    for _ in range(2):
        tab.html = form
        assert (await tab.fill("/do/sign-off")).status_code == 200
        assert "答复已签发。" in tab.html
    assert (await world.get(world.official, path))["phase"] == "answered"
    await tab.open(f"/do/discarding/{draft[1]}")
    assert (await tab.fill("/do/discarding")).status_code == 409


async def test_a_draft_waits_on_the_desk_until_it_is_discarded(world: World, tab: Tab) -> None:
    mayor = await another(world, "区长", "government")
    path = await world.accepted(called_post_ids=[str(mayor.org)])
    draft = await world.post(mayor, f"{path}/replies", text="作废的稿。", interim=True)
    await world.get(mayor, f"{path}/replies")
    await world.get(mayor, "/v1/inbox")
    await come(world, tab, mayor, "/desk")
    assert f"/replies/{draft['id']}" in tab.html
    await tab.open(f"/replies/{draft['id']}")
    await tab.fill("/do/discarding")
    assert "答复稿已作废。" in tab.html
    assert "/do/sign-off" not in tab.html
    await tab.open("/desk")
    assert f"/replies/{draft['id']}" not in tab.html


async def test_the_petitions_page_offers_what_can_be_done_now(world: World, tab: Tab) -> None:
    path = await world.accepted()
    other = await world.register("posts", "区人大主任", "party_committee")
    page = f"/petitions/{path[-36:]}"
    await sign_in(world, tab)
    await tab.open(f"/do/delegation/{path[-36:]}")
    await tab.fill(delegate_id=str(other))
    assert "已委托。" in tab.html
    assert "/do/delegation" not in tab.html
    assert "/do/resumption" not in tab.html
    await tab.open(f"/do/suspension/{path[-36:]}")
    await tab.fill(reason="等待上级批复。")
    assert "/do/suspension" not in tab.html
    await tab.fill("/do/resumption")
    assert "已恢复办理。" in tab.html
    await tab.open(f"/do/extension/{path[-36:]}")
    assert (await tab.fill(days="400", reason="须多部门联合整治。")).status_code == 422
    assert 'id="wrong-days"' in tab.html
    await tab.fill(days="10")
    assert "延期已申请,待批准。" in tab.html
    await tab.be("supervisor", f"/do/extension-approval/{path[-36:]}")
    await tab.fill("/do/extension-approval")
    assert (await world.get(world.official, path))["extended_days"] == 10
    await tab.open(page)
    assert "/do/extension/" not in tab.html


async def test_a_supervision_order_is_answered(world: World, tab: Tab) -> None:
    mayor = await another(world, "区长", "government")
    path = await world.accepted(called_post_ids=[str(mayor.org)])
    await world.post(SUPERVISOR, f"{path}/supervision-orders", order="三日内报送整改措施。")
    await world.get(mayor, "/v1/inbox")
    await come(world, tab, mayor, "/desk")
    assert "督办通知" in tab.html
    await tab.open(f"/do/supervision-answer/{path[-36:]}?then=/desk")
    await tab.fill(report="已制定措施。")
    assert "督办已回复。" in tab.html
    assert "督办通知" not in tab.html


async def test_ones_record_has_denominators_and_nobody_else(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    page = await world.get(world.official, path)
    await world.finish([f"/v1/tasks/{task['id']}" for task in page["tasks"]])
    await world.feedback(path)
    await world.judge(path, "yes")
    other = await another(world, "区政协主席", "consultative_conference")
    await world.get(CLERK, "/v1/statistics")
    await tab.be(f"official-{world.official.org}", "/record")
    assert "区委书记 · 本职务记录" in tab.html
    assert f'href="/petitions/{path[-36:]}"' in tab.html
    assert "应答复" in tab.html
    assert "区政协主席" not in tab.html
    await come(world, tab, other, "/record")
    assert "本职务还没有被约谈的申请。" in tab.html
    assert path[-36:] not in tab.html
