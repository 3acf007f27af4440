"""Admissibility on the whole engine: what waits to be amended, is split, urgent, referred, and goes on."""

from api.demo.district import District
from tests.stories.story import CLERK, DETAILS, TOPIC, Story

PARTS = {
    "topic": TOPIC,
    "details": DETAILS,
    "other_topic": "楼道路灯",
    "other_details": "路灯不亮。",
    "other_category": "grievance",
}


async def test_a_rejected_petition_is_amended_split_and_each_part_goes_its_way(people: District) -> None:
    story = await Story.opened(people)
    lead, second = story.residents[:2]
    await story.sign()
    await story.submit()
    await story.post(CLERK, "rejection", reason_code="no_concrete_topic", explanation="请写明地点。")
    assert (await story.page(second))["rejection"]["explanation"] == "请写明地点。"
    await story.post(lead, "refiling", topic=TOPIC, details=f"{DETAILS}楼道路灯也不亮。")

    await story.post(CLERK, "split", **PARTS)
    other = f"/v1/petitions/{(await story.post(lead, 'split/agreement'))['id']}"
    assert (await people.get(second, other))["details"] == "路灯不亮。"

    # One is referred to a unit, which acknowledges it; the other is urgent, and told to its judged end.
    await people.post(CLERK, f"{other}/referral", unit_id=story.officer.org, explanation="属该局职责。")
    await people.post(
        story.officer, f"{other}/receipt", number="住建收〔2026〕5号", received_by="信访科", received_on="2026-01-05"
    )
    receipt = await people.get(second, f"{other}/receipt")
    assert (receipt["number"], receipt["received_on"]) == ("住建收〔2026〕5号", "2026-01-05")
    await story.post(story.host, "urgency", reason="台风将至。")
    await story.accept()
    assert "urgent" in _rules(await story.page())
    await story.post(story.official, "response", text="抽水泵已到场。", interim=True)
    await people.until(CLERK, story.path, lambda page: "urgent" not in _rules(page))
    await story.meet()
    await story.work(await story.plan())
    await story.answer()
    await story.judge()
    assert (await story.until("closed"))["outcome"] == "resolved"


async def test_what_is_urgent_but_can_wait_collects_signatures_and_is_submitted_by_the_clock(people: District) -> None:
    story = await Story.opened(people)
    await story.post(story.host, "urgency", reason="消防通道被堵。")
    assert (await story.page())["phase"] == "submitted"
    await story.post(CLERK, "urgency/lifting", reason="已疏通。")
    assert (await story.page())["phase"] == "collecting"
    await story.sign()
    await story.until("submitted")  # by the workflow, when the host has said nothing in its window
    assert (await people.client.get(story.path)).status_code == 404


def _rules(page: dict[str, list[dict[str, str]]]) -> set[str]:
    return {clock["rule"] for clock in page["clocks"]}
