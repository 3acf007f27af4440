"""Real servers on a folder of their own: start, restart, crash, and every refusal in one line."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from infra.embedded import PostgreSQL, Temporal, data_folder
from infra.settings import CannotStart


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="yuetan-test-", ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o711)
        with data_folder(Path(parent) / "data") as folder:
            yield folder


async def test_committed_rows_outlive_a_killed_postgresql(folder: Path) -> None:
    server = PostgreSQL(folder)
    async with server as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        await server.kill()
        connection.terminate()
        await server.start()
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT n FROM kept") == 7
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.close()


async def test_postgresql_listens_on_no_port_and_asks_for_a_password(folder: Path) -> None:
    server = PostgreSQL(folder)
    async with server as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url, password="guessed")


async def test_the_keys_of_another_folder_are_refused(folder: Path) -> None:
    server = PostgreSQL(folder)
    await server.start()
    await server.stop()
    (folder / "keys" / "postgres.key").unlink()
    with pytest.raises(CannotStart, match="does not belong to this PostgreSQL"):
        await server.start()


async def test_a_folder_with_a_long_name_gets_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("long" * 25)
    deep.mkdir()
    deep.chmod(0o711)
    async with PostgreSQL(deep) as url:
        await (await asyncpg.connect(url)).close()


async def test_temporal_answers_at_the_same_address_after_a_restart(folder: Path) -> None:
    server = Temporal(folder)
    async with server as address:
        await server.kill()
        assert await server.start() == address


async def test_a_server_that_ends_by_itself_is_started_again(folder: Path) -> None:
    server = PostgreSQL(folder)
    async with server as url:
        connection = await asyncpg.connect(url)
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        keeper = asyncio.create_task(server.keep_running())
        _process_on(server.data).send_signal(signal.SIGKILL)
        await asyncio.wait_for(ended.wait(), 10)
        while True:
            try:
                await (await asyncpg.connect(url)).close()
                break
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0)
        keeper.cancel()


HOLDER = """
import asyncio, pathlib, sys
from infra.embedded import PostgreSQL
async def hold():
    await PostgreSQL(pathlib.Path(sys.argv[1])).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(hold())
"""


async def test_a_server_ends_when_its_program_is_killed(folder: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"ready\n"
    server = _process_on(folder / "postgres")
    holder.kill()
    holder.wait()
    if sys.platform != "linux":  # only Linux tells a child that its parent is gone: elsewhere the next start does
        async with PostgreSQL(folder):
            pass
    server.wait(timeout=20)


async def test_a_server_that_outlived_its_program_is_replaced(folder: Path) -> None:
    earlier = PostgreSQL(folder)
    await earlier.start()
    left_over = _process_on(earlier.data)
    async with PostgreSQL(folder) as url:
        assert _process_on(earlier.data).pid != left_over.pid
        await (await asyncpg.connect(url)).close()
    await earlier.stop()


def test_a_second_program_on_the_folder_is_refused(folder: Path) -> None:
    with pytest.raises(CannotStart, match="in use by another yuetan"), data_folder(folder):
        pass


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    with data_folder(tmp_path):
        (tmp_path / "VERSION").write_text("0\n")
    with pytest.raises(CannotStart, match="another version of Yuetan"), data_folder(tmp_path):
        pass


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CannotStart, match="holds something else"), data_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(CannotStart, match="name a folder that you can write"), data_folder(Path("/proc/yuetan")):
        pass


async def test_a_taken_port_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Temporal cannot use 127.0.0.1:{port}"):
            await Temporal(folder, port=port).start()


async def test_a_missing_temporal_program_is_refused(folder: Path) -> None:
    with pytest.raises(CannotStart, match="YUETAN_TEMPORAL_BINARY"):
        await Temporal(folder, binary=folder / "nowhere").start()


async def test_nobodys_folder_is_opened_to_let_postgresql_in(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = PostgreSQL(private)
    if os.geteuid() == 0:
        with pytest.raises(CannotStart, match=f"may not enter {private}"):
            await server.start()
    else:
        await server.start()
        await server.stop()
    assert private.stat().st_mode & 0o777 == 0o700


def _process_on(data: Path) -> psutil.Process:
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [""])[0].endswith("postgres") and str(data) in process.info["cmdline"]
    )
