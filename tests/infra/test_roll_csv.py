"""The roll as a CSV file: whatever a community's spreadsheet writes, and nothing that harms one."""

import csv
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import contacts, roll_csv
from infra.register import Basis, Entry
from infra.roll_csv import Broken, Unusable, read

HEADING = "姓名,手机,邮箱,证件号,依据,成年\r\n"


def is_name(text: str) -> bool:
    try:
        return contacts.name(text) == text
    except ValueError:
        return False


LETTERS = st.characters(categories=["L", "N", "P", "S"])
NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "'", "=", "''=", "+", "@", "-", "\uff1d"]),
    st.text(LETTERS),
    st.sampled_from("三a"),
).filter(is_name)
ENTRIES = st.builds(
    Entry,
    name=NAMES,
    basis=st.sampled_from(Basis),
    phones=st.lists(st.from_regex(r"\+861[3-9][0-9]{9}", fullmatch=True), min_size=1, max_size=3, unique=True).map(
        tuple
    ),
    email=st.sampled_from([None, "a@example.cn", "+a=b@example.cn"]),
    document_number=st.sampled_from([None, "11010519491231002X"]),
)


@given(st.lists(ENTRIES))
def test_what_goes_out_comes_in_again_and_no_cell_of_it_is_a_formula(entries: list[Entry]) -> None:
    text = roll_csv.heading() + "".join(roll_csv.line(entry) for entry in entries)
    assert read(text.encode()) == list(enumerate(entries, 2))
    for row in csv.reader(text.splitlines()):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_encodings_and_separators_of_spreadsheets_here(encoding: str, delimiter: str) -> None:
    text = (HEADING + "张小华,138 0000 0001,,,居住,是\r\n\r\n李雷,13800000002,,,业主,是\r\n").replace(",", delimiter)
    assert read(text.encode(encoding)) == [
        (2, Entry("张小华", Basis.LIVES, ("+8613800000001",))),
        (4, Entry("李雷", Basis.OWNS, ("+8613800000002",))),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_row_that_cannot_be_read_leaves_the_others_readable(encoding: str) -> None:
    rows = [f"张{n},1380000{n:04},,,居住,是".encode(encoding) for n in range(20)]
    rows[7] = b"\xff\xff" + rows[7]
    found = read(HEADING.encode(encoding) + b"\r\n".join(rows))
    assert found[7] == Broken(9, "encoding")
    assert [row[1].name for row in found if not isinstance(row, Broken)] == [f"张{n}" for n in range(20) if n != 7]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("张三,12345,,,居住,是", "phone"),
        ("张三,,not an address,,居住,是", "email"),
        ("张三,,,110105194912310021,居住,是", "document_number"),
        (",13800000001,,,居住,是", "name"),
        ("张三,13800000001,,,户籍,是", "basis"),
        ("张三,13800000001,,,居住,否", "adult"),
        ("张三,,,,居住,是", "contact"),
        ("张三,13800000001,,居住,是", "row"),
        ('"张三,13800000001,,,居住,是', "row"),
    ],
)
def test_a_broken_row_is_told_by_its_line_and_field_and_never_by_what_it_says(row: str, field: str) -> None:
    good = "李雷,13800000002,,,居住,是"
    found = read(f"{HEADING}{good}\n{row}\n{good}".encode())
    assert found[1] == Broken(3, field)
    assert [type(row) for row in found] == [tuple, Broken, tuple]
    told = str(Broken(3, field).told())
    assert not any(cell in told for cell in row.split(",") if len(cell) > 3)


@pytest.mark.parametrize(
    "text", ["", "张三,13800000001", "姓名,手机", "name,name,basis,adult", "姓名,依据,成年,门牌号,楼"]
)
def test_a_file_without_the_right_heading_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="columns"):
        read(text.encode())


def test_a_file_with_too_many_rows_is_refused() -> None:
    with pytest.raises(Unusable, match="rows"):
        read((HEADING + "\n" * (roll_csv.MAX_ROWS + 2)).encode())


@given(st.binary(max_size=300))
def test_nothing_that_is_sent_breaks_the_reader(data: bytes) -> None:
    read(HEADING.encode() + data)
    with suppress(Unusable):
        read(data)
