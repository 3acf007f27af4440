"""A signature that staff took in counts like any other, and is taken away only by two of them, after an appeal."""

from typing import Any

import pytest

from domain.intake import Intake, Means, Status
from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, NotFound
from tests.domain.story import (
    CLERK,
    EVERYBODY,
    HOST_STAFF,
    LEAD,
    SECOND_STAFF,
    WORKFLOW,
    Story,
    given,
    id_of,
    resident,
    text,
)

SLIP: dict[str, Any] = {"means": Means.PAPER, "slip": "digest"}
SIGNER = resident(50)


def contested(phase: Phase = Phase.COLLECTING) -> tuple[Story, Intake]:
    story = given(Phase.COLLECTING)
    intake = story.take_in(SIGNER)
    if phase == Phase.SUBMITTED:
        story.submit()
    story.contest(intake)
    return story, intake


def test_only_host_staff_take_signatures_in() -> None:
    for actor in EVERYBODY:
        story = given(Phase.COLLECTING, signatures=5)
        result = story.when(Intake.file, actor, id=id_of("intake"), petition=story.petition, signer=SIGNER.by, **SLIP)
        if actor == HOST_STAFF:
            result.then(
                Petition.CoSigned, Intake.Filed, signer=SIGNER.by, counted=True, slip="digest", by=HOST_STAFF.by
            )
            assert story.petition.signers[SIGNER.by]
        else:
            result.refused(Forbidden, "forbidden")


def test_the_tenth_on_paper_crosses_the_threshold() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    story.when(Intake.file, HOST_STAFF, id=id_of("intake"), petition=story.petition, signer=SIGNER.by, **SLIP).then(
        Petition.CoSigned, Petition.ThresholdReached, Intake.Filed
    )


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase != Phase.COLLECTING])
@pytest.mark.parametrize("signer", [LEAD, SIGNER])
def test_only_while_signatures_are_collected(phase: Phase, signer: Any) -> None:
    story = given(phase)
    story.when(Intake.file, HOST_STAFF, id=id_of("intake"), petition=story.petition, signer=signer.by, **SLIP).refused(
        Conflict, "wrong-phase"
    )


def test_a_slip_of_somebody_who_has_signed_is_taken_without_a_word_and_takes_nothing_away() -> None:
    """Staff who try slips out must not learn who has signed; and whoever signed themselves keeps their signature."""
    story = given(Phase.COLLECTING)
    result = story.when(
        Intake.file, HOST_STAFF, id=id_of("intake"), petition=story.petition, signer=resident(3).by, **SLIP
    )
    result.then(Petition.CoSignatureRepeated, Intake.Filed, counted=False)
    intake = story.aggregates[-1]
    assert isinstance(intake, Intake)
    story.contest(intake)
    story.later(days=11)
    closed = story.when(intake.close_appeal, WORKFLOW, petition=story.petition)
    closed.then(Petition.CoSignatureRepeated, Intake.Invalidated)
    assert story.petition.signers[resident(3).by]
    assert story.petition.signatures == 10


def test_who_opened_by_the_workers_hand_has_signed_first_and_that_is_what_the_slip_stands_for() -> None:
    story = given(Phase.COLLECTING, signatures=2)
    result = story.when(
        Intake.file, HOST_STAFF, id=id_of("intake"), petition=story.petition, signer=LEAD.by, opened=True, **SLIP
    )
    result.then(Petition.CoSignatureRepeated, Intake.Filed, counted=True)
    intake = story.aggregates[-1]
    assert isinstance(intake, Intake)
    story.contest(intake)
    story.later(days=11)
    story.do(intake.close_appeal, WORKFLOW, petition=story.petition)
    assert (story.petition.signatures, story.petition.signers[LEAD.by]) == (1, False)


def test_one_person_alone_takes_no_signature_away() -> None:
    for actor in [*EVERYBODY, SECOND_STAFF]:
        story = given(Phase.COLLECTING)
        intake = story.take_in(SIGNER)
        story.do(intake.propose_invalidation, HOST_STAFF, reason=text())
        result = story.when(intake.confirm_invalidation, actor, petition=story.petition)
        if actor == SECOND_STAFF:
            result.then(Petition.CoSignatureContested, Intake.InvalidationConfirmed, signer=SIGNER.by)
        else:
            result.refused(Forbidden, "second-person" if actor == HOST_STAFF else "forbidden")


@pytest.mark.parametrize("status", [status for status in Status if status != Status.PROPOSED])
def test_only_what_was_proposed_is_confirmed(status: Status) -> None:
    story = given(Phase.COLLECTING)
    intake = story.take_in(SIGNER)
    intake.status = status.value
    story.when(intake.confirm_invalidation, SECOND_STAFF, petition=story.petition).refused(Conflict, "wrong-status")


def test_it_counts_until_the_window_for_an_appeal_is_over() -> None:
    story, intake = contested()
    story.later(days=9)
    story.when(intake.close_appeal, WORKFLOW, petition=story.petition).refused(Conflict, "too-early")
    assert story.petition.signatures == 11
    story.later(days=2)
    story.when(intake.close_appeal, WORKFLOW, petition=story.petition).then(
        Petition.CoSignatureInvalidated, Intake.Invalidated, explanation=None
    )
    assert story.petition.signatures == 10
    assert not story.petition.signers[SIGNER.by]


@pytest.mark.parametrize("counts", [True, False])
def test_who_appeals_counts_until_the_clerk_has_decided(counts: bool) -> None:
    story, intake = contested()
    story.do(intake.appeal, SIGNER, grounds=text())
    story.later(days=30)
    story.when(intake.close_appeal, WORKFLOW, petition=story.petition).refused(Conflict, "wrong-status")
    assert story.petition.signatures == 11
    decided = story.when(intake.decide_appeal, CLERK, petition=story.petition, counts=counts, explanation=text())
    if counts:
        decided.then(Intake.Upheld, signer=SIGNER.by)
    else:
        decided.then(Petition.CoSignatureInvalidated, Intake.Invalidated)
    assert story.petition.signatures == 10 + counts


def test_the_threshold_once_submitted_stays_crossed() -> None:
    story = given(Phase.COLLECTING, signatures=9)
    intake = story.take_in(SIGNER)
    story.submit()
    story.contest(intake)
    story.later(days=11)
    story.do(intake.close_appeal, WORKFLOW, petition=story.petition)
    assert (story.petition.signatures, story.petition.phase) == (9, Phase.SUBMITTED)
    story.accept()


def test_nobody_loses_a_signature_while_they_judge() -> None:
    story = given(Phase.COLLECTING)
    intake = story.take_in(SIGNER)
    story.submit()
    for step in (story.accept, story.acknowledge, story.meet, story.plan):
        step()
    story.contest(intake)
    story.answer()
    story.later(days=11)
    story.when(intake.close_appeal, WORKFLOW, petition=story.petition).refused(Conflict, "wrong-phase")


def test_the_petition_is_the_one_that_was_signed() -> None:
    story, intake = contested()
    other = given(Phase.COLLECTING, name="other").petition
    story.do(intake.appeal, SIGNER, grounds=text())
    for counts in (True, False):
        story.when(intake.decide_appeal, CLERK, petition=other, counts=counts, explanation=text()).refused(
            NotFound, "not-found", "petition"
        )
