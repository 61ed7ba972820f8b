"""What the whole installation does once an hour, and soon after a start."""

from __future__ import annotations

from datetime import datetime, timedelta

from store.records import Records

_EVERY = timedelta(hours=1)


class Analysis:
    """Lets the database look at how its rows lie.

    SQLite never does so by itself, and without it takes every queued case in hand to find the few that one
    person put aside.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self._due: datetime | None = None

    def __call__(self, now: datetime) -> None:
        """Do it at `now`, unless it was done within the hour."""
        if self._due is not None and now < self._due:
            return
        self.records.analyze()
        self._due = now + _EVERY
