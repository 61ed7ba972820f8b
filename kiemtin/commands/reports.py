"""Commands about what is told to others: report weekly, transparency and draft; corrections export."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiemtin.house import House
from kiemtin.screen import say, say_notice
from kiemtin.settings import load

if TYPE_CHECKING:
    from reports.blocks import Document


class Audience(StrEnum):
    """Who reads: within the department, or outside, where small numbers are not told."""

    INSIDE = "inside"
    OUTSIDE = "outside"


Folder = Annotated[Path, typer.Option("--out", metavar="THƯ_MỤC", help="Ghi vào thư mục này.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    reports = typer.Typer(help="Báo cáo cho lãnh đạo và công chúng.", no_args_is_help=True)
    reports.command()(weekly)
    reports.command()(transparency)
    reports.command()(draft)
    app.add_typer(reports, name="report")
    corrections = typer.Typer(help="Đính chính cho công chúng.", no_args_is_help=True)
    corrections.command()(export)
    app.add_typer(corrections, name="corrections")


def weekly(
    out: Folder,
    week: Annotated[
        str, typer.Option(help="Tuần, như 2026-W47; trống là tuần trước.", show_default=False)
    ] = "",
    number: Annotated[str, typer.Option(help="Số của văn bản.", show_default=False)] = "",
    audience: Annotated[Audience, typer.Option(help="Bản nội bộ, hay bản gửi ra ngoài.")] = Audience.INSIDE,
) -> None:
    """Ghi báo cáo tuần thành .docx, .pdf và .html: bản đã công bố, hoặc theo số liệu lúc này."""
    from reports import publishing, weekly_document
    from reports import weekly as building
    from reports.outside import outside
    from reports.periods import named, week_of
    from store.vocabulary import ReportKind, ReportState

    house, at = _house(), datetime.now(UTC)
    period = named(week) if week else week_of(at).back()
    with house.records.read() as session:
        rows = publishing.versions(session, ReportKind.WEEKLY, period)
        row = next((one for one in rows if one.state == ReportState.PUBLISHED), None)
        data = publishing.weekly_of(row) if row else building.build(session, period, at)
    made = weekly_document.document(
        outside(data) if audience == Audience.OUTSIDE else data, row.note if row else ""
    )
    _write(house, out, f"bao-cao-tuan-{period.name}", made, (row.published_at if row else None) or at, number)


def transparency(
    out: Folder,
    quarter: Annotated[
        str, typer.Option(help="Quý, như 2026-Q4; trống là quý trước.", show_default=False)
    ] = "",
) -> None:
    """Ghi báo cáo minh bạch của một quý thành .docx, .pdf, .html và .csv."""
    from reports import transparency as building
    from reports.periods import named, quarter_of

    house, at = _house(), datetime.now(UTC)
    period = named(quarter) if quarter else quarter_of(at).back()
    with house.records.read() as session:
        data = building.build(session, period, at)
    name = f"bao-cao-minh-bach-{period.name}"
    _write(house, out, name, building.document(data), at)
    (out / f"{name}.csv").write_text(building.to_csv(data), encoding="utf-8")


def draft(
    week: Annotated[
        str, typer.Option(help="Tuần, như 2026-W47; trống là tuần trước.", show_default=False)
    ] = "",
) -> None:
    """Lập dự thảo báo cáo tuần để trưởng nhóm xem và công bố, và báo cho trưởng nhóm."""
    from reports import mailing, publishing
    from reports.periods import named, week_of
    from store import audit

    house, at = _house(), datetime.now(UTC)
    period = named(week) if week else week_of(at).back()
    with house.records.read() as session:
        data = publishing.gather(session, period, at)
    with house.records.write() as session:
        row = publishing.keep(session, period, data, audit.SYSTEM, at)
        told = mailing.tell_drafted(session, row, house.settings.telling, at)
    say(f"Đã lập dự thảo {row.period}, phiên bản {row.version}; báo cho {told} địa chỉ.")


def export(out: Folder) -> None:
    """Ghi trang đính chính công khai thành các tệp tĩnh, để đặt trên bất cứ máy chủ web nào."""
    from kiemtin.static_site import write

    number = write(_house().desk(), out)
    say(f"Đã ghi {number} đính chính vào {out}.")


def _house() -> House:
    house = House(load())
    house.require_ready()
    return house


def _write(house: House, out: Path, name: str, document: Document, at: datetime, number: str = "") -> None:
    from api.setup import telling
    from reports import docx_paper, paper
    from reports.periods import VIETNAM

    head, day = telling(house.desk()).letterhead, at.astimezone(VIETNAM).date()
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.html").write_text(paper.html(document, head, day, number), encoding="utf-8")
    (out / f"{name}.docx").write_bytes(docx_paper.docx(document, head, day, number))
    try:
        (out / f"{name}.pdf").write_bytes(paper.pdf(document, head, day, number))
    except paper.PaperError as error:
        say_notice(str(error))
    say(f"Đã ghi {name} (.html, .docx, .pdf) vào {out}.")
