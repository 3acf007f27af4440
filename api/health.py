"""For those who run the engine: is it alive, which part is down, and the figures."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from pydantic import BaseModel

from api.deps import Anyone, Services, Serving
from api.openapi import PRIVATE_READ
from api.problems import UNREACHABLE
from domain.command import Role
from domain.refusals import Forbidden
from infra import transparency
from projections import projector, webhooks

router = APIRouter(tags=["operations"])
PATIENCE_SECONDS = 2.0
SEALED_WITHIN = timedelta(minutes=5)


class Alive(BaseModel):
    status: str = "alive"


class Part(BaseModel):
    up: bool
    detail: dict[str, Any] = {}


class Readiness(BaseModel):
    """``ready``: commands are taken. ``degraded``: they are, but a part is down. ``unavailable``: they are not."""

    status: str
    down: list[str]
    parts: dict[str, Part]


async def _insider(request: Request, identity: Anyone) -> bool:
    """Whoever runs the engine: on its own machine, or an administrator. For anybody else figures that move with each
    command would time who signs. (A proxy has to set X-Forwarded-For, else all its clients look local.)"""
    here = request.client is not None and ip_address(request.client.host).is_loopback
    return here or (identity is not None and identity.role == Role.ADMIN)


Insider = Annotated[bool, Depends(_insider)]


@router.get("/livez")
async def read_liveness() -> Alive:
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Commands cannot be taken."}})
async def read_readiness(services: Serving, insider: Insider, response: Response) -> Readiness:
    """Each part by name. 503 only without PostgreSQL: with Temporal, projector, relay or proof down, commands are still
    taken (200, `degraded`) while clocks or pages stand still, or what is new is not sealed. Details are for those who
    run the engine."""
    checks: dict[str, Awaitable[Part]] = {
        "postgresql": _part(_log(services)),
        "projector": _part(_projector(services)),
        "proof": _part(_proof(services)),
        **{name: _part(check()) for name, check in services.checks.items()},
    }
    parts = dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))
    down = [name for name, part in parts.items() if not part.up]
    if "postgresql" in down:
        response.status_code = 503
    status = "unavailable" if "postgresql" in down else "degraded" if down else "ready"
    if not insider:
        parts = {name: Part(up=part.up) for name, part in parts.items()}
    return Readiness(status=status, down=down, parts=parts)


async def _part(check: Awaitable[Mapping[str, Any]]) -> Part:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            detail = dict(await check)
    except Exception as error:  # whatever it is, the part does not answer
        return Part(up=False, detail={"error": type(error).__name__})
    return Part(up=bool(detail.pop("up", True)), detail=detail)


async def _log(services: Services) -> dict[str, Any]:
    return {"position": await services.store.max_notification_id()}


async def _projector(services: Services) -> dict[str, Any]:
    """Up while it runs somewhere and no read model stands still. How far each is behind is for who watches to judge."""
    found = await projector.status(services.pool)
    running = await projector.is_running(services.pool)
    return {
        "up": running and bool(found) and not any(status.error for status in found),
        "running": running,
        "read_models": {
            status.name: {"position": status.position, "lag": status.lag, "error": status.error} for status in found
        },
    }


async def _proof(services: Services) -> dict[str, Any]:
    """Up while what is appended is sealed and published before long."""
    found = await transparency.status(services.pool)
    since = found["waiting_since"]
    late = since is not None and datetime.now(UTC) - since > SEALED_WITHIN
    return {"up": not (late or found["error"]), "size": found["size"], "waiting_since": since, "error": found["error"]}


@router.get("/metrics", response_class=Response, responses=PRIVATE_READ)
async def read_metrics(services: Serving, insider: Insider) -> Response:
    """Prometheus text format, for a scraper on this machine or with an administrator's token."""
    if not insider:
        raise Forbidden(
            "forbidden",
            "运行指标只对本机和系统管理员开放。",
            "The figures are for this machine itself, or with an administrator's token.",
        )
    figures = generate_latest(services.metrics.registry)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            figures += generate_latest(await _log_figures(services))
    except (TimeoutError, *UNREACHABLE):
        pass  # the process's own figures are wanted most when the database is away
    return Response(figures, media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def __init__(self, *families: GaugeMetricFamily) -> None:
        self.families = families

    def collect(self) -> list[Any]:
        return list(self.families)


async def _log_figures(services: Services) -> CollectorRegistry:
    head = GaugeMetricFamily("yuetan_log_position", "The log's last position")
    position = GaugeMetricFamily("yuetan_projection_position", "How far a read model is", labels=["read_model"])
    lag = GaugeMetricFamily("yuetan_projection_lag", "Positions it is behind the log", labels=["read_model"])
    stopped = GaugeMetricFamily("yuetan_projection_stopped", "1 where it stands still", labels=["read_model"])
    head.add_metric([], await services.store.max_notification_id())
    for status in await projector.status(services.pool):
        position.add_metric([status.name], status.position)
        lag.add_metric([status.name], status.lag)
        stopped.add_metric([status.name], int(status.error is not None))
    behind = GaugeMetricFamily("yuetan_webhook_lag", "Positions a subscriber is behind the log", labels=["webhook"])
    refusing = GaugeMetricFamily("yuetan_webhook_failures", "Attempts in a row that failed", labels=["webhook"])
    for row in (await webhooks.statuses(services.pool, limit=1000))[0]:
        behind.add_metric([str(row["id"])], row["lag"])
        refusing.add_metric([str(row["id"])], row["attempts"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(head, position, lag, stopped, behind, refusing))
    return registry
