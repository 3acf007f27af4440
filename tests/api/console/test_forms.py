"""Forms: what is wrong, what is kept, and what pressing twice does."""

import re

from tests.api.console.tab import Tab
from tests.api.world import CLERK, World

OPINION = "情况属实,𠮷屋门口积水。🌧"


async def host_at_the_form(world: World, tab: Tab) -> str:
    path = await world.collecting()
    await world.get(CLERK, path)  # until the read models show it
    await tab.be(f"host_staff-{world.host.org}", "/desk")
    assert "请出具社区意见" in tab.html
    page = f"/do/host-opinion/{path[-36:]}"
    assert f'href="{page}?then=/desk"' in tab.html
    await tab.open(f"{page}?then=/desk")
    return path


async def test_what_is_wrong_stands_beside_its_field_and_the_text_is_kept(world: World, tab: Tab) -> None:
    path = await host_at_the_form(world, tab)
    long = OPINION + "长" * 4000 + "<末尾>"
    answer = await tab.fill(opinion=long)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in tab.html
    assert 'aria-describedby="wrong-opinion"' in tab.html
    assert "长&lt;末尾&gt;</textarea>" in tab.html
    assert (await world.get(world.host, path))["phase"] == "collecting"


async def test_pressed_twice_or_sent_again_after_back_it_is_done_once(world: World, tab: Tab) -> None:
    path = await host_at_the_form(world, tab)
    form = tab.html
    for _ in range(2):
        tab.html = form
        answer = await tab.fill(opinion=OPINION)
        assert answer.status_code == 200
        assert 'role="status"' in tab.html
        assert "意见已出具" in tab.html
        assert path[-36:] not in tab.html  # nothing waits any more
    tab.html = form
    assert (await tab.fill(opinion="改过的意见")).status_code == 409
    assert "改过的意见" in tab.html


async def test_an_expired_session_loses_no_text(world: World, tab: Tab) -> None:
    path = await host_at_the_form(world, tab)
    tab.client.cookies.clear()
    assert (await tab.fill(opinion=OPINION)).status_code == 401
    assert "您填写的内容会原样恢复" in tab.html
    kept = re.search(r'name="kept" value="([^"]*)"', tab.html)
    assert kept
    await tab.fill("/sign-in/persona", subject=f"host_staff-{world.host.org}")
    assert OPINION in tab.html
    await tab.fill(opinion=OPINION)
    assert "意见已出具" in tab.html
    assert (await world.get(CLERK, path))["phase"] == "submitted"


async def test_a_forged_form_does_nothing_and_an_unknown_one_is_not_there(world: World, tab: Tab) -> None:
    path = await host_at_the_form(world, tab)
    forged = await tab.client.post(f"/do/host-opinion/{path[-36:]}", data={"mark": "0" * 32, "opinion": OPINION})
    assert forged.status_code == 403
    assert OPINION in forged.text
    sent = {"mark": "0" * 32, "opinion": OPINION}
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    forged = await tab.client.post(f"/do/host-opinion/{path[-36:]}", data=sent, headers=elsewhere)
    assert forged.status_code == 403
    assert OPINION not in forged.text  # one press more must not send what somebody else wrote
    assert (await world.get(world.host, path))["phase"] == "collecting"
    assert (await tab.open(f"/do/no-such-form/{path[-36:]}")).status_code == 404
    assert (await tab.send("/sign-in", kept="[1]", then="/", contact="138 0000 0042")).status_code == 200
