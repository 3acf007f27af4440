"""The numbered papers: who is given them, what they say, how they are counted, and that they open."""

import asyncio
import io
import re
from datetime import timedelta
from uuid import uuid4

from docx import Document

from domain.command import Command, Role
from domain.directory import Post
from projections.projector import READ_MODELS, rebuild
from tests.api.checks import is_problem
from tests.api.world import AUDITOR, CLERK, POLICY, SUPERVISOR, Person, World, resident


async def words(world: World, who: Person, path: str, document: str) -> str:
    answer = await world.read(who, f"{path}/documents/{document}.docx")
    assert answer.status_code == 200, answer.text
    return "\n".join(paragraph.text for paragraph in Document(io.BytesIO(answer.content)).paragraphs)


async def ids(world: World, who: Person, path: str) -> list[str]:
    return [row["id"] for row in await world.get(who, f"{path}/documents")]


async def promised(world: World) -> str:
    path = await world.in_progress()
    await world.post(SUPERVISOR, f"{path}/supervision-orders", order="三日内报送整改措施。\n逾期通报。")
    due_on = (world.clock.at + timedelta(days=40)).date().isoformat()
    said = "管道已铺设三百米,水泵列入计划。\n竣工后公示。"
    await world.post(world.official, f"{path}/response", text=said, outcome="planned", due_on=due_on)
    return path


async def test_each_step_leaves_its_paper_with_those_whom_it_concerns(world: World) -> None:
    path = await promised(world)
    rows = await world.get(resident(2), f"{path}/documents")
    assert [row["kind"] for row in rows] == ["acceptance", "supervision", "response"]
    assert all(re.fullmatch(r"约谈[受督复]〔2026〕[1-9]\d*号", row["number"]) for row in rows)
    acceptance, supervision, response = (row["id"] for row in rows)
    for who in (resident(1), world.host, world.official, world.officer, CLERK, SUPERVISOR, AUDITOR):
        assert await ids(world, who, path) == [acceptance, supervision, response]
    for stranger in (None, resident(55)):
        for address in ("", f"/{acceptance}.docx", f"/{acceptance}.pdf"):
            is_problem(await world.read(stranger, f"{path}/documents{address}"), 404, "not-found")

    accepted = await words(world, resident(1), path, acceptance)
    assert "关于“小区低洼地排涝改造”" in accepted
    assert "区委书记" in accepted
    assert "答复意见于2026年5月1日前作出" in accepted
    answered = await words(world, resident(1), path, response)
    assert "水泵列入计划" in answered
    assert "承诺于2026年4月12日前兑现" in answered
    ordered = await words(world, world.official, path, supervision)
    assert rows[0]["number"] in ordered
    assert "三日内报送整改措施。\n逾期通报。" in ordered


async def test_the_same_paper_is_the_same_to_the_byte_and_carries_its_own_letters(world: World) -> None:
    path = await promised(world)
    document = (await ids(world, CLERK, path))[-1]
    for form, media_type in (
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("pdf", "application/pdf"),
    ):
        first = await world.read(CLERK, f"{path}/documents/{document}.{form}")
        assert first.headers["Content-Type"] == media_type
        assert first.headers["Content-Disposition"] == f'attachment; filename="{document}.{form}"'
        assert (await world.read(resident(3), f"{path}/documents/{document}.{form}")).content == first.content
    assert first.content.startswith(b"%PDF-")
    assert b"/FontFile" in first.content
    for address in (f"{document}.odt", "response-2026-999999.pdf", "letter.pdf", document):
        answer = await world.read(CLERK, f"{path}/documents/{address}")
        assert answer.status_code in (404, 422), address


async def test_numbers_have_no_gap_and_survive_a_rebuild(new_world: World) -> None:
    world = new_world
    paths = [await world.submitted() for _ in range(4)]
    await asyncio.gather(*(world.post(CLERK, f"{path}/acceptance") for path in paths))

    async def numbers() -> list[str]:
        return [(await world.get(CLERK, f"{path}/documents"))[0]["number"] for path in paths]

    before = await numbers()
    assert sorted(before) == [f"约谈受〔2026〕{n}号" for n in range(1, 5)]
    await rebuild(world.store, world.keyring, [READ_MODELS["documents"]])
    assert await numbers() == before


async def test_a_paper_keeps_the_names_of_its_day(new_world: World) -> None:
    world = new_world
    path = await promised(world)
    before = await words(world, CLERK, path, "acceptance-2026-1")
    assert world.official.org
    cmd = Command(id=uuid4(), by="admin", role=Role.ADMIN, at=world.clock.at, policy=POLICY)
    await world.repository.execute(Post.change, world.official.org, cmd, name="区长")
    assert await words(world, CLERK, path, "acceptance-2026-1") == before
    await world.post(SUPERVISOR, f"{path}/supervision-orders", order="请说明。")
    assert "区长" in await words(world, CLERK, path, "supervision-2026-2")
