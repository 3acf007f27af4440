"""New policies: issued, previewed and refused; new petitions begin under them, and running ones keep theirs."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.petition import Petition
from infra import policies
from infra.event_store import EventStore
from infra.repository import Repository
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, AUDITOR, CLERK, POLICY, POLICY_FILE, World, resident

OLD, NEW = 'version = "2026-11"', 'version = "2026-12"'
SHORTER = POLICY_FILE.replace(OLD, NEW).replace('meeting = "10 working days"', 'meeting = "4 days"')
SHORTER = SHORTER.replace('claim = "5 working days"', 'claim = "2 days"').replace("threshold = 10 ", "threshold = 2 ")
TODAY = "2026-03-02"


def policy(toml: str = SHORTER, effective_on: str = TODAY) -> dict[str, Any]:
    return {"toml": toml, "effective_on": effective_on}


async def test_running_petitions_keep_their_policy_and_new_ones_begin_under_the_new(new_world: World) -> None:
    world = new_world
    path = await world.submitted()
    elsewhere = Repository(world.store)  # another process, which knows the old policy already
    await elsewhere.get(Petition, UUID(path[-36:]))
    answer = await world.send(ADMIN, "POST", "/v1/policies", policy())
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/policies/2026-12")
    assert answer.json() == {
        "version": "2026-12",
        "effective_on": TODAY,
        "from_file": False,
        "changes": [
            {"entry": "threshold", "before": "10", "after": "2"},
            {"entry": "windows.meeting", "before": "10 working days", "after": "4 days"},
            {"entry": "windows.claim", "before": "5 working days", "after": "2 days"},
        ],
    }
    assert (await world.get(None, "/v1/policy"))["threshold"] == 2
    accepted = await world.post(CLERK, f"{path}/acceptance")
    assert {clock["policy"] for clock in accepted["clocks"]} == {"2026-11"}
    meeting = next(clock for clock in accepted["clocks"] if clock["rule"] == "meeting")
    assert meeting["due_at"] == "2026-03-16T16:00:00Z"

    services = world.app.state.services  # opened by the other process, which nobody told
    world.app.state.services = type(services)(**{**vars(services), "repository": elsewhere})
    new = await world.collecting(2)
    world.app.state.services = services
    page = await world.get(resident(1), new)
    assert (page["threshold"], page["clocks"][0]["policy"]) == (2, "2026-12")
    await world.post(world.host, f"{new}/host-opinion", opinion="情况属实。")
    clocks = (await world.post(CLERK, f"{new}/acceptance"))["clocks"]
    assert {clock["rule"]: clock["due_at"][:10] for clock in clocks}["meeting"] == "2026-03-06"
    assert {clock["policy"] for clock in clocks} == {"2026-12"}


async def test_tasks_go_by_the_policy_of_their_petition(new_world: World) -> None:
    world = new_world
    old = await world.roadmap()
    await world.post(ADMIN, "/v1/policies", **policy(effective_on=str(world.clock.at.date())))
    (task, _) = await world.publish(old)
    claim = (await world.get(CLERK, task))["clock"]
    assert claim["policy"] == "2026-11"
    body = {"unit_id": str(world.other_officer.org), "reason": "职责不符。"}
    moved = await world.post(world.officer, f"{task}/transfer", **body)
    assert moved["clock"]["policy"] == "2026-11"
    (task, _) = await world.publish(await world.roadmap())
    assert (await world.get(CLERK, task))["clock"]["policy"] == "2026-12"


async def test_a_policy_for_later_waits_for_its_day(new_world: World) -> None:
    world = new_world
    await world.post(ADMIN, "/v1/policies", **policy(effective_on="2026-03-05"))
    assert (await world.get(None, "/v1/policy"))["version"] == "2026-11"
    world.clock.at = world.clock.at.replace(day=5)
    assert (await world.get(None, "/v1/policy"))["version"] == "2026-12"
    listed = await world.get(None, "/v1/policies")
    assert [(entry["version"], entry["from_file"]) for entry in listed] == [("2026-11", True), ("2026-12", False)]
    shown = await world.get(None, "/v1/policies/2026-12")
    assert shown["document"]["windows"]["claim"] == "2 days"
    is_problem(await world.read(None, "/v1/policies/2099"), 404, "not-found")


async def test_a_policy_is_looked_at_before_it_is_issued(new_world: World) -> None:
    world = new_world
    document = json.loads(json.dumps((await world.get(None, "/v1/policies/2026-11"))["document"]))
    body = {"document": document | {"version": "2027", "max_rounds": 3}, "effective_on": TODAY}
    async with nothing_appended(world):
        seen = await world.post(ADMIN, "/v1/policies/preview", **body)
        assert await world.post(AUDITOR, "/v1/policies/preview", **body) == seen
        is_problem(await world.send(CLERK, "POST", "/v1/policies/preview", body), 403, "forbidden")
    assert seen["changes"] == [{"entry": "max_rounds", "before": "2", "after": "3"}]
    assert await world.post(ADMIN, "/v1/policies", **body) == seen


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (policy(SHORTER.replace(NEW, OLD)), 409, "policy-version-exists", "/document"),
        (policy("version = "), 422, "policy-invalid", "/toml"),
        (policy(SHORTER.replace("threshold = 2", "threshold = 1")), 422, "policy-invalid", "/toml"),
        (policy(effective_on="2026-03-01"), 422, "effective-in-the-past", "/effective_on"),
        ({"document": {"version": "1"}, "effective_on": TODAY}, 422, "policy-invalid", "/document"),
        ({"document": {}, "toml": "", "effective_on": TODAY}, 422, "invalid-input", ""),
        ({"effective_on": TODAY}, 422, "invalid-input", ""),
    ],
)
async def test_a_policy_is_refused_with_what_is_wrong(
    world: World, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    async with nothing_appended(world):
        is_problem(await world.send(ADMIN, "POST", "/v1/policies", body), status, code, field)
        for who in (CLERK, resident(1), world.official):
            answer = await world.send(who, "POST", "/v1/policies", policy())
            is_problem(answer, 403, "forbidden")


async def test_two_administrators_issue_one_version_at_once_and_it_exists_once(new_world: World) -> None:
    issuing = [new_world.send(ADMIN, "POST", "/v1/policies", policy()) for _ in range(5)]
    answers = await asyncio.gather(*issuing)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_the_files_of_earlier_starts_are_the_first_versions(pool: asyncpg.Pool) -> None:
    """An installation from before there was a rulebook kept them in a table."""
    without = "\n".join(line for line in POLICY_FILE.splitlines() if not line.startswith("verification"))
    unusable = POLICY_FILE.replace("threshold = 10 ", "threshold = 1 ")
    for document in (without.replace("2026-11", "2025-01"), unusable):
        await pool.execute("INSERT INTO policies VALUES (sha256($1::text::bytea), 'v', $1)", document)
    store = EventStore(pool)
    for _ in range(2):
        await asyncio.gather(*(policies.establish(Repository(store), pool, POLICY_FILE) for _ in range(3)))
    rules = await policies.rules(Repository(store), POLICY)
    assert [policy.version for _, policy in rules.policies] == ["2025-01", "2026-11"]
    old = rules.of("2025-01")
    assert old
    assert str(old.windows["verification"]) == "3 working days"


async def test_any_two_versions_are_compared(new_world: World) -> None:
    world = new_world
    (first,) = await world.get(None, "/v1/policies")
    for version, days in (("2026-12", 8), ("2027-01", 6)):
        toml = POLICY_FILE.replace('"2026-11"', f'"{version}"').replace(
            '"10 working days"', f'"{days} working days"', 1
        )
        await world.post(ADMIN, "/v1/policies", toml=toml, effective_on="2026-06-01")

    async def meeting(version: str, **query: str) -> tuple[str, str] | None:
        changes = (await world.get(None, f"/v1/policies/{version}", **query))["changes"]
        found = [change for change in changes if change["entry"] == "windows.meeting"]
        return (found[0]["before"], found[0]["after"]) if found else None

    assert await meeting("2027-01") == ("8 working days", "6 working days")
    assert await meeting("2027-01", against=first["version"]) == ("10 working days", "6 working days")
    assert await meeting(first["version"], against="2027-01") == ("6 working days", "10 working days")
    assert await meeting("2027-01", against="2027-01") is None
    is_problem(await world.read(None, "/v1/policies/2027-01", against="none"), 404, "not-found")
