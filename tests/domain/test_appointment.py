"""Roles are granted and revoked by administrators alone."""

from typing import Any

import pytest

from domain.appointment import Appointment
from domain.command import Role
from domain.refusals import Conflict, Forbidden, Invalid
from tests.domain.story import ADMIN, EVERYBODY, Story, id_of, text


def granted() -> tuple[Story, Appointment]:
    story = Story()
    arguments = {"id": id_of("grant"), "holder": "who", "grants": Role.UNIT_OFFICER, "org": story.units[0]}
    return story, story.do(Appointment.grant, ADMIN, **arguments)


def test_only_administrators_grant_and_revoke() -> None:
    for actor in EVERYBODY:
        if actor != ADMIN:
            story, appointment = granted()
            grant = {"id": id_of("new"), "holder": "who", "grants": Role.CLERK}
            story.when(Appointment.grant, actor, **grant).refused(Forbidden, "forbidden")
            story.when(appointment.revoke, actor, reason=text()).refused(Forbidden, "forbidden")
            story.when(appointment.grant_again, actor).refused(Forbidden, "forbidden")


def test_it_is_revoked_once_and_may_be_granted_again() -> None:
    story, appointment = granted()
    story.when(appointment.grant_again, ADMIN).then()
    story.when(appointment.revoke, ADMIN, reason=text()).then(Appointment.Revoked)
    story.when(appointment.revoke, ADMIN, reason=text()).refused(Conflict, "already-revoked")
    story.when(appointment.grant_again, ADMIN).then(Appointment.GrantedAgain)
    assert not appointment.revoked


@pytest.mark.parametrize("role", [*Role])
def test_a_role_is_held_for_what_it_is_held_for(role: Role) -> None:
    story = Story()
    orgs: dict[Any, Any] = {None: None, "host": story.host, "post": story.posts[0], "unit": story.units[0]}
    right = {Role.HOST_STAFF: "host", Role.OFFICIAL: "post", Role.UNIT_OFFICER: "unit"}.get(role)
    for name, org in orgs.items():
        result = story.when(Appointment.grant, ADMIN, id=id_of(f"{name}"), holder="who", grants=role, org=org)
        if role in (Role.RESIDENT, Role.WORKFLOW):
            result.refused(Invalid, "role-not-granted", "role")
        elif name == right:
            result.then(Appointment.Granted, grants=role.value, org=org and org.id)
        else:
            result.refused(Invalid, "held-for", "org_id")
