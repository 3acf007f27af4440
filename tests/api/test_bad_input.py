"""Each gets its problem, in whose place, and nothing is appended."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident, somewhere


async def test_nine_signatures_cannot_be_submitted(world: World) -> None:
    path = await world.collecting(9)
    async with nothing_appended(world):
        answer = await world.send(world.host, "POST", f"{path}/host-opinion", {"opinion": "情况属实。"})
    is_problem(answer, 409, "threshold-not-reached")


async def test_the_same_resident_cannot_sign_twice(world: World) -> None:
    path = await world.collecting(2)
    async with nothing_appended(world):
        for n in (1, 2):
            is_problem(await world.send(resident(n), "POST", f"{path}/co-signatures"), 409, "already-signed")


async def test_fifty_residents_sign_the_tenth_place_at_once_and_it_is_crossed_once(world: World) -> None:
    path = await world.collecting(9)
    signing = [world.send(resident(n), "POST", f"{path}/co-signatures") for n in range(10, 60)]
    answers = await asyncio.gather(*signing)
    assert Counter(answer.status_code for answer in answers) == {200: 50}
    assert sorted(answer.json()["signatures"] for answer in answers) == list(range(10, 60))
    topics = [event.topic for event in await world.store.select_events(UUID(path[-36:]))]
    assert topics.count("petition.ThresholdReached") == 1


async def test_a_stranger_to_a_step_is_turned_away_from_it(world: World) -> None:
    path = await world.submitted()
    elsewhere = uuid4()
    strangers = {
        "acceptance": [resident(1), world.host, world.official, world.officer, SUPERVISOR, AUDITOR, ADMIN],
        "co-signatures": [world.host, CLERK, world.official, AUDITOR],
        "withdrawal": [resident(2), CLERK],
        "acknowledgement": [CLERK, Person(Role.OFFICIAL, "other", elsewhere), Person(Role.OFFICIAL, "none")],
    }
    async with nothing_appended(world):
        for step, people in strangers.items():
            for who in people:
                is_problem(await world.send(who, "POST", f"{path}/{step}"), 403, "forbidden")
        other_host = Person(Role.HOST_STAFF, "other", elsewhere)
        answer = await world.send(other_host, "POST", f"{path}/host-opinion", {"opinion": "不同意。"})
        is_problem(answer, 403, "forbidden")
        is_problem(await world.send(CLERK, "POST", "/v1/petitions", world.topic()), 403, "forbidden")
        is_problem(
            await world.send(CLERK, "POST", "/v1/hosts", {"name": "某社区", "kind": "community"}), 403, "forbidden"
        )


@pytest.mark.parametrize(
    ("who", "step", "body"),
    [
        ("clerk", "acceptance", None),
        ("clerk", "rejection", {"reason_code": "other", "explanation": "无。"}),
        ("clerk", "public-text", {"topic": "题目", "details": "内容"}),
        ("official", "acknowledgement", None),
        ("official", "response", {"text": "已办。", "outcome": "done"}),
        ("official", "response", {"text": "在办。", "interim": True}),
        ("official", "extension", {"days": 3, "reason": "多部门。"}),
        ("official", "suspension", {"reason": "等待。"}),
        ("host", "meetings", {"starts_at": "2026-03-09T01:00:00Z", "venue": "议事厅"}),
        ("resident", "feedback", {"contacted": True, "resolved": "yes", "satisfied": True}),
        ("supervisor", "supervision-orders", {"order": "限期整改。"}),
    ],
)
async def test_no_step_can_be_taken_before_its_turn(world: World, who: str, step: str, body: Any) -> None:
    path = await world.collecting()
    people = {"clerk": CLERK, "official": world.official, "host": world.host, "supervisor": SUPERVISOR}
    async with nothing_appended(world):
        answer = await world.send(people.get(who, resident(1)), "POST", f"{path}/{step}", body)
    is_problem(answer, 409, "wrong-phase")


async def test_a_stale_if_match_is_refused_and_a_fresh_one_is_not(world: World) -> None:
    path = await world.collecting(3)
    async with nothing_appended(world):
        for stale in ('"3"', '"99"', 'W/"1"', '"abc"', "1"):  # signatures do not move it
            answer = await world.send(resident(4), "POST", f"{path}/co-signatures", None, If_Match=stale)
            is_problem(answer, 412, "stale", "If-Match")
    fresh = await world.send(resident(4), "POST", f"{path}/co-signatures", None, If_Match='"1"')
    assert fresh.headers["ETag"] == '"1"'
    assert (await world.send(resident(5), "POST", f"{path}/co-signatures", None, If_Match="*")).is_success


async def test_what_is_yet_to_be_created_matches_no_version(world: World) -> None:
    path = await world.accepted()
    meeting = {"starts_at": "2026-03-09T01:00:00Z", "venue": "议事厅"}
    async with nothing_appended(world):
        answer = await world.send(world.host, "POST", f"{path}/meetings", meeting, If_Match='"15"')
    is_problem(answer, 412, "stale", "If-Match")


async def test_an_unknown_id_is_not_found(world: World) -> None:
    path = await world.submitted()
    unknown = somewhere()
    async with nothing_appended(world):
        for method, address in (
            ("POST", f"/v1/petitions/{unknown}/co-signatures"),
            ("POST", f"/v1/petitions/{path[-36:-1]}/co-signatures"),
            ("POST", "/v1/petitions/%00/co-signatures"),
            ("DELETE", f"/v1/petitions/{unknown}/co-signatures/mine"),
            ("POST", f"/v1/tasks/{unknown}/claim"),
            ("GET", f"/v1/petitions/{unknown}"),
            ("GET", f"/v1/petitions/{unknown}/history"),
            ("GET", f"/v1/meetings/{unknown}"),
            ("GET", f"/v1/tasks/{unknown}"),
            ("GET", f"/v1/hosts/{unknown}"),
            ("GET", f"/v1/posts/{world.host.org}"),
        ):
            is_problem(await world.send(resident(20), method, address), 404, "not-found")
        minutes = {"minutes": "已召开。"}
        is_problem(await world.send(world.host, "POST", f"/v1/meetings/{unknown}/minutes", minutes), 404, "not-found")


async def test_what_the_body_names_must_exist(world: World) -> None:
    path = await world.submitted()
    unknown, known = str(somewhere()), str(world.official.org)
    async with nothing_appended(world):
        for body, field in (
            (world.topic(host_id=unknown), "/host_id"),
            (world.topic(called_post_ids=[known, unknown]), "/called_post_ids"),
            (world.topic(called_post_ids=[str(world.host.org)]), "/called_post_ids"),
        ):
            is_problem(await world.send(resident(1), "POST", "/v1/petitions", body), 422, "unknown-reference", field)
        answer = await world.send(CLERK, "POST", f"{path}/merge", {"into": unknown})
        is_problem(answer, 422, "unknown-reference", "/into")
        answer = await world.send(CLERK, "POST", f"{path}/merge", {"into": path[-36:]})
        is_problem(answer, 422, "cannot-merge-into", "/into")


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\n\t", "\u200b", "一\0二", "\ud800", 5, None, ["x"], "长" * 201],
    ids=lambda text: repr(text)[:12],
)
async def test_a_topic_that_cannot_be_read_is_refused(world: World, text: Any) -> None:
    body = json.dumps(world.topic(topic=text)).encode()
    async with nothing_appended(world):
        answer = await world.client.post("/v1/petitions", content=body, headers=headers(world, resident(1)))
    is_problem(answer, 422, "invalid-input", "/topic")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"details": "长" * 10_001}, "/details"),
        ({"category": "gossip"}, "/category"),
        ({"host_id": "划船社区"}, "/host_id"),
        ({"host_id": 17}, "/host_id"),
        ({"called_post_ids": []}, "/called_post_ids"),
        ({"called_post_ids": [str(somewhere())] * 2}, "/called_post_ids"),
        ({"called_post_ids": [str(uuid4()) for _ in range(4)]}, "/called_post_ids"),
        ({"called_post_ids": ["x"]}, "/called_post_ids/0"),
        ({"phone": "13800000000"}, "/phone"),
        ({"by": "somebody"}, "/by"),
    ],
)
async def test_a_wrong_field_is_named(world: World, changes: dict[str, Any], field: str) -> None:
    async with nothing_appended(world):
        answer = await world.send(resident(1), "POST", "/v1/petitions", world.topic(**changes))
    problem = is_problem(answer, 422, "invalid-input", field)
    assert "13800000000" not in answer.text
    assert "errors" not in problem


async def test_all_wrong_fields_are_named(world: World) -> None:
    answer = await world.send(resident(1), "POST", "/v1/petitions", world.topic(topic="", details="\0", more=1))
    problem = is_problem(answer, 422, "invalid-input", "/topic")
    assert [error["field"] for error in problem["errors"]] == ["/topic", "/details", "/more"]


@pytest.mark.parametrize(
    ("content", "status", "code", "field"),
    [
        (b"", 422, "invalid-input", ""),
        (b"null", 422, "invalid-input", ""),
        (b"[]", 422, "invalid-input", ""),
        (b'"text"', 422, "invalid-input", ""),
        (b"{", 400, "malformed-json", None),
        (b"\xff\xfe{", 400, "unreadable-request", None),
        (b"[" * 100_000, 400, "unreadable-request", None),
        (b'{"n": ' + b"9" * 5_000 + b"}", 400, "unreadable-request", None),
        (b'{"\\ud800": 1}', 422, "invalid-input", ""),
    ],
    ids=["empty", "null", "list", "text", "half", "not utf-8", "deep", "long number", "surrogate in a name"],
)
async def test_a_body_that_is_no_object_is_refused(
    world: World, content: bytes, status: int, code: str, field: str | None
) -> None:
    async with nothing_appended(world):
        answer = await world.client.post("/v1/petitions", content=content, headers=headers(world, resident(1)))
    is_problem(answer, status, code, field)


async def test_a_body_over_a_mebibyte_is_too_large_however_it_is_sent(world: World) -> None:
    body = json.dumps(world.topic(details="长" * 350_000), ensure_ascii=False).encode()
    assert len(body) > 1024 * 1024

    async def chunks() -> Any:
        for start in range(0, len(body), 64_000):
            yield body[start : start + 64_000]

    async with nothing_appended(world):
        for content in (body, chunks()):
            answer = await world.client.post("/v1/petitions", content=content, headers=headers(world, resident(1)))
            is_problem(answer, 413, "body-too-large")
        smaller = json.dumps(world.topic(details="长" * 340_000), ensure_ascii=False).encode()
        answer = await world.client.post("/v1/petitions", content=smaller, headers=headers(world, resident(1)))
        is_problem(answer, 422, "invalid-input", "/details")


async def test_only_json_is_taken(world: World) -> None:
    body = json.dumps(world.topic()).encode()
    async with nothing_appended(world):
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            sent = headers(world, resident(1)) | {"Content-Type": media_type}
            answer = await world.client.post("/v1/petitions", content=body, headers=sent)
            is_problem(answer, 415, "unsupported-media-type", "Content-Type")
    sent = headers(world, resident(1)) | {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await world.client.post("/v1/petitions", content=body, headers=sent)).status_code == 201


async def test_a_command_that_needs_no_words_takes_none(world: World) -> None:
    path = await world.collecting(1)
    async with nothing_appended(world):
        answer = await world.send(resident(2), "POST", f"{path}/co-signatures", {"for": "my neighbour"})
    is_problem(answer, 422, "invalid-input", "/for")
    assert (await world.send(resident(2), "POST", f"{path}/co-signatures", {})).is_success
    answer = await world.client.post(f"{path}/co-signatures", headers=headers(world, resident(3)))
    assert answer.is_success


@pytest.mark.parametrize(
    ("due_on", "code", "field"),
    [
        ("2026-03-03", "due-date-past", "/tasks/0/due_on"),
        ("2020-01-01", "due-date-past", "/tasks/0/due_on"),
        ("2027-05-01", "calendar-unknown-year", "/tasks/0/due_on"),
        ("9999-12-31", "calendar-unknown-year", "/tasks/0/due_on"),
        ("2026-02-30", "invalid-input", "/tasks/0/due_on"),
        ("2026-04-01T00:00:00Z", "invalid-input", "/tasks/0/due_on"),
        (1775000000, "invalid-input", "/tasks/0/due_on"),
    ],
)
async def test_a_task_cannot_be_due_in_the_past_or_in_a_year_the_calendar_does_not_know(
    world: World, due_on: object, code: str, field: str
) -> None:
    path = await world.roadmap()
    row = {"title": "铺设排水管", "lead_unit_id": str(world.officer.org), "due_on": due_on}
    async with nothing_appended(world):
        answer = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": [row]})
    is_problem(answer, 422, code, field)


async def test_a_roadmap_names_units_that_exist(world: World) -> None:
    path = await world.roadmap()
    row = {"title": "铺设排水管", "lead_unit_id": str(somewhere()), "due_on": "2026-04-01"}
    async with nothing_appended(world):
        answer = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": [row]})
        is_problem(answer, 422, "unknown-unit", "/tasks/0")
        answer = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": []})
        is_problem(answer, 422, "invalid-input", "/tasks")


@pytest.mark.parametrize(
    ("starts_at", "code"),
    [
        ("2026-03-01T01:00:00Z", "starts-in-the-past"),
        ("9999-03-01T01:00:00Z", "starts-too-late"),
        ("2026-03-09T01:00:00", "invalid-input"),
        ("2026-03-09", "invalid-input"),
        (1775000000, "invalid-input"),
        ("0001-01-01T00:00:00+23:59", "invalid-input"),
        ("9999-12-31T23:59:59-23:59", "invalid-input"),
        ("2026-13-01T00:00:00Z", "invalid-input"),
    ],
)
async def test_a_meeting_begins_at_a_time_to_come(world: World, starts_at: object, code: str) -> None:
    path = await world.accepted()
    async with nothing_appended(world):
        answer = await world.send(world.host, "POST", f"{path}/meetings", {"starts_at": starts_at, "venue": "议事厅"})
    is_problem(answer, 422, code, "/starts_at")


async def test_two_officers_of_one_unit_claim_a_task_at_once_and_one_has_it(world: World) -> None:
    path = await world.roadmap()
    task, _ = await world.publish(path)
    colleague = world.officer._replace(subject="colleague")
    answers = await asyncio.gather(*(world.send(who, "POST", f"{task}/claim") for who in (world.officer, colleague)))
    second, first = sorted(answers, key=lambda answer: answer.is_success)
    assert first.json()["status"] == "claimed"
    is_problem(second, 409, "already-claimed")
    topics = [event.topic for event in await world.store.select_events(UUID(task[-36:]))]
    assert topics == ["task.Offered", "task.Claimed"]


async def test_figures_out_of_range_are_refused(world: World) -> None:
    path = await world.roadmap()
    task, _ = await world.publish(path)
    await world.post(world.officer, f"{task}/claim")
    async with nothing_appended(world):
        for percent in (-1, 101, 10**30, 5.5, "50", True, None):
            answer = await world.send(world.officer, "POST", f"{task}/progress", {"percent": percent, "note": "在办。"})
            is_problem(answer, 422, "invalid-input", "/percent")
        for days in (0, -3, 31, 10**30):
            answer = await world.send(world.official, "POST", f"{path}/extension", {"days": days, "reason": "多部门。"})
            is_problem(answer, 422, "extension-too-long", "/days")
        final = {"text": "已办。", "interim": False}
        is_problem(await world.send(world.official, "POST", f"{path}/response", final), 422, "invalid-input", "")
        early = {"text": "已办。", "outcome": "done"}
        is_problem(await world.send(world.official, "POST", f"{path}/response", early), 409, "tasks-not-finished")


async def test_a_meeting_is_not_over_before_it_began(world: World) -> None:
    path = await world.accepted()
    at = (world.clock.at + timedelta(days=1)).isoformat()
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=at, venue="议事厅")
    async with nothing_appended(world):
        answer = await world.send(world.host, "POST", f"/v1/meetings/{meeting['id']}/minutes", {"minutes": "已召开。"})
    is_problem(answer, 409, "not-begun")


async def test_only_those_who_signed_judge_and_once(world: World) -> None:
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "partly", 1)
    verdict = {"contacted": True, "resolved": "yes", "satisfied": True}
    async with nothing_appended(world):
        is_problem(await world.send(resident(1), "POST", f"{path}/feedback", verdict), 409, "already-judged")
        is_problem(await world.send(resident(11), "POST", f"{path}/feedback", verdict), 403, "not-a-co-signer")
        loose = verdict | {"contacted": "yes"}
        is_problem(await world.send(resident(2), "POST", f"{path}/feedback", loose), 422, "invalid-input", "/contacted")


def headers(world: World, who: Person) -> dict[str, str]:
    token = world.issuer.token(who.role, who.subject, who.org)
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
