"""Somebody who took part in everything is erased from a real engine: nothing is left of them, and the log stays."""

import asyncio
import base64
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from api.demo.district import District, Person
from api.deps import STAFF
from domain.text import Text
from infra import bundle, merkle, transparency, verification
from infra.embedded import PostgreSQL
from infra.erasure import SETTLED, Erasures
from infra.event_store import EventStore, read_page
from infra.files import Folder
from infra.mapper import transcoder
from infra.people import People
from infra.register import MASTER, Register
from infra.repository import Repository
from infra.sealing import ERASED, Keyring, secret
from infra.slips import Slips
from infra.transparency import Sealed, Sealer
from projections import similar
from tests.programs import Program, run
from tests.stories import traces
from tests.stories.story import ADMIN, AUDITOR, CLERK, Story, registered

SECOND_ADMIN = Person("admin", "second-admin")
PLANTED = {
    "name": "欧阳植入者",
    "phone": "13987650123",
    "email": "planted.person@example.cn",
    "document": "11010519491231002X",
    "topic": "欧阳家门口排水沟常年堵塞",
    "details": "植入内容甲:三幢一单元欧阳家的地下室",
    "comment": "植入评价乙:水泵仍旧没有通电",
    "grounds": "植入理由丙:答复与现场情况不符",
    "report": "植入举报丁:物业停了欧阳家的车位",
    "draft": "植入草稿戊:请加装一部无障碍电梯",
    "draft details": "植入草稿己:七旬老人上下楼不便",
    "paper": "植入签名单庚的笔迹内容",
    "reason": "植入理由辛:本人即将迁往外地",
    "explanation": "植入说明壬:此单不是本人所签",
}
WORDS = list(PLANTED.values())
IN_THE_LOG = {PLANTED[text] for text in ("topic", "details", "comment", "grounds", "report", "explanation")}
HASHED = "SELECT count(*) FROM similarities.texts WHERE petition_id = $1 AND NOT public"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + PLANTED["paper"].encode() + b"\x00" * 500


async def test_nothing_is_left_of_whoever_is_erased_and_no_byte_of_the_log_has_changed(
    engine: tuple[Program, Path], people: District, tmp_path: Path
) -> None:
    program, folder = engine
    url = PostgreSQL(folder).address
    story, person = await took_part(people)
    await canary(url, folder)
    pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
    before = await events(pool)
    assert traces.within(await opened(pool, folder), WORDS) == IN_THE_LOG
    assert await pool.fetchval(HASHED, UUID(story.id)) == 1
    keys = await wrapped_keys(pool)
    earlier, proofs = await proved(pool, folder)
    await exported(pool, tmp_path / "before.zip")

    for who, noun, body in (
        (person, "/v1/me/erasure", {"reason": PLANTED["reason"]}),
        (ADMIN, f"/v1/residents/{person.subject}/erasure/confirmation", {}),
    ):
        await people.post(who, noun, **body)
    assert await carry_out(pool, folder) == 1

    after = await events(pool)
    assert after[: len(before)] == before
    assert traces.within(await opened(pool, folder), WORDS) == set()
    await people.post(ADMIN, "/v1/hosts", name="另一社区", kind="community")
    later, new_proofs = await proved(pool, folder)
    await hold(pool, earlier, proofs)
    await hold(pool, later, new_proofs)
    sizes = earlier.checkpoint.size, later.checkpoint.size
    grown = await transparency.hashes(pool, merkle.consistency_ranges(*sizes))
    assert merkle.verify_consistency(*sizes, earlier.checkpoint.root, later.checkpoint.root, grown)
    await exported(pool, tmp_path / "after.zip")
    (tmp_path / "checkpoint").write_text(earlier.note)
    for name in ("before.zip", "after.zip"):
        await verified(tmp_path / name, tmp_path / "checkpoint", story)

    await people.get(CLERK, story.path)  # the read models have come so far
    assert await traces.in_database(url, [*WORDS, *CANARIES]) == set(CANARIES[:1])
    await pool.execute("CHECKPOINT")
    ways = {words: list(traces.ways_to_write(words)) for words in (*WORDS, *CANARIES, story.id)}
    found = await asyncio.to_thread(traces.in_folder, folder, ways)
    assert found.keys() == {*CANARIES, story.id}
    assert any(file.startswith("temporal.db") for file in found[story.id])
    assert traces.within(program.log.read_bytes(), WORDS) == set()
    assert await pool.fetchval(HASHED, UUID(story.id)) == 0
    word = Keyring(pool, folder / "keys").hashed("植入")
    assert not await pool.fetchval("SELECT count(*) FROM similarities.grams WHERE gram = $1", word)
    await keys_are_gone(pool, folder, keys - await wrapped_keys(pool))

    assert await told(people, story) == set()
    page = await people.get(CLERK, story.path)
    assert (page["topic"], page["details"], page["phase"], page["outcome"]) == (ERASED, ERASED, "closed", "resolved")
    await read_at_a_terminal(pool, folder, story, tmp_path)
    await pool.close()


async def took_part(people: District) -> tuple[Story, Person]:
    """A petition that somebody of the register set, signed and judged; and all else that they can leave words in."""
    story = Story(
        people,
        await registered(people, "hosts", "划船社区", "community"),
        await registered(people, "posts", "区委书记", "party_committee"),
        await registered(people, "units", "区住建局", "department"),
    )
    await people.post(ADMIN, "/v1/webhooks", url="https://nobody.invalid/hook", types=[], audience="handlers")
    residents = f"/v1/hosts/{story.host.org}/residents"
    entry: dict[str, Any] = {"name": PLANTED["name"], "phones": [PLANTED["phone"]], "basis": "lives", "adult": True}
    entry |= {"email": PLANTED["email"], "document_number": PLANTED["document"]}
    person = Person("resident", (await people.post(story.host, residents, **entry))["id"])
    (await people.client.post("/v1/sign-in", json={"phone": PLANTED["phone"]})).raise_for_status()
    await people.post(person, "/v1/calendar-feeds")
    topic: dict[str, Any] = {
        "host_id": story.host.org,
        "called_post_ids": [story.official.org],
        "category": "grievance",
    }
    spoken = topic | {"resident_id": person.subject, "means": "phone"}
    del spoken["host_id"]
    words = {"topic": PLANTED["draft"], "details": PLANTED["draft details"]}
    await people.post(story.host, f"/v1/hosts/{story.host.org}/intakes", **spoken, **words)
    await on_paper(people, story, person, topic)

    story.residents[0] = person
    said = {"topic": PLANTED["topic"], "details": PLANTED["details"]}
    story.id = (await people.post(person, "/v1/petitions", **topic, **said))["id"]
    story.path = f"/v1/petitions/{story.id}"
    await people.post(person, "/v1/reports", text=PLANTED["report"], petition_id=story.id)
    await story.sign()
    await story.submit()
    await story.accept()
    await story.meet()
    await story.work(await story.plan())
    await story.answer()
    await story.until("feedback")
    judgement = {"contacted": True, "resolved": "yes", "satisfied": True}
    await story.post(person, "feedback", **judgement, comment=PLANTED["comment"])
    for resident in story.residents[1:]:
        await story.post(resident, "feedback", **judgement)
    await story.until("closed")
    assert await told(people, story) == {PLANTED["topic"], PLANTED["details"]}
    return story, person


async def on_paper(people: District, story: Story, person: Person, topic: dict[str, Any]) -> None:
    """A slip in their name under somebody else's petition, called false, and appealed; the petition is withdrawn."""
    lead = story.residents[1]
    petition = await people.post(lead, "/v1/petitions", topic="加装路灯", details="夜里太暗。", **topic)
    path = f"/v1/petitions/{petition['id']}"
    answer = await people.client.post(
        f"{path}/paper-signatures",
        files={"file": ("slip.jpg", JPEG, "image/jpeg")},
        data={"resident_id": person.subject},
        headers={"Authorization": f"Bearer {people.token(story.host.role, story.host.subject, story.host.org)}"},
    )
    intake = f"/v1/intakes/{answer.raise_for_status().json()['id']}"
    await people.post(story.host, f"{intake}/invalidation", reason=PLANTED["explanation"])
    await people.post(replace(story.host, subject="second"), f"{intake}/invalidation/confirmation")
    await people.post(person, f"{intake}/appeal", reason=PLANTED["grounds"])
    await people.post(lead, f"{path}/withdrawal")


async def told(people: District, story: Story) -> set[str]:
    """Which of their words anybody is shown."""
    answers = ""
    for who in (CLERK, AUDITOR, story.host, story.official, story.residents[2]):
        for noun in ("", "/history", "/documents", "/state"):
            headers = {"Authorization": f"Bearer {people.token(who.role, who.subject, who.org)}"}
            answers += (await people.client.get(f"{story.path}{noun}", headers=headers)).text
    for path in ("/v1/downloads/petitions", "/v1/downloads/petitions?format=json", "/v1/statistics"):
        answers += (await people.client.get(path)).raise_for_status().text
    return traces.within(answers.encode(), WORDS)


async def events(pool: asyncpg.Pool) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await pool.fetch("SELECT * FROM stored_events ORDER BY notification_id")]


async def proved(pool: asyncpg.Pool, folder: Path) -> tuple[Sealed, list[list[bytes]]]:
    """A checkpoint of all that there is, and for each event the proof that it is under it."""
    sealed = await Sealer(pool, folder / "keys" / "log").seal()
    assert sealed
    size = sealed.checkpoint.size
    return sealed, [await transparency.hashes(pool, merkle.inclusion_ranges(n, size)) for n in range(size)]


async def hold(pool: asyncpg.Pool, sealed: Sealed, proofs: list[list[bytes]]) -> None:
    """With the events as they are stored now."""
    size, root = sealed.checkpoint.size, sealed.checkpoint.root
    leaves = [merkle.leaf_hash(transparency.leaf_of(event)) for event in await read_page(pool, 0, size)]
    assert all(merkle.verify_inclusion(n, size, leaves[n], proofs[n], root) for n in range(size))


async def verified(path: Path, checkpoint: Path, story: Story) -> None:
    """It holds, against the earlier checkpoint too, and says nothing of them."""
    report = await asyncio.to_thread(verification.verify_bundle, path, given=verification.earlier(checkpoint))
    assert report.ok, report.findings
    with zipfile.ZipFile(path) as bundled:
        content = b"".join(bundled.read(name) for name in bundled.namelist())
    assert story.id.encode() in content
    assert traces.within(content, WORDS) == set()


async def keys_are_gone(pool: asyncpg.Pool, folder: Path, keys: set[bytes]) -> None:
    """But for where changes are written down first, until PostgreSQL writes over that."""
    assert len(keys) > 3
    assert await pool.fetchval("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'text_keys'") == 1
    await pool.execute("VACUUM text_keys, residents")  # once more: the engine's may have met a transaction under way
    await pool.execute("CHECKPOINT")
    files = await asyncio.to_thread(traces.in_folder, folder, {key.hex(): [key] for key in keys})
    assert {file.rpartition("/")[0] for where in files.values() for file in where} <= {"postgres/pg_wal"}


async def read_at_a_terminal(pool: asyncpg.Pool, folder: Path, story: Story, tmp_path: Path) -> None:
    """It is written down, and tells nothing of them either."""
    here = ("--data-dir", folder)
    for command in (
        ("export", *here, "--output", tmp_path / "public.zip"),
        ("replay", story.id, *here, "--subject", "at-a-terminal"),
    ):
        said = await asyncio.to_thread(run, *command)
        assert (said.returncode, traces.within(said.stdout.encode(), WORDS)) == (0, set()), said.stderr
    assert await pool.fetchval("SELECT act FROM accesses WHERE role = 'terminal'") == "export"
    reader = await People(pool, secret(folder / "keys", "people.key")).pseudonym("at-a-terminal", STAFF)
    looks = "SELECT count(*) FROM accesses WHERE by = $1 AND subject_id = $2"
    assert await pool.fetchval(looks, reader, UUID(story.id)) > 0


async def exported(pool: asyncpg.Pool, path: Path) -> None:
    """As for a court: no event is withheld."""
    with path.open("wb") as file:
        await bundle.write(pool, file, lambda _: False, lambda *_: None)


async def wrapped_keys(pool: asyncpg.Pool) -> set[bytes]:
    return {row[0] for row in await pool.fetch("SELECT wrapped FROM text_keys UNION SELECT key FROM residents")}


async def opened(pool: asyncpg.Pool, folder: Path) -> bytes:
    """Every text of the log that a key is left for, whoever wrote it."""
    texts = [text for row in await events(pool) for text in texts_in(orjson.loads(row[3]))]
    return "\n".join(await Keyring(pool, folder / "keys").open(texts)).encode()


def texts_in(value: Any) -> list[Text]:
    if isinstance(value, dict) and value.get("_type_") == "text":
        return [transcoder.decode(orjson.dumps(value))]
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for item in inner for text in texts_in(item)]


async def carry_out(pool: asyncpg.Pool, folder: Path) -> int:
    """What the engine does a minute later."""
    keys = folder / "keys"
    repository, people, register = (
        Repository(EventStore(pool)),
        People(pool, secret(keys, "people.key")),
        Register(pool, secret(keys, MASTER)),
    )
    slips = Slips(register, Keyring(pool, keys), Folder(folder / "files"))
    done = await Erasures(register, people, repository, slips, similar.forget).carry_out(datetime.now(UTC) + SETTLED)
    await repository.close()
    return done


CANARIES = ["金丝雀在表里面唱歌", "金丝雀在编码里唱歌", "金丝雀在转义里唱歌", "金丝雀死后还在页里"]


async def canary(url: str, folder: Path) -> None:
    """Words that the search has to find: in a table, in base64, as JSON escapes them, and in a row that was deleted."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE canary (words text)")
    await connection.execute("INSERT INTO canary VALUES ($1)", CANARIES[0])
    await connection.execute("INSERT INTO canary VALUES ($1)", CANARIES[3])
    await connection.execute("DELETE FROM canary WHERE words = $1", CANARIES[3])
    await connection.close()
    encoded = base64.b64encode(f"xx{CANARIES[1]}".encode()).decode()
    (folder / "logs" / "canary").write_text(encoded + json.dumps(CANARIES[2]))
