"""What the representatives are asked to agree to, and what comes of it."""

from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Phase
from domain.proposal import Proposal
from domain.refusals import Conflict, Forbidden, Invalid
from tests.domain.story import CLERK, EVERYBODY, HOST_STAFF, LEAD, OFFICIAL, SIGNER, Story, given, id_of, resident, text


def asked(representatives: int = 3) -> Story:
    story = given(Phase.MEETING)
    story.elect(*(resident(n + 1) for n in range(representatives)))
    return story


def waiver(story: Story) -> Proposal:
    made: Proposal = story.do(Proposal.waive, LEAD, id=id_of("waiver"), petition=story.petition, reason=text())
    return made


def reassignment(story: Story) -> Proposal:
    named = {"post": story.posts[0], "to": story.third_post, "reason": text()}
    made: Proposal = story.do(Proposal.reassign, CLERK, id=id_of("other"), petition=story.petition, **named)
    return made


def test_more_than_half_of_the_representatives_waive_the_meeting_which_is_cancelled() -> None:
    story = asked()
    story.schedule()
    proposal = waiver(story)
    said = {"petition": story.petition, "meetings": [story.meeting], "agrees": True}
    story.when(proposal.voice, LEAD, **said).then(Proposal.Voiced)
    result = story.when(proposal.voice, SIGNER, **said)
    kinds = {type(event) for event in result.events}
    assert kinds == {Proposal.Voiced, Proposal.Decided, Petition.MeetingWaived, Meeting.Cancelled}
    assert (story.petition.phase, story.meeting.status) == (Phase.IN_PROGRESS, "cancelled")


def test_as_many_against_as_for_it_is_declined() -> None:
    story = asked(2)
    proposal = waiver(story)
    said = {"petition": story.petition, "meetings": []}
    story.do(proposal.voice, LEAD, agrees=True, **said)
    story.when(proposal.voice, SIGNER, agrees=False, **said).then(Proposal.Voiced, Proposal.Decided, agreed=False)
    assert story.petition.phase == Phase.MEETING


def test_only_those_count_who_are_representatives_when_it_is_decided() -> None:
    story = asked(3)
    proposal = waiver(story)
    said = {"petition": story.petition, "meetings": [], "agrees": True}
    story.do(proposal.voice, SIGNER, **said)
    story.elect(LEAD, resident(5), resident(6))
    story.when(proposal.voice, LEAD, **said).then(Proposal.Voiced)
    story.when(proposal.voice, resident(3), **said).refused(Forbidden, "not-a-representative")


def test_a_meeting_arranged_meanwhile_is_not_overlooked() -> None:
    story = asked(1)
    proposal = waiver(story)
    story.schedule()
    said = {"petition": story.petition, "agrees": True}
    story.when(proposal.voice, LEAD, meetings=[], **said).refused(Conflict, "meeting-arranged")


def test_a_call_is_reassigned_with_their_consent_and_only_while_it_stands() -> None:
    story = asked(1)
    first = reassignment(story)
    named = {"post": story.posts[0], "to": story.third_post, "reason": text()}
    second = story.do(Proposal.reassign, CLERK, id=id_of("second"), petition=story.petition, **named)
    said = {"petition": story.petition, "meetings": [], "agrees": True}
    story.do(first.voice, LEAD, **said)
    assert story.petition.called_post_ids == [story.third_post.id, story.posts[1].id]
    story.when(second.voice, LEAD, **said).refused(Conflict, "call-has-changed")


def test_posts_that_are_not_called_or_called_already_are_refused() -> None:
    story = asked(1)
    given_ = {"id": id_of("x"), "petition": story.petition, "reason": text()}
    story.when(Proposal.reassign, CLERK, post=story.third_post, to=story.posts[0], **given_).refused(
        Invalid, "not-called", "post_id"
    )
    story.when(Proposal.reassign, CLERK, post=story.posts[0], to=story.posts[1], **given_).refused(
        Invalid, "already-called", "to_post_id"
    )


def test_who_proposes_what() -> None:
    for actor in EVERYBODY:
        story = asked(1)
        named = {"post": story.posts[0], "to": story.third_post, "reason": text(), "petition": story.petition}
        result = story.when(Proposal.reassign, actor, id=id_of("x"), **named)
        result.then(Proposal.Made) if actor == CLERK else result.refused(Forbidden, "forbidden")
        result = story.when(Proposal.waive, actor, id=id_of("y"), petition=story.petition, reason=text())
        if actor == LEAD:
            result.then(Proposal.Made)
        else:
            assert result.refusal
            assert result.refusal.code in ("forbidden", "not-a-representative")


def test_without_elected_representatives_nobody_is_pressed_into_it() -> None:
    story = given(Phase.MEETING)
    story.when(Proposal.waive, LEAD, id=id_of("x"), petition=story.petition, reason=text()).refused(
        Conflict, "no-representatives"
    )


def test_after_the_meeting_there_is_nothing_to_waive() -> None:
    story = asked(1)
    proposal = waiver(story)
    story.schedule()
    story.later(days=2)
    story.do(story.meeting.hold, HOST_STAFF, petition=story.petition, minutes=text())
    said = {"petition": story.petition, "meetings": [story.meeting], "agrees": True}
    story.when(proposal.voice, LEAD, **said).refused(Conflict, "wrong-phase")
    story.when(proposal.voice, OFFICIAL, **said).refused(Forbidden, "forbidden")


def test_whoever_it_is_about_is_not_called_instead() -> None:
    story = asked(1)
    story.petition.kept_from = [story.third_post.id]
    named = {"post": story.posts[0], "to": story.third_post, "reason": text()}
    story.when(Proposal.reassign, CLERK, id=id_of("x"), petition=story.petition, **named).refused(
        Invalid, "complained-about", "to_post_id"
    )
