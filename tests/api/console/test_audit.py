"""The auditor's pages: a petition replayed step by step, and where to begin."""

import re

from eventsourcing.utils import get_topic

from api.console import audit
from api.console.words import ENGLISH, HAPPENED
from projections import timeline
from projections.flags import Kind
from tests.api.console.tab import Tab
from tests.api.test_flags import asked_again
from tests.api.world import AUDITOR, World


async def replayed(world: World, tab: Tab) -> str:
    """The address of a petition's replay, as an auditor."""
    path = await world.in_progress()
    await world.get(AUDITOR, f"{path}/history")  # until the read models show it
    await tab.be("auditor", "/audit")
    return f"/audit/petitions/{path[-36:]}"


async def test_without_javascript_links_lead_through_every_event(world: World, tab: Tab) -> None:
    page = await replayed(world, tab)
    await tab.open(page)
    total = int(re.search(r'max="(\d+)"', tab.html)[1])  # type: ignore[index]
    seen = []
    while True:
        seen.append(re.search(r"<h2>(.*?)</h2>", tab.html)[1])  # type: ignore[index]
        following = re.search(r'rel="next" href="([^"]+)"', tab.html)
        if following is None:
            break
        await tab.open(following[1])
    assert len(seen) == total > 12
    assert seen[0] == "发起人设立题目,开始联名"
    assert "交办任务:清运淤泥" in seen
    await tab.open(re.search(r'rel="prev" href="([^"]+)"', tab.html)[1])  # type: ignore[index]
    assert f'value="{total - 1}"' in tab.html


async def test_an_event_tells_what_it_changed_in_words_who_did_it_and_how(world: World, tab: Tab) -> None:
    page = await replayed(world, tab)
    entries = (await world.get(AUDITOR, f"/v1{page.removeprefix('/audit')}/history", limit=200))["items"]
    called = next(entry for entry in entries if entry["type"] == "petition.CallAcknowledged")
    await tab.open(f"{page}?at={called['position']}")
    assert re.search(r"<h2>应约领导签收</h2>", tab.html)
    assert "应约领导 · 区委书记" in tab.html
    assert called["command_id"] in tab.html
    assert re.search(r'<th scope="row">已签收的职务</th><td>无</td><td>区委书记</td>', tab.html)
    accepted = next(entry for entry in entries if entry["type"] == "petition.Accepted")
    await tab.open(f"{page}?at={accepted['position']}")
    assert re.search(r'<th scope="row">阶段</th><td>待受理</td><td>已受理</td>', tab.html)
    assert re.search(r"政策版本</dt><dd>\d{4}", tab.html)
    assert "同时办理" in tab.html
    await tab.open("/language/en")
    await tab.open(f"{page}?at={accepted['position']}")
    assert re.search(r'<th scope="row">Phase</th><td>Submitted</td><td>Accepted</td>', tab.html)


async def test_two_moments_are_chosen_by_step_or_by_time_and_what_differs_is_told(world: World, tab: Tab) -> None:
    page = await replayed(world, tab)
    await tab.open(f"{page}?since=1&event=99")
    assert "其间改变了什么" in tab.html
    assert re.search(r'<th scope="row">阶段</th><td>联名中</td><td>办理中</td>', tab.html)
    assert "所依规则" in tab.html
    entries = (await world.get(AUDITOR, f"/v1{page.removeprefix('/audit')}/history", limit=200))["items"]
    await tab.open(f"{page}/between?from=2020-01-01T00:00&to=2099-01-01T08:00:00")
    assert re.search(r'<th scope="row">阶段</th><td>无</td><td>办理中</td>', tab.html)
    assert (await tab.open(f"{page}/between?to=2020-01-01T00:00")).status_code == 404
    assert (await tab.open(f"{page}/between?to=yesterday")).status_code == 422
    accepted = next(entry for entry in entries if entry["type"] == "petition.Accepted")
    await tab.open(f"{page}?at={accepted['position']}")
    assert accepted["origin"] in tab.html
    assert f"代号 <code>{accepted['by']}</code>" in tab.html
    assert "受理审查 · 按期完成 · 至" in tab.html


async def test_the_slider_is_given_a_fragment_and_nobody_else_is_given_anything(world: World, tab: Tab) -> None:
    page = await replayed(world, tab)
    fragment = await tab.client.get(f"{page}?event=2", headers={"HX-Request": "true"})
    assert fragment.text.lstrip().startswith("<nav")
    assert len(fragment.content) < 20_000
    whole = await tab.open(f"{page}?event=2")
    assert len(whole.content) < 150_000
    assert 'aria-valuetext="2 / ' in tab.html
    assert '<script src="/static/slider.js" defer>' in tab.html
    assert (await tab.client.get("/static/slider.js")).status_code == 200
    assert (await tab.open(f"{page}?event=9999")).status_code == 200  # the last
    for who in ("supervisor", "clerk", "resident-1"):
        await tab.be(who)
        assert (await tab.open(page)).status_code == 403
    tab.client.cookies.clear()
    await tab.open(page)
    assert "获取验证码" in tab.html


async def test_auditors_begin_with_a_search_and_with_what_happened_last(world: World, tab: Tab) -> None:
    page = await replayed(world, tab)
    await tab.open("/audit")
    assert "最近的变动" in tab.html
    assert page in tab.html
    answer = await tab.open(f"/audit?q={page[-36:]}")
    assert answer.url.path == page
    await tab.open("/audit?q=排涝&phase=in_progress")
    assert page in tab.html
    await tab.open("/audit?q=00000000-0000-0000-0000-000000000000")
    assert "没有找到申请" in tab.html


async def test_flags_say_why_and_lead_auditors_to_the_event_and_supervisors_to_the_petition(
    world: World, tab: Tab
) -> None:
    page = await replayed(world, tab)
    path = page.replace("/audit", "/v1")
    for _ in range(2):
        await asked_again(world, path)
    (flag,) = (await world.get(AUDITOR, "/v1/flags", petition_id=path[-36:]))["items"]
    link = f'href="{page}?at={flag["position"]}"'
    for address in ("/audit", "/audit/flags?kind=extension_again", page):
        await tab.open(address)
        assert link in tab.html
        assert flag["why"] in tab.html
    await tab.open("/audit/flags?kind=circling")
    assert link not in tab.html
    await tab.be("supervisor", "/audit/flags")
    assert flag["why"] in tab.html
    assert "/audit/petitions/" not in tab.html
    await tab.be("clerk")
    assert (await tab.open("/audit/flags")).status_code == 403


async def test_the_district_at_a_date_is_shown_in_figures_and_as_a_line(world: World, tab: Tab) -> None:
    await replayed(world, tab)
    for who in ("supervisor", "auditor"):
        await tab.be(who)
        whole = await tab.open("/audit/district")
        assert (whole.status_code, len(whole.content) < 150_000) == (200, True)
        assert re.search(r'<th scope="row">办理中</th><td>\d+</td>', tab.html)
        assert re.search(r'<th scope="row">答复</th><td>\d+</td>', tab.html)
        assert 'aria-labelledby="open-title open-about"' in tab.html
        assert tab.html.count('<tr><th scope="row">20') == audit.DAYS
        await tab.open("/audit/district?on=2020-01-01")
        assert "未办结 0 件" in tab.html
        assert "还没有申请。" in tab.html
    await tab.open("/language/en")
    await tab.open("/audit/district")
    assert "The district then" in tab.html
    assert (await tab.open("/audit/district?on=yesterday")).status_code == 422
    await tab.be("clerk")
    assert (await tab.open("/audit/district")).status_code == 403


def test_whatever_an_auditor_reads_has_words_in_both_languages() -> None:
    assert {get_topic(event) for event in timeline.VISIBILITY} <= HAPPENED.keys()
    assert audit.FLAGS.keys() == {*Kind}
    assert not {text for text in audit.words() if not ENGLISH.get(text)}
