"""Writes the PDF that a person reads first: one page that says it all, then picture, custody and hashes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from PIL import Image

import models

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_FONT = "Roboto"
_GREY = (95, 95, 95)
_WIDE, _PIXELS = 174, 1000
_SLICE, _MOST_SLICES = 1450, 6
_ON_FIRST_PAGE = 1500
_WHAT = {
    "collected": "thu thập",
    "viewed": "xem",
    "decided": "kết luận",
    "masked": "xác nhận che",
    "proposed": "đề nghị",
    "approved": "phê duyệt",
    "exported": "xuất",
    "transferred": "nhận",
    "recalled": "thu hồi",
    "handled": "xử lý",
}
_NOTICE = (
    "Đây là một tin báo và một bản lưu giữ, không phải kết luận về ai. Gói cho thấy Kiểm Tin đã thu được gì,"
    " lúc nào, ai đã xử lý, và từ đó không gì bị thêm, bớt hay sửa. Không kho lưu trữ nào chứng minh được"
    " máy chủ đã gửi gì. Cách kiểm tra: VERIFY-vi.md."
)


@dataclass(frozen=True)
class Report:
    """What the report says; all texts are masked already. `hashes` are name and SHA-256 of each file."""

    referral: Mapping[str, Any]
    post: Mapping[str, Any]
    source: Mapping[str, Any]
    assessment: Mapping[str, Any]
    captures: Sequence[Mapping[str, Any]]
    custody: Sequence[Mapping[str, Any]]
    hashes: Sequence[tuple[str, str]]
    masked: int
    sealed: str
    picture: Path | None
    at: datetime


class _Pdf(FPDF):
    def __init__(self, title: str, at: datetime) -> None:
        super().__init__(format="A4")
        self.title_said = title
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, 18)
        self.add_font(_FONT, "", _font("Regular"))
        self.add_font(_FONT, "B", _font("Bold"))
        self.set_title(title)
        self.set_lang("vi-VN")
        self.set_creator("Kiểm Tin")
        self.set_creation_date(at)
        self.set_producer("fpdf2")

    def footer(self) -> None:
        self.set_y(-13)
        self.set_font(_FONT, "", 8)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.title_said} · trang {self.page_no()}/{{nb}}", align="C")

    def head(self, words: str) -> None:
        self.ln(2)
        self.set_text_color(0, 0, 0)
        self.set_font(_FONT, "B", 11)
        self.multi_cell(0, 6, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def plain(self, words: str, size: float = 9.5, height: float = 4.8) -> None:
        self.set_text_color(0, 0, 0)
        self.set_font(_FONT, "", size)
        self.multi_cell(0, height, _printable(words), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        for name, value in rows:
            if not value:
                continue
            self.set_font(_FONT, "", 9)
            self.set_text_color(*_GREY)
            self.cell(38, 4.8, name)
            self.set_text_color(0, 0, 0)
            self.multi_cell(0, 4.8, _printable(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def write(report: Report, target: Path) -> None:
    """Write the report as PDF: what it is given decides every byte of it."""
    pdf = _Pdf(f"Gói chứng cứ · đề nghị {report.referral['id']}", report.at)
    pdf.add_page()
    _summary(pdf, report)
    if report.picture is not None:
        _picture(pdf, report.picture)
    _custody(pdf, report.custody)
    _hashes(pdf, report.hashes)
    target.write_bytes(bytes(pdf.output()))


def _summary(pdf: _Pdf, report: Report) -> None:
    referral, post, labels = report.referral, report.post, models.labels()
    pdf.set_font(_FONT, "B", 15)
    pdf.multi_cell(0, 8, pdf.title_said, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.plain(_NOTICE, 8.5, 4.2)
    pdf.head("Đề nghị chuyển")
    pdf.pairs(
        (
            ("Căn cứ pháp lý", str(referral["legal_basis"])),
            ("Vì sao không nhẹ hơn", str(referral["why_not_milder"])),
            ("Người đề nghị", f"{referral['proposer']}, {_local(referral['proposed_at'])}"),
            ("Người phê duyệt", f"{referral['approver']}"),
            ("Dấu chứng cứ", str(referral["evidence_sha256"])),
        )
    )
    pdf.head("Bài")
    pdf.pairs(
        (
            ("Nguồn", f"{report.source['name']} · {report.source['legal_basis']}"),
            ("Địa chỉ", str(post["url"] or "không có")),
            ("Đăng lúc", _local(post["published_at"])),
            ("Thu lúc", ", ".join(_local(one["at"]) for one in report.captures[:3])),
        )
    )
    text = str(post["text"])
    pdf.plain(text if len(text) <= _ON_FIRST_PAGE else f"{text[:_ON_FIRST_PAGE]}… (toàn văn trong text.txt)")
    pdf.head("Đánh giá của máy (chỉ để xếp thứ tự; người quyết định)")
    harms = report.assessment["detail"].get("harms", {})
    found = [harm for harm in report.assessment["detail"].get("found", ()) if harm in harms]
    pdf.pairs(
        (
            ("Tác hại", ", ".join(f"{labels.name(harm)} {harms[harm]:.2f}" for harm in found)),
            ("Hành vi lời nói", labels.name(report.assessment["act"])),
            ("Mô hình · chính sách", f"{report.assessment['model']} · {report.assessment['policy']}"),
        )
    )
    pdf.head("Che và niêm phong")
    pdf.plain(
        f"Đã che {report.masked} chỗ (dấu •) theo xác nhận của người. "
        + (
            f"Bản gốc đi kèm, niêm phong cho cán bộ đầu mối: {report.sealed}"
            if report.sealed
            else "Bản gốc không đi kèm."
        ),
        9,
    )


def _picture(pdf: _Pdf, path: Path) -> None:
    with Image.open(path) as image:
        whole = image.convert("RGB")
    if whole.width > _PIXELS:
        whole = whole.resize((_PIXELS, max(1, round(whole.height * _PIXELS / whole.width))))
    for number in range(min(_MOST_SLICES, -(-whole.height // _SLICE))):
        piece = whole.crop((0, number * _SLICE, whole.width, min(whole.height, (number + 1) * _SLICE)))
        shown = io.BytesIO()
        piece.save(shown, "JPEG", quality=80)
        pdf.add_page()
        pdf.head(
            f"Ảnh chụp trang ({number + 1})" if number else "Ảnh chụp trang (bản đủ nét: screenshot.png)"
        )
        pdf.image(shown, w=min(_WIDE, _WIDE * piece.width / _PIXELS), alt_text="Ảnh chụp trang, đã che")


def _custody(pdf: _Pdf, steps: Sequence[Mapping[str, Any]]) -> None:
    pdf.add_page()
    pdf.head("Chuỗi lưu giữ (đủ từng bước trong custody.jsonl)")
    pdf.set_font(_FONT, "", 8)
    with pdf.table(col_widths=(34, 22, 62, 56), line_height=4.4, borders_layout="HORIZONTAL_LINES") as table:
        table.row(("Lúc", "Việc", "Ai", "Về"))
        for step in steps:
            said = (_local(step["at"]), _WHAT[step["what"]], str(step["who"]), str(step["subject"]))
            table.row(tuple(_printable(one) for one in said))


def _hashes(pdf: _Pdf, hashes: Sequence[tuple[str, str]]) -> None:
    pdf.head("SHA-256 của các phần (danh sách đủ và có chữ ký: SHA256SUMS)")
    pdf.set_font(_FONT, "", 7.5)
    with pdf.table(col_widths=(60, 114), line_height=4.2, borders_layout="HORIZONTAL_LINES") as table:
        table.row(("Phần", "SHA-256"))
        for name, digest in hashes:
            table.row((_printable(name), digest))


def _local(moment: str | None) -> str:
    if not moment:
        return "không rõ"
    return f"{datetime.fromisoformat(moment).astimezone(_VIETNAM):%H:%M:%S %d/%m/%Y}"


@cache
def _font(style: str) -> str:
    return str(files("font_roboto") / "files" / f"Roboto-{style}.ttf")


@cache
def _letters() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(_font("Regular"), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _printable(text: str) -> str:
    """Return `text` with a box for each letter that the font has not, an emoji, say."""
    known = _letters()
    return "".join(letter if letter == "\n" or ord(letter) in known else "◊" for letter in text)
