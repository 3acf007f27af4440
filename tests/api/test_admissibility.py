"""Admissibility through HTTP: what may become of a petition that has been submitted, besides acceptance."""

import asyncio

from domain.command import Role
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import CLERK, Person, World, resident, somewhere

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


async def test_what_is_urgent_is_submitted_at_once_flagged_everywhere_and_still_signed(new_world: World) -> None:
    world = new_world
    path = await world.collecting(2)
    reason = {"reason": "地下车库正在进水。"}
    twice = [world.send(who, "POST", f"{path}/urgency", reason) for who in (world.host, CLERK)]
    answers = await asyncio.gather(*twice)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    state = next(answer.json() for answer in answers if answer.is_success)
    assert (state["phase"], state["urgent"], state["signatures"]) == ("submitted", True, 2)
    assert {clock["rule"]: clock["due_at"] for clock in state["clocks"]}["urgent"] == "2026-03-03T01:00:00Z"
    stranger = resident(33)
    assert (await world.get(stranger, path))["details"], "nobody can sign unread"
    assert (await world.post(stranger, f"{path}/co-signatures"))["signatures"] == 3
    (listed,) = (await world.get(CLERK, "/v1/petitions"))["items"]
    assert listed["urgent"]
    waiting = (await world.get(CLERK, "/v1/inbox"))["items"]
    assert [(item["kind"], item["urgent"]) for item in waiting] == [
        ("urgent", True),
        ("admissibility", True),
        ("public_text", True),
    ]
    assert (await world.get(world.official, "/v1/inbox"))["items"] == [], "no post is pressed before it is called"
    await world.post(CLERK, f"{path}/acceptance")
    newcomer = resident(34)
    assert (await world.get(newcomer, path))["details"] is None, "now it is public, as far as a clerk has issued it"
    assert (await world.post(newcomer, f"{path}/co-signatures"))["phase"] == "accepted"
    assert (await world.get(newcomer, path))["details"], "who signed reads what they signed"
    assert "urgent" in {item["kind"] for item in (await world.get(world.official, "/v1/inbox"))["items"]}
    await world.post(world.official, f"{path}/response", text="抽水泵已到场。", interim=True)
    for who in (CLERK, world.official):
        assert "urgent" not in {item["kind"] for item in (await world.get(who, "/v1/inbox"))["items"]}
    page = await world.get(CLERK, path)
    assert page["urgent"]
    assert "urgent" not in {clock["rule"] for clock in page["clocks"]}


async def test_what_can_wait_after_all_collects_signatures_again_and_its_text_is_as_hidden_as_before(
    world: World,
) -> None:
    path = await world.collecting(2)
    for who in (resident(1), world.official, world.officer):
        is_problem(await world.send(who, "POST", f"{path}/urgency", {"reason": "急"}), 403, "forbidden")
    await world.post(world.host, f"{path}/urgency", reason="消防通道被堵。")
    is_problem(await world.send(world.host, "POST", f"{path}/urgency/lifting", {"reason": "已疏通"}), 403, "forbidden")
    state = await world.post(CLERK, f"{path}/urgency/lifting", reason="通道已疏通。")
    assert (state["phase"], state["urgent"], [clock["rule"] for clock in state["clocks"]]) == (
        "collecting",
        False,
        ["signing"],
    )
    is_problem(await world.read(None, path), 404, "not-found")
    page = await world.get(CLERK, path)
    assert (page["phase"], page["urgent"]) == ("collecting", False)
    waiting = (await world.get(CLERK, "/v1/inbox", limit=200))["items"]
    assert [item for item in waiting if item["petition_id"] == path[-36:]] == []
    is_problem(await world.send(CLERK, "POST", f"{path}/urgency/lifting", {"reason": "再次"}), 409, "not-urgent")


async def test_the_residents_read_why_and_amend_what_was_rejected(world: World) -> None:
    path = await world.submitted()
    await world.post(CLERK, f"{path}/public-text", topic="旧题", details="旧文。")
    why = "请写明是哪个低洼处。"
    state = await world.post(CLERK, f"{path}/rejection", reason_code="no_concrete_topic", explanation=why)
    assert [clock["rule"] for clock in state["clocks"]] == ["refiling"]
    for signer in (resident(1), resident(10)):
        page = await world.get(signer, path)
        assert (page["phase"], page["rejection"]["explanation"], page["refilings"]) == ("rejected", why, 0)
    is_problem(await world.read(resident(44), path), 404, "not-found")

    amended = {"topic": "三幢门前排涝", "details": "三幢门前低洼,请加装水泵。"}
    async with nothing_appended(world):
        for who in (resident(2), CLERK, world.host):
            is_problem(await world.send(who, "POST", f"{path}/refiling", amended), 403, "forbidden")
    twice = [world.send(resident(1), "POST", f"{path}/refiling", amended) for _ in range(2)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*twice)) == [200, 409]
    page = await world.get(resident(10), path)
    assert (page["phase"], page["details"], page["signatures"]) == ("submitted", amended["details"], 10)
    assert (page["public_topic"], page["rejection"]["explanation"], page["refilings"]) == (None, why, 1)
    waiting = (await world.get(CLERK, "/v1/inbox", limit=200))["items"]
    assert {(item["kind"], item["topic"]) for item in waiting if item["petition_id"] == path[-36:]} == {
        ("admissibility", "三幢门前排涝"),
        ("public_text", "三幢门前排涝"),
    }
    await world.send(resident(10), "DELETE", f"{path}/co-signatures/mine")
    state = await world.post(CLERK, f"{path}/acceptance")
    assert (state["phase"], state["signatures"]) == ("accepted", 9)
    public = await world.get(None, path)
    assert (public["rejection"], public["public_topic"], public["details"]) == (None, None, None)
    told = [entry["type"] for entry in (await world.get(None, f"{path}/history"))["items"]]
    assert "petition.Rejected" not in told
    assert "petition.Refiled" not in told


async def test_a_duplicate_is_named_only_to_those_who_may_read_it(world: World) -> None:
    secret, admitted, path, second = [await world.submitted() for _ in range(4)]
    await world.post(CLERK, f"{admitted}/acceptance")
    body = {"reason_code": "duplicate", "explanation": "与另一件相同。"}
    async with nothing_appended(world):
        is_problem(await world.send(CLERK, "POST", f"{path}/rejection", body), 422, "duplicate-of", "/duplicate_of")
        itself = body | {"duplicate_of": path[-36:]}
        is_problem(await world.send(CLERK, "POST", f"{path}/rejection", itself), 422, "duplicate-of", "/duplicate_of")
        unknown = body | {"duplicate_of": str(somewhere())}
        is_problem(
            await world.send(CLERK, "POST", f"{path}/rejection", unknown), 422, "unknown-reference", "/duplicate_of"
        )
        court = {"reason_code": "statutory_route", "explanation": "已由法院受理。"}
        is_problem(await world.send(CLERK, "POST", f"{path}/rejection", court), 422, "statutory-route", "/route")
    for one, other, shown in ((path, secret, None), (second, admitted, admitted[-36:])):
        await world.post(CLERK, f"{one}/rejection", **body, duplicate_of=other[-36:])
        assert (await world.get(CLERK, one))["rejection"]["duplicate_of"] == other[-36:]
        assert (await world.get(resident(2), one))["rejection"]["duplicate_of"] == shown
        assert secret[-36:] not in (await world.read(resident(2), f"{one}/history")).text


async def test_a_draft_is_looked_through_by_clerks_and_nothing_stands_in_its_way(world: World) -> None:
    path = await world.submitted()
    draft = {"topic": "三幢张阿婆家门口积水", "details": "请电13800138000。"}
    async with nothing_appended(world):
        found = await world.post(CLERK, f"{path}/public-text/check", **draft)
        for who in (resident(1), world.host, world.official):
            is_problem(await world.send(who, "POST", f"{path}/public-text/check", draft), 403, "forbidden")
    assert [(each["field"], each["kind"], each["text"]) for each in found] == [
        ("/topic", "house_number", "三幢"),
        ("/topic", "name", "张阿婆"),
        ("/details", "phone_number", "13800138000"),
    ]
    assert found[1]["start"] == draft["topic"].index("张")
    await world.post(CLERK, f"{path}/public-text", **draft)


async def test_nothing_of_what_was_written_shows_before_a_clerk_has_issued_a_text(new_world: World) -> None:
    world, words = new_world, "鹩哥巷口"
    path = await world.submitted(topic=f"{words}排涝", details=f"{words}积水。")
    strangers = (None, resident(77), world.officer, Person(Role.HOST_STAFF, "other", somewhere()))
    addresses = (path, f"{path}/history", f"{path}/receipt", f"{path}/clocks", "/v1/petitions", "/v1/statistics")
    for accepted in (False, True):
        if accepted:
            await world.post(CLERK, f"{path}/acceptance")
        for who in strangers:
            for address in addresses:
                assert words not in (await world.read(who, address)).text
            for query in ({"q": words}, {"q": "积水"}):
                assert (await world.get(who, "/v1/petitions", **query))["items"] == []
            if who:
                assert await world.get(who, "/v1/petitions/similar", topic=f"{words}排涝积水", details=words) == []
                for noun, body in (
                    ("co-signatures", {}),
                    ("refiling", {"topic": "题", "details": "文"}),
                    ("rejection", {"reason_code": "other", "explanation": "无"}),
                    ("public-text", {"topic": "题"}),
                    ("urgency", {"reason": "急"}),
                ):
                    answer = await world.send(who, "POST", f"{path}/{noun}", body)
                    assert answer.is_client_error
                    assert words not in answer.text
    page = await world.get(None, path)
    assert (page["public_topic"], page["topic"]) == (None, None)
