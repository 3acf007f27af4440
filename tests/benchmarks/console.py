"""The console's pages with 10,000 petitions in the read models: how long does each take, and how much is sent?

Through `yuetan api` as it is installed, over HTTP, one request after the other. The pages take turns, and a trivial one
(/livez) with them: what that takes, the machine and the way there take from all. "busy" is how long the API's and
PostgreSQL's processes were at work for a page, which does not depend on what else the machine does.
"""

import os
import re
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path

import httpx
import psutil

from api.console.browser import SESSION
from api.console.navigation import AUDIT, NAVIGATION
from domain.command import Role
from infra.database import connect
from tests.benchmarks.district import populate
from tests.benchmarks.store import new_database
from tests.programs import program, tokens

PETITIONS = 10_000
PAGES = 500  # of the list: all petitions, as a clerk sees them
ROUNDS, IN_A_ROUND = 7, 5
MOST_MS, MOST_KB = 50, 150
TRIVIAL = "/livez"


async def measure(url: str, folder: Path) -> None:
    database = await new_database(url, "console_test")
    pool = await connect(database)
    await populate(pool, folder / "keys", PETITIONS)
    await pool.close()
    await look(database, folder / "keys")


async def look(database: str, keys: Path) -> None:
    pool = await connect(database)
    fsync = await pool.fetchval("SELECT current_setting('fsync')")
    petitions = await pool.fetchval("SELECT count(*) FROM board.petitions")
    host = await pool.fetchval("SELECT host_id FROM board.petitions LIMIT 1")
    post = await pool.fetchval("SELECT called_post_ids[1] FROM board.petitions LIMIT 1")
    unit = await pool.fetchval("SELECT lead_unit_id FROM board.tasks LIMIT 1")
    story = await pool.fetchval("SELECT id FROM board.petitions WHERE public AND phase = 'closed' LIMIT 1")
    postgresql = psutil.Process(await pool.fetchval("SELECT pg_backend_pid()")).parent()
    assert postgresql
    waiting = await pool.fetchval("SELECT id FROM board.petitions WHERE phase = 'submitted' LIMIT 1")
    await pool.close()
    environment = {
        "YUETAN_DATABASE_URL": database,
        "YUETAN_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "YUETAN_KEYS": str(keys),
    }
    token = tokens(keys)
    async with program("api", "--port", "0", **environment) as api:
        of = {Role.HOST_STAFF: host, Role.OFFICIAL: post, Role.UNIT_OFFICER: unit}
        people = {
            role.value: httpx.AsyncClient(
                base_url=api.url,
                timeout=60,
                follow_redirects=True,
                cookies={SESSION: token(role, f"a {role}", str(of[role]) if role in of else None)},
            )
            for role in NAVIGATION
        }
        people[""] = httpx.AsyncClient(base_url=api.url, timeout=60)
        far, pages = await follow(people["clerk"], PAGES)
        asked = {
            "trivial": ("", TRIVIAL),
            "list": ("", "/"),
            "list, page 2": ("", await following(people[""], "/")),
            f"list, page {pages}": ("clerk", far),
            "search": ("", "/?q=排水"),
            "search without a result": ("", "/?q=没有这样的事情"),
            "a petition": ("", f"/petitions/{story}"),
            "a petition, for a clerk": ("clerk", f"/petitions/{story}"),
            "statistics": ("", "/statistics"),
            **{f"statistics by {by}": ("", f"/statistics?by={by}") for by in ("month", "host", "post", "unit")},
            "sign in": ("", "/sign-in"),
            "a petition replayed": ("auditor", f"/audit/petitions/{story}"),
            **{f"{role}: {page}": (role.value, page) for role, pages in NAVIGATION.items() for page, _ in pages},
            **{f"auditor: {page}": ("auditor", page) for page, _ in AUDIT},
            "a clerk's working page": ("clerk", f"/admissibility/{waiting}"),
            "overview of a stage": ("clerk", "/overview/in_progress"),
        }
        server = Server(psutil.Process(api.process.pid), postgresql)
        milliseconds, busy = await take_turns(people, asked, server)
        print(
            f"{petitions:,} petitions; PostgreSQL with fsync {fsync}; {os.cpu_count()} cores, {os.getloadavg()[0]:.1f}"
            f" processes at work; {ROUNDS} rounds of {IN_A_ROUND} requests each, taking turns;"
            f" expected: p50 under {MOST_MS} ms, under {MOST_KB} kB with all assets"
        )
        print(" " * 28 + "".join(f"{head:>9}" for head in ("busy ms", "p50 ms", "p95 ms", "p99 ms", "×trivial", "kB")))
        trivial = statistics.median(milliseconds["trivial"])
        for name, (who, address) in asked.items():
            taken = milliseconds[name]
            cuts = statistics.quantiles(taken, n=100)
            size = await transferred(people[who], address) / 1000
            figures = "".join(
                f"{figure:9.1f}" for figure in (busy[name], cuts[49], cuts[94], cuts[98], cuts[49] / trivial)
            )
            missed = "" if cuts[49] < MOST_MS and size < MOST_KB else "   <-- too much"
            print(f"{name:28}{figures}{size:9.0f}{missed}")
        for client in people.values():
            await client.aclose()


class Server:
    def __init__(self, api: psutil.Process, postgresql: psutil.Process) -> None:
        self._api, self._postgresql = api, postgresql
        self._workers: dict[int, float] = {}

    def busy(self) -> float:
        """Milliseconds of work so far."""
        for process in self._postgresql.children():
            with suppress(psutil.NoSuchProcess):
                self._workers[process.pid] = sum(process.cpu_times()[:2])
        return 1000 * (sum(self._api.cpu_times()[:2]) + sum(self._workers.values()))


async def take_turns(
    people: Mapping[str, httpx.AsyncClient], asked: Mapping[str, tuple[str, str]], server: Server
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds of each request, and how long the server was at work for one."""
    milliseconds: dict[str, list[float]] = {name: [] for name in asked}
    busy = dict.fromkeys(asked, 0.0)
    for turn in range(ROUNDS + 1):
        for name, (who, address) in asked.items():
            worked = server.busy()
            for _ in range(IN_A_ROUND):
                began = time.perf_counter()
                answer = await people[who].get(address)
                taken = 1000 * (time.perf_counter() - began)
                assert answer.status_code == 200, (name, answer.status_code)
                if turn:  # the first is to warm up
                    milliseconds[name].append(taken)
            if turn:
                busy[name] += (server.busy() - worked) / (ROUNDS * IN_A_ROUND)
    return milliseconds, busy


async def following(client: httpx.AsyncClient, address: str) -> str:
    """The next page of the list; "" after the last."""
    found = re.search(r'href="([^"]+)" rel="next"', (await client.get(address)).text)
    return unescape(found[1]) if found else ""


async def follow(client: httpx.AsyncClient, most: int) -> tuple[str, int]:
    """The address of a page that is reached as readers do, from page to page, and its number."""
    address, page = "/", 1
    while page < most and (beyond := await following(client, address)):
        address, page = beyond, page + 1
    return address, page


async def transferred(client: httpx.AsyncClient, address: str) -> int:
    """Bytes of bodies, as sent: of the page and of all files that it names."""
    page = await client.get(address)
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    return sum([answer.num_bytes_downloaded for answer in (page, *[await client.get(file) for file in files])])
