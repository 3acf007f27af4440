"""100,000 co-signatures on one petition: how fast is one more, how much memory does the API take, how long is loading?

Through `yuetan api` as it is installed, one signer after the other and sixteen at once; a new petition takes turns with
the crowded one, so that the machine's moods fall on both.
"""

import asyncio
import os
import statistics
import time
from collections import defaultdict
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil
from rich.progress import Progress

from api.demo.district import District, Person
from domain.command import Command, Role
from domain.petition import Petition
from infra.database import connect
from infra.event_store import EventStore
from infra.repository import Repository
from infra.settings import Settings
from tests.benchmarks.store import new_database
from tests.programs import program, tokens

SIGNERS = 100_000
UP_TO = 104_900  # nearly another snapshot: so long does loading take at most
ROUNDS, IN_A_ROUND = 10, 100
AT_ONCE = 16
TOPIC = {"topic": "小区低洼地排涝改造", "details": "每逢暴雨积水。", "category": "grievance"}


async def measure(url: str, folder: Path) -> None:
    database = await new_database(url, "crowd_test")
    environment = {
        "YUETAN_DATABASE_URL": database,
        "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "YUETAN_KEYS": str(folder / "keys"),
    }
    async with program("api", "--port", "0", **environment) as api, httpx.AsyncClient(base_url=api.url) as http:
        district = District(http, tokens(folder / "keys"))
        crowded, calm = await opened(district), await opened(district)
        pool = await connect(database)
        repository = Repository(EventStore(pool))
        await crowd(repository, UUID(crowded))
        print(f"a petition with {SIGNERS:,} signatures; {os.getloadavg()[0]:.1f} processes at work")
        await sign(district, crowded)  # the API's own copy is brought up to date
        for at_once in (1, AT_ONCE):
            seconds: dict[str, list[float]] = defaultdict(list)
            for _ in range(ROUNDS):
                for name, id in (("crowded", crowded), ("new", calm)):
                    seconds[name] += await round_of(district, id, at_once)
            for name, found in seconds.items():
                cuts = [1000 * cut for cut in statistics.quantiles(found, n=100)]
                print(f"{at_once:3} at once, {name:8} p50 {cuts[49]:6.1f}  p95 {cuts[94]:6.1f}  p99 {cuts[98]:6.1f} ms")
            ratio = statistics.median(seconds["crowded"]) / statistics.median(seconds["new"])
            print(f"{at_once:3} at once, the crowded one takes {ratio:.2f} times as long (p99 under 100 ms expected)")
        rss = psutil.Process(api.process.pid).memory_info().rss
        print(f"the API process holds {rss / 2**20:.0f} MiB (under 500 expected)")
        await load(pool, UUID(crowded))
        await crowd(repository, UUID(crowded), UP_TO)
        await repository.close()
        await load(pool, UUID(crowded))
        await pool.close()


async def load(pool: asyncpg.Pool, id: UUID) -> None:
    loading = []
    for _ in range(9):
        fresh = Repository(EventStore(pool))
        began = time.perf_counter()
        petition = await fresh.get(Petition, id)
        loading.append(1000 * (time.perf_counter() - began))
        await fresh.close()
    newest = await pool.fetchval("SELECT max(originator_version) FROM snapshots WHERE originator_id = $1", id)
    print(
        f"loading it {petition.version - newest:,} events after its last snapshot takes"
        f" {statistics.median(loading):.0f} ms, at most {max(loading):.0f} (under 200 expected)"
    )


async def opened(district: District) -> str:
    admin = Person("admin", "admin")
    host = await district.post(admin, "/v1/hosts", name="划船社区", kind="community")
    post = await district.post(admin, "/v1/posts", name="区委书记", kind="party_committee")
    lead = Person("resident", f"lead {uuid4()}")
    called = [post["id"]]
    petition = await district.post(lead, "/v1/petitions", **TOPIC, host_id=host["id"], called_post_ids=called)
    return str(petition["id"])


async def crowd(repository: Repository, id: UUID, signatures: int = SIGNERS) -> None:
    """All but the last few sign without HTTP: it is the end that is measured."""
    policy = Settings.from_env({}).load_policy()
    petition = await repository.get(Petition, id)
    missing = signatures - petition.signatures
    with Progress() as progress:
        task = progress.add_task("signing", total=missing)

        async def signer() -> None:
            cmd = Command(id=uuid4(), by=uuid4().hex, role=Role.RESIDENT, at=petition.created_on, policy=policy)
            await repository.execute(Petition.co_sign, id, cmd)
            progress.advance(task)

        for _ in range(missing // 500):
            await asyncio.gather(*(signer() for _ in range(500)))


async def round_of(district: District, id: str, at_once: int) -> list[float]:
    async def some() -> list[float]:
        return [await sign(district, id) for _ in range(IN_A_ROUND // at_once)]

    found = await asyncio.gather(*(some() for _ in range(at_once)))
    return [seconds for each in found for seconds in each]


async def sign(district: District, id: str) -> float:
    who = Person("resident", f"signer {uuid4()}")
    began = time.perf_counter()
    await district.post(who, f"/v1/petitions/{id}/co-signatures")
    return time.perf_counter() - began
