"""Signatures on paper: each with its slip, kept where erasure finds it, and taken away only with an appeal."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from domain.command import Role
from domain.intake import Intake
from domain.petition import Petition
from infra.erasure import SETTLED
from tests.api.checks import is_problem, nothing_appended
from tests.api.test_evidence import JPEG, bearer, photo
from tests.api.test_sign_in import ask, confirm
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident, somewhere

SECOND_STAFF = Person(Role.HOST_STAFF, "second")


async def on_the_roll(world: World, name: str, phone: str) -> Person:
    body = {"name": name, "phones": [phone], "basis": "lives", "adult": True}
    return Person(Role.RESIDENT, (await world.post(world.host, f"/v1/hosts/{world.host.org}/residents", **body))["id"])


async def enter(
    world: World, path: str, signer: Person, content: bytes | None = None, *, who: Person | None = None, **headers: str
) -> httpx.Response:
    answer = await world.client.post(
        f"{path}/paper-signatures",
        files={"file": ("签名.jpg", content or photo(), "image/jpeg")},
        data={"resident_id": signer.subject},
        headers=bearer(world, who or world.host) | {key.replace("_", "-"): value for key, value in headers.items()},
    )
    world.position = max(world.position, int(answer.headers.get("Yuetan-Position", 0)))
    return answer


async def entered(world: World, path: str, signer: Person) -> str:
    answer = await enter(world, path, signer)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def contested(world: World, path: str, signer: Person) -> str:
    intake = await entered(world, path, signer)
    await world.post(world.host, f"{intake}/invalidation", reason="签名笔迹与本人不符。")
    await world.post(second(world), f"{intake}/invalidation/confirmation")
    return intake


def second(world: World) -> Person:
    return SECOND_STAFF._replace(org=world.host.org)


async def signatures(world: World, path: str) -> int:
    count: int = (await world.get(CLERK, path))["signatures"]
    return count


def files(world: World) -> list[Path]:
    folder: Path = world.app.state.services.files.path("00").parent.parent
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_who_signed_on_paper_counts_and_later_signs_in_and_judges(new_world: World) -> None:
    world = new_world
    path = await world.collecting(9)
    signer = await on_the_roll(world, "张阿婆", "13800000001")
    slip = photo()
    answer = await enter(world, path, signer, slip)
    assert answer.status_code == 201, answer.text
    assert {"means": "paper", "status": "valid"}.items() <= answer.json().items()
    assert "signatures" not in answer.json()
    page = await world.get(CLERK, path)
    assert (page["signatures"], "host_opinion" in [clock["rule"] for clock in page["clocks"]]) == (10, True)
    code = await ask(world, phone="13800000001")
    token = (await confirm(world, code, phone="13800000001")).json()["token"]
    own = await world.client.get(f"{path}/co-signatures/mine", headers={"Authorization": f"Bearer {token}"})
    assert own.json() == {"status": "valid", "lead": False, "contested": []}
    for who in (world.host, CLERK, AUDITOR):
        given = await world.read(who, f"{answer.headers['Location']}/slip")
        assert given.content == slip
        assert given.headers["Content-Disposition"] == 'attachment; filename="slip.jpg"'
        assert given.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_nobody_else_sees_a_slip(world: World) -> None:
    path = await world.collecting(2)
    signer = await on_the_roll(world, "李四", "13800000002")
    intake = await entered(world, path, signer)
    for stranger in (signer, resident(1), world.official, world.officer, SUPERVISOR, ADMIN):
        for page in (intake, f"{intake}/slip"):
            is_problem(await world.read(stranger, page), 403, "forbidden")
    other_host = Person(Role.HOST_STAFF, "other", uuid4())
    is_problem(await world.read(other_host, f"{intake}/slip"), 404, "not-found")
    is_problem(await world.read(world.host, f"/v1/intakes/{somewhere()}"), 404, "not-found")


async def test_the_file_that_is_kept_says_nothing_and_goes_when_its_signer_is_erased(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    signer = await on_the_roll(world, "王五", "13800000003")
    before = files(world)
    slip = photo()
    answer = await enter(world, path, signer, slip)
    (kept,) = set(files(world)) - set(before)
    assert JPEG not in kept.read_bytes()
    assert slip[20:40] not in kept.read_bytes()
    log = b"".join(event.state for event in await world.store.select_notifications(1, 10_000))
    assert signer.subject.replace("-", "").encode() not in log
    await world.post(resident(1), f"{path}/withdrawal")
    second_admin = Person(Role.ADMIN, "second-admin")
    erasure = f"/v1/residents/{signer.subject}/erasure"
    assert (await world.send(ADMIN, "POST", erasure, {"reason": "本人要求"})).is_success
    assert (await world.send(second_admin, "POST", f"{erasure}/confirmation")).is_success
    assert await world.app.state.services.erasures.carry_out(world.clock.at + SETTLED) == 1
    assert files(world) == before
    assert await world.store.pool.fetchval("SELECT count(*) FROM slips") == 0
    is_problem(await world.read(CLERK, f"{answer.headers['Location']}/slip"), 404, "not-found")


async def test_what_is_wrong_with_a_slip_is_said_and_nothing_reaches_the_disk(world: World) -> None:
    path = await world.collecting(2)
    signer = await on_the_roll(world, "赵六", "13800000004")
    before = files(world)
    other_host = Person(Role.HOST_STAFF, "other", uuid4())
    async with nothing_appended(world):
        for who in (resident(1), CLERK, world.official, other_host):
            is_problem(await enter(world, path, signer, who=who), 403, "forbidden")
        for nobody in (str(somewhere()), "resident-3", ""):
            answer = await enter(world, path, Person(Role.RESIDENT, nobody))
            is_problem(answer, 422, "unknown-reference", "/resident_id")
        is_problem(await enter(world, path, signer, b"<html>"), 415, "unsupported-file", "/file")
        is_problem(await enter(world, f"/v1/petitions/{somewhere()}", signer), 404, "not-found")
        bare = await world.client.post(
            f"{path}/paper-signatures", data={"resident_id": ""}, headers=bearer(world, world.host)
        )
        assert bare.status_code in (415, 422)
    assert files(world) == before
    submitted = await world.submitted()
    is_problem(await enter(world, submitted, signer), 409, "wrong-phase")
    assert files(world) == before


async def test_one_slip_is_one_signers_and_twice_at_once_is_once(world: World) -> None:
    path = await world.collecting(2)
    one, other = await on_the_roll(world, "钱一", "13800000005"), await on_the_roll(world, "钱二", "13800000006")
    slip = photo()
    answers = await asyncio.gather(*(enter(world, path, one, slip) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    is_problem(await enter(world, path, other, slip), 409, "slip-used")
    assert await signatures(world, path) == 3
    key, again = str(uuid4()), photo()
    keyed = [await enter(world, path, other, again, Idempotency_Key=key) for _ in range(2)]
    assert [answer.status_code for answer in keyed] == [201, 201]
    assert keyed[0].content == keyed[1].content


async def test_staff_who_try_slips_out_are_not_told_who_has_signed(world: World) -> None:
    path = await world.collecting(2)
    signed, not_yet = await on_the_roll(world, "孙一", "13800000007"), await on_the_roll(world, "孙二", "13800000008")
    await world.post(signed, f"{path}/co-signatures")
    answers = [await enter(world, path, signer) for signer in (signed, not_yet)]
    for answer in answers:
        assert answer.status_code == 201
    bodies = [answer.json() for answer in answers]
    before, *after = (int(answer.headers["Yuetan-Position"]) for answer in (*answers, await enter(world, path, signed)))
    assert [position - before for position in after] == [2, 4], "not even by the length of the log"
    assert [body | {"id": None} for body in bodies[:1]] == [body | {"id": None} for body in bodies[1:]]
    # The one who had signed on their own keeps that signature, whatever becomes of the slip.
    await world.post(world.host, f"{answers[0].headers['Location']}/invalidation", reason="不实。")
    await world.post(second(world), f"{answers[0].headers['Location']}/invalidation/confirmation")
    await close_appeal(world, answers[0].headers["Location"], path)
    assert (await world.get(signed, f"{path}/co-signatures/mine"))["status"] == "valid"
    assert await signatures(world, path) == 4


async def close_appeal(world: World, intake: str, path: str) -> None:
    now, world.clock.at = world.clock.at, world.clock.at + timedelta(days=11)
    await world.as_workflow(Intake.close_appeal, UUID(intake[-36:]), also={"petition": (Petition, UUID(path[-36:]))})
    world.clock.at = now


async def test_a_false_slip_takes_two_of_the_staff_and_its_signer_is_told(world: World) -> None:
    path = await world.collecting(2)
    signer = await on_the_roll(world, "周一", "13800000009")
    intake = await entered(world, path, signer)
    reason = "签名笔迹与周一本人不符。"
    await world.post(world.host, f"{intake}/invalidation", reason=reason)
    async with nothing_appended(world):
        answer = await world.send(world.host, "POST", f"{intake}/invalidation/confirmation")
        is_problem(answer, 403, "second-person")
        for who in (signer, CLERK, world.official, Person(Role.HOST_STAFF, "other", uuid4())):
            is_problem(await world.send(who, "POST", f"{intake}/invalidation/confirmation"), 403, "forbidden")
    (item,) = [i for i in (await world.get(second(world), "/v1/inbox"))["items"] if i["kind"] == "invalidation"]
    assert f"/v1/intakes/{item['intake_id']}" == intake
    twice = await asyncio.gather(
        *(world.send(second(world), "POST", f"{intake}/invalidation/confirmation") for _ in range(2))
    )
    assert sorted(answer.status_code for answer in twice) == [200, 409]
    own = await world.get(signer, f"{path}/co-signatures/mine")
    assert own["status"] == "valid"
    assert [(slip["status"], slip["reason"], slip["clock"]["rule"]) for slip in own["contested"]] == [
        ("contested", reason, "appeal")
    ]
    assert await signatures(world, path) == 3
    is_problem(await world.read(resident(9), f"{path}/co-signatures/mine"), 404, "not-found")
    untouched = await world.get(resident(2), f"{path}/co-signatures/mine")
    assert untouched == {"status": "valid", "lead": False, "contested": []}
    await close_appeal(world, intake, path)
    assert (await world.get(signer, f"{path}/co-signatures/mine"))["status"] == "invalidated"
    assert await signatures(world, path) == 2


@pytest.mark.parametrize("counts", [True, False])
async def test_the_clerk_decides_an_appeal_and_the_signature_counts_meanwhile(world: World, counts: bool) -> None:
    path = await world.collecting(2)
    signer = await on_the_roll(world, f"吴{counts}", f"1380000001{int(counts)}")
    intake = await contested(world, path, signer)
    async with nothing_appended(world):
        for who in (resident(1), world.host, CLERK):
            is_problem(await world.send(who, "POST", f"{intake}/appeal", {"reason": "是我签的。"}), 403, "forbidden")
    await world.post(signer, f"{intake}/appeal", reason="是我本人签的。")
    assert await signatures(world, path) == 3
    (item,) = [i for i in (await world.get(CLERK, "/v1/inbox"))["items"] if i["intake_id"] == intake[-36:]]
    assert (item["kind"], item["rule"]) == ("appeal", "appeal_decision")
    seen = await world.get(CLERK, intake)
    assert (seen["grounds"], seen["status"]) == ("是我本人签的。", "appealed")
    decision = {"counts": counts, "explanation": "已与本人电话核实。"}
    for who in (world.host, signer, SUPERVISOR):
        is_problem(await world.send(who, "POST", f"{intake}/decision", decision), 403, "forbidden")
    await world.post(CLERK, f"{intake}/decision", **decision)
    is_problem(await world.send(CLERK, "POST", f"{intake}/decision", decision), 409, "wrong-status")
    own = await world.get(signer, f"{path}/co-signatures/mine")
    assert own["status"] == ("valid" if counts else "invalidated")
    assert own["contested"][0]["explanation"] == "已与本人电话核实。"
    assert await signatures(world, path) == 2 + counts


async def test_a_proposal_can_be_taken_back(world: World) -> None:
    path = await world.collecting(2)
    intake = await entered(world, path, await on_the_roll(world, "郑一", "13800000012"))
    await world.post(world.host, f"{intake}/invalidation", reason="疑似代签。")
    answer = await world.send(second(world), "DELETE", f"{intake}/invalidation")
    assert answer.json()["status"] == "valid"
    assert (await world.get(world.host, intake))["reason"] is None
