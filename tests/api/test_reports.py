"""A report of retaliation is seen by discipline inspection and by whoever filed it, and by nobody in anything."""

import logging
from typing import Any
from uuid import uuid4

import pytest

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_erasure import dump
from tests.api.test_privacy import DISCIPLINE, STRANGER, Answers, differences, real, watched, watchers
from tests.api.world import ADMIN, AUDITOR, CLERK, DETAILS, SUPERVISOR, TOPIC, Person, World, resident

__all__ = ["real"]
WORDS = "联名之后,物业停了三幢欧阳家的车位。"
REPORTS = "/v1/reports"


async def filed(world: World, path: str, who: Person) -> dict[str, Any]:
    found: dict[str, Any] = await world.post(who, REPORTS, petition_id=path[-36:], text=WORDS)
    return found


async def outside(world: World, path: str) -> Answers:
    """What everybody but the inspectors can read, the engine's own figures included."""
    seen = {key: answer for key, answer in (await watched(world, path)).items() if key[1] != Role.DISCIPLINE}
    figures = (await world.send(ADMIN, "GET", "/metrics")).text.splitlines()
    mine = ("/metrics", 'route="none"', "/v1/petitions", "_created", "position", "/readyz")  # of the watching itself
    kept = [line for line in figures if "report" in line.lower() or not any(name in line for name in mine)]
    seen["/metrics", "lines"] = sorted({line.rpartition(" ")[0] for line in kept})
    return seen


async def test_a_report_goes_to_discipline_and_its_result_to_the_reporter(real: World) -> None:
    world = real
    path = await world.collecting(5)
    signer = resident(3)
    mine = await filed(world, path, signer)
    assert mine["status"] == "filed"
    assert len(mine["number"]) == 14
    report = f"{REPORTS}/{mine['id']}"
    (item,) = (await world.get(DISCIPLINE, REPORTS))["items"]
    assert (item["number"], item["text"], item["petition_id"], item["signed"]) == (
        mine["number"],
        WORDS,
        path[-36:],
        True,
    )
    is_problem(await world.send(DISCIPLINE, "POST", f"{report}/conclusion", {"result": "早了"}), 409, "wrong-status")
    await world.post(DISCIPLINE, f"{report}/acceptance")
    await world.post(DISCIPLINE, f"{report}/conclusion", result="已责令恢复。")
    page = await world.get(signer, report)
    assert (page["status"], page["result"], page["text"], page["signed"]) == ("closed", "已责令恢复。", WORDS, None)
    assert (await world.get(DISCIPLINE, REPORTS, status="filed"))["items"] == []


async def test_nobody_else_sees_that_there_is_one(real: World, caplog: pytest.LogCaptureFixture) -> None:
    world = real
    path = await world.collecting(5)
    before = await outside(world, path)
    before = await outside(world, path)  # (the first look is counted in what the second sees)
    with caplog.at_level(logging.INFO):
        caplog.clear()
        mine = await filed(world, path, resident(3))
        report = f"{REPORTS}/{mine['id']}"
        await world.post(DISCIPLINE, f"{report}/acceptance")
        await world.post(DISCIPLINE, f"{report}/conclusion", result="已责令恢复。")
        others = [None, STRANGER, resident(4), world.host, world.official, world.officer]
        for who in (*others, CLERK, SUPERVISOR, AUDITOR, ADMIN):
            answer = await world.read(who, report)
            nothing = await world.read(who, f"{REPORTS}/{uuid4()}")
            assert answer.status_code == nothing.status_code in (401, 404)
        said = [record.getMessage() for record in caplog.records if record.name != "httpx"]  # which is ours, not its
        assert said
        assert not [line for line in said if "report" in line.lower()]
    assert differences(before, await outside(world, path)) == []
    everything = await dump(world)
    assert WORDS not in everything
    rows = [row for row in everything.splitlines() if mine["id"] in row]
    assert rows
    assert not [row for row in rows if path[-36:] in row], "no row says which petition it is about"


async def test_others_neither_list_nor_decide_and_nobody_learns_what_petitions_there_are(world: World) -> None:
    path = await world.collecting(2)
    mine = await filed(world, path, resident(1))
    async with nothing_appended(world):
        for who in watchers(world).values():
            if who and who.role != Role.DISCIPLINE:
                is_problem(await world.read(who, REPORTS), 403, "forbidden")
                for step, body in (("acceptance", None), ("conclusion", {"result": "x"})):
                    answer = await world.send(who, "POST", f"{REPORTS}/{mine['id']}/{step}", body)
                    is_problem(answer, 403, "forbidden")
                if who.role != Role.RESIDENT:
                    is_problem(await world.send(who, "POST", REPORTS, {"text": WORDS}), 403, "forbidden")
    unknown = await world.post(STRANGER, REPORTS, petition_id=str(uuid4()), text=WORDS)
    assert unknown.keys() == mine.keys()
    again = [await world.send(STRANGER, "POST", REPORTS, {"text": WORDS}, Idempotency_Key="once") for _ in range(2)]
    assert again[0].content == again[1].content


async def test_what_a_petition_alleges_is_handed_over_with_its_rejection(new_world: World) -> None:
    world = new_world
    path = await world.submitted(category="conduct")
    reject = {"reason_code": "discipline", "explanation": "所反映问题已转纪检部门。"}
    version = (await world.read(CLERK, path)).headers["ETag"]
    is_problem(await world.send(CLERK, "POST", f"{path}/rejection", reject, If_Match='"99"'), 412, "stale", "If-Match")
    answers = [
        await world.send(CLERK, "POST", f"{path}/rejection", reject, If_Match=version, Idempotency_Key="k")
        for _ in range(2)
    ]
    assert answers[0].json()["phase"] == "rejected"
    is_problem(await world.send(CLERK, "POST", f"{path}/rejection", reject), 409, "wrong-phase")
    (item,) = (await world.get(DISCIPLINE, REPORTS))["items"]
    assert (item["kind"], item["topic"], item["text"], item["signed"]) == ("violation", TOPIC, DETAILS, None)
    assert item["petition_id"] == path[-36:]
    assert (await world.get(resident(2), path))["rejection"]["reason_code"] == "discipline"
