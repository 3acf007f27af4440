"""Who may act in which role, and for which host, post or unit: granted and revoked by administrators.

For the embedded issuer alone. What an outside issuer says of its users counts as it says.
"""

from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Decider, Permission, Role, command
from domain.directory import Host, Post, Unit
from domain.refusals import Conflict, Invalid
from domain.text import Text

ADMIN = Permission(Role.ADMIN)
HELD_FOR: dict[Role, type[Host] | type[Post] | type[Unit]] = {
    Role.HOST_STAFF: Host,
    Role.OFFICIAL: Post,
    Role.UNIT_OFFICER: Unit,
}
NOBODYS = (Role.RESIDENT, Role.WORKFLOW)  # residents are so by the roll, and the engine by itself


class Appointment(Decider):
    """One stream for each person, role and organisation. ``holder`` is a pseudonym."""

    TOPIC = "appointment"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Granted

    def __init__(self, holder: str, grants: str, org: UUID | None) -> None:
        self.holder, self.grants, self.org = holder, grants, org
        self.revoked = False

    class Event(Decider.Event):
        pass

    class Granted(Event, Aggregate.Created):
        TOPIC = "appointment.Granted"
        holder: str
        grants: str
        org: UUID | None

    class Revoked(Event):
        """From here on no token of this person for this role and organisation counts."""

        TOPIC = "appointment.Revoked"
        reason: Text

        def apply(self, appointment: "Appointment") -> None:
            appointment.revoked = True

    class GrantedAgain(Event):
        TOPIC = "appointment.GrantedAgain"

        def apply(self, appointment: "Appointment") -> None:
            appointment.revoked = False

    @classmethod
    @command(ADMIN)
    def grant(
        cls, cmd: Command, /, *, id: UUID, holder: str, grants: Role, org: Host | Post | Unit | None = None
    ) -> "Appointment":
        if grants in NOBODYS:
            raise Invalid(
                "role-not-granted", "此身份不由管理员授予。", "This role is not an administrator's to grant.", "role"
            )
        wanted = HELD_FOR.get(grants)
        if (wanted is None) != (org is None) or (wanted and not isinstance(org, wanted)):
            raise Invalid(
                "held-for",
                "社区人员、领导、承办人员须指明所属社区、职务、单位;其他身份不得指明。",
                "Host staff, officials and unit officers act for a host, a post or a unit; all others for none.",
                "org_id",
            )
        return cls.begin(cls.Granted, cmd, id=id, holder=holder, grants=grants.value, org=org and org.id)

    @command(ADMIN)
    def grant_again(self, cmd: Command, /) -> None:
        if self.revoked:
            self.decide(self.GrantedAgain, cmd)

    @command(ADMIN)
    def revoke(self, cmd: Command, /, *, reason: Text) -> None:
        if self.revoked:
            raise Conflict("already-revoked", "此授权已撤销。", "This was revoked already.")
        self.decide(self.Revoked, cmd, reason=reason)
