"""A host's roll as a CSV file, in and out: as spreadsheets here write it, and harmless to those that open it."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from infra import contacts
from infra.register import Basis, Entry, Register
from infra.register_log import Actor, log

MAX_ROWS = 50_000
AT_ONCE = 500  # rows between two reports of progress

FIELDS = ("name", "phone", "email", "document_number", "basis", "adult")
TITLES = {  # of columns, in a file that comes in; the first Chinese one goes out
    "name": ("姓名", "名字"),
    "phone": ("手机", "电话", "手机号", "手机号码", "电话号码", "联系电话"),
    "email": ("邮箱", "电子邮箱", "e-mail"),
    "document_number": ("证件号", "证件号码", "身份证", "身份证号", "身份证号码"),
    "basis": ("依据", "身份", "类别"),
    "adult": ("成年", "是否成年"),
}
COLUMNS = {title: field for field, titles in TITLES.items() for title in (field, *titles)}
BASES = {
    Basis.LIVES: ("居住", "住户", "居民"),
    Basis.OWNS: ("产权", "业主"),
    Basis.WORKS: ("工作", "上班"),
    Basis.COOPERATIVE_MEMBER: ("社员", "股东", "合作社社员"),
}
BASIS = {word: basis for basis, words in BASES.items() for word in (basis.value, *words)}
YES = ("是", "yes", "y", "true", "1")
FORMULA = "=+-@\t\r＝＋－＠"  # with these a spreadsheet begins to calculate
WRONG = {
    "name": ("姓名无效。", "This is no name."),
    "phone": ("电话号码无效。", "This is no phone number."),
    "email": ("邮箱地址无效。", "This is no e-mail address."),
    "document_number": ("证件号码无效。", "This is no document number."),
    "basis": (f"依据应为 {'、'.join(words[0] for words in BASES.values())}。", f"One of {', '.join(Basis)}."),
    "adult": ("只登记成年人(填“是”)。", "Only adults are entered: say yes."),
    "row": ("此行的列数或引号有误。", "The columns or quotes of this row are wrong."),
    "encoding": ("此行有无法识别的字符。", "There are characters in this row that cannot be read."),
    "contact": ("电话、邮箱、证件号至少填一项。", "A phone, an e-mail address or a document number is needed."),
    "repeated": ("与前面的一行是同一人。", "This is the same person as in an earlier row."),
}


class Unusable(ValueError):
    """The file as a whole cannot be read: ``zh`` and ``en`` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Broken:
    """A row that is not taken in: what is wrong with it, never what it says."""

    line: int
    field: str

    def told(self) -> dict[str, object]:
        zh, en = WRONG[self.field]
        return {"line": self.line, "field": self.field, "detail": zh, "detail_en": en}


def read(data: bytes) -> list[tuple[int, Entry] | Broken]:
    """Each row with its line in the file (the heading is line 1); blank ones are left out. Raises ``Unusable``."""
    lines = re.split("\r\n|\r|\n", decode(data))
    heading = lines[0]
    delimiter = max(",;\t，；", key=heading.count)
    columns = [COLUMNS.get(title.strip().lower()) for title in next(csv.reader([heading], delimiter=delimiter), [])]
    if not {"name", "basis", "adult"} <= {*columns} <= {*FIELDS} or len({*columns}) < len(columns):
        raise Unusable(
            f"首行须有列名,各一次:{'、'.join(titles[0] for titles in TITLES.values())}。",
            f"The first line names the columns, each once: {', '.join(FIELDS)}.",
        )
    if len(lines) > MAX_ROWS + 1:
        raise Unusable(f"一次最多 {MAX_ROWS} 行。", f"At most {MAX_ROWS} rows at a time.")
    return [
        _row(number, line, delimiter, [str(column) for column in columns])
        for number, line in enumerate(lines[1:], 2)
        if line.strip(f"{delimiter} \"'")
    ]


def decode(data: bytes) -> str:
    """UTF-8 with or without a mark, or GB18030, as the heading says, or most rows under an English heading: a few
    broken rows do not make a file another one."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8-sig", "replace")
    heading, *rows = data.splitlines() or [b""]
    foreign = [line for line in (rows if heading.isascii() else [heading]) if not line.isascii()]
    broken = sum("\ufffd" in line.decode("utf-8", "replace") for line in foreign)
    return data.decode("gb18030" if broken * 2 > len(foreign) else "utf-8", "replace")


def _row(number: int, line: str, delimiter: str, columns: Sequence[str]) -> tuple[int, Entry] | Broken:
    # Line by line, so that one stray quote does not swallow the rows after it.
    try:
        cells = next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return Broken(number, "row")
    if len(cells) != len(columns):
        return Broken(number, "row")
    if "\ufffd" in line:
        return Broken(number, "encoding")
    row = {column: plain(cell.strip()) for column, cell in zip(columns, cells, strict=True)}
    if row["adult"].lower() not in YES:
        return Broken(number, "adult")
    if row["basis"].lower() not in BASIS:
        return Broken(number, "basis")
    field = "name"
    try:
        name = contacts.name(row["name"])
        field = "phone"
        phones = tuple(contacts.phone(part) for part in _parts(row.get("phone", "")))
        field = "email"
        email = contacts.email(row["email"]) if row.get("email") else None
        field = "document_number"
        document = contacts.document_number(row["document_number"]) if row.get("document_number") else None
    except ValueError:
        return Broken(number, field)
    if not (phones or email or document):
        return Broken(number, "contact")
    return number, Entry(name, BASIS[row["basis"].lower()], phones, email, document)


def _parts(cell: str) -> list[str]:
    for sign in "、;；,，":
        cell = cell.replace(sign, "/")
    return list(dict.fromkeys(part for part in cell.split("/") if part.strip()))


def heading() -> str:
    """The first line, with a mark by which Excel knows that it is UTF-8."""
    return "\ufeff" + _line([TITLES[field][0] for field in FIELDS])


def line(entry: Entry) -> str:
    phones = "/".join(contacts.national(phone) for phone in entry.phones)
    cells = [entry.name, phones, entry.email or "", entry.document_number or "", BASES[entry.basis][0], "是"]
    return _line([harmless(cell) for cell in cells])


def harmless(cell: str) -> str:
    return f"'{cell}" if _calculates(cell) else cell


def plain(cell: str) -> str:
    """What ``harmless`` was given."""
    return cell[1:] if cell.startswith("'") and _calculates(cell) else cell


def _calculates(cell: str) -> bool:
    return cell.lstrip("'")[:1] in tuple(FORMULA)


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


async def take_in(
    register: Register, host_id: UUID, rows: Sequence[tuple[int, Entry] | Broken], actor: Actor, at: datetime
) -> AsyncGenerator[dict[str, object], None]:
    """Enter every good row as verified, in one transaction: first reports of progress and of broken rows, last the
    sum. Nothing is in before the last report; whoever stops listening earlier has imported nothing."""
    entered, known = 0, 0
    seen: set[UUID] = set()
    async with register.pool.acquire() as conn, conn.transaction():
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            good = [row for row in part if not isinstance(row, Broken)]
            broken = [row for row in part if isinstance(row, Broken)]
            answers = await register.enter(conn, host_id, [entry for _, entry in good], at)
            for (number, _), answer in zip(good, answers, strict=True):
                if answer.person_id in seen:
                    broken.append(Broken(number, "repeated"))
                elif answer.new:
                    entered += 1
                else:
                    known += 1
                seen.add(answer.person_id)
            await log(conn, actor, "imported", [answer.person_id for answer in answers], at)
            for row in sorted(broken, key=lambda row: row.line):
                yield {"broken": row.told()}
            yield {"rows": start + len(part), "of": len(rows)}
            await asyncio.sleep(0)  # others get their turn
    yield {"imported": entered, "known": known, "broken_rows": len(rows) - entered - known}
