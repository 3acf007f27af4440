"""What one has been told, how one wants to be written to, and the way out of what is not required."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from api.deps import Known, Page, Paged, Serving, position, pseudonym
from api.mine import own_pseudonyms
from api.openapi import PRIVATE_READ, REGISTER
from api.problems import Problem
from api.schemas import example
from api.sign_in import Email, Phone
from domain.command import Role
from domain.refusals import Invalid
from infra.correspondents import Settings, inbox_of
from projections import notices

router = APIRouter(prefix="/v1/notices", tags=["notices"])


class Notice(BaseModel):
    petition_id: UUID
    kind: str = Field(examples=["petition.Accepted"])
    zh: str = Field(examples=["申请已受理,应约领导将签收并约定会议。"])
    en: str
    due_at: datetime | None = Field(description="By when something is wanted.")
    at: datetime


class NoticeSettings(BaseModel):
    """``optional``: to be written to also when it is not required."""

    model_config = example(language="zh", prefer="email", optional=True)
    language: Literal["zh", "en"] = "zh"
    prefer: Literal["email", "phone"] = Field("email", description="Where to, if both are known.")
    optional: bool = True
    email: Email | None = Field(None, description="Staff only: a resident's stands in the people register.")
    phone: Phone | None = Field(None, description="Staff only.")


@router.get("", responses=PRIVATE_READ)
async def read_notices(
    services: Serving,
    identity: Known,
    paging: Paged,
    petition_id: Annotated[list[UUID], Query(max_length=200, description="A resident's: of these alone.")] = [],  # noqa: B006
) -> Page[Notice]:
    """The newest first: to a resident of all petitions that they signed, to others of what waits for their office."""
    if identity.role == Role.RESIDENT and petition_id:
        recipients = [await pseudonym(services, identity, id) for id in petition_id]
    elif identity.role == Role.RESIDENT:
        recipients = list((await own_pseudonyms(services, identity)).values())
    else:
        recipients = [str(inbox_of(identity.role, identity.org))]
    rows, following = await notices.news(
        services.pool, identity.role.value, recipients, cursor=paging.read(position), limit=paging.limit
    )
    for row in rows:
        row |= {language: notices.text(language, row["kind"], identity.role) for language in notices.LANGUAGES}
    return paging.page([Notice.model_validate(row) for row in rows], following)


@router.get("/settings", responses=PRIVATE_READ)
async def read_settings(services: Serving, identity: Known) -> NoticeSettings:
    who = services.correspondents.who(identity.role, identity.subject, identity.org)
    return NoticeSettings.model_validate(vars(await services.correspondents.settings(who.owner)))


@router.put("/settings", responses=REGISTER)
async def change_settings(body: NoticeSettings, services: Serving, identity: Known) -> NoticeSettings:
    if identity.role == Role.RESIDENT and (body.email or body.phone):
        raise Invalid(
            "address-in-register",
            "您的联系方式以居民登记为准,此处不填;如有变动请联系社区。",
            "Your addresses stand in the people register: leave them out here, and have your community change them.",
            "email" if body.email else "phone",
        )
    who = services.correspondents.who(identity.role, identity.subject, identity.org)
    await services.correspondents.set(who, Settings(**body.model_dump()))
    return body


Token = Annotated[str, Query(max_length=300, pattern=r"^[A-Za-z0-9_.-]+$", description="As in the letter's link.")]


@router.get("/leaving", response_class=HTMLResponse, include_in_schema=False)
async def ask_before_leaving(token: Token) -> str:
    """What the link in a letter opens: mail scanners follow links, so following alone changes nothing."""
    action = f"/v1/notices/leaving?token={token}"  # of the characters that are let through, none is HTML
    button = "<button>不再接收非必要消息 / No more optional messages</button>"
    return _page(f'<form method="post" action="{action}">{button}</form>')


@router.post("/leaving", response_class=HTMLResponse, include_in_schema=False)
async def leave(token: Token, services: Serving) -> str:
    """End what is not required, for the one to whom the letter went (RFC 8058)."""
    if not await services.correspondents.leave(token):
        raise Problem(
            404, "no-such-link", "链接无效,请登录后设置。", "No such link: sign in and change it there.", "?token"
        )
    return _page("<p>已设置,此类消息不再发送。/ Done: no more of these.</p>")


def _page(content: str) -> str:
    return f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>点题约谈</title><body>{content}</body></html>'
