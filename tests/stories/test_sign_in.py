"""Signing in to a real `yuetan up`, which shows its codes on its console, and to an `api`, which shows them nowhere."""

import asyncio
import re
import signal
from pathlib import Path

import httpx
from temporalio.service import RPCError

from tests.programs import Program, eventually, new_folder, program, temporal_of, tokens


async def test_a_newcomer_signs_in_with_the_code_on_the_engines_console_and_no_file_names_them() -> None:
    """No file of the data folder: the database with its write-ahead log, Temporal's database, the servers' logs."""
    with new_folder() as folder:
        async with program("up", "--data-dir", folder / "data", "--port", "0") as engine:
            admin = {"Authorization": f"Bearer {tokens(folder / 'data' / 'keys')('admin', 'admin', None)}"}
            async with httpx.AsyncClient(base_url=engine.url) as http:
                host = await http.post("/v1/hosts", json={"name": "划船社区", "kind": "community"}, headers=admin)
                asked = await http.post("/v1/sign-in", json={"phone": "138 0000 0001"})
                assert asked.status_code == 202
                body = {"phone": "+8613800000001", "code": await _code_on(engine.process.stdout)}
                body |= {"host_id": host.json()["id"], "name": "韩梅梅", "basis": "lives"}
                entered = await http.post("/v1/sign-in/registration", json={**body, "adult": True})
                assert entered.status_code == 201, entered.text
                own = {"Authorization": f"Bearer {entered.json()['token']}"}
                assert (await http.get("/v1/me", headers=own)).json()["name"] == "韩梅梅"
                post = await http.post("/v1/posts", json={"name": "区委书记", "kind": "party_committee"}, headers=admin)
                topic = {"topic": "韩梅梅家门口积水", "details": "联系电话 13800000001", "category": "grievance"}
                called = {"host_id": host.json()["id"], "called_post_ids": [post.json()["id"]]}
                opened = await http.post("/v1/petitions", json=topic | called, headers=own)
                assert opened.status_code == 201, opened.text
                await _has_a_workflow(engine, opened.json()["id"])
            assert await engine.end(signal.SIGTERM) == 0
        files = [path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()]
        everything = b"".join(files)
        assert opened.json()["id"].replace("-", "").encode() in everything.replace(b"-", b"")  # it can be found at all
        for name in ("韩梅梅", "13800000001", "138 0000 0001"):
            for encoding in ("utf-8", "utf-16-le", "gb18030", "unicode_escape"):
                assert name.encode(encoding) not in everything


async def _has_a_workflow(engine: Program, petition_id: str) -> None:
    temporal = await temporal_of(engine)

    async def look() -> bool:
        try:
            await temporal.get_workflow_handle(petition_id).describe()
        except RPCError:
            return False
        return True

    await eventually(look)


async def _code_on(console: asyncio.StreamReader | None) -> str:
    assert console
    async with asyncio.timeout(20):
        async for line in console:
            if "shown here only" in line.decode() and (found := re.search(r"\b\d{6}\b", line.decode())):
                return found[0]
    raise AssertionError("the engine ended before it showed a code")


async def test_without_a_gateway_an_api_on_servers_of_its_own_sends_and_shows_nothing(
    tmp_path: Path, database: str
) -> None:
    own = {"YUETAN_DATABASE_URL": database, "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1", "YUETAN_KEYS": str(tmp_path)}
    async with program("api", "--port", "0", **own) as api, httpx.AsyncClient(base_url=api.url) as http:
        for contact in ({"phone": "13800000001"}, {"email": "li.lei@example.cn"}):
            answer = await http.post("/v1/sign-in", json=contact)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no-gateway")
        await api.end(signal.SIGTERM)
        assert api.process.stdout
        assert b"13800000001" not in await api.process.stdout.read()
