"""A name, a phone and a document number, planted in everything that people send: none is readable anywhere afterwards.

Fourteen real topics are played to their ends by people in whose every text, file, token and idempotency key they stand.
What a clerk issues for the public is plain on purpose, so there they are not planted; nor in the directory's names.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from temporalio.client import Client

from api.demo import show
from api.demo.district import District, Person, Refused
from api.demo.play import Play
from infra.embedded import PostgreSQL, Temporal
from tests.programs import new_folder, program, tokens
from tests.receiver import receiving

NAME, PHONE, DOCUMENT = "欧阳植入者", "13957412986", "11010519491231002X"
PLANTED = f"{NAME} {PHONE} {DOCUMENT}"
POLICY = Path(show.__file__).with_name("policy.toml")
ADMIN, CLERK = Person("admin", "admin"), Person("clerk", "clerk")
# What is no text of anybody's, but an id, a code, a date or a number; and what is issued for the public.
NO_TEXT = {
    "category",
    "outcome",
    "resolved",
    "reason_code",
    "key",
    "kind",
    "url",
    "audience",
    "into",
    "stage",
    "choices",
    "question",
}
PUBLIC = ("/public-text", "/v1/hosts", "/v1/posts", "/v1/units")


def planted(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: planted(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item, name) for item in value]
    plain = (
        not isinstance(value, str) or name in NO_TEXT or name.endswith(("_id", "_ids", "_on", "_at")) or name == "into"
    )
    return value if plain else f"{value} {PLANTED}"


class Careless(District):
    """Everybody writes the three wherever something can be written."""

    async def send(self, who: Person, method: str, path: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        key = key or f"{PHONE} {DOCUMENT} {uuid4()}"
        body = body if path.endswith(PUBLIC) else planted(body)
        return await super().send(who, method, path, key=key, **body)


def ways_to_write(value: str) -> Iterator[bytes]:
    """As such, in JSON, in hexadecimal, and as a URL has it."""
    for encoding in ("utf-8", "utf-16-le", "gb18030"):
        yield value.encode(encoding)
        yield value.encode(encoding).hex().encode()
    yield value.encode("unicode_escape")
    yield value.encode("unicode_escape").hex().encode()
    yield str(httpx.URL(f"http://x/{value}").raw_path[1:], "ascii").encode()


SOUGHT = [(value, way) for value in (NAME, NAME[-3:], PHONE, DOCUMENT) for way in ways_to_write(value)]


def found_in(content: bytes) -> set[str]:
    return {value for value, way in SOUGHT if way in content}


async def log_and_read_models(url: str) -> bytes:
    """Every column of every row of every table."""
    conn = await asyncpg.connect(url)
    tables = await conn.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    rows = [row[0] for table in tables for row in await conn.fetch(f"SELECT t::text FROM {table['name']} AS t")]
    await conn.close()
    assert len(rows) > 1_000
    return "\n".join(rows).encode()


async def histories(address: str) -> bytes:
    """Every event of every workflow, with its payloads."""
    client, content, workflows = await Client.connect(address), b"", 0
    async for workflow in client.list_workflows():
        history = await client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history()
        content += b"".join(event.SerializeToString() for event in history.events)
        workflows += 1
    assert workflows > 10
    return content


async def try_everything_wrong(people: District, path: str) -> None:
    """What is refused, and what breaks, is told of in the program's log more than what goes well."""
    resident, tries = Person("resident", f"{NAME} {PHONE}"), []
    for who in (resident, CLERK, Person("host_staff", NAME, str(uuid4()))):
        headers = {"Authorization": f"Bearer {people.token(who.role, who.subject, who.org)}", "Idempotency-Key": PHONE}
        for method, place in (
            ("GET", f"/v1/petitions?q={NAME}{PHONE}&cursor={DOCUMENT}"),
            ("GET", f"/v1/petitions/similar?topic={PLANTED}&details={PLANTED}"),
            ("GET", f"/v1/petitions/{NAME}"),
            ("GET", f"/{PHONE}/{NAME}?{DOCUMENT}"),
            ("POST", f"{path}/rejection"),
            ("POST", f"{path}/feedback"),
            ("POST", "/v1/petitions"),
        ):
            body = {"topic": PLANTED, NAME: PLANTED, "reason_code": PLANTED, "explanation": 5}
            tries.append(people.client.request(method, place, json=body, headers=headers))
    tries.append(people.client.get("/v1/inbox", headers={"Authorization": f"Bearer {PHONE}.{DOCUMENT}.x"}))
    answers = await asyncio.gather(*tries)
    assert {answer.status_code for answer in answers} >= {401, 404, 422}


async def test_what_is_planted_in_every_field_is_found_nowhere() -> None:
    with new_folder() as folder:
        async with PostgreSQL(folder) as url, Temporal(folder) as address, receiving() as receiver:
            settings = {
                "YUETAN_DATABASE_URL": url,
                "YUETAN_TEMPORAL_ADDRESS": address,
                "YUETAN_WEBHOOKS_ALLOW_PRIVATE": "1",
            }
            up = ("up", "--data-dir", folder / "data", "--port", "0", "--policy", POLICY)
            async with program(*up, **settings) as engine:
                token = tokens(folder / "data" / "keys")
                async with httpx.AsyncClient(base_url=engine.url, timeout=60) as client:
                    people = Careless(client, lambda role, subject, org: token(role, f"{NAME} {subject}", org))
                    await people.post(ADMIN, "/v1/webhooks", url=receiver.url, audience="handlers")
                    host = await people.post(ADMIN, "/v1/hosts", name="划船社区", kind="community")
                    staff = Person("host_staff", "host", host["id"])
                    entry = {
                        "name": NAME,
                        "phones": [PHONE],
                        "document_number": DOCUMENT,
                        "basis": "lives",
                        "adult": True,
                    }
                    headers = {"Authorization": f"Bearer {people.token(staff.role, staff.subject, staff.org)}"}
                    registered = await client.post(f"/v1/hosts/{host['id']}/residents", json=entry, headers=headers)
                    assert registered.status_code == 201, registered.text
                    await client.post("/v1/sign-in/codes", json={"phone": PHONE})
                    results = await Play(people, lambda *_: None).all()
                    assert all(result.as_expected for result in results)
                    await try_everything_wrong(people, f"/v1/petitions/{results[0].id}")
                    with suppress(Refused):  # where a later rule refuses it, its text has been sent all the same
                        order = f"/v1/petitions/{results[0].id}/supervision-orders"
                        await people.post(Person("supervisor", "supervisor"), order, order="三日内报送。")
                    await receiver.came(100)
                said = engine.log.read_bytes()
                searched = {
                    "log, register and read models": await log_and_read_models(url),
                    "Temporal's histories": await histories(address),
                    "webhooks": b"".join(str(d.headers).encode() + d.body for d in receiver.all),
                    "what the program said": said,
                    "files": b"".join(f.read_bytes() for f in (folder / "data" / "files").rglob("*") if f.is_file()),
                }
    assert b"refused status=401" in said, "the log was read"
    assert {where: found_in(content) for where, content in searched.items() if found_in(content)} == {}
    assert found_in(f"…{PLANTED}…".encode()) == {NAME, NAME[-3:], PHONE, DOCUMENT}, "the search would find them"
