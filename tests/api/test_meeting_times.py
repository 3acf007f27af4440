"""When a called meeting could be held: see api/meeting_times.py."""

from datetime import datetime, timedelta

from domain.calendar import CHINA
from tests.api.checks import is_problem
from tests.api.world import AUDITOR, CLERK, World, resident


async def proposed(world: World, path: str) -> list[datetime]:
    times = await world.get(world.official, f"{path}/meeting-times")
    return [datetime.fromisoformat(at).astimezone(CHINA) for at in times]


async def test_times_lie_on_working_days_before_the_meeting_is_due(world: World) -> None:
    path = await world.accepted()
    found = await proposed(world, path)
    today = world.clock.at.astimezone(CHINA)
    assert len(found) == 9
    assert found == sorted(found)
    assert found[0].date() == (today + timedelta(days=1)).date()
    assert all(at.weekday() < 5 and at.strftime("%H:%M") in ("09:30", "14:30", "19:00") for at in found)
    (due,) = [clock["due_at"] for clock in (await world.get(CLERK, path))["clocks"] if clock["rule"] == "meeting"]
    world.clock.at = datetime.fromisoformat(due) - timedelta(days=1)
    left = await proposed(world, path)
    assert {at.date() for at in left} == {world.clock.at.astimezone(CHINA).date() + timedelta(days=1)} or not left


async def test_no_time_is_proposed_at_which_somebody_meets_elsewhere(world: World) -> None:
    path, other = await world.accepted(), await world.accepted()
    taken = (await proposed(world, path))[1]
    await world.post(
        world.host, f"{other}/meetings", starts_at=(taken + timedelta(minutes=30)).isoformat(), venue="议事厅"
    )
    found = await proposed(world, path)
    assert taken not in found
    assert len(found) == 9


async def test_times_are_told_to_those_who_arrange_the_meeting(world: World) -> None:
    path = f"{await world.accepted()}/meeting-times"
    stranger = world.official._replace(org=await world.register("posts", "副区长", "government"))
    assert (await world.read(world.host, path)).status_code == 200
    is_problem(await world.read(stranger, path), 404, "not-found")
    for who in (CLERK, AUDITOR, resident(1)):
        is_problem(await world.read(who, path), 403, "forbidden")
    assert (await world.read(None, path)).status_code == 401
