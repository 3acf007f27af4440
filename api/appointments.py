"""Users and roles of the embedded issuer: granted and revoked by administrators, who may be seen as pseudonyms only."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import YUETAN, AtDesk, Known, Page, Paged, Serving, caught_up, position
from api.openapi import COMMAND, CREATION, PRIVATE_READ
from api.pages import require_role
from api.schemas import HOST_ID, PETITION_ID, Reason, Short, example, shown
from domain.appointment import HELD_FOR, Appointment
from domain.command import Role
from domain.refusals import Conflict, Invalid, NotFound
from projections import appointments

ROLES = uuid5(YUETAN, "roles")  # the scope of the pseudonyms

router = APIRouter(prefix="/v1/appointments", tags=["directory"])


class NewAppointment(BaseModel):
    model_config = example(subject="zhang-aizhen", role="host_staff", org_id=HOST_ID)
    subject: Annotated[Short, Field(description="As in their token. Stored as a pseudonym only.")]
    role: Role
    org_id: UUID | None = Field(None, description="The host, post or unit that the role is held for.")


class AppointmentState(BaseModel):
    model_config = shown(id=PETITION_ID, holder="0" * 32, role="host_staff", org_id=HOST_ID, revoked=False, version=1)
    id: UUID
    holder: str = Field(description="A pseudonym: the same for all that one person was granted.")
    role: str
    org_id: UUID | None
    revoked: bool
    version: int

    @classmethod
    def of(cls, appointment: Appointment) -> "AppointmentState":
        return cls(
            id=appointment.id,
            holder=appointment.holder,
            role=appointment.grants,
            org_id=appointment.org,
            revoked=appointment.revoked,
            version=appointment.version,
        )


@router.post("", status_code=201, responses=CREATION)
async def appoint(body: NewAppointment, desk: AtDesk) -> AppointmentState:
    """Grant a role. `yuetan token` then prints a token for it; what was never granted nor revoked, works as before."""
    services = desk.services
    id = services.appointments.id_of(body.subject, body.role, body.org_id)
    cmd = await desk.command(ROLES)
    desk.response.headers["Location"] = f"/v1/appointments/{id}"

    async def grant(how: Callable[..., Any], **arguments: Any) -> AppointmentState:
        return await desk.execute(how, id, AppointmentState.of, cmd=cmd, **arguments)

    try:
        await desk.get(Appointment, id)
    except NotFound:
        kind = HELD_FOR.get(body.role)
        holder = await services.people.pseudonym(body.subject, ROLES)
        if body.org_id and kind is None:
            zh, en = "此身份不针对任何组织。", "This role is held for no organisation."
            raise Invalid("held-for", zh, en, "org_id") from None
        also = {"org": (kind, body.org_id)} if kind and body.org_id else {}
        try:
            return await grant(Appointment.grant, also=also, holder=holder, grants=body.role)
        except Conflict as refusal:
            if refusal.code != "already-exists":
                raise
    return await grant(Appointment.grant_again)


@router.post("/{appointment_id}/revocation", responses=COMMAND)
async def revoke(appointment_id: UUID, body: Reason, desk: AtDesk) -> AppointmentState:
    """Take a role away: from now on its tokens are refused."""
    return await desk.execute(
        Appointment.revoke, appointment_id, AppointmentState.of, matter_id=ROLES, texts={"reason": body.reason}
    )


@router.get("", responses=PRIVATE_READ, dependencies=[caught_up("appointments")])
async def list_appointments(services: Serving, identity: Known, paging: Paged) -> Page[AppointmentState]:
    """For administrators and auditors: every role that was ever granted here."""
    require_role(identity, Role.ADMIN, Role.AUDITOR)
    rows, following = await appointments.entries(services.pool, cursor=paging.read(position), limit=paging.limit)
    return paging.page([AppointmentState.model_validate(row) for row in rows], following)
