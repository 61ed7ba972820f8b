"""The papers: two pages and annexes, the layout of the decree, the same words in every form, nothing fetched."""

from __future__ import annotations

import re
import zlib
from datetime import date
from io import BytesIO

import docx
import pypdfium2
import pytest

from reports import charts, docx_paper, paper, weekly, weekly_document
from reports.blocks import Document, Heading, Para, Picture
from reports.letterhead import Letterhead
from tests.databases import sqlite_at
from tests.reports.conftest import NOW, WEEK, fill, world_of

_MARGIN = 56.7  # 20 mm in points
HEAD = Letterhead(
    parent="Ủy ban nhân dân tỉnh Mẫu", agency="Sở Khoa học và Công nghệ", sign="BC-SKHCN", place="Mẫu",
    signer_title="Giám đốc", signer_name="Người Ký", copies=("UBND tỉnh", "Sở Y tế"),
)  # fmt: skip
DAY = date(2026, 11, 3)
HEADINGS = ("1. Tin gì đã lan truyền", "2. Đã làm gì", "3. Người dân hỏi gì", "4. Chất lượng", "5. Nguồn tin")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    records = sqlite_at(tmp_path_factory.mktemp("papers") / "kiemtin.db")
    fill(world_of(records))
    with records.read() as session:
        found = weekly.build(session, WEEK, NOW)
    records.close()
    return weekly_document.document(found, "Cần nói rõ về tỏi <b>&")


def unpacked(pdf: bytes) -> bytes:
    """Return what the streams of a PDF hold, those that are packed unpacked."""
    packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    found = [pdf]
    for one in packed:
        try:
            found.append(zlib.decompress(one))
        except zlib.error:
            found.append(one)
    return b"\n".join(found)


def test_the_pdf_is_archivable_and_two_pages_before_the_annexes(document: Document) -> None:
    made = paper.pdf(document, HEAD, DAY, "12")
    assert made.startswith(b"%PDF-1.7")
    inside = unpacked(made)
    assert b"pdfaid:part" in inside
    fonts = set(re.findall(rb"/BaseFont ?/([\w+-]+)", inside))
    assert fonts
    assert not [name for name in fonts if b"Tinos" not in name and b"Arimo" not in name]
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(made)]
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in pages[0]
    assert "Số: 12/BC-SKHCN" in pages[0]
    assert "Mẫu, ngày 03 tháng 11 năm 2026" in pages[0]
    assert "Điều cần biết" in pages[0]
    assert "NGƯỜI KÝ" not in pages[0]
    signed = next(number for number, text in enumerate(pages) if "GIÁM ĐỐC" in text)
    assert signed == 1
    assert "Nơi nhận" in pages[1]
    assert "Phụ lục 1. Bài theo tác hại" in pages[2]
    above = [_above(page) for page in pypdfium2.PdfDocument(made)]
    assert above[:3] == ["", "2", "3"]


def _above(page: pypdfium2.PdfPage) -> str:
    """Return what stands in the upper margin, where pages but the first are numbered."""
    width, height = page.get_size()
    found: str = page.get_textpage().get_text_bounded(0, height - _MARGIN, width, height)
    return found.strip()


def test_docx_and_html_say_what_the_document_says(document: Document) -> None:
    made = docx.Document(BytesIO(docx_paper.docx(document, HEAD, DAY, "12")))
    page = made.sections[0]
    assert [round(side.mm) for side in (page.page_width, page.page_height, page.top_margin, page.left_margin)] == [
        210, 297, 20, 30,
    ]  # fmt: skip
    assert page.different_first_page_header_footer
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    word = "\n".join([*(line.text for line in made.paragraphs), *cells])
    web = paper.html(document, HEAD, DAY, "12")
    for said in (*HEADINGS, "Tỷ lệ phát ngôn được bảo vệ bị gắn cờ nhầm", "Ăn tỏi mỗi ngày", "Lưu: VT."):
        assert said in word, said
        assert said in web, said
    assert "Cần nói rõ về tỏi <b>&" in word
    assert "Cần nói rõ về tỏi &lt;b&gt;&amp;" in web
    assert len(made.inline_shapes) == 2
    assert all(shape._inline.docPr.get("descr") for shape in made.inline_shapes)


def test_a_file_needs_no_other_file(document: Document) -> None:
    web = paper.html(document, Letterhead(form="plain", agency="Nhóm kiểm chứng"), DAY)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|url\((?!data:)|@import""", web)
    assert "CỘNG HÒA XÃ HỘI" not in web
    assert "Nhóm kiểm chứng" in web


def test_a_report_is_the_same_bytes_whenever_it_is_written(document: Document) -> None:
    assert paper.html(document, HEAD, DAY) == paper.html(document, HEAD, DAY)
    assert docx_paper.docx(document, HEAD, DAY) == docx_paper.docx(document, HEAD, DAY)


def test_a_chart_needs_no_style_and_escapes_what_it_is_given() -> None:
    rows = [{"name": '<script>alert("x")</script>', "now": 3, "before": None}]
    drawn = charts.compared(rows, "x", "nay", "trước").svg
    assert "<script" not in drawn
    assert "style=" not in drawn
    assert "&lt; 5" in drawn
    assert charts.png(drawn, 400).startswith(b"\x89PNG")


def test_texts_are_escaped_and_only_stars_are_bold() -> None:
    shown = paper.fragment((Heading("<h>"), Para("**đậm** <i>"), Picture(charts.Chart("<svg/>", '"a"'), "b")))
    assert "&lt;h&gt;" in shown
    assert "<strong>đậm</strong> &lt;i&gt;" in shown
    assert 'aria-label="&#34;a&#34;"' in shown


def test_where_nothing_happened_a_chart_still_stands_on_its_zero() -> None:
    names, weeks = ("a", "b"), ("14/09", "21/09")
    nothing = [{"week": week, "name": name, "n": 0} for week in weeks for name in names]
    for chart in (
        charts.stacked(nothing, "x", names),
        charts.lines(nothing, "x", names),
        charts.weeks([{"week": week, "bars": 0, "line": 0} for week in weeks], "x", "a", "b"),
    ):
        assert all(f">{number}</text>" in chart.svg for number in range(5))
        assert ",5</text>" not in chart.svg
        # One description says it all; parts that call themselves images would want words of their own.
        assert "role=" not in chart.svg
