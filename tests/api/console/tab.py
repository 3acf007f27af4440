"""A browser without JavaScript, for the tests of the console's pages."""

import re

import httpx


class Tab:
    """A browser's tab: keeps cookies, follows redirects, and sends the forms it was shown."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.html = client, ""

    async def open(self, address: str) -> httpx.Response:
        return self._shown(await self.client.get(address))

    async def send(self, address: str, **fields: str) -> httpx.Response:
        mark = re.search(r'name="mark" value="(\w+)"', self.html)
        assert mark, "there is no form on this page"
        return self._shown(await self.client.post(address, data={"mark": mark[1], **fields}))

    def _shown(self, answer: httpx.Response) -> httpx.Response:
        self.html = answer.text
        return answer
