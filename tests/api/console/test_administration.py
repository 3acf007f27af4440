"""The administrator's pages: directory, policies, calendar, roles and webhooks."""

import html
import re

import pytest

from api.console import administration
from api.console.forms import NOTHING
from api.console.words import ENGLISH, HAPPENED
from domain.directory import HostKind, PostKind, UnitKind
from domain.rulebook import BUILT_IN
from domain.webhook import PausedBecause
from infra.directory_file import SORTS
from projections.webhooks import TYPES
from tests.api.console.tab import Tab
from tests.api.world import ADMIN, CLERK, World


async def test_an_administrator_registers_renames_and_places(world: World, tab: Tab) -> None:
    await world.get(ADMIN, "/v1/units")  # until the read models show them
    await tab.be("admin", "/directory")
    await tab.open("/directory/units")
    assert "区住建局" in tab.html
    await tab.open(f"/do/unit-registration/{NOTHING}")
    await tab.fill(name="清泉物业<一>", kind="property_firm", regulator_id=str(world.officer.org))
    assert "<h1>清泉物业&lt;一&gt;</h1>" in tab.html
    assert "物业企业" in tab.html
    assert re.search(r"主管部门</dt><dd>区住建局", tab.html)
    unit = re.search(r"<code>([0-9a-f-]{36})</code>", tab.html)
    assert unit
    for name, fields, shown in (
        ("unit-renaming", {"name": "清泉物业"}, "<h1>清泉物业</h1>"),
        ("unit-superior", {"superior_id": str(world.official.org)}, "上级</dt><dd>区委书记"),
        ("unit-superior", {"superior_id": ""}, "上级</dt><dd>—"),
    ):
        await tab.open(f"/do/{name}/{unit[1]}?then=/directory/units/{unit[1]}")
        await tab.fill(f"/do/{name}", **fields)
        assert shown in tab.html
    id = await world.register("posts", "副区长", "government")  # of its own: whoever holds one answers in its name
    await tab.open(f"/do/post-charge/{id}?then=/directory/posts/{id}")
    await tab.fill(f"/do/post-charge/{id}", unit_ids=[unit[1]])
    assert "清泉物业</a>" in tab.html
    await tab.open(f"/do/term-start/{id}?then=/directory/posts/{id}")
    await tab.fill(holder="official-17", started_on="2026-03-01")
    assert "在任" in tab.html
    assert "official-17" not in tab.html


async def test_a_file_is_tried_shows_what_would_change_and_is_then_taken_in(world: World, tab: Tab) -> None:
    await tab.be("admin")
    await tab.open(f"/do/directory-trial/{NOTHING}")
    text = f"sort,id,name,kind\nhost,,三角地社区,community\nhost,{world.host.org},划船社区居委会,community\n"
    await tab.fill(format="csv", text=text + "unit,,某局,nonsense\n")
    assert "请先更正这些行" in tab.html
    assert "确认导入" not in tab.html
    await tab.open(f"/do/directory-trial/{NOTHING}")
    await tab.fill(format="csv", text=text)
    assert re.search(r"<td>登记社区\(合作社\)</td><th scope=\"row\">三角地社区</th>", tab.html)
    assert re.search(r"划船社区</th><td class=\"wraps\">划船社区</td><td class=\"wraps\">划船社区居委会", tab.html)
    assert "三角地社区" not in str((await world.get(None, "/v1/hosts"))["items"])
    await tab.fill("/do/directory-import/")
    assert "名录已导入" in tab.html
    assert "三角地社区" in tab.html
    assert "划船社区居委会" in tab.html
    back = text.replace("划船社区居委会", "划船社区")
    await tab.open(f"/do/directory-trial/{NOTHING}")
    await tab.fill(format="csv", text=back)
    await tab.fill("/do/directory-import/")
    exported = await tab.open("/directory/export?format=jsonl")
    assert exported.headers["Content-Type"].startswith("application/x-ndjson")
    assert "三角地社区" in exported.text


async def test_a_policy_is_drawn_up_previewed_issued_and_compared(new_world: World, new_tab: Tab) -> None:
    tab = new_tab
    await tab.be("admin", "/policies")
    await tab.open("/policies")
    assert "现行" in tab.html
    await tab.open(f"/do/policy-preview/{NOTHING}")
    assert 'value="10 working days"' in tab.html
    await tab.fill(version="2027-01", effective_on="2026-06-01", **{"windows.meeting": "8 working weeks"})
    assert 'role="alert"' in tab.html
    assert 'value="8 working weeks"' in tab.html
    await tab.fill(version="2027-01", effective_on="2026-06-01", **{"windows.meeting": "8 working days"})
    assert re.search(r"召开约谈会</th><td>10 个工作日</td><td>8 个工作日</td>", tab.html)
    assert len(await new_world.get(None, "/v1/policies")) == 1
    await tab.fill("/do/policy-issue/")
    assert "新的政策版本已发布" in tab.html
    assert "召开约谈会:10 个工作日 → 8 个工作日" in tab.html
    first = (await new_world.get(None, "/v1/policies"))[0]["version"]
    await tab.open(f"/policies/2027-01?against={first}")
    assert re.search(r"召开约谈会</th><td>10 个工作日</td><td>8 个工作日</td>", tab.html)
    await tab.open(f"/policies/{first}?against=2027-01")
    assert re.search(r"召开约谈会</th><td>8 个工作日</td><td>10 个工作日</td>", tab.html)
    assert (await tab.open("/policies/none")).status_code == 404
    await tab.open("/language/en")
    await tab.open("/policies/2027-01")
    assert re.search(r"Holding the meeting</th><td>10 working days</td><td>8 working days</td>", tab.html)


async def test_holidays_are_announced_and_the_year_is_a_picture(new_world: World, new_tab: Tab) -> None:
    tab = new_tab
    await tab.be("clerk", "/calendar")
    await tab.open("/calendar?year=2026")
    assert re.search(r'<td class="off" title="国庆节">1<small>休</small>', tab.html)
    assert '<td class="">25</td>' in tab.html  # of March, a Wednesday
    await tab.open(f"/do/holidays/{NOTHING}?then=/calendar?year=2026")
    await tab.fill(days_off="2026-03-25", days_worked="2026-03-28、2026-03-29", reason="区政府放假通知")
    assert "已公布" in tab.html
    assert '<td class="off" title="放假">25<small>休</small>' in tab.html
    assert tab.html.count('<td class="worked">') >= 2
    await tab.open(f"/do/holidays/{NOTHING}?then=/calendar")
    assert (await tab.fill(days_off="二月三十", reason="通知")).status_code == 422
    assert "二月三十" in tab.html
    await tab.open("/calendar?year=2199")
    assert "尚未公布" in tab.html
    assert (await tab.open("/calendar?year=9")).status_code == 404


async def test_roles_are_granted_and_revoked_under_pseudonyms(world: World, tab: Tab) -> None:
    await tab.be("admin", "/appointments")
    await tab.open(f"/do/appointment/{NOTHING}?then=/appointments")
    await tab.fill(subject="zhang-aizhen", role="host_staff", org_id=str(world.host.org))
    assert "角色已授予" in tab.html
    assert "zhang-aizhen" not in tab.html
    found = re.search(r"/do/revocation/([0-9a-f-]{36})", tab.html)
    assert found
    await tab.open(f"/do/revocation/{found[1]}?then=/appointments")
    await tab.fill(reason="调离社区。")
    assert "已撤销" in tab.html
    assert found[0] not in tab.html


async def test_a_webhook_is_registered_shown_its_secret_once_paused_and_resumed(new_tab: Tab) -> None:
    tab = new_tab  # of a district with no other
    await tab.be("admin", "/webhooks")
    await tab.open(f"/do/webhook/{NOTHING}")
    await tab.fill("/do/webhook/", url="https://12345.example/hook", audience="public")
    secret = re.search(r"<code>(whsec_[^<]+)</code>", tab.html)
    assert secret
    assert "此后不再显示" in tab.html
    back = re.search(r'href="(/webhooks\?after=\d+)"', tab.html)
    assert back
    await tab.open(back[1])
    assert html.unescape(secret[1]) not in tab.html
    assert "https://12345.example/hook" in tab.html
    await tab.fill("/do/webhook-pause/")
    assert "管理员暂停" in tab.html
    await tab.fill("/do/webhook-resumption/")
    assert "管理员暂停" not in tab.html
    address = re.search(r'href="(/do/webhook-replay/[^"]+)"', tab.html)
    assert address
    await tab.open(html.unescape(address[1]))
    await tab.fill(from_position="1")
    assert "已开始重新推送" in tab.html
    cancel = re.search(r'href="(/do/webhook-cancellation/[^"]+)"', tab.html)
    assert cancel
    await tab.open(html.unescape(cancel[1]))
    await tab.fill("/do/webhook-cancellation/")
    assert "12345.example" not in tab.html


async def test_who_may_not_change_is_offered_nothing_and_is_refused(world: World, tab: Tab) -> None:
    await tab.be("clerk", "/directory")
    for page in ("/directory/hosts", "/policies", f"/directory/hosts/{world.host.org}"):
        await tab.open(page)
        assert "/do/" not in tab.html
    for page in ("/appointments", "/webhooks", "/directory/export"):
        assert (await tab.open(page)).status_code == 403
    await tab.open(f"/do/host-renaming/{world.host.org}")
    assert (await tab.fill(name="另一个名字")).status_code == 403
    assert "另一个名字" in tab.html
    assert (await world.get(CLERK, f"/v1/hosts/{world.host.org}"))["name"] != "另一个名字"
    assert (await tab.open("/directory/nothing")).status_code == 404
    tab.client.cookies.clear()
    await tab.open("/directory/hosts")
    assert "获取验证码" in tab.html


@pytest.mark.parametrize("typed", ["", "x", "1.5", "99999999999999999999"])
def test_what_is_no_number_goes_to_the_api_as_it_was_typed(typed: str) -> None:
    assert administration.number(typed) == (1.5 if typed == "1.5" else typed)


def test_whatever_an_administrator_reads_has_words_in_both_languages() -> None:
    assert [set(kinds) for kinds in administration.KINDS.values()] == [{*HostKind}, {*PostKind}, {*UnitKind}]
    assert administration.WINDOWS.keys() >= BUILT_IN["windows"].keys()
    assert administration.NUMBERS.keys() | {"version", "windows"} == BUILT_IN.keys()
    assert administration.PAUSED.keys() == {*PausedBecause}
    assert administration.MEANS.keys() == TYPES.keys()
    assert {f"{sort}.Registered" for sort in SORTS} <= HAPPENED.keys()
    assert not {text for text in administration.words() if not ENGLISH.get(text)}
