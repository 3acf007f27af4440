"""What a client was told: every accepted command, to be asked again after a disaster."""

import asyncio

import httpx

# Set by the server at each answer.
PASSING = {"date", "x-request-id", "content-length"}


class Journal:
    """Keeps accepted commands, by way of an event hook of the client that sends them."""

    def __init__(self) -> None:
        self.acknowledged: list[httpx.Response] = []
        self._grown = asyncio.Condition()

    async def __call__(self, answer: httpx.Response) -> None:
        if answer.is_success and "Yuetan-Position" in answer.headers:
            await answer.aread()
            async with self._grown:
                self.acknowledged.append(answer)
                self._grown.notify_all()

    async def holds(self, entries: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.acknowledged) >= entries)

    async def ask_again(self, client: httpx.AsyncClient) -> None:
        """Each command under its own key gets its first answer, to the byte: it is there, and is not done twice."""
        for told in tuple(self.acknowledged):
            asked = told.request
            again = await client.request(
                asked.method,
                asked.url.raw_path.decode(),
                content=asked.content,
                headers={
                    name: asked.headers[name]
                    for name in ("Authorization", "Idempotency-Key", "Content-Type")
                    if name in asked.headers
                },
            )
            assert (again.status_code, again.content) == (told.status_code, told.content), asked.url
            assert _lasting(again) == _lasting(told)


def _lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in PASSING}
