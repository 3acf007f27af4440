"""A resident writes a petition in three steps, and does in it what the API offers them."""

import re
from typing import Any

from api.console.forms import FORMS
from api.mine import Step
from tests.api.console.tab import Tab
from tests.api.world import CLERK, World, resident

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


def test_every_step_that_is_offered_has_its_form() -> None:
    elsewhere = {Step.CO_SIGNATURE, Step.TICKET}
    assert {f"my-{step}" for step in set(Step) - elsewhere} == {name for name in FORMS if name.startswith("my-")}
