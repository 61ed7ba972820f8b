"""The audit log grows, shows every change to it, and can be changed on neither database."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import audit
from store.records import Records


def _fill(records: Records, number: int) -> None:
    for i in range(number):
        with records.write() as session:
            audit.append(session, "system", "test.event", f"thing:{i}", số=i, chữ="đã xong")


def _force(records: Records, *statements: str) -> None:
    """Change the table as an intruder who owns the database would: by removing the triggers first."""
    with records.write() as session:
        if records.is_sqlite:
            session.execute(text("DROP TRIGGER event_no_update"))
            session.execute(text("DROP TRIGGER event_no_delete"))
        else:
            session.execute(text("ALTER TABLE event DISABLE TRIGGER ALL"))
        for statement in statements:
            session.execute(text(statement))


def test_an_untouched_chain_verifies(records: Records) -> None:
    _fill(records, 5)
    with records.read() as session:
        verdict = audit.verify(session)
    assert verdict.ok
    assert verdict.count == 5


def test_an_empty_chain_verifies(sqlite: Records) -> None:
    with sqlite.read() as session:
        assert audit.verify(session) == audit.Verdict(0, audit.GENESIS)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE event SET actor = 'user:9' WHERE id = 2", "DELETE FROM event WHERE id = 2", "DELETE FROM event"],
)
def test_the_database_refuses_to_change_an_event(records: Records, statement: str) -> None:
    _fill(records, 3)
    with pytest.raises(DBAPIError, match="append-only"), records.write() as session:
        session.execute(text(statement))
    with records.read() as session:
        assert audit.verify(session).count == 3


@pytest.mark.postgres
def test_postgresql_refuses_to_truncate_the_log(postgres: Records) -> None:
    _fill(postgres, 1)
    with pytest.raises(DBAPIError, match="append-only"), postgres.write() as session:
        session.execute(text("TRUNCATE event"))


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "detail", "hash"])
def test_a_changed_column_breaks_the_chain_at_its_row(records: Records, column: str) -> None:
    _fill(records, 5)
    _force(records, f"UPDATE event SET {column} = 'x' WHERE id = 3")
    with records.read() as session:
        assert audit.verify(session).broken == 3


def test_a_removed_row_breaks_the_chain_at_the_next(records: Records) -> None:
    _fill(records, 5)
    _force(records, "DELETE FROM event WHERE id = 3")
    with records.read() as session:
        assert audit.verify(session).broken == 4


def test_rows_cut_from_the_end_show_against_a_head_noted_before(records: Records) -> None:
    _fill(records, 5)
    with records.read() as session:
        head = audit.verify(session).head
    _force(records, "DELETE FROM event WHERE id > 3")
    with records.read() as session:
        assert audit.verify(session).ok
        cut = audit.verify(session, expect_head=head)
    assert not cut.ok
    assert "cắt" in cut.reason


def test_a_head_noted_earlier_is_still_found_after_more_events(sqlite: Records) -> None:
    _fill(sqlite, 2)
    with sqlite.read() as session:
        head = audit.verify(session).head
    _fill(sqlite, 3)
    with sqlite.read() as session:
        assert audit.verify(session, expect_head=head).ok


def test_writers_at_the_same_time_make_one_chain(records: Records) -> None:
    threads = [threading.Thread(target=_fill, args=(records, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with records.read() as session:
        verdict = audit.verify(session)
    assert verdict.ok
    assert verdict.count == 40


def test_an_event_goes_with_its_transaction(sqlite: Records) -> None:
    with pytest.raises(RuntimeError), sqlite.write() as session:
        audit.append(session, "system", "test.event", "thing:1")
        raise RuntimeError
    with sqlite.read() as session:
        assert audit.verify(session).count == 0
