"""A duty of the whole installation: on Monday morning, the digest of the week's audit log."""

from __future__ import annotations

from datetime import datetime

import structlog

from kiemtin.work.weekly import Weekly
from reports import unusual
from reports.periods import Period

log = structlog.get_logger("kiemtin.work")


class WeeklyDigest(Weekly):
    """Tells it once a week, whoever told it before."""

    def do(self, week: Period, now: datetime) -> None:
        with self.records.write() as session:
            if not unusual.told(session, week):
                number = unusual.tell(session, week, self.telling, now)
                log.info("digest.told", week=week.name, told=number)
