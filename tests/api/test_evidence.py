"""Evidence: files taken for what they are, kept once, and given out to be saved by those whom it concerns."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from infra.files import Bucket
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import AUDITOR, CLERK, Person, World, resident
from tests.infra.test_files import bucket, credentials, s3

__all__ = ["bucket", "credentials", "s3"]  # fixtures

JPEG = b"\xff\xd8\xff\xe0"
MP4 = b"\0\0\0\x20ftypisom"
MIB = 1024 * 1024


def photo(size: int = 1000) -> bytes:
    """One that nobody else has."""
    return JPEG + uuid4().bytes + bytes(size - len(JPEG) - 16)


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def bearer(world: World, who: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.issuer.token(who.role, who.subject, who.org)}"}


async def hand_in(
    world: World,
    who: Person,
    task: str,
    content: Any,
    *,
    name: str = "施工后.jpg",
    media_type: str = "image/jpeg",
    form: Any = None,
    **headers: str,
) -> httpx.Response:
    answer = await world.client.post(
        f"{task}/evidence",
        files={"file": (name, content, media_type)},
        data={"stage": "after"} if form is None else form,
        headers=bearer(world, who) | {key.replace("_", "-"): value for key, value in headers.items()},
    )
    world.position = max(world.position, int(answer.headers.get("Yuetan-Position", 0)))
    return answer


async def a_task(world: World) -> tuple[str, str]:
    """The paths of a petition and of a task of it, which is claimed."""
    path = await world.roadmap()
    task, _ = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    return path, task


def kept(world: World, content: bytes) -> Path:
    path: Path = world.app.state.services.files.path(digest_of(content))
    return path


async def evidence(world: World, who: Person | None, task: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.get(who, task))["evidence"]
    return found


async def test_a_file_is_kept_under_its_digest_and_given_out_to_be_saved_only(world: World) -> None:
    _, task = await a_task(world)
    content = photo(300_000)
    answer = await hand_in(world, world.officer, task, content, name="../施工后.html", media_type="text/html")
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{task}/evidence/{digest_of(content)}"
    (piece,) = await evidence(world, world.official, task)
    assert piece | {"media_type": "image/jpeg", "size": 300_000, "stage": "after", "used_before": False} == piece
    assert kept(world, content).read_bytes() == content
    given = await world.read(world.official, answer.headers["Location"])
    assert given.content == content
    assert given.headers["Content-Type"] == "image/jpeg"
    assert given.headers["Content-Disposition"] == "attachment; filename*=utf-8''%E6%96%BD%E5%B7%A5%E5%90%8E.jpg"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_those_who_handle_the_petition_or_signed_it_read_it_and_nobody_else(world: World) -> None:
    path, task = await a_task(world)
    address = (await hand_in(world, world.officer, task, photo())).headers["Location"]
    for who in (world.officer, world.official, world.host, CLERK, AUDITOR, resident(10)):
        assert (await world.read(who, address)).is_success
        assert len(await evidence(world, who, task)) == 1
    for stranger in (None, resident(11), world.officer._replace(org=uuid4())):
        is_problem(await world.read(stranger, address), 404, "not-found")
        assert await evidence(world, stranger, task) == []
        assert (await world.get(stranger, path))["tasks"][0]["evidence"] == []
    told = {entry["type"] for entry in (await world.get(None, f"{path}/history", limit=200))["items"]}
    assert "task.EvidenceAttached" not in told
    is_problem(await world.read(CLERK, f"{task}/evidence/{'0' * 64}"), 404, "not-found")


async def test_any_unit_of_the_task_hands_in_and_what_others_send_does_not_reach_the_disk(world: World) -> None:
    _, task = await a_task(world)
    for who in (world.other_officer, world.official, resident(1)):
        content = photo()
        async with nothing_appended(world):
            is_problem(await hand_in(world, who, task, content), 403, "forbidden")
        assert not kept(world, content).exists()
    anonymous = await world.client.post(f"{task}/evidence", files={"file": ("a.jpg", photo())})
    is_problem(anonymous, 401, "unauthenticated", "Authorization")


async def test_evidence_is_of_a_task_in_hand(world: World) -> None:
    path = await world.roadmap()
    task, _ = await world.publish(path)
    async with nothing_appended(world):
        is_problem(await hand_in(world, world.officer, task, photo()), 409, "wrong-status")


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (MP4, "video/mp4"),
    ],
)
async def test_a_file_is_what_its_content_says(world: World, start: bytes, media_type: str) -> None:
    _, task = await a_task(world)
    content = start + uuid4().bytes
    answer = await hand_in(world, world.officer, task, content, name="a.exe", media_type="application/x-msdownload")
    assert answer.status_code == 201, answer.text
    assert (await evidence(world, world.officer, task))[0]["media_type"] == media_type
    assert (await world.read(world.officer, answer.headers["Location"])).headers["Content-Type"] == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"<svg/>",
        b"MZ\x90",
        b"PK\x03\x04",
        b"",
        b"\0\0\0\x14ftypheic",
        b"\xff",
    ],
)
async def test_what_is_nothing_that_we_take_is_refused_whatever_it_is_called(world: World, content: bytes) -> None:
    _, task = await a_task(world)
    async with nothing_appended(world):
        is_problem(await hand_in(world, world.officer, task, content), 415, "unsupported-file", "/file")
    assert not kept(world, content).exists()


@pytest.mark.parametrize("announced", [True, False])
async def test_ten_mebibytes_are_taken_and_no_byte_more_however_they_are_sent(world: World, announced: bool) -> None:
    _, task = await a_task(world)

    async def send(size: int) -> httpx.Response:
        content = photo(size)
        request = world.client.build_request("POST", f"{task}/evidence", files={"file": ("a.jpg", content)}, data=FORM)
        whole = request.read()

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(whole), 500_000):
                yield whole[start : start + 500_000]

        headers = bearer(world, world.officer) | {"Content-Type": request.headers["Content-Type"]}
        return await world.client.post(f"{task}/evidence", content=whole if announced else pieces(), headers=headers)

    assert (await send(10 * MIB)).status_code == 201
    async with nothing_appended(world):
        for size in (10 * MIB + 1, 11 * MIB, 18 * MIB):
            is_problem(await send(size), 413, "body-too-large")


FORM = {"stage": "before"}


@pytest.mark.parametrize(
    ("form", "status", "code", "field"),
    [
        ({"stage": "during"}, 422, "invalid-input", "/stage"),
        ({"phase": "before"}, 422, "invalid-input", "/stage"),
        ({}, 422, "invalid-input", "/stage"),
        ({"stage": "before", "more": "x"}, 400, "unreadable-request", None),
    ],
)
async def test_a_form_says_what_the_file_shows(
    world: World, form: dict[str, str], status: int, code: str, field: str | None
) -> None:
    _, task = await a_task(world)
    async with nothing_appended(world):
        answer = await hand_in(world, world.officer, task, photo(), form=form)
    is_problem(answer, status, code, field)


async def test_what_is_no_form_or_has_no_file_is_refused(world: World) -> None:
    _, task = await a_task(world)
    headers = bearer(world, world.officer)
    address = f"{task}/evidence"
    async with nothing_appended(world):
        as_json = await world.client.post(address, json={"file": "x"}, headers=headers)
        is_problem(as_json, 415, "unsupported-media-type", "Content-Type")
        multipart = headers | {"Content-Type": "multipart/form-data; boundary=x"}
        for broken in (b"", b"--y\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--"):
            answer = await world.client.post(address, content=broken, headers=multipart)
            assert answer.status_code in (400, 422), answer.text
        field = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n'
        is_problem(await world.client.post(address, content=field, headers=multipart), 422, "file-missing", "/file")


async def test_the_same_file_twice_is_one_piece_of_evidence(world: World) -> None:
    _, task = await a_task(world)
    content = photo()
    first = await hand_in(world, world.officer, task, content)
    async with nothing_appended(world):
        again = await hand_in(world, world.officer, task, content, name="again.jpg")
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert len(await evidence(world, world.officer, task)) == 1


async def test_a_repeated_key_gets_the_same_answer_and_another_file_under_it_is_refused(world: World) -> None:
    _, task = await a_task(world)
    content = photo()
    first = await hand_in(world, world.officer, task, content, Idempotency_Key="photo")
    await world.post(world.officer, f"{task}/completion", report="已完成。")
    async with nothing_appended(world):
        again = await hand_in(world, world.officer, task, content, Idempotency_Key="photo")
        other = await hand_in(world, world.officer, task, photo(), Idempotency_Key="photo")
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    is_problem(other, 422, "idempotency-key-reused", "Idempotency-Key")


async def test_a_file_used_for_another_task_before_is_flagged_to_handlers_alone(world: World) -> None:
    content = photo()
    _, earlier = await a_task(world)
    await hand_in(world, world.officer, earlier, content)
    _, later = await a_task(world)
    await hand_in(world, world.officer, later, content)
    for who in (CLERK, world.official, world.officer):
        assert [(await evidence(world, who, task))[0]["used_before"] for task in (earlier, later)] == [False, True]
    assert (await evidence(world, resident(2), later))[0]["used_before"] is None


async def test_a_file_that_was_altered_or_is_gone_is_not_given_out(world: World) -> None:
    _, task = await a_task(world)
    content = photo()
    address = (await hand_in(world, world.officer, task, content)).headers["Location"]
    kept(world, content).write_bytes(content[:-1])
    is_problem(await world.read(world.officer, address), 500, "file-lost")
    kept(world, content).unlink()
    is_problem(await world.read(world.officer, address), 500, "file-lost")


@pytest.mark.usefixtures("credentials")
async def test_evidence_is_kept_in_a_bucket_as_well(new_world: World, bucket: Bucket) -> None:
    world, services = new_world, new_world.app.state.services
    world.app.state.services = type(services)(**{**vars(services), "files": bucket})
    _, task = await a_task(world)
    content = photo(3 * MIB)
    answer = await hand_in(world, world.officer, task, content)
    assert answer.status_code == 201, answer.text
    assert bucket.read(digest_of(content)) == content
    assert (await world.read(world.officer, answer.headers["Location"])).content == content
    refused = photo()
    is_problem(await hand_in(world, world.other_officer, task, refused), 403, "forbidden")
    with pytest.raises(FileNotFoundError):
        bucket.read(digest_of(refused))


@pytest.mark.usefixtures("credentials")
async def test_while_the_store_is_away_nothing_is_counted_and_the_same_may_be_sent_again(
    new_world: World, bucket: Bucket
) -> None:
    world, services = new_world, new_world.app.state.services
    away = Bucket("s3://bucket", "http://127.0.0.1:9")
    world.app.state.services = type(services)(**{**vars(services), "files": away})
    _, task = await a_task(world)
    content = photo()
    async with nothing_appended(world):
        is_problem(await hand_in(world, world.officer, task, content, Idempotency_Key="photo"), 503, "unavailable")
    world.app.state.services = type(services)(**{**vars(services), "files": bucket})
    assert (await hand_in(world, world.officer, task, content, Idempotency_Key="photo")).status_code == 201
    assert bucket.read(digest_of(content)) == content
