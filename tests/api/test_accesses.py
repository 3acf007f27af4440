"""Who looked: whatever staff read is written down before it is shown, and nothing of what residents read ever is."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from api.deps import STAFF
from domain.command import Role
from infra.accesses import Access, at_terminal, record
from tests.api.checks import is_problem
from tests.api.test_evidence import digest_of, evidence, hand_in, photo
from tests.api.test_intakes import entered, on_the_roll
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, TOPIC, Person, World, resident

DISCIPLINE = Person(Role.DISCIPLINE, "discipline")
IN_REGISTER = ("/v1/hosts/{host_id}/residents", "/v1/residents", "/v1/register")  # it has a log of its own
HARMLESS = {"/metrics"}  # its reader is no person


async def looks(world: World, who: Person | None = None) -> list[dict[str, Any]]:
    rows = [dict(row) for row in await world.store.pool.fetch("SELECT * FROM accesses ORDER BY id")]
    by = who and await world.people.pseudonym(who.subject, who.org or STAFF)
    return [row for row in rows if by in (None, row["by"])]


async def last(world: World, who: Person) -> tuple[str, UUID | None, str]:
    row = (await looks(world, who))[-1]
    return row["act"], row["subject_id"] and UUID(bytes=row["subject_id"].bytes), row["what"]


async def lived(world: World) -> dict[str, str]:
    """Something to read at every address: its ids."""
    path = await world.in_progress()
    task = f"/v1/tasks/{(await world.get(CLERK, path))['tasks'][0]['id']}"
    await world.post(world.officer, f"{task}/claim")
    content = photo()
    await hand_in(world, world.officer, task, content)
    assert await evidence(world, CLERK, task)
    slip = await entered(world, await world.collecting(2), await on_the_roll(world, "王芳", "13800000077"))
    page = await world.get(CLERK, path)
    history = (await world.get(AUDITOR, f"{path}/history"))["items"]
    document = (await world.get(CLERK, f"{path}/documents"))[0]["id"]
    return {
        "petition_id": path[-36:],
        "host_id": str(world.host.org),
        "unit_id": str(world.officer.org),
        "task_id": task[-36:],
        "meeting_id": page["meetings"][0]["id"],
        "post_id": str(world.official.org),
        "digest": digest_of(content),
        "intake_id": slip[-36:],
        "position": str(history[3]["position"]),
        "document": document,
        "form": "docx",
        "phase": "in_progress",
        "year": "2026",
        "system": "12345",
        "number": "7",
    }


async def test_no_route_shows_staff_anything_that_is_not_written_down_first(new_world: World) -> None:
    """Whatever asks for a token in the API's own description: routes that are added later too."""
    world = new_world
    ids = await lived(world)
    paths = world.app.openapi()["paths"].items()
    routes = [path for path, methods in paths if methods.get("get", {}).get("security") and path not in HARMLESS]
    routes = [route for route in routes if set(re.findall(r"{(\w+)}", route)) <= ids.keys()]
    answered: dict[str, set[str]] = {}
    for who in (AUDITOR, CLERK, DISCIPLINE, world.host, world.officer):
        before = len(await looks(world))
        for route in routes:
            world.clock.at += timedelta(days=2)  # whatever was read before, another while has begun
            if route == "/v1/events":
                continue
            answer = await world.read(who, route.format(**ids))
            known = await looks(world)
            elsewhere = who.role != Role.AUDITOR and route.startswith(IN_REGISTER)
            shown = answer.status_code < 400 and not elsewhere
            assert shown == (len(known) > before), f"{who.role} {route} {answer.status_code}"
            if len(known) > before:
                answered.setdefault(who.role, set()).add(route)
                assert (known[-1]["role"], known[-1]["org_id"]) == (who.role, who.org), route
                assert known[-1]["at"] <= world.clock.at
            before = len(known)
    assert {role: len(routes) > 5 for role, routes in answered.items()} == dict.fromkeys(answered, True)
    assert len(answered["auditor"]) > 25
    said = str(await looks(world))
    assert TOPIC not in said
    assert "王芳" not in said


async def test_what_an_auditor_read_is_told_exactly(new_world: World) -> None:
    world = new_world
    ids = await lived(world)
    petition = UUID(ids["petition_id"])
    path = f"/v1/petitions/{petition}"
    moment = f"{path}/history/{ids['position']}"
    await world.get(AUDITOR, moment, since=1)
    assert await last(world, AUDITOR) == ("moment", petition, f'{{"since": "1", "position": "{ids["position"]}"}}')
    await world.get(AUDITOR, f"{path}/state", as_of="2100-01-01T00:00:00Z")
    assert await last(world, AUDITOR) == ("state", petition, '{"as_of": "2100-01-01T00:00:00Z"}')
    await world.get(AUDITOR, "/v1/flags", petition_id=ids["petition_id"], kind="eve", limit=3)
    assert await last(world, AUDITOR) == ("flags", petition, '{"kind": "eve"}')
    await world.get(AUDITOR, "/v1/petitions", q="张阿婆", phase="accepted")
    assert await last(world, AUDITOR) == ("petitions", None, '{"phase": "accepted"}')
    await world.get(AUDITOR, "/v1/petitions", id=[str(uuid4()) for _ in range(200)])
    assert re.search(r"… SHA-256 [0-9a-f]{64}", (await last(world, AUDITOR))[2])
    evidence = f"/v1/tasks/{ids['task_id']}/evidence/{ids['digest']}"
    assert (await world.read(AUDITOR, evidence)).is_success
    assert await last(world, AUDITOR) == ("evidence", UUID(ids["task_id"]), f'{{"digest": "{ids["digest"]}"}}')
    page = await world.get(AUDITOR, "/v1/accesses", petition_id=ids["petition_id"], role="auditor")
    assert [row["act"] for row in page["items"]][:4] == ["evidence", "flags", "state", "moment"]
    assert (await last(world, AUDITOR))[:2] == ("accesses", petition)


async def test_accesses_are_found_by_person_act_time_and_page_by_page(new_world: World) -> None:
    world = new_world
    path = await world.accepted()
    await world.get(CLERK, path)
    world.clock.at += timedelta(hours=2)
    for n in range(3):
        await world.get(world.host, f"{path}/{('history', 'documents', 'clocks')[n]}")
    (mine,) = (await world.get(AUDITOR, "/v1/accesses", act="petition", role="clerk"))["items"]
    assert (mine["subject_id"], mine["at"], mine["org_id"]) == (path[-36:], "2026-03-02T01:00:00Z", None)
    staff = await world.people.pseudonym(world.host.subject, world.host.org)  # type: ignore[arg-type]
    first = await world.get(AUDITOR, "/v1/accesses", by=staff, limit=2)
    rest = await world.get(AUDITOR, "/v1/accesses", by=staff, cursor=first["next"])
    assert [row["act"] for row in first["items"] + rest["items"]] == ["explain_clocks", "documents", "history"]
    assert rest["next"] is None
    later = await world.get(AUDITOR, "/v1/accesses", since="2026-03-02T03:00:00Z", role="clerk")
    earlier = await world.get(AUDITOR, "/v1/accesses", until="2026-03-02T03:00:00Z", role="clerk")
    assert (len(later["items"]), len(earlier["items"])) == (0, 1)
    for who in (CLERK, SUPERVISOR, ADMIN, DISCIPLINE, world.host, world.official, resident(1)):
        is_problem(await world.read(who, "/v1/accesses"), 403, "forbidden")


async def test_nobody_learns_from_it_who_takes_part_or_reports(new_world: World) -> None:
    """Residents read, sign and judge without a row; of a report or a signature taken down stands neither which nor
    when."""
    world = new_world
    path = await world.roadmap()
    before = await looks(world)
    for page in (path, f"{path}/mine", f"{path}/history", f"{path}/documents", "/v1/me/petitions", "/v1/notices"):
        assert (await world.read(resident(3), page)).is_success
    report = await world.post(resident(3), "/v1/reports", text="物业停了我家车位。", petition_id=path[-36:])
    assert await looks(world) == before
    world.clock.at += timedelta(hours=5, minutes=7)
    await world.get(DISCIPLINE, "/v1/reports")
    await world.get(DISCIPLINE, f"/v1/reports/{report['id']}")
    assert {(row["subject_id"], row["what"], row["at"].hour) for row in await looks(world, DISCIPLINE)} == {
        (None, "{}", 16)  # midnight in China
    }
    signer = await on_the_roll(world, "李明", "13800000078")
    open_one = await world.collecting(2)
    body = {"resident_id": signer.subject, "means": "phone"}
    draft = await world.post(world.host, f"{open_one}/intakes", **body)
    assert (await last(world, world.host))[:2] == ("petition", UUID(open_one[-36:]))  # as if they had read its page
    await world.get(world.host, f"/v1/drafts/{draft['id']}")
    assert (await last(world, world.host))[:2] == ("draft", None)
    world.clock.at += timedelta(days=1)
    before = await looks(world)
    await world.post(world.host, f"/v1/drafts/{draft['id']}/code")
    assert (len(await looks(world)), (await last(world, world.host))[:2]) == (len(before) + 1, ("draft", None))
    await world.get(world.host, f"/v1/residents/{signer.subject}")
    assert signer.subject not in str(await looks(world))


async def test_reading_again_and_again_is_one_row_for_a_while(new_world: World) -> None:
    world = new_world
    path = await world.accepted()
    before = len(await looks(world))
    for _ in range(3):
        for n in range(4):
            await world.get(CLERK, path, **{f"x{n}": n})
            await world.get(CLERK, f"{path}/history", as_of=f"2026-03-02T01:00:0{n}Z")
        world.clock.at += timedelta(minutes=10)
    assert len(await looks(world)) == before + 2
    one = Access(world.clock.at, "x" * 32, "auditor", None, "export", None, {"position": 7})
    await asyncio.gather(*(record(world.store.pool, one, one) for _ in range(5)))
    assert len(await looks(world)) == before + 3


async def test_what_cannot_be_written_down_is_not_shown(new_world: World) -> None:
    world = new_world
    path = await world.accepted()
    await world.get(AUDITOR, f"{path}/history")
    pool = world.store.pool
    await pool.execute("ALTER TABLE accesses RENAME TO elsewhere")
    for who, address in ((AUDITOR, f"{path}/state"), (CLERK, path), (AUDITOR, "/v1/events")):
        answer = await world.send(who, "GET", address)
        is_problem(answer, 503, "unavailable")
        assert TOPIC not in answer.text
        assert answer.headers["Retry-After"] == "1"
    assert (await world.read(None, path)).is_success  # the public and residents are not concerned
    assert (await world.read(resident(1), path)).is_success
    await pool.execute("ALTER TABLE elsewhere RENAME TO accesses")
    assert (await world.read(CLERK, path)).is_success
    assert (await last(world, CLERK))[0] == "petition"


async def test_whoever_reads_at_a_terminal_is_written_down_too(new_world: World) -> None:
    world = new_world
    path = await world.accepted()
    for _ in range(2):
        await at_terminal(world.store.pool, world.people, "replay", UUID(path[-36:]), position=7)
    (row,) = (await world.get(AUDITOR, "/v1/accesses", role="terminal", petition_id=path[-36:]))["items"]
    assert (row["act"], row["org_id"], row["what"]) == ("replay", None, {"position": 7})


async def test_a_stream_is_written_down_when_it_opens(new_world: World) -> None:
    world = new_world
    world.app.state.newest.close()  # it ends at once
    assert (await world.send(AUDITOR, "GET", "/v1/events")).is_success
    assert (await last(world, AUDITOR))[0] == "stream_events"


@pytest.mark.parametrize("table", ["accesses", "register_log"])
async def test_nothing_is_changed_or_taken_out(pool: asyncpg.Pool, table: str) -> None:
    for command in (f"UPDATE {table} SET by = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only added to"):
            await pool.execute(command)


async def test_whoever_is_refused_has_seen_nothing(new_world: World) -> None:
    world = new_world
    before = len(await looks(world))
    is_problem(await world.read(CLERK, f"/v1/petitions/{uuid4()}"), 404, "not-found")
    is_problem(await world.read(CLERK, "/v1/history"), 403, "forbidden")
    assert len(await looks(world)) == before
