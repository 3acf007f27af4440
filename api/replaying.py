"""`yuetan replay`: a petition's history, its state at a moment and what differs, or the whole district, in a terminal.

It asks the API as an auditor, so that it shows what an auditor may see, and that somebody looked is written down.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from api.clocks import RULES
from api.console import audit
from api.console.words import HAPPENED, english, instant, local, moment
from domain.petition.words import Phase
from domain.wording import ZH
from projections import directory


class NotShown(Exception):
    """``str`` says why."""


class Auditor:
    """Asks an engine's API inside this process."""

    def __init__(self, app: Any, token: str, after: int) -> None:
        """``after``: a position that the answers have to show."""
        self.app, self._after = app, after
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://yuetan", headers={"Authorization": f"Bearer {token}"}
        )

    async def get(self, path: str, **query: Any) -> Any:
        asked = {name: value for name, value in query.items() if value is not None}
        answer = await self._http.get(path, params=asked)
        if answer.is_error:
            problem = answer.json()
            raise NotShown(f"{problem['detail']} {problem['detail_en']}")
        return answer.json()

    async def petition(
        self, id: str, as_of: str | None, position: int | None, since: str | None
    ) -> tuple[list[Any], dict[str, Any]]:
        """The history up to a moment, and the state then."""
        compared = {"since" if since.isdecimal() else "since_as_of": _moment(since)} if since else {}
        path, moment = f"/v1/petitions/{id}", {"as_of": _moment(as_of), "after": self._after}
        state = await self.get(f"{path}/state", position=position, **moment, **compared)
        entries, cursor = [], None
        while True:
            page = await self.get(f"{path}/history", cursor=cursor, limit=200, rulings=True, **moment)
            entries += [entry for entry in page["items"] if entry["position"] <= state["position"]]
            cursor = page["next"]
            if cursor is None:
                return entries, state

    async def district(self, as_of: str | None) -> dict[str, Any]:
        figures: dict[str, Any] = await self.get("/v1/district", as_of=_moment(as_of), after=self._after)
        return figures

    async def names(self, value: Any) -> dict[str, str]:
        """Of whatever hosts, posts and units are named in an answer."""
        ids = {found for text in audit.ids_in(value) if (found := audit.id_in(text))}
        return {str(id): name for id, name in (await directory.names(self.app.state.services.pool, ids)).items()}


def _moment(text: str | None) -> str | None:
    """A position, a moment, or a day or time in China."""
    return instant(text) if text and not text.isdecimal() else text


async def replay(
    auditor: Auditor, id: str, as_of: str | None, position: int | None, since: str | None, *, as_json: bool
) -> None:
    """Raises ``NotShown``."""
    entries, state = await auditor.petition(id, as_of, position, since)
    if as_json:
        print(json.dumps({"history": entries, **state}, ensure_ascii=False))
        return
    known, console = await auditor.names([entries, state]), Console()
    petition = state["state"][0]
    history = Table(
        show_lines=True, title=f"{_plain(petition['public_topic'] or petition['topic'])}\n{id}", title_justify="left"
    )
    for name in ("何时 when", "何人 who", "何事 what", "期限 clocks"):
        history.add_column(name, overflow="fold")
    for entry in entries:
        history.add_row(
            f"{local(entry['at']).replace('T', ' ')}\n[dim]@ {entry['position']}[/]",
            _who(entry, known),
            _both(HAPPENED.get(entry["type"], entry["type"]))
            + (f"\n[dim]{entry['origin']}[/]" if entry["origin"] else ""),
            "\n".join(map(_ruled, entry["rulings"])),
        )
    console.print(history)
    tell = audit.teller("zh", known)
    facts = Table(title=f"状态 state @ {state['position']}", title_justify="left", show_header=False)
    for part in state["state"]:
        facts.add_section()
        facts.add_row(f"[bold]{audit.KINDS[part['kind']]} {part['kind']}[/]", part["id"])
        for label, value in audit.standing(part, tell):
            facts.add_row(_both(label), _plain(value))
    console.print(facts)
    if not since:
        return
    differences = Table(title=f"变化 changes {state['since']} → {state['position']}", title_justify="left")
    for name in ("项目 what", "之前 before", "之后 after"):
        differences.add_column(name, overflow="fold")
    kinds = {part["id"]: part["kind"] for part in state["state"]}
    for part_id, found in audit.grouped(state["changes"], tell):
        differences.add_section()
        differences.add_row(f"[bold]{audit.KINDS[kinds[part_id]]} {kinds[part_id]}[/]", part_id)
        for label, before, after in found:
            differences.add_row(_both(label), _plain(before), _plain(after))
    console.print(differences)


async def district(auditor: Auditor, as_of: str | None, *, as_json: bool) -> None:
    """Raises ``NotShown``."""
    figures = await auditor.district(as_of)
    if as_json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    console = Console()
    console.print(f"截至 as of {moment(figures['as_of'])} · 未办结 open {figures['open']}")
    rates = Table("比率 rate", "", "分母 of")
    for label, rate, of in (
        ("响应率 response", figures["response"], "due"),
        ("解决率 resolution", figures["resolution"], "judged"),
        ("满意率 satisfaction", figures["satisfaction"], "judged"),
    ):
        rates.add_row(label, "—" if rate["rate"] is None else f"{rate['rate']:.1%}", str(rate[of]))
    phases = Table("阶段 phase", "件数 petitions")
    for phase in Phase:
        if count := figures["phases"].get(phase):
            phases.add_row(_both(ZH[phase]), str(count))
    clocks = Table("期限 clock", "计时 running", "中止 suspended", "逾期 overdue")
    for clock in figures["clocks"]:
        counts = (str(clock[name]) for name in ("running", "suspended", "overdue"))
        clocks.add_row(f"{RULES.get(clock['rule'], '')} {clock['rule']}", *counts)
    console.print(rates, phases, clocks)


def _who(entry: Mapping[str, Any], known: Mapping[str, str]) -> str:
    role = audit.NOBODY.get(entry["role"]) or ZH[entry["role"]]
    of = entry["on_behalf_of"]
    by = entry["by"] if entry["role"] not in audit.NOBODY else None
    return "\n".join(
        filter(None, (f"{role} {entry['role']}", of and _plain(known.get(of, of)), by and f"[dim]{by}[/]"))
    )


def _ruled(ruling: Mapping[str, Any]) -> str:
    late = ruling["what"] == "met" and not ruling["in_time"]
    said = audit.RULED["late" if late else ruling["what"]]
    before = f"{moment(ruling['was_due_at'])} " if ruling["was_due_at"] else ""
    rule = f"{RULES.get(ruling['rule'], '')}{said} {ruling['rule']}: {english(said)}"
    return f"{rule} {before}→ {moment(ruling['due_at'])} [dim]{ruling['policy']}[/]"


def _both(words: str) -> str:
    other = english(words)
    return words if other == words else f"{words} {other}"


def _plain(text: str) -> str:
    """What people wrote is no markup."""
    return text.replace("[", r"\[")
