"""Signing from a poster, in a real browser on a phone."""

from playwright.async_api import Request, expect

from tests.browser.conftest import PHONE, Person, Site


async def test_a_button_pressed_twice_sends_its_form_once(site: Site, person: Person) -> None:
    petition = await site.town.petition("地下车库照明")
    link = await petition.post(petition.residents[0], "signing-link")
    page = await person(width=PHONE)
    sent: list[str] = []

    def heard(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    page.on("request", heard)
    await page.goto(f"/s/{link['code']}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("地下车库照明")
    await page.get_by_label("手机号或邮箱").fill("13800000042")
    await page.get_by_role("button", name="获取验证码").dblclick()
    await expect(page.get_by_label("验证码")).to_be_visible()
    assert len(sent) == 1


async def test_a_neighbour_scans_the_code_registers_and_has_signed(site: Site, person: Person) -> None:
    petition = await site.town.petition("河边护栏加固")
    lead = await person("resident-1", PHONE)
    await lead.goto(f"/petitions/{petition.id}")
    await lead.get_by_role("link", name="链接、二维码和海报").click()
    await lead.get_by_role("button", name="生成联名链接和二维码").click()
    await expect(lead.get_by_role("img", name="联名二维码")).to_be_visible()
    link = await lead.locator(".poster .link").inner_text()
    page = await person(width=PHONE)
    await page.goto(link)
    await page.get_by_label("手机号或邮箱").fill("139 0000 0043")
    await page.get_by_role("button", name="获取验证码").click()
    await page.get_by_label("验证码").fill(await site.code("13900000043"))
    await page.get_by_role("button", name="确认联名").click()
    await page.get_by_label("姓名").fill("韩梅梅")
    await page.get_by_label("在此居住").check()
    await page.get_by_label("我已年满十八周岁").check()
    await page.get_by_role("button", name="确认联名").click()
    await expect(page.get_by_role("status").filter(has_text="您已联名")).to_be_visible()
    await expect(page.locator("#gauge b")).to_have_text("2")
