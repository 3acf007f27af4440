"""What people do in a real browser: by keyboard, without scripts, and with a page open while others act."""

from playwright.async_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, PHONE, Person, Site
from tests.stories.story import CLERK


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus, as anybody can see."""
    wanted = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
    wanted = wanted.or_(page.get_by_label(name)).first
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            break
    await expect(wanted).to_be_focused()
    assert await wanted.evaluate("element => getComputedStyle(element).outlineStyle") != "none"


async def test_signing_in_and_signing_takes_no_more_than_a_keyboard(site: Site, person: Person) -> None:
    petition = await site.town.petition("楼道照明维修")
    page = await person()
    await page.goto(f"/sign-in?then=/petitions/{petition.id}")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="跳到正文")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await tab_to(page, "身份")
    await page.keyboard.press("Home")
    for _ in range(10):
        await page.keyboard.press("ArrowDown")
    await tab_to(page, "以此身份登录")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("楼道照明维修")
    await tab_to(page, "我要联名")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="您已联名")).to_be_visible()


async def test_without_scripts_one_signs_in_signs_and_signs_out(site: Site, person: Person) -> None:
    petition = await site.town.petition("小区大门口减速带")
    page = await person(width=PHONE, scripts=False)
    await page.goto(f"/sign-in?then=/petitions/{petition.id}")
    await page.get_by_label("身份").select_option(label="居民 12")
    await page.get_by_role("button", name="以此身份登录").click()
    await page.get_by_role("button", name="我要联名").click()
    await expect(page.get_by_role("status").filter(has_text="您已联名")).to_be_visible()
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_role("link", name="登录", exact=True)).to_be_visible()
    await page.goto(f"/petitions/{petition.id}")  # it still collects: not a stranger's business
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_an_open_page_shows_what_others_do(site: Site, person: Person) -> None:
    petition = await site.town.petition("垃圾房移位")
    page = await person("resident-1")
    await page.goto(f"/petitions/{petition.id}")
    await page.evaluate("window.sameAsEver = true")
    count = page.locator("#gauge b")
    await expect(count).to_have_text("1")
    neighbour = await person("resident-2", PHONE)
    await neighbour.goto(f"/petitions/{petition.id}")
    await neighbour.get_by_role("button", name="我要联名").click()
    await expect(count).to_have_text("2", timeout=PATIENCE_MS)
    for resident in petition.residents[2:]:
        await petition.post(resident, "co-signatures")
    for step in (petition.submit, petition.accept, petition.arrange, petition.hold, petition.plan_two):
        await step()
    await site.town.district.get(CLERK, petition.path)
    task = page.locator(".gantt .state").first
    await expect(task).to_contain_text("待认领")
    await site.town.district.post(site.town.officer, f"{petition.tasks[0]}/claim")
    await expect(task).not_to_contain_text("待认领")
    assert await page.evaluate("window.sameAsEver")
