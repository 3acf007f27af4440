"""Admissibility through HTTP: what may become of a petition that has been submitted, besides acceptance."""

import asyncio

from tests.api.checks import is_problem, nothing_appended
from tests.api.world import CLERK, World, resident, somewhere

RECEIPT = {"number": "甬资规收〔2026〕118号", "received_by": "信访处", "received_on": "2026-03-02"}


async def test_a_petition_is_referred_and_its_receipt_is_acknowledged_and_read_by_those_concerned(world: World) -> None:
    path = await world.submitted()
    body = {"unit_id": str(world.officer.org), "explanation": "属住建部门法定职责,已转送。"}
    state = await world.post(CLERK, f"{path}/referral", **body)
    assert (state["phase"], state["clocks"]) == ("referred", [])
    receipt = await world.get(resident(2), f"{path}/receipt")
    assert receipt["explanation"] == body["explanation"]
    assert (receipt["unit_id"], receipt["received_on"]) == (body["unit_id"], None)
    waiting = (await world.get(world.officer, "/v1/inbox"))["items"]
    assert [item["kind"] for item in waiting if item["petition_id"] == path[-36:]] == ["receipt"]
    assert (await world.get(world.officer, path))["details"], "the unit reads what it is to decide"

    twice = [world.send(world.officer, "POST", f"{path}/receipt", RECEIPT) for _ in range(2)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*twice)) == [200, 409]
    receipt = await world.get(resident(1), f"{path}/receipt")
    assert receipt | RECEIPT == receipt
    told = {e["type"]: e for e in (await world.get(CLERK, f"{path}/history", limit=200))["items"]}
    assert told["petition.ReferralReceived"]["data"] == {"received_on": "2026-03-02"}


async def test_receipts_are_numbered_in_order_whatever_happens_at_once(new_world: World) -> None:
    world = new_world
    paths = [await world.submitted() for _ in range(3)]
    body = {"to": "市中级人民法院", "explanation": "已进入诉讼。"}
    answers = await asyncio.gather(*(world.send(CLERK, "POST", f"{path}/referral", body) for path in paths * 2))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 3
    numbers = [(await world.get(CLERK, f"{path}/receipt"))["receipt"] for path in paths]
    assert sorted(numbers) == ["转送〔2026〕1号", "转送〔2026〕2号", "转送〔2026〕3号"]
    await world.post(CLERK, f"{paths[0]}/receipt", **RECEIPT)


async def test_nobody_else_refers_acknowledges_or_reads_a_receipt(world: World) -> None:
    path = await world.submitted()
    body = {"unit_id": str(world.officer.org), "explanation": "转送。"}
    async with nothing_appended(world):
        is_problem(await world.send(world.host, "POST", f"{path}/referral", body), 403, "forbidden")
        unknown = body | {"unit_id": str(somewhere())}
        is_problem(await world.send(CLERK, "POST", f"{path}/referral", unknown), 422, "unknown-reference", "/unit_id")
        both = body | {"to": "市局"}
        is_problem(await world.send(CLERK, "POST", f"{path}/referral", both), 422, "referred-to-whom", "/to")
    is_problem(await world.read(CLERK, f"{path}/receipt"), 404, "not-found")
    await world.post(CLERK, f"{path}/referral", **body)
    async with nothing_appended(world):
        is_problem(await world.send(world.other_officer, "POST", f"{path}/receipt", RECEIPT), 403, "forbidden")
        late = RECEIPT | {"received_on": "2027-01-01"}
        is_problem(
            await world.send(world.officer, "POST", f"{path}/receipt", late), 422, "received-in-future", "/received_on"
        )
    for stranger in (resident(77), world.other_officer, world.official):
        is_problem(await world.read(stranger, f"{path}/receipt"), 404, "not-found")
    is_problem(await world.read(None, f"{path}/receipt"), 401, "unauthenticated", "Authorization")
