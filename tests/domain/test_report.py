"""A report goes to discipline inspection and is decided there; what a clerk hands over is rejected in the same step."""

import pytest

from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden
from domain.report import Report
from tests.domain.story import (
    CLERK,
    DISCIPLINE,
    EVERYBODY,
    LEAD,
    SIGNER,
    STRANGER,
    Actor,
    Story,
    given,
    id_of,
    text,
)


def filed() -> tuple[Story, Report]:
    story = Story()
    return story, story.do(Report.file, STRANGER, id=id_of("report"), text=text("text"), about=None)


@pytest.mark.parametrize("actor", EVERYBODY)
def test_whoever_has_signed_in_may_report_and_nobody_else(actor: Actor) -> None:
    result = Story().when(Report.file, actor, id=id_of("report"), text=text("text"), about=text("about"))
    if actor in (LEAD, SIGNER, STRANGER):
        result.then(Report.Filed, kind="retaliation", by=actor.by)
    else:
        result.refused(Forbidden, "forbidden")


@pytest.mark.parametrize("actor", EVERYBODY)
def test_inspectors_alone_take_up_and_close(actor: Actor) -> None:
    story, report = filed()
    result = story.when(report.take_up, actor)
    if actor == DISCIPLINE:
        result.then(Report.TakenUp)
    else:
        result.refused(Forbidden, "forbidden")
        story.do(report.take_up, DISCIPLINE)
    result = story.when(report.close, actor, result=text("result"))
    if actor == DISCIPLINE:
        result.then(Report.Closed)
    else:
        result.refused(Forbidden, "forbidden")


def test_each_step_is_taken_once_and_in_order() -> None:
    story, report = filed()
    story.when(report.close, DISCIPLINE, result=text()).refused(Conflict, "wrong-status")
    story.do(report.take_up, DISCIPLINE)
    story.when(report.take_up, DISCIPLINE).refused(Conflict, "already-taken-up")
    story.do(report.close, DISCIPLINE, result=text())
    story.when(report.close, DISCIPLINE, result=text()).refused(Conflict, "wrong-status")


def test_what_is_handed_over_is_rejected_in_the_same_step_or_neither() -> None:
    for phase in Phase:
        for actor in EVERYBODY if phase == Phase.SUBMITTED else [CLERK]:
            story = given(phase)
            facts = {"id": id_of("report"), "about": text("about"), "explanation": text("why")}
            result = story.when(Report.hand_over, actor, petition=story.petition, **facts)
            if actor != CLERK:
                result.refused(Forbidden, "forbidden")
            elif phase == Phase.SUBMITTED:
                result.then(Petition.Rejected, Report.Filed, kind="violation", text=story.petition.details)
            else:
                result.refused(Conflict, "wrong-phase")
