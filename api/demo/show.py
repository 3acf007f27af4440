"""What one sees while the demo plays: a line or a live table of steps, and the table of outcomes at the end."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from api.demo.district import District
from api.demo.play import CLERK, Play, Result, topics

Token = Callable[[str, str, str | None], str]


class PolicyTooSlow(Exception):
    """The engine's windows are those of real life: two of the cases would keep us waiting for weeks."""


async def _require_short_windows(client: httpx.AsyncClient) -> None:
    windows = (await client.get("/v1/policy")).raise_for_status().json()["windows"]
    for rule in ("signing", "host_opinion"):
        if not windows[rule].endswith(" seconds"):
            raise PolicyTooSlow(
                f"that engine's window {rule} is {windows[rule]}, for which two cases would wait;"
                " start it with --policy api/demo/policy.toml, or leave out --url"
            )


async def play_all(url: str, token: Token, *, as_json: bool) -> bool:
    """Play every topic; True when all ended as they were written. With ``as_json`` stdout holds one JSON object."""
    started = time.monotonic()
    progress = Console(stderr=True)
    steps = {topic["id"]: ("", "") for topic in topics()}

    def table() -> Table:
        shown = Table("案例 case", "进展", "now", title="点题约谈 · called meetings")
        for case, (zh, en) in steps.items():
            shown.add_row(case, zh, en)
        return shown

    with Live(table(), console=progress, auto_refresh=False, transient=True) as live:

        def say(case: str, zh: str, en: str) -> None:
            steps[case] = (zh, en)
            if progress.is_terminal:
                live.update(table(), refresh=True)
            else:
                progress.print(f"{case:20} {zh} · {en}")

        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            await _require_short_windows(client)
            results = await Play(District(client, token), say).all()
    good = all(result.as_expected for result in results)
    if as_json:
        keys = ("case", "id", "phase", "outcome", "rounds", "events")
        petitions = [{key: asdict(result)[key] for key in keys} for result in results]
        print(json.dumps({"petitions": petitions, "as_expected": good}, ensure_ascii=False))
    else:
        show_outcomes(results)
        Console().print(f"用时 took {time.monotonic() - started:.0f} s")
    return good


def show_outcomes(results: list[Result]) -> None:
    shown = Table(title="结果 outcomes")
    for heading in ("案例 case", "题目 topic", "阶段 phase", "结果 outcome"):
        shown.add_column(heading)
    for heading in ("轮次 rounds", "事件 events"):
        shown.add_column(heading, justify="right")
    shown.add_column("如期 as expected", justify="center")
    titles = {topic["id"]: topic["topic"] for topic in topics()}
    for result in results:
        shown.add_row(
            result.case,
            titles[result.case],
            result.phase,
            result.outcome or "—",
            str(result.rounds),
            str(result.events),
            "✓" if result.as_expected else f"✗ {result.expected.phase}/{result.expected.outcome}",
        )
    Console().print(shown)


async def play_one(url: str, token: Token, case: str = "drainage") -> bool:
    """Play one petition to its end, a line a step; for ``yuetan up --play``."""
    console = Console(soft_wrap=True)
    console.print(
        "\n[bold]一件真实的点题约谈,从第一个签名到办结[/] · one real petition, from its first signature to its end"
    )
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        district = District(client, token)
        new = not (await district.get(CLERK, "/v1/petitions", limit=1))["items"]
        result = await Play(district, lambda _, zh, en: console.print(f"  • {zh}  [dim]{en}[/]")).one(case)
        if new:
            await Play(district, lambda *_: None).some_halfway()
    console.print(
        f"  [bold]{result.phase} · {result.outcome}[/]:{result.events} 个事件 events,{url}/petitions/{result.id}"
    )
    if new:
        console.print(f"  另有三件办到一半,可以试用身份接着办 · three more are half-way, to go on with: {url}/sign-in")
    console.print()
    return result.as_expected
