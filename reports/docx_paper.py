"""A document as DOCX, by the layout of Decree 30/2020/NĐ-CP, annex I; charts are in it as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from reports import charts
from reports.blocks import (
    Block,
    Bullets,
    Document,
    Figures,
    Heading,
    Key,
    Para,
    Picture,
    Table,
    runs,
)
from reports.letterhead import Letterhead
from reports.words import long_day
from store.text import writable

FONT = "Times New Roman"
_BODY, _TABLE, _NOTE = 13, 11, 10
# Pictures are drawn for 6.5 inches at 220 dots an inch.
_PICTURE = 1430


def docx(document: Document, head: Letterhead, signed_on: date, number: str = "") -> bytes:
    """Return a document as DOCX; the fonts are named, not put in, for Word has its own of these metrics."""
    import docx as library
    from docx.shared import Mm

    made: Any = library.Document()
    _set_up(made, document, signed_on)
    page = made.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.top_margin = page.bottom_margin = Mm(20)
    page.left_margin, page.right_margin = Mm(30), Mm(17)
    _number_pages(page)
    (_state_head if head.form == "state" else _plain_head)(made, head, signed_on, number)
    _title(made, document, head)
    _blocks(made, document.blocks)
    _signature(made, head)
    _paragraph(made, document.foot, size=_NOTE, italic=True)
    if document.annexes:
        made.add_page_break()
        _blocks(made, document.annexes)
    kept = BytesIO()
    made.save(kept)
    return _undated(kept)


def _undated(kept: BytesIO) -> bytes:
    """Return the archive with no time in it: the same report is the same bytes, whenever it is written."""
    packed = BytesIO()
    with ZipFile(kept) as old, ZipFile(packed, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(ZipInfo(name), old.read(name), ZIP_DEFLATED)
    return packed.getvalue()


def _set_up(made: Any, document: Document, signed_on: date) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml.ns import qn
    from docx.shared import Pt

    for name in ("Normal", "Heading 2", "List Bullet"):
        style = made.styles[name]
        style.font.name, style.font.size, style.font.bold = FONT, Pt(_BODY), name.startswith("Heading")
        style.font.color.rgb = _black()
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT)
        fonts = style.element.rPr.rFonts
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        style.paragraph_format.space_before = Pt(6 if name.startswith("Heading") else 0)
        style.paragraph_format.space_after = Pt(3)
        style.paragraph_format.line_spacing = 1.05
    made.styles["Normal"].paragraph_format.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    properties = made.core_properties
    properties.title, properties.author, properties.language = writable(document.title)[:255], "", "vi-VN"
    properties.created = properties.modified = datetime(
        signed_on.year, signed_on.month, signed_on.day, tzinfo=UTC
    )


@cache
def _black() -> Any:
    from docx.shared import RGBColor

    return RGBColor(0, 0, 0)


def _number_pages(page: Any) -> None:
    """Put the number of the page above, in the middle, from the second page on."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    page.different_first_page_header_footer = True
    line = page.header.paragraphs[0]
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = line.add_run()
    _style(run, 13)
    for kind, text in (("begin", None), (None, "PAGE"), ("end", None)):
        if text is None:
            field = _element("w:fldChar", {"w:fldCharType": str(kind)})
        else:
            field = _element("w:instrText", {})
            field.text = text
        run._r.append(field)


def _state_head(made: Any, head: Letterhead, signed_on: date, number: str) -> None:
    left, right = _two_columns(made, (66, 97))
    if head.parent:
        _line(left, head.parent.upper(), 12.5)
    _line(left, head.shown_agency.upper(), 12.5, bold=True)
    _rule(left, 34)
    _line(left, f"Số: {number or '……'}/{head.sign}", 13)
    _line(right, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 12, bold=True)
    _line(right, "Độc lập - Tự do - Hạnh phúc", 13.5, bold=True)
    _rule(right, 58)
    _line(right, f"{head.place or '……'}, {long_day(signed_on)}", 13, italic=True)


def _plain_head(made: Any, head: Letterhead, signed_on: date, number: str) -> None:
    left, right = _two_columns(made, (80, 83))
    _line(left, head.shown_agency, 13, bold=True, middle=False)
    where = f"{head.place}, " if head.place else ""
    _line(right, f"{number + ' · ' if number else ''}{where}{long_day(signed_on)}", 13)


def _title(made: Any, document: Document, head: Letterhead) -> None:
    for text in (document.kind, document.title):
        _paragraph(made, text, size=14, bold=True, middle=True, before=8 if text == document.kind else 0)
    if head.form == "state":
        _rule(made, 30)


def _signature(made: Any, head: Letterhead) -> None:
    made.add_paragraph()
    left, right = _two_columns(made, (82, 81))
    _line(left, "Nơi nhận:", 12, bold=True, italic=True, middle=False)
    for one in (*(f"- {copy};" for copy in head.shown_copies), "- Lưu: VT."):
        _line(left, one, 11, middle=False)
    _line(right, (head.signer_title or "Thủ trưởng cơ quan").upper(), 13.5, bold=True)
    for _ in range(3):
        _line(right, "", 13)
    _line(right, head.signer_name, 13.5, bold=True)


def _blocks(made: Any, blocks: Sequence[Block]) -> None:
    for block in blocks:
        if isinstance(block, Heading):
            made.add_heading(writable(block.text), 2)
        elif isinstance(block, Para):
            _paragraph(made, block.text, size=11.5 if block.small else _BODY)
        elif isinstance(block, Key):
            _key(made, block)
        elif isinstance(block, Bullets):
            for item in block.items:
                _write(made.add_paragraph(style="List Bullet"), item, _BODY)
        elif isinstance(block, Figures):
            _figures(made, block)
        elif isinstance(block, Table):
            _table(made, block)
        else:
            _picture(made, block)


def _key(made: Any, block: Key) -> None:
    table = made.add_table(rows=1, cols=1)
    table.style = "Table Grid"
    cell = table.rows[0].cells[0]
    _line(cell, block.title, _BODY, bold=True, middle=False)
    for one in block.sentences:
        _write(cell.add_paragraph(style="List Bullet"), one, _BODY)
    if block.note:
        _line(cell, block.note, _BODY, italic=True, middle=False)


def _figures(made: Any, block: Figures) -> None:
    table = made.add_table(rows=1, cols=len(block.figures))
    for cell, one in zip(table.rows[0].cells, block.figures, strict=True):
        _line(cell, one.name, 10.5, middle=False)
        _line(cell, one.value, 17, bold=True, middle=False)
        if one.beside:
            _line(cell, one.beside, _NOTE, middle=False)


def _table(made: Any, block: Table) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Mm

    _paragraph(made, block.caption, size=11.5, italic=True, with_next=True)
    table = made.add_table(rows=1, cols=len(block.head))
    table.style = "Table Grid"
    table.autofit = False
    shares: tuple[float, ...] = block.widths or tuple(100 / len(block.head) for _ in block.head)
    # The head is said again on each page that the table goes over.
    table.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader", {"w:val": "true"}))
    for row in (block.head, *block.rows):
        cells = table.rows[0].cells if row is block.head else table.add_row().cells
        for place, (cell, text) in enumerate(zip(cells, row, strict=True)):
            cell.width = Mm(163 * shares[place] / 100)
            line = cell.paragraphs[0]
            line.paragraph_format.space_after = 0
            line.alignment = WD_ALIGN_PARAGRAPH.RIGHT if place in block.numbers else WD_ALIGN_PARAGRAPH.LEFT
            _write(line, f"**{text}**" if row is block.head and text else text, _TABLE)
    made.add_paragraph().paragraph_format.space_after = 0


def _picture(made: Any, block: Picture) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Mm

    line = made.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.keep_with_next = True
    shown = line.add_run().add_picture(BytesIO(charts.png(block.chart.svg, _PICTURE)), width=Mm(160))
    shown._inline.docPr.set("descr", writable(block.chart.says))
    _paragraph(made, block.caption, size=11, italic=True, middle=True)


def _two_columns(made: Any, widths: tuple[float, float]) -> tuple[Any, Any]:
    from docx.shared import Mm

    table = made.add_table(rows=1, cols=2)
    table.autofit = False
    for cell, width in zip(table.rows[0].cells, widths, strict=True):
        cell.width = Mm(width)
    cells: tuple[Any, Any] = table.rows[0].cells
    return cells


def _line(
    cell: Any, text: str, size: float, *, bold: bool = False, italic: bool = False, middle: bool = True
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    first = cell.paragraphs[0]
    line = first if not first.runs and len(cell.paragraphs) == 1 and not first.text else cell.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER if middle else WD_ALIGN_PARAGRAPH.LEFT
    line.paragraph_format.space_after = 0
    _write(line, text, size, bold=bold, italic=italic)


def _rule(place: Any, percent: int) -> None:
    """Draw a thin line in the middle, so wide as `percent` of what it stands in: a border, indented."""
    from docx.shared import Mm, Pt

    line = place.add_paragraph()
    wide = 163.0 if not hasattr(place, "width") else place.width / 36_000
    line.paragraph_format.left_indent = line.paragraph_format.right_indent = Mm(wide * (100 - percent) / 200)
    line.paragraph_format.space_after = Pt(3)
    line.paragraph_format.line_spacing = Pt(3)
    borders = _element("w:pBdr", {})
    borders.append(_element("w:top", {"w:val": "single", "w:sz": "6", "w:space": "1", "w:color": "000000"}))
    line._p.get_or_add_pPr().append(borders)


def _paragraph(
    made: Any,
    text: str,
    *,
    size: float,
    bold: bool = False,
    italic: bool = False,
    middle: bool = False,
    before: int = 0,
    with_next: bool = False,
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    line = made.add_paragraph()
    line.paragraph_format.keep_with_next = with_next
    if middle:
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.space_before = Pt(before)
    _write(line, text, size, bold=bold, italic=italic)


def _write(line: Any, text: str, size: float, *, bold: bool = False, italic: bool = False) -> None:
    for piece, strong in runs(writable(text)):
        _style(line.add_run(piece), size, bold=bold or strong, italic=italic)


def _style(run: Any, size: float, *, bold: bool = False, italic: bool = False) -> None:
    from docx.shared import Pt

    run.font.name, run.font.size, run.font.bold, run.font.italic = FONT, Pt(size), bold, italic


def _element(name: str, attributes: dict[str, str]) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(name)
    for key, value in attributes.items():
        made.set(qn(key), value)
    return made
