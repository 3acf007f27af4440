"""A browser without JavaScript, for the tests of the console's pages."""

from html.parser import HTMLParser
from typing import Any

import httpx

from api.console.browser import SESSION


class Forms(HTMLParser):
    """The forms of a page: where each goes, and what it would send as it stands."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, list[str]]]] = []
        self._open: str | None = None
        self._option: str | None = None  # the select that is being read
        self.buttons: list[tuple[int, dict[str, str], list[str]]] = []  # of which form, with what, and what it says
        self._button = False
        self._first = False  # its option
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        name = has.get("name", "")
        if tag == "form":
            self.found.append((has.get("action", ""), {}))
        if not self.found:
            return
        fields = self.found[-1][1]
        if tag == "input" and name and has.get("type") != "file":
            fields.setdefault(name, [])
            if has.get("type") not in ("radio", "checkbox") or "checked" in has:
                fields[name].append(has.get("value", ""))
        elif tag == "textarea":
            fields[name] = [""]
            self._open = name
        elif tag == "select":
            fields.setdefault(name, []).append("")
            self._option, self._first = name, True
        elif tag == "button":
            self.buttons.append((len(self.found) - 1, has, []))
            self._button = True
        elif tag == "option" and self._option and ("selected" in has or self._first):
            fields[self._option][-1], self._first = has.get("value", ""), False

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._open:
            text = self.found[-1][1][self._open]
            text[0] = text[0].removeprefix("\n")
            self._open = None
        elif tag == "select":
            self._option = None
        elif tag == "button":
            self._button = False

    def handle_data(self, data: str) -> None:
        if self._button:
            self.buttons[-1][2].append(data)
        if self._open:
            self.found[-1][1][self._open][0] += data


class Tab:
    """A browser's tab: keeps cookies, follows redirects, and sends the forms it was shown."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.html, self.address = client, "", client.base_url

    async def open(self, address: str) -> httpx.Response:
        return self._shown(await self.client.get(address))

    async def be(self, subject: str, then: str = "/") -> None:
        """Sign in as one of the personas."""
        await self.open("/sign-in")
        await self.fill("/sign-in/persona", subject=subject, then=then)

    async def bring(self, token: str, then: str = "/") -> None:
        """Come as whoever this token is of, persona or not."""
        self.client.cookies.clear()
        self.client.cookies.set(SESSION, token)
        await self.open(then)

    async def fill(self, action: str = "", /, files: Any = None, **fields: str | list[str]) -> httpx.Response:
        """Send the form that goes to ``action``, or else has these fields, with the rest as it stands."""
        forms = Forms(self.html).found
        to, values = next(
            (form for form in forms if (form[0].startswith(action) if action else fields.keys() <= form[1].keys())),
            ("", {}),
        )
        assert to, f"there is no such form on this page: {action or list(fields)}"
        data = values | fields
        return self._shown(await self.client.post(to, data=data, files=files))

    async def press(self, words: str, /, **fields: str | list[str]) -> httpx.Response:
        """The button that says this, with its form's fields as they stand and these changes."""
        forms = Forms(self.html)
        n, button, _ = next(found for found in forms.buttons if words in "".join(found[2]))
        to, values = forms.found[n]
        data = values | fields | ({button["name"]: button.get("value", "")} if "name" in button else {})
        return self._shown(await self.client.post(button.get("formaction", to), data=data))

    async def send(self, address: str, **fields: str) -> httpx.Response:
        """A form that is not on this page: of ours, but made up."""
        mark = next(fields["mark"][0] for _, fields in Forms(self.html).found if "mark" in fields)
        return self._shown(await self.client.post(address, data={"mark": mark, **fields}))

    def _shown(self, answer: httpx.Response) -> httpx.Response:
        self.html, self.address = answer.text, answer.url
        return answer
