"""Where files are kept: on disk, or in a bucket of moto's S3 server. The same holds for both."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from infra.files import Altered, Bucket, Files, Folder
from infra.repository import Unavailable
from infra.settings import CannotStart, Settings

CONTENT = b"\xff\xd8\xff" + bytes(700_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of moto's server, with nothing in it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def bucket(s3: str, tmp_path: Path) -> Bucket:
    """One of its own."""
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:32]
    httpx.put(f"{s3}/{name}").raise_for_status()
    return Bucket(f"s3://{name}/evidence", s3)


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    made: Bucket = request.getfixturevalue("bucket")
    made.check()
    return made


def test_what_is_kept_is_read_whichever_way_it_was_left(files: Files) -> None:
    source = BytesIO(CONTENT)
    source.seek(0, 2)
    for _ in range(2):
        files.keep(DIGEST, source)
        assert files.read(DIGEST) == CONTENT
    files.remove(DIGEST)
    files.remove(DIGEST)
    with pytest.raises(FileNotFoundError):
        files.read(DIGEST)


def test_what_is_not_what_was_handed_in_is_not_given_out(files: Files) -> None:
    """Somebody has written to the store past us."""
    files.keep(DIGEST, BytesIO(CONTENT + b"altered"))
    with pytest.raises(Altered):
        files.read(DIGEST)


def test_a_bucket_that_is_not_there_or_a_store_that_is_away_is_said_to_be(s3: str) -> None:
    nowhere = Bucket("s3://nowhere", s3)
    with pytest.raises(Unavailable, match="NoSuchBucket"):
        nowhere.check()
    with pytest.raises(Unavailable, match="the bucket is gone"):
        nowhere.keep(DIGEST, BytesIO(CONTENT))
    away = Bucket("s3://bucket", "http://127.0.0.1:9")
    for use in (away.check, lambda: away.read(DIGEST), lambda: away.keep(DIGEST, BytesIO(CONTENT))):
        with pytest.raises(Unavailable, match="the store of files"):
            use()


SLOW_COPY = """
import sys
from pathlib import Path
from infra.files import Folder

class Slow:
    def __init__(self): self.chunks = 0
    def seek(self, at): pass
    def read(self, size):
        self.chunks += 1
        if self.chunks == 3:
            print("half-way", flush=True)
            sys.stdin.read()
        return bytes(size)

Folder(Path(sys.argv[1])).keep(sys.argv[2], Slow())
"""


def test_whoever_is_killed_half_way_leaves_nothing_that_counts(tmp_path: Path) -> None:
    writing = subprocess.Popen(
        [sys.executable, "-c", SLOW_COPY, str(tmp_path), DIGEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writing.stdin
    assert writing.stdout
    with writing:
        assert writing.stdout.readline() == b"half-way\n"
        writing.kill()
    files = Folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.read(DIGEST)
    files.keep(DIGEST, BytesIO(CONTENT))
    assert files.read(DIGEST) == CONTENT


def test_the_setting_names_a_bucket() -> None:
    given = Settings.from_env({"YUETAN_FILES_URL": "s3://bucket/prefix", "YUETAN_FILES_ENDPOINT": "http://store:9000"})
    assert (given.files_url, given.files_endpoint) == ("s3://bucket/prefix", "http://store:9000")
    assert Settings.from_env({}).files_url is None
    for wrong in ("bucket", "s3://", "https://store/bucket", "s3://buck et"):
        with pytest.raises(CannotStart, match="YUETAN_FILES_URL"):
            Settings.from_env({"YUETAN_FILES_URL": wrong})
