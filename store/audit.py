"""The audit log: events chained by SHA-256, so that a change to any of them shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import news
from store.archived import Torn
from store.records import lock
from store.tables import Event

SYSTEM = "system"
GENESIS = "0" * 64


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found. `broken` is the id of the first row that does not fit, or None."""

    count: int
    head: str
    broken: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken is None and not self.reason


def append(session: Session, actor: str, action: str, subject: str, **detail: Any) -> Event:
    """Write one event in the caller's transaction and return it; who is told of such is owed the news.

    `actor` is `user:ID` or `system`; `subject` is `kind:id`; `detail` must be JSON.
    """
    lock(session, "audit")
    last = session.execute(select(Event.id, Event.hash).order_by(Event.id.desc()).limit(1)).first()
    number, previous = (last.id + 1, last.hash) if last else (1, GENESIS)
    event = Event(
        id=number,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        actor=actor,
        action=action,
        subject=subject,
        detail=json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        previous=previous,
        hash="",
    )
    event.hash = digest(event)
    session.add(event)
    session.flush()
    news.announce(session, event)
    return event


def digest(event: Event) -> str:
    """Return the SHA-256 (hex) of an event's canonical JSON, the previous hash included."""
    fields = [event.id, event.at, event.actor, event.action, event.subject, event.detail, event.previous]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def verify(session: Session, expect_head: str | None = None) -> Verdict:
    """Walk the whole chain and name the first row that was changed, removed or put in.

    Rows cut from the end leave a sound chain: give `expect_head`, a head noted earlier
    outside this database, to find that too.
    """
    previous, count, seen = GENESIS, 0, expect_head is None or expect_head == GENESIS
    for event in session.scalars(select(Event).order_by(Event.id).execution_options(yield_per=1000)):
        count += 1
        if event.id != count:
            return Verdict(count - 1, previous, event.id, f"thiếu sự kiện {count}")
        if event.previous != previous:
            return Verdict(count - 1, previous, event.id, "không nối với sự kiện trước")
        if event.hash != digest(event):
            return Verdict(count - 1, previous, event.id, "nội dung không khớp mã băm")
        previous = event.hash
        seen = seen or previous == expect_head
        session.expunge(event)
    if not seen:
        return Verdict(
            count, previous, None, "không thấy mã băm đầu chuỗi đã ghi: phần cuối nhật ký đã bị cắt"
        )
    return Verdict(count, previous)


def note_torn(session: Session, torn: Iterable[Torn]) -> None:
    """Leave an event of every tail that a killed process left in the archive."""
    for tail in torn:
        append(session, SYSTEM, "archive.torn", f"warc:{tail.warc}", offset=tail.offset, cut=tail.length)
