"""What the host's staff take in for others: slips, at the door, by telephone; read back, confirmed, and found false."""

from domain.command import Role
from tests.api.console.tab import Tab
from tests.api.console.test_register import catch_up, come
from tests.api.test_drafts import last_code
from tests.api.test_evidence import photo
from tests.api.test_intakes import on_the_roll, second, signatures
from tests.api.test_meetings import scheduled
from tests.api.world import CLERK, Person, World, resident


async def test_slips_are_entered_one_signer_after_the_other(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path = await world.collecting(8)
    first = await on_the_roll(world, "张阿婆", "13800000001")
    await on_the_roll(world, "李阿公", "13800000002")
    id, slip = path[-36:], photo()
    await world.get(CLERK, path)
    await come(world, tab, world.host, f"/petitions/{id}")
    assert f'href="/petitions/{id}/sheet"' in tab.html
    await tab.open(f"/petitions/{id}/sheet")
    answer = await tab.fill("/petitions/", q="张阿")
    assert answer.url.query == b""
    form = f"/do/paper-signature/{id}?resident={first.subject}"
    assert f'href="{form}&amp;then=/petitions/{id}/sheet"' in tab.html
    await tab.open(form)
    assert "张阿婆" in tab.html
    assert (await tab.fill("/do/paper")).status_code == 422  # no file
    assert "请选择文件" in tab.html
    assert "张阿婆" in tab.html
    wrong = {"file": ("签名.jpg", b"#!/bin/sh", "image/jpeg")}
    assert (await tab.fill("/do/paper", files=wrong)).status_code == 415
    assert "签名单仅接受" in tab.html
    form = tab.html
    for _ in range(2):
        tab.html = form
        await tab.fill("/do/paper", files={"file": ("签名.jpg", slip, "image/jpeg")})
        assert tab.address.path.startswith("/intakes/")
        assert "请把编号写在签名单上" in tab.html
    await catch_up(world)
    assert await signatures(world, path) == 9
    intake = tab.address.path
    assert (await tab.open(f"{intake}/slip")).content == slip
    assert f'href="/petitions/{id}/sheet"' in (await tab.open(intake)).text
    assert (await tab.open(f"/intakes?number={intake[-36:]}")).url.path == intake
    assert "张" not in tab.html  # the slip's page names nobody

    # Two of the staff find it false.
    await tab.open(f"/do/invalidation/{intake[-36:]}")
    await tab.fill(reason="笔迹不符。")
    await tab.open(f"/do/invalidation-confirmation/{intake[-36:]}")
    assert (await tab.fill("/do/invalidation-confirmation")).status_code == 403
    await come(world, tab, second(world), "/desk")
    assert f'href="{intake}"' in tab.html  # where the slip is
    await tab.open(f"/do/invalidation-confirmation/{intake[-36:]}?then={intake}")
    assert "笔迹不符。" in tab.html
    await tab.fill("/do/invalidation-confirmation")
    assert "已认定不实,可申诉" in tab.html
    await world.post(first, f"/v1{intake}/appeal", reason="是我签的。")
    await world.get(CLERK, path)
    await come(world, tab, CLERK, "/desk")
    await tab.open(f"/do/signature-decision/{intake[-36:]}")
    await tab.fill(counts="yes", explanation="经核实属实。")
    assert "申诉成立" in tab.html
    assert "笔迹不符。" in tab.html


async def test_a_topic_taken_down_at_the_door_is_read_back_and_filed_on_a_code(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    person = await on_the_roll(world, "张阿婆", "13800000001")
    await come(world, tab, world.host, f"/register/{person.subject}")
    await tab.open(f"/do/petition-intake/{world.host.org}?resident={person.subject}")
    assert "张阿婆" in tab.html
    told = {"means": "doorstep", "topic": "路灯不亮", "details": "三幢楼道夜里没有灯。𠮷", "category": "grievance"}
    assert (await tab.fill("/do/petition-intake", **told)).status_code == 422  # nobody is called
    assert "三幢楼道夜里没有灯。𠮷" in tab.html
    assert "张阿婆" in tab.html
    await tab.fill("/do/petition-intake", called_post_ids=[str(world.official.org)])
    assert "请逐字读给本人听" in tab.html
    assert "三幢楼道夜里没有灯。𠮷" in tab.html
    assert "验证码已发到本人" in tab.html
    draft = tab.address.path
    await tab.open(f"/do/draft-confirmation/{draft[-36:]}")
    code = last_code(world)
    assert (await tab.fill(code="000000" if code != "000000" else "111111")).status_code == 422
    await tab.fill(code=code)
    assert "已按本人意愿登记" in tab.html
    assert (await tab.open(draft)).status_code == 404
    await catch_up(world)
    (row,) = (await world.get(world.host, "/v1/petitions", host_id=str(world.host.org)))["items"]
    assert row["topic"] == "路灯不亮"


async def test_who_has_no_phone_signs_a_slip(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path = await world.collecting(2)
    person = await on_the_roll(world, "张阿婆", "13800000001")
    await world.get(CLERK, path)
    await come(world, tab, world.host, f"/register/{person.subject}")
    form = f"/do/signature-intake/{path[-36:]}?resident={person.subject}"
    assert f'href="{form}&amp;then=/register/{person.subject}"' in tab.html
    await tab.open(form)
    await tab.fill("/do/signature-intake", means="phone")
    draft = tab.address.path
    await tab.fill(f"/do/draft-code/{draft[-36:]}")
    await tab.open(f"/do/draft-slip/{draft[-36:]}")
    await tab.fill("/do/draft-slip", files={"file": ("单.png", photo(), "image/png")})
    assert "已按本人意愿登记" in tab.html
    await catch_up(world)
    assert await signatures(world, path) == 3
    await tab.open(f"/do/signature-intake/{path[-36:]}")  # of nobody
    assert "请先在名册中查找此人" in tab.html
    assert (await tab.fill("/do/signature-intake", means="phone")).status_code == 422


async def test_the_hosts_own_page_shows_its_meetings_petitions_and_drafts(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    held, meeting = await scheduled(world)
    path = await world.collecting(10, topic="楼道路灯不亮")
    person = await on_the_roll(world, "张阿婆", "13800000001")
    draft = await world.post(world.host, f"{path}/intakes", resident_id=person.subject, means="doorstep")
    await world.post(resident(77), f"{meeting}/objections", text="太吵。")
    await world.get(world.host, "/v1/inbox")
    await come(world, tab, world.host, "/host")
    for address in (
        f"/meetings/{meeting[-36:]}/door",
        f"/petitions/{path[-36:]}/sheet",
        f"/drafts/{draft['id']}",
        f"/petitions/{held[-36:]}",
    ):
        assert f'href="{address}"' in tab.html
    assert "张" not in tab.html
    await tab.open(f"/petitions/{path[-36:]}")
    assert f"/do/host-opinion/{path[-36:]}" in tab.html
    await tab.open(f"/petitions/{held[-36:]}")
    assert "/do/meeting/" not in tab.html  # there is one
    await tab.open("/desk")
    await tab.open(f"/do/taking-up/{meeting[-36:]}?then=/desk")
    await tab.fill(objection_id=(await world.get(world.host, meeting))["objections"][0]["id"])
    assert tab.address.path == "/desk"
    assert "请列入议程" not in tab.html

    other = Person(Role.HOST_STAFF, "elsewhere", await world.register("hosts", "别处社区", "community"))
    await come(world, tab, other, "/host")
    assert "楼道路灯不亮" not in tab.html
    for address in (f"/petitions/{path[-36:]}", f"/drafts/{draft['id']}"):
        await tab.open(address)
        assert "/do/" not in tab.html
    await come(world, tab, CLERK, "/host")
    assert (await tab.open("/host")).status_code == 404
