"""What goes wrong with people and their browsers: pressed twice, gone back, signed out meanwhile, lured, curious."""

import re

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PHONE, Person, Site
from tests.browser.town import Petition, holder
from tests.stories.story import AUDITOR, CLERK

RARE = "𠮷野家门口的㐀、𡘙字路牌👩‍👩‍👧‍👦🚧与“引号”<b>&amp;"


async def happened(petition: Petition, kind: str) -> int:
    """How often, by the log."""
    told = await petition.district.get(AUDITOR, f"{petition.path}/history", limit=200)
    return [entry["type"] for entry in told["items"]].count(kind)


async def no_fault(page: Page) -> None:
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_button_pressed_twice_and_again_after_going_back_acts_once(site: Site, person: Person) -> None:
    petition = await site.town.petition("路灯不亮", signed=10)
    page = await person(site.town.host.subject)
    await page.goto(f"/petitions/{petition.id}")
    await page.get_by_role("link", name="出具意见并提交").click()
    await page.get_by_label("社区(合作社)意见").fill("情况属实。")
    await page.get_by_role("button", name="提交").dblclick()
    await expect(page.get_by_role("heading", level=1)).to_have_text("路灯不亮")
    await expect(page.get_by_role("status").filter(has_text="已")).to_be_visible()
    await no_fault(page)
    await page.go_back()
    await page.get_by_label("社区(合作社)意见").fill("情况属实,请尽快受理。")
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_role("alert")).to_be_visible()  # it has been given: said in words, and the text kept
    await expect(page.get_by_label("社区(合作社)意见")).to_have_value("情况属实,请尽快受理。")
    assert await happened(petition, "petition.HostOpinionGiven") == 1


async def test_a_text_outlives_the_session_and_arrives_letter_by_letter(site: Site, person: Person) -> None:
    petition = await site.town.petition("路牌生僻字", signed=10)
    text = (RARE * 200)[:3900] + "\n\n末行。"
    page = await person(site.town.host.subject, PHONE)
    await page.goto(f"/do/host-opinion/{petition.id}")
    await page.get_by_label("社区(合作社)意见").fill(text)
    await page.context.clear_cookies()
    await page.get_by_role("button", name="提交").click()
    await page.get_by_label("身份").select_option(site.town.host.subject)
    await page.get_by_role("button", name="以此身份登录").click()
    await expect(page.get_by_label("社区(合作社)意见")).to_have_value(text)
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("路牌生僻字")
    told = await site.town.district.get(CLERK, f"{petition.path}/history")
    assert [entry["texts"]["opinion"] for entry in told["items"] if entry["type"].endswith("OpinionGiven")] == [text]


async def test_a_form_of_another_site_does_nothing(site: Site, person: Person) -> None:
    petition = await site.town.petition("楼道堆物", signed=10)
    await petition.submit()
    page = await person("clerk")
    target = f"{site.url}/do/acceptance/{petition.id}"
    lure = f'<form method="post" action="{target}"><input name="mark" value="0"><button>赢</button></form>'

    async def elsewhere(route: Route) -> None:
        await route.fulfill(body=lure, content_type="text/html; charset=utf-8")

    # The one gets no cookie sent along; the other, on the same host, does.
    for origin in ("http://elsewhere.example", "http://127.0.0.1:9"):
        await page.route(f"{origin}/**", elsewhere)
        await page.goto(f"{origin}/")
        await page.get_by_role("button", name="赢").click()
        await expect(page).to_have_url(re.compile(re.escape(site.url)))
    await expect(page.get_by_role("alert")).to_contain_text("其他网站")
    assert await happened(petition, "petition.Accepted") == 0


async def test_nobody_does_another_officials_work(site: Site, person: Person) -> None:
    petition = await site.town.petition("占道停车", signed=10)
    for step in (petition.submit, petition.accept):
        await step()
    stranger = await holder(site.town.district, "official", "posts", "区纪委书记", "government")
    page = await person(stranger.subject)
    await page.goto("/desk")
    await expect(page.get_by_text("占道停车")).to_have_count(0)
    await page.goto(f"/do/response/{petition.id}")
    await page.get_by_label("答复内容").fill("不归我管。")
    await page.get_by_label("答复意见:已办结").check()
    await page.get_by_role("button", name="答复").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await happened(petition, "petition.Answered") == 0


async def test_nobody_claims_another_units_task(site: Site, person: Person) -> None:
    petition = site.petitions["offered"]
    theirs = petition.tasks[1].rpartition("/")[2]  # of which this officer's unit is a supporting one
    page = await person(site.town.officer.subject)
    await page.goto(f"/tasks/{theirs}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("组织实施,公开进度")
    await expect(page.get_by_role("button", name="认领")).to_have_count(0)
    await page.goto(f"/do/claim/{theirs}")
    await page.get_by_role("button").last.click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await happened(petition, "task.Claimed") == 0
