"""A unit's tasks: the board, a task's page, the file that is none, and whoever has no business there."""

from dataclasses import replace
from datetime import timedelta

from tests.api.console.tab import Tab
from tests.api.test_evidence import digest_of, photo
from tests.api.world import CLERK, Person, World


async def offered(world: World) -> tuple[str, str]:
    """The path of a petition, and the address of the first of its two tasks' pages."""
    path = await world.roadmap()
    task, _ = await world.publish(path)
    await world.get(CLERK, path)  # until the board shows it
    return path, f"/tasks/{task[-36:]}"


def persona(who: Person) -> str:
    return f"{who.role}-{who.org}"


async def test_a_task_goes_from_its_offer_to_its_end_on_its_page(world: World, tab: Tab) -> None:
    path, page = await offered(world)
    await tab.be(persona(world.officer), page)
    await tab.fill("/do/claim")
    assert "任务已认领。" in tab.html
    assert all(shown in tab.html for shown in ("铺设排水管", "排涝改造", "区住建局", "期限如何算得", "区委书记"))
    await tab.open(f"/do/progress{page[6:]}")
    await tab.fill(percent="60", note="管道已铺设三百米。")
    assert all(shown in tab.html for shown in ("进度已报告。", 'value="60"', "管道已铺设三百米。"))
    await tab.open(f"/do/evidence{page[6:]}")
    content = photo()
    await tab.fill(stage="after", files={"file": ("施工后.jpg", content, "image/jpeg")})
    assert all(shown in tab.html for shown in ("佐证已提交。", "施工后.jpg", digest_of(content), "办理后"))
    saved = await tab.client.get(f"{page}/evidence/{digest_of(content)}")
    assert saved.content == content
    assert saved.headers["Content-Disposition"].startswith("attachment")
    await tab.open(f"/do/completion{page[6:]}")
    await tab.fill(report="水泵已安装。")
    assert "待核实" in tab.html
    await tab.be(persona(world.official), page)
    await tab.open(f"/do/return{page[6:]}")
    await tab.fill(reason="西侧未做。")
    assert "西侧未做。" in tab.html
    await tab.be(persona(world.officer), f"/do/completion{page[6:]}")
    await tab.fill(report="西侧已补做。")
    await tab.be(persona(world.official), page)
    form = tab.html
    for _ in range(2):
        tab.html = form
        assert (await tab.fill("/do/confirmation")).status_code == 200
        assert "任务已销号。" in tab.html
    task, _ = (await world.get(world.official, path))["tasks"]
    assert (task["status"], task["returned"]) == ("confirmed", 1)


async def test_the_board_has_columns_and_says_what_is_overdue(world: World, tab: Tab) -> None:
    unit = await world.register("units", "区水务局", "department")
    world = replace(world, officer=world.officer._replace(org=unit))  # which has no other task
    path, page = await offered(world)
    token = world.issuer.token(world.officer.role, world.officer.subject, unit)
    await tab.bring(token, "/board")
    assert "任务看板 · 区水务局" in tab.html
    column = tab.html[tab.html.index('id="column-1"') : tab.html.index('id="column-2"')]
    assert f'href="{page}"' in column
    assert "排涝改造" in column
    assert "清运淤泥" not in tab.html
    world.clock.at += timedelta(days=30)
    await tab.open("/board")
    late = f'<li class="card late">\n      <h3><a href="{page}">'
    assert late in tab.html
    assert "逾期" in tab.html
    await world.post(world.official, f"{path}/suspension", reason="等待上级批复。")
    await world.get(CLERK, path)
    await tab.open("/board")
    assert f'href="{page}"' in tab.html
    assert late not in tab.html
    fragment = await tab.client.get("/board", headers={"HX-Request": "true"})
    assert "<html" not in fragment.text
    assert page in fragment.text


async def test_a_file_of_the_wrong_type_is_refused_and_the_rest_of_the_form_kept(world: World, tab: Tab) -> None:
    path, page = await offered(world)
    await world.post(world.officer, f"/v1{page}/claim")
    await tab.be(persona(world.officer))
    await tab.open(f"/do/evidence{page[6:]}")
    answer = await tab.fill(stage="vote", files={"file": ("施工后.jpg", b"<script>alert(1)</script>", "image/jpeg")})
    assert answer.status_code == 415
    assert 'id="wrong-file">仅接受 JPEG、PNG、WebP、PDF 或 MP4 文件。' in tab.html
    assert 'value="vote" checked' in tab.html
    assert (await tab.fill("/do/evidence", files={"file": ("", b"", "application/octet-stream")})).status_code == 422
    assert 'id="wrong-file">请选择文件。' in tab.html
    await tab.fill("/do/evidence", files={"file": ("表决.pdf", b"%PDF-1.7 result", "application/pdf")})
    assert "佐证已提交。" in tab.html
    (piece,) = (await world.get(world.officer, path))["tasks"][0]["evidence"]
    assert piece["stage"] == "vote"


async def test_an_objection_is_decided_by_a_mandate(world: World, tab: Tab) -> None:
    path, page = await offered(world)
    await tab.be(persona(world.officer), page)
    await tab.open(f"/do/objection{page[6:]}")
    assert (await tab.fill(reason="此管属水务集团资产。")).status_code == 422
    assert 'id="wrong-basis"' in tab.html
    await tab.fill(basis="产权分界协议第三条𠮷")
    assert "有异议" in tab.html
    assert "产权分界协议第三条𠮷" in tab.html
    await tab.be(persona(world.official), page)
    await tab.open(f"/do/mandate{page[6:]}")
    assert "产权分界协议第三条𠮷" in tab.html
    await tab.fill(unit_id=str(world.other_officer.org), reason="按属地管理。")
    assert "任务已指派。" in tab.html
    task, _ = (await world.get(world.official, path))["tasks"]
    assert (task["status"], task["lead_unit_id"]) == ("claimed", str(world.other_officer.org))


async def test_a_long_note_with_rare_characters_is_taken_and_a_longer_one_is_kept_in_its_field(
    world: World, tab: Tab
) -> None:
    path, page = await offered(world)
    await world.post(world.officer, f"/v1{page}/claim")
    note = ("𠮷屋门口已开挖🌧" * 500)[:4000]
    await tab.be(persona(world.officer), f"/do/progress{page[6:]}")
    assert (await tab.fill(percent="many", note=note + "长")).status_code == 422
    assert 'id="wrong-percent"' in tab.html
    assert f"{note}长</textarea>" in tab.html
    await tab.fill(percent="30", note=note)
    assert "进度已报告。" in tab.html
    assert note in tab.html
    await tab.open(f"/do/transfer{page[6:]}")
    await tab.fill(unit_id=str(world.other_officer.org), reason="属其职责。")
    assert "已请对方接办。" in tab.html
    assert "拟接办" in tab.html
    task, _ = (await world.get(world.official, path))["tasks"]
    assert task["transfer_to"] == str(world.other_officer.org)


async def test_another_units_task_is_refused_in_words(world: World, tab: Tab) -> None:
    path, page = await offered(world)
    await tab.be(persona(world.other_officer), page)
    assert "/do/" not in tab.html
    for name, fields in (("claim", {}), ("completion", {"report": "已完成。"})):
        await tab.open(f"/do/{name}{page[6:]}")
        assert (await tab.fill(f"/do/{name}", **fields)).status_code == 403
        assert 'role="alert"' in tab.html
    assert (await tab.open(f"/board?unit={world.officer.org}")).status_code == 403
    assert "只能查看本单位的任务。" in tab.html
    await tab.be("clerk", f"/board?unit={world.officer.org}")
    assert "任务看板 · 区住建局" in tab.html
    assert "铺设排水管" in tab.html
    await tab.be("resident-1", "/board")
    assert "您的身份不能查看此内容。" in tab.html
    assert (await world.get(world.official, path))["tasks"][0]["status"] == "offered"


async def test_everybody_reads_a_task_but_not_its_evidence_nor_what_was_written(world: World, tab: Tab) -> None:
    path, page = await offered(world)
    await world.post(world.officer, f"/v1{page}/claim")
    await world.post(world.officer, f"/v1{page}/progress", percent=30, note="张阿婆家门口已开挖。")
    await world.get(CLERK, path)
    assert (await tab.open(page)).status_code == 200
    assert "报告“铺设排水管”已完成30%" in tab.html
    assert "张阿婆" not in tab.html
    assert "佐证</h2>" not in tab.html
    assert (await tab.open("/board")).url.path == "/sign-in"
