"""The auditor's slider: by keyboard, one request for several steps, and it says what it stands on."""

from playwright.async_api import expect

from tests.browser.conftest import Person, Site


async def test_the_slider_moves_through_events_by_keyboard_and_says_which(site: Site, person: Person) -> None:
    petition = site.petitions["in_progress"]
    page = await person("auditor")
    asked: list[str] = []
    await page.goto(f"/audit/petitions/{petition.id}?event=1")
    page.on("request", lambda request: asked.append(request.url) if "event=" in request.url else None)
    slider, status = page.locator("#event"), page.locator("#moment [role=status]")
    total = await slider.get_attribute("max")
    await slider.focus()
    for _ in range(3):
        await page.keyboard.press("ArrowRight")
    await expect(status).to_have_text(f"4 / {total}")
    assert len(asked) < 3  # not one a step
    words = await page.locator("#moment h2").first.inner_text()
    told = await slider.get_attribute("aria-valuetext") or ""
    assert told.startswith(f"4 / {total}")
    assert words.partition(":")[0] in told
    await expect(page.locator("#events [aria-current]")).to_contain_text(words.partition(":")[0])
    await expect(page).to_have_url(f"{site.url}/audit/petitions/{petition.id}?event=4")
    await page.keyboard.press("End")
    await expect(status).to_have_text(f"{total} / {total}")
    await page.keyboard.press("Home")
    await expect(status).to_have_text(f"1 / {total}")
