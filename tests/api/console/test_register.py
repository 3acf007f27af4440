"""The register at the counter: who is entered, verified, found false, erased; and the host's own list, line by line."""

from uuid import uuid4

import pytest

from domain.command import Role
from tests.api.console.tab import Tab
from tests.api.test_intakes import on_the_roll, second
from tests.api.world import ADMIN, AUDITOR, CLERK, Person, World, somewhere


def token(world: World, who: Person) -> str:
    return world.issuer.token(who.role, who.subject, who.org)


async def catch_up(world: World) -> None:
    """Until the read models show what was done in a tab."""
    world.position = await world.store.max_notification_id()
    await world.app.state.services.positions.wait_for(world.position, 10, "board", "inbox")


async def come(world: World, tab: Tab, who: Person, then: str) -> None:
    """With everything that has happened there to be seen."""
    await catch_up(world)
    await tab.bring(token(world, who), then)


@pytest.fixture
def world(new_world: World) -> World:
    return new_world


@pytest.fixture
def tab(new_tab: Tab) -> Tab:
    return new_tab


async def test_somebody_is_entered_found_by_name_and_opened(world: World, tab: Tab) -> None:
    await come(world, tab, world.host, "/register")
    await tab.open(f"/do/resident/{world.host.org}")
    answer = await tab.fill(name="欧阳𠮷", basis="lives", adult="yes")
    assert answer.status_code == 422
    assert "电话、邮箱、证件号至少填一项" in tab.html
    await tab.fill(phone="138 0000 0001")
    assert "欧阳𠮷" in tab.html
    assert "居民已登记" in tab.html
    assert "13800000001" in tab.html.replace(" ", "").replace("+86", "")
    await tab.open("/register")
    assert "欧阳𠮷" not in tab.html  # the roll shows masked names
    found = await tab.fill(q="欧阳")
    assert found.url.query == b""  # a name stands in no address
    assert "/register/" in tab.html
    await tab.fill(q="司马")
    assert "没有符合条件的居民" in tab.html


async def test_a_long_list_is_imported_with_its_progress_and_each_wrong_line(world: World, tab: Tab) -> None:
    """One row in a hundred is broken."""
    rows = [f"居民{n},{13800000000 + n if n % 100 else '不是电话'},居住,是" for n in range(1, 1201)]
    table = "\n".join(["姓名,手机,依据,成年", *rows])
    await come(world, tab, world.host, "/roll/import")
    answer = await tab.fill("/roll/import", files={"file": ("名单.csv", table.encode("gb18030"), "text/csv")})
    assert answer.status_code == 200
    assert '<progress value="500" max="1200"' in tab.html
    assert '<progress value="1200" max="1200"' in tab.html
    assert "第 101 行:电话号码无效" in tab.html
    assert tab.html.count("电话号码无效") == 12
    assert "新登记 1188 人,已在名册 0 人,有误 12 行" in tab.html
    assert tab.html.rstrip().endswith("</html>")
    await tab.open("/roll/import")
    await tab.fill("/roll/import", files={"file": ("名单.csv", table.encode(), "text/csv")})
    assert "新登记 0 人,已在名册 1188 人,有误 12 行" in tab.html
    exported = await tab.open("/roll/export")
    assert exported.headers["Content-Type"].startswith("text/csv")
    assert exported.text.count("\n") == 1189
    page = await tab.open("/register?verified=true")
    assert page.text.count('class="row"') == 50
    assert len(page.content) < 150_000
    assert "cursor=" in page.text


async def test_what_is_no_list_is_refused_and_nobody_elses_list_is_taken(world: World, tab: Tab) -> None:
    await come(world, tab, world.host, "/roll/import")
    for content in (b"\x89PNG\r\n\x1a\n", b"", "姓名\n张三".encode()):
        answer = await tab.fill("/roll/import", files={"file": ("x.csv", content, "text/csv")})
        assert answer.status_code == 422
        assert 'role="alert"' in tab.html
    assert (await tab.fill("/roll/import")).status_code in (415, 422)
    await tab.open("/roll/import")
    forged = await tab.client.post("/roll/import", data={"mark": "0"}, files={"file": ("x.csv", b"x", "text/csv")})
    assert forged.status_code == 403
    table = "姓名,手机,依据,成年\n张三,13800000001,居住,是".encode()
    for who in (CLERK, Person(Role.HOST_STAFF, "elsewhere", uuid4())):  # theirs is another roll, or none
        await come(world, tab, who, "/roll/import")
        await tab.fill("/roll/import", files={"file": ("x.csv", table, "text/csv")})
    assert (await world.get(world.host, f"/v1/hosts/{world.host.org}/residents"))["items"] == []


async def test_a_false_entry_takes_two_of_the_staff_and_the_clerk_hears_the_appeal(world: World, tab: Tab) -> None:
    person = await on_the_roll(world, "王五", "13800000003")
    page = f"/register/{person.subject}"
    await come(world, tab, world.host, page)
    assert "王五" in tab.html
    await tab.open(f"/do/entry-rejection/{person.subject}")
    await tab.fill(reason="查无此人。")
    assert "待另一名工作人员确认" in tab.html
    await tab.open(f"/do/entry-rejection-confirmation/{person.subject}")
    assert (await tab.fill("/do/entry-rejection-confirmation")).status_code == 403  # not by oneself
    assert "须由另一名工作人员确认" in tab.html
    await come(world, tab, second(world), "/register")
    assert f'href="{page}">不实认定待第二人确认' in tab.html
    await tab.open(f"/do/entry-rejection-confirmation/{person.subject}")
    await tab.fill("/do/entry-rejection-confirmation")
    assert "已认定不实,本人可申诉" in tab.html
    assert (await world.send(person, "POST", "/v1/me/appeal", {"reason": "我住三幢。"})).status_code == 202
    await come(world, tab, CLERK, "/register")
    assert f'href="{page}">申诉待裁定' in tab.html
    await tab.open(page)
    assert "王五" not in tab.html  # the clerk decides without the name
    assert "我住三幢。" in tab.html
    await tab.open(f"/do/entry-rejection-decision/{person.subject}")
    await tab.fill(counts="yes", explanation="经走访属实。")
    assert "已裁定" in tab.html


async def test_who_entered_themselves_is_verified_at_the_counter(world: World, tab: Tab) -> None:
    person = await on_the_roll(world, "赵六", "13800000004")
    await world.app.state.services.pool.execute(
        "UPDATE residents SET verify_by = $2 WHERE person_id = $1", person.subject, world.clock.at
    )
    await come(world, tab, world.host, "/register")
    assert "待核实:1" in tab.html
    assert "已逾期:1" in tab.html
    await tab.open(f"/register/{person.subject}")
    await tab.fill(f"/do/verification/{person.subject}")
    assert "已核实" in tab.html
    assert "/do/verification" not in tab.html


async def test_erasing_takes_two_administrators_unless_an_auditor_holds_the_person(world: World, tab: Tab) -> None:
    person = await on_the_roll(world, "孙七", "13800000005")
    page = f"/register/{person.subject}"
    await come(world, tab, AUDITOR, page)
    assert "孙七" not in tab.html
    assert "登记" in tab.html
    await tab.open(f"/do/hold/{person.subject}")
    await tab.fill(f"/do/hold/{person.subject}")
    await come(world, tab, ADMIN, f"/register?person={person.subject}")
    assert "孙七" in tab.html
    await tab.open(f"/do/erasure/{person.subject}")
    assert (await tab.fill(reason="已迁出。")).status_code == 409
    assert "已迁出。" in tab.html
    await come(world, tab, AUDITOR, page)
    await tab.fill(f"/do/release/{person.subject}")
    await come(world, tab, ADMIN, f"/do/erasure/{person.subject}")
    await tab.fill(reason="已迁出。")
    await tab.open(f"/do/erasure-confirmation/{person.subject}")
    assert (await tab.fill("/do/erasure-confirmation")).status_code == 403  # not by oneself
    other = Person(Role.ADMIN, "second-admin")
    await come(world, tab, other, f"/do/erasure-confirmation/{person.subject}")
    await tab.fill("/do/erasure-confirmation")
    assert tab.address.path == "/register"
    assert (await tab.open(page)).status_code == 404


async def test_others_see_nobody(world: World, tab: Tab) -> None:
    person = await on_the_roll(world, "周八", "13800000006")
    strangers = [
        (Person(Role.HOST_STAFF, "elsewhere", uuid4()), (403, 404)),
        (world.official, (403, 404)),
        (Person(Role.RESIDENT, "resident-1"), (403, 404)),
    ]
    for who, statuses in strangers:
        await come(world, tab, who, "/register")
        assert "周" not in tab.html
        assert (await tab.open(f"/register/{person.subject}")).status_code in statuses
        assert "周八" not in tab.html
        assert (await tab.open("/roll/export")).status_code != 200 or "周八" not in tab.html
    await come(world, tab, world.host, f"/register/{somewhere()}")
    assert "没有" in tab.html
    assert (await tab.open("/register?person=nobody")).status_code == 404
    tab.client.cookies.clear()
    assert (await tab.open(f"/register/{person.subject}")).url.path == "/sign-in"
