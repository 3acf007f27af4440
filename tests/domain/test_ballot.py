"""What the co-signers decide in secret: who may ask what, who votes, and what comes of it."""

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from domain.ballot import Ballot, Question
from domain.command import Role
from domain.petition import Petition
from domain.petition.words import ADMITTED, OPEN, UNDER_WAY, Phase
from domain.refusals import Conflict, Forbidden, Invalid, NotFound
from tests.domain.story import (
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    LEAD,
    SIGNER,
    STRANGER,
    SUPERVISOR,
    WORKFLOW,
    Actor,
    Result,
    Story,
    feedback,
    given,
    id_of,
    merged_into,
    resident,
    text,
)

CALLED = (Petition.BallotCalled, Ballot.Called)
WITHDRAWAL, MERGING, REPLACEMENT, REPRESENTATIVES = Question


def call(story: Story, actor: Actor, question: Question, into: Petition | None = None) -> Result:
    facts = {"id": id_of(f"{question} {story.commands}"), "petition": story.petition, "into": into}
    return story.when(Ballot.call, actor, question=question, **facts)


def vote(story: Story, ballot: Ballot, choice: str, *people: int, **also: Any) -> Result:
    """The last one's."""
    for n in people:
        result = story.when(ballot.vote, resident(n), petition=story.petition, choices=[choice], **also)
    return result


def merging() -> tuple[Story, Ballot, Petition]:
    story, into = given(Phase.SUBMITTED), given(Phase.ACCEPTED, name="other").petition
    return story, story.ballot(MERGING, CLERK, into), into


def election(*candidates: int, question: Question = REPRESENTATIVES, caller: Actor = SIGNER) -> tuple[Story, Ballot]:
    """In which voting has begun."""
    story = given(Phase.ACCEPTED)
    ballot = story.ballot(question, caller)
    for n in candidates:
        story.do(ballot.stand, resident(n), petition=story.petition, name=text(f"name {n}"))
    story.later(days=4)
    return story, ballot


# --- calling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "callers"),
    [
        (WITHDRAWAL, [LEAD, resident(3)]),  # the lead petitioner, and a representative
        (MERGING, [CLERK]),
        (REPLACEMENT, [LEAD, SIGNER, resident(3)]),
        (REPRESENTATIVES, [LEAD, SIGNER, resident(3), CLERK]),
    ],
)
def test_each_question_has_its_callers(question: Question, callers: list[Actor]) -> None:
    for actor in [*EVERYBODY, resident(3)]:
        story = given(Phase.SUBMITTED)
        story.elect(resident(3))
        into = given(Phase.ACCEPTED, name="other").petition if question == MERGING else None
        result = call(story, actor, question, into)
        if actor in callers:
            result.then(*CALLED, question=question, matter_id=story.petition.id)
        else:
            assert result.refusal
            assert (type(result.refusal), result.refusal.code) in (
                (Forbidden, "forbidden"),
                (Forbidden, "not-a-co-signer"),
            )


@pytest.mark.parametrize("question", [WITHDRAWAL, REPLACEMENT, REPRESENTATIVES])
def test_the_co_signers_are_asked_from_the_threshold_until_the_answer(question: Question) -> None:
    for phase in Phase:
        result = call(given(phase, signatures=10), LEAD, question)
        if phase in (Phase.COLLECTING, Phase.SUBMITTED, *UNDER_WAY):
            result.then(*CALLED)
        else:
            result.refused(Conflict, "wrong-phase")
    call(given(Phase.COLLECTING, signatures=9), LEAD, question).refused(Conflict, "threshold-not-reached")
    call(given(Phase.ACCEPTED, suspended=True), LEAD, question).refused(Conflict, "suspended")


def test_a_ballot_does_not_tell_before_its_time_that_the_threshold_is_reached() -> None:
    story = given(Phase.COLLECTING, signatures=10, counts_every=86_400)
    call(story, CLERK, REPRESENTATIVES).refused(Conflict, "threshold-not-reached")
    story.later(days=1)
    call(story, CLERK, REPRESENTATIVES).then(*CALLED)


def test_merging_is_asked_while_the_clerk_checks_and_into_what_is_open() -> None:
    for phase in Phase:
        result = call(given(phase), CLERK, MERGING, given(Phase.ACCEPTED, name="other").petition)
        result.then(*CALLED) if phase == Phase.SUBMITTED else result.refused(Conflict, "wrong-phase")
        story, into = given(Phase.SUBMITTED), given(phase, name="other").petition
        result = call(story, CLERK, MERGING, into)
        result.then(*CALLED) if phase in ADMITTED else result.refused(Invalid, "cannot-merge-into", "into")
    story = given(Phase.SUBMITTED)
    call(story, CLERK, MERGING, story.petition).refused(Invalid, "cannot-merge-into", "into")


def test_one_question_is_open_once_and_different_ones_at_the_same_time() -> None:
    story = given(Phase.ACCEPTED)
    story.ballot(REPRESENTATIVES, SIGNER)
    call(story, LEAD, REPRESENTATIVES).refused(Conflict, "ballot-open")
    call(story, LEAD, WITHDRAWAL).then(*CALLED)


@pytest.mark.parametrize("question", [WITHDRAWAL, REPLACEMENT])
def test_after_a_no_the_same_is_not_asked_again_for_thirty_days(question: Question) -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(question, LEAD)
    story.now = ballot.clock.due_at
    story.do(ballot.conclude, WORKFLOW, petition=story.petition)
    story.later(days=30)
    call(story, LEAD, question).refused(Conflict, "asked-recently")
    call(story, LEAD, REPRESENTATIVES).then(*CALLED)
    story.later(days=1)
    call(story, LEAD, question).then(*CALLED)


def test_an_election_without_candidates_is_held_again_at_once() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(REPRESENTATIVES, LEAD)
    story.now = ballot.clock.due_at
    story.do(ballot.conclude, WORKFLOW, petition=story.petition)
    call(story, LEAD, REPRESENTATIVES).then(*CALLED)


def test_it_runs_seven_days_to_the_end_of_the_last() -> None:
    story = given(Phase.ACCEPTED)
    ballot = story.ballot(REPRESENTATIVES, LEAD)
    assert (ballot.clock, ballot.candidacy) == tuple(story.policy.clock(r, story.now) for r in ("ballot", "candidacy"))


# --- yes or no --------------------------------------------------------------------------------------------------------


def test_six_of_ten_withdraw_the_petition_as_soon_as_they_have_said_so() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    vote(story, ballot, "yes", 1, 2, 3, 4, 5).then(Ballot.Voted)
    vote(story, ballot, "no", 7).then(Ballot.Voted)
    vote(story, ballot, "yes", 6).then(
        Petition.BallotConcluded, Petition.Withdrawn, Ballot.Voted, Ballot.Concluded, result="passed", counted=7
    )
    assert (story.petition.phase, ballot.totals) == (Phase.WITHDRAWN, {"yes": 6, "no": 1})
    vote(story, ballot, "no", 8).refused(Conflict, "ballot-concluded")


def test_half_is_no_majority() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    vote(story, ballot, "yes", 1, 2, 3, 4, 5)
    vote(story, ballot, "no", 6, 7, 8, 9).then(Ballot.Voted)
    vote(story, ballot, "no", 10).then(Petition.BallotConcluded, Ballot.Voted, Ballot.Concluded, result="failed")
    assert story.petition.phase == Phase.IN_PROGRESS
    assert not story.petition.ballots


def test_silence_counts_as_no_at_the_end() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    vote(story, ballot, "yes", 1, 2, 3, 4, 5)
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).refused(Conflict, "too-early")
    story.now = ballot.clock.due_at
    vote(story, ballot, "yes", 6).refused(Conflict, "ballot-over")
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).then(
        Petition.BallotConcluded, Ballot.Concluded, result="failed", counted=5
    )


def test_only_the_votes_of_valid_co_signers_count() -> None:
    """Withdrawing a signature takes the vote along, and lowers what makes a majority."""
    story = given(Phase.IN_PROGRESS, signatures=11)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    vote(story, ballot, "yes", 1, 2, 3, 4, 5)
    for n in (5, 11):
        story.do(story.petition.withdraw_signature, resident(n))
    vote(story, ballot, "yes", 11).refused(Forbidden, "not-a-co-signer")
    vote(story, ballot, "yes", 6).then(
        Petition.BallotConcluded, Petition.Withdrawn, Ballot.Voted, Ballot.Concluded, counted=5
    )
    assert ballot.totals == {"yes": 5, "no": 0}


def test_votes_are_given_once_and_among_what_is_asked() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    for choices in ([], ["maybe"], ["yes", "no"], ["yes", "yes"], ["1"]):
        result = story.when(ballot.vote, SIGNER, petition=story.petition, choices=choices)
        result.refused(Invalid, "no-such-choice", "choices")
    vote(story, ballot, "yes", 2).then(Ballot.Voted)
    vote(story, ballot, "no", 2).refused(Conflict, "already-voted")
    other = given(Phase.IN_PROGRESS, name="other").petition
    story.when(ballot.vote, LEAD, petition=other, choices=["yes"]).refused(NotFound, "not-found", "petition")
    story.when(ballot.stand, LEAD, petition=story.petition, name=text()).refused(Conflict, "no-candidates")


def test_a_suspension_takes_nobodys_vote_away() -> None:
    story = given(Phase.IN_PROGRESS)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    story.suspend()
    assert vote(story, ballot, "yes", 1, 2, 3, 4, 5, 6).events
    assert story.petition.phase == Phase.WITHDRAWN


def test_what_ends_otherwise_takes_its_ballots_along() -> None:
    story, ballot, into = merging()
    story.reject()
    vote(story, ballot, "yes", 1, into=into).refused(Conflict, "wrong-phase")
    story.now = ballot.clock.due_at
    story.when(ballot.conclude, WORKFLOW, petition=story.petition, into=into).refused(Conflict, "wrong-phase")
    story.do(story.petition.refile, LEAD, topic=text(), details=text())
    vote(story, ballot, "yes", 1, into=into).refused(Conflict, "ballot-void")
    call(story, CLERK, MERGING, into).then(*CALLED)


MOVES = st.lists(st.tuples(st.sampled_from(["yes", "no", "withdraw"]), st.integers(1, 5)), max_size=12)


@hypothesis.given(moves=MOVES)
def test_whatever_order_they_vote_and_withdraw_in_it_is_decided_as_early_as_it_is_certain(
    moves: list[tuple[str, int]],
) -> None:
    story = given(Phase.IN_PROGRESS, signatures=4, threshold=3)
    ballot = story.ballot(WITHDRAWAL, LEAD)
    votes: dict[int, str] = {}
    there = {1, 2, 3, 4}

    def cast(choice: str) -> int:
        return sum(votes.get(n) == choice for n in there)

    for move, n in moves:
        if move == "withdraw":
            withdrawn = story.when(story.petition.withdraw_signature, resident(n)).events
            assert bool(withdrawn) == (n in there - {1})  # the lead petitioner stays
            there -= {n} - {1}
            continue
        if vote(story, ballot, move, n).events:
            assert n in there - votes.keys()
            votes[n] = move
        else:
            assert n not in there - votes.keys()
            continue
        certain = 2 * cast("yes") > len(there) or 2 * cast("no") >= len(there)
        assert (ballot.result is not None) == certain
        if certain:
            break
    if ballot.result is None:
        story.now = ballot.clock.due_at
        story.do(ballot.conclude, WORKFLOW, petition=story.petition)
    assert (ballot.result == "passed") == (2 * cast("yes") > len(there)) == (story.petition.phase == Phase.WITHDRAWN)
    assert ballot.totals == {"yes": cast("yes"), "no": cast("no")}


# --- merging ----------------------------------------------------------------------------------------------------------


def test_a_majority_merges_the_petition_into_the_other() -> None:
    story, ballot, into = merging()
    vote(story, ballot, "yes", 1, 2, 3, 4, 5, 6, into=into).then(
        Petition.BallotConcluded, Petition.Merged, Ballot.Voted, Ballot.Concluded, result="passed"
    )
    assert (story.petition.phase, story.petition.merged_into) == (Phase.MERGED, into.id)


def test_who_has_decided_against_it_is_not_asked_again_but_about_another() -> None:
    story, ballot, into = merging()
    vote(story, ballot, "no", 1, 2, 3, 4, 5, into=into)
    call(story, CLERK, MERGING, into).refused(Conflict, "kept-apart")
    call(story, CLERK, MERGING, given(Phase.ACCEPTED, name="third").petition).then(*CALLED)


def test_merging_comes_too_late_when_either_has_gone_on() -> None:
    story, ballot, into = merging()
    story.accept()
    vote(story, ballot, "yes", 1, 2, 3, 4, 5, 6, into=into).then(
        Petition.BallotConcluded, Ballot.Voted, Ballot.Concluded, result="void"
    )
    story, ballot, _ = merging()
    closed = given(Phase.CLOSED, name="other").petition
    vote(story, ballot, "yes", 1, 2, 3, 4, 5, 6, into=closed).then(
        Petition.BallotConcluded, Ballot.Voted, Ballot.Concluded, result="void"
    )
    assert story.petition.phase == Phase.SUBMITTED


# --- elections --------------------------------------------------------------------------------------------------------


def test_the_five_with_most_votes_represent_the_co_signers_and_who_stood_first_wins_a_tie() -> None:
    story, ballot = election(7, 6, 5, 4, 3, 2, 1)
    assert list(ballot.options) == ["1", "2", "3", "4", "5", "6", "7"]
    for n, choices in enumerate((["7"], ["7", "5"], ["5", "6", "1", "2"], [], ["3"], ["4"]), 1):
        story.do(ballot.vote, resident(n), petition=story.petition, choices=choices)
    story.now = ballot.clock.due_at
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).then(
        Petition.BallotConcluded, Petition.RepresentativesElected, Ballot.Concluded, counted=6
    )
    # Candidates 5 and 7 have two votes each; 1, 2, 3, 4 and 6 one, of whom 6 stood last but the seventh.
    assert story.petition.representatives == [resident(n).by for n in (3, 1, 7, 6, 5)]
    assert story.petition.elected[resident(3).by] == text("name 3")


def test_an_election_ends_early_only_when_all_have_voted() -> None:
    story, ballot = election(2)
    vote(story, ballot, "1", *range(1, 10)).then(Ballot.Voted)
    vote(story, ballot, "1", 10).then(
        Petition.BallotConcluded, Petition.RepresentativesElected, Ballot.Voted, Ballot.Concluded
    )


def test_nobody_is_elected_whom_nobody_chose_who_stood_down_or_who_withdrew() -> None:
    story, ballot = election(2, 3, 4)
    story.do(ballot.vote, LEAD, petition=story.petition, choices=["2", "3"])
    story.do(ballot.stand_down, resident(3), petition=story.petition)
    story.do(story.petition.withdraw_signature, resident(4))
    vote(story, ballot, "2", 5).refused(Invalid, "no-such-choice", "choices")
    story.now = ballot.clock.due_at
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).then(
        Petition.BallotConcluded, Ballot.Concluded, result="failed", totals={"1": 0, "3": 1}
    )
    assert not story.petition.representatives


def test_candidates_stand_first_then_the_voting_begins() -> None:
    story = given(Phase.ACCEPTED)
    ballot = story.ballot(REPRESENTATIVES, LEAD)
    story.do(ballot.stand, SIGNER, petition=story.petition, name=text())
    vote(story, ballot, "1", 3).refused(Conflict, "candidacies-open")
    story.now = ballot.candidacy.due_at
    story.when(ballot.stand, LEAD, petition=story.petition, name=text()).refused(Conflict, "candidacies-closed")
    vote(story, ballot, "1", 3).then(Ballot.Voted)


def test_who_is_asked_to_go_goes_only_for_somebody_whom_a_majority_wants() -> None:
    story, ballot = election(2, 3, question=REPLACEMENT)
    vote(story, ballot, "1", 1, 2, 3, 4, 5)
    story.now = ballot.clock.due_at
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).then(
        Petition.BallotConcluded, Ballot.Concluded, result="failed"
    )
    assert story.petition.lead == LEAD.by
    story, ballot = election(2, 3, question=REPLACEMENT)
    vote(story, ballot, "2", 1, 2, 3, 4, 5, 6)
    story.now = ballot.clock.due_at
    story.when(ballot.conclude, WORKFLOW, petition=story.petition).then(
        Petition.BallotConcluded, Petition.LeadReplaced, Ballot.Concluded
    )
    assert story.petition.lead == "resident-3"


def test_a_lead_petitioner_who_steps_down_is_followed_by_whom_most_want_and_may_then_withdraw() -> None:
    story, ballot = election(2, 3, question=REPLACEMENT, caller=LEAD)
    vote(story, ballot, "2", 1, 4)
    vote(story, ballot, "1", 5)
    story.when(story.petition.withdraw_signature, LEAD).refused(Conflict, "lead-petitioner")
    story.now = ballot.clock.due_at
    story.do(ballot.conclude, WORKFLOW, petition=story.petition)
    assert story.petition.lead == "resident-3"
    story.when(story.petition.withdraw_signature, resident(3)).refused(Conflict, "lead-petitioner")
    story.when(story.petition.withdraw_signature, LEAD).then(Petition.CoSignatureWithdrawn)


def test_only_a_ballot_concludes_itself_on_its_petition() -> None:
    facts = {"question": WITHDRAWAL, "into_id": None, "result": "passed"}
    for phase in OPEN:
        story = given(phase)
        story.when(story.petition.conclude_ballot, WORKFLOW, **facts).refused(Conflict, "no-ballot")
    for actor in (LEAD, CLERK, HOST_STAFF, STRANGER):
        story.when(story.petition.conclude_ballot, actor, **facts).refused(Forbidden, "forbidden")


def test_a_representative_resigns_once_and_nobody_does_it_for_them() -> None:
    for actor in EVERYBODY:
        story = given(Phase.MEETING)
        story.elect(SIGNER, resident(3))
        result = story.when(story.petition.resign, actor)
        if actor == SIGNER:
            result.then(Petition.RepresentativeResigned)
            assert story.petition.representatives == ["resident-3"]
            assert story.petition.signers[SIGNER.by]
            story.when(story.petition.resign, SIGNER).refused(Forbidden, "forbidden")
        else:
            result.refused(Forbidden, "forbidden")


# --- who is carried over ----------------------------------------------------------------------------------------------


def test_who_signed_what_was_merged_may_join_the_other_and_nothing_joins_the_two_names() -> None:
    story = given(Phase.FEEDBACK)
    merged, facts = merged_into(story.petition), {"by": "resident-7 here", "role": "resident"}
    here = Actor(facts["by"], Role.RESIDENT)
    result = story.when(story.petition.carry_over, here, merged=merged, signed_as="resident-7")
    result.then(Petition.CoSigned, **facts)
    assert "resident-7" not in {value for value in vars(result.events[0]).values() if isinstance(value, str)}
    story.when(story.petition.give_feedback, here, **feedback()).then(Petition.FeedbackGiven)
    stranger = Actor("resident-8 here", Role.RESIDENT)
    story.when(story.petition.carry_over, stranger, merged=merged, signed_as="resident-99").refused(
        Forbidden, "not-a-co-signer"
    )
    other = given(Phase.SUBMITTED, name="other").petition
    story.when(story.petition.carry_over, stranger, merged=other, signed_as="resident-7").refused(
        Conflict, "not-merged"
    )


# --- many withdraw ----------------------------------------------------------------------------------------------------


def withdraw(story: Story, *people: int) -> Result:
    for n in people:
        result = story.when(story.petition.withdraw_signature, resident(n))
    return result


def test_when_a_fifth_withdraw_within_a_week_the_supervisor_hears_of_it_a_day_later() -> None:
    story = given(Phase.IN_PROGRESS)
    withdraw(story, 2).then(Petition.CoSignatureWithdrawn)
    story.later(days=6)
    withdraw(story, 3).then(Petition.CoSignatureWithdrawn, Petition.WithdrawalsMounted)
    withdraw(story, 4).then(Petition.CoSignatureWithdrawn)
    story.when(story.petition.alert_supervisor, WORKFLOW).refused(Conflict, "too-early")
    story.later(days=2)
    story.when(story.petition.alert_supervisor, WORKFLOW).then(Petition.SupervisorAlerted)
    story.when(story.petition.alert_supervisor, WORKFLOW).refused(Conflict, "no-alert")
    withdraw(story, 5, 6).then(Petition.CoSignatureWithdrawn)
    story.later(days=7)
    withdraw(story, 7).then(Petition.CoSignatureWithdrawn, Petition.WithdrawalsMounted)


def test_a_fifth_is_counted_of_those_who_had_signed_a_week_before() -> None:
    story = given(Phase.IN_PROGRESS, signatures=16)
    withdraw(story, 2, 3, 4).then(Petition.CoSignatureWithdrawn)
    withdraw(story, 5).then(Petition.CoSignatureWithdrawn, Petition.WithdrawalsMounted)
    story = given(Phase.IN_PROGRESS, signatures=16)
    withdraw(story, 2, 3, 4)
    story.later(days=7)
    withdraw(story, 5).then(Petition.CoSignatureWithdrawn)


def test_who_signs_again_has_not_withdrawn_and_before_the_threshold_nobody_is_alerted() -> None:
    story = given(Phase.COLLECTING, signatures=10)
    withdraw(story, 2)
    story.do(story.petition.co_sign, SIGNER)
    withdraw(story, 3).then(Petition.CoSignatureWithdrawn)
    withdraw(story, 2).then(Petition.CoSignatureWithdrawn, Petition.WithdrawalsMounted)
    story = given(Phase.COLLECTING, signatures=9)
    withdraw(story, 2, 3, 4, 5).then(Petition.CoSignatureWithdrawn)


def test_what_is_withdrawn_meanwhile_alerts_at_once() -> None:
    story = given(Phase.IN_PROGRESS)
    withdraw(story, 2, 3)
    story.when(story.petition.withdraw_by_vote, WORKFLOW).then(Petition.SupervisorAlerted, Petition.Withdrawn)
    story.when(story.petition.heed_alert, SUPERVISOR).then(Petition.AlertHeeded)


def test_only_a_supervisor_heeds_an_alert_and_once() -> None:
    for actor in EVERYBODY:
        story = given(Phase.IN_PROGRESS)
        withdraw(story, 2, 3)
        story.later(days=2)
        if actor != WORKFLOW:
            story.when(story.petition.alert_supervisor, actor).refused(Forbidden, "forbidden")
        story.do(story.petition.alert_supervisor, WORKFLOW)
        result = story.when(story.petition.heed_alert, actor)
        result.then(Petition.AlertHeeded) if actor == SUPERVISOR else result.refused(Forbidden, "forbidden")
    story.do(story.petition.heed_alert, SUPERVISOR)
    story.when(story.petition.heed_alert, SUPERVISOR).refused(Conflict, "no-alert")
