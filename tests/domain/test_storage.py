"""What is stored stays readable: topics, the JSON of every event, and the state in every snapshot.

``golden/*.json`` is the contract. ``python -m tests.domain.test_storage`` adds what is new; what is old in it
must never change: give a new field a default, or write an upcast.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.domain import Aggregate, Snapshot
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import get_topic, resolve_topic

from domain.appointment import Appointment
from domain.ballot import Ballot, Question
from domain.calendar import local_day
from domain.command import Decider, Role, aggregates
from domain.directory import Host, Post, Unit, UnitKind
from domain.extension import Extension, extension_of
from domain.intake import Intake
from domain.link import Link
from domain.meeting import Commitment, Meeting
from domain.petition import Petition
from domain.petition.words import Phase, Resolved, ReviewResult
from domain.proposal import Proposal
from domain.reply import Reply
from domain.report import Report
from domain.rulebook import RULEBOOK, Rulebook
from domain.task import Task
from domain.webhook import Audience, Webhook
from infra.mapper import mapper
from tests.domain.story import (
    ADMIN,
    CLERK,
    DISCIPLINE,
    HOST_STAFF,
    LEAD,
    MONDAY,
    OFFICIAL,
    SIGNER,
    STRANGER,
    SUPERVISOR,
    SUPPORTING_OFFICER,
    UNIT_OFFICER,
    WORKFLOW,
    Story,
    given,
    id_of,
    photo,
    policy_file,
    promise,
    resident,
    text,
    vote,
)
from tests.domain.test_link import linked
from tests.domain.test_splitting import split

GOLDEN = Path(__file__).with_name("golden")
AGGREGATES: list[type[Decider]] = [
    *(Petition, Ballot, Intake, Link, Meeting, Proposal, Task, Host, Post, Unit, Webhook, Rulebook, Report),
    Extension,
    Appointment,
    Reply,
]


def event_classes(aggregate: type[Decider]) -> list[type[Any]]:
    nested = [value for value in vars(aggregate).values() if isinstance(value, type)]
    return [cls for cls in nested if issubclass(cls, Decider.Event) and cls.__name__ != "Event"]


def everything_that_happens() -> Iterator[Story]:
    """Stories in which every event happens at least once."""
    story = given(Phase.ROADMAP, signatures=11)
    petition = story.petition
    story.do(petition.withdraw_signature, SIGNER)
    story.do(petition.issue_public_text, CLERK, topic=text("topic"), details=text("details"))
    wanted = {"petition": petition, "post": story.posts[0], "days": 10, "reason": text("reason")}
    extension = story.do(Extension.ask, OFFICIAL, id=extension_of(petition.id), **wanted)
    story.do(extension.refuse, SUPERVISOR, explanation=text("why"))
    story.do(extension.ask_again, OFFICIAL, **wanted)
    story.do(extension.approve, SUPERVISOR, petition=petition)
    story.suspend()
    story.later(days=1)
    story.resume()
    for warn in (petition.remind, petition.escalate):
        story.do(warn, WORKFLOW, rule="response", due_at=petition.clocks["response"].due_at)
    story.do(petition.give_interim_response, OFFICIAL, text=text("interim"))
    story.announce(story.now.date() + timedelta(days=1))
    story.do(petition.move_clocks, WORKFLOW)
    story.plan()
    story.announce(story.now.date() + timedelta(days=4))
    story.do(story.tasks[0].move_clocks, WORKFLOW)
    for task in story.tasks[:1]:
        story.do(task.object, UNIT_OFFICER, reason=text("reason"), basis=text("basis"))
        story.do(task.mandate, OFFICIAL, unit=story.units[0], reason=text("reason"))
        story.do(task.complete, UNIT_OFFICER, report=text("report"))
        story.do(task.send_back, OFFICIAL, reason=text("reason"))
        story.do(task.drop, WORKFLOW)
    story.do(story.tasks[1].transfer, SUPPORTING_OFFICER, unit=story.units[0], reason=text("reason"))
    story.do(story.tasks[1].claim, UNIT_OFFICER)
    story.do(story.tasks[1].attach_evidence, UNIT_OFFICER, **photo())
    yield story
    story = given(Phase.IN_PROGRESS, suspended=True)
    story.later(days=1)
    story.resume()
    story.do(story.petition.revise_roadmap, OFFICIAL, **story.revision(*story.revised()))
    story.later(days=10)
    story.do(story.tasks[0].hand_back, WORKFLOW)
    yield story
    story = given(Phase.IN_PROGRESS)
    words = {"reason": text("reason"), "basis": text("basis")}
    story.do(story.tasks[0].object, UNIT_OFFICER, **words)
    story.do(story.tasks[0].mandate, OFFICIAL, unit=story.units[1], reason=text("reason"))
    story.do(story.tasks[0].object, SUPPORTING_OFFICER, **words, superior=story.posts[1])
    story.do(story.tasks[1].claim, SUPPORTING_OFFICER)
    costs = {"cost_fen": 1_200_000_00, "money_source": text("source"), "vote_needed": True}
    story.do(story.tasks[1].set_terms, WORKFLOW, **costs)
    story.do(story.tasks[1].attach_evidence, SUPPORTING_OFFICER, **photo())
    story.do(story.tasks[1].record_vote, SUPPORTING_OFFICER, **vote())
    yield story
    story = given(Phase.FEEDBACK)
    story.judge(*[Resolved.NO] * 10)
    yield story
    story = given(Phase.ROADMAP)
    story.do(story.petition.order_supervision, SUPERVISOR, order=text("order"))
    story.do(story.petition.answer_supervision, OFFICIAL, report=text("report"))
    story.do(story.petition.lift_supervision, SUPERVISOR, reason=text("reason"))
    yield story
    story = given(Phase.MEETING)
    story.elect(LEAD)
    story.schedule()
    where = {"starts_at": story.now + timedelta(days=2), "venue": text("venue"), "reason": text("reason")}
    story.do(story.meeting.reschedule, HOST_STAFF, petition=story.petition, **where)
    story.do(story.meeting.cancel, HOST_STAFF, petition=story.petition, reason=text("reason"))
    for entry in (story.host, *story.posts, *story.units):
        story.do(entry.change, ADMIN, name="新名")
    story.do(story.posts[1].place, ADMIN, superior=story.posts[0])
    story.do(story.posts[1].put_in_charge, ADMIN, units=story.units)
    story.do(story.units[1].place, ADMIN, superior=story.units[0])
    story.do(story.posts[0].start_term, ADMIN, holder="pseudonym", started_on=MONDAY.date())
    story.do(story.posts[0].end_term, ADMIN, ended_on=MONDAY.date())
    story.announce(MONDAY.date() + timedelta(days=1))
    story.do(story.posts[0].move_clocks, WORKFLOW)
    story.do(story.posts[0].name_acting, CLERK, holder="pseudonym")
    firm = {"id": id_of("firm"), "name": "物业", "kind": UnitKind.PROPERTY_FIRM, "regulator": story.units[0]}
    story.do(Unit.register, ADMIN, **firm)
    wanted = {"types": ["petition.Closed"], "audience": Audience.PUBLIC, "from_position": 7}
    webhook = story.do(Webhook.subscribe, ADMIN, id=id_of("webhook"), url=text("url"), **wanted)
    story.do(webhook.rotate_secret, ADMIN, overlap=timedelta(hours=1))
    story.do(webhook.pause, ADMIN)
    story.do(webhook.resume, ADMIN)
    story.do(webhook.replay, ADMIN, from_position=1)
    story.do(webhook.cancel, ADMIN)
    appointment = story.do(
        Appointment.grant, ADMIN, id=id_of("grant"), holder="pseudonym", grants=Role.HOST_STAFF, org=story.host
    )
    story.do(appointment.revoke, ADMIN, reason=text("reason"))
    story.do(appointment.grant_again, ADMIN)
    rulebook = story.do(Rulebook.found, WORKFLOW, id=RULEBOOK, document=policy_file())
    story.do(rulebook.issue_policy, ADMIN, document=policy_file("2026-12"), effective_on=MONDAY.date())
    days = {"days_off": [date(2026, 12, 1)], "days_worked": [date(2026, 12, 5)], "years": [2027]}
    story.do(rulebook.announce_holidays, CLERK, **days, reason=text("reason"))
    yield story
    story = given(Phase.COLLECTING, signatures=2, name="flood")
    story.do(story.petition.mark_urgent, HOST_STAFF, reason=text("reason"))
    story.do(story.petition.lift_urgency, CLERK, reason=text("reason"))
    yield story
    story = given(Phase.ACCEPTED)
    ballot = story.ballot(Question.REPLACEMENT, LEAD)
    facts = {"petition": story.petition}
    story.do(ballot.stand, SIGNER, **facts, name=text("name"))
    story.do(ballot.stand, resident(3), **facts, name=text("name"))
    story.do(ballot.stand_down, resident(3), **facts)
    story.later(days=4)
    story.do(ballot.vote, LEAD, **facts, choices=["1"])
    story.later(days=4)
    story.do(ballot.conclude, WORKFLOW, **facts)
    yield story
    yield split()
    story, link = linked()
    story.do(link.remove, CLERK, petition=story.petition, reason=text("reason"))
    story.do(link.make_again, CLERK, petition=story.petition, number=text("number"))
    yield story
    story = given(Phase.REJECTED, name="amended")
    story.do(story.petition.refile, LEAD, topic=text("topic"), details=text("details"))
    yield story
    story = given(Phase.REJECTED, name="left alone")
    story.later(days=31)
    story.do(story.petition.close_refiling, WORKFLOW)
    yield story
    story = given(Phase.ACCEPTED)
    for n in (2, 3):
        story.do(story.petition.withdraw_signature, resident(n))
    story.later(days=2)
    story.do(story.petition.alert_supervisor, WORKFLOW)
    story.do(story.petition.heed_alert, SUPERVISOR)
    story.elect(LEAD)
    story.do(story.petition.resign, LEAD)
    yield story
    story = given(Phase.REFERRED)
    received = {"number": text("number"), "received_by": text("who"), "received_on": MONDAY.date()}
    story.do(story.petition.receive_referral, UNIT_OFFICER, **received)
    yield story
    story = given(Phase.COLLECTING)
    intake = story.take_in(resident(50))
    story.do(intake.propose_invalidation, HOST_STAFF, reason=text("reason"))
    story.do(intake.drop_invalidation, HOST_STAFF)
    story.contest(intake)
    story.do(intake.appeal, resident(50), grounds=text("grounds"))
    story.announce(story.now.date() + timedelta(days=1))
    story.do(intake.move_clocks, WORKFLOW)
    story.do(intake.decide_appeal, CLERK, petition=story.petition, counts=True, explanation=text("why"))
    story.take_in(resident(1), "of somebody who has signed")
    second = story.take_in(resident(51), "second intake")
    story.contest(second)
    story.later(days=20)
    story.do(second.close_appeal, WORKFLOW, petition=story.petition)
    yield story
    story = given(Phase.TRACKING, signatures=3, threshold=3)
    story.do(story.petition.report_delivery, OFFICIAL, report=text("report"))
    yield story
    story = given(Phase.IN_PROGRESS, name="drafts")
    for name in ("first", "second"):
        reply = story.draft(name)
        story.do(reply.revise, OFFICIAL, text=text("text"), **promise(story))
    story.do(reply.discard, OFFICIAL)
    story.sign_off(story.draft("third"))
    yield story
    story = given(Phase.FEEDBACK, signatures=3, threshold=3)
    for n in (2, 3):
        story.do(story.petition.agree_to_call, resident(n))
    story.do(story.petition.agree_to_call, resident(1))
    story.do(story.petition.decline_call, resident(1))
    story.later(days=20)
    story.do(story.petition.close_feedback, WORKFLOW)
    story.do(story.petition.hand_out_call, CLERK, call_id=id_of("call"))
    story.do(story.petition.miss_call, CLERK, call_id=id_of("call"))
    story.do(story.petition.hand_out_call, CLERK, call_id=id_of("next call"))
    said = {"contacted": True, "resolved": Resolved.YES, "satisfied": True, "comment": text("comment")}
    story.do(story.petition.take_feedback, CLERK, call_id=id_of("next call"), **said)
    yield story
    story = given(Phase.CLOSED, signatures=3, threshold=3)
    story.do(story.petition.request_review, SIGNER, grounds=text("grounds"))
    story.do(story.petition.decide_review, SUPERVISOR, result=ReviewResult.UPHELD, opinion=text("opinion"))
    yield story
    story = given(Phase.TRACKING, signatures=3, threshold=3)
    story.later(days=60)
    story.do(story.petition.close_tracking, WORKFLOW)
    yield story
    story = Story()
    report = story.do(Report.file, STRANGER, id=id_of("report"), text=text("text"), about=text("about"))
    story.do(report.take_up, DISCIPLINE)
    story.do(report.close, DISCIPLINE, result=text("result"))
    yield story
    story = given(Phase.SUBMITTED)
    story.do(story.petition.recuse, CLERK, nobody_else=True)
    yield story
    yield everything_about_a_meeting()
    story = given(Phase.MEETING)
    story.elect(LEAD)
    of_it = {"petition": story.petition}
    asked = {"post": story.posts[0], "to": story.third_post, "reason": text("reason")}
    reassignment = story.do(Proposal.reassign, CLERK, id=id_of("reassignment"), **asked, **of_it)
    story.do(reassignment.voice, LEAD, meetings=[], agrees=True, **of_it)
    waiver = story.do(Proposal.waive, LEAD, id=id_of("waiver"), reason=text("reason"), **of_it)
    story.do(waiver.voice, LEAD, meetings=[], agrees=True, **of_it)
    yield story
    for end in (Phase.CLOSED, Phase.LAPSED, Phase.WITHDRAWN, Phase.REJECTED, Phase.MERGED):
        yield given(end)


def everything_about_a_meeting() -> Story:
    story = given(Phase.MEETING)
    petition = story.petition
    of_it = {"petition": petition}
    story.do(petition.name_delegate, OFFICIAL, posts=story.posts, delegate=story.third_post)
    story.schedule()
    meeting = story.meeting
    story.do(meeting.invite, HOST_STAFF, unit=story.units[0], **of_it)
    story.do(meeting.file_objection, STRANGER, objection_id=id_of("objection"), text=text("objection"), **of_it)
    story.do(meeting.take_up_objection, HOST_STAFF, objection_id=id_of("objection"), **of_it)
    story.do(meeting.release_brief, WORKFLOW)
    story.later(days=1)
    story.do(meeting.admit, HOST_STAFF, attendee=LEAD.by, post_id=None, **of_it)
    counted = {"post_ids": [petition.called_post_ids[0]], "representatives": 0, "residents": 7}
    story.do(meeting.count_attendance, HOST_STAFF, **counted, **of_it)
    story.do(meeting.record_no_show, HOST_STAFF, post_id=petition.called_post_ids[1], **of_it)
    commitments = [Commitment(text("what"), story.units[0].id, local_day(story.now) + timedelta(days=9))]
    promised = {"commitments": commitments, "units": story.units}
    story.do(meeting.hold, HOST_STAFF, minutes=text("minutes"), **promised, **of_it)
    story.announce(local_day(story.now) + timedelta(days=1))
    story.do(meeting.move_clocks, WORKFLOW)
    story.do(meeting.offer_correction, LEAD, text=text("correction"), **of_it)
    story.do(meeting.confirm_minutes, OFFICIAL, **of_it)
    story.later(days=9)
    story.do(meeting.close_minutes, WORKFLOW, **of_it)
    return story


@cache
def examples() -> dict[str, Any]:
    """The first event of each topic, and the last state of each aggregate in the story in which most happens to it."""
    found: dict[str, Any] = {}
    for story in everything_that_happens():
        for event in story.log:
            found.setdefault(get_topic(type(event)), event)
        for aggregate in story.aggregates:
            name = f"{get_topic(type(aggregate))} snapshot"
            if name not in found or found[name].originator_version < aggregate.version:
                found[name] = replace(Snapshot.take(aggregate), timestamp=MONDAY)
    return found


def as_stored(example: Any) -> Any:
    """The JSON that goes into the table."""
    return json.loads(mapper.to_stored_event(example).state)


def shape(stored: Any) -> Any:
    """Names and types without the values."""
    if isinstance(stored, dict):
        return {name: value if name == "_type_" else shape(value) for name, value in stored.items()}
    return [shape(item) for item in stored[:1]] if isinstance(stored, list) else type(stored)


def golden() -> dict[str, Any]:
    return {topic: state for path in GOLDEN.glob("*.json") for topic, state in json.loads(path.read_bytes()).items()}


ALL_TOPICS = sorted(
    topic
    for cls in AGGREGATES
    for topic in (f"{cls.TOPIC} snapshot", *(event.TOPIC for event in event_classes(cls)))  # type: ignore[attr-defined]
)


def test_every_aggregate_and_event_has_a_topic_of_its_own_that_survives_a_move() -> None:
    assert {cls for cls in aggregates() if cls.__module__.startswith("domain.")} == set(AGGREGATES)
    topics: dict[str, type] = {}
    for aggregate in AGGREGATES:
        assert vars(aggregate)["TOPIC"] == aggregate.__name__.lower()
        for cls in event_classes(aggregate):
            assert f"{aggregate.__name__.lower()}.{cls.__name__}" == cls.TOPIC
            topics[cls.TOPIC] = cls
    assert len(topics) == sum(len(event_classes(aggregate)) for aggregate in AGGREGATES)
    assert all(resolve_topic(topic) is cls and get_topic(cls) == topic for topic, cls in topics.items())


@pytest.mark.parametrize("topic", ALL_TOPICS)
def test_what_is_stored_today_has_the_shape_of_what_was_stored_before(topic: str) -> None:
    today, before = shape(as_stored(examples()[topic])), shape(golden()[topic])
    now, then = (state["state"] if topic.endswith(" snapshot") else state for state in (today, before))
    for name in now.keys() - then.keys():
        assert hasattr(resolve_topic(topic.removesuffix(" snapshot")), name), f"what is older lacks {name}"
        del now[name]
    assert today == before


@pytest.mark.parametrize(("topic", "state"), golden().items())
def test_what_was_stored_before_is_read_today_and_nothing_is_lost(topic: str, state: Any) -> None:
    snapshot = topic.endswith(" snapshot")
    stored = StoredEvent(id_of("any"), 1, get_topic(Snapshot) if snapshot else topic, json.dumps(state).encode())
    event: Any = mapper.to_domain_event(stored)
    assert as_stored(replace(Snapshot.take(event.mutate(None)), timestamp=MONDAY) if snapshot else event) == state


def test_the_contract_holds_nothing_that_is_no_longer_known() -> None:
    assert sorted(golden()) == ALL_TOPICS


def test_every_aggregate_is_the_same_from_its_stored_events_and_from_a_stored_snapshot() -> None:
    for story in everything_that_happens():
        for aggregate in story.aggregates:
            assert_stored_alike(aggregate, [event for event in story.log if event.originator_id == aggregate.id])


def assert_stored_alike(aggregate: Aggregate, events: list[Any]) -> None:
    """Each event round-trips through storage; folded again they give an equal aggregate; so does a snapshot."""
    folded: Any = None
    for event in events:
        again: Any = mapper.to_domain_event(mapper.to_stored_event(event))
        assert again == event
        folded = again.mutate(folded)
    assert folded == aggregate
    snapshot: Any = mapper.to_domain_event(mapper.to_stored_event(Snapshot.take(aggregate)))
    assert snapshot.mutate(None) == aggregate


def write() -> None:
    known = golden()
    for aggregate in AGGREGATES:
        name = aggregate.__name__.lower()
        entries = {
            topic: known.get(topic, as_stored(examples()[topic])) for topic in ALL_TOPICS if topic.startswith(name)
        }
        text = json.dumps(entries, ensure_ascii=False, indent=1)
        GOLDEN.joinpath(f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
