"""The directory: names in the order of registration, and whether a post is held, never by whom."""

from datetime import date

from domain.directory import Post
from domain.petition.words import Phase
from projections import directory
from tests.domain.story import ADMIN, given, id_of
from tests.projections.conftest import Mirror


async def test_names_change_and_posts_are_held_or_vacant(mirror: Mirror) -> None:
    story = given(Phase.COLLECTING, signatures=1)
    lead: Post = story.posts[0]
    await mirror.show(story)
    story.do(story.host.change, ADMIN, name="黄鹂社区")
    story.do(lead.start_term, ADMIN, holder="somebody", started_on=date(2026, 3, 1))
    await mirror.show(story)
    ((host,), _) = await directory.entries(mirror.pool, "host")
    assert (host["name"], host["kind"], host["held"], host["version"]) == ("黄鹂社区", "community", None, 2)
    posts, _ = await directory.entries(mirror.pool, "post")
    assert [(post["id"], post["held"]) for post in posts] == [(id_of("post"), True), (id_of("second post"), False)]
    story.do(lead.end_term, ADMIN, ended_on=date(2026, 4, 1))
    await mirror.show(story)
    posts, _ = await directory.entries(mirror.pool, "post")
    assert [post["held"] for post in posts] == [False, False]
    assert await directory.names(mirror.pool, [host["id"], lead.id, id_of("nobody")]) == {
        host["id"]: "黄鹂社区",
        lead.id: "post",
    }


async def test_pages_of_the_directory_are_complete(mirror: Mirror) -> None:
    await mirror.show(given(Phase.COLLECTING, signatures=1))
    first, cursor = await directory.entries(mirror.pool, "unit", limit=1)
    assert cursor is not None
    second, end = await directory.entries(mirror.pool, "unit", limit=1, cursor=cursor)
    assert [unit["name"] for unit in first + second] == ["unit", "second unit"]
    assert end is None
