"""Which petitions are about what somebody writes: cosine similarity of their two-character grams, weighted by rarity.

No text is in here: a gram is a keyed hash, and neither their order nor what stood in the topic is kept. Texts as they
were written and texts issued for the public are never mixed, so that nobody can feel their way through the former by
what they write.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations, pairwise
from math import log, sqrt
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.petition import Petition
from infra.event_store import Recorded
from infra.sealing import ERASED, Keyring
from projections.read_model import Digest, ReadModel, Statement

READ_MODEL = ReadModel(
    "similarities",  # (SIMILAR is a word of SQL's own)
    version=2,
    tables="""
CREATE TABLE texts (
    petition_id uuid,
    public boolean, -- as a clerk issued it, or as it was written
    grams tsvector NOT NULL, -- how often one stands in the text is its label, D for once to A for four times or more
    PRIMARY KEY (petition_id, public)
);
-- (fastupdate would have each search read through what came lately)
CREATE INDEX ON texts USING gin (grams) WITH (fastupdate = off) WHERE public;
CREATE INDEX ON texts USING gin (grams) WITH (fastupdate = off) WHERE NOT public;

CREATE TABLE grams (
    public boolean,
    gram text, -- '' counts the texts
    n int NOT NULL, -- texts it stands in
    PRIMARY KEY (public, gram)
) WITH (fillfactor = 70)
""",
)

# What petitions are full of, whatever they are about.
EMPTY_WORDS = re.compile(
    "投诉|举报|反映|反应|咨询|求助|问题|情况|建议|意见|请求|要求|希望|盼望|恳请|解决|处理|答复|回复|重视|有关|相关|关于"
    "|部门|领导|您好|你好|尊敬|谢谢|感谢|居民|群众|我们|本人|多次|尽快"
)
RUN = re.compile(r"[^\W_]+")
MOST = 4  # times that a gram counts in one text
LABELS = ("", "C", "B", "A")


def grams(*texts: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for text in texts:
        if text != ERASED:
            for run in RUN.findall(EMPTY_WORDS.sub(" ", unicodedata.normalize("NFKC", text).lower())):
                found.update(map("".join, pairwise(run)) if len(run) > 1 else [run])
    return found


def _hashed(keyring: Keyring, texts: Sequence[str]) -> dict[str, int]:
    return {keyring.hashed(gram): min(n, MOST) for gram, n in grams(*texts).items()}


def vector(keyring: Keyring, texts: Sequence[str]) -> str:
    return " ".join(f"{gram}:1{LABELS[n - 1]}" for gram, n in _hashed(keyring, texts).items())


# --- handlers --------------------------------------------------------------------------------------------------------

GRAMS_OF = "unnest(array_append(tsvector_to_array({}), '')) AS gram"
TAKE_OUT = (
    "WITH old AS (DELETE FROM texts WHERE petition_id = $1 AND public = $2 RETURNING grams)"
    f" UPDATE grams SET n = n - 1 FROM (SELECT {GRAMS_OF.format('grams')} FROM old) AS o"
    " WHERE public = $2 AND grams.gram = o.gram"
)
PUT_IN = (
    "WITH new AS (INSERT INTO texts (petition_id, public, grams) VALUES ($1, $2, $3::text::tsvector) RETURNING grams)"
    f" INSERT INTO grams (public, gram, n) SELECT $2, {GRAMS_OF.format('grams')}, 1 FROM new"
    " ON CONFLICT (public, gram) DO UPDATE SET n = grams.n + 1"
)


@READ_MODEL.on(Petition.Opened)
def opened(event: Petition.Opened, at: Recorded) -> Iterator[Statement]:
    yield PUT_IN, event.originator_id, False, Digest((event.topic, event.details), vector)


@READ_MODEL.on(Petition.Refiled, Petition.Split)
def rewritten(event: Petition.Refiled | Petition.Split, at: Recorded) -> Iterator[Statement]:
    yield TAKE_OUT, event.originator_id, False
    yield TAKE_OUT, event.originator_id, True
    yield PUT_IN, event.originator_id, False, Digest((event.topic, event.details), vector)


@READ_MODEL.on(Petition.PublicTextIssued)
def public_text_issued(event: Petition.PublicTextIssued, at: Recorded) -> Iterator[Statement]:
    yield TAKE_OUT, event.originator_id, True
    yield PUT_IN, event.originator_id, True, Digest((event.topic, event.details), vector)


async def forget(conn: PoolConnectionProxy, petitions: Sequence[UUID]) -> None:
    """What was made of these texts as they were written, in what serves and in what is being built.

    The rows of the registry are locked first, as whoever reads texts for them does: what comes after us finds no key.
    """
    slots = await conn.fetch(
        "SELECT name FROM projections WHERE name IN ($1, $1 || '_next') ORDER BY name FOR UPDATE", READ_MODEL.name
    )
    for (slot,) in slots:
        await conn.execute(f"SET LOCAL search_path TO {slot}, public")
        old = await conn.fetch(
            "SELECT DISTINCT unnest(tsvector_to_array(grams)) FROM texts WHERE petition_id = ANY ($1) AND NOT public",
            petitions,
        )
        await conn.executemany(TAKE_OUT, [(petition_id, False) for petition_id in petitions])
        await conn.execute(  # what nobody else has written
            "DELETE FROM grams WHERE NOT public AND n = 0 AND gram = ANY ($1)", [gram for (gram,) in old]
        )
    await conn.execute("SET LOCAL search_path TO DEFAULT")


# --- queries ---------------------------------------------------------------------------------------------------------

CANDIDATES = 600  # petitions that are looked at: those that share the rarest grams
COMPARED = 30  # of them exactly
ENOUGH = 0.2  # docs/decisions/similar-petitions.md has the measurement
SHARED = 3  # grams at least: one word in common says nothing


async def similar(
    pool: asyncpg.Pool, keyring: Keyring, texts: Sequence[str], *, public: bool, but: UUID | None = None
) -> dict[UUID, float]:
    """The 30 petitions (without ``but``) most like these texts, in this order, with the cosine: 1 is the same.

    ``public``: as it was issued for the public, admitted or not; else as it was written.
    """
    wanted = _hashed(keyring, texts)
    rows = await pool.fetch(
        "SELECT gram, n FROM similarities.grams WHERE public = $1 AND gram = ANY ($2) AND n > 0", public, ["", *wanted]
    )
    known: dict[str, int] = {row["gram"]: row["n"] for row in rows}
    total = known.pop("", 0)
    # A gram that no petition has makes what is asked for less like any of them.
    weights = {gram: n * (1 + log((1 + total) / (1 + known.get(gram, 0)))) for gram, n in wanted.items()}
    if len(known) < SHARED:
        return {}
    classes: dict[int, list[str]] = {}
    for gram in known:
        classes.setdefault(round(log(weights[gram]) * 2), []).append(gram)
    rows = await pool.fetch(
        # ts_rank knows no weights of what is looked for: so grams of about the same weight are looked for together.
        # Its result is divided by their number, and a constant.
        "WITH likely AS MATERIALIZED (SELECT petition_id, grams FROM similarities.texts AS t"
        f" WHERE {'public' if public else 'NOT public'} AND grams @@ $1::text::tsquery"
        "  AND petition_id IS DISTINCT FROM $12"
        "  ORDER BY (SELECT sum(weight * ts_rank('{.25, .5, .75, 1}', grams, query))"
        "   FROM unnest($2::text[]::tsquery[], $3::float[]) AS c (query, weight)) / sqrt(length(grams)) DESC LIMIT $4),"
        " weighed AS (SELECT petition_id, lexeme,"
        "  (1 + ascii('D') - ascii(weights[1])) * (1 + ln((1 + $5::float) / (1 + g.n))) AS weight"
        "  FROM likely, unnest(grams) JOIN similarities.grams AS g ON g.public = $6 AND g.gram = lexeme)"
        " SELECT * FROM (SELECT petition_id, sum(w.weight * q.weight) / sqrt(sum(w.weight ^ 2)) / $7 AS similarity"
        "  FROM weighed AS w LEFT JOIN unnest($8::text[], $9::float[]) AS q (gram, weight) ON q.gram = w.lexeme"
        "  GROUP BY petition_id HAVING count(q.gram) >= $10) AS found"
        " WHERE similarity >= $11 ORDER BY similarity DESC, petition_id",
        _rarest(known),
        [" | ".join(alike) for alike in classes.values()],
        [sum(weights[gram] ** 2 / wanted[gram] for gram in alike) for alike in classes.values()],
        COMPARED,
        total,
        public,
        sqrt(sum(weight**2 for weight in weights.values())),
        list(weights),
        list(weights.values()),
        SHARED,
        ENOUGH,
        but,
    )
    return {row["petition_id"]: row["similarity"] for row in rows}


def _rarest(known: dict[str, int]) -> str:
    """What to look for: so many of the rarest grams as are together in no more petitions than can be looked at. Where
    even the rarest alone is in too many, two of the three rarest: three must be shared anyway."""
    rarest = sorted(known, key=lambda gram: known[gram])
    if known[rarest[0]] > CANDIDATES:
        return " | ".join(f"{one} & {other}" for one, other in combinations(rarest[:3], 2))
    chosen = [
        gram for gram, n in zip(rarest, accumulate(known[gram] for gram in rarest), strict=True) if n <= CANDIDATES
    ]
    return " | ".join(chosen)
