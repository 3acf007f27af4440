"""A resident writes a petition in a real browser: back and forth, on a phone, with and without scripts."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, Person, Site

DETAILS = "𠮷屋门口积水,老人出不了门。🌧\n" + "长" * 4000


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_petition_is_written_on_a_phone_back_and_forth(site: Site, person: Person, scripts: bool) -> None:
    page = await person("resident-11" if scripts else "resident-12", width=PHONE, scripts=scripts)
    await page.goto("/petitions/new")
    await page.get_by_label("什么事").fill("东门口路面坑洼")
    await page.get_by_label("说说具体情况").fill(DETAILS)
    await page.get_by_role("button", name="下一步").click()
    await page.get_by_label("身边的烦心事").check()
    await page.get_by_label("通过哪个社区").select_option(index=1)
    await page.get_by_label("牵头").select_option(index=1)
    await page.get_by_role("button", name="下一步").click()
    await expect(page.get_by_role("heading", name="东门口路面坑洼")).to_be_visible()
    await page.go_back()
    await page.go_back()
    await expect(page.get_by_label("说说具体情况")).to_have_value(DETAILS)
    await page.go_forward()
    await expect(page.get_by_label("身边的烦心事")).to_be_checked()
    await page.go_forward()
    await page.get_by_role("button", name="上一步").click()
    await page.get_by_role("button", name="上一步").click()
    await expect(page.get_by_label("说说具体情况")).to_have_value(DETAILS)
    for _ in range(2):
        await page.get_by_role("button", name="下一步").click()
    await page.get_by_role("button", name="设立申请").dblclick()
    await expect(page.get_by_role("status").filter(has_text="申请已设立")).to_be_visible()
    await page.goto("/mine")
    await expect(page.get_by_role("link", name="东门口路面坑洼")).to_have_count(1)
    if scripts:
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE
