"""The timeline tells every event once, to those it may be told to, without saying who signed or judged."""

from datetime import UTC, datetime
from typing import Any

from domain.appointment import Appointment
from domain.directory import Host, Post, Unit
from domain.extension import Extension
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Phase
from domain.proposal import Proposal
from domain.rulebook import Rulebook
from domain.task import Task
from domain.webhook import Webhook
from infra.mapper import mapper
from projections import timeline
from projections.board import Viewer
from tests.domain.story import CLERK, WORKFLOW, given, id_of, resident, text
from tests.projections.conftest import Mirror, topics_of

UNTOLD = {
    "petition.CoSigned",
    "petition.CoSignatureWithdrawn",
    "petition.CoSignatureRepeated",
    "petition.CoSignatureContested",
    "petition.CoSignatureInvalidated",
    "petition.WithdrawalsMounted",
    "petition.SupervisorAlerted",
    "petition.AlertHeeded",
    "petition.FeedbackGiven",
    "meeting.AttendanceRecorded",
}


THRESHOLD = "petition.ThresholdReached"


async def told(mirror: Mirror, *, handler: bool = True) -> list[dict[str, Any]]:
    rows, following = await timeline.history(mirror.pool, id_of("petition"), handler=handler, limit=200)
    assert following is None
    return rows


async def test_every_event_of_a_petition_is_told_but_single_signatures_and_judgements(mirror: Mirror) -> None:
    story = given(Phase.CLOSED)
    await mirror.show(story)
    log = [e for e in await mirror.store.select_notifications(1, 1000) if e.topic not in UNTOLD]
    log = [e for e in log if e.topic.split(".")[0] in ("petition", "meeting", "task")]
    rows = await told(mirror)
    assert [(r["position"], r["type"]) for r in rows] == [(e.id, e.topic) for e in log]
    own = [r["version"] for r in rows if r["subject_id"] == story.petition.id and r["type"] != THRESHOLD]
    assert own == [*range(1, len(own) + 1)]  # no gap where somebody signed or judged
    assert [(r["recorded_at"], r["subject_id"]) for r in rows] == [(e.recorded_at, e.originator_id) for e in log]
    events: list[Any] = [mapper.to_domain_event(e) for e in log]
    assert [(r["at"], r["role"], r["command_id"]) for r in rows] == [
        (e.timestamp, e.role, e.command_id) for e in events
    ]


async def test_each_row_says_how_many_had_signed(mirror: Mirror) -> None:
    story = given(Phase.COLLECTING, signatures=10)
    story.sign(12)
    story.do(story.petition.withdraw_signature, resident(5))
    story.submit()
    await mirror.show(story)
    assert [(row["type"], row["signatures"]) for row in await told(mirror)] == [
        ("petition.Opened", 1),
        ("petition.ThresholdReached", 10),
        ("petition.HostOpinionGiven", 11),
        ("petition.Submitted", 11),
    ]


async def test_facts_are_readable_and_texts_stay_sealed(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    await mirror.show(story)
    rows = {row["type"]: row for row in await told(mirror)}
    opened, offered = rows["petition.Opened"], rows["task.Offered"]
    assert opened["data"]["called_post_ids"] == [str(id_of("post")), str(id_of("second post"))]
    assert opened["data"]["signing"]["rule"] == "signing"
    assert opened["texts"] == {"topic": text("topic"), "details": text("details")}
    assert offered["data"]["due_on"] == story.items()[0].due_on.isoformat()
    assert rows["meeting.Held"]["texts"] == {"minutes": text("minutes")}


async def test_the_public_is_not_told_what_only_concerns_those_who_handle_it(mirror: Mirror) -> None:
    story = given(Phase.ACCEPTED)
    due_at = story.petition.clocks["meeting"].due_at
    story.do(story.petition.remind, WORKFLOW, rule="meeting", due_at=due_at)
    await mirror.show(story)
    handlers = {row["type"] for row in await told(mirror)}
    public = {row["type"] for row in await told(mirror, handler=False)}
    assert handlers - public == {"petition.HostOpinionGiven", "petition.Reminded"}


async def test_history_as_of_a_moment_ends_there_and_pages_are_complete(mirror: Mirror) -> None:
    story = given(Phase.ACCEPTED)
    await mirror.show(story)
    then = datetime.now(UTC)
    before = await told(mirror)
    story.acknowledge()
    await mirror.show(story)
    rows, _ = await timeline.history(mirror.pool, id_of("petition"), handler=True, as_of=then)
    assert rows == before
    paged, cursor = await timeline.history(mirror.pool, id_of("petition"), handler=True, limit=2)
    while cursor:
        rows, cursor = await timeline.history(mirror.pool, id_of("petition"), handler=True, limit=2, cursor=cursor)
        paged += rows
    assert paged == await told(mirror)


async def test_what_is_new_reaches_those_it_concerns(mirror: Mirror) -> None:
    story = given(Phase.SUBMITTED)
    await mirror.show(story)

    async def heard(viewer: Viewer, after: int = 0) -> list[str]:
        return [row["type"] for row in await timeline.since(mirror.pool, viewer, after)]

    at_host, of_post = Viewer("host_staff", id_of("host")), Viewer("official", id_of("post"))
    clerk, auditor = Viewer("clerk"), Viewer("auditor")
    petition = ["petition.Opened", "petition.HostOpinionGiven", "petition.Submitted"]  # the threshold has no moment
    assert await heard(clerk) == await heard(at_host) == petition
    assert await heard(of_post) == await heard(Viewer()) == await heard(Viewer("resident")) == []
    assert await heard(auditor) == ["host.Registered", *["post.Registered"] * 2, *["unit.Registered"] * 2, *petition]

    head = await mirror.store.max_notification_id()
    story.do(story.petition.issue_public_text, CLERK, topic=text(), details=text())
    story.accept()
    await mirror.show(story)
    news = ["petition.PublicTextIssued", "petition.Accepted", "petition.Called"]
    for viewer in (clerk, at_host, of_post, Viewer(), auditor):
        assert await heard(viewer, head) == news


def test_every_event_is_either_told_or_counted() -> None:
    """Whoever adds an event decides here who may hear of it."""
    topics = topics_of(Petition, Meeting, Proposal, Task, Host, Post, Unit, Webhook, Rulebook, Extension, Appointment)
    assert topics - {"meeting.AttendanceRecorded"} == set(timeline.READ_MODEL.handlers)


def test_what_is_told_moves_the_version_and_what_is_secret_does_not() -> None:
    """Else a petition's ETag would count signatures; so it is for whoever adds an event, too."""
    for event in vars(Petition).values():
        if isinstance(event, type) and getattr(event, "TOPIC", None) and event is not Petition.ThresholdReached:
            assert (event not in timeline.VISIBILITY) == event.SECRET, event  # type: ignore[attr-defined]
