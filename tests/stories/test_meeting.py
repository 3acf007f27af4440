"""The called meeting on the whole engine: what its clocks bring about by themselves, and what it leads to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from api.demo.district import District
from tests.stories.story import CLERK, Story


async def test_the_brief_comes_by_itself_and_an_attended_meeting_gives_the_roadmap(people: District) -> None:
    story = await Story.opened(people)
    await story.sign()
    await story.submit()
    await story.accept()
    await story.post(story.official, "acknowledgement")
    starts_at = datetime.now(UTC) + timedelta(days=1)
    meeting = await story.post(story.host, "meetings", starts_at=starts_at.isoformat(), venue="社区议事厅")
    path = f"/v1/meetings/{meeting['id']}"

    def briefed(inbox: dict[str, Any]) -> bool:
        return any(item["kind"] == "brief" and item["meeting_id"] == meeting["id"] for item in inbox["items"])

    await people.until(story.official, "/v1/inbox?limit=200", briefed)
    assert (await people.get(story.official, f"{path}/brief"))["host_opinion"] == "情况属实。"

    # Moved by more than two days, it is to be released again, and is not there before.
    later = datetime.now(UTC) + timedelta(days=3)
    await people.post(story.official, f"{path}/rescheduling", starts_at=later.isoformat(), venue="厅", reason="改期。")
    assert not briefed(await people.get(story.official, "/v1/inbox", limit=200))

    # The doors are open two hours before; a code counts for whoever shows it first.
    soon = datetime.now(UTC) + timedelta(hours=1)
    await people.post(story.official, f"{path}/rescheduling", starts_at=soon.isoformat(), venue="厅", reason="提前。")
    await people.until(story.official, "/v1/inbox?limit=200", briefed)
    token = (await people.get(story.residents[4], f"{path}/ticket"))["token"]
    state = await people.post(story.host, f"{path}/attendance", token=token)
    assert (state["present"]["resident"], state["rescheduled"]) == (1, 2)
    page = await people.get(CLERK, story.path)
    assert (page["phase"], page["meetings"][0]["rescheduled"]) == ("meeting", 2)
