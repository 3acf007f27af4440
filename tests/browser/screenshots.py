"""The main pages as pictures, for docs/screens: `python -m tests.browser.screenshots` (or `make screens`)."""

import asyncio
import io
from pathlib import Path

from PIL import Image

from tests.browser.conftest import DESK, PHONE, browsing, new_page, serving

FOLDER = Path("docs/screens")
HEIGHT = 1000
COLOURS = 64  # as many as keep the letters smooth: a picture is then a third as heavy


async def take() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with serving() as site, browsing() as chromium:
        town, petitions = site.town, site.petitions
        shown = {
            "list": (None, "/"),
            "statistics": (None, "/statistics"),
            "petition": (None, f"/petitions/{petitions['in_progress'].id}"),
            "judging": ("resident-1", f"/petitions/{petitions['feedback'].id}"),
            "writing": ("resident-1", "/petitions/new"),
            "admission": ("clerk", f"/admissibility/{petitions['submitted'].id}"),
            "desk": (town.official.subject, "/desk"),
            "board": (town.officer.subject, "/board"),
            "audit": ("auditor", f"/audit/petitions/{petitions['closed'].id}?event=12"),
        }
        for name, (subject, address) in shown.items():
            for width in (DESK, PHONE):
                page = await new_page(chromium, site, subject, width)
                await page.set_viewport_size({"width": width, "height": HEIGHT})
                await page.goto(address)
                picture = Image.open(io.BytesIO(await page.screenshot()))
                picture.convert("RGB").quantize(COLOURS).save(FOLDER / f"{name}-{width}.png", optimize=True)
                await page.context.close()
    print(f"{sum(file.stat().st_size for file in FOLDER.glob('*.png')) // 1024} kB in {FOLDER}")


if __name__ == "__main__":
    asyncio.run(take())
