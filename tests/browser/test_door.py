"""At the door of a meeting, with a phone: by keyboard alone, as a hand scanner types."""

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.browser.conftest import PHONE, Person, Site
from tests.browser.town import RESIDENTS


async def test_a_hand_scanner_checks_people_in_and_a_used_ticket_is_refused_in_big_letters(
    site: Site, person: Person
) -> None:
    petition = await site.town.petition("门口积水", signed=10)
    for step in (petition.submit, petition.accept):
        await step()
    await petition.post(petition.official, "acknowledgement")
    starts_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # the doors are open two hours before
    meeting = await petition.post(petition.host, "meetings", starts_at=starts_at, venue="社区议事厅")
    first, other = [
        await site.town.district.get(resident, f"/v1/meetings/{meeting['id']}/ticket") for resident in RESIDENTS[3:5]
    ]

    page = await person(site.town.host.subject, PHONE)
    await page.goto(f"/meetings/{meeting['id']}/door")
    await expect(page.get_by_text("此浏览器不能用摄像头扫码")).to_be_visible()  # it has no BarcodeDetector
    await expect(page.get_by_role("button", name="用摄像头扫码")).to_be_hidden()
    for n, read in enumerate((first["token"], other["code"]), 1):
        await expect(page.get_by_label("签到码")).to_be_focused()
        await page.keyboard.type(read)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("签到成功")
        await expect(page.get_by_role("definition").nth(2)).to_have_text(str(n))
    await expect(page.get_by_label("签到码")).to_be_focused()
    await page.keyboard.type(first["code"])
    await page.keyboard.press("Enter")
    refused = page.get_by_role("alert")
    await expect(refused).to_have_text("此签到码已使用。")
    size = await refused.evaluate("element => parseFloat(getComputedStyle(element).fontSize)")
    assert size >= 24
    await expect(page.get_by_role("definition").nth(2)).to_have_text("2")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
