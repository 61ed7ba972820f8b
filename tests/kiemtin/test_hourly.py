"""What is done once an hour: the database looks at how its rows lie, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from kiemtin.work.hourly import Analysis
from store.records import Records
from tests.bulk import cases
from tests.factory import NOW


def known(records: Records) -> int:
    """Return how much the database knows of how cases lie."""
    table = "sqlite_stat1 WHERE tbl = 'case'" if records.is_sqlite else "pg_stats WHERE tablename = 'case'"
    with records.read() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def forget(records: Records) -> None:
    with records.write() as session:
        if records.is_sqlite:
            session.execute(text("DELETE FROM sqlite_stat1"))
        else:
            session.execute(text("DELETE FROM pg_statistic WHERE starelid = '\"case\"'::regclass"))


def test_a_database_is_looked_at_soon_after_a_start_and_once_an_hour(records: Records) -> None:
    cases(records, 3)
    duty = Analysis(records)
    duty(NOW)
    assert known(records)
    forget(records)
    duty(NOW + timedelta(minutes=59))
    assert not known(records)
    duty(NOW + timedelta(hours=1))
    assert known(records)
