"""A roadmap worked off when units do not agree: objections, mandates, a transfer, a revision, a vote, a pause."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from api.demo.district import District, Person, Refused
from tests.stories.story import ADMIN, CLERK, Story, registered

OBJECTION = {"reason": "此配电箱属供电公司资产。", "basis": "产权分界协议第三条"}


async def two_bureaus(story: Story) -> tuple[Person, Person, Person]:
    """An officer of a second unit, the leader in charge of it, and the mayor above both units."""
    people = story.district
    other = Person("unit_officer", "other", await registered(people, "units", "区城管局", "department"))
    mayor = Person("official", "mayor", await registered(people, "posts", "区长", "government"))
    leader = Person("official", "leader", await registered(people, "posts", "分管副区长", "government"))
    await people.send(ADMIN, "PUT", f"/v1/posts/{leader.org}/superior", superior_id=mayor.org)
    await people.send(ADMIN, "PUT", f"/v1/posts/{leader.org}/charge", unit_ids=[other.org])
    await people.send(ADMIN, "PUT", f"/v1/units/{other.org}/superior", superior_id=leader.org)
    await people.send(ADMIN, "PUT", f"/v1/units/{story.officer.org}/superior", superior_id=mayor.org)
    await people.get(ADMIN, "/v1/posts")  # the directory has caught up
    return other, leader, mayor


async def refused(code: str, story: Story, who: Person, path: str, **body: Any) -> None:
    with pytest.raises(Refused) as told:
        await story.district.post(who, path, **body)
    assert told.value.problem["type"] == f"/problems/{code}"


async def test_a_roadmap_is_worked_off_though_units_object_plans_change_and_owners_vote(people: District) -> None:
    story = await Story.opened(people)
    other, leader, mayor = await two_bureaus(story)
    await story.sign()
    await story.submit()
    await story.accept()
    await story.meet()
    task = await story.plan()

    # The unit objects; the called leader is not in charge of the other one, whose leader signs the mandate.
    await people.post(story.officer, f"{task}/objection", **OBJECTION)
    mandate = {"unit_id": other.org, "reason": "按职责由城管局办理。"}
    await refused("no-authority", story, story.official, f"{task}/mandate", **mandate)
    await people.post(leader, f"{task}/mandate", **mandate)

    # That one objects too: the mayor decides, and the first receiver answers for the task meanwhile.
    contested = await people.post(other, f"{task}/objection", **OBJECTION)
    assert (contested["superior_id"], contested["lead_unit_id"]) == (mayor.org, story.officer.org)
    await people.post(story.officer, f"{task}/progress", percent=10, note="先行处置。")
    await refused("forbidden", story, leader, f"{task}/mandate", **mandate)
    await people.post(mayor, f"{task}/mandate", unit_id=story.officer.org, reason="以产权协议为准。")
    await refused("decided", story, story.officer, f"{task}/objection", **OBJECTION)

    # A task comes in by a revision; the workflow offers it. It costs money, and the owners must agree.
    page = await story.page()
    names = ("title", "lead_unit_id", "supporting_unit_ids", "due_on")
    row = {"task_id": task[-36:]} | {name: page["tasks"][0][name] for name in names}
    due_on = (date.today() + timedelta(days=9)).isoformat()  # noqa: DTZ011 - some day soon
    pump: dict[str, Any] = {"title": "加装水泵", "lead_unit_id": story.officer.org, "due_on": due_on}
    pump |= {"cost_fen": 90_000_00, "money_source": "维修资金", "vote_needed": True}
    await people.send(story.official, "PUT", f"{story.path}/roadmap", tasks=[row, pump], reason="居民要求加装水泵。")
    page = await people.until(CLERK, story.path, lambda page: "offered" in [t["status"] for t in page["tasks"]])
    second = f"/v1/tasks/{page['tasks'][1]['id']}"

    # It is handed on, and taken over by a claim.
    await people.post(story.officer, f"{second}/transfer", unit_id=other.org, reason="水泵由城管局养护。")
    await refused("forbidden", story, story.officer, f"{second}/claim")
    taken = await people.post(other, f"{second}/claim")
    assert (taken["lead_unit_id"], taken["transfer_to"]) == (other.org, None)

    # Suspended, all stands still; resumed, clocks and dates have moved.
    await story.post(story.official, "suspension", reason="等待上级批复。")
    await refused("suspended", story, other, f"{second}/completion", report="已完成。")
    await story.post(story.official, "resumption")
    moved = await people.get(other, second)
    assert datetime.fromisoformat(moved["clock"]["due_at"]) > datetime.fromisoformat(taken["clock"]["due_at"])

    # The owners vote, shown by a file; then it can be completed.
    await refused("vote-pending", story, other, f"{second}/completion", report="已完成。")
    photo = b"\xff\xd8\xff" + uuid4().bytes
    sent = await people.client.post(
        f"{second}/evidence",
        files={"file": ("表决结果.jpg", photo)},
        data={"stage": "vote"},
        headers={"Authorization": f"Bearer {people.token(story.host.role, story.host.subject, story.host.org)}"},
    )
    assert sent.status_code == 201, sent.text
    votes: dict[str, Any] = {"passed": True, "in_favour": 60, "against": 4, "entitled": 80}
    voted_on = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    digest = sha256(photo).hexdigest()
    await people.post(story.host, f"{second}/votes", **votes, voted_on=voted_on, digest=digest)
    for officer, path in ((story.officer, task), (other, second)):
        await people.post(officer, f"{path}/completion", report="已完成。")
        await people.post(story.official, f"{path}/confirmation")

    page = await story.page()
    assert (page["progress"], [r["version"] for r in page["roadmaps"]]) == (100, [1, 2])
    await story.answer()
    await story.judge()
    assert (await story.until("closed"))["outcome"] == "resolved"
