"""What the pages and the API stand on: the open parts of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from search.engine import SearchEngine
from store.archive import Archive
from store.records import Records


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    """Records, index and archive of one installation. `clock` is replaced in tests of expiry."""

    records: Records
    engine: SearchEngine
    archive: Archive
    secure_cookies: bool = False
    metrics_token: str = field(default="", repr=False)
    clock: Callable[[], datetime] = utc_now
