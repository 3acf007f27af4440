"""What `yuetan export` and `yuetan verify` say at a terminal: progress on standard error, the answer on the other."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.settings import CannotStart
from infra.verification import Report, Tell


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """Of leaves. Nothing is shown where standard error is no terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def told(report: Report) -> Iterator[str]:
    """Line by line, Chinese and English."""
    for finding in report.findings:
        yield f"✗ {finding}"
    if report.more:
        yield f"✗ 另有 {report.more} 处 and {report.more} more"
    for warning in report.warnings:
        yield f"! {warning}"
    facts = report.facts
    if report.ok:
        shown = f", 公开 shown {facts['shown']}, 仅哈希 by hash {facts['withheld']}" if "shown" in facts else ""
        yield (
            f"✓ 与签名一致 as it was signed: {facts['origin']}, 事件 events {facts['size']}{shown},"
            f" 检查点 checkpoints {facts['checkpoints']}, root {facts['root']}"
        )
    else:
        count = len(report.findings) + report.more
        yield f"✗ 与签名不一致:{count} 处 not as it was signed: {count} findings"


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Readable by its owner alone, and there only when it is whole. Raises ``CannotStart``."""
    if path.exists():
        raise CannotStart(f"{path} is there already; name another with --output")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with open(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError as error:
        raise CannotStart(f"{path} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
