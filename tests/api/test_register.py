"""A host's roll: entering, verifying, importing and exporting people, and who may look at them."""

import asyncio
import csv
import io
import json
import logging
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_sign_in import ask, confirm, register
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident, somewhere

HEADING = "姓名,手机,邮箱,证件号,依据,成年"


def list_of(count: int, broken_every: int = 100) -> list[str]:
    """Rows with a planted formula, and one in a hundred broken in one of several ways."""
    rows = [f"居民{n},138{n:08},,,居住,是" for n in range(count)]
    rows[1] = '"=HYPERLINK(""http://x"",""y"")",13900000001,,,业主,是'
    wrong = (
        "居民,12345,,,居住,是",
        "居民,13900000002,,,户籍,是",
        ",13900000003,,,居住,是",
        "居民,13900000004,,,居住,否",
    )
    for n in range(broken_every - 1, count, broken_every):
        rows[n] = wrong[(n // broken_every) % len(wrong)]
    return rows


async def send_list(world: World, text: str | bytes, who: Person | None = None) -> httpx.Response:
    who = who or world.host
    token = world.issuer.token(who.role, who.subject, who.org)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    content = text if isinstance(text, bytes) else text.encode()
    return await world.client.post(f"/v1/hosts/{world.host.org}/residents/imports", content=content, headers=headers)


def reports(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def on_the_roll(world: World) -> int:
    count: int = await world.store.pool.fetchval("SELECT count(*) FROM roll WHERE host_id = $1", world.host.org)
    return count


async def test_staff_enter_somebody_once(new_world: World) -> None:
    world = new_world
    path = f"/v1/hosts/{world.host.org}/residents"
    body = {"name": "张小华", "phones": ["138 0000 0001"], "basis": "lives", "adult": True}
    first = await world.send(world.host, "POST", path, body, Idempotency_Key="k")
    assert first.status_code == 201
    again = await world.send(world.host, "POST", path, body, Idempotency_Key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await world.send(world.host, "POST", path, body | {"name": "李雷"}, Idempotency_Key="k")
    is_problem(other, 422, "idempotency-key-reused", "Idempotency-Key")
    is_problem(await world.send(world.host, "POST", path, body), 409, "on-the-roll")
    seen = await world.get(world.host, first.headers["Location"])
    assert (seen["name"], seen["phones"], seen["verified"]) == ("张小华", ["+8613800000001"], True)


async def test_of_many_who_enter_the_same_person_at_once_one_does(new_world: World) -> None:
    world = new_world
    path = f"/v1/hosts/{world.host.org}/residents"
    body = {"name": "张小华", "document_number": "11010519491231002X", "basis": "owns", "adult": True}
    answers = await asyncio.gather(*(world.send(world.host, "POST", path, body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    elsewhere = Person(Role.HOST_STAFF, "other", uuid4())  # another host's roll is another matter
    assert (await world.send(elsewhere, "POST", f"/v1/hosts/{elsewhere.org}/residents", body)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phones": ["12345"]}, "/phones/0"),
        ({"phones": []}, ""),
        ({"name": " "}, "/name"),
        ({"adult": False}, "/adult"),
        ({"basis": "hukou"}, "/basis"),
        ({"document_number": "110105194912310021"}, "/document_number"),
    ],
)
async def test_what_is_filled_in_wrongly_is_refused_without_repeating_it(
    world: World, changes: dict[str, Any], field: str
) -> None:
    body = {"name": "张小华", "phones": ["13800000001"], "basis": "lives", "adult": True} | changes
    answer = await world.send(world.host, "POST", f"/v1/hosts/{world.host.org}/residents", body)
    is_problem(answer, 422, "invalid-input", field)
    assert not any(part in answer.text for part in ("张小华", "12345", "110105194912310021"))


async def test_only_staff_of_the_host_and_administrators_look_and_every_look_is_recorded(
    new_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world
    caplog.set_level(logging.WARNING, "api.access")
    person = await register(world, "张小华")
    roll, record = f"/v1/hosts/{world.host.org}/residents", f"/v1/residents/{person}"
    other_host = Person(Role.HOST_STAFF, "other", uuid4())
    strangers = (other_host, world.official, world.officer, CLERK, SUPERVISOR, AUDITOR, resident(1))
    for path in (roll, record, f"{roll}/export"):
        for who in strangers:
            answer = await world.send(who, "GET", path)
            is_problem(answer, 403, "forbidden")
            assert "华" not in answer.text
        assert (await world.send(None, "GET", path)).status_code == 401
    assert caplog.text.count("code=forbidden") == 3 * len(strangers)
    assert not any(part in caplog.text for part in ("张小华", "13800000001", person))
    is_problem(await world.send(ADMIN, "GET", f"{roll}/export"), 403, "forbidden")
    for who in (world.host, world.host, ADMIN):
        assert (await world.send(who, "GET", record)).json()["name"] == "张小华"
    await world.send(world.host, "GET", f"{roll}/export")
    log = await world.get(AUDITOR, f"{record}/log")
    assert [(entry["role"], entry["act"]) for entry in log] == [
        ("host_staff", "exported"),
        ("admin", "read"),
        ("host_staff", "read"),
        ("host_staff", "read"),
        ("host_staff", "registered"),
    ]
    assert log[2]["by"] == log[3]["by"] != log[1]["by"]
    for who in (*strangers[:3], world.host, ADMIN):
        is_problem(await world.send(who, "GET", f"{record}/log"), 403, "forbidden")


async def test_unknown_people_are_not_found(world: World) -> None:
    nobody = f"/v1/residents/{somewhere()}"
    for who, method, path in (
        (world.host, "GET", nobody),
        (world.host, "POST", f"{nobody}/verification"),
        (AUDITOR, "POST", f"{nobody}/hold"),
        (AUDITOR, "DELETE", f"{nobody}/hold"),
        (ADMIN, "POST", f"{nobody}/erasure/confirmation"),
        (resident(1), "GET", "/v1/me"),
        (Person(Role.RESIDENT, str(somewhere())), "GET", "/v1/me"),
    ):
        is_problem(await world.send(who, method, path), 404, "not-found")


async def test_the_roll_comes_in_pages_with_masked_names_and_the_most_urgent_first(new_world: World) -> None:
    world = new_world
    for n in range(12):
        phone = f"1360000000{n % 10}" if n < 10 else f"136000001{n}"
        body: dict[str, Any] = {"phone": phone, "code": await ask(world, phone=phone), "name": f"待核实{n}"}
        body |= {"host_id": str(world.host.org), "basis": "lives", "adult": True}
        assert (await world.send(None, "POST", "/v1/sign-in/registration", body)).status_code == 201
        world.clock.at += timedelta(hours=9)
    await send_list(world, "\n".join([HEADING, *list_of(25, broken_every=1000)]))
    path: str | None = f"/v1/hosts/{world.host.org}/residents"
    seen: list[str] = []
    due: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await world.get(world.host, str(path), limit=10, **cursor)
        seen += [row["id"] for row in page["items"]]
        due += [row["verify_by"] or "verified" for row in page["items"]]
        assert all(row["name"].startswith("*") for row in page["items"])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) == 37
    assert due == sorted(due)
    assert len(set(due)) > 3
    for cursor_of_nothing in ("x", "/", "2026-13-01/x", f"9/{seen[0]}", f"9999-12-31T23:59:59-23:00/{seen[0]}"):
        answer = await world.send(world.host, "GET", f"{path}?cursor={cursor_of_nothing}")
        is_problem(answer, 422, "invalid-cursor", "?cursor")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_a_list_of_ten_thousand_comes_in_but_for_its_broken_rows(new_world: World, encoding: str) -> None:
    world = new_world
    rows = list_of(10_000)
    started = time.perf_counter()
    async with nothing_appended(world):
        told = reports(await send_list(world, "\r\n".join([HEADING, *rows]).encode(encoding)))
    took = time.perf_counter() - started
    print(f"10,000 rows in {encoding}: {took:.1f} s")
    assert told[-1] == {"imported": 9_900, "known": 0, "broken_rows": 100}
    broken = [report["broken"] for report in told if "broken" in report]
    assert [row["line"] for row in broken] == list(range(101, 10_002, 100))
    assert [row["field"] for row in broken[:4]] == ["phone", "basis", "name", "adult"]
    progress = [report["rows"] for report in told if "rows" in report]
    assert progress == list(range(500, 10_001, 500))
    assert await on_the_roll(world) == 9_900
    assert took < 30

    exported = await world.send(world.host, "GET", f"/v1/hosts/{world.host.org}/residents/export")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    cells = [cell for row in csv.reader(io.StringIO(exported.text)) for cell in row]
    assert '\'=HYPERLINK("http://x","y")' in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    again = reports(await send_list(world, exported.content))
    assert again[-1] == {"imported": 0, "known": 9_900, "broken_rows": 0}


async def test_two_imports_of_one_list_at_once_enter_everybody_once(new_world: World) -> None:
    text = "\n".join([HEADING, *list_of(1_200)])
    sums = [reports(answer)[-1] for answer in await asyncio.gather(*(send_list(new_world, text) for _ in range(2)))]
    assert sorted(report["imported"] for report in sums) == [0, 1_188]
    assert sorted(report["known"] for report in sums) == [0, 1_188]
    assert await on_the_roll(new_world) == 1_188


async def test_a_person_named_twice_in_a_list_is_told_and_entered_once(new_world: World) -> None:
    rows = [HEADING, "张三,13800000001,,,居住,是", "张三,+86 138 0000 0001,,,工作,是", "李四,13800000001,,,居住,是"]
    told = reports(await send_list(new_world, "\n".join(rows)))
    assert [report["broken"]["line"] for report in told if "broken" in report] == [3]
    assert told[-1] == {"imported": 2, "known": 0, "broken_rows": 1}


async def test_an_import_that_breaks_off_has_imported_nothing(new_world: World) -> None:
    world = new_world
    await world.store.pool.execute(
        "CREATE FUNCTION pull_the_plug() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF (SELECT count(*) FROM residents) > 900 THEN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$;"
        " CREATE TRIGGER pull_the_plug AFTER INSERT ON register_log FOR EACH STATEMENT EXECUTE FUNCTION pull_the_plug()"
    )
    told = reports(await send_list(world, "\n".join([HEADING, *list_of(1_200, 10_000)])))
    assert told[0] == {"rows": 500, "of": 1_200}
    assert told[-1]["failed"]["type"] == "/problems/unavailable"
    assert await on_the_roll(world) == 0
    assert await world.store.pool.fetchval("SELECT count(*) FROM register_log") == 0


async def test_an_imported_list_verifies_who_entered_themselves(new_world: World) -> None:
    world = new_world
    code = await ask(world, phone="13800000001")
    body: dict[str, Any] = {"phone": "13800000001", "code": code, "host_id": str(world.host.org), "name": "韩梅梅"}
    entered = await world.send(None, "POST", "/v1/sign-in/registration", body | {"basis": "works", "adult": True})
    told = reports(await send_list(world, f"{HEADING}\n韩梅梅,13800000001,,,工作,是"))
    assert told[-1] == {"imported": 0, "known": 1, "broken_rows": 0}
    headers = {"Authorization": f"Bearer {entered.json()['token']}"}
    assert (await world.client.get("/v1/me", headers=headers)).json()["verified"] is True


async def test_who_was_imported_signs_in(new_world: World) -> None:
    await send_list(new_world, f"{HEADING}\n李四,13800000004,,,居住,是")
    new_world.clock.at += timedelta(minutes=1)
    code = await ask(new_world, phone="+8613800000004")
    assert (await confirm(new_world, code, phone="13800000004")).json()["token"]


async def test_a_file_that_is_none_and_people_who_may_not_send_one(world: World) -> None:
    is_problem(await send_list(world, "姓名,手机\n张三,13800000001"), 422, "unusable-file")
    is_problem(await send_list(world, HEADING, ADMIN), 403, "forbidden")
    is_problem(await send_list(world, HEADING, Person(Role.HOST_STAFF, "other", uuid4())), 403, "forbidden")
    path = f"/v1/hosts/{world.host.org}/residents/imports"
    is_problem(await world.send(world.host, "POST", path, {"name": "x"}), 415, "unsupported-media-type", "Content-Type")
    is_problem(await send_list(world, b"x" * (8 * 1024 * 1024 + 1)), 413, "body-too-large")
