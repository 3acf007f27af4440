"""Texts that can be erased, and people that nobody can find out."""

import asyncio
import base64
import hmac
import stat
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from infra.people import Erased, People
from infra.sealing import ERASED, Keyring, secret


@pytest.fixture
def keyring(pool: asyncpg.Pool, tmp_path: Path) -> Keyring:
    return Keyring(pool, tmp_path / "keys")


async def test_texts_are_opened_in_the_order_asked(keyring: Keyring) -> None:
    matter = uuid4()
    written = ["低洼小区排水", "", "😀\x00\n" * 1000, "x"]
    texts = [await keyring.seal(matter, author, text) for author, text in zip("abca", written, strict=True)]
    assert await keyring.open(texts) == written
    assert await keyring.open(texts[::-1]) == written[::-1]
    assert await keyring.open([]) == []
    assert texts[0].key_id == texts[3].key_id != texts[1].key_id


async def test_nothing_readable_is_stored(keyring: Keyring) -> None:
    matter = uuid4()
    one, two = [await keyring.seal(matter, "a", "排水") for _ in range(2)]
    assert one.sealed != two.sealed  # nobody sees that two texts are alike
    assert "排水".encode() not in base64.b64decode(one.sealed)


async def test_an_erased_key_makes_the_text_read_erased_everywhere_at_once(
    keyring: Keyring, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    other_process = Keyring(pool, tmp_path / "keys")
    matter, elsewhere = uuid4(), uuid4()
    texts = [
        await keyring.seal(matter, "a", "erased"),
        await keyring.seal(matter, "b", "another author"),
        await keyring.seal(elsewhere, "a", "another matter"),
    ]
    assert await other_process.open(texts) == ["erased", "another author", "another matter"]
    assert await keyring.erase(matter, "a")
    for ring in (keyring, other_process):
        assert await ring.open(texts) == [ERASED, "another author", "another matter"]
    assert not await keyring.erase(matter, "a")
    later = await other_process.seal(matter, "a", "written later")
    assert await keyring.open([later, texts[0]]) == ["written later", ERASED]


async def test_a_text_that_was_altered_or_moved_to_another_key_is_refused(keyring: Keyring) -> None:
    matter = uuid4()
    text, other = await keyring.seal(matter, "a", "text"), await keyring.seal(matter, "b", "other")
    sealed = bytearray(base64.b64decode(text.sealed))
    sealed[-1] ^= 1
    for forged in (replace(text, sealed=base64.b64encode(sealed).decode()), replace(text, key_id=other.key_id)):
        with pytest.raises(ValueError, match="altered"):
            await keyring.open([forged])


async def test_the_keys_of_another_folder_open_nothing(keyring: Keyring, pool: asyncpg.Pool, tmp_path: Path) -> None:
    text = await keyring.seal(uuid4(), "a", "text")
    with pytest.raises(ValueError, match="another one"):
        await Keyring(pool, tmp_path / "other").open([text])


async def test_one_author_has_one_key_however_many_write_at_once(keyring: Keyring) -> None:
    matter = uuid4()
    texts = await asyncio.gather(*(keyring.seal(matter, "a", str(n)) for n in range(20)))
    assert len({text.key_id for text in texts}) == 1
    assert await keyring.open(texts) == [str(n) for n in range(20)]


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = secret(tmp_path / "keys", "x.key")
    assert secret(tmp_path / "keys", "x.key") == made != secret(tmp_path / "keys", "y.key")
    assert stat.S_IMODE((tmp_path / "keys" / "x.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.key").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"x\.key"):
        secret(tmp_path, "x.key")


async def test_a_person_has_one_pseudonym_in_each_scope(pool: asyncpg.Pool) -> None:
    people, other_process = People(pool, b"secret"), People(pool, b"secret")
    here, there = uuid4(), uuid4()
    first = await people.pseudonym("resident-1", here)
    assert first == await other_process.pseudonym("resident-1", here)
    others = {await people.pseudonym("resident-1", there), await people.pseudonym("resident-2", here)}
    assert len(others | {first}) == 3
    at_once = await asyncio.gather(*(people.pseudonym("resident-3", here) for _ in range(20)))
    assert len(set(at_once)) == 1


async def test_the_register_of_keys_names_nobody(pool: asyncpg.Pool) -> None:
    await People(pool, b"secret").pseudonym("resident-1", uuid4())
    (row,) = await pool.fetch("SELECT people_keys::text FROM people_keys")
    assert b"resident-1".hex() not in row[0]
    assert "resident-1" not in row[0]


async def test_a_copy_of_the_keys_makes_no_pseudonyms(pool: asyncpg.Pool) -> None:
    scope = uuid4()
    pseudonym = await People(pool, b"secret").pseudonym("resident-1", scope)
    key = await pool.fetchval("SELECT key FROM people_keys")
    assert hmac.digest(key, scope.bytes, "sha256").hex()[:32] != pseudonym


async def test_nobody_acts_as_a_closed_person_and_a_forgotten_one_has_no_pseudonyms(pool: asyncpg.Pool) -> None:
    people, scope = People(pool, b"secret"), uuid4()
    before = await people.pseudonym("resident-1", scope)
    async with pool.acquire() as conn:
        await people.close(conn, "resident-1")
        await people.close(conn, "never-acted")
        assert await people.pseudonyms(conn, "resident-1", [scope]) == [before]
        for subject in ("resident-1", "never-acted"):
            with pytest.raises(Erased):
                await people.pseudonym(subject, scope)
            await people.forget(conn, subject)
            assert await people.pseudonyms(conn, subject, [scope]) == []
            with pytest.raises(Erased):
                await people.pseudonym(subject, scope)
