"""A case of another system is linked to one petition at a time."""

from domain.link import Link
from domain.petition.words import Phase
from domain.refusals import Conflict, Forbidden, NotFound
from tests.domain.story import CLERK, EVERYBODY, HOST_STAFF, Story, given, id_of, text


def linked(name: str = "linked") -> tuple[Story, Link]:
    story = given(Phase.SUBMITTED, name=name)
    facts = {"petition": story.petition, "system": "12345", "number": text("number")}
    link: Link = story.do(Link.make, HOST_STAFF, id=id_of("case"), **facts)
    return story, link


def test_a_case_is_linked_unlinked_for_a_reason_and_linked_to_another() -> None:
    story, link = linked()
    other = given(Phase.CLOSED, name="other").petition
    again = {"number": text("number")}
    assert not story.when(link.make_again, CLERK, petition=story.petition, **again).events, "it is linked to that one"
    story.when(link.make_again, CLERK, petition=other, **again).refused(Conflict, "already-linked", "number")
    story.when(link.remove, CLERK, petition=other, reason=text()).refused(NotFound, "not-found")
    story.when(link.remove, CLERK, petition=story.petition, reason=text("wrong one")).then(Link.Removed)
    assert not story.when(link.remove, CLERK, petition=story.petition, reason=text()).events, "once is enough"
    story.when(link.make_again, CLERK, petition=other, **again).then(Link.MadeAgain, matter_id=other.id)
    assert (link.matter_id, link.removed) == (other.id, False)


def test_only_clerks_and_the_petitions_host_link_and_unlink() -> None:
    for actor in EVERYBODY:
        story, link = linked()
        petition, number = {"petition": story.petition}, {"number": text()}
        made = {"id": id_of("another case"), "system": "12345"}
        for result in (
            story.when(Link.make, actor, **petition, **number, **made),
            story.when(link.remove, actor, **petition, reason=text()),
            story.when(link.make_again, actor, **petition, **number),
        ):
            if actor in (CLERK, HOST_STAFF):
                assert result.events
            else:
                result.refused(Forbidden, "forbidden")
