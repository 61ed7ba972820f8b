"""A reader sees one moment of the records, on both databases: what a page counts and lists agrees."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select

from store import audit
from store.records import Records
from store.tables import Event


def events(records: Records) -> int:
    with records.read() as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


def test_what_is_written_meanwhile_is_seen_by_the_next_reader(records: Records) -> None:
    with records.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
        with records.write() as writing:
            audit.append(writing, audit.SYSTEM, "tested", "test:1", at=datetime.now(UTC).isoformat())
        assert session.scalar(select(func.count()).select_from(Event)) == before
    assert events(records) == (before or 0) + 1
