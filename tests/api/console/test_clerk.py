"""The clerk's pages: what awaits admission, the public text, the decisions; and who may do none of it."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from domain.command import Role
from domain.petition import Petition
from tests.api.console.tab import Tab
from tests.api.test_sign_in import register
from tests.api.world import CLERK, DETAILS, TOPIC, Person, World, resident

PAGE = "/admissibility"


async def submitted(world: World, tab: Tab, **changes: object) -> str:
    """The working page's address of a petition that awaits admission; a clerk has signed in."""
    path = await world.submitted(**changes)
    await world.get(CLERK, path)  # until the read models show it
    await tab.be("clerk")
    return f"{PAGE}/{path[-36:]}"


def api(page: str) -> str:
    return f"/v1/petitions/{page[-36:]}"


async def test_what_is_urgent_comes_first_then_what_is_due_soonest(world: World, tab: Tab) -> None:
    first = await submitted(world, tab, topic="先提交的题目")
    world.clock.at += timedelta(days=1)
    second = await submitted(world, tab, topic="后提交的题目", category="conduct")
    await tab.open(PAGE)
    assert tab.html.index(first) < tab.html.index(second)
    shown = ("先提交的题目", "划船社区", "尚无", "不公开", "还剩 14 天", "还剩 15 天")
    assert all(words in tab.html for words in shown)
    await world.post(CLERK, f"{api(second)}/urgency", reason="汛期将至。")
    await world.get(CLERK, api(second))
    await tab.open(PAGE)
    assert tab.html.index(second) < tab.html.index(first)
    await tab.open(f"{PAGE}?category=conduct")
    assert second in tab.html
    assert first not in tab.html
    await tab.open(f"{PAGE}?host_id={world.officer.org}")
    assert "目前没有。" in tab.html
    world.clock.at += timedelta(days=16)
    await tab.open("/sign-in")
    await tab.be("clerk")
    await tab.open(PAGE)
    assert "逾期 2 天" in tab.html


async def test_the_list_goes_on_where_its_page_ended(new_world: World) -> None:
    paths = []
    for n in range(5):
        paths.append(await new_world.submitted(topic=f"第{n}题"))
        new_world.clock.at += timedelta(days=1)
    await new_world.post(CLERK, f"{paths[3]}/urgency", reason="汛期将至。")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await new_world.get(CLERK, "/v1/caseload/submitted", limit=2, **cursor)
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [paths[n][-36:] for n in (3, 0, 1, 2, 4)]
    (row,) = await new_world.get(CLERK, "/v1/caseload")
    assert (row["phase"], row["petitions"], row["urgent"], row["overdue"], row["next_id"]) == (
        "submitted",
        5,
        1,
        0,
        paths[3][-36:],
    )
    for wrong in ("1", "true|x|1", "maybe|infinity|1", "true|infinity|99999999999999999999"):
        assert (await new_world.read(CLERK, "/v1/caseload/submitted", cursor=wrong)).status_code == 422


async def test_what_may_lead_to_a_person_is_marked_and_what_is_issued_is_read(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(page)
    assert "<mark>张阿婆<small> 姓名或称呼</small></mark>" in tab.html
    assert "<mark>三幢<small> 门牌号</small></mark>" in tab.html
    assert f'<textarea id="details" name="details" rows="10" required>\n{DETAILS}</textarea>' in tab.html
    draft = {"topic": "排涝改造", "details": "请致电 13800000001。<b>"}
    answer = await tab.fill("/do/public-text", **draft)  # as if checked first: nothing is done by looking
    assert answer.status_code == 200
    assert "公开文本已发布" in tab.html
    assert "<mark>13800000001<small> 电话号码</small></mark>。&lt;b&gt;" in tab.html
    assert (await world.get(CLERK, api(page)))["public_topic"] == "排涝改造"


async def test_a_draft_is_checked_without_being_issued_and_is_not_lost(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(page)
    draft = {"topic": "排涝改造", "details": "王阿姨反映积水。"}
    await tab.send(page, **draft)
    assert "<mark>王阿姨<small>" in tab.html
    assert "王阿姨反映积水。</textarea>" in tab.html
    assert (await world.get(CLERK, api(page)))["public_topic"] is None
    answer = await tab.send(page, topic="排涝改造", details=" ")
    assert answer.status_code == 422
    assert "请填写内容" in tab.html
    assert (await tab.client.post(page, data={"mark": "0" * 32, **draft})).status_code == 403
    await tab.open(page)
    form = tab.html
    tab.client.cookies.clear()
    tab.html = form
    assert (await tab.send(page, **draft)).status_code == 401
    await tab.fill("/sign-in/persona", subject="clerk")
    assert "王阿姨反映积水。</textarea>" in tab.html
    await tab.fill(details="居民反映积水。")
    assert (await world.get(CLERK, api(page)))["public_details"] == "居民反映积水。"


async def test_accepted_once_with_what_it_sets_in_motion(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(page)
    assert all(shown in tab.html for shown in ("3月5日", "3月16日", "5月1日", "公开文本尚未发布"))
    form = tab.html
    for _ in range(2):
        tab.html = form
        assert (await tab.fill("/do/acceptance")).status_code == 200
        assert "已受理,应约领导已获通知" in tab.html
        assert page not in tab.html
    assert (await world.get(CLERK, api(page)))["phase"] == "accepted"
    # On a page that still shows it waiting.
    tab.html = form
    answer = await tab.send(f"/do/rejection/{page[-36:]}", reason_code="other", explanation="已另行处理。", key="k")
    assert answer.status_code == 409
    assert "已另行处理。</textarea>" in tab.html
    await tab.open(page)
    assert "/do/acceptance" not in tab.html


async def test_rejected_with_a_reason_and_what_belongs_to_it_alone(world: World, tab: Tab) -> None:
    other = await submitted(world, tab)
    page = await submitted(world, tab, topic=TOPIC + "(再次)")
    form = f"/do/rejection/{page[-36:]}?then={PAGE}"
    await tab.open(form)
    assert all(reason in tab.html for reason in ("应走法定途径", "没有具体题目", "与另一件申请重复"))
    assert other[-36:] in tab.html
    answer = await tab.fill(reason_code="duplicate", explanation="与前一件相同。")
    assert answer.status_code == 422
    assert re.search(r'id="wrong-duplicate_of"', tab.html)
    await tab.fill(reason_code="duplicate", duplicate_of=other[-36:], route="court")
    assert "已决定不予受理" in tab.html
    rejection = (await world.get(CLERK, api(page)))["rejection"]
    assert (rejection["reason_code"], rejection["duplicate_of"]) == ("duplicate", other[-36:])
    assert (rejection["route"], rejection["explanation"]) == (None, "与前一件相同。")
    await tab.open(page)
    assert "与前一件相同。" in tab.html


async def test_nobody_else_reads_or_decides(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(page)
    form = tab.html
    official, officer, resident = (f"official-{world.official.org}", f"unit_officer-{world.officer.org}", "resident-1")
    for subject in (f"host_staff-{world.host.org}", official, officer, resident):
        await tab.be(subject)
        assert (await tab.open(PAGE)).status_code == 403
        assert (await tab.open(page)).status_code in (403, 404)
        assert (await tab.open(f"{page}/similar")).status_code in (403, 404)
        await tab.open("/")
        assert (await tab.send(f"/do/acceptance/{page[-36:]}", key="k")).status_code in (403, 404)
        assert (await tab.send(page, topic="试", details="张阿婆")).status_code in (200, 403, 404)
        assert "<mark>" not in tab.html
    tab.html = form
    assert (await tab.fill("/do/acceptance")).status_code == 403  # an old page of a clerk's
    assert (await tab.fill(f"/do/acceptance/{page[-36:]}")).status_code == 403  # and as shown anew
    tab.client.cookies.clear()
    for address in (PAGE, page):
        await tab.open(address)
        assert 'action="/sign-in' in tab.html
    assert (await world.get(CLERK, api(page)))["phase"] == "submitted"


async def test_an_auditor_reads_and_decides_nothing(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.be("auditor")
    assert (await tab.open(page)).status_code == 200
    assert "/do/" not in tab.html
    assert (await tab.open(PAGE)).status_code == 200


async def test_a_clerk_who_has_recused_themselves_reads_it_no_more(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await world.post(Person(CLERK.role, "clerk"), f"{api(page)}/recusal")
    assert (await tab.open(page)).status_code == 403
    assert TOPIC not in tab.html


async def test_two_petitions_are_compared_and_one_merged_into_the_other(world: World, tab: Tab) -> None:
    accepted = (await world.accepted(topic="排涝改造请求", details="每逢暴雨积水很深,车辆无法通行。"))[-36:]
    page = await submitted(world, tab, topic="划船社区积水", details="车辆无法通行:每逢暴雨积水很深!")
    await tab.open(f"{page}/compare?other=http://yuetan/petitions/{accepted}")
    assert '<mark class="shared">每逢暴雨积水很深</mark>' in tab.html
    assert '<mark class="shared">车辆无法通行</mark>' in tab.html
    assert tab.html.count("<mark") == 4
    link = re.search(r'href="(/do/merge/[^"]+)"', tab.html)
    assert link
    await tab.open(link[1].replace("&amp;", "&"))
    await tab.fill(into=accepted)
    assert "已提请联名人表决" in tab.html
    assert "并入另一件申请:表决中" in tab.html
    (ballot,) = (await world.get(CLERK, api(page)))["ballots"]
    assert (ballot["question"], ballot["into_id"]) == ("merging", accepted)
    # Only while nothing else is asked, and never into one that is not accepted.
    await tab.open(f"{page}/compare/{page[-36:]}")
    assert "不能并入" in tab.html
    await tab.open(f"/do/merge/{page[-36:]}?other={accepted}&into={accepted}")
    assert (await tab.fill(into=accepted)).status_code == 409
    for wrong in ("", "没有", "00000000-0000-0000-0000-000000000000"):
        assert (await tab.open(f"{page}/compare?other={wrong}")).status_code == 404
    await tab.be(f"official-{world.official.org}")  # who has the other one in hand, and not this one
    assert (await tab.open(f"{page}/compare/{accepted}")).status_code == 404


async def test_split_referred_and_the_receipt_entered(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(f"/do/split/{page[-36:]}?then={page}")
    await tab.fill(
        topic="排涝", details="积水。", other_topic="路灯", other_details="不亮。", other_category="grievance"
    )
    assert "等待发起人同意" in tab.html
    assert "路灯" in tab.html
    await tab.open(f"/do/referral/{page[-36:]}?then={page}")
    answer = await tab.fill(explanation="属市级规划。")
    assert answer.status_code == 422
    assert 'id="wrong-to"' in tab.html
    answer = await tab.fill(to="市自然资源和规划局", unit_id=str(world.officer.org))
    assert answer.status_code == 422
    await tab.fill(unit_id="")
    assert "转送〔2026〕" in tab.html
    assert "回执尚未登记" in tab.html
    await tab.open("/desk")
    assert f'href="/do/receipt/{page[-36:]}?then=/desk"' in tab.html
    await tab.open(f"/do/receipt/{page[-36:]}?then={page}")
    assert (await tab.fill(number="甬资规收1号", received_by="信访处", received_on="2026-12-31")).status_code == 422
    await tab.fill(received_on="2026-03-02")
    assert "甬资规收1号 · 信访处" in tab.html
    assert "/do/receipt" not in tab.html


async def test_cases_of_other_systems_are_linked_found_and_removed(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(f"/do/link/{page[-36:]}?then={page}")
    assert (await tab.fill(system="热线", number="NB1")).status_code == 422
    await tab.fill(system="12345", number="nb2026 0001")
    assert "<b>NB20260001</b>" in tab.html
    await tab.open(f"{PAGE}/find?system=12345&number=NB20260001")
    assert "情况属实。" in tab.html  # the host's opinion
    assert f"/do/public-text/{page[-36:]}" in tab.html
    for wrong in ("NB2", "", "../../petitions"):
        assert (await tab.open(f"{PAGE}/find?number={wrong}")).status_code == 404
    await tab.open(page)
    link = re.search(r'href="(/do/link-removal/[^"]+)"', tab.html)
    assert link
    await tab.open(link[1].replace("&amp;", "&"))
    await tab.fill(reason="关联有误。")
    assert "没有关联的案号" in tab.html
    assert (await tab.open(f"/do/link-removal/{page[-36:]}?link_id=..")).status_code == 200
    assert (await tab.fill(reason="试。")).status_code in (404, 405, 422)
    await tab.be(f"official-{world.official.org}")
    assert (await tab.open(f"{PAGE}/find?number=NB20260001")).status_code == 403


async def test_urgent_and_no_longer(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(f"/do/urgency/{page[-36:]}?then={page}")
    await tab.fill(reason="消防通道被堵。")
    assert "已标为紧急" in tab.html
    assert "/do/urgency-lifting" in tab.html
    await tab.open(f"/do/urgency/{page[-36:]}?then={page}")
    assert (await tab.fill(reason="再标一次。")).status_code == 409
    await tab.open(f"/do/urgency-lifting/{page[-36:]}?then={page}")
    await tab.fill(reason="已清障。")
    assert "已解除紧急" in tab.html
    assert (await world.get(CLERK, api(page)))["urgent"] is False


async def test_a_clerk_steps_aside_and_is_shown_it_no_more(world: World, tab: Tab) -> None:
    page = await submitted(world, tab)
    await tab.open(f"/do/recusal/{page[-36:]}")
    await tab.fill("/do/recusal")
    assert "您已回避此件" in tab.html
    assert (await tab.open(page)).status_code == 403


async def test_another_post_is_proposed_and_representatives_elected(world: World, tab: Tab) -> None:
    path = await world.accepted()
    other = await world.register("posts", "副区长", "government")
    await world.get(CLERK, path)
    await tab.be("clerk")
    await tab.open(f"/petitions/{path[-36:]}")
    assert f'href="/do/reassignment/{path[-36:]}"' in tab.html
    assert f'href="{PAGE}/{path[-36:]}"' in tab.html
    await tab.open(f"/do/reassignment/{path[-36:]}")
    answer = await tab.fill(to_post_id=str(other), post_id=str(world.official.org), reason="由分管副区长负责。")
    assert answer.status_code == 409  # there are no representatives yet
    assert "由分管副区长负责。</textarea>" in tab.html
    await tab.open(f"/do/election/{path[-36:]}")
    await tab.fill("/do/election")
    assert "推选已开始" in tab.html
    await world.elect(path, 1, 2, 3)
    await tab.open(f"/do/reassignment/{path[-36:]}")
    await tab.fill(to_post_id=str(other), post_id=str(world.official.org), reason="由分管副区长负责。")
    assert "建议已送群众代表" in tab.html
    (proposal,) = (await world.get(CLERK, path))["proposals"]
    assert proposal["to_post_id"] == str(other)


async def to_be_called(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nobody judged it in time. 王阿婆, who has a phone, and resident 2, who has none, agreed to a call."""
    known = Person(Role.RESIDENT, await register(world, "王阿婆"))
    path = await world.collecting(9)
    await world.post(known, f"{path}/co-signatures")

    async def collected(**_: object) -> str:
        return path

    monkeypatch.setattr(world, "collecting", collected)
    await world.in_progress()
    for who in (known, resident(2)):
        await world.post(who, f"{path}/call-back-consent")
    await world.post(world.official, f"{path}/response", text="已说明。", outcome="explained")
    await world.as_workflow(Petition.invite_feedback, UUID(path[-36:]))
    world.clock.at += timedelta(days=20)
    await world.as_workflow(Petition.close_feedback, UUID(path[-36:]))
    await world.get(CLERK, "/v1/inbox")
    await world.get(CLERK, path)
    return path[-36:]


async def test_who_agreed_is_called_one_at_a_time(
    new_world: World, new_tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, tab = new_world, new_tab
    id = await to_be_called(world, monkeypatch)
    await tab.be("clerk")
    called = []
    for _ in range(2):
        await tab.open("/call-backs")
        assert (await tab.fill(f"/do/call-back/{id}")).status_code == 200
        asked = tab.html
        await tab.open("/call-backs")
        await tab.fill(f"/do/call-back/{id}")  # gone away and come back: the same again
        assert re.findall(r'name="call_id" value="([^"]+)"', tab.html) == re.findall(
            r'name="call_id" value="([^"]+)"', asked
        )
        # Another clerk is not given the next one meanwhile.
        other = Person(Role.CLERK, "another-clerk")
        assert (await world.send(other, "POST", f"/v1/petitions/{id}/call-backs")).status_code == 409
        called.append("13800000001" in tab.html)
        if called[-1]:
            assert "王阿婆" in tab.html
            await tab.fill("/do/call-feedback", contacted="yes", satisfied="yes", comment="不积水了。")
            assert 'role="alert"' in tab.html  # whether it is resolved was not said
            assert "13800000001" not in tab.html
            await tab.fill(resolved="yes")
            assert "回访已登记" in tab.html
        else:
            assert "没有可用的电话号码" in tab.html
            await tab.fill("/do/call-miss")
            assert "已记为未接通" in tab.html
    assert sorted(called) == [False, True]
    await tab.open("/call-backs")
    await tab.fill(f"/do/call-back/{id}")
    assert "没有其他同意回访的联名人" in tab.html
    (kind,) = {row["kind"] for row in (await world.get(CLERK, "/v1/inbox", kind="call_back"))["items"]}
    assert kind == "call_back"
    assert (await world.get(CLERK, "/v1/inbox", kind="opinion"))["items"] == []
    await tab.be(f"official-{world.official.org}")
    assert id not in (await tab.open("/call-backs")).text
    assert (await tab.send(f"/do/call-back/{id}", key="k")).status_code == 403


async def test_the_overview_counts_each_phase_and_leads_to_it(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    accepted, waiting = await world.accepted(topic="已受理的题目"), await world.submitted(topic="待受理的题目")
    conduct = await world.submitted(topic="反映作风", category="conduct")
    world.clock.at += timedelta(days=16)
    await world.get(CLERK, conduct)
    await tab.be("clerk")
    await tab.open("/overview")
    rows = re.findall(r'<th scope="row"><a href="([^"]+)">[^<]+</a></th>\s*<td>(\d+)</td>\s*<td>(.*?)</td>', tab.html)
    assert [(to, n, late) for to, n, late in rows] == [
        ("/admissibility", "2", '<strong class="urgent">2</strong>'),
        ("/overview/accepted", "1", '<strong class="urgent">1</strong>'),
    ]
    assert f"/admissibility/{waiting[-36:]}" in tab.html
    await tab.open("/overview/accepted")
    assert f'href="/petitions/{accepted[-36:]}">已受理的题目' in tab.html
    await tab.open(f"/overview?host_id={world.officer.org}")
    assert "目前没有。" in tab.html
    assert (await tab.open("/overview/nothing")).status_code in (404, 422)
    await tab.be(f"host_staff-{world.host.org}")
    for page in ("/overview", "/overview/accepted"):
        assert (await tab.open(page)).status_code == 403
    tab.client.cookies.clear()
    await tab.open("/overview")
    assert 'action="/sign-in' in tab.html


async def test_a_window_is_told_to_whoever_may_see_the_petition(world: World) -> None:
    path = await world.submitted()
    (window,) = await world.get(CLERK, f"{path}/windows", rule="meeting")
    assert window == {"rule": "meeting", "due_at": "2026-03-16T16:00:00Z"}
    assert {"meeting", "ballot"} < {window["rule"] for window in await world.get(CLERK, f"{path}/windows")}
    assert await world.get(CLERK, f"{path}/windows", rule="nothing") == []
    for stranger in (resident(77), world.official, world.officer):
        assert (await world.read(stranger, f"{path}/windows")).status_code == 404
    assert (await world.read(None, f"{path}/windows")).status_code == 401
