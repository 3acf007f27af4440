"""The ordinary course, told through the HTTP API by everybody who has a part in it."""

from typing import Any

import httpx
import pytest

from api.demo.district import District, Person, Refused
from tests.stories.story import AUDITOR, CLERK, DETAILS, SUPERVISOR, TOPIC, Story

NOBODY = Person("unit_officer", "stranger", "00000000-0000-4000-8000-000000000000")


async def test_a_petition_is_told_from_its_first_signature_to_its_judged_end(people: District) -> None:
    before = await people.get(AUDITOR, "/v1/statistics")
    story = await Story.opened(people)
    lead, second = story.residents[:2]
    other = Person("resident", "somebody-else")

    # While signatures are collected the public sees nothing, and the host waits for the tenth.
    assert await _public(story) == 404
    assert (await story.page(second))["topic"] == TOPIC
    assert await _waiting(story, story.host) == []
    await story.sign()
    assert await _waiting(story, story.host) == ["opinion"]

    # The host gives its opinion, and the clerks have it.
    await story.submit()
    assert await _waiting(story, story.host) == []
    assert await _waiting(story, CLERK) == ["admissibility", "public_text"]
    assert await _public(story) == 404
    await story.accept()
    assert await _waiting(story, CLERK) == []

    # Admitted: the public reads the clerk's text, those who handle it read it as it was written.
    public = await _public_page(story)
    assert (public["public_topic"], public["topic"], public["details"]) == (TOPIC, None, None)
    assert DETAILS not in str(public)
    for who in (lead, story.host, story.official, CLERK, SUPERVISOR, AUDITOR):
        assert (await story.page(who))["details"] == DETAILS
    for who in (other, story.officer, NOBODY):
        assert (await story.page(who))["details"] is None

    # The called post acknowledges, the host arranges the meeting; it is held, and a roadmap is due.
    assert await _waiting(story, story.official) == ["acknowledge"]
    assert await _waiting(story, story.host) == ["arrange_meeting"]
    await story.meet()
    assert await _waiting(story, story.host) == []
    assert await _waiting(story, story.official) == ["roadmap"]
    assert (await _public_page(story))["meetings"][0]["minutes"] is None
    assert (await story.page(lead))["meetings"][0]["minutes"]

    # The workflow offers the task; the unit claims it, does it, and the official confirms.
    task = await story.plan()
    assert await _waiting(story, story.officer) == ["claim"]
    assert (await story.page(story.officer))["details"] == DETAILS
    await people.post(story.officer, f"{task}/claim")
    assert await _waiting(story, story.officer) == ["task"]
    await people.post(story.officer, f"{task}/completion", report="水泵已安装。")
    assert await _waiting(story, story.officer) == []
    assert await _waiting(story, story.official) == ["answer", "confirm"]
    await people.post(story.official, f"{task}/confirmation")
    assert await _waiting(story, story.official) == ["answer"]
    await story.answer()

    # Nobody sees how the residents judge until the last of them has.
    page = await story.until("feedback")
    assert await _waiting(story, story.official) == []
    assert page["feedback"] == [_tally(invited=10)]
    await story.post(lead, "feedback", contacted=True, resolved="no", satisfied=False, comment="仍有积水。")
    assert (await story.page(story.official))["feedback"] == [_tally(invited=10)]
    for resident in story.residents[1:]:
        await story.post(resident, "feedback", contacted=True, resolved="yes", satisfied=True)
    page = await story.until("closed")
    assert page["outcome"] == "resolved"
    assert page["feedback"] == [
        _tally(invited=10, concluded=True, judged=10)
        | {"contacted": 10, "resolved_yes": 9, "resolved_partly": 0, "resolved_no": 1, "satisfied": 9}
    ]
    assert await _waiting(story, CLERK) == await _waiting(story, story.host) == []

    # What is counted, with its denominators.
    after = await people.get(AUDITOR, "/v1/statistics")
    assert _grown(before, after, "response", "answered") == _grown(before, after, "response", "in_time") == 1
    assert _grown(before, after, "resolution", "resolved") == _grown(before, after, "resolution", "judged") == 1
    assert _grown(before, after, "satisfaction", "satisfied") == 9
    assert _grown(before, after, "satisfaction", "judged") == _grown(before, after, "satisfaction", "invited") == 10

    # The whole history for the auditor; no row of it tells of one resident, and the public's has no texts.
    told = await _history(story, AUDITOR)
    # The brief is released two days ahead: here at once, as soon as the workflow gets round to it.
    assert [entry["type"] for entry in told if entry["type"] != "meeting.BriefReleased"] == [
        "petition.Opened",
        "petition.ThresholdReached",
        "petition.HostOpinionGiven",
        "petition.Submitted",
        "petition.Accepted",
        "petition.Called",
        "petition.PublicTextIssued",
        "petition.CallAcknowledged",
        "meeting.Scheduled",
        "petition.MeetingArranged",
        "meeting.Held",
        "meeting.MinutesDrafted",
        "petition.MeetingHeld",
        "meeting.MinutesConfirmed",
        "meeting.MinutesConfirmed",
        "petition.RoadmapPublished",
        "task.Offered",
        "task.Claimed",
        "task.Completed",
        "task.Confirmed",
        "petition.Answered",
        "petition.FeedbackInvited",
        "petition.Closed",
    ]
    shown = (await people.client.get(f"{story.path}/history", params={"limit": 200})).json()["items"]
    assert {entry["type"] for entry in shown} < {entry["type"] for entry in told}
    assert all(entry["texts"] == {} and entry["version"] is entry["command_id"] is None for entry in shown)
    state = await people.get(AUDITOR, f"{story.path}/state", as_of=told[4]["recorded_at"])
    assert (state["state"][0]["phase"], state["state"][0]["signatures"]) == ("accepted", 10)


async def test_a_petition_about_conduct_is_seen_by_those_who_handle_it_only(people: District) -> None:
    story = await Story.opened(people, category="conduct")
    await story.sign()
    await story.submit()
    await story.accept()
    assert await _public(story) == 404
    for who in (Person("resident", "somebody-else"), NOBODY, story.officer, Person("host_staff", "x", NOBODY.org)):
        with pytest.raises(Refused) as refused:
            await story.page(who)
        assert refused.value.status == 404
        assert story.id not in str(await people.get(who, "/v1/petitions"))
    for path in ("history", "state"):
        assert (await people.client.get(f"{story.path}/{path}")).status_code in (401, 404)
    assert (await story.page(story.residents[3]))["details"] == DETAILS
    assert (await story.page(story.official))["phase"] == "accepted"


async def _waiting(story: Story, who: Person) -> list[str]:
    """What this petition has in somebody's inbox."""
    found = await story.district.get(who, "/v1/inbox", limit=200)
    return [item["kind"] for item in found["items"] if item["petition_id"] == story.id]


async def _history(story: Story, who: Person) -> list[dict[str, Any]]:
    """All of it, page by page."""
    told: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 5}
    while True:
        page = await story.district.get(who, f"{story.path}/history", **query)
        told += page["items"]
        if page["next"] is None:
            return told
        query["cursor"] = page["next"]


async def _public(story: Story) -> int:
    return (await _anonymous(story)).status_code


async def _public_page(story: Story) -> dict[str, Any]:
    page: dict[str, Any] = (await _anonymous(story)).raise_for_status().json()
    return page


async def _anonymous(story: Story) -> httpx.Response:
    return await story.district.client.get(story.path, params={"after": story.district.position})


def _tally(*, invited: int, concluded: bool = False, judged: int | None = None) -> dict[str, Any]:
    unknown = dict.fromkeys(("contacted", "resolved_yes", "resolved_partly", "resolved_no", "satisfied"))
    known = {"round": 1, "delivery": False, "invited": invited, "concluded": concluded, "judged": judged}
    return known | unknown | {"fewer_than_five": False}


def _grown(before: dict[str, Any], after: dict[str, Any], rate: str, figure: str) -> int:
    grown: int = after[rate][figure] - before[rate][figure]
    return grown
