"""Signing in and out, and the mark that no other site's form has."""

from tests.api.console.tab import Tab
from tests.api.world import World, resident


async def test_a_persona_signs_once_and_signs_out(world: World, tab: Tab) -> None:
    path = await world.collecting(3)
    page = f"/petitions/{path[-36:]}"
    await tab.open(f"/sign-in?then={page}")
    await tab.send("/sign-in/persona", subject="resident-12", then=page)
    assert "我要联名" in tab.html
    form = tab.html
    await tab.fill("/do/co-signature")
    assert "您已联名" in tab.html
    tab.html = form
    assert (await tab.fill("/do/co-signature")).status_code == 200  # pressed twice
    assert (await tab.send(f"/do/co-signature/{path[-36:]}")).status_code == 409  # from another tab
    assert "您已联名,每人一次,无需重复。" in tab.html
    await tab.open(page)
    await tab.send("/sign-out")
    assert (await tab.open(page)).status_code == 404  # a stranger is not shown what still collects


async def test_a_code_signs_in_and_a_wrong_one_says_so(world: World, tab: Tab) -> None:
    await tab.open("/sign-in")
    await tab.send("/sign-in", contact="138 0000 0042", then="/")
    assert "验证码已发送" in tab.html
    assert (await tab.send("/sign-in", contact="138 0000 0042", code="0", then="/")).status_code == 401
    assert "验证码无效或已过期" in tab.html
    assert (await tab.send("/sign-in", contact="no number", then="/")).status_code == 422


async def test_a_forged_form_does_nothing_and_nobody_is_sent_elsewhere(world: World, tab: Tab) -> None:
    path = await world.collecting(3)
    await tab.open("/sign-in")
    await tab.send("/sign-in/persona", subject="resident-12", then="//evil.example")
    assert str(tab.client.base_url) == "http://yuetan"
    forged = await tab.client.post(f"/do/co-signature/{path[-36:]}", data={"mark": "0" * 32})
    assert forged.status_code == 403
    assert "请核对后再次提交" in forged.text
    tab.client.cookies.clear()
    await tab.open("/sign-in")
    tab.client.headers["Sec-Fetch-Site"] = "cross-site"  # nor is anybody signed in as somebody else by another site
    assert (await tab.fill("/sign-in/persona", subject="clerk")).status_code == 403
    assert not tab.client.cookies
    assert (await world.get(resident(1), path))["signatures"] == 3


async def test_without_personas_nobody_signs_in_as_one(world: World, tab: Tab) -> None:
    world.app.state.personas = None
    await tab.open("/sign-in")
    assert "试用身份" not in tab.html
    assert (await tab.send("/sign-in/persona", subject="clerk", then="/")).status_code == 404
