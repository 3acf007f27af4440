"""The front door, as somebody at a terminal meets it: real processes, started, killed and stopped."""

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import yuetan
from api.demo.district import Person
from infra.settings import CannotStart, Settings
from tests.programs import district, new_folder, program, readiness, run
from yuetan import listening


@pytest.fixture
def parent() -> Iterator[Path]:
    with new_folder() as folder:
        yield folder


async def test_the_engine_comes_back_with_everything_after_a_kill_and_ends_cleanly(parent: Path) -> None:
    folder = parent / "data"
    up = ("up", "--data-dir", folder, "--port", "0")
    async with program(*up) as first, httpx.AsyncClient() as http:
        printed = await asyncio.to_thread(run, "token", "--data-dir", folder, "--role", "admin", "--subject", "a")
        admin = {"Authorization": f"Bearer {printed.stdout.strip()}"}
        host = {"name": "划船社区", "kind": "community"}
        made = (await http.post(f"{first.url}/v1/hosts", json=host, headers=admin)).raise_for_status()
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL
    async with program(*up) as second, httpx.AsyncClient(base_url=second.url) as http:
        print(f"ready the second time in {second.ready_in} s")
        after = {"after": made.headers["Yuetan-Position"]}
        found = (await http.get(f"/v1/hosts/{made.json()['id']}", params=after)).raise_for_status()
        assert found.json()["name"] == "划船社区"
        await readiness(http, "ready")
        assert await second.end(signal.SIGTERM) == 0
    assert _processes_on(folder) == []


async def test_who_runs_it_for_the_first_time_finds_something_to_do_for_every_persona(parent: Path) -> None:
    folder = parent / "data"
    async with program("up", "--play", "--data-dir", folder, "--port", "0") as engine:
        assert engine.process.stdout
        async with asyncio.timeout(60):
            while not (line := (await engine.process.stdout.readline()).decode()).startswith("up and played"):
                assert line, "it ended"
        async with district(engine.url, folder / "keys") as people:
            found = await people.get(Person("clerk", "clerk"), "/v1/petitions")
    phases = {petition["topic"]: petition["phase"] for petition in found["items"]}
    assert phases.pop("“买菜难”问题") == "collecting"
    assert sorted(phases.values()) == ["closed", "in_progress", "submitted"]


async def test_ctrl_c_ends_it_cleanly(parent: Path) -> None:
    async with program("up", "--data-dir", parent / "data", "--port", "0") as engine:
        assert await engine.end(signal.SIGINT) == 0


async def test_what_ends_by_itself_is_started_again(parent: Path) -> None:
    folder = parent / "data"
    async with (
        program("up", "--data-dir", folder, "--port", "0") as engine,
        httpx.AsyncClient(base_url=engine.url) as http,
    ):
        await readiness(http, "ready")
        before = _processes_on(folder)
        for process in before:
            process.kill()
        psutil.wait_procs(before, timeout=10)
        await readiness(http, "ready")
        assert len(_processes_on(folder)) == len(before) == 2


async def test_the_api_serves_while_temporal_is_away(parent: Path, database: str) -> None:
    own = {"YUETAN_DATABASE_URL": database, "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1", "YUETAN_KEYS": str(parent)}
    async with program("api", "--port", "0", **own) as api, httpx.AsyncClient() as http:
        ready = await http.get(f"{api.url}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "temporal" in ready.json()["down"]
        assert await api.end(signal.SIGTERM) == 0


async def test_a_list_of_residents_is_entered_from_a_terminal_that_shows_how_far_it_has_come(
    parent: Path, database: str
) -> None:
    own = {"YUETAN_DATABASE_URL": database, "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1", "YUETAN_KEYS": str(parent)}
    async with program("api", "--port", "0", **own) as api, district(api.url, parent) as people:
        host = await people.post(Person("admin", "admin"), "/v1/hosts", name="划船社区", kind="community")
        rows = [f"居民{n},{13800000000 + n},居住,是" for n in range(1_200)]
        rows[7] = "居民七,不是电话,居住,是"
        path = parent / "名册.csv"
        path.write_text("\n".join(["姓名,电话,依据,成年", *rows]), "utf-8")
        command = ("enter", path, "--org", host["id"], "--subject", "staff", "--url", api.url)

        async def entering(*command: str | Path) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(run, *command, YUETAN_KEYS=str(parent))

        first = await entering(*command)
        assert (first.returncode, json.loads(first.stdout)) == (1, {"imported": 1_199, "known": 0, "broken_rows": 1})
        assert "名册.csv:9: 电话号码无效。" in first.stderr
        assert "1200/1200" in first.stderr
        assert "1380000" not in first.stderr
        path.write_text("姓名,电话\n", "utf-8")
        refused(await entering(*command), "首行须有列名")
        refused(await entering(*command[:-1], "http://127.0.0.1:1"), "the connection to")
        refused(await entering(command[0], parent / "none", *command[2:]), "cannot be read")


async def test_a_second_engine_a_taken_port_and_a_demo_for_weeks_are_refused_in_one_line(parent: Path) -> None:
    folder = parent / "data"
    async with program("up", "--data-dir", folder, "--port", "0") as engine:
        port = engine.url.rpartition(":")[2]
        second = await asyncio.to_thread(run, "up", "--data-dir", folder, "--port", "0")
        refused(second, "is in use by another yuetan")
        other = await asyncio.to_thread(run, "up", "--data-dir", parent / "other", "--port", port)
        refused(other, f"cannot listen on 127.0.0.1:{port}: Address already in use")
        demo = await asyncio.to_thread(run, "demo", "--url", engine.url, "--data-dir", folder)
        refused(demo, "window signing is 30 days")


@pytest.mark.parametrize(
    ("arguments", "environment", "line"),
    [
        (["up", "--data-dir", "/proc/yuetan"], {}, "cannot use /proc/yuetan"),
        (["up", "--data-dir", "{folder}"], {}, "another version of Yuetan"),
        (["up", "--data-dir", "{folder}/new", "--policy", "/nowhere"], {}, "policy /nowhere cannot be read"),
        (["up"], {"YUETAN_PORT": "http"}, "YUETAN_PORT is 'http'"),
        (["up", "--data-dir", "{folder}/new", "--port", "70000"], {}, "--port is 70000"),
        (["up", "--data-dir", "{folder}/new", "--host", "300.0.0.1"], {}, "cannot listen on 300.0.0.1:8000: Name or"),
        (["api"], {}, "YUETAN_DATABASE_URL and YUETAN_TEMPORAL_ADDRESS"),
        (["worker"], {"YUETAN_DATABASE_URL": "postgresql:///x"}, "YUETAN_TEMPORAL_ADDRESS"),
        (["migrate"], {"YUETAN_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x"}, "PostgreSQL cannot be used"),
        (["rebuild", "oracle"], {}, "there is no read model oracle"),
        (["rebuild", "--data-dir", "{folder}"], {}, "there is no log in"),
        (["rotate-key", "--data-dir", "{folder}"], {}, "there is no log in"),
        (["replay", "--subject", "x"], {}, "name one petition by its id, or say --district"),
        (["replay", "--subject", "x", "--district", "--since", "1"], {}, "--position and --since are of a petition"),
        (["demo", "--url", "nowhere", "--data-dir", "{folder}"], {}, "no engine answers at nowhere"),
        (["token", "--data-dir", "/nowhere", "--role", "clerk", "--subject", "x"], {}, "there is no /nowhere/keys"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, Any], line: str
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
    well = await asyncio.to_thread(run, "doctor", "--data-dir", parent / "data")
    assert (well.returncode, well.stdout.count("✓"), well.stderr) == (0, 7, "")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        nobody.close()
        ill = await asyncio.to_thread(run, "doctor", "--data-dir", parent / "data", YUETAN_TEMPORAL_ADDRESS=address)
    assert (ill.returncode, ill.stdout.count("✓")) == (1, 6)
    assert f"✗ Temporal: {address} does not answer" in ill.stdout


async def test_the_key_of_the_log_is_exchanged_and_doctor_sees_what_is_gone(parent: Path) -> None:
    folder, proof = parent / "data", parent / "data/proof"
    async with program("up", "--data-dir", folder, "--port", "0"):
        changed = await asyncio.to_thread(run, "rotate-key", "--data-dir", folder)
        assert (changed.returncode, changed.stderr) == (0, "")
        old, new = [line.split()[0] for line in (proof / "keys").read_text().splitlines()]
        assert old not in changed.stdout
        assert new in changed.stdout
        assert (proof / "checkpoint").read_text().count("\n— ") == 2, "signed by both"
        assert [path.name for path in (folder / "keys/log").iterdir()] == ["2.key"]
        (proof / "checkpoint").unlink()
        ill = await asyncio.to_thread(run, "doctor", "--data-dir", folder)
        assert "✗ proof: the checkpoints are gone" in ill.stdout


@pytest.mark.parametrize(
    ("look", "wrong", "told"),
    [
        (yuetan._look_at_gateways, {"smtp_url": "smtp://127.0.0.1:1"}, "without YUETAN_PUBLIC_URL"),
        (
            yuetan._look_at_gateways,
            {"smtp_url": "smtp://127.0.0.1:1", "public_url": "https://district.example"},
            "the mail server does not let us in",
        ),
        (yuetan._look_at_issuer, {"oidc_issuer": "http://127.0.0.1:1"}, "check YUETAN_OIDC_ISSUER"),
        (yuetan._look_at_files, {"data_dir": Path("/proc/nowhere")}, "cannot be written to"),
    ],
    ids=["letters without links", "mail server", "identity provider", "files"],
)
async def test_doctor_tries_what_is_outside(look: Callable[..., Any], wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(CannotStart, match=told):
        await look(replace(Settings.from_env({}), **wrong))


def _processes_on(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's and Temporal's own process of this data folder."""
    marks = {str(folder / "postgres"), str(folder / "temporal.db")}
    return [
        process for process in psutil.process_iter(["cmdline"]) if marks & set((process.info["cmdline"] or [""])[1:])
    ]


def test_answers_leave_at_once() -> None:
    """Otherwise each waits 40 ms for the client's acknowledgement of its first part."""
    with (
        listening(replace(Settings.from_env({}), port=0)) as (listener, _),
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
