"""The directory, its terms and policies go out as CSV and JSON Lines, and come in: all of it or nothing."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest

from tests.api.checks import is_problem, nothing_appended
from tests.api.world import ADMIN, AUDITOR, CLERK, POLICY_FILE, World, resident

HEADING = "sort,name,kind,regulator,superior,charge_of,post,started_on,ended_on"
GOOD = f"""{HEADING}
host,孔浦社区,community,,,,,,
unit,区水利局,department,,区长,,,,
unit,清泉物业,property_firm,区水利局,,,,,
post,区长,government,,,区水利局,,,
term,,,,,,区长,2024-01-01,2025-12-31
term,,,,,,区长,2026-01-01,
"""


def file(text: str, *, dry_run: bool = False, format: str = "csv") -> dict[str, Any]:
    return {"format": format, "text": text, "dry_run": dry_run}


async def names(world: World, what: str) -> list[str]:
    return [entry["name"] for entry in (await world.get(None, f"/v1/{what}"))["items"]]


async def exported(world: World, format: str) -> str:
    answer = await world.read(ADMIN, "/v1/directory/export", format=format)
    assert answer.is_success
    return answer.text


async def test_a_file_is_tried_then_taken_in_and_twice_changes_nothing_more(new_world: World) -> None:
    world = new_world
    counted = {"rows": 6, "created": 4, "changed": 2, "unchanged": 0, "broken": []}
    async with nothing_appended(world):
        tried = await world.post(ADMIN, "/v1/directory/import", **file(GOOD, dry_run=True))
    planned = {(row["type"], row["name"]): (row["before"], row["after"]) for row in tried.pop("planned")}
    assert tried == {"imported": False} | counted
    assert planned["unit.Registered", "清泉物业"] == (None, "property_firm")
    assert planned["unit.Placed", "区水利局"] == (None, "区长")
    assert planned["post.PutInCharge", "区长"] == (None, "区水利局")
    assert planned["post.TermEnded", "区长"] == (None, "2025-12-31")
    done = await world.post(ADMIN, "/v1/directory/import", **file(GOOD))
    assert {(row["type"], row["name"]) for row in done.pop("planned")} == planned.keys()
    assert done == {"imported": True} | counted
    assert "孔浦社区" in await names(world, "hosts")
    posts = {entry["name"]: entry for entry in (await world.get(None, "/v1/posts"))["items"]}
    units = {entry["name"]: entry for entry in (await world.get(None, "/v1/units"))["items"]}
    assert posts["区长"]["held"] is True
    assert posts["区长"]["charge_of"] == [units["区水利局"]["id"]]
    assert units["区水利局"]["superior_id"] == posts["区长"]["id"]
    assert units["清泉物业"]["regulator_id"] == units["区水利局"]["id"]
    async with nothing_appended(world):
        again = await world.post(ADMIN, "/v1/directory/import", **file(GOOD))
    assert again == {
        "imported": True,
        "rows": 6,
        "created": 0,
        "changed": 0,
        "unchanged": 6,
        "broken": [],
        "planned": [],
    }


@pytest.mark.parametrize("format", ["csv", "jsonl"])
async def test_what_goes_out_comes_in_elsewhere(new_world: World, format: str) -> None:
    world = new_world
    await world.post(ADMIN, "/v1/directory/import", **file(GOOD))
    new = POLICY_FILE.replace("2026-11", "2026-12").replace("threshold = 10 ", "threshold = 12 ")
    await world.post(ADMIN, "/v1/policies", toml=new, effective_on="2026-03-02")
    text = await exported(world, format)
    async with nothing_appended(world):
        again = await world.post(ADMIN, "/v1/directory/import", **file(text, format=format))
    assert (again["imported"], again["unchanged"], again["broken"]) == (True, again["rows"], [])
    # One row with another name, found by its id.
    renamed = text.replace("孔浦社区", "孔浦一村社区")
    done = await world.post(ADMIN, "/v1/directory/import", **file(renamed, format=format))
    assert (done["changed"], done["created"]) == (1, 0)
    assert done["planned"] == [
        {"type": "host.Changed", "name": "孔浦社区", "before": "孔浦社区", "after": "孔浦一村社区"}
    ]
    assert "孔浦一村社区" in await names(world, "hosts")
    if format == "jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {row["sort"] for row in rows} == {"host", "unit", "post", "term", "policy"}
    assert not any(row.get("holder") for row in rows)


async def test_each_broken_row_is_told_with_its_line_and_nothing_is_taken_in(new_world: World) -> None:
    broken = GOOD + (
        "host,,community,,,,,,\n"
        "host,新社区,village,,,,,,\n"
        "unit,甲公司,utility,没有的局,,,,,\n"
        "mayor,乙,,,,,,,\n"
        "term,,,,,,区长,2025-06-01,\n"
        "term,,,,,,区长,昨天,\n"
        "unit,缺列\n"
        "post,区委书记,party_committee,,区委书记,,,,\n"
    )
    async with nothing_appended(new_world):
        report = await new_world.post(ADMIN, "/v1/directory/import", **file(broken))
    assert report["imported"] is False
    assert [(row["line"], row["field"]) for row in report["broken"]] == [
        (8, "name"),
        (9, "kind"),
        (10, "regulator"),
        (11, "sort"),
        (12, "row"),
        (13, "started_on"),
        (14, "row"),
        (15, "superior_id"),
    ]
    assert all(row["detail"] and row["detail_en"] for row in report["broken"])
    assert "孔浦社区" not in await names(new_world, "hosts")


async def test_policies_come_in_and_take_effect_today_at_the_earliest(new_world: World) -> None:
    document = (await new_world.get(None, "/v1/policies/2026-11"))["document"] | {
        "version": "elsewhere",
        "threshold": 7,
    }
    row = {"sort": "policy", "effective_on": "2020-01-01", "document": document}
    done = await new_world.post(ADMIN, "/v1/directory/import", **file(json.dumps(row), format="jsonl"))
    assert (done["imported"], done["changed"]) == (True, 1)
    assert (await new_world.get(None, "/v1/policy"))["threshold"] == 7
    wrong = row | {"document": document | {"version": "worse", "threshold": 1}}
    report = await new_world.post(ADMIN, "/v1/directory/import", **file(json.dumps(wrong), format="jsonl"))
    assert [(row["line"], row["field"]) for row in report["broken"]] == [(1, "document")]


async def test_formulas_come_out_harmless_and_come_in_again_as_they_were(new_world: World) -> None:
    name = '=HYPERLINK("http://evil","点我")'
    await new_world.post(ADMIN, "/v1/hosts", name=name, kind="community")
    text = await exported(new_world, "csv")
    cells = [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for cell in row]
    assert f"'{name}" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    async with nothing_appended(new_world):
        assert (await new_world.post(ADMIN, "/v1/directory/import", **file(text)))["broken"] == []


async def test_one_file_imported_by_two_at_once_makes_nobody_twice(new_world: World) -> None:
    importing = [new_world.send(ADMIN, "POST", "/v1/directory/import", file(GOOD)) for _ in range(4)]
    answers = await asyncio.gather(*importing)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sum(answer.is_success and answer.json()["created"] == 4 for answer in answers) == 1
    new_world.position = await new_world.store.max_notification_id()
    assert (await names(new_world, "hosts")).count("孔浦社区") == 1


async def test_only_administrators_take_in_and_only_they_and_auditors_take_out(world: World) -> None:
    async with nothing_appended(world):
        for who in (CLERK, AUDITOR, world.host, world.official, resident(1)):
            is_problem(await world.send(who, "POST", "/v1/directory/import", file(GOOD)), 403, "forbidden")
    assert (await world.read(AUDITOR, "/v1/directory/export")).is_success
    for who in (CLERK, world.host, resident(1)):
        is_problem(await world.read(who, "/v1/directory/export"), 403, "forbidden")


@pytest.mark.parametrize("text", ["", "name,kind\nx,y\n", "sort,sort\n", "sort,colour\n", "a" * 1_000])
async def test_a_file_without_its_columns_is_of_no_use(world: World, text: str) -> None:
    async with nothing_appended(world):
        answer = await world.send(ADMIN, "POST", "/v1/directory/import", file(text))
    is_problem(answer, 422, "unusable-file", "/text")
