"""Hosts, posts with the terms of their holders, and units."""

from datetime import date

from domain.directory import Host, Post, Unit, UnitKind, common_superior
from domain.refusals import Conflict, Invalid
from tests.domain.story import ADMIN, Story, id_of


def test_a_post_outlives_its_holders() -> None:
    story = Story()
    post = story.posts[0]
    story.when(post.end_term, ADMIN, ended_on=date(2026, 3, 2)).refused(Conflict, "post-is-vacant")
    story.when(post.start_term, ADMIN, holder="first", started_on=date(2026, 3, 2)).then(Post.TermStarted)
    story.when(post.start_term, ADMIN, holder="second", started_on=date(2026, 3, 2)).refused(Conflict, "post-is-held")
    assert post.holder == "first"  # not the second, who was refused
    story.when(post.end_term, ADMIN, ended_on=date(2026, 6, 30)).then(Post.TermEnded)
    story.when(post.start_term, ADMIN, holder="second", started_on=date(2026, 7, 1)).then(Post.TermStarted)
    story.when(post.end_term, ADMIN, ended_on=date(2026, 7, 2)).then(Post.TermEnded)


def test_a_change_of_name_is_recorded_once() -> None:
    story = Story()
    for entry, event in (
        (story.host, Host.Changed),
        (story.posts[0], Post.Changed),
        (story.units[0], Unit.Changed),
    ):
        story.when(entry.change, ADMIN, name="新名").then(event, name="新名")
        story.when(entry.change, ADMIN, name="新名").then()
        assert entry.name == "新名"


def test_who_stands_above_whom_is_recorded_once_and_nobody_stands_above_themselves() -> None:
    story = Story()
    (post, second), (unit, other) = story.posts, story.units
    story.when(post.place, ADMIN, superior=second).then(Post.Placed, superior_id=second.id)
    story.when(post.place, ADMIN, superior=second).then()
    story.when(post.place, ADMIN, superior=post).refused(Invalid, "own-superior", "superior_id")
    story.when(unit.place, ADMIN, superior=other).then(Unit.Placed)
    story.when(unit.place, ADMIN, superior=unit).refused(Invalid, "own-superior", "superior_id")
    story.when(unit.place, ADMIN, superior=None).then(Unit.Placed, superior_id=None)
    story.when(post.put_in_charge, ADMIN, units=[unit, other]).then(Post.PutInCharge)
    story.when(post.put_in_charge, ADMIN, units=[unit, other]).then()
    assert post.charge_of == [unit.id, other.id]


def test_the_nearest_that_stands_above_all_is_their_common_superior() -> None:
    story = Story()
    (post, second), (unit, other) = story.posts, story.units
    assert common_superior([[unit, post], [other, post]]) is post
    assert common_superior([[unit, post, second], [unit, second]]) is unit
    assert common_superior([[post, second], [second]]) is second
    assert common_superior([[post]]) is post
    assert common_superior([[post], [second]]) is None
    assert common_superior([[], [post]]) is None


def test_a_unit_that_is_no_department_is_reached_through_its_regulator() -> None:
    story = Story()
    regulator = story.units[0]
    firm = story.do(
        Unit.register, ADMIN, id=id_of("firm"), name="物业", kind=UnitKind.PROPERTY_FIRM, regulator=regulator
    )
    assert (firm.regulator_id, regulator.regulator_id) == (regulator.id, None)
    assert (firm.reports_to, regulator.reports_to) == (regulator.id, None)
    story.do(firm.place, ADMIN, superior=story.posts[0])
    assert firm.reports_to == story.posts[0].id
