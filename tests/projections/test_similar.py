"""Petitions about the same thing are found in other words, by whom may read those words, and nothing can be read."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

import asyncpg

from domain.petition import Petition
from domain.petition.words import Phase
from infra.sealing import Keyring
from projections.projector import install, rebuild
from projections.similar import READ_MODEL, grams, similar
from tests.benchmarks.complaints import complaints
from tests.benchmarks.similar import Baseline, like, put_in, shares
from tests.domain.story import CLERK, given, id_of
from tests.projections.conftest import Mirror

DRAINAGE = ("小区低洼地排涝改造", "每逢暴雨,划船社区低洼处积水没过脚踝,车辆行人都过不去。")
FLOOD = ("划船社区下雨就淹", "一下暴雨小区低洼处就积水,行人要蹚水,盼改造排水管。")
LIFT = ("既有住宅加装电梯", "六楼老人上下楼困难,多数业主同意加梯,请街道调解。")


async def tell(mirror: Mirror, name: str, words: Sequence[str], public: Sequence[str] = ()) -> UUID:
    story = given(Phase.SUBMITTED, name=name)
    petition_id = story.petition.id
    opened = next(event for event in story.log if isinstance(event, Petition.Opened))
    topic, details = [await mirror.keyring.seal(petition_id, "author", word) for word in words]
    vars(opened).update(topic=topic, details=details)
    if public:
        topic, details = [await mirror.keyring.seal(petition_id, CLERK.by, word) for word in public]
        story.do(story.petition.issue_public_text, CLERK, topic=topic, details=details)
    await mirror.show(story)
    return petition_id


async def found(mirror: Mirror, words: Sequence[str], *, public: bool = False, but: UUID | None = None) -> list[UUID]:
    return list(await similar(mirror.pool, mirror.keyring, words, public=public, but=but))


async def test_the_same_thing_in_other_words_is_found_and_another_is_not(mirror: Mirror) -> None:
    drainage, flood, lift = [
        await tell(mirror, name, words) for name, words in (("a", DRAINAGE), ("b", FLOOD), ("c", LIFT))
    ]
    assert await found(mirror, FLOOD) == [flood, drainage]
    assert await found(mirror, FLOOD, but=flood) == [drainage]
    assert await found(mirror, LIFT, but=lift) == []
    (itself, *_) = (await similar(mirror.pool, mirror.keyring, DRAINAGE, public=False)).values()
    assert abs(itself - 1) < 1e-6


async def test_titles_that_say_nothing_make_nothing_similar(mirror: Mirror) -> None:
    for title in ("投诉", "反映问题", "关于有关问题的投诉"):
        a, b = (
            await tell(mirror, f"{title} a", (title, DRAINAGE[1])),
            await tell(mirror, f"{title} b", (title, LIFT[1])),
        )
        assert await found(mirror, (title, "")) == []
        assert a not in await found(mirror, (title, LIFT[1]))
        assert b not in await found(mirror, (title, DRAINAGE[1]))


async def test_what_was_written_is_not_found_through_what_is_public(mirror: Mirror) -> None:
    petition = await tell(mirror, "a", DRAINAGE, public=LIFT)
    assert await found(mirror, DRAINAGE) == [petition]
    assert await found(mirror, DRAINAGE, public=True) == []
    assert await found(mirror, LIFT, public=True) == [petition]
    assert await found(mirror, LIFT) == []


async def test_a_public_text_that_is_issued_again_takes_the_place_of_the_old_one(mirror: Mirror) -> None:
    story = given(Phase.SUBMITTED)
    for words in (DRAINAGE, LIFT):
        topic, details = [await mirror.keyring.seal(story.petition.id, CLERK.by, word) for word in words]
        story.do(story.petition.issue_public_text, CLERK, topic=topic, details=details)
    await mirror.show(story)
    assert await found(mirror, DRAINAGE, public=True) == []
    assert await found(mirror, LIFT, public=True) == [story.petition.id]
    counted = await mirror.pool.fetch("SELECT n FROM similarities.grams WHERE public AND n > 0")
    assert [row["n"] for row in counted] == [1] * (len(grams(*LIFT)) + 1)


async def test_no_word_can_be_read_and_another_installation_writes_other_hashes(mirror: Mirror, tmp_path: Path) -> None:
    await tell(mirror, "a", DRAINAGE)
    rows = await mirror.pool.fetch("SELECT gram FROM similarities.grams WHERE gram <> ''")
    kept = {row["gram"] for row in rows}
    mine, other = [
        {k.hashed(g) for g in grams(*DRAINAGE)} for k in (mirror.keyring, Keyring(mirror.pool, tmp_path / "b"))
    ]
    assert kept == mine
    assert not kept & other
    for table in ("texts", "grams"):
        rows = await mirror.pool.fetch(f"SELECT t::text FROM similarities.{table} AS t")
        assert all(row[0].isascii() for row in rows)


async def test_an_erased_text_is_gone_after_a_rebuild(mirror: Mirror) -> None:
    petition = await tell(mirror, "a", DRAINAGE)
    await mirror.keyring.erase(petition, "author")
    await rebuild(mirror.store, mirror.keyring, [READ_MODEL])
    assert (
        await mirror.pool.fetchval("SELECT grams::text FROM similarities.texts WHERE petition_id = $1", id_of("a"))
        == ""
    )
    assert await mirror.pool.fetchval("SELECT count(*) FROM similarities.grams WHERE gram <> ''") == 0
    assert await found(mirror, DRAINAGE) == []


async def test_it_finds_no_less_than_cosine_similarity_of_tf_idf(pool: asyncpg.Pool, tmp_path: Path) -> None:
    """On made-up complaints: what they are about is the same for two to four of them."""
    told, keyring = list(islice(complaints(seed=11), 1_000)), Keyring(pool, tmp_path)
    await install(pool)
    await put_in(pool, keyring, told, 0)
    baseline = Baseline([complaint.topic + complaint.details for complaint in told])
    asked = range(0, 1_000, 5)
    others = [{m for m, other in enumerate(told) if other.thing == told[n].thing and m != n} for n in asked]
    hits, recall = shares([await like(pool, keyring, told[n], n) for n in asked], others)
    least_hits, least_recall = shares([baseline.like(n, 10) for n in asked], others)
    assert hits >= least_hits > 0.2
    assert recall >= least_recall > 0.4
