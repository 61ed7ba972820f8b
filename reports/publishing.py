"""Reports in versions: made, published by a lead's decision, withdrawn with a reason. What was told stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from reports import transparency, weekly
from reports.model import Weekly
from reports.periods import Period, named
from reports.transparency import Transparency
from store import audit
from store.records import lock
from store.report_tables import Report
from store.vocabulary import ReportKind, ReportState

MOVES: Mapping[ReportState, frozenset[ReportState]] = {
    ReportState.DRAFT: frozenset({ReportState.PUBLISHED}),
    ReportState.PUBLISHED: frozenset({ReportState.WITHDRAWN}),
    ReportState.WITHDRAWN: frozenset(),
}


class ReportError(Exception):
    """A report was not made, published or withdrawn; the message says why. Nothing was recorded."""


def move(current: ReportState, target: ReportState) -> ReportState:
    """Return `target`; raises `ReportError` when a report in `current` may not go there."""
    if target not in MOVES[current]:
        words = {
            ReportState.DRAFT: "bản dự thảo",
            ReportState.PUBLISHED: "bản đã công bố",
            ReportState.WITHDRAWN: "bản đã rút",
        }
        raise ReportError(f"Báo cáo này là {words[current]}, không thành {words[target]} được.")
    return target


def gather(session: Session, period: Period, at: datetime) -> dict[str, Any]:
    """Return the data of a report as the records are now; takes seconds, writes nothing.

    Raises `ReportError` for a time to come.
    """
    if period.begin > at:
        raise ReportError("Chưa tới kỳ này.")
    made = weekly.build(session, period, at) if period.is_week else transparency.build(session, period, at)
    return made.model_dump(mode="json")


def keep(session: Session, period: Period, data: dict[str, Any], actor: str, at: datetime) -> Report:
    """Keep gathered data as the next version of a report, a draft."""
    lock(session, "reports")
    kind = ReportKind.WEEKLY if period.is_week else ReportKind.TRANSPARENCY
    last = session.scalar(
        select(func.max(Report.version)).where(Report.kind == kind, Report.period == period.name)
    )
    row = Report(
        kind=kind, period=period.name, version=(last or 0) + 1, state=ReportState.DRAFT, data=data,
        sha256=digest(data), note="", made_by=actor, made_at=at, withdrawn_reason="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    _record(session, actor, "drafted", row)
    return row


def publish(session: Session, report_id: int, note: str, actor: str, at: datetime) -> Report:
    """Publish the newest draft of a period that is over, with the lead's own words; raises `ReportError`."""
    row = _held(session, report_id)
    move(ReportState(row.state), ReportState.PUBLISHED)
    if at < named(row.period).end:
        raise ReportError("Kỳ này chưa kết thúc: chờ hết kỳ rồi lập lại và công bố.")
    newer = session.scalar(
        select(Report.id).where(
            Report.kind == row.kind, Report.period == row.period, Report.version > row.version
        )
    )
    if newer is not None:
        raise ReportError("Đã có bản mới hơn: hãy xem bản đó.")
    row.state, row.note = ReportState.PUBLISHED, note.strip()
    row.published_by, row.published_at = actor, at
    session.flush()
    _record(session, actor, "published", row, note=row.note)
    return row


def withdraw(session: Session, report_id: int, reason: str, actor: str, at: datetime) -> Report:
    """Take a published report back; it stays readable, marked. Raises `ReportError`."""
    row = _held(session, report_id)
    move(ReportState(row.state), ReportState.WITHDRAWN)
    if not reason.strip():
        raise ReportError("Hãy ghi lý do.")
    row.state, row.withdrawn_by, row.withdrawn_at = ReportState.WITHDRAWN, actor, at
    row.withdrawn_reason = reason.strip()
    session.flush()
    _record(session, actor, "withdrawn", row, reason=row.withdrawn_reason)
    return row


def versions(session: Session, kind: ReportKind, period: Period) -> Sequence[Report]:
    """Return all versions of a report, newest first."""
    return session.scalars(
        select(Report)
        .where(Report.kind == kind, Report.period == period.name)
        .order_by(Report.version.desc())
    ).all()


def newest(session: Session, kind: ReportKind, *, public: bool = False) -> Sequence[Report]:
    """Return the newest version of each period, latest first; with `public`, the newest published one."""
    query = select(Report).where(Report.kind == kind)
    if public:
        query = query.where(Report.state == ReportState.PUBLISHED)
    found: dict[str, Report] = {}
    for row in session.scalars(query.order_by(Report.period.desc(), Report.version.desc())):
        found.setdefault(row.period, row)
    return list(found.values())


def weekly_of(row: Report) -> Weekly:
    """Return the data of a weekly report."""
    return Weekly.model_validate(row.data)


def transparency_of(row: Report) -> Transparency:
    """Return the data of a transparency report."""
    return Transparency.model_validate(row.data)


def digest(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of a report's data."""
    canonical = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _held(session: Session, report_id: int) -> Report:
    row = session.scalar(select(Report).where(Report.id == report_id).with_for_update())
    if row is None:
        raise ReportError(f"Không có báo cáo số {report_id}.")
    return row


def _record(session: Session, actor: str, what: str, row: Report, **detail: str) -> None:
    audit.append(
        session, actor, f"report.{what}", f"report:{row.id}", kind=row.kind, period=row.period,
        version=row.version, sha256=row.sha256, **detail,
    )  # fmt: skip
