"""A resident writes a petition in three steps, and does in it what the API offers them."""

import asyncio
import re
from datetime import timedelta
from typing import Any

from api.console.forms import FORMS, NOTHING
from api.mine import Step
from projections.notice_sender import NoticeSender
from tests.api.console.tab import Tab
from tests.api.world import CLERK, World, resident
from tests.programs import eventually

TOPIC = "三幢门口一下雨就积水𠮷"
DETAILS = "𠮷屋门口积水。🌧\n“<b>请看</b>”&二幢。" + "长" * 4000 + "<末尾>"
NEXT, BACK, OPEN = "下一步", "上一步", "设立申请"


def chosen(world: World) -> dict[str, str]:
    return {"category": "grievance", "host_id": str(world.host.org), "post1": str(world.official.org)}


async def write(world: World, tab: Tab, topic: str = TOPIC, **changes: Any) -> None:
    """As far as the third step."""
    await tab.be("resident-1", "/petitions/new")
    await tab.press(NEXT, topic=topic, details=DETAILS)
    await tab.press(NEXT, **(chosen(world) | changes))


async def opened(world: World) -> int:
    return int(await world.store.pool.fetchval("SELECT count(*) FROM stored_events WHERE topic = 'petition.Opened'"))


async def test_a_petition_is_written_in_three_steps_and_opened_once(world: World, tab: Tab) -> None:
    before = await opened(world)
    await write(world, tab)
    assert "长&lt;末尾&gt;" in tab.html
    assert "永不公开" in tab.html
    form = tab.html
    for _ in range(2):  # a double click
        tab.html = form
        answer = await tab.press(OPEN)
        assert answer.status_code == 200
        assert "申请已设立" in tab.html
    assert await opened(world) == before + 1
    id = answer.url.path[-36:]
    page = await world.get(resident(1), f"/v1/petitions/{id}")
    assert (page["topic"], page["details"]) == (TOPIC, DETAILS)
    assert "您是发起人" in tab.html
    assert "还差 9 人" in tab.html
    assert f'href="/petitions/{id}/share"' in tab.html


async def test_back_and_forth_nothing_is_lost_and_the_same_is_opened_once(world: World, tab: Tab) -> None:
    before = await opened(world)
    await write(world, tab, about_ids=[str(world.officer.org)], post2="")
    first = tab.html
    await tab.press(BACK)
    assert f'value="{world.official.org}" selected' in tab.html
    await tab.press(BACK)
    assert "长&lt;末尾&gt;</textarea>" in tab.html
    await tab.press(NEXT)
    await tab.press(NEXT)
    again = tab.html
    for tab.html in (first, again):
        assert (await tab.press(OPEN)).status_code == 200
    assert await opened(world) == before + 1


async def test_what_is_wrong_stands_beside_its_field_at_its_step(world: World, tab: Tab) -> None:
    await tab.be("resident-1", "/petitions/new")
    answer = await tab.press(NEXT, topic="长" * 201, details=DETAILS)
    assert answer.status_code == 422
    assert 'aria-describedby="wrong-topic hint-topic" aria-invalid="true"' in tab.html
    assert "长&lt;末尾&gt;</textarea>" in tab.html
    await tab.press(NEXT, topic=TOPIC, details=" \n ")
    assert 'id="wrong-details"' in tab.html
    await tab.press(NEXT, details=DETAILS)
    answer = await tab.press(NEXT, **(chosen(world) | {"post2": str(world.official.org)}))
    assert answer.status_code == 422
    assert 'id="wrong-called_post_ids"' in tab.html
    assert (await tab.press(NEXT, post2="", category="conduct", about_ids=[str(world.official.org)])).status_code == 422
    assert "被反映的对象" in tab.html
    await tab.press(NEXT, about_ids=[str(world.officer.org)])
    assert "不公开:整件申请" in tab.html
    assert "区住建局" in tab.html
    # Somebody has tampered with it: the step that has to be done again is shown.
    await tab.press(OPEN, topic="")
    assert '<input id="topic"' in tab.html


async def test_an_expired_session_loses_nothing_at_any_step(world: World, tab: Tab) -> None:
    await tab.be("resident-1", "/petitions/new")
    tab.client.cookies.clear()
    assert (await tab.press(NEXT, topic=TOPIC, details=DETAILS)).status_code == 401
    await tab.fill("/sign-in/persona", subject="resident-1")
    assert 'name="post1"' in tab.html
    await tab.press(NEXT, **chosen(world))
    tab.client.cookies.clear()
    assert (await tab.press(OPEN)).status_code == 401
    await tab.fill("/sign-in/persona", subject="resident-1")
    assert "长&lt;末尾&gt;" in tab.html
    await tab.press(OPEN)
    assert "申请已设立" in tab.html


async def test_similar_ones_are_suggested_before_another_is_opened(world: World, tab: Tab) -> None:
    path = await world.accepted(topic="泵站噪声夜间扰民", details="泵站夜间噪声太大。")
    await world.post(CLERK, f"{path}/public-text", topic="泵站噪声夜间扰民", details="泵站夜间噪声太大。")
    await world.get(CLERK, f"{path}/similar")
    await tab.be("resident-1", "/petitions/new")
    form = tab.html
    await tab.send("/petitions/new/similar", topic="泵站夜间噪声扰民", details="夜里泵站噪声。")
    assert f'href="/petitions/{path[-36:]}" target="_blank"' in tab.html
    tab.html = form
    await tab.press(NEXT, topic="泵站夜间噪声扰民", details="夜里泵站噪声。")
    assert f'href="/petitions/{path[-36:]}" target="_blank"' in tab.html


async def test_who_signed_judges_the_result_once(world: World, tab: Tab) -> None:
    path = await world.in_progress()
    await world.finish([f"/v1/tasks/{task['id']}" for task in (await world.get(CLERK, path))["tasks"]])
    await world.feedback(path)
    await world.get(CLERK, path)
    page, form = path.removeprefix("/v1"), f"/do/my-feedback/{path[-36:]}"
    await tab.be("resident-2", page)
    assert f'href="{form}?then={page}"' in tab.html
    await tab.open(f"{form}?then={page}")
    answer = await tab.press("提交评价", contacted="yes", satisfied="yes", comment=DETAILS)
    assert answer.status_code == 422
    assert 'id="wrong-resolved"' in tab.html
    assert "长&lt;末尾&gt;</textarea>" in tab.html
    shown = tab.html
    for _ in range(2):
        tab.html = shown
        await tab.press("提交评价", resolved="partly", comment="还有一处。")
        assert "已收到您的评价" in tab.html
        assert "您已评价" in tab.html
        assert form not in tab.html
    await tab.open(form)
    answer = await tab.press("提交评价", resolved="no", contacted="no", satisfied="no")
    assert answer.status_code == 409
    for stranger in ("resident-12", "clerk"):
        await tab.be(stranger, page)
        assert form not in tab.html
        await tab.open(form)
        answer = await tab.press("提交评价", resolved="no", contacted="no", satisfied="no")
        assert answer.status_code == 403
    assert not re.search("resident-", tab.html.split("<main", 1)[1])


async def test_the_co_signers_elect_representatives_and_these_speak(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await world.get(CLERK, path)
    page = path.removeprefix("/v1")
    await tab.be("resident-12", page)
    assert "提请推选群众代表" not in tab.html
    await tab.be("resident-3", page)
    await tab.open(f"/do/my-representatives-ballot/{path[-36:]}")
    await tab.press("提请推选")
    ballot = tab.address.path
    assert re.fullmatch(r"/ballots/[0-9a-f-]{36}", ballot)
    await tab.open(f"/do/my-candidacy/{ballot[-36:]}")
    assert (await tab.press("报名", name="三幢陈阿姨")).status_code == 422  # without consent
    await tab.press("报名", consent="yes")
    assert "您已报名" in tab.html
    assert "无记名投票" not in tab.html  # candidates still stand
    world.clock.at += timedelta(days=4)
    await tab.be("resident-2", page)
    assert ballot in tab.html
    await tab.open(f"/do/my-vote/{ballot[-36:]}")
    assert "三幢陈阿姨" in tab.html
    await tab.press("投票", choices=["1"])
    assert "您已投票" in tab.html
    await tab.open(f"/do/my-vote/{ballot[-36:]}")
    assert (await tab.press("投票", choices=[])).status_code == 409
    world.clock.at += timedelta(days=10)
    await tab.be("resident-4")
    await tab.open(f"/do/my-vote/{ballot[-36:]}")
    assert (await tab.press("投票", choices=["1"])).status_code == 409  # too late
    for stranger in ("resident-12", f"unit_officer-{world.officer.org}"):
        await tab.be(stranger)
        assert (await tab.open(ballot)).status_code == 404
    await tab.be("clerk")
    await tab.open(ballot)
    assert "三幢陈阿姨" not in tab.html
    await world.elect(path, 3)
    await world.get(CLERK, path)
    await tab.be("resident-3", page)
    await tab.open(f"/do/my-waiver/{path[-36:]}")
    await tab.press("提交", reason="会前已经解决。")
    voice = re.search(r'href="(/do/my-voice/[^"]*)"', tab.html)
    assert voice
    assert "会前已经解决。" in tab.html
    await tab.open(voice[1])
    await tab.press("提交", agrees="yes")
    assert (await world.get(CLERK, path))["meeting_waived"]


async def test_minutes_are_corrected_and_confirmed_and_others_may_object(world: World, tab: Tab) -> None:
    path = await world.accepted()
    starts_at = world.clock.at + timedelta(days=1)
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=starts_at.isoformat(), venue="议事厅")
    await world.get(CLERK, path)
    page = path.removeprefix("/v1")
    await tab.be("resident-12", page)
    assert "会议签到码" not in tab.html
    await tab.open(f"/do/my-objection/{meeting['id']}?then={page}")
    await tab.press("提交", text="泵站紧邻我家。")
    assert "异议已收到" in tab.html
    assert f"/meetings/{meeting['id']}/ticket" in tab.html
    world.clock.at = starts_at + timedelta(hours=2)
    await world.post(world.host, f"/v1/meetings/{meeting['id']}/minutes", minutes="年内完成。")
    await world.get(CLERK, path)
    await tab.be("resident-2", page)
    assert "my-confirmation" not in tab.html
    await tab.be("resident-1", page)  # nobody was elected: the lead petitioner speaks
    await tab.open(f"/do/my-correction/{meeting['id']}?then={page}")
    await tab.press("提交", text="是两台水泵。")
    assert "更正意见已收到" in tab.html
    await tab.open(f"/do/my-confirmation/{meeting['id']}?then={page}")
    await tab.press("记录属实,确认")
    assert "您已确认会议记录" in tab.html
    assert "my-confirmation" not in tab.html


async def test_the_lead_petitioner_agrees_to_a_split_and_amends_what_was_rejected(world: World, tab: Tab) -> None:
    path = await world.submitted()
    parts = {"topic": "排涝", "details": "积水。", "other_topic": "路灯", "other_details": "不亮。"}
    await world.post(CLERK, f"{path}/split", **parts, other_category="grievance")
    await world.get(CLERK, path)
    page = path.removeprefix("/v1")
    await tab.be("resident-2", page)
    assert "my-split-agreement" not in tab.html
    await tab.be("resident-1", page)
    await tab.open(f"/do/my-split-agreement/{path[-36:]}")
    assert "路灯" in tab.html
    await tab.press("同意拆分")
    assert "申请已拆分为两件" in tab.html
    await world.post(CLERK, f"{path}/rejection", reason_code="no_concrete_topic", explanation="请写明地点。")
    await world.get(CLERK, path)
    await tab.open(f"/do/my-refiling/{path[-36:]}")
    assert 'value="排涝"' in tab.html
    await tab.press("重新提出", topic="三幢门口排涝")
    assert "三幢门口排涝" in tab.html
    await tab.be("resident-2", page)
    await tab.open(f"/do/my-feedback/{path[-36:]}")  # long before there is a result
    judgement = {"contacted": "yes", "resolved": "yes", "satisfied": "yes"}
    assert (await tab.press("提交评价", **judgement, comment="太早。")).status_code == 409
    assert "太早。</textarea>" in tab.html
    await tab.open(f"/do/my-signature-withdrawal/{path[-36:]}")
    await tab.press("撤回联名")
    assert "您的联名已撤回" in tab.html


async def test_mine_shows_ones_own_petitions_and_news(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path = await world.in_progress()
    await world.collecting(1, topic="别人的申请", details="别人的事。")
    await world.finish([f"/v1/tasks/{task['id']}" for task in (await world.get(CLERK, path))["tasks"]])
    await world.feedback(path)
    await world.get(CLERK, path)
    correspondents = world.app.state.services.correspondents
    sender = NoticeSender(world.store, world.repository, correspondents, world.outbox, "http://yuetan", world.clock)
    telling = asyncio.create_task(sender.run())

    async def told() -> bool:
        return "请评价办理结果" in (await tab.open("/mine")).text

    await tab.be("resident-2")
    await eventually(told)
    telling.cancel()
    assert f'href="/do/my-feedback/{path[-36:]}?then=/mine"' in tab.html
    assert "别人的申请" not in tab.html
    await tab.open(f"/do/my-feedback/{path[-36:]}?then=/mine")
    await tab.press("提交评价", contacted="yes", resolved="yes", satisfied="yes")
    assert tab.address.path == "/mine"
    assert "my-feedback" not in tab.html
    await tab.be("resident-12", "/mine")
    assert "您还没有联名" in tab.html
    await tab.be("clerk")
    assert (await tab.open("/mine")).status_code == 403


async def test_a_newcomer_registers_sees_their_data_and_asks_to_be_erased(world: World, tab: Tab) -> None:
    await tab.open("/sign-in?then=/me")
    await tab.fill(contact="138 0571 2222")
    code = next(word for word in re.findall(r"\d{6}", world.outbox.sent[-1][1]))
    await tab.fill(code=code)
    assert "您还没有登记" in tab.html
    answer = await tab.fill(name="欧阳新", basis="lives", host_id="")
    assert answer.status_code == 422
    assert "欧阳新" in tab.html
    await tab.fill(host_id=str(world.host.org), basis="lives", adult="yes")
    assert tab.address.path == "/me"
    assert "欧阳新" in tab.html
    assert "待社区核实" in tab.html
    assert "<td>居民</td><td>登记</td>" in tab.html
    me = (await world.app.state.services.verifier.verify(tab.client.cookies["yuetan_session"])).subject
    await world.get(world.host, f"/v1/residents/{me}")
    await tab.open("/me")
    assert "<td>社区(合作社)工作人员</td><td>查看</td>" in tab.html
    elsewhere = await world.collecting(1, host_id=str(await world.register("hosts", "文景社区", "community")))
    await world.get(resident(1), elsewhere)
    await tab.open(elsewhere.removeprefix("/v1"))
    assert "您不在 文景社区 的名册上" in tab.html
    await tab.open(f"/do/co-signature/{elsewhere[-36:]}")
    assert (await tab.press("提交")).status_code == 403
    await tab.open(f"/do/notice-settings/{NOTHING}?then=/mine")
    await tab.press("保存", optional="no", prefer="phone", language="en")
    await tab.open(f"/do/notice-settings/{NOTHING}")
    assert 'name="optional" value="no" checked' in tab.html
    await tab.open(f"/do/own-erasure/{NOTHING}?then=/me")
    assert (await tab.press("申请删除", reason=" ")).status_code == 422
    await tab.press("申请删除", reason="不再使用。")
    assert "已收到" in tab.html
    await tab.be("resident-1", "/me")
    assert "欧阳新" not in tab.html
    assert "不在居民名册上" in tab.html


async def test_retaliation_is_reported_to_inspectors_alone(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await tab.be("resident-2", f"/reports/new?petition_id={path[-36:]}")
    await tab.press("举报", text="联名之后,物业停了我家车位。")
    report = tab.address.path
    assert re.fullmatch(r"/reports/[0-9a-f-]{36}", report)
    assert "物业停了我家车位" in tab.html
    for other in ("resident-3", "clerk", f"host_staff-{world.host.org}"):
        await tab.be(other)
        assert (await tab.open(report)).status_code in (403, 404)
        assert "车位" not in tab.html
    await tab.be("discipline", report)
    assert "物业停了我家车位" in tab.html


def test_every_step_that_is_offered_has_its_form() -> None:
    elsewhere = {Step.CO_SIGNATURE, Step.TICKET}
    assert {f"my-{step}" for step in set(Step) - elsewhere} == {name for name in FORMS if name.startswith("my-")}
