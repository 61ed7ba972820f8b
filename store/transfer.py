"""Carries all records from one database to another, SQLite or PostgreSQL, and proves that they arrived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    String,
    Table,
    collate,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import audit, workers
from store.base import Base
from store.gate import lowered
from store.migrate import migrate, require_current
from store.records import Records
from store.work_tables import Leader, Worker

_PAGE = 1000
# Who works on the source does not work on the target.
_LEFT = {Worker.__tablename__, Leader.__tablename__}


class TransferError(Exception):
    """The records were not carried over, and the target is as empty as before; the message says why."""


@dataclass(frozen=True)
class Transferred:
    """What arrived: the rows of each table, and the end of the audit chain with its number."""

    counts: dict[str, int]
    events: int
    head: str


def transfer(
    source: Records,
    target: Records,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    alone: bool = False,
) -> Transferred:
    """Copy every row of `source`, as it is at one moment, into the empty `target`.

    One transaction is written: all arrives or nothing. Before its end each table is read back and compared
    by the SHA-256 of its rows, and the audit chain is walked on both sides. `progress` is told rows done and
    rows in all. With `alone`, a source that workers are at work on is refused: what they write next would
    stay behind. Raises `TransferError`, and `RecordsError` when the source is not at this version.
    """
    require_current(source)
    if alone:
        _refuse_busy(source)
    require_empty(target)
    migrate(target)
    with source.read() as session:
        reading = session.connection()
        verdict = _sound_chain(reading, "nguồn")
        with target.engine.execution_options(kiemtin_write=True).begin() as writing, lowered(writing):
            _refuse_rows(writing)
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
            if _sound_chain(writing, "đích").head != verdict.head:
                raise TransferError("Chuỗi kiểm toán ở đích không cùng đầu với nguồn.")
    return Transferred(counts, verdict.count, verdict.head)


def require_empty(target: Records) -> None:
    """Raise `TransferError` when `target` holds rows, of this version or of another; nothing is changed."""
    with target.engine.connect() as connection:
        found = set(inspect(connection).get_table_names()) - {"alembic_version"}
        if strange := found - set(Base.metadata.tables):
            raise TransferError(
                f"Cơ sở dữ liệu đích có bảng lạ ({', '.join(sorted(strange))})."
                " Chỉ chuyển vào một cơ sở dữ liệu trống."
            )
        _refuse_rows(connection, found)


def _refuse_busy(source: Records) -> None:
    with source.write() as session:
        workers.bury(session)
        alive = [f"{row.host} ({row.pid})" for row in session.scalars(select(Worker).order_by(Worker.id))]
    if alive:
        raise TransferError(
            f"Nguồn còn tiến trình đang làm việc: {', '.join(alive)}. Dừng chúng rồi chạy lại."
        )


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
    if isinstance(value, date):  # and so a datetime
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(f"no canonical form for {type(value)}")


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if not table.info.get("stays")]


def _pages(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    rows = select(table).order_by(*_order(connection, table)).execution_options(yield_per=_PAGE)
    with connection.execute(rows) as found:
        yield from found.partitions()


def _order(connection: Connection, table: Table) -> list[ColumnElement[Any]]:
    # Text in the order of its bytes, as SQLite has it; PostgreSQL would go by the language of the database.
    by_bytes = connection.dialect.name == "postgresql"
    return [
        collate(column, "C") if by_bytes and isinstance(column.type, String) else column
        for column in table.primary_key.columns
    ]


def _write(connection: Connection, table: Table, page: Sequence[Row[Any]]) -> None:
    rows = [dict(row._mapping) for row in page]
    try:
        with connection.begin_nested():
            connection.execute(insert(table), rows)
        return
    except (DBAPIError, ValueError) as error:
        reason = error
    if len(page) > 1:
        for row in page:
            _write(connection, table, [row])
    key = ", ".join(str(rows[0][column.name]) for column in table.primary_key.columns)
    raise TransferError(
        f"Bảng {table.name}, dòng {key}: đích không nhận: {getattr(reason, 'orig', reason)}"
    ) from reason


def _refuse_rows(connection: Connection, names: Container[str] = Base.metadata.tables) -> None:
    for table in _tables():
        if table.name in names and (number := _count(connection, table)):
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


def _sound_chain(connection: Connection, where: str) -> audit.Verdict:
    verdict = audit.verify(Session(connection))
    if not verdict.ok:
        raise TransferError(
            f"Chuỗi kiểm toán ở {where} hỏng từ sự kiện {verdict.broken}: {verdict.reason}."
            " Chạy `kiemtin audit verify`."
        )
    return verdict


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
