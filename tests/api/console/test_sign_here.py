"""Signing from a poster: no sign-in first, and nothing lost on the way. And the poster itself."""

import pytest

from tests.api.console.tab import Tab
from tests.api.test_drafts import last_code
from tests.api.test_sign_in import register, wrong
from tests.api.world import CLERK, DETAILS, TOPIC, World, resident

PHONE = "13800000001"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def poster(world: World, tab: Tab, signatures: int = 2, **changes: str) -> tuple[str, str]:
    """A petition's path; its signing page is open, as by scanning the code."""
    path = await world.collecting(signatures, **changes)
    link = await world.post(resident(1), f"{path}/signing-link")
    followed = await tab.client.get(f"/s/{link['code']}", headers=BROWSER, follow_redirects=False)
    assert followed.headers["Vary"] == "Accept"
    await tab.open(followed.headers["Location"])
    return path, link["code"]


async def signatures(world: World, path: str) -> int:
    world.position = await world.store.max_notification_id()
    count: int = (await world.get(CLERK, path))["signatures"]
    return count


async def test_who_scans_the_code_reads_registers_and_has_signed(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path, _ = await poster(world, tab)
    page = f"/petitions/{path[-36:]}"
    assert TOPIC in tab.html
    assert DETAILS in tab.html
    await tab.fill(f"{page}/sign", contact="138 0000 0001")
    code = last_code(world)
    assert (await tab.fill(f"{page}/sign", code=wrong(code))).status_code == 401
    assert "验证码无效或已过期" in tab.html
    await tab.fill(f"{page}/sign", code=code)
    assert "请补充以下内容" in tab.html
    assert (await tab.fill(f"{page}/sign", name="韩梅梅")).status_code == 422  # without a basis: what was typed stays
    assert 'value="韩梅梅"' in tab.html
    assert await signatures(world, path) == 2
    await tab.fill(f"{page}/sign", basis="lives", adult="yes")
    assert tab.address.path == page
    assert "您已联名" in tab.html
    assert await signatures(world, path) == 3
    await tab.open(page)
    assert "您已联名" in tab.html
    assert "我要联名" not in tab.html


async def test_a_family_is_asked_who_signs_and_who_is_known_signs_at_once(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    path, _ = await poster(world, tab)
    for name in ("张大山", "王芳"):
        person = await register(world, name)
    await tab.fill(f"/petitions/{path[-36:]}/sign", contact=PHONE)
    await tab.fill(f"/petitions/{path[-36:]}/sign", code=last_code(world))
    assert "您是哪一位" in tab.html
    assert "**山" in tab.html
    assert "张大山" not in tab.html
    await tab.fill(f"/petitions/{path[-36:]}/sign", person=person)
    assert "您已联名" in tab.html
    assert await signatures(world, path) == 3


async def test_staff_who_lend_their_screen_stay_signed_in(new_world: World, new_tab: Tab) -> None:
    world, tab = new_world, new_tab
    await register(world, "张小华")
    await tab.be(f"host_staff-{world.host.org}")
    path, _ = await poster(world, tab)
    await tab.fill(f"/petitions/{path[-36:]}/sign", contact=PHONE)
    await tab.fill(f"/petitions/{path[-36:]}/sign", code=last_code(world))
    assert await signatures(world, path) == 3
    await tab.open("/desk")
    assert tab.address.path == "/desk"


async def test_what_cannot_be_signed_says_so(world: World, tab: Tab) -> None:
    path, code = await poster(world, tab)
    page = f"/petitions/{path[-36:]}/sign"
    assert (await tab.fill(page, contact="no number")).status_code == 422
    assert 'role="alert"' in tab.html
    assert 'value="no number"' in tab.html
    await tab.open(f"{page}?link={code}")
    await world.post(resident(1), f"{path}/withdrawal")
    await world.get(CLERK, path)
    assert (await tab.open(f"{page}?link={code}")).status_code == 409
    assert "此件目前不在联名阶段" in tab.html
    assert (await tab.open(page)).status_code == 404  # without the link: as if there were no such petition
    open_to_all = f"/petitions/{(await world.in_progress())[-36:]}"
    await tab.open(f"{open_to_all}/sign?after={world.position}")
    assert tab.address.path == open_to_all  # nothing to sign there
    forged = await tab.client.post(page, data={"mark": "0" * 32, "contact": PHONE})
    assert forged.status_code in (403, 409)
    assert (await tab.client.get("/s/22222222", headers=BROWSER)).headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("subject", ["resident-1", "host"])
async def test_the_lead_petitioner_and_the_host_have_a_poster(world: World, tab: Tab, subject: str) -> None:
    path = await world.collecting(2)
    await tab.be("resident-1" if subject != "host" else f"host_staff-{world.host.org}")
    await tab.open(f"/petitions/{path[-36:]}?after={world.position}")
    assert f"/petitions/{path[-36:]}/share" in tab.html
    await tab.open(f"/petitions/{path[-36:]}/share")
    await tab.fill("/do/signing-link/")
    assert "/qr.svg" in tab.html
    code = (await world.get(resident(1), f"{path}/signing-link"))["code"]
    assert f"http://yuetan/s/{code}" in tab.html
    await tab.open(f"/do/signing-link-end/{path[-36:]}?then=/petitions/{path[-36:]}/share")
    await tab.fill("/do/signing-link-end/")
    assert "/qr.svg" not in tab.html
    assert (await tab.client.get(f"/s/{code}")).status_code == 404


async def test_nobody_else_has_one(world: World, tab: Tab) -> None:
    path = await world.collecting(2)
    await tab.be("resident-2")
    await tab.open(f"/petitions/{path[-36:]}?after={world.position}")
    assert "/share" not in tab.html
    assert (await tab.open(f"/petitions/{path[-36:]}/share")).status_code == 403
