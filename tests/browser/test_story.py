"""The whole story, as six sorts of people click it through: the resident on a phone, the offices at their desks.
Every button is pressed twice in a row."""

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, PHONE, Person, Site

TOPIC = "三幢门口一下雨就积水"
IN_A_WHILE = timedelta(days=20)
PHOTO = FilePayload(name="泵站.png", mimeType="image/png", buffer=b"\x89PNG\r\n\x1a\n" + b"pump" * 100)
PROGRAM = FilePayload(name="泵站.png", mimeType="image/png", buffer=b"MZ\x90\x00" + b"\x00" * 400)


async def press(where: Page | Locator, name: str) -> None:
    """Twice, as impatient people do; and it is done, once."""
    page = where if isinstance(where, Page) else where.page
    async with page.expect_navigation():
        await where.get_by_role("button", name=name, exact=True).first.dblclick()
    await expect(page.locator("main > .notice")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def follow(where: Page | Locator, name: str) -> None:
    page = where if isinstance(where, Page) else where.page
    async with page.expect_navigation():
        await where.get_by_role("link", name=name, exact=True).first.click()


async def to_do(page: Page, wanted: str, about: str = TOPIC) -> Locator:
    """What waits on somebody's desk; a desk that is open shows it as soon as it does."""
    await follow(page, "待办")
    card = page.locator("li.card").filter(has_text=about).filter(has=page.get_by_role("link", name=wanted)).first
    await expect(card).to_be_visible(timeout=PATIENCE_MS)
    return card


async def test_from_the_first_sentence_to_the_judged_end(site: Site, person: Person) -> None:
    town = site.town
    lead = await person("resident-1", PHONE)
    await lead.goto("/")
    await follow(lead, "写申请")
    await lead.get_by_label("什么事?用一句话说").fill(TOPIC)
    await lead.get_by_label("说说具体情况").fill("每逢暴雨,水没过脚踝,老人出不了门。希望装一台水泵。")
    await lead.get_by_role("button", name="下一步").click()
    await lead.get_by_label("身边的烦心事").check()
    await lead.get_by_label("通过哪个社区(合作社)提出?").select_option("划船社区")
    await lead.get_by_label("牵头").select_option(town.official.org)
    await lead.get_by_role("button", name="下一步").click()
    await press(lead, "设立申请")
    petition = lead.url.partition("?")[0]

    neighbours = [lead]
    for n in range(2, 11):
        neighbour = await person(f"resident-{n}", PHONE)
        await neighbour.goto(petition)
        await press(neighbour, "我要联名")
        neighbours.append(neighbour)

    host = await person(town.host.subject)
    await host.goto("/")
    await follow(await to_do(host, "请出具社区意见"), "出具意见并提交")
    await host.get_by_label("社区(合作社)意见").fill("情况属实,请予受理。")
    await press(host, "提交")

    clerk = await person("clerk")
    await clerk.goto("/")
    await follow(clerk, "受理审查")
    await follow(clerk, TOPIC)
    await press(clerk, "发布")
    await press(clerk, "予以受理")

    official = await person(town.official.subject)
    await official.goto("/")
    await press(await to_do(official, "请签收约谈"), "签收")

    await follow(await to_do(host, "请安排约谈会议"), "安排约谈会议")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await host.get_by_label("时间").fill(f"{tomorrow:%Y-%m-%d}T14:00")
    await host.get_by_label("地点").fill("社区议事厅")
    await press(host, "提交")
    meeting = host.url.partition("?")[0]
    await brought_forward(site, meeting)
    await host.reload()
    await follow(host, "会议已召开,填写记录")
    await host.get_by_label("会议记录").fill("领导当场答复:二十日内装好水泵。")
    await press(host, "提交")
    await press(await to_do(official, "请确认会议记录"), "确认会议记录")

    await follow(await to_do(official, "请公布时间表、路线图"), "公布时间表、路线图")
    due_on = (datetime.now(UTC) + IN_A_WHILE).date().isoformat()
    tasks = {"安装水泵": "区住建局", "疏通雨水管": "区城管局"}
    for n, (title, unit) in enumerate(tasks.items(), 1):
        if n > 1:
            await official.get_by_role("button", name="再加一行").click()
        row = official.get_by_role("group", name=f"任务 {n}", exact=True)
        await row.get_by_label("任务内容").fill(title)
        await row.get_by_role("radio", name=unit).check()
        await row.get_by_label("完成期限").fill(due_on)
    await press(official, "公布")

    for title, officer in zip(tasks, (town.officer, town.other_officer), strict=True):
        unit_page = await person(officer.subject)
        await unit_page.goto("/")
        await press(await to_do(unit_page, "请认领任务或提出异议", title), "认领")
        await follow(await to_do(unit_page, "任务已由贵单位承办", title), "报告进度")
        await unit_page.get_by_label("完成百分比").fill("60")
        await unit_page.get_by_label("进展说明").fill("设备已到场。")
        await press(unit_page, "提交")
        await follow(await to_do(unit_page, "任务已由贵单位承办", title), "上传佐证")
        await unit_page.get_by_label("办理后").check()
        await unit_page.get_by_label("文件").set_input_files(PROGRAM)
        await unit_page.get_by_role("button", name="上传").click()
        await expect(unit_page.get_by_role("alert")).to_be_visible()
        await expect(unit_page.get_by_label("办理后")).to_be_checked()
        await unit_page.get_by_label("文件").set_input_files(PHOTO)
        await press(unit_page, "上传")
        await follow(await to_do(unit_page, "任务已由贵单位承办", title), "报办结")
        await unit_page.get_by_label("办理结果").fill("已完工,现场已清理。")
        await press(unit_page, "提交")
        await press(await to_do(official, "任务已办结,请核实销号", title), "核实销号")

    await follow(await to_do(official, "请作出答复"), "作出答复")
    await official.get_by_label("答复意见:已办结").check()
    await official.get_by_label("答复内容").fill("水泵已装好,请各位评价。")
    await press(official, "答复")

    for neighbour in neighbours:
        await neighbour.goto(petition)
        await follow(neighbour, "评价办理结果")
        await neighbour.get_by_role("group", name="有没有工作人员联系过您?").get_by_label("是").check()
        await neighbour.get_by_label("解决了", exact=True).check()
        await neighbour.get_by_role("group", name="您对办理过程满意吗?").get_by_label("是").check()
        await press(neighbour, "提交评价")

    anybody = await person()
    await anybody.goto(petition)
    await expect(anybody.locator(".head .tag").first).to_have_text("已办结", timeout=PATIENCE_MS)
    await follow(anybody, "English")
    await expect(anybody.locator(".head .tag").first).to_have_text("Closed")
    await expect(anybody.get_by_text("水泵已装好,请各位评价。")).to_be_visible()


async def brought_forward(site: Site, meeting: str) -> None:
    """To now: nobody here waits until tomorrow. Over the API, since people type no seconds."""
    starts_at = datetime.now(UTC) + timedelta(seconds=1)
    path = f"/v1{meeting.removeprefix(site.url)}"
    body = {"starts_at": starts_at.isoformat(), "venue": "社区议事厅", "reason": "提前。"}
    await site.town.district.post(site.town.host, f"{path}/rescheduling", **body)
    await asyncio.sleep(max(0, (starts_at - datetime.now(UTC)).total_seconds()))
