"""A petition with two topics becomes two, if its lead petitioner agrees; who signed the one has signed the other."""

from dataclasses import replace
from typing import Any

import pytest

from domain.petition import Petition
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden
from tests.domain.story import CLERK, LEAD, PROPOSAL, SIGNER, Actor, Result, Story, given, id_of, resident, text

LEAD_HERE = replace(LEAD, by="lead-of-that")
SIGNERS = [f"signer-{n}" for n in range(1, 10)]


def agree(story: Story, actor: Actor = LEAD_HERE, **changes: Any) -> Result:
    seen = [by for by, valid in story.petition.signers.items() if valid]
    facts = {"id": id_of("that"), "origin": story.petition, "lead_there": LEAD.by, "seen": seen, "signers": SIGNERS}
    return story.when(Petition.split_off, actor, **facts | changes)


def proposed(**given_: Any) -> Story:
    story = given(Phase.SUBMITTED, **given_)
    story.do(story.petition.issue_public_text, CLERK, topic=text(), details=text())
    story.do(story.petition.propose_split, CLERK, proposal=PROPOSAL)
    return story


def split() -> Story:
    story = proposed()
    agree(story).then(Petition.Split, Petition.Opened, Petition.SplitFrom, Petition.Submitted)
    return story


def test_each_part_has_its_topic_and_all_the_signers_and_they_step_out_of_either_alone() -> None:
    story = split()
    this, that = story.petition, story.aggregates[-1]
    assert isinstance(that, Petition)
    assert (this.topic, this.public_topic, this.split_proposal) == (text("this"), None, None)
    assert (that.topic, that.category, that.phase) == (text("that"), "grievance", Phase.SUBMITTED)
    assert (this.signatures, that.signatures, that.threshold, that.lead) == (10, 10, 10, "lead-of-that")
    assert set(this.signers).isdisjoint(that.signers), "no pseudonym joins the two"
    stranger = replace(SIGNER, by="signer-3")
    story.when(that.withdraw_signature, stranger).then(Petition.CoSignatureWithdrawn)
    assert (this.signatures, that.signatures) == (10, 9)
    story.when(that.accept, CLERK).then(Petition.Accepted, Petition.Called)
    story.reject()


def test_there_must_be_a_proposal_that_the_lead_petitioner_agrees_to_once() -> None:
    story = given(Phase.SUBMITTED)
    agree(story).refused(Conflict, "no-split-proposed")
    story = proposed()
    agree(story, CLERK).refused(Forbidden, "forbidden")
    agree(story, lead_there=SIGNER.by).refused(Forbidden, "forbidden")
    assert agree(story).events
    agree(story, id=id_of("again")).refused(Conflict, "no-split-proposed")


def test_whoever_steps_out_meanwhile_is_not_carried_along() -> None:
    story = proposed()
    seen = list(story.petition.signers)
    story.do(story.petition.withdraw_signature, resident(4))
    agree(story, seen=seen).refused(Conflict, "signers-changed")


@pytest.mark.parametrize("decide", ["accept", "reject", "refer"])
def test_once_it_is_decided_it_is_split_no_more(decide: str) -> None:
    story = proposed()
    getattr(story, decide)()
    agree(story).refused(Conflict, "wrong-phase")
