"""The called meeting through HTTP: from its agenda to confirmed minutes, with what is refused and what comes twice."""

import asyncio
import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import icalendar
import vobject  # type: ignore[import-untyped]

from domain.command import Role
from domain.meeting import Meeting
from infra.mapper import mapper
from tests.api.checks import is_problem, nothing_appended
from tests.api.world import CLERK, SUPERVISOR, TOPIC, Person, World, resident

OBJECTOR = 77


async def scheduled(world: World, days: float = 5, **changes: Any) -> tuple[str, str]:
    """The paths of a petition and its meeting."""
    path = await world.accepted(**changes)
    await world.post(world.official, f"{path}/acknowledgement")
    at = (world.clock.at + timedelta(days=days)).isoformat()
    meeting = await world.post(world.host, f"{path}/meetings", starts_at=at, venue="划船社区议事厅")
    return path, f"/v1/meetings/{meeting['id']}"


async def delegate(world: World, path: str) -> Person:
    post = await world.register("posts", "区委副书记", "party_committee")
    await world.post(world.official, f"{path}/delegation", delegate_id=str(post))
    return Person(Role.OFFICIAL, "deputy", post)


async def begin(world: World, meeting: str) -> None:
    world.clock.at = datetime.fromisoformat((await world.get(CLERK, meeting))["starts_at"])


async def ticket(world: World, who: Person, meeting: str) -> str:
    shown = await world.get(who, f"{meeting}/ticket")
    assert shown["svg"].startswith("<svg")
    return str(shown["token"])


async def test_a_meeting_from_its_agenda_to_confirmed_minutes_and_a_first_roadmap(world: World) -> None:
    path, meeting = await scheduled(world)
    await world.elect(path, 1, 2, 3)
    deputy = await delegate(world, path)

    # Everybody concerned brings what they want to talk about; another resident objects.
    await world.post(world.host, f"{meeting}/invitations", unit_id=str(world.officer.org))
    await world.post(resident(2), f"{meeting}/agenda", text="水泵何时安装?")
    await world.post(deputy, f"{meeting}/agenda", text="资金来源")
    await world.post(resident(OBJECTOR), f"{meeting}/objections", text="泵站太吵。")
    assert (await world.get(world.host, meeting))["agenda"][-1]["text"] == "资金来源"
    (objection,) = (await world.get(world.host, meeting))["objections"]
    assert objection["text"] == "泵站太吵。"
    await world.post(world.host, f"{meeting}/agenda", objection_id=objection["id"])
    page = await world.get(resident(5), meeting)
    assert [item["text"] for item in page["agenda"]] == ["水泵何时安装?", "资金来源", "泵站太吵。"]
    assert page["objections"] == page["corrections"] == []
    roles = [(row["role"], row["org"]) for row in page["invited"]]
    offices = [world.host, world.official, deputy, world.officer]
    assert roles == [*((who.role.value, str(who.org)) for who in offices), ("resident", None)]
    public = await world.get(None, meeting)
    assert (public["agenda"], public["venue"]) == ([], None)

    # It is moved once, which is counted.
    later = (datetime.fromisoformat(page["starts_at"]) + timedelta(days=1)).isoformat()
    moved = await world.post(
        world.official, f"{meeting}/rescheduling", starts_at=later, venue="会议室", reason="台风。"
    )
    assert moved["rescheduled"] == (await world.get(None, path))["meetings"][0]["rescheduled"] == 1

    # At the door: by token, each once, and by hand.
    tokens = {n: await ticket(world, resident(n), meeting) for n in (1, 2, 4, 5, OBJECTOR)}
    badge = await ticket(world, deputy, meeting)
    await begin(world, meeting)
    for token in (*tokens.values(), badge):
        state = await world.post(world.host, f"{meeting}/attendance", token=token)
    assert state["present"] == {"official": 1, "representative": 2, "resident": 3}
    state = await world.post(world.host, f"{meeting}/attendance", representatives=1, residents=9)
    assert state["present"] == {"official": 1, "representative": 3, "resident": 12}
    shown = await world.get(CLERK, meeting)
    assert shown["present"] == {"post_ids": [str(deputy.org)], "representatives": 3, "residents": 12}

    # It is held; what was promised stands in the minutes, which an attendant corrects.
    due_on = (world.clock.at + timedelta(days=20)).date().isoformat()
    promised = {"what": "加装水泵一台", "unit_id": str(world.officer.org), "due_on": due_on}
    await world.post(deputy, f"{meeting}/minutes", minutes="答应装一台水泵。", commitments=[promised])
    await world.post(resident(4), f"{meeting}/corrections", text="说的是两台。")
    assert (await world.get(world.host, meeting))["corrections"] == ["说的是两台。"]
    assert (await world.get(resident(4), meeting))["corrections"] == []
    two = promised | {"what": "加装水泵两台"}
    draft = {"minutes": "答应装两台水泵。", "commitments": [two]}
    assert (await world.send(world.host, "PUT", f"{meeting}/minutes", draft)).json()["minutes_status"] == "draft"
    for who in (resident(1), deputy):
        assert (await world.post(who, f"{meeting}/confirmation"))["minutes_status"] == "draft"
    assert (await world.post(resident(3), f"{meeting}/confirmation"))["minutes_status"] == "confirmed"
    page = await world.get(resident(5), meeting)
    assert (page["minutes"], page["confirmed"]) == ("答应装两台水泵。", ["official", "representative"])
    public = await world.get(None, meeting)
    assert (public["minutes"], public["minutes_status"], public["commitments"]) == (None, "confirmed", [])

    # The first draft of the roadmap is what was promised, and can be published as it is.
    drafted = await world.get(world.official, f"{path}/roadmap/draft")
    row: dict[str, Any] = {
        "task_id": None,
        "title": "加装水泵两台",
        "lead_unit_id": str(world.officer.org),
        "supporting_unit_ids": [],
    }
    (first,) = drafted["tasks"]
    assert first == first | row | {"due_on": due_on}
    answer = await world.send(world.official, "PUT", f"{path}/roadmap", {"tasks": drafted["tasks"]})
    assert answer.is_success, answer.text

    # What people wrote is sealed; and nowhere does it say who came.
    log = b"".join(event.state for event in await world.store.select_events(UUID(meeting[-36:])))
    for words in ("水泵何时安装", "资金来源", "泵站太吵", "会议室", "装一台水泵", "说的是两台", "加装水泵两台"):
        assert words.encode() not in log
        assert json.dumps(words).encode()[1:-1] not in log
    pseudonyms = [event.attendee for event in await attendances(world, meeting)]
    assert len(set(pseudonyms)) == 6
    for who in (CLERK, world.host, world.official, SUPERVISOR, resident(1)):
        seen = str(await world.get(who, meeting)) + str(await world.get(who, f"{path}/history", limit=200))
        assert not any(pseudonym in seen for pseudonym in pseudonyms)
        assert "AttendanceRecorded" not in seen


async def attendances(world: World, meeting: str) -> list[Any]:
    events = [mapper.to_domain_event(stored) for stored in await world.store.select_events(UUID(meeting[-36:]))]
    return [event for event in events if isinstance(event, Meeting.AttendanceRecorded)]


async def test_what_is_not_theirs_to_do_is_refused(world: World) -> None:
    path, meeting = await scheduled(world)
    await world.elect(path, 1)
    stranger = Person(Role.HOST_STAFF, "other", uuid4())
    other = await world.register("posts", "区城管局局长", "unit_principal")
    async with nothing_appended(world):
        for who, noun, body, status, code in (
            (resident(2), "agenda", {"text": "水泵"}, 403, "not-a-representative"),
            (CLERK, "agenda", {"text": "水泵"}, 403, "forbidden"),
            (world.host, "agenda", {"objection_id": str(uuid4())}, 422, "unknown-reference"),
            (world.host, "agenda", {}, 422, "invalid-input"),
            (resident(2), "objections", {"text": "反对"}, 403, "signer-objects"),
            (world.host, "objections", {"text": "反对"}, 403, "forbidden"),
            (world.official, "attendance", {"residents": 3}, 403, "forbidden"),
            (stranger, "attendance", {"residents": 3}, 403, "forbidden"),
            (world.host, "attendance", {"residents": 3}, 409, "not-begun"),
            (world.host, "attendance", {"residents": -1}, 422, "invalid-input"),
            (world.host, "attendance", {"token": "x", "residents": 3}, 422, "invalid-input"),
            (world.host, "no-shows", {"post_id": str(world.official.org)}, 409, "not-begun"),
            (world.official, "no-shows", {"post_id": str(world.official.org)}, 403, "forbidden"),
            (world.host, "invitations", {"unit_id": str(uuid4())}, 422, "unknown-reference"),
            (resident(1), "confirmation", None, 409, "wrong-status"),
            (resident(1), "corrections", {"text": "两台"}, 409, "wrong-status"),
        ):
            answer = await world.send(who, "POST", f"{meeting}/{noun}", body)
            assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), (noun, answer.text)
        at = (world.clock.at + timedelta(days=9)).isoformat()
        again = await world.send(world.official, "POST", f"{path}/meetings", {"starts_at": at, "venue": "厅"})
        is_problem(again, 409, "meeting-arranged")
        for named, code in ((other, "not-of-the-same-rank"), (world.official.org, "not-of-the-same-rank")):
            answer = await world.send(world.official, "POST", f"{path}/delegation", {"delegate_id": str(named)})
            is_problem(answer, 422, code, "/delegate_id")


async def test_a_token_is_good_once_for_one_person_and_one_meeting(world: World) -> None:
    _, elsewhere = await scheduled(world)
    path, meeting = await scheduled(world)
    signer, other = await ticket(world, resident(4), meeting), await ticket(world, resident(4), elsewhere)
    spare = await ticket(world, resident(4), meeting)
    assert signer != spare
    attendance = (world.host, "POST", f"{meeting}/attendance")
    async with nothing_appended(world):
        is_problem(await world.send(*attendance, {"token": signer}), 409, "doors-closed")
        await begin(world, meeting)
        altered = ("B" if signer[0] == "A" else "A") + signer[1:]
        for wrong in (other, "x", altered, signer[:-4], "码" * 30):
            is_problem(await world.send(*attendance, {"token": wrong}), 422, "not-a-token", "/token")
        for who in (resident(OBJECTOR), CLERK, Person(Role.OFFICIAL, "other", uuid4())):
            assert (await world.read(who, f"{meeting}/ticket")).status_code == 403
    # Scanned ten times at once, two codes of the same person among them: it counts once.
    answers = await asyncio.gather(*(world.send(*attendance, {"token": t}) for t in [signer, spare] * 5))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
    assert (await world.get(None, meeting))["present"]["residents"] == 1
    async with nothing_appended(world):
        is_problem(await world.send(*attendance, {"token": spare}), 409, "token-used")
        late = await ticket(world, resident(5), meeting)
        world.clock.at += timedelta(days=1, seconds=1)
        is_problem(await world.send(*attendance, {"token": late}), 409, "token-expired")
    await world.post(world.host, f"{meeting}/minutes", minutes="已召开。")
    async with nothing_appended(world):
        is_problem(await world.send(*attendance, {"token": late}), 409, "wrong-status")
        is_problem(
            await world.send(resident(5), "POST", f"{meeting}/corrections", {"text": "不在场"}), 403, "did-not-attend"
        )
    assert path


async def test_the_code_on_a_ticket_is_typed_where_nobody_can_scan_and_counts_as_the_ticket_does(world: World) -> None:
    _, elsewhere = await scheduled(world)
    _, meeting = await scheduled(world)
    mine, there = [await world.get(resident(4), f"{m}/ticket") for m in (meeting, elsewhere)]
    assert mine["code"] == (await world.get(resident(4), f"{meeting}/ticket"))["code"] != there["code"]
    assert (await world.get(world.official, f"{meeting}/ticket"))["code"] is None
    await begin(world, meeting)
    attendance = (world.host, "POST", f"{meeting}/attendance")
    async with nothing_appended(world):
        for wrong in (there["code"], mine["code"][:-1], f"{mine['code']}0", "00000000"):
            is_problem(await world.send(*attendance, {"token": wrong}), 422, "not-a-token", "/token")
        stranger = world.host._replace(org=uuid4())
        answer = await world.send(stranger, "POST", f"{meeting}/attendance", {"token": mine["code"]})
        is_problem(answer, 403, "forbidden")
    code = f"{mine['code'][:4]} {mine['code'][4:]}"
    assert (await world.post(world.host, f"{meeting}/attendance", token=code))["present"]["resident"] == 1
    async with nothing_appended(world):
        for again in (code, mine["token"]):
            is_problem(await world.send(*attendance, {"token": again}), 409, "token-used")


async def test_of_two_meetings_arranged_at_once_one_stands_and_moving_races_with_holding(world: World) -> None:
    path = await world.accepted()
    at = (world.clock.at + timedelta(days=1)).isoformat()
    body = {"starts_at": at, "venue": "厅"}
    both = [world.send(who, "POST", f"{path}/meetings", body) for who in (world.host, world.official) * 4]
    answers = await asyncio.gather(*both)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    (made,) = (answer.json() for answer in answers if answer.is_success)
    meeting = f"/v1/meetings/{made['id']}"
    await begin(world, meeting)
    later = {"starts_at": (world.clock.at + timedelta(days=2)).isoformat(), "venue": "厅", "reason": "改期。"}
    moved, held = await asyncio.gather(
        world.send(world.official, "POST", f"{meeting}/rescheduling", later),
        world.send(world.host, "POST", f"{meeting}/minutes", {"minutes": "已召开。"}),
    )
    assert sorted((moved.status_code, held.status_code)) == [200, 409]
    status = (await world.get(CLERK, meeting))["status"]
    assert (status, (await world.get(CLERK, path))["phase"]) == (
        ("held", "roadmap") if held.is_success else ("scheduled", "accepted")
    )


async def test_a_leader_who_does_not_come_is_in_the_record_and_after_a_cancellation_another_date_is_found(
    world: World,
) -> None:
    path, meeting = await scheduled(world)
    await begin(world, meeting)
    for _ in range(2):
        await world.post(world.host, f"{meeting}/no-shows", post_id=str(world.official.org))
    assert (await world.get(None, path))["meetings"][0]["no_shows"] == [str(world.official.org)]
    told = [entry["type"] for entry in (await world.get(None, f"{path}/history", limit=200))["items"]]
    assert told.count("meeting.NoShowRecorded") == 1
    await world.post(world.host, f"{meeting}/cancellation", reason="应约领导未到。")
    at = (world.clock.at + timedelta(days=2)).isoformat()
    await world.post(world.host, f"{path}/meetings", starts_at=at, venue="厅")
    assert [m["status"] for m in (await world.get(CLERK, path))["meetings"]] == ["cancelled", "scheduled"]


async def test_nobody_learns_by_objecting_of_a_petition_that_they_may_not_see(world: World) -> None:
    _, meeting = await scheduled(world, category="conduct")
    async with nothing_appended(world):
        for method, noun in (("POST", "objections"), ("GET", "ticket"), ("GET", "calendar.ics"), ("GET", "")):
            body = {"text": "反对"} if method == "POST" else None
            address = f"{meeting}/{noun}".rstrip("/")
            is_problem(await world.send(resident(OBJECTOR), method, address, body), 404, "not-found")


async def test_the_representatives_agree_to_another_post_or_to_no_meeting(world: World) -> None:
    path, _ = await scheduled(world)
    other = await world.register("posts", "分管副区长", "government")
    asked = {"post_id": str(world.official.org), "to_post_id": str(other), "reason": "由分管领导应约。"}
    is_problem(await world.send(CLERK, "POST", f"{path}/reassignment", asked), 409, "no-representatives")
    await world.elect(path, 1, 2, 3)
    is_problem(await world.send(world.host, "POST", f"{path}/reassignment", asked), 403, "forbidden")
    proposal = f"/v1/proposals/{(await world.post(CLERK, f'{path}/reassignment', **asked))['id']}"
    for who, code in ((resident(4), "not-a-representative"), (CLERK, "forbidden")):
        is_problem(await world.send(who, "POST", f"{proposal}/voices", {"agrees": True}), 403, code)
    said = [world.send(resident(n), "POST", f"{proposal}/voices", {"agrees": True}) for n in (1, 1, 2, 2)]
    assert Counter(answer.status_code for answer in await asyncio.gather(*said)) == {200: 2, 409: 2}
    page = await world.get(CLERK, path)
    assert (page["called_post_ids"], page["phase"]) == ([str(other)], "accepted")
    assert [(p["kind"], p["status"], p["reason"]) for p in page["proposals"]] == [
        ("reassignment", "agreed", "由分管领导应约。")
    ]
    assert (await world.get(None, path))["proposals"] == []
    is_problem(await world.send(world.official, "POST", f"{path}/acknowledgement"), 403, "forbidden")
    successor = Person(Role.OFFICIAL, "successor", other)
    assert (await world.post(successor, f"{path}/acknowledgement"))["phase"] == "meeting"

    is_problem(
        await world.send(resident(4), "POST", f"{path}/waiver", {"reason": "已修好"}), 403, "not-a-representative"
    )
    waiver = f"/v1/proposals/{(await world.post(resident(1), f'{path}/waiver', reason='水泵已装好。'))['id']}"
    await world.post(resident(1), f"{waiver}/voices", agrees=True)
    assert (await world.post(resident(3), f"{waiver}/voices", agrees=True))["status"] == "agreed"
    page = await world.get(None, path)
    assert (page["phase"], page["meeting_waived"], page["meetings"][0]["status"]) == ("in_progress", True, "cancelled")
    done = await world.post(successor, f"{path}/response", text="水泵已装好。", outcome="done")
    assert done["phase"] == "answered"


async def test_the_brief_is_there_two_days_ahead_for_the_called_post_and_its_delegate(new_world: World) -> None:
    world = new_world
    earlier = await world.roadmap()
    await world.finish(await world.publish(earlier))
    await world.feedback(earlier)
    await world.judge(earlier, "yes")
    await world.post(CLERK, f"{earlier}/public-text", topic=TOPIC, details="每逢暴雨积水。")
    path, meeting = await scheduled(world)
    deputy = await delegate(world, path)
    await world.post(resident(1), f"{meeting}/agenda", text="<b>水泵</b>")
    await world.post(resident(OBJECTOR), f"{meeting}/objections", text="泵站太吵。")
    is_problem(await world.read(world.official, f"{meeting}/brief"), 409, "brief-not-due")
    world.clock.at += timedelta(days=3)
    for who in (world.host, resident(1), world.officer, Person(Role.OFFICIAL, "x", uuid4())):
        assert (await world.read(who, f"{meeting}/brief")).status_code == 403
    for who in (world.official, deputy, CLERK):
        brief = await world.get(who, f"{meeting}/brief")
    assert (brief["topic"], brief["host_opinion"], brief["signatures"]) == ("小区低洼地排涝改造", "情况属实。", 10)
    assert ([item["text"] for item in brief["agenda"]], brief["objections"]) == (["<b>水泵</b>"], ["泵站太吵。"])
    assert [(p["id"], p["outcome"]) for p in brief["earlier"]] == [(earlier[-36:], "resolved")]
    assert {clock["rule"] for clock in brief["clocks"]} == {"meeting", "response"}
    page = (await world.read(world.official, f"{meeting}/brief.html")).text
    assert "&lt;b&gt;水泵" in page
    assert "<b>" not in page
    assert f"{TOPIC}:已解决" in page


def events(calendar: str) -> list[Any]:
    return [*icalendar.Calendar.from_ical(calendar).walk("VEVENT")]


async def feed(world: World, who: Person) -> str:
    url = (await world.post(who, "/v1/calendar-feeds"))["url"]
    assert url.startswith("http://yuetan/v1/calendar-feeds/")
    return str(url)


async def test_each_finds_their_meetings_in_their_own_calendar(new_world: World) -> None:
    world = new_world
    path, meeting = await scheduled(world)
    deputy = await delegate(world, path)
    await world.post(world.host, f"{meeting}/invitations", unit_id=str(world.officer.org))
    others = [world.host, world.official, deputy, world.officer]
    feeds = {who: await feed(world, who) for who in (*others, resident(3), resident(4), resident(OBJECTOR))}
    await world.get(CLERK, meeting)  # what was said is shown by now
    shown = {who: (await world.client.get(url)).text for who, url in feeds.items()}
    assert {who: len(events(text)) for who, text in shown.items()} == {**dict.fromkeys(feeds, 1), resident(OBJECTOR): 0}

    # It says what it must, in two parsers, and to residents no more than that there is a meeting.
    (event,) = events(shown[world.official])
    (alike,) = vobject.readOne(shown[world.official]).vevent_list
    assert (str(event["SUMMARY"]), alike.summary.value) == ("点题约谈会", "点题约谈会")
    assert (
        event["DTSTART"].dt
        == alike.dtstart.value
        == datetime.fromisoformat((await world.get(CLERK, meeting))["starts_at"])
    )
    assert (str(event["LOCATION"]), alike.location.value) == ("划船社区议事厅", "划船社区议事厅")
    assert (int(event["SEQUENCE"]), str(event["STATUS"]), str(event["UID"])) == (0, "CONFIRMED", meeting[-36:])
    for word in ("约谈", "排涝", meeting[-36:], path[-36:]):
        assert word not in shown[resident(3)]
    (mine,), (theirs,) = events(shown[resident(3)]), events(shown[resident(4)])
    assert str(mine["SUMMARY"]) == "会议"
    assert str(mine["UID"]) != str(theirs["UID"])
    alone = await world.read(resident(3), f"{meeting}/calendar.ics")
    assert alone.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert [str(e["UID"]) for e in events(alone.text)] == [str(mine["UID"])]
    for who in (resident(OBJECTOR), CLERK, world.other_officer):
        assert (await world.read(who, f"{meeting}/calendar.ics")).status_code == 403

    # Moved and called off: the same entry, with a higher sequence.
    later = (world.clock.at + timedelta(days=9)).isoformat()
    await world.post(world.host, f"{meeting}/rescheduling", starts_at=later, venue="会议室;二楼", reason="台风。")
    await world.get(CLERK, meeting)
    (moved,) = events((await world.client.get(feeds[resident(3)])).text)
    assert (str(moved["UID"]), int(moved["SEQUENCE"])) == (str(mine["UID"]), 1)
    assert (moved["DTSTART"].dt.isoformat(), str(moved["LOCATION"])) == (later, "会议室;二楼")
    await world.post(world.host, f"{meeting}/cancellation", reason="改日。")
    await world.get(CLERK, meeting)
    (gone,) = events((await world.client.get(feeds[resident(3)])).text)
    assert (str(gone["UID"]), int(gone["SEQUENCE"]), str(gone["STATUS"])) == (str(mine["UID"]), 2, "CANCELLED")


async def test_a_feed_is_for_one_person_kept_as_digests_and_revoked(new_world: World) -> None:
    world = new_world
    await scheduled(world)
    first, staff = await feed(world, resident(3)), await feed(world, world.host)
    second = await feed(world, resident(3))
    assert (await world.client.get(first)).status_code == 404, "a new address makes the old one useless"
    assert (await world.client.get(second)).status_code == 200
    stored = str(await world.app.state.services.pool.fetch("SELECT * FROM calendar_feeds"))
    for told in (second.rpartition("/")[2], "resident", "host", str(world.host.org)):
        assert told not in stored
    is_problem(await world.send(CLERK, "POST", "/v1/calendar-feeds"), 403, "forbidden")
    is_problem(await world.send(None, "POST", "/v1/calendar-feeds"), 401, "unauthenticated", "Authorization")
    assert (await world.send(resident(3), "DELETE", "/v1/calendar-feeds/mine")).status_code == 204
    is_problem(await world.send(resident(3), "DELETE", "/v1/calendar-feeds/mine"), 404, "not-found")
    for gone in (second, f"{second}x", "/v1/calendar-feeds/x"):
        is_problem(await world.client.get(gone), 404, "not-found")
    assert (await world.client.get(staff)).status_code == 200


async def test_the_feed_of_whoever_is_erased_is_gone(new_world: World, pool: asyncpg.Pool) -> None:
    world = new_world
    _, meeting = await scheduled(world)
    url = await feed(world, resident(3))
    await world.get(CLERK, meeting)  # it is shown by now
    assert len(events((await world.client.get(url)).text)) == 1
    async with pool.acquire() as conn:
        await world.app.state.services.people.close(conn, resident(3).subject)
    for _ in range(2):
        is_problem(await world.client.get(url), 404, "not-found")
    assert await pool.fetchval("SELECT count(*) FROM calendar_feeds") == 0
