"""Erasing a person: two decide, auditors hold, open petitions wait; then nothing is left but the log's own bytes."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.command import Role
from infra.erasure import SETTLED
from infra.sealing import ERASED
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_sign_in import PHONE, ask, confirm, me, register
from tests.api.world import ADMIN, AUDITOR, CLERK, Person, World, resident

SECOND_ADMIN = Person(Role.ADMIN, "second-admin")
NAME, EMAIL, DOCUMENT = "欧阳植入者", "planted@example.cn", "11010519491231002X"
TOLD = "植入的申请内容:三幢欧阳家"


async def planted(world: World) -> Person:
    """Somebody with everything filled in, as they are once signed in."""
    person = await register(world, NAME, email=EMAIL, document_number=DOCUMENT)
    code = await ask(world, phone=PHONE)
    assert (await confirm(world, code, phone=PHONE)).json()["token"]
    return Person(Role.RESIDENT, person)


def erasure(person: Person) -> str:
    return f"/v1/residents/{person.subject}/erasure"


async def decide(world: World, person: Person) -> None:
    await world.send(ADMIN, "POST", erasure(person), {"reason": f"{NAME}本人要求"})
    await sent(world, SECOND_ADMIN, f"{erasure(person)}/confirmation")


async def sent(world: World, who: Person, path: str) -> None:
    answer = await world.send(who, "POST", path)
    assert answer.is_success, answer.text


async def carry_out(world: World) -> int:
    done: int = await world.app.state.services.erasures.carry_out(world.clock.at + SETTLED)
    return done


async def dump(world: World) -> str:
    """Every row of every table, as COPY writes it, binary columns in their bytes too."""
    tables = await world.store.pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    text = ""
    for (table,) in tables:
        for (row,) in await world.store.pool.fetch(f"SELECT t::text FROM {table} t"):
            text += row + "\n"
    return text


def ways_to_write(value: str) -> Iterator[str]:
    for encoding in ("utf-8", "utf-16-le", "gb18030"):
        yield value.encode(encoding).hex()
    yield value
    yield value.encode("unicode_escape").decode()
    yield value.encode("unicode_escape").hex()


async def left_of_them(world: World, *more: str) -> list[str]:
    everything = await dump(world)
    values = (NAME, NAME[-3:], EMAIL, DOCUMENT, PHONE, f"+86{PHONE}", *more)
    return [value for value in values if any(way in everything for way in ways_to_write(value))]


async def test_a_dump_of_the_database_names_nobody_and_the_search_would_find_them(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    await world.post(person, "/v1/petitions", **world.topic(topic=TOLD, details=TOLD))
    await world.send(ADMIN, "POST", erasure(person), {"reason": NAME})
    assert await left_of_them(world, TOLD) == []
    await world.store.pool.execute("CREATE TABLE leak (clear text, bytes bytea)")
    await world.store.pool.execute("INSERT INTO leak VALUES ($1, $2)", PHONE, NAME.encode())
    assert await left_of_them(world) == [NAME, NAME[-3:], PHONE]


async def test_two_petitions_of_one_person_have_no_value_in_common(new_world: World) -> None:
    """Not in any row of any table: what a copy of the database says of both is said of two strangers' as well."""
    world = new_world
    person, stranger = await planted(world), Person(Role.RESIDENT, await register(world, "王芳"))
    ids = [
        (await world.post(who, "/v1/petitions", **world.topic(topic=f"题目{n}", details=f"内容{n}")))["id"]
        for n, who in enumerate((person, person, stranger))
    ]
    rows = (await dump(world)).splitlines()
    first, second, strangers = ({value for row in rows if id in row for value in values_of(row)} for id in ids)
    assert first & second <= strangers


def values_of(row: str) -> set[str]:
    """What could join: anything of eight characters or more, in binary columns too (as the JSON they hold)."""
    text = re.sub(r"\\\\x((?:[0-9a-f]{2})+)", lambda found: bytes.fromhex(found[1]).decode("utf-8", "replace"), row)
    return set(re.findall(r"[^\s,:\"'(){}\[\]]{8,}", text))


async def test_two_persons_decide_and_the_person_is_gone_at_once(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    token = world.issuer.token(Role.RESIDENT, person.subject)
    confirmation = f"{erasure(person)}/confirmation"
    is_problem(await world.send(SECOND_ADMIN, "POST", confirmation), 409, "no-erasure-requested")
    async with nothing_appended(world):
        for _ in range(2):
            assert (await world.send(ADMIN, "POST", erasure(person), {"reason": "搬走了"})).status_code == 202
        assert (await world.get(SECOND_ADMIN, f"/v1/residents/{person.subject}"))["erasure_reason"] == "搬走了"
        for same in (ADMIN, ADMIN._replace(org=uuid4())):
            is_problem(await world.send(same, "POST", confirmation), 403, "second-person")
        for who in (world.host, CLERK, AUDITOR, person, resident(2)):
            is_problem(await world.send(who, "POST", erasure(person), {"reason": "x"}), 403, "forbidden")
            is_problem(await world.send(who, "POST", confirmation), 403, "forbidden")
        assert (await me(world, token)).status_code == 200
        assert (await world.send(SECOND_ADMIN, "POST", confirmation)).status_code == 202
    assert (await me(world, token)).status_code == 401
    is_problem(
        await world.send(person, "POST", "/v1/petitions", world.topic()), 401, "unauthenticated", "Authorization"
    )
    is_problem(await world.send(world.host, "GET", f"/v1/residents/{person.subject}"), 404, "not-found")
    assert (await world.get(world.host, f"/v1/hosts/{world.host.org}/residents"))["items"] == []
    code = await ask(world, phone=PHONE)
    assert (await confirm(world, code, phone=PHONE)).json() == {"token": None, "choices": []}
    assert await carry_out(world) == 1
    assert (await me(world, token)).status_code == 401
    assert (await me(world, world.issuer.token(Role.RESIDENT, person.subject))).status_code == 401
    await register(world, NAME)  # who comes back is somebody new


async def test_after_erasure_nothing_is_left_and_histories_still_read(new_world: World) -> None:
    world = new_world
    person, other = await planted(world), Person(Role.RESIDENT, await register(world, "王芳"))
    theirs = await world.post(person, "/v1/petitions", **world.topic(topic=TOLD, details=TOLD))
    others = await world.post(other, "/v1/petitions", **world.topic(topic="王芳家门口积水", details="积水"))
    before = await world.store.select_events(UUID(theirs["id"]))
    await sent(world, person, f"/v1/petitions/{theirs['id']}/withdrawal")
    await decide(world, person)
    world.clock.at += timedelta(days=1)
    assert await carry_out(world) == 1
    assert await left_of_them(world, TOLD) == []
    keys = "SELECT count(*) FROM people_keys WHERE closed AND key IS NULL"
    assert await world.store.pool.fetchval(keys) == 1
    for table in ("residents", "contacts", "erasures"):
        query = f"SELECT count(*) FROM {table} WHERE person_id = $1"
        assert await world.store.pool.fetchval(query, UUID(person.subject)) == 0
    page = await world.get(CLERK, f"/v1/petitions/{theirs['id']}")
    assert (page["topic"], page["details"], page["phase"]) == (ERASED, ERASED, "withdrawn")
    assert (await world.get(CLERK, f"/v1/petitions/{others['id']}"))["topic"] == "王芳家门口积水"
    after = await world.store.select_events(UUID(theirs["id"]))
    assert after[: len(before)] == before
    history = await world.get(AUDITOR, f"/v1/petitions/{theirs['id']}/history")
    assert [entry["type"] for entry in history["items"]] == ["petition.Opened", "petition.Withdrawn"]


async def test_data_stay_while_a_petition_they_signed_is_open_and_nobody_can_tell(new_world: World) -> None:
    world = new_world
    signer, other = await planted(world), Person(Role.RESIDENT, await register(world, "王芳"))
    path = f"/v1/petitions/{(await world.post(resident(1), '/v1/petitions', **world.topic()))['id']}"
    await world.post(signer, f"{path}/co-signatures")
    answers = []
    for person in (signer, other):
        await world.send(ADMIN, "POST", erasure(person), {"reason": "要求清除"})
        confirmed = await world.send(SECOND_ADMIN, "POST", f"{erasure(person)}/confirmation")
        seen = await world.send(ADMIN, "GET", f"/v1/residents/{person.subject}")
        again = await world.send(ADMIN, "POST", f"{erasure(person)}/confirmation")
        answers.append([(a.status_code, a.text.partition('"request_id"')[0]) for a in (confirmed, seen, again)])
    assert answers[0] == answers[1]
    assert await carry_out(world) == 1
    left = await world.store.pool.fetch("SELECT person_id::text FROM residents")
    assert [row[0] for row in left] == [signer.subject]
    await sent(world, resident(1), f"{path}/withdrawal")
    assert await carry_out(world) == 1
    assert await left_of_them(world) == []


async def test_a_signature_taken_back_holds_nothing(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    path = await world.collecting(2)
    await world.post(person, f"{path}/co-signatures")
    await world.send(person, "DELETE", f"{path}/co-signatures/mine")
    await decide(world, person)
    assert await carry_out(world) == 1


async def test_what_was_under_way_when_they_were_closed_is_waited_for(new_world: World) -> None:
    world = new_world
    await decide(world, await planted(world))
    carrying = world.app.state.services.erasures.carry_out
    assert await carrying(world.clock.at + SETTLED - timedelta(seconds=1)) == 0
    assert await carrying(world.clock.at + SETTLED) == 1


async def test_nobody_is_erased_while_an_auditor_holds_them(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    hold = f"/v1/residents/{person.subject}/hold"
    for who in (ADMIN, world.host, CLERK, person):
        is_problem(await world.send(who, "POST", hold), 403, "forbidden")
        is_problem(await world.send(who, "DELETE", hold), 403, "forbidden")
    await world.send(ADMIN, "POST", erasure(person), {"reason": "要求清除"})
    for _ in range(2):
        assert (await world.send(AUDITOR, "POST", hold)).status_code == 204
    for path in (erasure(person), f"{erasure(person)}/confirmation"):
        body: Any = {"reason": "x"} if path.endswith("erasure") else None
        is_problem(await world.send(SECOND_ADMIN, "POST", path, body), 409, "erasure-held")
    assert await carry_out(world) == 0
    assert (await world.send(AUDITOR, "DELETE", hold)).status_code == 204
    assert (await world.send(SECOND_ADMIN, "POST", f"{erasure(person)}/confirmation")).status_code == 202
    assert await carry_out(world) == 1


async def test_a_person_asks_for_themselves_and_one_administrator_confirms(new_world: World) -> None:
    world = new_world
    person = await planted(world)
    assert (await world.send(person, "POST", "/v1/me/erasure", {"reason": "不再居住"})).status_code == 202
    is_problem(await world.send(person, "POST", f"{erasure(person)}/confirmation"), 403, "forbidden")
    assert (await world.send(ADMIN, "POST", f"{erasure(person)}/confirmation")).status_code == 202
    assert await carry_out(world) == 1


async def test_an_erasure_is_carried_out_once_however_many_processes_do_it(new_world: World) -> None:
    world = new_world
    await decide(world, await planted(world))
    assert sum(await asyncio.gather(*(carry_out(world) for _ in range(4)))) == 1


async def test_only_one_of_a_family_is_erased(new_world: World) -> None:
    world = new_world
    person, other = await planted(world), await register(world, "欧阳小妹")
    await decide(world, person)
    await carry_out(world)
    code = await ask(world, phone=PHONE)
    token = (await confirm(world, code, phone=PHONE)).json()["token"]
    assert (await me(world, token)).json()["id"] == other
