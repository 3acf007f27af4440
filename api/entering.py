"""`yuetan enter`: hands a host's own list of residents to an engine, and shows how far it has come."""

import json
from pathlib import Path
from typing import Any

import httpx
from rich import progress
from rich.console import Console


class NotEntered(Exception):
    """Nothing of the list was taken in: ``str`` says why."""


async def enter(url: str, token: str, host_id: str, path: Path) -> bool:
    """Whether every row was taken in. Broken rows are told with their line, on standard error like the progress; the
    sum is the only line on standard output. Raises ``NotEntered``."""
    console = Console(stderr=True)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    last: dict[str, Any] = {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotEntered(f"{path} cannot be read: {error.strerror}") from None
    bar = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn())
    try:
        async with (
            httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client,
            client.stream("POST", f"/v1/hosts/{host_id}/residents/imports", content=content) as answer,
        ):
            if answer.is_error:
                raise NotEntered(_why(json.loads(await answer.aread())))
            with progress.Progress(*bar, console=console) as shown:
                task = shown.add_task("登记 entering", total=None)
                async for line in answer.aiter_lines():
                    last = json.loads(line)
                    if broken := last.get("broken"):
                        console.print(f"{path.name}:{broken['line']}: {_why(broken)}", markup=False)
                    if "rows" in last:
                        shown.update(task, completed=last["rows"], total=last["of"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Unless the last line was lost: then all is in, and sent again it is all known.
        raise NotEntered(f"the connection to {url} failed, and most likely nothing was taken in: {error}") from error
    if failed := last.get("failed"):
        raise NotEntered(_why(failed))
    if "imported" not in last:
        raise NotEntered(f"{url} does not answer like an engine")
    print(json.dumps(last))
    return bool(last["broken_rows"] == 0)


def _why(problem: dict[str, Any]) -> str:
    return f"{problem['detail']} {problem['detail_en']}"
