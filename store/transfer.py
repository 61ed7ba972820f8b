"""Carries all records from one database to another, SQLite or PostgreSQL, and proves that they arrived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import audit
from store.base import Base
from store.migrate import migrate, require_current
from store.records import Records
from store.tables import Leader, Worker

_PAGE = 1000
# Who works on the source does not work on the target.
_LEFT = {Worker.__tablename__, Leader.__tablename__}


class TransferError(Exception):
    """The records were not carried over, and the target is as empty as before; the message says why."""


def transfer(
    source: Records, target: Records, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, int]:
    """Copy every row of `source` into the empty `target`; return the rows of each table.

    One snapshot is read and one transaction written: all arrives or nothing. Before the end each table is
    read back and compared by the SHA-256 of its rows, and the audit chain is walked on both sides.
    Raises `TransferError`, and `RecordsError` when the source is not at this version.
    """
    require_current(source)
    migrate(target)
    # SQLite reads one moment by itself.
    moment = {} if source.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with source.engine.execution_options(**moment).connect() as reading:
        head = _sound_chain(reading, "nguồn")
        with target.engine.execution_options(kiemtin_write=True).begin() as writing:
            _require_empty(writing)
            total = sum(_count(reading, table) for table in _tables())
            counts: dict[str, int] = {}
            done = 0
            for table in _tables():
                copied, digest = 0, _Digest()
                for page in _pages(reading, table):
                    _write(writing, table, page)
                    digest.add(page)
                    copied += len(page)
                    progress(done + copied, total)
                done += copied
                counts[table.name] = copied
                _require_same(writing, table, digest)
            _set_counters(writing)
            if _sound_chain(writing, "đích") != head:
                raise TransferError("Chuỗi kiểm toán ở đích không cùng đầu với nguồn.")
    return counts


class _Digest:
    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            said = json.dumps(list(row), ensure_ascii=False, sort_keys=True, default=_plain)
            self._sha256.update(said.encode("utf-8", "surrogatepass") + b"\n")

    def value(self) -> str:
        return self._sha256.hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(f"no canonical form for {type(value)}")


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name not in _LEFT]


def _pages(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    rows = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_PAGE)
    with connection.execute(rows) as found:
        yield from found.partitions()


def _write(connection: Connection, table: Table, page: Sequence[Row[Any]]) -> None:
    try:
        connection.execute(insert(table), [dict(row._mapping) for row in page])
    except (DBAPIError, ValueError) as error:
        first, last = page[0][0], page[-1][0]
        why = getattr(error, "orig", error)
        raise TransferError(f"Bảng {table.name}, các dòng {first}–{last}: đích không nhận: {why}") from error


def _require_empty(connection: Connection) -> None:
    for table in _tables():
        if number := _count(connection, table):
            raise TransferError(
                f"Cơ sở dữ liệu đích đã có {number} dòng trong bảng {table.name}."
                " Chỉ chuyển vào một cơ sở dữ liệu trống."
            )


def _require_same(connection: Connection, table: Table, wanted: _Digest) -> None:
    arrived = _Digest()
    for page in _pages(connection, table):
        arrived.add(page)
    if arrived.value() != wanted.value():
        raise TransferError(f"Bảng {table.name} ở đích đọc lại không giống nguồn.")


def _set_counters(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that were carried over; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in _tables():
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": f'"{table.name}"', "column": column.name},
        )
        highest = connection.scalar(select(func.max(column)))
        if sequence is not None and highest is not None:
            connection.execute(
                text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest}
            )


def _sound_chain(connection: Connection, where: str) -> str:
    verdict = audit.verify(Session(connection))
    if not verdict.ok:
        raise TransferError(
            f"Chuỗi kiểm toán ở {where} hỏng từ sự kiện {verdict.broken}: {verdict.reason}."
            " Chạy `kiemtin audit verify`."
        )
    return verdict.head


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
