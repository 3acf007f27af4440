"""Similar petitions: as good as cosine similarity of character-bigram TF-IDF? And how fast among 100,000?"""

import math
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from heapq import nlargest
from itertools import islice
from pathlib import Path
from uuid import UUID

import asyncpg

from infra.database import connect
from infra.sealing import Keyring
from projections import projector, similar
from tests.benchmarks.complaints import Complaint, complaints
from tests.benchmarks.store import new_database


async def measure(url: str, folder: Path, few: int = 5_000, many: int = 100_000, asked: int = 500) -> None:
    told = list(islice(complaints(seed=4), many))
    questions = random.Random(5).sample(range(few - 10), asked)
    things = defaultdict(set)
    for n, complaint in enumerate(told):
        things[complaint.thing].add(n)
    others = [things[told[n].thing] - {n} for n in questions]
    for size in (few, many):
        baseline = Baseline([complaint.topic + complaint.details for complaint in told[:size]])
        report(f"TF-IDF among {size:,}", [baseline.like(n, 10) for n in questions], others)
    del baseline
    pool = await connect(await new_database(url, "similar_test"))
    keyring = Keyring(pool, folder / "keys")
    await projector.install(pool)
    await put_in(pool, keyring, told[:few], 0)
    report(f"ours among {few:,}", [await like(pool, keyring, told[n], n) for n in questions], others)
    await tell_apart(pool, keyring, told, questions)
    began = time.perf_counter()
    await put_in(pool, keyring, told[few:], few)
    print(f"taken in at {(many - few) / (time.perf_counter() - began):,.0f}/s")
    await pool.execute("VACUUM ANALYZE similarities.texts, similarities.grams")
    seconds, answers = [], []
    for n in questions:
        began = time.perf_counter()
        answers.append(await like(pool, keyring, told[n], n))
        seconds.append(time.perf_counter() - began)
    report(f"ours among {many:,}", answers, others)
    cuts = [1000 * cut for cut in statistics.quantiles(seconds, n=100)]
    print(f"answered in p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms (expected under 50 ms)")
    await pool.close()


class Baseline:
    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(text[i : i + 2] for i in range(len(text) - 1)) for text in texts]
        stands_in = Counter(gram for count in counts for gram in count)
        self.vectors, self.postings = [], defaultdict(list)
        for n, count in enumerate(counts):
            vector = {g: tf * (1 + math.log((1 + len(texts)) / (1 + stands_in[g]))) for g, tf in count.items()}
            length = math.hypot(*vector.values())
            self.vectors.append({gram: weight / length for gram, weight in vector.items()})
            for gram, weight in self.vectors[-1].items():
                self.postings[gram].append((n, weight))

    def like(self, asked: int, limit: int) -> list[int]:
        cosines: dict[int, float] = defaultdict(float)
        for gram, weight in self.vectors[asked].items():
            for n, other in self.postings[gram]:
                cosines[n] += weight * other
        del cosines[asked]
        return nlargest(limit, cosines, key=lambda n: cosines[n])


async def put_in(pool: asyncpg.Pool, keyring: Keyring, told: Sequence[Complaint], first: int) -> None:
    async with pool.acquire() as conn:
        await conn.execute("SET search_path TO similarities, public")
        rows = [(UUID(int=n), False, similar.vector(keyring, [c.topic, c.details])) for n, c in enumerate(told, first)]
        for start in range(0, len(rows), projector.BATCH):
            await conn.executemany(similar.PUT_IN, rows[start : start + projector.BATCH])


async def like(pool: asyncpg.Pool, keyring: Keyring, asked: Complaint, n: int) -> list[int]:
    found = await similar.similar(pool, keyring, [asked.topic, asked.details], public=False, but=UUID(int=n))
    return [id.int for id in found][:10]


async def tell_apart(pool: asyncpg.Pool, keyring: Keyring, told: Sequence[Complaint], asked: Sequence[int]) -> None:
    """How similar the most similar are that are, and are not, about the same: what the threshold is chosen by."""
    best: dict[str, list[float]] = {"the same": [], "the same elsewhere": [], "something else": []}
    for n in asked:
        found = await similar.similar(pool, keyring, told[n][2:], public=False, but=UUID(int=n))
        cosines = dict.fromkeys(best, 0.0)
        for id, cosine in found.items():
            other = told[id.int]
            kind = (other.thing != told[n].thing) + (other.issue != told[n].issue)
            name = list(best)[kind]
            cosines[name] = max(cosines[name], cosine)
        for name, cosine in cosines.items():
            best[name].append(cosine)
    for name, taken in best.items():
        print(f"{name:24} " + " ".join(f"{cut:.2f}" for cut in statistics.quantiles(taken, n=20)))


def report(name: str, answers: Sequence[list[int]], others: Sequence[set[int]]) -> None:
    hits, recall = shares(answers, others)
    print(f"{name:24} hit@1 {hits:.3f}  recall@10 {recall:.3f}")


def shares(answers: Sequence[list[int]], others: Sequence[set[int]]) -> tuple[float, float]:
    """hit@1 and recall@10."""
    pairs = list(zip(answers, others, strict=True))
    hits = sum(bool(found and found[0] in right) for found, right in pairs)
    return hits / len(pairs), sum(len(right & set(found)) / len(right) for found, right in pairs) / len(pairs)
