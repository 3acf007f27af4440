"""What clients were told: every accepted command, to be asked again after a disaster.

As a program it plays the demo and writes its journal down: ``python -m tests.faults.journal URL KEYS FILE``.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

import httpx

from api.demo.district import District
from api.demo.play import Play
from tests.programs import tokens

ASKED_WITH = ("Authorization", "Idempotency-Key", "Content-Type")
TOLD_WITH = ("ETag", "Location", "Yuetan-Position")


@dataclass(frozen=True)
class Acknowledged:
    method: str
    path: str
    body: str
    asked_with: dict[str, str]
    status: int
    answer: str
    told_with: dict[str, str]

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        asked = answer.request
        return cls(
            asked.method,
            asked.url.raw_path.decode(),
            asked.content.decode(),
            {name: asked.headers[name] for name in ASKED_WITH if name in asked.headers},
            answer.status_code,
            answer.text,
            {name: answer.headers[name] for name in TOLD_WITH if name in answer.headers},
        )

    async def ask_again(self, client: httpx.AsyncClient) -> None:
        """The same request under its own key gets the same answer: it was kept, and is not carried out twice."""
        answer = await client.request(self.method, self.path, content=self.body, headers=self.asked_with)
        assert Acknowledged.of(answer) == self


class Journal:
    """Keeps what is acknowledged, as an event hook of the client that asks."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self.acknowledged: list[Acknowledged] = []
        self._file = file
        self._grown = asyncio.Condition()

    async def __call__(self, answer: httpx.Response) -> None:
        if answer.is_success and "Yuetan-Position" in answer.headers:
            await answer.aread()
            async with self._grown:
                self.acknowledged.append(Acknowledged.of(answer))
                self._grown.notify_all()
            if self._file:
                print(json.dumps(asdict(self.acknowledged[-1])), file=self._file, flush=True)

    async def holds(self, entries: int) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.acknowledged) >= entries)


def written(path: Path) -> list[Acknowledged]:
    """Whole lines: the last one may have been cut off by a kill."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return [Acknowledged(**json.loads(line)) for line in lines if line.endswith("\n")]


async def _play(url: str, keys: Path, file: IO[str]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        client.event_hooks = {"response": [Journal(file)]}
        await Play(District(client, tokens(keys)), lambda *_: None).all()


if __name__ == "__main__":
    _, url, keys, path = sys.argv
    with Path(path).open("w", encoding="utf-8") as file:
        asyncio.run(_play(url, Path(keys), file))
