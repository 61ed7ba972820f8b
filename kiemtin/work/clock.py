"""Whether the clock of this host can be trusted: held against one that only runs on, and the audit log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from store.tables import Event

# More than any clock that is kept in step is off, less than any lease or term lasts.
SLACK = timedelta(minutes=5)


def _running_on() -> float:
    # Counts the time that a host sleeps too, so that waking up is no jump; not every system has it.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Jumps:
    """Tells when the wall clock was put forward or back while this process ran.

    What it said when the process started is trusted; a restart trusts what it says then.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, running_on: Callable[[], float] = _running_on
    ) -> None:
        self._wall, self._running_on = wall, running_on
        self._apart = wall() - running_on()

    def found(self) -> str:
        """Return what to say (Vietnamese) of a jump of more than `SLACK`, or nothing."""
        moved = timedelta(seconds=self._wall() - self._running_on() - self._apart)
        if abs(moved) <= SLACK:
            return ""
        way = "tới" if moved > timedelta(0) else "lùi"
        return (
            f"đồng hồ máy vừa bị chỉnh {way} {_span(abs(moved))}. Chỉnh lại cho đúng (NTP); nếu giờ mới là"
            " đúng thì khởi động lại tiến trình."
        )


def against_records(session: Session, now: datetime | None = None) -> str:
    """Return what to say (Vietnamese) where the records know of a later moment, or nothing.

    PostgreSQL is asked for its own time, either way; on SQLite, which has none, the newest event of the
    audit log must not lie ahead.
    """
    if session.get_bind().dialect.name == "postgresql":
        theirs = session.scalar(text("SELECT now()"))
        now = now or datetime.now(UTC)
        if theirs is not None and abs(theirs - now) > SLACK:
            return f"đồng hồ máy này lệch {_span(abs(theirs - now))} so với đồng hồ máy cơ sở dữ liệu."
    at = session.scalar(select(Event.at).order_by(Event.id.desc()).limit(1))
    ahead = datetime.fromisoformat(at) - (now or datetime.now(UTC)) if at else timedelta(0)
    if ahead <= SLACK:
        return ""
    return f"sự kiện mới nhất của nhật ký kiểm toán ở sau giờ máy {_span(ahead)}: đồng hồ đã chạy lùi."


def _span(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} phút" if minutes < 120 else f"{minutes // 60} giờ"
