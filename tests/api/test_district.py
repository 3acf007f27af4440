"""The whole district at a moment: what the figures of now were then."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from tests.api.checks import is_problem
from tests.api.conftest import beginning
from tests.api.world import AUDITOR, CLERK, SHIPPED_FILE, SUPERVISOR, World, resident

FIGURES = ("petitions", "response", "resolution", "satisfaction", "overdue", "phases", "outcomes")


async def moment(world: World) -> str:
    at: datetime = await world.store.pool.fetchval("SELECT clock_timestamp()")
    return at.isoformat()


async def test_at_every_moment_it_says_what_was_said_then(new_world: World) -> None:
    world = new_world
    said: list[tuple[str, dict[str, Any]]] = []

    async def look() -> None:
        now = await world.get(AUDITOR, "/v1/district")
        live = await world.get(AUDITOR, "/v1/statistics")
        assert {name: now[name] for name in FIGURES} == {name: live[name] for name in FIGURES}
        said.append((await moment(world), now))

    await look()
    assert said[0][1]["open"] == 0
    path = await world.roadmap()
    await look()
    await world.accepted(category="conduct")
    await look()
    await world.finish(await world.publish(path))
    await look()
    await world.feedback(path)
    await world.judge(path, "yes")
    await look()
    assert said[-1][1]["phases"] == {"accepted": 1, "closed": 1}
    assert said[-1][1]["satisfaction"]["judged"] == 10
    assert said[2][1]["open"] == 2
    assert {clock["rule"]: clock["running"] for clock in said[2][1]["clocks"]}["response"] == 2
    for as_of, then in said:
        shown = await world.get(SUPERVISOR, "/v1/district", as_of=as_of)
        assert {**shown, "as_of": None} == {**then, "as_of": None} | {
            # what ran out meanwhile had not by the log's own time
            "overdue": shown["overdue"],
            "clocks": shown["clocks"],
            "response": shown["response"],
        }
        assert [clock["running"] for clock in shown["clocks"]] == [clock["running"] for clock in then["clocks"]]
    ahead = await world.get(AUDITOR, "/v1/district", as_of="9999-01-01T00:00:00Z", days=3)
    assert {**ahead, "course": []} == await world.get(AUDITOR, "/v1/district")
    assert len(ahead["course"]) == 3
    for who in (CLERK, world.host, world.official, resident(1)):
        is_problem(await world.read(who, "/v1/district"), 403, "forbidden")
    is_problem(await world.read(None, "/v1/district"), 401, "unauthenticated", "Authorization")
    is_problem(await world.read(AUDITOR, "/v1/district", days=367), 422, "invalid-input", "?days")


async def test_no_figure_of_any_moment_moves_when_somebody_signs(pool: asyncpg.Pool, tmp_path: Path) -> None:
    async with beginning(pool, tmp_path / "keys", SHIPPED_FILE) as world:
        path = await world.collecting(9)
        before = await world.get(AUDITOR, "/v1/district")
        since = await moment(world)
        await world.post(resident(10), f"{path}/co-signatures")  # the threshold
        await world.post(resident(11), f"{path}/co-signatures")
        await world.send(resident(2), "DELETE", f"{path}/co-signatures/mine")
        times = await pool.fetch(
            "SELECT recorded_at FROM stored_events WHERE recorded_at > $1", datetime.fromisoformat(since)
        )
        assert len(times) == 4
        for as_of in (since, *(row[0].isoformat() for row in times), await moment(world)):
            assert await world.get(AUDITOR, "/v1/district", as_of=as_of) == before
        world.clock.at += timedelta(days=1)  # the host's clock runs from midnight on
        (host_opinion,) = [
            clock for clock in (await world.get(AUDITOR, "/v1/district"))["clocks"] if clock["rule"] == "host_opinion"
        ]
        assert host_opinion["running"] == 1
