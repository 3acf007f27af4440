"""Hosts, posts with the terms of their holders, and units."""

from datetime import date

from domain.calendar import end_of
from domain.directory import Host, Post, Unit, UnitKind, common_superior
from domain.refusals import Conflict, Forbidden, Invalid
from tests.domain.story import ADMIN, CLERK, EVERYBODY, MONDAY, SUPERVISOR, WORKFLOW, Story, id_of

TODAY = MONDAY.date()


def test_a_post_outlives_its_holders() -> None:
    story = Story()
    post = story.posts[0]
    story.when(post.end_term, ADMIN, ended_on=date(2026, 3, 2)).refused(Conflict, "post-is-vacant")
    story.when(post.start_term, ADMIN, holder="first", started_on=date(2026, 3, 2)).then(Post.TermStarted)
    story.when(post.start_term, ADMIN, holder="second", started_on=date(2026, 3, 2)).refused(Conflict, "post-is-held")
    assert post.holder == "first"  # not the second, who was refused
    story.when(post.end_term, ADMIN, ended_on=date(2026, 3, 1)).refused(
        Invalid, "term-ends-before-it-starts", "ended_on"
    )
    story.when(post.end_term, ADMIN, ended_on=date(2026, 6, 30)).then(Post.TermEnded, Post.FellVacant)
    for overlapping in (date(2026, 3, 1), date(2026, 6, 30)):
        story.when(post.start_term, ADMIN, holder="second", started_on=overlapping).refused(
            Invalid, "terms-overlap", "started_on"
        )
    story.when(post.start_term, ADMIN, holder="second", started_on=date(2026, 7, 1)).then(Post.TermStarted)
    story.when(post.end_term, ADMIN, ended_on=date(2026, 7, 1)).then(Post.TermEnded, Post.FellVacant)


MONDAYS_DATE = MONDAY.date()


def vacant(ended_on: date = TODAY) -> tuple[Story, Post]:
    story = Story()
    post = story.posts[0]
    story.do(post.start_term, ADMIN, holder="first", started_on=date(2026, 1, 1))
    story.do(post.end_term, ADMIN, ended_on=ended_on)
    return story, post


def test_somebody_has_to_stand_in_within_three_working_days_of_the_last_day() -> None:
    for ended_on, due_on in ((MONDAY.date(), 5), (date(2026, 2, 1), 5), (date(2026, 3, 6), 11)):
        _, post = vacant(ended_on)
        assert post.vacancy
        assert post.vacancy.due_at == end_of(date(2026, 3, due_on))
    story, post = vacant()
    story.announce(date(2026, 3, 4))
    story.when(post.move_clocks, WORKFLOW).then(Post.ClocksMoved, revision=1)
    assert post.vacancy
    assert post.vacancy.due_at == end_of(date(2026, 3, 6))


def test_who_stands_in_is_named_once_and_goes_when_the_post_is_held() -> None:
    story, post = vacant()
    story.when(post.name_acting, CLERK, holder="second", from_post=post).refused(Invalid, "own-post", "from_post_id")
    other = story.posts[1]
    story.when(post.name_acting, CLERK, holder="second", from_post=other).then(Post.ActingNamed, from_post_id=other.id)
    story.when(post.name_acting, CLERK, holder="second").then()
    assert (post.acting, post.vacancy, post.holder) == ("second", None, None)
    story.when(post.move_clocks, WORKFLOW).then()
    story.when(post.name_acting, SUPERVISOR, holder="third").then(Post.ActingNamed, from_post_id=None)
    story.do(post.start_term, ADMIN, holder="fourth", started_on=date(2026, 4, 1))
    assert post.acting is None
    story.when(post.name_acting, CLERK, holder="second").refused(Conflict, "post-is-held")


def test_clerks_supervisors_and_administrators_name_who_stands_in() -> None:
    for actor in EVERYBODY:
        story, post = vacant()
        result = story.when(post.name_acting, actor, holder="second")
        if actor in (CLERK, SUPERVISOR, ADMIN):
            result.then(Post.ActingNamed)
        else:
            result.refused(Forbidden, "forbidden")


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
