"""The front door, as somebody at a terminal meets it: real processes, started, killed and stopped."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

YUETAN = [sys.executable, "-m", "yuetan"]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter, for data folders."""
    with tempfile.TemporaryDirectory(prefix="yuetan-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


class Program:
    """A `yuetan` that serves. ``url`` is where."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, ready_in: float) -> None:
        self.process, self.url, self.ready_in = process, url, ready_in

    async def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        assert self.process.stdout
        await asyncio.wait_for(self.process.stdout.read(), 20)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def program(*arguments: str, **environment: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *YUETAN, *arguments, cwd=ROOT, env=_environment(environment), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            ready = await _ready_line(process)
        yield Program(process, ready[2], float(ready[1] or 0))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _ready_line(process: asyncio.subprocess.Process) -> re.Match[str]:
    assert process.stdout
    async for line in process.stdout:
        if found := re.search(r"(?:ready in ([\d.]+) s|serving) at (\S+)", line.decode()):
            return found
    raise AssertionError("it ended before it was ready")


def _environment(more: dict[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "PYTHONWARNINGS": "error", **more}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*YUETAN, *arguments], cwd=ROOT, env=_environment(environment), capture_output=True, text=True, timeout=60
    )


def token(folder: Path, role: str) -> dict[str, str]:
    printed = run("token", "--data-dir", str(folder), "--role", role, "--subject", "tester").stdout.strip()
    return {"Authorization": f"Bearer {printed}"}


async def test_the_engine_comes_back_with_everything_after_a_kill_and_ends_cleanly(parent: Path) -> None:
    folder = parent / "data"
    up = ("up", "--data-dir", str(folder), "--port", "0")
    async with program(*up) as first, httpx.AsyncClient() as http:
        admin = await asyncio.to_thread(token, folder, "admin")
        host = {"name": "划船社区", "kind": "community"}
        made = (await http.post(f"{first.url}/v1/hosts", json=host, headers=admin)).raise_for_status().json()
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL
    async with program(*up) as second, httpx.AsyncClient() as http:
        print(f"ready the second time in {second.ready_in} s")
        assert second.ready_in < 10
        found = (await http.get(f"{second.url}/v1/hosts/{made['id']}")).raise_for_status().json()
        assert found["name"] == "划船社区"
        assert (await _until_ready(http, second.url))["status"] == "ready"
        assert await second.end(signal.SIGTERM) == 0
    assert _processes_on(folder) == []


async def test_ctrl_c_ends_it_cleanly(parent: Path) -> None:
    async with program("up", "--data-dir", str(parent / "data"), "--port", "0") as engine:
        assert await engine.end(signal.SIGINT) == 0


async def test_what_ends_by_itself_is_started_again(parent: Path) -> None:
    folder = parent / "data"
    async with program("up", "--data-dir", str(folder), "--port", "0") as engine, httpx.AsyncClient() as http:
        await _until_ready(http, engine.url)
        before = _processes_on(folder)
        for process in before:
            process.kill()
        psutil.wait_procs(before, timeout=10)
        await _until_ready(http, engine.url)
        assert len(_processes_on(folder)) == len(before) == 2


async def test_the_api_serves_while_temporal_is_away(parent: Path, database: str) -> None:
    own = {"YUETAN_DATABASE_URL": database, "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1", "YUETAN_KEYS": str(parent)}
    async with program("api", "--port", "0", **own) as api, httpx.AsyncClient() as http:
        ready = await http.get(f"{api.url}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "temporal" in ready.json()["down"]
        assert await api.end(signal.SIGTERM) == 0


async def test_a_second_engine_and_a_taken_port_are_refused_in_one_line(parent: Path) -> None:
    folder = str(parent / "data")
    async with program("up", "--data-dir", folder, "--port", "0") as engine:
        port = engine.url.rpartition(":")[2]
        second = await asyncio.to_thread(run, "up", "--data-dir", folder, "--port", "0")
        refused(second, "is in use by another yuetan")
        other = await asyncio.to_thread(run, "up", "--data-dir", str(parent / "other"), "--port", port)
        refused(other, f"cannot listen on 127.0.0.1:{port}: Address already in use")


@pytest.mark.parametrize(
    ("arguments", "environment", "line"),
    [
        (["up", "--data-dir", "/proc/yuetan"], {}, "cannot use /proc/yuetan"),
        (["up", "--data-dir", "{folder}"], {}, "another version of Yuetan"),
        (["up", "--data-dir", "{folder}/new", "--policy", "/nowhere"], {}, "policy /nowhere cannot be read"),
        (["up"], {"YUETAN_PORT": "http"}, "YUETAN_PORT is 'http'"),
        (["api"], {}, "YUETAN_DATABASE_URL and YUETAN_TEMPORAL_ADDRESS"),
        (["worker"], {"YUETAN_DATABASE_URL": "postgresql:///x"}, "YUETAN_TEMPORAL_ADDRESS"),
        (["migrate"], {"YUETAN_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x"}, "PostgreSQL cannot be used"),
        (["rebuild", "oracle"], {}, "there is no read model oracle"),
        (["token", "--data-dir", "/nowhere", "--role", "clerk", "--subject", "x"], {}, "there is no /nowhere/keys"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], line: str
) -> None:
    (tmp_path / "VERSION").write_text("0\n")
    refused(run(*(part.format(folder=tmp_path) for part in arguments), **environment), line)


def refused(done: subprocess.CompletedProcess[str], line: str) -> None:
    assert done.returncode == 1
    assert line in done.stderr
    assert done.stderr.startswith("yuetan: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == "" or done.stdout.count("\n") == 1


async def test_doctor_says_what_is_well_and_what_is_not(parent: Path) -> None:
    well = await asyncio.to_thread(run, "doctor", "--data-dir", str(parent / "data"))
    assert (well.returncode, well.stdout.count("✓"), well.stderr) == (0, 3, "")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        nobody.close()
        ill = await asyncio.to_thread(
            run, "doctor", "--data-dir", str(parent / "data"), YUETAN_TEMPORAL_ADDRESS=address
        )
    assert (ill.returncode, ill.stdout.count("✓")) == (1, 2)
    assert f"✗ Temporal: {address} does not answer" in ill.stdout


async def _until_ready(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            answer = await http.get(f"{url}/readyz")
            found: dict[str, Any] = answer.json()
            if found["status"] == "ready":
                return found
            await asyncio.sleep(0)


def _processes_on(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's and Temporal's own process of this data folder."""
    marks = {str(folder / "postgres"), str(folder / "temporal.db")}
    return [
        process for process in psutil.process_iter(["cmdline"]) if marks & set((process.info["cmdline"] or [""])[1:])
    ]
