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
