"""Outgoing webhooks: other systems subscribe, and are told in order what happens. See docs/webhooks.md."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from api.deps import NO_BODY, AtDesk, Desk, Known, Page, Paged, Serving, caught_up, position
from api.openapi import COMMAND, CREATION, PRIVATE_READ
from api.pages import readable, require_role
from api.schemas import NewWebhook, Replay, SecretRotation, WebhookState, WebhookStatus, WebhookWithSecret
from domain.command import Role
from domain.refusals import Invalid, not_found
from domain.webhook import Webhook
from infra.outbound import BadAddress
from projections import webhooks

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
CAUGHT_UP = [caught_up("webhooks")]


def _view(webhook: Webhook) -> dict[str, Any]:
    """With the address sealed."""
    return {name: getattr(webhook, name) for name in (*WebhookState.model_fields, "secret")}


async def _state(desk: Desk, row: dict[str, Any]) -> WebhookState:
    (row,) = await readable(desk.services.keyring, [row])
    return WebhookState.model_validate(row)


async def _with_secret(desk: Desk, row: dict[str, Any]) -> WebhookWithSecret:
    secret = desk.services.webhook_secrets.of(row["id"], row["secret"])
    (row,) = await readable(desk.services.keyring, [row | {"secret": secret}])
    return WebhookWithSecret.model_validate(row)


@router.post("", status_code=201, responses=CREATION)
async def subscribe(body: NewWebhook, desk: AtDesk) -> WebhookWithSecret:
    """Tell another system what happens, in order, each event until it is taken (2xx)."""
    try:
        desk.services.outbound.check(body.url)
    except BadAddress as error:
        raise Invalid("webhook-address", error.zh, error.en, "url") from None
    id, cmd = await desk.registering()
    row = await desk.execute(
        Webhook.subscribe,
        id,
        _view,
        cmd=cmd,
        texts={"url": body.url},
        types=body.types,
        audience=body.audience,
        from_position=body.from_position,
    )
    return await _with_secret(desk, row)


@router.get("", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def list_webhooks(services: Serving, identity: Known, paging: Paged) -> Page[WebhookStatus]:
    """For administrators and auditors: who is told, how far each has come, and what the matter is."""
    require_role(identity, Role.ADMIN, Role.AUDITOR)
    rows, following = await webhooks.statuses(services.pool, cursor=paging.read(position), limit=paging.limit)
    rows = await readable(services.keyring, rows)
    return paging.page([WebhookStatus.model_validate(row) for row in rows], following)


@router.get("/{webhook_id}", responses=PRIVATE_READ, dependencies=CAUGHT_UP)
async def read_webhook(webhook_id: UUID, services: Serving, identity: Known) -> WebhookStatus:
    require_role(identity, Role.ADMIN, Role.AUDITOR)
    rows, _ = await webhooks.statuses(services.pool, webhook_id)
    if not rows:
        raise not_found("webhook")
    return WebhookStatus.model_validate((await readable(services.keyring, rows))[0])


@router.delete("/{webhook_id}", responses=COMMAND, dependencies=NO_BODY)
async def cancel_webhook(webhook_id: UUID, desk: AtDesk) -> WebhookState:
    return await _state(desk, await desk.execute(Webhook.cancel, webhook_id, _view))


@router.post("/{webhook_id}/secret", responses=COMMAND)
async def rotate_webhook_secret(webhook_id: UUID, body: SecretRotation, desk: AtDesk) -> WebhookWithSecret:
    """A new signing secret. Until the overlap is over everything is signed with both; then with the new one alone."""
    overlap = timedelta(hours=body.overlap_hours)
    return await _with_secret(desk, await desk.execute(Webhook.rotate_secret, webhook_id, _view, overlap=overlap))


@router.post("/{webhook_id}/pause", responses=COMMAND, dependencies=NO_BODY)
async def pause_webhook(webhook_id: UUID, desk: AtDesk) -> WebhookState:
    """Nothing is sent, and nothing is lost: it goes on where it was when it is resumed."""
    return await _state(desk, await desk.execute(Webhook.pause, webhook_id, _view))


@router.post("/{webhook_id}/resumption", responses=COMMAND, dependencies=NO_BODY)
async def resume_webhook(webhook_id: UUID, desk: AtDesk) -> WebhookState:
    return await _state(desk, await desk.execute(Webhook.resume, webhook_id, _view))


@router.post("/{webhook_id}/replay", responses=COMMAND)
async def replay_webhook(webhook_id: UUID, body: Replay, desk: AtDesk) -> WebhookState:
    """Everything from a position on is sent once more, in order, each under the id that it had."""
    row = await desk.execute(Webhook.replay, webhook_id, _view, from_position=body.from_position)
    return await _state(desk, row)
