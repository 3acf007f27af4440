"""Following a public petition by e-mail, without signing it: asked for, confirmed with a code, left by any letter."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Request
from pydantic import AfterValidator, BaseModel, Field

from api.deps import Services, Serving, caught_up
from api.openapi import SIGN_IN
from api.schemas import example
from api.sign_in import NO_GATEWAY, TOO_MANY, WRONG_CODE, CodeAsked, Email, client_of, digits
from domain.refusals import not_found
from infra.contacts import Contact
from infra.correspondents import Settings
from infra.sign_in import CODE_LASTS, TooMany, WrongCode
from projections import board
from projections.board import Viewer

router = APIRouter(prefix="/v1/petitions", tags=["notices"])

CAUGHT_UP = [caught_up("board")]
TEXT = "点题约谈:您要关注一件申请的进展,验证码 {code},10 分钟内有效;不是您本人请不理会。Your code to follow a petition."


class Following(BaseModel):
    model_config = example(email="mei@example.cn")
    email: Email


class ConfirmFollowing(Following):
    model_config = example(email="mei@example.cn", code="123456", language="zh")
    code: Annotated[str, Field(max_length=100), AfterValidator(digits)]
    language: Literal["zh", "en"] = "zh"


@router.post("/{petition_id}/followers", status_code=202, responses=SIGN_IN, dependencies=CAUGHT_UP)
async def ask_to_follow(
    petition_id: UUID, body: Following, request: Request, services: Serving, background: BackgroundTasks
) -> CodeAsked:
    """Have a code sent. Nothing is kept of the address until it is confirmed; who follows is told to nobody."""
    await _require_public(services, petition_id)
    to, sign_in = Contact("email", body.email), services.sign_in
    if not sign_in.gateway.reaches(to.kind):
        raise NO_GATEWAY
    try:
        code = await sign_in.ask(to, client_of(request), request.app.state.now(), _purpose(petition_id))
    except TooMany:
        raise TOO_MANY from None
    if code:
        background.add_task(sign_in.send, to, code, TEXT)
    return CodeAsked(expires_in=int(CODE_LASTS.total_seconds()))


@router.post("/{petition_id}/followers/confirmation", status_code=204, responses=SIGN_IN, dependencies=CAUGHT_UP)
async def confirm_following(petition_id: UUID, body: ConfirmFollowing, request: Request, services: Serving) -> None:
    """From now on each public step is written to this address, until it is left by the link in any letter."""
    await _require_public(services, petition_id)
    to, purpose, at = Contact("email", body.email), _purpose(petition_id), request.app.state.now()
    try:
        await services.sign_in.check(to, body.code, purpose, client_of(request), at)
    except WrongCode:
        raise WRONG_CODE from None
    except TooMany:
        raise TOO_MANY from None
    await services.correspondents.follow(petition_id, Settings(language=body.language, email=body.email))
    await services.sign_in.use_up(to, purpose)


async def _require_public(services: Services, petition_id: UUID) -> None:
    if await board.petition(services.pool, petition_id, Viewer()) is None:
        raise not_found("petition")


def _purpose(petition_id: UUID) -> str:
    return f"follow {petition_id}"
