"""What the co-signers decide in secret, through HTTP."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.ballot import Ballot, concerned
from domain.petition import Petition
from domain.refusals import Conflict
from infra.event_store import Recorded
from tests.api.checks import by, is_problem, nothing_appended
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, Person, World, resident, somewhere

EVERYBODY_ELSE = [CLERK, SUPERVISOR, AUDITOR, ADMIN]


async def called(world: World, who: Person, path: str, question: str) -> dict[str, Any]:
    ballot: dict[str, Any] = await world.post(who, f"{path}/ballots", question=question)
    return ballot


async def events_of(world: World, ballot: dict[str, Any], topic: str | None = None) -> list[Recorded]:
    """Of a ballot and its petition."""
    ids = {UUID(ballot["id"]), UUID(ballot["petition_id"])}
    log = await world.store.select_notifications(1, 100_000)
    return [stored for stored in log if stored.originator_id in ids and topic in (None, stored.topic)]


async def waiting(world: World, who: Person, path: str) -> list[dict[str, Any]]:
    """Of this petition alone: the clerks and the supervisors have one inbox for all."""
    items = (await world.get(who, "/v1/inbox", limit=200))["items"]
    return [item for item in items if item["petition_id"] == path[-36:]]


async def run_out(world: World, ballot: dict[str, Any]) -> None:
    """What the workflow does at the end of the clock."""
    found = await world.repository.get(Ballot, UUID(ballot["id"]))
    world.clock.at = found.clock.due_at
    await world.as_workflow(Ballot.conclude, found.id, also=concerned(found))


async def test_the_co_signers_elect_who_speaks_for_them(world: World) -> None:
    path = await world.accepted()
    ballot = await called(world, resident(4), path, "representatives")
    address = f"/v1/ballots/{ballot['id']}"
    for n in (7, 3):
        await world.post(resident(n), f"{address}/candidacies", name=f"{n}幢代表", consent=True)
    page = await world.get(resident(2), address)
    options = [{"choice": "1", "name": "7幢代表"}, {"choice": "2", "name": "3幢代表"}]
    assert (page["options"], page["voted"], page["standing"]) == (options, False, False)
    assert (await world.get(resident(3), address))["standing"]
    for someone in (world.host, world.official, *EVERYBODY_ELSE):
        page = await world.get(someone, address)
        assert (page["options"], page["voted"], page["standing"]) == ([], None, None)
    answer = await world.send(resident(2), "POST", f"{address}/votes", {"choices": ["1"]})
    is_problem(answer, 409, "candidacies-open")

    world.clock.at += timedelta(days=4)
    answer = await world.send(resident(9), "POST", f"{address}/candidacies", {"name": "晚了", "consent": True})
    is_problem(answer, 409, "candidacies-closed")
    for n, choices in enumerate((["2"], ["1", "2"], ["2"], [], ["1"], ["2"]), 1):
        await world.post(resident(n), f"{address}/votes", choices=choices)
    assert (await world.get(resident(4), address))["voted"]
    await run_out(world, ballot)
    page = await world.get(CLERK, address)
    assert (page["result"], page["counted"], page["totals"]) == ("passed", 6, {"1": 2, "2": 4})
    assert page["options"] == [option | {"name": None} for option in options]
    names = [r["name"] for r in await world.get(world.host, f"{path}/representatives")]
    assert names == ["3幢代表", "7幢代表"]
    withdrawal = await called(world, resident(7), path, "withdrawal")
    assert withdrawal["question"] == "withdrawal"
    mine = f"{path}/representatives/mine"
    assert (await world.send(resident(7), "DELETE", mine)).is_success
    is_problem(await world.send(resident(7), "DELETE", mine), 403, "forbidden")
    assert [r["name"] for r in await world.get(world.host, f"{path}/representatives")] == ["3幢代表"]


async def test_more_than_half_withdraw_the_petition(world: World) -> None:
    path = await world.in_progress()
    is_problem(await world.send(resident(1), "POST", f"{path}/withdrawal"), 409, "wrong-phase")
    is_problem(await world.send(resident(2), "POST", f"{path}/ballots", {"question": "withdrawal"}), 403, "forbidden")
    ballot = await called(world, resident(1), path, "withdrawal")
    assert await world.vote(ballot, "no", 10) is None
    assert await world.vote(ballot, "yes", 1, 2, 3, 4, 5) is None
    assert (await world.get(CLERK, path))["phase"] == "in_progress"
    assert await world.vote(ballot, "yes", 6) == "passed"
    page = await world.get(CLERK, path)
    assert page["phase"] == "withdrawn"
    assert page["ballots"] == [
        {"id": ballot["id"], "question": "withdrawal", "into_id": None, "clock": ballot["ballot"], "result": "passed"}
    ]
    assert (await world.get(None, path))["ballots"] == []
    page = await world.get(CLERK, f"/v1/ballots/{ballot['id']}")
    assert page["totals"] == {"yes": 6, "no": 1}
    assert await waiting(world, CLERK, path) == []


async def test_the_lead_petitioner_steps_down_and_may_then_withdraw(world: World) -> None:
    path = await world.accepted()
    mine = f"{path}/co-signatures/mine"
    is_problem(await world.send(resident(1), "DELETE", mine), 409, "lead-petitioner")
    ballot = await called(world, resident(1), path, "replacement")
    await world.post(resident(6), f"/v1/ballots/{ballot['id']}/candidacies", name="六号", consent=True)
    world.clock.at += timedelta(days=4)
    await world.vote(ballot, "1", 2, 3)
    await run_out(world, ballot)
    assert (await world.send(resident(1), "DELETE", mine)).is_success
    is_problem(await world.send(resident(6), "DELETE", mine), 409, "lead-petitioner")
    few = await world.get(resident(2), f"/v1/ballots/{ballot['id']}")
    assert (few["result"], few["counted"], few["totals"]) == ("passed", None, None), "two votes are no total"


async def test_the_clerk_asks_before_merging_and_a_no_stands(world: World) -> None:
    into, path = await world.accepted(), await world.submitted()
    answer = await world.send(CLERK, "POST", f"{path}/merge", {"into": into[-36:]})
    ballot = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/ballots/{ballot['id']}")
    assert (ballot["into"], ballot["ballot"]["due_at"]) == (into[-36:], "2026-03-09T16:00:00Z")
    assert (await world.get(CLERK, path))["phase"] == "submitted"
    assert await world.vote(ballot, "no", 1, 2, 3, 4, 5) == "failed"
    is_problem(await world.send(CLERK, "POST", f"{path}/merge", {"into": into[-36:]}), 409, "kept-apart")
    assert (await world.post(CLERK, f"{path}/acceptance"))["phase"] == "accepted"


async def test_whoever_has_no_vote_is_refused(world: World) -> None:
    path = await world.in_progress()
    ballot = await called(world, resident(1), path, "withdrawal")
    votes = f"/v1/ballots/{ballot['id']}/votes"
    await world.vote(ballot, "no", 2)
    async with nothing_appended(world):
        for who, choices, problem in (
            (resident(2), ["yes"], (409, "already-voted")),
            (resident(99), ["yes"], (403, "not-a-co-signer")),
            (world.host, ["yes"], (403, "forbidden")),
            (CLERK, ["yes"], (403, "forbidden")),
            (resident(3), ["maybe"], (422, "no-such-choice", "/choices")),
            (resident(3), ["yes", "no"], (422, "no-such-choice", "/choices")),
        ):
            is_problem(await world.send(who, "POST", votes, {"choices": choices}), *problem)
        answer = await world.send(resident(1), "POST", f"{path}/ballots", {"question": "withdrawal"})
        is_problem(answer, 409, "ballot-open")
        answer = await world.send(resident(1), "POST", f"{path}/ballots", {"question": "merging"})
        is_problem(answer, 422, "invalid-input", "/question")
        is_problem(await world.read(resident(99), f"/v1/ballots/{ballot['id']}"), 404, "not-found")
        is_problem(await world.read(None, f"/v1/ballots/{ballot['id']}"), 401, "unauthenticated", "Authorization")
        answer = await world.send(resident(3), "POST", f"/v1/ballots/{somewhere()}/votes", {"choices": []})
        is_problem(answer, 404, "not-found")
        refused = {"name": "三号", "consent": False}
        answer = await world.send(resident(3), "POST", f"/v1/ballots/{ballot['id']}/candidacies", refused)
        is_problem(answer, 422, "invalid-input", "/consent")
        world.clock.at += timedelta(days=8)
        is_problem(await world.send(resident(3), "POST", votes, {"choices": ["yes"]}), 409, "ballot-over")


async def test_no_answer_counts_the_votes_before_it_is_decided(world: World) -> None:
    """Not by a version, which `If-Match` could try out, and not by anything that others are shown."""
    path = await world.in_progress()
    ballot = await called(world, resident(1), path, "withdrawal")
    address = f"/v1/ballots/{ballot['id']}"

    async def everything_shown() -> str:
        shown = [
            await world.get(who, place)
            for who in (world.host, world.official, resident(3), *EVERYBODY_ELSE)
            for place in (path, address, f"{path}/history", f"{path}/clocks", "/v1/petitions")
        ]
        inboxes = [await world.get(who, "/v1/inbox") for who in (world.host, world.official, CLERK, SUPERVISOR)]
        return json.dumps([shown, inboxes])

    before = await everything_shown()
    for n in (7, 8, 9):
        vote = await world.send(resident(n), "POST", f"{address}/votes", {"choices": ["yes"]}, If_Match='"1"')
        assert (vote.status_code, "ETag" in vote.headers) == (200, False)
        assert vote.json() == ballot
    assert await everything_shown() == before
    assert (await world.read(resident(3), address)).headers.keys().isdisjoint({"ETag"})


async def test_the_deciding_vote_given_twice_at_once_decides_once(world: World) -> None:
    path = await world.in_progress()
    ballot = await called(world, resident(1), path, "withdrawal")
    await world.vote(ballot, "yes", 1, 2, 3, 4, 5)
    votes = [
        world.send(resident(n), "POST", f"/v1/ballots/{ballot['id']}/votes", {"choices": ["yes"]}, Idempotency_Key=key)
        for n, key in ((6, "a"), (6, "a"), (6, "b"), (7, "c"), (8, "d"))
    ]
    answers = await asyncio.gather(*votes)
    winner = {answer.text for answer in answers if answer.is_success}
    assert len(winner) == 1
    assert json.loads(winner.pop())["result"] == "passed"
    for answer in answers:
        if not answer.is_success:
            assert answer.json()["type"] in ("/problems/already-voted", "/problems/ballot-concluded")
    log = [stored.topic for stored in await events_of(world, ballot)]
    for once in ("ballot.Concluded", "petition.BallotConcluded", "petition.Withdrawn"):
        assert log.count(once) == 1, once
    assert log.count("ballot.Voted") == 6


async def test_the_last_vote_and_the_end_of_the_clock_meet(world: World) -> None:
    """Whichever comes first; the other is refused, and nothing is decided twice."""
    path = await world.in_progress()
    ballot = await called(world, resident(1), path, "withdrawal")
    await world.vote(ballot, "yes", 1, 2, 3, 4, 5)
    found = await world.repository.get(Ballot, UUID(ballot["id"]))
    world.clock.at = found.clock.due_at - timedelta(microseconds=1)
    vote = world.send(resident(6), "POST", f"/v1/ballots/{ballot['id']}/votes", {"choices": ["yes"]})

    async def end() -> None:
        world.clock.at = found.clock.due_at
        await world.as_workflow(Ballot.conclude, found.id, also=concerned(found))

    voted, ended = await asyncio.gather(vote, end(), return_exceptions=True)
    assert not isinstance(voted, BaseException)
    if voted.is_success:
        assert isinstance(ended, Conflict)
        assert (await world.get(CLERK, path))["phase"] == "withdrawn"
    else:
        assert ended is None
        assert voted.json()["type"] in ("/problems/ballot-concluded", "/problems/ballot-over")
        assert (await world.get(CLERK, path))["phase"] == "in_progress"


async def test_votes_of_one_person_on_two_petitions_have_nothing_in_common(world: World) -> None:
    ballots = [await called(world, resident(1), await world.accepted(), "withdrawal") for _ in range(2)]
    for ballot in ballots:
        await world.vote(ballot, "no", 2)
    votes = [await events_of(world, ballot, "ballot.Voted") for ballot in ballots]
    assert [len(cast) for cast in votes] == [1, 1]
    assert by(votes[0][0]) != by(votes[1][0])


async def test_representatives_are_known_to_whom_they_agreed_to_be_known(world: World) -> None:
    path = await world.accepted()
    await world.elect(path, 3, 2)
    names = ["代表3", "代表2"]
    for someone in (world.host, world.official, CLERK, resident(1)):
        assert await world.get(someone, f"{path}/representatives") == [{"name": n, "me": False} for n in names]
    own = await world.get(resident(2), f"{path}/representatives")
    assert own == [{"name": "代表3", "me": False}, {"name": "代表2", "me": True}]
    for stranger in (resident(99), SUPERVISOR, AUDITOR, ADMIN):
        is_problem(await world.read(stranger, f"{path}/representatives"), 403, "forbidden")
    is_problem(await world.read(None, f"{path}/representatives"), 401, "unauthenticated", "Authorization")


async def test_representatives_of_what_one_may_not_see_are_not_there(world: World) -> None:
    path = await world.submitted()
    await world.elect(path, 1)
    for someone in (world.official, world.officer, resident(99)):
        is_problem(await world.read(someone, f"{path}/representatives"), 404, "not-found")


async def test_co_signers_of_a_merged_petition_join_the_other_if_they_want_to(world: World) -> None:
    into, path = await world.accepted(), await world.collecting(4)
    for n in range(11, 17):
        await world.post(resident(n), f"{path}/co-signatures")
    await world.post(world.host, f"{path}/host-opinion", opinion="同一件事。")
    is_problem(await world.send(resident(11), "POST", f"{path}/carry-over"), 409, "not-merged")
    ballot = await world.post(CLERK, f"{path}/merge", into=into[-36:])
    assert await world.vote(ballot, "yes", 1, 2, 3, 11, 12, 13) == "passed"
    head = await world.store.max_notification_id()
    answers = await asyncio.gather(*(world.send(resident(11), "POST", f"{path}/carry-over") for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    await world.post(resident(12), f"{path}/carry-over")
    is_problem(await world.send(resident(2), "POST", f"{path}/carry-over"), 409, "already-signed")
    is_problem(await world.send(resident(99), "POST", f"{path}/carry-over"), 403, "not-a-co-signer")
    is_problem(await world.send(CLERK, "POST", f"{path}/carry-over"), 403, "forbidden")
    joined = [s for s in await world.store.select_notifications(head + 1, 1000) if s.topic == "petition.CoSigned"]
    assert [str(s.originator_id) for s in joined] == [into[-36:]] * 2
    for stored, n in zip(joined, (11, 12), strict=True):
        here, there = [await world.people.pseudonym(f"resident-{n}", UUID(p[-36:])) for p in (into, path)]
        assert here.encode() in stored.state
        assert there.encode() not in stored.state
    assert (await world.get(resident(11), into))["topic"], "now reads it as those who signed do"


async def test_the_supervisor_hears_that_many_withdrew_and_nobody_of_when_or_how_many(world: World) -> None:
    path = await world.in_progress()
    others = (world.host, world.official, CLERK)
    for n in (4, 5, 6):
        assert (await world.send(resident(n), "DELETE", f"{path}/co-signatures/mine")).is_success
    world.clock.at += timedelta(days=2)
    shown = [await world.get(who, f"{path}/history") for who in others]
    inboxes = [await world.get(who, "/v1/inbox") for who in others]
    assert await waiting(world, SUPERVISOR, path) == []
    await world.as_workflow(Petition.alert_supervisor, UUID(path[-36:]))
    (item,) = await waiting(world, SUPERVISOR, path)
    assert (item["kind"], item["petition_id"], item["due_at"]) == ("withdrawals", path[-36:], None)
    assert item["since"] == world.clock.at.isoformat().replace("+00:00", "Z"), "not when they withdrew"
    assert [await world.get(who, f"{path}/history") for who in others] == shown
    assert [await world.get(who, "/v1/inbox") for who in others] == inboxes
    is_problem(await world.send(CLERK, "POST", f"{path}/alert-heeding"), 403, "forbidden")
    await world.post(SUPERVISOR, f"{path}/alert-heeding")
    assert await waiting(world, SUPERVISOR, path) == []
    is_problem(await world.send(SUPERVISOR, "POST", f"{path}/alert-heeding"), 409, "no-alert")
