"""A duty of the whole installation: on Monday morning, the digest of the week's audit log."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from reports import unusual
from reports.periods import week_of
from reports.telling import Telling
from store.records import Records

log = structlog.get_logger("kiemtin.work")

# In Vietnam, before the department opens.
AT = timedelta(hours=6)


class WeeklyDigest:
    """Tells it once a week, whoever told it before."""

    def __init__(self, records: Records, telling: Telling) -> None:
        self.records = records
        self.telling = telling
        self._seen = ""

    def __call__(self, now: datetime) -> None:
        """Tell the digest that is due at `now`, if any."""
        week = week_of(now).back()
        if week.name == self._seen or now < week.end + AT:
            return
        with self.records.write() as session:
            if not unusual.told(session, week):
                number = unusual.tell(session, week, self.telling, now)
                log.info("digest.told", week=week.name, told=number)
        self._seen = week.name
