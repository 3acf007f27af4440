"""Who may act for whom is granted and revoked; a revoked role's token is refused at once, in every process."""

import asyncio
from typing import Any

import pytest

from domain.command import Role
from infra.repository import Repository
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, AUDITOR, CLERK, Person, World, resident, somewhere


def wanted(who: Person) -> dict[str, Any]:
    return {"subject": who.subject, "role": who.role.value, "org_id": str(who.org) if who.org else None}


async def test_a_revoked_role_is_refused_at_once_and_counts_again_when_granted_again(new_world: World) -> None:
    world = new_world
    path = await world.collecting()
    answer = await world.send(ADMIN, "POST", "/v1/appointments", wanted(world.host))
    granted = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/appointments/{granted['id']}")
    assert (granted["role"], granted["revoked"]) == ("host_staff", False)
    async with nothing_appended(world):
        assert (await world.post(ADMIN, "/v1/appointments", **wanted(world.host)))["id"] == granted["id"]
    await world.post(ADMIN, f"/v1/appointments/{granted['id']}/revocation", reason="已调离。")
    opinion = {"opinion": "情况属实。"}
    services = world.app.state.services
    for repository in (world.repository, Repository(world.store)):
        world.app.state.services = type(services)(**{**vars(services), "repository": repository})
        is_problem(
            await world.send(world.host, "POST", f"{path}/host-opinion", opinion),
            401,
            "unauthenticated",
            "Authorization",
        )
        is_problem(await world.read(world.host, "/v1/inbox"), 401, "unauthenticated", "Authorization")
    world.app.state.services = services
    colleague = world.host._replace(subject="colleague")
    assert (await world.read(colleague, "/v1/inbox")).is_success, "a colleague's role is another"
    answer = await world.send(ADMIN, "POST", f"/v1/appointments/{granted['id']}/revocation", {"reason": "又一次。"})
    is_problem(answer, 409, "already-revoked")
    assert (await world.post(ADMIN, "/v1/appointments", **wanted(world.host)))["revoked"] is False
    assert (await world.send(world.host, "POST", f"{path}/host-opinion", opinion)).is_success


async def test_all_grants_are_listed_by_pseudonym_and_nobody_is_named(new_world: World) -> None:
    world = new_world
    officer = world.officer._replace(subject="13800138000")
    for who in (officer, officer._replace(role=Role.SUPERVISOR, org=None), CLERK):
        await world.post(ADMIN, "/v1/appointments", **wanted(who))
    (first, second, third) = (await world.get(AUDITOR, "/v1/appointments"))["items"]
    assert first["holder"] == second["holder"] != third["holder"]
    assert [entry["role"] for entry in (first, second, third)] == ["unit_officer", "supervisor", "clerk"]
    events = await world.store.select_notifications(1, 1_000)
    assert b"13800138000" not in b"".join(event.state for event in events)
    for stranger in (CLERK, resident(1), world.official):
        is_problem(await world.read(stranger, "/v1/appointments"), 403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"role": "resident", "org_id": None}, "role-not-granted", "/role"),
        ({"role": "workflow", "org_id": None}, "role-not-granted", "/role"),
        ({"role": "mayor"}, "invalid-input", "/role"),
        ({"org_id": None}, "held-for", "/org_id"),
        ({"role": "clerk"}, "held-for", "/org_id"),
        ({"role": "official"}, "unknown-reference", "/org_id"),
        ({"org_id": str(somewhere())}, "unknown-reference", "/org_id"),
        ({"subject": " "}, "invalid-input", "/subject"),
    ],
)
async def test_a_grant_is_refused_with_what_is_wrong(
    world: World, changes: dict[str, Any], code: str, field: str
) -> None:
    body = wanted(world.host) | changes
    async with nothing_appended(world):
        is_problem(await world.send(ADMIN, "POST", "/v1/appointments", body), 422, code, field)
        for who in (CLERK, AUDITOR, world.host, resident(1)):
            answer = await world.send(who, "POST", "/v1/appointments", wanted(world.host))
            is_problem(answer, 403, "forbidden")
            answer = await world.send(who, "POST", f"/v1/appointments/{somewhere()}/revocation", {"reason": "无。"})
            assert answer.status_code in (403, 404)


async def test_the_same_grant_many_times_at_once_is_granted_once(new_world: World) -> None:
    before = await new_world.store.max_notification_id()
    granting = [new_world.send(ADMIN, "POST", "/v1/appointments", wanted(new_world.officer)) for _ in range(6)]
    answers = await asyncio.gather(*granting)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await new_world.store.max_notification_id() == before + 1
