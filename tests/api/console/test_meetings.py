"""The page of a called meeting, from its arrangement to confirmed minutes; and the forms that others than its own may
not use."""

import re
from datetime import timedelta
from uuid import uuid4

from domain.calendar import CHINA
from domain.command import Role
from tests.api.console.tab import Forms, Tab
from tests.api.console.test_register import catch_up
from tests.api.test_meetings import OBJECTOR, begin, scheduled
from tests.api.world import CLERK, World, resident

AS_TYPED = "%Y-%m-%dT%H:%M"


def host(world: World) -> str:
    return f"host_staff-{world.host.org}"


def official(world: World) -> str:
    return f"official-{world.official.org}"


def page(meeting: str) -> str:
    return meeting.removeprefix("/v1")


async def test_the_host_arranges_a_meeting_from_the_desk(world: World, tab: Tab) -> None:
    path = await world.accepted()
    await world.post(world.official, f"{path}/acknowledgement")
    await world.get(CLERK, path)
    await tab.be(host(world), "/desk")
    address = f"/do/meeting/{path[-36:]}"
    assert f'href="{address}?then=/desk"' in tab.html
    await tab.open(address)
    starts_at = (world.clock.at + timedelta(days=5)).astimezone(CHINA).strftime(AS_TYPED)
    past = (world.clock.at - timedelta(days=5)).astimezone(CHINA).strftime(AS_TYPED)
    for at, told in ((past, "会议时间须在将来"), ("morgen", "时间格式")):
        assert (await tab.fill(starts_at=at, venue="议事厅𠮷")).status_code == 422
        assert told in tab.html
        assert 'value="议事厅𠮷"' in tab.html
    form = tab.html
    for _ in range(2):
        tab.html = form
        answer = await tab.fill(starts_at=starts_at, venue="议事厅𠮷")
        assert answer.url.path.startswith("/meetings/")
        assert starts_at.replace("T", " ") in tab.html
        assert "议事厅𠮷" in tab.html
    assert len((await world.get(CLERK, path))["meetings"]) == 1
    await catch_up(world)
    await tab.open("/desk")
    assert f'href="{answer.url.path}"' in tab.html  # it is there, and its page is where one goes on


async def test_before_the_meeting_it_is_moved_units_are_invited_and_objections_taken_up(world: World, tab: Tab) -> None:
    path, meeting = await scheduled(world)
    await world.post(resident(OBJECTOR), f"{meeting}/objections", text="泵站太吵。")
    await world.get(CLERK, meeting)
    await tab.be(host(world), page(meeting))
    assert "泵站太吵。" in tab.html
    await tab.fill(f"/do/taking-up/{meeting[-36:]}")
    assert "异议已列入议程" in tab.html
    assert "/do/taking-up" not in tab.html
    await tab.open(f"/do/invitation/{meeting[-36:]}")
    await tab.fill(unit_id=str(world.officer.org))
    assert "区住建局" in tab.html
    await tab.open(f"/do/agenda/{meeting[-36:]}")
    await tab.fill(text="水泵何时安装?<b>")
    assert "水泵何时安装?&lt;b&gt;" in tab.html
    await tab.open(f"/do/rescheduling/{meeting[-36:]}")
    await tab.fill(venue="会议室", reason="台风。")
    assert "会议室" in tab.html
    assert "已改期 1 次" in tab.html
    assert "/do/minutes/" not in tab.html  # it has not begun
    await tab.open(f"/do/cancellation/{meeting[-36:]}")
    await tab.fill(reason="改日再约。")
    assert "已取消" in tab.html
    assert "/do/" not in tab.html
    await tab.open(f"/petitions/{path[-36:]}")
    assert f"/do/meeting/{path[-36:]}" in tab.html  # another is to be arranged


async def test_after_the_meeting_its_minutes_are_written_by_rows_corrected_and_confirmed(
    world: World, tab: Tab
) -> None:
    path, meeting = await scheduled(world)
    await world.elect(path, 1, 2, 3)
    await begin(world, meeting)
    id = meeting[-36:]
    await tab.be(host(world), page(meeting))
    await tab.open(f"/do/attendance/{id}")
    await tab.fill(post_ids=[str(world.official.org)], representatives="2", residents="9")
    assert "到会人数已登记" in tab.html

    # By rows: what is wrong stands at its own; more rows lose nothing; empty ones count for nothing.
    await tab.open(f"/do/minutes/{id}")
    due_on = (world.clock.at + timedelta(days=20)).date().isoformat()
    rows = {
        "minutes": "答应装一台水泵。🌧",
        "commitments-1-what": "加装水泵一台",
        "commitments-1-unit_id": str(world.officer.org),
        "commitments-1-due_on": due_on,
        "commitments-2-what": "清淤",
        "commitments-2-unit_id": str(world.officer.org),
        "commitments-2-due_on": "2020-01-01",
    }
    await tab.fill(f"/do/minutes/{id}", more="more", **rows)
    assert tab.html.count('-what" name=') == 3
    assert "答应装一台水泵。🌧" in tab.html
    assert (await tab.fill(f"/do/minutes/{id}")).status_code == 422
    assert 'id="wrong-commitments-1-due_on"' in tab.html
    assert (await world.get(CLERK, meeting))["status"] == "scheduled"
    form = tab.html
    for _ in range(2):
        tab.html = form
        await tab.fill(f"/do/minutes/{id}", **{"commitments-1-due_on": due_on})
        assert "会议已召开" in tab.html
    shown = await world.get(CLERK, meeting)
    assert [row["what"] for row in shown["commitments"]] == ["加装水泵一台", "清淤"]
    assert shown["present"] == {"post_ids": [str(world.official.org)], "representatives": 2, "residents": 9}

    # A correction is taken in: the form brings what there is, the draft is another one.
    await world.post(resident(1), f"{meeting}/corrections", text="说的是两台。")
    await world.get(CLERK, meeting)
    await tab.open("/desk")
    await tab.open(f"/do/minutes-again/{id}")
    assert "说的是两台。" in tab.html
    values = next(values for to, values in Forms(tab.html).found if to.startswith("/do/"))
    assert [values[f"commitments-{n}-what"] for n in range(2)] == [["加装水泵一台"], ["清淤"]]
    assert [values[f"commitments-{n}-unit_id"] for n in range(2)] == [[str(world.officer.org)]] * 2
    await tab.fill(minutes="答应装两台水泵。")
    assert "答应装两台水泵。" in tab.html

    # The leader and the representatives confirm; who does not speak for the others is not asked.
    await tab.be(official(world), page(meeting))
    await tab.fill(f"/do/minutes-confirmation/{id}")
    assert "应约领导已确认" in tab.html
    await tab.be("resident-5", page(meeting))
    assert "答应装两台水泵。" in tab.html
    assert "/do/my-confirmation" not in tab.html
    for n in (1, 2):
        await tab.be(f"resident-{n}", page(meeting))
        assert f"/do/my-confirmation/{id}" in tab.html
        await tab.open(f"/do/my-confirmation/{id}")
        await tab.fill(f"/do/my-confirmation/{id}")
    await tab.open(page(meeting))
    assert "双方已确认" in tab.html
    assert "/do/" not in tab.html
    await tab.open(page(meeting).replace("/meetings/", "/do/minutes-again/"))
    assert (await world.get(CLERK, meeting))["minutes_status"] == "confirmed"


async def test_others_see_when_it_is_and_no_more(world: World, tab: Tab) -> None:
    path, meeting = await scheduled(world)
    await world.get(CLERK, meeting)
    elsewhere = await world.register("hosts", "别的社区", "community")
    token = world.issuer.token(Role.HOST_STAFF, "elsewhere", elsewhere)
    await tab.open(page(meeting))
    for _ in range(2):
        assert "点题约谈会议" in tab.html
        assert "划船社区议事厅" not in tab.html
        assert "/do/" not in tab.html
        await tab.bring(token, page(meeting))
    await tab.open(f"/do/rescheduling/{meeting[-36:]}")
    answer = await tab.fill(starts_at="2026-03-20T09:00", venue="别处", reason="冒名")
    assert answer.status_code == 403
    assert (await world.get(CLERK, meeting))["rescheduled"] == 0
    await tab.be("resident-12", page(meeting))
    await tab.open(f"/do/my-objection/{meeting[-36:]}")
    await tab.fill(text="泵站太吵。")
    assert "异议已收到" in tab.html
    assert "泵站太吵。" not in tab.html
    assert (await tab.open(f"/meetings/{path[-36:]}")).status_code == 404


async def test_the_brief_is_printed_for_the_called_leader_when_it_is_due(world: World, tab: Tab) -> None:
    _, meeting = await scheduled(world)
    await world.get(CLERK, meeting)
    await tab.be(official(world), page(meeting))
    assert "/brief" not in tab.html
    assert (await tab.open(f"{page(meeting)}/brief")).status_code == 409
    world.clock.at += timedelta(days=4)
    await tab.be(official(world), page(meeting))
    assert f'href="{page(meeting)}/brief"' in tab.html
    answer = await tab.open(f"{page(meeting)}/brief")
    assert "点题约谈会议简报" in tab.html
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    await tab.be(host(world))
    assert (await tab.open(f"{page(meeting)}/brief")).status_code == 403


async def test_at_the_door_a_ticket_counts_once_and_a_used_one_is_refused_in_big_letters(
    world: World, tab: Tab
) -> None:
    path, meeting = await scheduled(world)
    await world.elect(path, 1, 2, 3)
    await world.get(CLERK, meeting)
    await tab.be("resident-4", page(meeting))
    assert f'href="{page(meeting)}/ticket"' in tab.html
    await tab.open(f"{page(meeting)}/ticket")
    assert "<svg" in tab.html
    shown = re.search(r"<code>(\d{4} \d{4})</code>", tab.html)
    assert shown
    tokens = [(await world.get(resident(n), f"{meeting}/ticket"))["token"] for n in (1, 2)]
    await tab.be("resident-12", f"{page(meeting)}/ticket")
    assert "<svg" not in tab.html  # who neither signed nor objected

    await tab.be(host(world), page(meeting))
    await tab.open(f"{page(meeting)}/door")
    await tab.fill(token=shown[1])
    assert 'class="refused" role="alert">签到自' in tab.html  # the doors are not open yet
    await begin(world, meeting)
    await tab.be(host(world), f"{page(meeting)}/door")
    for read in (tokens[0], shown[1], tokens[1]):
        await tab.fill(token=read)
        assert "签到成功" in tab.html
        assert read not in tab.html
    assert re.findall(r"<dd>(\d+)</dd>", tab.html) == ["0", "2", "1"]
    for again in (shown[1].replace(" ", ""), tokens[0]):
        assert (await tab.fill(token=again)).status_code == 409
        assert 'class="refused" role="alert">此签到码已使用' in tab.html
        assert re.findall(r"<dd>(\d+)</dd>", tab.html) == ["0", "2", "1"]
    assert (await tab.fill(token="别的")).status_code == 422
    assert (await world.get(CLERK, meeting))["present"]["residents"] == 1
    for n in (1, 2, 4):
        assert f"resident-{n}" not in tab.html


async def test_the_door_is_the_hosts_own(world: World, tab: Tab) -> None:
    _, meeting = await scheduled(world)
    token = (await world.get(resident(4), f"{meeting}/ticket"))["token"]
    await begin(world, meeting)
    elsewhere = world.issuer.token(Role.HOST_STAFF, "elsewhere", uuid4())
    await tab.bring(elsewhere, f"{page(meeting)}/door")
    assert (await tab.fill(token=token)).status_code == 403
    assert (await world.get(CLERK, meeting))["present"]["residents"] == 0


async def test_a_calendar_address_is_shown_once(world: World, tab: Tab) -> None:
    _, meeting = await scheduled(world)
    await world.get(CLERK, meeting)
    await tab.be(host(world), page(meeting))
    await tab.fill("/do/calendar-feed")
    found = re.search(r'value="http://yuetan(/v1/calendar-feeds/[^"]+)"', tab.html)
    assert found
    assert "BEGIN:VEVENT" in (await tab.client.get(found[1])).text
    await tab.open(page(meeting))
    assert found[1] not in tab.html
