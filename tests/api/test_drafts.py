"""At the door and by telephone: read back first, filed on the resident's own code or slip, and on nobody else's."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from domain.command import Role
from infra.sign_in import PER_CONTACT, tidy
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_evidence import bearer, photo
from tests.api.test_intakes import files, on_the_roll
from tests.api.test_sign_in import confirm, wrong
from tests.api.world import CLERK, DETAILS, TOPIC, Person, World, resident, somewhere


def last_code(world: World) -> str:
    found = re.search(r"\d{6}", world.outbox.sent[-1][1])
    assert found
    return found[0]


async def drafted(world: World, path: str, signer: Person, means: str = "doorstep") -> tuple[dict[str, Any], str]:
    """A draft of a signature, and the code that was sent."""
    draft = await world.post(world.host, f"{path}/intakes", resident_id=signer.subject, means=means)
    return draft, last_code(world)


async def told(world: World, draft: dict[str, Any], code: str, who: Person | None = None) -> httpx.Response:
    answer = await world.send(who or world.host, "POST", f"/v1/drafts/{draft['id']}/confirmation", {"code": code})
    world.position = max(world.position, int(answer.headers.get("Yuetan-Position", 0)))
    return answer


async def handed_in(world: World, draft: dict[str, Any], content: bytes) -> httpx.Response:
    answer = await world.client.post(
        f"/v1/drafts/{draft['id']}/slip",
        files={"file": ("签名.jpg", content, "image/jpeg")},
        headers=bearer(world, world.host),
    )
    world.position = max(world.position, int(answer.headers.get("Yuetan-Position", 0)))
    return answer


async def test_what_waits_for_a_residents_word_is_listed_for_the_host_without_a_name(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    drafts = f"/v1/hosts/{world.host.org}/drafts"
    signer = await on_the_roll(world, "张阿婆", "13800000001")
    first, _ = await drafted(world, path, signer)
    world.clock.at += timedelta(days=1)
    second, code = await drafted(world, path, signer, "phone")
    answer = await world.read(world.host, drafts)
    assert [(row["id"], row["means"], row["opens"]) for row in answer.json()] == [
        (first["id"], "doorstep", False),
        (second["id"], "phone", False),
    ]
    for secret in ("张", signer.subject, "138"):
        assert secret not in answer.text
    for who in (CLERK, signer, world.host._replace(org=uuid4())):
        is_problem(await world.read(who, drafts), 403, "forbidden")
    assert (await told(world, second, code)).status_code == 201
    world.clock.at += timedelta(days=2)
    assert await world.get(world.host, drafts) == []


async def test_a_worker_at_the_door_reads_back_and_the_residents_code_signs(new_world: World) -> None:
    world = new_world
    path = await world.collecting(9)
    signer = await on_the_roll(world, "张阿婆", "13800000001")
    async with nothing_appended(world):
        draft, code = await drafted(world, path, signer)
    assert {"topic": TOPIC, "details": DETAILS, "opens": False, "code_sent": True}.items() <= draft.items()
    assert (await world.get(CLERK, path))["signatures"] == 9
    answer = await told(world, draft, code)
    assert answer.status_code == 201, answer.text
    assert answer.json()["means"] == "doorstep"
    assert (await world.get(CLERK, path))["signatures"] == 10
    assert (await world.get(signer, f"{path}/co-signatures/mine"))["status"] == "valid"
    is_problem(await world.read(world.host, f"/v1/drafts/{draft['id']}"), 404, "not-found")
    is_problem(await told(world, draft, code), 404, "not-found")


async def test_a_topic_told_on_the_telephone_is_opened_in_the_residents_name(new_world: World) -> None:
    world = new_world
    assert world.official.org
    lead = await on_the_roll(world, "李伯", "13800000002")
    words = {"topic": "楼道灯不亮", "details": "三单元楼道灯坏了一个月。", "category": "grievance"}
    async with nothing_appended(world):
        body = words | {"called_post_ids": [str(world.official.org)], "resident_id": lead.subject, "means": "phone"}
        draft = await world.post(world.host, f"/v1/hosts/{world.host.org}/intakes", **body)
    assert {"topic": words["topic"], "opens": True}.items() <= draft.items()
    answer = await told(world, draft, last_code(world))
    assert answer.status_code == 201, answer.text
    path = f"/v1/petitions/{answer.json()['petition_id']}"
    page = await world.get(lead, path)
    assert (page["topic"], page["signatures"], page["phase"]) == (words["topic"], 1, "collecting")
    topics = [event.topic for event in await world.store.select_events(UUID(path[-36:]))]
    assert topics == ["petition.Opened", "petition.CoSignatureRepeated"]
    assert (await world.send(lead, "POST", f"{path}/withdrawal")).is_success, "they are its lead petitioner"


async def test_nobody_but_the_resident_confirms_and_a_code_serves_for_nothing_else(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "王叔", "13800000003")
    second = await world.collecting(1)
    draft, code = await drafted(world, path, signer)
    async with nothing_appended(world):
        is_problem(await told(world, draft, wrong(code)), 422, "wrong-code", "/code")
        is_problem(await confirm(world, code, phone="13800000003"), 401, "wrong-code")
        for who in (resident(1), signer, CLERK, world.official, Person(Role.HOST_STAFF, "other", uuid4())):
            is_problem(await told(world, draft, code, who), 404, "not-found")
        other, _ = await drafted(world, second, signer)
        is_problem(await told(world, other, code), 422, "wrong-code", "/code")
        world.clock.at += timedelta(minutes=11)
        is_problem(await told(world, draft, code), 422, "wrong-code", "/code")
    await world.post(world.host, f"/v1/drafts/{draft['id']}/code")
    assert (await told(world, draft, last_code(world))).status_code == 201


async def test_who_may_draft_and_for_whom(world: World) -> None:
    path = await world.collecting(2)
    signer = await on_the_roll(world, "赵姨", "13800000004")
    body = {"resident_id": signer.subject, "means": "doorstep"}
    for who in (signer, CLERK, world.official, Person(Role.HOST_STAFF, "other", uuid4())):
        is_problem(await world.send(who, "POST", f"{path}/intakes", body), 403, "forbidden")
    unknown = body | {"resident_id": str(somewhere())}
    is_problem(
        await world.send(world.host, "POST", f"{path}/intakes", unknown), 422, "unknown-reference", "/resident_id"
    )
    paper = body | {"means": "paper"}
    is_problem(await world.send(world.host, "POST", f"{path}/intakes", paper), 422, "invalid-input", "/means")
    submitted = await world.submitted()
    is_problem(await world.send(world.host, "POST", f"{submitted}/intakes", body), 409, "wrong-phase")


async def test_who_has_no_phone_signs_a_slip(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    body = {"name": "周公", "document_number": "11010519491231002X", "basis": "lives", "adult": True}
    id = (await world.post(world.host, f"/v1/hosts/{world.host.org}/residents", **body))["id"]
    draft = await world.post(world.host, f"{path}/intakes", resident_id=id, means="doorstep")
    assert (draft["code_sent"], world.outbox.sent) == (False, [])
    is_problem(await told(world, draft, "123456"), 422, "wrong-code", "/code")
    answer = await handed_in(world, draft, photo())
    assert answer.status_code == 201, answer.text
    assert (await world.get(CLERK, path))["signatures"] == 3
    assert len(files(world)) == 1


async def test_confirmed_twice_at_once_is_filed_once(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "吴婶", "13800000005")
    draft, code = await drafted(world, path, signer)
    answers = await asyncio.gather(*(told(world, draft, code) for _ in range(3)))
    assert [answer.status_code for answer in answers].count(201) == 1
    assert (await world.get(CLERK, path))["signatures"] == 3


async def test_killed_half_way_a_petition_is_opened_once_and_filed_in_the_end(new_world: World) -> None:
    world = new_world
    lead = await on_the_roll(world, "郑公", "13800000006")
    body = {"topic": TOPIC, "details": DETAILS, "category": "grievance", "resident_id": lead.subject, "means": "phone"}
    body |= {"called_post_ids": [str(world.official.org)]}  # type: ignore[dict-item]
    draft = await world.post(world.host, f"/v1/hosts/{world.host.org}/intakes", **body)
    code = last_code(world)
    services = world.app.state.services
    drafts, slips = services.drafts, services.correspondents

    class Dying:
        async def remember(self, *of: Any) -> None:
            if await world.store.pool.fetchval("SELECT true FROM stored_events WHERE topic = 'petition.Opened'"):
                raise TimeoutError
            await slips.remember(*of)

    world.app.state.services = type(services)(**{**vars(services), "correspondents": Dying()})
    assert (await told(world, draft, code)).status_code == 503
    world.app.state.services = services
    assert (await drafts.get(UUID(draft["id"]), world.clock.at)).person_id == UUID(lead.subject)
    assert (await told(world, draft, code)).status_code == 201
    opened = await world.store.pool.fetchval("SELECT count(*) FROM stored_events WHERE topic = 'petition.Opened'")
    assert opened == 1


async def test_what_nobody_confirms_is_gone_after_some_days_and_was_never_readable(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "冯叔", "13800000007")
    draft, _ = await drafted(world, path, signer)
    (row,) = await world.store.pool.fetch("SELECT t::text FROM intake_drafts t")
    assert path[-36:] not in row[0]
    world.clock.at += timedelta(days=4)
    is_problem(await world.read(world.host, f"/v1/drafts/{draft['id']}"), 404, "not-found")
    await tidy(world.store.pool, world.clock.at)
    assert await world.store.pool.fetchval("SELECT count(*) FROM intake_drafts") == 0


async def test_a_worker_cannot_ring_a_resident_for_ever(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "陈姨", "13800000008")
    draft, _ = await drafted(world, path, signer)
    most, _ = PER_CONTACT[0]
    sent = [await world.post(world.host, f"/v1/drafts/{draft['id']}/code") for _ in range(most)]
    assert [state["code_sent"] for state in sent] == [True] * (most - 1) + [False]
    assert len(world.outbox.sent) == most
