"""The supervisor's pages: what is overdue and judged badly, and the orders; and the inspectors' reports."""

import re
from datetime import timedelta

from api.console import supervision
from api.console.words import ENGLISH
from domain.report import ReportKind, Status
from tests.api.console.tab import Tab
from tests.api.world import CLERK, OFFICIAL, SUPERVISOR, World, resident


async def shown(world: World) -> None:
    await world.get(SUPERVISOR, "/v1/inbox")  # until the read models show it


async def test_a_supervisor_sees_what_is_overdue_orders_and_lifts(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab  # in which nothing else is overdue, page upon page
    path = await world.in_progress()
    world.clock.at += timedelta(days=70)
    await world.get(SUPERVISOR, "/v1/overdue")
    await tab.be("supervisor", "/supervision")
    await tab.open("/supervision")
    row = re.search(rf'<tr>(?:(?!</tr>).)*?/petitions/{path[-36:]}".*?</tr>', tab.html, re.DOTALL)
    assert row
    assert re.search(r"<strong class=\"urgent\">\d+ 天", row[0])
    days = [int(found) for found in re.findall(r'class="urgent">(\d+) 天', tab.html)]
    assert days == sorted(days, reverse=True)
    await tab.open(f"/do/supervision-order/{path[-36:]}?then=/supervision")
    answer = await tab.fill(order="三日内报送整改措施。")
    assert answer.url.path == "/supervision"
    assert "督办通知已发出" in tab.html
    await world.get(SUPERVISOR, path)
    assert "三日内报送整改措施。" in str((await world.get(SUPERVISOR, f"{path}/history", limit=200))["items"][-1])
    # It waits to be answered, and then to be lifted.
    lead = OFFICIAL._replace(org=world.official.org)
    await world.post(lead, f"{path}/supervision-orders/answer", report="已整改。")
    await shown(world)
    await tab.open("/desk")
    assert f"/do/supervision-lifting/{path[-36:]}" in tab.html
    await tab.open(f"/do/supervision-lifting/{path[-36:]}?then=/desk")
    await tab.fill(reason="已按要求整改。")
    assert "督办已解除" in tab.html
    assert f"/do/supervision-lifting/{path[-36:]}" not in tab.html
    assert (await tab.open(f"/do/supervision-lifting/{path[-36:]}")).status_code == 200
    assert (await tab.fill(reason="再次解除。")).status_code == 409
    assert "再次解除。" in tab.html


async def test_extensions_wait_at_the_desk_and_are_approved_with_a_press_or_refused_in_words(
    world: World, tab: Tab
) -> None:
    path = await world.in_progress()
    ask = {"days": 5, "reason": "需多部门联合整治。"}
    await world.post(world.official, f"{path}/extension", **ask)
    await shown(world)
    await tab.be("supervisor", "/desk")
    await tab.open("/desk")
    await tab.fill(f"/do/extension-approval/{path[-36:]}")
    assert "延期已批准" in tab.html
    await world.post(world.official, f"{path}/extension", **ask)
    await shown(world)
    await tab.open(f"/do/extension-refusal/{path[-36:]}?then=/desk")
    await tab.fill(reason="理由不充分。")
    assert "已不予延期" in tab.html
    assert (await world.get(CLERK, path))["extended_days"] == 5


async def test_a_review_is_decided_from_the_desk(world: World, tab: Tab) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")
    await world.post(resident(3), f"{path}/reviews", grounds="西侧仍有积水。")
    await shown(world)
    await tab.be("supervisor", "/desk")
    await tab.open("/desk")
    assert f"/do/review-decision/{path[-36:]}?then=/desk" in tab.html
    await tab.open(f"/do/review-decision/{path[-36:]}?then=/desk")
    assert (await tab.fill(opinion="经复查,维持。")).status_code == 422  # no decision chosen
    assert "经复查,维持。" in tab.html
    await tab.fill(result="upheld", opinion="经复查,维持。")
    assert "决定已作出" in tab.html
    assert f"/do/review-decision/{path[-36:]}" not in tab.html
    assert [review["result"] for review in (await world.get(CLERK, path))["reviews"]] == ["upheld"]


async def test_scores_are_in_no_order_where_there_are_fewer_than_ten() -> None:
    def group(key: str, petitions: int, rate: float | None) -> dict[str, object]:
        return {"key": key, "rankable": petitions >= 10, "resolution": {"rate": rate}}

    groups = [group("a", 12, 0.9), group("b", 3, 0.0), group("c", 30, 0.2), group("d", 11, None)]
    assert [found["key"] for found in supervision.lowest_first(groups)] == ["c", "a", "b", "d"]


async def test_scores_are_shown_with_their_denominators_by_unit_and_by_post(world: World, tab: Tab) -> None:
    await world.get(CLERK, await world.in_progress())
    await tab.be("supervisor")
    for by, name in (("unit", "区住建局"), ("post", "区委书记")):
        answer = await tab.open(f"/supervision?by={by}")
        assert answer.status_code == 200
        assert len(answer.content) < 150_000
        assert f'<tr><th scope="row">{name}</th>' in tab.html
        assert re.search(r"<small>\d+ / \d+</small>", tab.html)


async def test_inspectors_read_reports_take_them_up_and_tell_the_result(world: World, tab: Tab) -> None:
    report = await world.post(resident(3), "/v1/reports", text="有人上门施压。")
    await tab.be("discipline", "/reports")
    await world.get(resident(3), f"/v1/reports/{report['id']}")
    await tab.open("/reports?status=filed")
    assert f"/reports/{report['id']}" in tab.html
    await tab.open(f"/reports/{report['id']}")
    assert "有人上门施压。" in tab.html
    await tab.fill(f"/do/report-acceptance/{report['id']}")
    assert "已接手" in tab.html
    await tab.open(f"/do/report-conclusion/{report['id']}")
    await tab.fill(result="已查实并处理。")
    assert "已查实并处理。" in tab.html
    assert (await world.get(resident(3), f"/v1/reports/{report['id']}"))["result"] == "已查实并处理。"
    for who in ("supervisor", "auditor", "clerk"):
        await tab.be(who)
        assert (await tab.open("/reports")).status_code == 403
        assert (await tab.open(f"/reports/{report['id']}")).status_code == 404


async def test_nobody_else_supervises(world: World, tab: Tab) -> None:
    for who in (f"host_staff-{world.host.org}", f"official-{world.official.org}", "resident-1", "discipline"):
        await tab.be(who)
        assert (await tab.open("/supervision")).status_code == 403


def test_whatever_a_supervisor_reads_has_words_in_both_languages() -> None:
    assert supervision.REPORTS.keys() == {*ReportKind}
    assert supervision.STATUSES.keys() == {*Status}
    assert not {text for text in supervision.words() if not ENGLISH.get(text)}
