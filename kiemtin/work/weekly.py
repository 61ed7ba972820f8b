"""What the whole installation does once a week, on Monday morning, of the week that is over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from reports.periods import Period, week_of
from reports.telling import Telling
from store.records import Records

# In Vietnam, before the department opens.
AT = timedelta(hours=6)


class Weekly(ABC):
    """A duty that is due once a week. `do` asks the records whether it was done before, by whomever."""

    def __init__(self, records: Records, telling: Telling) -> None:
        self.records = records
        self.telling = telling
        self._seen = ""

    def __call__(self, now: datetime) -> None:
        """Do what is due at `now`, if anything."""
        week = week_of(now).back()
        if week.name == self._seen or now < week.end + AT:
            return
        self.do(week, now)
        self._seen = week.name

    @abstractmethod
    def do(self, week: Period, now: datetime) -> None:
        """Do it of `week`, unless it was done."""
