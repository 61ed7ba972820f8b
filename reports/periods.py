"""Weeks and quarters, as they are counted in Vietnam and named by ISO: 2026-W47, 2026-Q4."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_WEEK = re.compile(r"([12]\d{3})-W(\d{2})")
_QUARTER = re.compile(r"([12]\d{3})-Q([1-4])")


class BadPeriod(Exception):
    """What was given names no week or quarter."""


@dataclass(frozen=True, order=True)
class Period:
    """The days from `first` to `last`, both included, with the name by which records know them."""

    first: date
    last: date
    name: str

    @property
    def begin(self) -> datetime:
        """The moment at which it begins, in UTC."""
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The moment at which it is over, in UTC."""
        return _midnight(self.last + timedelta(days=1))

    @property
    def is_week(self) -> bool:
        return "W" in self.name

    def back(self, number: int = 1) -> Period:
        """Return the period that lies so many of its kind before."""
        if self.is_week:
            return week_of_day(self.first - timedelta(weeks=number))
        months = self.first.year * 4 + (self.first.month - 1) // 3 - number
        return quarter_of_day(date(months // 4, months % 4 * 3 + 1, 1))

    def after(self) -> Period:
        """Return the next period of its kind."""
        day = self.last + timedelta(days=1)
        return week_of_day(day) if self.is_week else quarter_of_day(day)


def week_of_day(day: date) -> Period:
    """Return the week, Monday to Sunday, of a day."""
    monday = day - timedelta(days=day.weekday())
    year, number, _ = monday.isocalendar()
    return Period(monday, monday + timedelta(days=6), f"{year}-W{number:02d}")


def quarter_of_day(day: date) -> Period:
    """Return the quarter of a day."""
    number = (day.month - 1) // 3
    first = date(day.year, number * 3 + 1, 1)
    after = date(day.year + (number == 3), (number + 1) % 4 * 3 + 1, 1)
    return Period(first, after - timedelta(days=1), f"{day.year}-Q{number + 1}")


def week_of(moment: datetime) -> Period:
    """Return the week of a moment."""
    return week_of_day(moment.astimezone(VIETNAM).date())


def quarter_of(moment: datetime) -> Period:
    """Return the quarter of a moment."""
    return quarter_of_day(moment.astimezone(VIETNAM).date())


def named(name: str) -> Period:
    """Return the period of a name; raises `BadPeriod`."""
    try:
        if found := _WEEK.fullmatch(name):
            return week_of_day(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        if found := _QUARTER.fullmatch(name):
            return quarter_of_day(date(int(found[1]), int(found[2]) * 3, 1))
    except (ValueError, OverflowError):
        pass  # a week 60, a year 0
    raise BadPeriod(f"{name!r} không phải tuần (như 2026-W47) hay quý (như 2026-Q4).")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC)
