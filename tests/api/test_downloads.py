"""Statistics and the public list as files: as told elsewhere, and harmless to who opens them in a spreadsheet."""

import csv
import io

import httpx

from tests.api.checks import is_problem
from tests.api.world import AUDITOR, CLERK, World


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith("\ufeff".encode())  # else spreadsheets take it for GB18030
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_everybody_downloads_what_is_public_and_no_cell_is_a_formula(new_world: World) -> None:
    world = new_world
    path = await world.in_progress()
    formula = '=HYPERLINK("http://elsewhere")\n,"'
    await world.post(CLERK, f"{path}/public-text", topic=formula, details="居民请求改造排水。")
    other = await world.accepted()
    for hidden in (await world.collecting(topic="尚未公开"), await world.accepted(category="conduct")):
        await world.get(CLERK, hidden)
    read = (await world.get(None, "/v1/petitions"))["items"]
    for who in (None, AUDITOR):
        answer = await world.read(who, "/v1/downloads/petitions")
        rows = table(answer)
        assert [row["编号"] for row in rows] == [other[-36:], path[-36:]] == [row["id"] for row in read]
        assert rows[1]["题目"] == f"'{formula}"
        assert (rows[1]["阶段"], rows[1]["社区(合作社)"], rows[1]["应约领导"]) == ("办理中", "划船社区", "区委书记")
        assert 'filename="petitions.csv"' in answer.headers["Content-Disposition"]
        assert await world.get(who, "/v1/downloads/petitions", format="json") == {"items": read}
    is_problem(await world.read(None, "/v1/downloads/petitions", format="xlsx"), 422, "invalid-input", "?format")


async def test_an_empty_list_is_a_file_too(new_world: World) -> None:
    assert table(await new_world.read(None, "/v1/downloads/petitions")) == []
    assert await new_world.get(None, "/v1/downloads/petitions", format="json") == {"items": []}


async def test_the_statistics_are_downloaded_with_their_denominators(new_world: World) -> None:
    world = new_world
    path = await world.roadmap()
    await world.finish(await world.publish(path))
    await world.feedback(path)
    await world.judge(path, "yes")
    await world.accepted(category="conduct")
    for who, petitions in ((None, "1"), (AUDITOR, "2")):
        for by, name in (("host", "划船社区"), ("post", "区委书记"), ("unit", "区住建局"), ("month", "2026-03")):
            answer = await world.read(who, "/v1/downloads/statistics", by=by)
            everything, *groups = table(answer)
            assert (everything["名称"], everything["受理申请"]) == ("全部", petitions)
            (group,) = (row for row in groups if row["名称"] == name)
            assert (group["有评价"], group["已解决"], group["解决率"]) == ("1", "1", "1.0")
            assert (group["邀请评价人数"], group["评价人数"], group["可比较(不少于10件)"]) == ("10", "10", "否")
            told = await world.get(who, "/v1/downloads/statistics", by=by, format="json")
            assert told == await world.get(who, "/v1/statistics", by=by)
