"""Official papers after GB/T 9704—2012: red head, number, red line, title, addressee, body, signature, page number.

A4 with margins of 37, 26, 35 and 28 mm; 22 lines of 28 characters. The standard's faces (方正小标宋, 仿宋) are not
free: a DOCX names them, with what stands in for them where they are missing; a PDF carries its own, Noto Serif SC. The
same paper gives the same bytes. A PDF takes most of a second: make it in a thread.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

import pylopdf_fonts_zh_cn
from docx import Document
from docx.document import Document as Docx
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from fpdf import FPDF, XPos, YPos

TOP, RIGHT, BOTTOM, LEFT = 37, 26, 35, 28  # mm
WIDTH, HEIGHT = 210 - LEFT - RIGHT, 297 - TOP - BOTTOM
LINE = HEIGHT / 22
RED = (224, 0, 0)
HEAD_PT, TITLE_PT, BODY_PT, SMALL_PT = 36, 22, 16, 14
PDF_BODY_PT = WIDTH / 28 / 25.4 * 72  # so that 28 characters fill a line
INDENT = "\u3000\u3000"  # two characters
NOT_FIRST = set("\uff0c\u3001\u3002\uff1b\uff1a\uff1f\uff01\uff09\u300b\u201d\u2019\u3011\u3015.,;:?!)]%")
NOT_LAST = set("\uff08\u300a\u201c\u2018\u3010\u3014([")


@dataclass(frozen=True)
class Paper:
    """What an official paper says. ``copy_to`` and ``issuer`` stand below the last line (版记)."""

    head: str
    number: str
    title: str
    to: str
    paragraphs: Sequence[str]
    signature: str
    on: date
    copy_to: str
    issuer: str

    @property
    def made_at(self) -> datetime:
        return datetime.combine(self.on, time(), UTC)

    def __post_init__(self) -> None:
        for name in ("title", "to", "copy_to"):
            object.__setattr__(self, name, typeset(getattr(self, name)))
        object.__setattr__(self, "paragraphs", [typeset(text) for text in self.paragraphs])


def typeset(text: str) -> str:
    """Marks beside Chinese as the standard has them: of full width, whatever keyboard they were typed on."""
    return _HALF_WIDTH.sub(lambda mark: chr(ord(mark[0]) + 0xFEE0), text)


_CHINESE = "\u4e00-\u9fff\u201c\u201d\u300a\u300b\u3014\u3015"
_HALF_WIDTH = re.compile(f"(?<=[{_CHINESE}])[,:;?!()]|[,:;?!()](?=[{_CHINESE}])")


def day_zh(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


# --- PDF -------------------------------------------------------------------------------------------------------------


class _Sheet(FPDF):
    def footer(self) -> None:
        """The number between two dashes: on the right of odd pages, on the left of even ones, a character in."""
        self.set_y(-BOTTOM + 7)
        self.set_font("serif", size=SMALL_PT)
        self.set_text_color(0)
        inset = SMALL_PT / 72 * 25.4
        self.set_x(LEFT + inset)
        align = "R" if self.page_no() % 2 else "L"
        self.cell(WIDTH - 2 * inset, 7, f"— {self.page_no()} —", align=align)


def pdf(paper: Paper) -> bytes:
    sheet = _Sheet(format="A4")
    sheet.set_creation_date(paper.made_at)
    sheet.set_title(paper.title)
    sheet.set_author(paper.signature)
    sheet.set_lang("zh-CN")
    sheet.set_margins(LEFT, TOP, RIGHT)
    sheet.c_margin = 0
    sheet.set_auto_page_break(True, BOTTOM)
    sheet.add_font("serif", fname=str(pylopdf_fonts_zh_cn.serif_path()))
    sheet.add_page()

    sheet.set_text_color(*RED)
    _centred(sheet, paper.head, _fitting(sheet, paper.head, HEAD_PT, bold=True), bold=True)
    sheet.ln(LINE)
    sheet.set_text_color(0)
    _centred(sheet, paper.number, BODY_PT)
    sheet.set_draw_color(*RED)
    sheet.set_line_width(0.7)
    y = sheet.get_y() + 1
    sheet.line(LEFT, y, LEFT + WIDTH, y)
    sheet.ln(2 * LINE)

    for line in _title_lines(paper.title):
        _centred(sheet, line, TITLE_PT, LINE * 1.1, bold=True)
    sheet.ln(LINE)

    sheet.set_font("serif", size=PDF_BODY_PT)
    sheet.cell(WIDTH, LINE, paper.to, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheet.set_font("serif", size=PDF_BODY_PT)
    paragraphs = [_broken(sheet, INDENT + text, WIDTH + 0.2) for text in paper.paragraphs]
    lines = [(line, n == len(lines)) for lines in paragraphs for n, line in enumerate(lines, 1)]
    for n, (line, last) in enumerate(lines, 1 - len(lines)):
        if n == -1 and sheet.will_page_break(8 * LINE):  # nobody signs on a page of its own
            sheet.add_page()
        gap = 0 if last else max(0, WIDTH - sheet.get_string_width(line))
        sheet.set_char_spacing(gap / 25.4 * 72 / len(line))
        sheet.cell(WIDTH, LINE, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        sheet.set_char_spacing(0)
    sheet.ln(LINE)
    em = PDF_BODY_PT / 72 * 25.4
    on = day_zh(paper.on)
    on_width, who_width = sheet.get_string_width(on), sheet.get_string_width(paper.signature)
    right = LEFT + WIDTH - 4 * em  # the date ends four characters before the margin, the name is centred on it
    middle = min(right - on_width / 2, LEFT + WIDTH - who_width / 2)
    for words, width in ((paper.signature, who_width), (on, on_width)):
        sheet.set_x(middle - width / 2)
        sheet.cell(width, LINE, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    _imprint(sheet, paper)
    return bytes(sheet.output())


def _imprint(sheet: FPDF, paper: Paper) -> None:
    """At the foot of the last page: who gets a copy, who printed it when."""
    sheet.set_font("serif", size=SMALL_PT)
    sheet.set_draw_color(0)
    sheet.set_y(297 - BOTTOM - 2 * LINE)
    em = SMALL_PT / 72 * 25.4
    rows = [(f"抄送\uff1a{paper.copy_to}", ""), (paper.issuer, f"{day_zh(paper.on)}印发")]
    for n, (left, right) in enumerate(rows):
        y = 297 - BOTTOM - (2 - n) * LINE
        sheet.set_line_width(0.25 if n else 0.35)
        sheet.line(LEFT, y, LEFT + WIDTH, y)
        sheet.set_xy(LEFT + em, y)
        sheet.cell(WIDTH - 2 * em, LINE, left)
        if right:
            sheet.set_xy(LEFT + em, y)
            sheet.cell(WIDTH - 2 * em, LINE, right, align="R")
    sheet.set_line_width(0.35)
    sheet.line(LEFT, 297 - BOTTOM, LEFT + WIDTH, 297 - BOTTOM)


def _centred(sheet: FPDF, words: str, size: float, height: float = LINE, *, bold: bool = False) -> None:
    """Bold is the same face with its outline drawn: there is no heavier one."""
    sheet.set_font("serif", size=size)
    with sheet.local_context(
        text_mode="FILL_STROKE" if bold else "FILL", line_width=size / 72 / 2, draw_color=sheet.text_color
    ):
        sheet.cell(WIDTH, height, words, align="C")
    sheet.ln(height)


def _fitting(sheet: FPDF, words: str, size: float, *, bold: bool) -> float:
    sheet.set_font("serif", size=size)
    return min(size, size * WIDTH / (sheet.get_string_width(words) + (1 if bold else 0)))


def _title_lines(title: str) -> list[str]:
    """As few lines of twenty characters at most as it takes, of about the same length."""
    lines, line = [], ""
    each = _ems(title) / -(-_ems(title) // 20)
    for word in _words(title):
        if line and _ems(line + word) > min(20, each + 1.5) and word not in NOT_FIRST:
            kept = line.rstrip("".join(NOT_LAST))
            lines.append(kept)
            line = line[len(kept) :]
        line += word
    return [*lines, line]


def _broken(sheet: FPDF, words: str, width: float) -> list[str]:
    """Lines that fit. None begins with a closing mark, or ends with an opening one; what is not Chinese stays whole."""
    lines, line, used = [], "", 0.0
    for word in _words(words):
        room = sheet.get_string_width(word)
        if line and used + room > width and word not in NOT_FIRST:
            kept = line.rstrip("".join(NOT_LAST))
            lines.append(kept)
            line = line[len(kept) :] + word.lstrip(" ")
            used = sheet.get_string_width(line)
        else:
            line, used = line + word, used + room
    return [*lines, line]


def _words(text: str) -> Iterator[str]:
    """Chinese characters one by one; of other writing what holds together, cut where it is longer than a line."""
    word = ""
    for char in text:
        if char.isascii() and not char.isspace() and len(word) < 40:
            word += char
            continue
        if word:
            yield word
        word = char if char.isascii() and not char.isspace() else ""
        if not word:
            yield char
    if word:
        yield word


# --- DOCX ------------------------------------------------------------------------------------------------------------

BODY_FACE, TITLE_FACE = "仿宋", "方正小标宋简体"
# Where a face is missing, the one named here is taken: Windows has the first ones, free systems the last.
STAND_INS = {BODY_FACE: "仿宋_GB2312,FangSong,Noto Serif CJK SC", TITLE_FACE: "宋体,SimSun,Noto Serif CJK SC"}


def docx(paper: Paper) -> bytes:
    document = Document()
    document.core_properties.title, document.core_properties.author = paper.title, paper.signature
    document.core_properties.created = document.core_properties.modified = paper.made_at
    document.core_properties.comments = ""
    defaults = document.styles.element.find(f".//{qn('w:rPrDefault')}//{qn('w:lang')}")
    for name in ("val", "eastAsia"):  # else the marks of another script's tradition are drawn
        defaults.set(qn(f"w:{name}"), "zh-CN")
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.right_margin = Mm(TOP), Mm(RIGHT)
    section.bottom_margin, section.left_margin = Mm(BOTTOM), Mm(LEFT)
    section.footer_distance = Mm(BOTTOM - 12)
    document.settings.odd_and_even_pages_header_footer = True
    _page_number(section.footer.paragraphs[0], WD_ALIGN_PARAGRAPH.RIGHT)
    _page_number(section.even_page_footer.paragraphs[0], WD_ALIGN_PARAGRAPH.LEFT)

    head = _line(document, paper.head, TITLE_FACE, min(HEAD_PT, WIDTH / 25.4 * 72 / len(paper.head)), "center", None)
    head.runs[0].font.color.rgb = RGBColor(*RED)
    head.runs[0].bold = True
    head.paragraph_format.space_after = Pt(29)
    _rule(_line(document, paper.number, BODY_FACE, BODY_PT, "center"), "bottom", "E00000", 16)
    _line(document, "", BODY_FACE, BODY_PT)
    title = _line(document, "\n".join(_title_lines(paper.title)), TITLE_FACE, TITLE_PT, "center", 34)
    title.paragraph_format.space_before = title.paragraph_format.space_after = Pt(14)
    title.paragraph_format.keep_with_next = True
    _line(document, paper.to, BODY_FACE, BODY_PT)
    for text in paper.paragraphs:
        paragraph = _line(document, text, BODY_FACE, BODY_PT, "justify")
        paragraph.paragraph_format.first_line_indent = Pt(2 * BODY_PT)
        paragraph.paragraph_format.widow_control = True
    on = day_zh(paper.on)
    who = _line(document, paper.signature, BODY_FACE, BODY_PT, "right")
    who.paragraph_format.space_before = Pt(29)
    shift = max(0.0, 4 + (_ems(on) - _ems(paper.signature)) / 2)  # its middle above the date's
    who.paragraph_format.right_indent = Pt(shift * BODY_PT)
    who.paragraph_format.keep_with_next = True
    _line(document, on, BODY_FACE, BODY_PT, "right").paragraph_format.right_indent = Pt(4 * BODY_PT)
    copy_to = _line(document, f"抄送\uff1a{paper.copy_to}", BODY_FACE, SMALL_PT)
    copy_to.paragraph_format.space_before = Pt(58)
    copy_to.paragraph_format.left_indent = Pt(SMALL_PT)
    copy_to.paragraph_format.keep_with_next = True
    _rule(copy_to, "top", "000000", 6)
    printed = _line(document, f"{paper.issuer}\t{on}印发", BODY_FACE, SMALL_PT)
    printed.paragraph_format.left_indent = Pt(SMALL_PT)
    printed.paragraph_format.tab_stops.add_tab_stop(Mm(WIDTH - 5), WD_TAB_ALIGNMENT.RIGHT)
    _rule(printed, "top", "000000", 4)
    _rule(printed, "bottom", "000000", 6)
    _name_stand_ins(document)
    written = io.BytesIO()
    document.save(written)
    return _dated(written.getvalue(), paper.made_at)


ALIGN = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "justify": WD_ALIGN_PARAGRAPH.JUSTIFY,
}


def _line(
    document: Docx, words: str, face: str, size: float, align: str = "left", pitch: float | None = 29
) -> Paragraph:
    """``pitch``: exact, in points; None: as high as it is."""
    paragraph = document.add_paragraph()
    _write(paragraph, words, face, size)
    form = paragraph.paragraph_format
    form.space_before = form.space_after = Pt(0)
    if pitch:
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(pitch)
    paragraph.alignment = ALIGN[align]
    return paragraph


def _write(paragraph: Paragraph, words: str, face: str, size: float) -> Any:
    run = paragraph.add_run(words)
    run.font.size, run.font.name = Pt(size), "Times New Roman"
    faces = run._element.get_or_add_rPr().get_or_add_rFonts()
    faces.set(qn("w:eastAsia"), face)
    # Quotation marks and dashes belong to both scripts: here they are Chinese.
    faces.set(qn("w:hint"), "eastAsia")
    return run


def _page_number(paragraph: Paragraph, align: WD_ALIGN_PARAGRAPH) -> None:
    paragraph.alignment = align
    _write(paragraph, "— ", "宋体", SMALL_PT)
    run = _write(paragraph, "", "宋体", SMALL_PT)
    for kind, text in (("begin", None), (None, "PAGE"), ("end", None)):
        element = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            element.set(qn("w:fldCharType"), kind)
        element.text = text
        run._element.append(element)
    _write(paragraph, " —", "宋体", SMALL_PT)
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Pt(SMALL_PT)


def _rule(paragraph: Paragraph, side: str, colour: str, eighths: int) -> None:
    """A line over or under a paragraph, from margin to margin; its width in eighths of a point."""
    properties = paragraph._p.get_or_add_pPr()
    borders = properties.find(qn("w:pBdr"))
    if borders is None:
        borders = OxmlElement("w:pBdr")
        properties.insert_element_before(borders, *_AFTER_BORDERS)
    edge = OxmlElement(f"w:{side}")
    for name, value in (("val", "single"), ("sz", str(eighths)), ("space", "6"), ("color", colour)):
        edge.set(qn(f"w:{name}"), value)
    borders.append(edge)


_AFTER_BORDERS = ("w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc", "w:rPr")  # the schema has an order


def _name_stand_ins(document: Docx) -> None:
    fonts = "".join(
        f'<w:font w:name="{name}"><w:altName w:val="{stand_ins}"/><w:charset w:val="86"/></w:font>'
        for name, stand_ins in STAND_INS.items()
    )
    for part in document.part.package.iter_parts():
        if part.partname == "/word/fontTable.xml":
            part._blob = part.blob.replace(b"</w:fonts>", fonts.encode() + b"</w:fonts>")


def _dated(archive: bytes, at: datetime) -> bytes:
    """The same archive with one date on all its files, so that the same paper gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(
                zipfile.ZipInfo(name, (at.year, at.month, at.day, 0, 0, 0)), old.read(name), zipfile.ZIP_DEFLATED
            )
    return out.getvalue()


@cache
def _ems(words: str) -> float:
    return sum(0.5 if char.isascii() else 1 for char in words)
