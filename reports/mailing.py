"""The mail that tells of a report: aggregates alone, and where the whole can be read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from reports import weekly_document
from reports.findings import findings
from reports.outside import outside
from reports.paper import PaperError, pdf
from reports.periods import VIETNAM, named
from reports.publishing import weekly_of
from reports.telling import Telling
from reports.words import span
from store.delivery import Attachment, owe
from store.report_tables import Report
from store.vocabulary import Channel, ReportKind


def enclosed(row: Report, telling: Telling, note: str, at: datetime) -> list[Attachment]:
    """Return the report as it may leave the department, to go with the mail; none where no PDF can be made.

    Drawing takes seconds: do it before the transaction.
    """
    if row.kind != ReportKind.WEEKLY or not telling.everyone:
        return []
    document = weekly_document.document(outside(weekly_of(row)), note)
    try:
        content = pdf(document, telling.letterhead, at.astimezone(VIETNAM).date())
    except PaperError:
        return []
    return [Attachment(f"kiem-tin-{row.period}.pdf", "application/pdf", content)]


def tell_published(
    session: Session, row: Report, telling: Telling, files: list[Attachment], at: datetime
) -> int:
    """Owe everyone the news of a published weekly report; return how many are told."""
    if row.kind != ReportKind.WEEKLY:
        return 0
    text = _text(row, telling)
    for address in telling.everyone:
        owe(
            session, Channel.EMAIL, address, f"Báo cáo {span(named(row.period))}", text, "", files,
            kind="report", at=at,
        )  # fmt: skip
    return len(telling.everyone)


def tell_drafted(session: Session, row: Report, telling: Telling, at: datetime) -> int:
    """Owe the leads the news that a draft is ready to be looked at."""
    leads = telling.recipients.get("lead", ())
    text = (
        f"Bản dự thảo báo cáo {span(named(row.period))} đã lập xong, chờ trưởng nhóm xem và công bố.\n"
        f"{_where(row, telling)}\n"
    )
    for address in leads:
        owe(
            session,
            Channel.EMAIL,
            address,
            f"Dự thảo báo cáo {row.period} chờ công bố",
            text,
            kind="report",
            at=at,
        )
    return len(leads)


def _text(row: Report, telling: Telling) -> str:
    told = "\n".join(f"- {one}" for one in findings(outside(weekly_of(row))))
    own = f"\n{row.note}\n" if row.note else ""
    return (
        f"Báo cáo {span(named(row.period))} đã công bố (bản {row.version}).\n\n{told}\n{own}\n"
        f"{_where(row, telling)}\nThư này chỉ có số liệu tổng hợp; số từ 1 đến 4 ghi là “< 5”.\n"
    )


def _where(row: Report, telling: Telling) -> str:
    return (
        f"Xem tại {telling.base}/reports/{row.period}"
        if telling.base
        else f"Xem ở trang Báo cáo, {row.period}."
    )
