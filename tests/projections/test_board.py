"""The board shows petitions as they are, to whom they concern, and never who signed or how somebody judged."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.command import Role
from domain.directory import Unit, UnitKind
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Category, Phase, Resolved
from domain.proposal import Proposal
from domain.task import Task
from infra.sealing import ERASED
from projections import board, inbox
from projections.board import Viewer
from projections.projector import READ_MODELS, rebuild
from tests.domain.story import ADMIN, CLERK, OFFICIAL, UNIT_OFFICER, Actor, feedback, given, id_of, resident, text
from tests.projections.conftest import Mirror, topics_of

EVERYTHING = Viewer("auditor")


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_the_page_of_a_closed_petition_tells_the_whole_story(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    story.do(story.petition.give_interim_response, OFFICIAL, text=text("so far"))
    for step in (story.answer, story.invite, story.close):
        step()
    await mirror.show(story)
    page = await board.petition(mirror.pool, story.petition.id, EVERYTHING)
    assert page
    assert [(t["round"], t["status"], t["percent"], t["post_id"]) for t in page["tasks"]] == [
        (1, "confirmed", 100, id_of("post"))
    ] * 2
    assert [(m["status"], m["minutes"]) for m in page["meetings"]] == [("held", text("minutes"))]
    assert [(r["interim"], r["outcome"], r["text"].sealed) for r in page["responses"]] == [
        (True, None, "so far"),
        (False, "done", "answer"),
    ]
    assert page["feedback"] == [
        {
            "round": 1,
            "delivery": False,
            "invited": 10,
            "judged": 10,
            "contacted": 10,
            "resolved_yes": 10,
            "resolved_partly": 0,
            "resolved_no": 0,
            "satisfied": 10,
            "concluded": True,
            "fewer_than_five": False,
        }
    ]


def test_every_event_of_a_petition_its_meetings_and_its_tasks_moves_its_row() -> None:
    """An event without a handler would leave the version behind, and with it everybody's If-Match."""
    assert topics_of(Petition, Meeting, Proposal, Task) == set(board.READ_MODEL.handlers)


async def test_a_task_stands_on_the_board_before_it_is_offered(mirror: Mirror) -> None:
    story = given(Phase.ROADMAP)
    story.do(story.petition.publish_roadmap, OFFICIAL, items=story.items(), units=story.units)
    await mirror.show(story)
    page = await board.petition(mirror.pool, story.petition.id, EVERYTHING)
    assert page
    assert [(task["id"], task["status"]) for task in page["tasks"]] == [
        (id_of("task 1"), "planned"),
        (id_of("task 2"), "planned"),
    ]


async def test_a_unit_finds_the_tasks_it_leads_or_supports(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    await mirror.show(story)
    rows, following = await board.tasks_of_unit(mirror.pool, id_of("second unit"), limit=1)
    assert following is not None
    rest, end = await board.tasks_of_unit(mirror.pool, id_of("second unit"), cursor=following)
    assert {row["id"] for row in rows + rest} == {id_of("task 1"), id_of("task 2")}
    assert end is None
    assert [row["id"] for row in (await board.tasks_of_unit(mirror.pool, id_of("unit")))[0]] == [id_of("task 1")]


async def test_a_transferred_task_waits_for_the_other_unit_which_leads_once_it_has_claimed(mirror: Mirror) -> None:
    story = given(Phase.IN_PROGRESS)
    third = story.do(Unit.register, ADMIN, id=id_of("third unit"), name="third", kind=UnitKind.DEPARTMENT)
    task, officer = story.tasks[0], Actor("third-officer", Role.UNIT_OFFICER, third.id)
    story.do(task.claim, UNIT_OFFICER)
    story.do(task.transfer, UNIT_OFFICER, unit=third, reason=text())
    await mirror.show(story)

    async def seen() -> tuple[list[Any], list[str]]:
        rows, _ = await board.tasks_of_unit(mirror.pool, third.id)
        waiting, _ = await inbox.waiting(mirror.pool, "unit_officer", third.id, story.now)
        return [(r["status"], r["lead_unit_id"], r["transfer_to"]) for r in rows], [item["kind"] for item in waiting]

    assert await seen() == ([("offered", id_of("unit"), third.id)], ["claim"])
    assert await board.petition(mirror.pool, story.petition.id, Viewer("unit_officer", third.id))
    unit = "SELECT unit_id FROM statistics.tasks WHERE id = $1"
    assert await mirror.pool.fetchval(unit, task.id) == id_of("unit")
    story.do(task.claim, officer)
    await mirror.show(story)
    assert await seen() == ([("claimed", third.id, None)], ["task"])
    assert await mirror.pool.fetchval(unit, task.id) == third.id


# --- who sees what ---------------------------------------------------------------------------------------------------

HOST, POST = Viewer("host_staff", id_of("host")), Viewer("official", id_of("post"))
UNIT = Viewer("unit_officer", id_of("unit"))
STRANGERS = [
    Viewer(),
    Viewer("resident"),
    Viewer("host_staff", id_of("another host")),
    Viewer("host_staff"),
    Viewer("official", id_of("host")),
    Viewer("official", id_of("another post")),
    Viewer("unit_officer", id_of("another unit")),
    Viewer("workflow"),
]
OVERSEERS = [Viewer(role) for role in ("clerk", "supervisor", "auditor", "admin")]


@pytest.mark.parametrize("conduct", [False, True])
@pytest.mark.parametrize(
    ("phase", "handlers", "admitted"),
    [
        (Phase.COLLECTING, [HOST], False),
        (Phase.SUBMITTED, [HOST], False),
        (Phase.REJECTED, [HOST], False),
        (Phase.LAPSED, [HOST], False),
        (Phase.ACCEPTED, [HOST, POST], True),
        (Phase.IN_PROGRESS, [HOST, POST, UNIT], True),
        (Phase.CLOSED, [HOST, POST, UNIT], True),
    ],
)
async def test_a_petition_is_seen_by_those_who_handle_it_and_once_admitted_by_all_unless_it_is_about_conduct(
    mirror: Mirror, phase: Phase, handlers: list[Viewer], admitted: bool, conduct: bool
) -> None:
    story = given(phase)
    if conduct:
        vars(next(e for e in story.log if isinstance(e, Petition.Opened)))["category"] = Category.CONDUCT.value
    await mirror.show(story)
    public = admitted and not conduct
    for viewer in [HOST, POST, UNIT, *STRANGERS, *OVERSEERS]:
        page = await board.petition(mirror.pool, story.petition.id, viewer)
        listed, _ = await board.petitions(mirror.pool, viewer)
        handles = viewer in handlers or viewer in OVERSEERS
        assert (page is not None) == bool(listed) == (public or handles), viewer
        if page:
            assert page["handler"] == listed[0]["handler"] == handles, viewer
    signer = await board.petition(mirror.pool, story.petition.id, Viewer("resident"), signed=True)
    assert signer
    assert signer["handler"]


async def test_while_a_round_is_judged_only_the_number_of_the_invited_is_told(mirror: Mirror) -> None:
    story = given(Phase.FEEDBACK)
    story.judge(Resolved.NO, Resolved.YES)
    await mirror.show(story)
    page = await board.petition(mirror.pool, story.petition.id, EVERYTHING)
    assert page
    (tally,) = page["feedback"]
    assert (tally["invited"], tally["concluded"]) == (10, False)
    tallies = ("judged", "contacted", "resolved_yes", "resolved_partly", "resolved_no", "satisfied")
    assert {name: tally[name] for name in tallies} == dict.fromkeys(tallies)


async def test_no_row_of_any_read_model_names_a_resident_or_times_a_signature_or_a_judgement(mirror: Mirror) -> None:
    story, times = given(Phase.COLLECTING, signatures=4), []
    for n in range(5, 10):
        story.later(minutes=n, seconds=n)
        story.sign(n)
        times.append(story.now)
    story.later(hours=5)
    story.sign(10)  # reaches the threshold, which may be timed
    for step in (story.submit, story.accept, story.acknowledge, story.meet, story.plan, story.answer, story.invite):
        step()
    for n in range(1, 10):
        story.later(minutes=n, seconds=n)
        story.do(story.petition.give_feedback, resident(n), **feedback())
        times.append(story.now)
    await mirror.show(story)
    dump = await everything(mirror.pool)
    assert "resident-" not in dump
    assert not [at for at in times if f"{at:%H:%M:%S}" in dump]


async def everything(pool: asyncpg.Pool) -> str:
    """Every row of every read model."""
    tables = await pool.fetch(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY ($1)", list(READ_MODELS)
    )
    rows = [await pool.fetch(f"SELECT to_jsonb(t)::text FROM {table} AS t") for (table,) in tables]
    dump = "\n".join(row[0] for found in rows for row in found)
    assert str(id_of("petition")) in dump
    return dump


# --- the list --------------------------------------------------------------------------------------------------------


async def open_petition(mirror: Mirror, name: str) -> UUID:
    story = given(Phase.COLLECTING, signatures=1, name=name)
    await mirror.tell(story)
    return story.petition.id


async def test_pages_lose_and_repeat_nothing_while_petitions_are_opened_and_change(mirror: Mirror) -> None:
    story = given(Phase.COLLECTING, name="of interest")
    await mirror.tell(story)
    there = [story.petition.id] + [await open_petition(mirror, f"{n}") for n in range(24)]
    await mirror.caught_up("board")
    seen: list[UUID] = []
    cursor = None
    for n in range(100, 200):
        rows, cursor = await board.petitions(mirror.pool, EVERYTHING, cursor=cursor, limit=4)
        seen += [row["id"] for row in rows]
        if cursor is None:
            break
        await open_petition(mirror, f"{n}")
        if n == 102:
            story.submit()
        await mirror.show(story)
    assert seen == there[::-1]


async def test_the_list_is_narrowed_by_phase_category_and_host(mirror: Mirror) -> None:
    collecting, accepted = given(Phase.COLLECTING, name="a"), given(Phase.ACCEPTED, name="b")
    await mirror.tell(collecting)
    await mirror.show(accepted)

    async def ids(**filters: Any) -> list[UUID]:
        return [row["id"] for row in (await board.petitions(mirror.pool, EVERYTHING, **filters))[0]]

    assert await ids() == [id_of("b"), id_of("a")]
    assert await ids(phases=["accepted"]) == [id_of("b")]
    assert await ids(phases=["accepted"], category="advice", host_id=id_of("host")) == [id_of("b")]
    assert await ids(phases=["accepted", "collecting"], urgent=False) == [id_of("b"), id_of("a")]
    assert await ids(urgent=True) == []
    assert await ids(category="grievance") == await ids(host_id=id_of("another host")) == []


async def test_the_public_text_is_found_by_any_part_of_it_and_gone_with_its_key_after_a_rebuild(
    mirror: Mirror,
) -> None:
    story, clerk = given(Phase.ACCEPTED), CLERK.by
    topic, details = [
        await mirror.keyring.seal(story.petition.id, clerk, words)
        for words in ("小区低洼地排涝改造", "雨后 50% 积水_A栋")
    ]
    story.do(story.petition.issue_public_text, CLERK, topic=topic, details=details)
    await mirror.show(story)

    async def found(q: str) -> list[str]:
        return [row["public_topic"] for row in (await board.petitions(mirror.pool, Viewer(), q=q))[0]]

    for q in ("排涝", "50%", "_a栋", "小区低洼地排涝改造", " 改造 排涝 积水 "):
        assert await found(q) == ["小区低洼地排涝改造"]
    for q in ("改造排涝", "改造 没有", "5_%", "'"):
        assert await found(q) == []

    await mirror.keyring.erase(story.petition.id, clerk)
    await rebuild(mirror.store, mirror.keyring, [READ_MODELS["board"]])
    assert await found("排涝") == []
    assert await found("erased") == [ERASED]
