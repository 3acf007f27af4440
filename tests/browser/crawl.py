"""Every page that somebody reaches by links, and which of them show something no other has shown."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.api.console.tab import Tab

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
PHASES = 12  # petitions stand in so many phases, and their pages differ
PER_SHAPE = 2  # of all other pages of one shape that one person reaches; of forms one
ELSEWHERE = ("/static/", "/language/")


@dataclass
class Found:
    pages: dict[str, str] = field(default_factory=dict)  # HTML by address
    dead: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """``links`` of a page, and its ``parts``: each kind of element, and in what it stands."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: set[str] = set()
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a":
            self.links.append(given.get("href", ""))
        part = f"{tag}.{given.get('class', '')}[{' '.join(sorted(given))}]{given.get('type', '')}"
        self.parts.add(f"{self._inside} {part}")
        self._inside = part


async def crawl(tab: Tab) -> Found:
    found, ahead, seen, shapes = Found(), ["/"], {"/"}, Counter[str]()
    while ahead:
        address = ahead.pop(0)
        answer = await tab.open(address)
        if answer.is_error:
            found.dead.append(f"{answer.status_code} {address}")
        elif answer.headers["Content-Type"].startswith("text/html"):
            found.pages[address] = answer.text
            for link in Reader(answer.text).links:
                link = link.partition("#")[0]
                if link.startswith("?"):
                    link = address.partition("?")[0] + link
                shape = re.sub(r"=[^&]*", "", ID.sub("*", link))
                enough = PHASES if shape == "/petitions/*" else 1 if shape.startswith("/do/") else PER_SHAPE
                if link in seen or not link.startswith("/") or link.startswith(ELSEWHERE) or shapes[shape] >= enough:
                    continue
                seen.add(link)
                shapes[shape] += 1
                ahead.append(link)
    return found


def worth_seeing(pages: dict[str, str], shown: set[str]) -> list[str]:
    """The addresses whose pages have a part that is not among those ``shown``, to which theirs are added."""
    chosen = []
    for address, html in pages.items():
        parts = Reader(html).parts
        if not parts <= shown:
            shown |= parts
            chosen.append(address)
    return chosen
