"""A duty of the whole installation: on Monday morning, the draft of the report on the week that is over."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select

from kiemtin.work.weekly import Weekly
from reports import mailing, publishing
from reports.periods import Period
from store import audit
from store.tables import Post
from store.vocabulary import ReportKind

log = structlog.get_logger("kiemtin.work")


class WeeklyDraft(Weekly):
    """Makes the draft once a week, if nobody made one, and tells the leads."""

    def do(self, week: Period, now: datetime) -> None:
        with self.records.read() as session:
            begun = session.scalar(select(Post.id).where(Post.first_seen_at < week.end).limit(1)) is not None
            made = publishing.versions(session, ReportKind.WEEKLY, week)
            data = publishing.gather(session, week, now) if begun and not made else None
        if data is not None:
            with self.records.write() as session:
                row = publishing.keep(session, week, data, audit.SYSTEM, now)
                told = mailing.tell_drafted(session, row, self.telling, now)
            log.info("report.drafted", period=week.name, told=told)
