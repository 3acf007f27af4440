"""What those who run the engine are told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
from prometheus_client.parser import text_string_to_metric_families

from infra.database import connect
from infra.event_store import EventStore
from projections.projector import READ_MODELS
from tests.api.world import ADMIN, World, resident

Check = Callable[[], Awaitable[Mapping[str, Any]]]


async def ready(world: World, **changes: Any) -> httpx.Response:
    """/readyz, with some of the services changed."""
    services = world.app.state.services
    world.app.state.services = replace(services, **changes)
    try:
        return await world.client.get("/readyz")
    finally:
        world.app.state.services = services


async def up() -> Mapping[str, Any]:
    return {"namespace": "default"}


async def unreachable() -> Mapping[str, Any]:
    return {"up": False, "position": 3}


async def broken() -> Mapping[str, Any]:
    raise ConnectionRefusedError("127.0.0.1:7233")


async def test_it_is_alive(world: World) -> None:
    assert (await world.client.get("/livez")).json() == {"status": "alive"}


async def test_readiness_names_each_part_with_its_lag(world: World) -> None:
    path = await world.collecting(2)
    await world.get(world.host, path)
    answer = await ready(world, checks={"temporal": up})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["down"]) == ("ready", [])
    assert told["parts"]["postgresql"] == {"up": True, "detail": {"position": world.position}}
    assert told["parts"]["temporal"] == {"up": True, "detail": {"namespace": "default"}}
    read_models = told["parts"]["projector"]["detail"]["read_models"]
    assert read_models.keys() == READ_MODELS.keys()
    assert read_models["board"] == {"position": world.position, "lag": 0, "error": None}


async def test_without_temporal_or_relay_commands_are_taken_and_the_part_is_named(world: World) -> None:
    answer = await ready(world, checks={"temporal": broken, "relay": unreachable})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["down"]) == ("degraded", ["temporal", "relay"])
    assert told["parts"]["temporal"] == {"up": False, "detail": {"error": "ConnectionRefusedError"}}
    assert told["parts"]["relay"] == {"up": False, "detail": {"position": 3}}


async def test_a_read_model_that_stands_still_is_named(new_world: World, pool: asyncpg.Pool) -> None:
    await new_world.get(None, "/v1/hosts")
    await pool.execute("UPDATE projections SET error = 'KeyError in petition.Opened' WHERE name = 'board'")
    told = (await new_world.client.get("/readyz")).json()
    assert (told["status"], told["down"]) == ("degraded", ["projector"])
    board = told["parts"]["projector"]["detail"]["read_models"]["board"]
    assert board["error"] == "KeyError in petition.Opened"


async def test_without_postgresql_it_is_unavailable(world: World, database: str) -> None:
    gone = await connect(database)
    await gone.close()
    answer = await ready(world, pool=gone, store=EventStore(gone))
    assert answer.status_code == 503
    told = answer.json()
    assert (told["status"], told["down"]) == ("unavailable", ["postgresql", "projector", "proof"])


async def test_the_figures_count_requests_and_commands_by_what_became_of_them(new_world: World) -> None:
    path = await new_world.collecting(3)
    await new_world.send(resident(3), "POST", f"{path}/co-signatures")
    await new_world.send(resident(4), "POST", f"{path}/co-signatures", None, Idempotency_Key="k")
    await new_world.send(resident(4), "POST", f"{path}/co-signatures", None, Idempotency_Key="k")
    await new_world.send(None, "MADE-UP", "/made/up")
    await new_world.get(ADMIN, path)
    text = (await new_world.client.get("/metrics")).text
    figures = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    signing = "/v1/petitions/{petition_id}/co-signatures"

    def requests(status: str) -> float:
        return figures["yuetan_http_requests_total", ("method", "POST"), ("route", signing), ("status", status)]

    def commands(result: str) -> float:
        return figures["yuetan_commands_total", ("command", "Petition.co_sign"), ("result", result)]

    assert (requests("200"), requests("409")) == (4, 1)
    assert (commands("accepted"), commands("repeated"), commands("already-signed")) == (3, 1, 1)
    assert figures["yuetan_http_request_seconds_count", ("method", "POST"), ("route", signing)] == 5
    head = await new_world.store.max_notification_id()
    assert figures[("yuetan_log_position",)] == head
    assert figures["yuetan_projection_position", ("read_model", "board")] == head
    assert figures["yuetan_projection_lag", ("read_model", "board")] == 0
    assert figures["yuetan_http_requests_total", ("method", "other"), ("route", "none"), ("status", "404")] == 1
    assert path[-36:] not in text


async def test_figures_that_would_time_who_signs_are_for_those_who_run_the_engine(new_world: World) -> None:
    outside = httpx.ASGITransport(new_world.app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=outside, base_url="http://yuetan") as stranger:
        refused = await stranger.get("/metrics")
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
        told = (await stranger.get("/readyz")).json()
        assert set(told["parts"]) >= {"postgresql", "projector"}
        assert not any(part["detail"] for part in told["parts"].values())
        token = new_world.issuer.token(ADMIN.role, ADMIN.subject, ADMIN.org)
        allowed = await stranger.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert allowed.status_code == 200
