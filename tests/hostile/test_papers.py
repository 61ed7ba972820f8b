"""Hostile texts in what leaves the program: a spreadsheet reckons nothing, a paper opens and holds only text."""

from __future__ import annotations

import csv
import re
from datetime import date
from io import BytesIO, StringIO

import docx
import pypdfium2
import pytest

from reports import docx_paper, paper, trends
from reports.blocks import Bullets, Document, Heading, Para, Table
from reports.letterhead import Letterhead
from tests.hostile.corpus import EVERY, FORMULAS
from tests.hostile.harmless import Read

HEAD = Letterhead(
    parent="Ủy ban", agency="Sở Mẫu", sign="BC", place="Mẫu",
    signer_title="Giám đốc", signer_name="Người Ký", copies=(),
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS)
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    head, row = csv.reader(StringIO(trends.to_csv((text,), [(text,)]), newline=""))
    assert head == row == [f"'{text}".replace("\r", "\n")]


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    assert trends.to_csv(("source", "n"), [("Báo - Mẫu", -3)]) == "source,n\nBáo - Mẫu,-3\n"


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_docx_with_it_opens_and_holds_it_as_text(text: str) -> None:
    blocks = (Heading(text), Para(text), Bullets((text,)), Table(text, (text,), ((text,),)))
    made = docx_paper.docx(Document(kind="BÁO CÁO", title=text, blocks=blocks), HEAD, date(2026, 11, 3))
    opened = docx.Document(BytesIO(made))
    if text.isprintable():
        shown = text.replace("**", "")  # what stands between is bold
        assert shown in [one.text for one in opened.paragraphs]
        assert shown in [cell.text for table in opened.tables for row in table.rows for cell in row.cells]
    assert not [r for r in opened.part.rels.values() if r.is_external]


def test_the_html_of_a_paper_grows_no_element_handler_or_address_from_it() -> None:
    def made(text: str) -> Read:
        blocks = (Heading(text), Para(text), Bullets((text,)), Table(text, (text,), ((text,),)))
        return Read.of(paper.html(Document(kind=text, title=text, blocks=blocks), HEAD, date(2026, 11, 3)))

    plain = made("tin").shape
    for name, text in EVERY.items():
        new = made(text).shape - plain
        assert set(new) <= {("strong", ())}, name
        assert not made(text).wrong(), name


def test_a_pdf_with_all_of_them_holds_them_as_text_and_leads_nowhere() -> None:
    blocks = tuple(Para(text) for text in EVERY.values())
    made = paper.pdf(
        Document(kind="BÁO CÁO", title=EVERY["markup: script"], blocks=blocks), HEAD, date(2026, 11, 3)
    )
    assert not re.search(rb"/(?:JavaScript|JS|URI|Launch|SubmitForm|EmbeddedFile)\b", made)
    read = pypdfium2.PdfDocument(made)
    said = "".join(page.get_textpage().get_text_bounded() for page in read)
    assert "<script>alert(1)</script>" in said
    assert "onerror=alert(1)" in said
