"""A duty of the whole installation: on Monday morning, the draft of the report on the week that is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from reports import mailing, publishing
from reports.periods import week_of
from reports.telling import Telling
from store import audit
from store.records import Records
from store.tables import Post
from store.vocabulary import ReportKind

log = structlog.get_logger("kiemtin.work")

# In Vietnam, before the department opens.
AT = timedelta(hours=6)


class WeeklyDraft:
    """Makes the draft once a week, if nobody made one, and tells the leads."""

    def __init__(self, records: Records, telling: Telling) -> None:
        self.records = records
        self.telling = telling
        self._seen = ""

    def __call__(self, now: datetime) -> None:
        """Make the draft that is due at `now`, if any."""
        week = week_of(now).back()
        if week.name == self._seen or now < week.end + AT:
            return
        with self.records.read() as session:
            begun = session.scalar(select(Post.id).where(Post.first_seen_at < week.end).limit(1)) is not None
            made = publishing.versions(session, ReportKind.WEEKLY, week)
            data = publishing.gather(session, week, now) if begun and not made else None
        if data is not None:
            with self.records.write() as session:
                row = publishing.keep(session, week, data, audit.SYSTEM, now)
                told = mailing.tell_drafted(session, row, self.telling, now)
            log.info("report.drafted", period=week.name, told=told)
        self._seen = week.name
