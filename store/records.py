"""Opens the database and gives transactions: SQLite in one file by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

import store
from store import outbox

# Whoever opens the records knows all their tables, however little else of the program was imported: a copy of
# the records without one of them would miss its rows.
for _module in iter_modules(store.__path__):
    if _module.name.endswith("_tables"):
        import_module(f"store.{_module.name}")

# WAL lets readers read while one writer writes; FULL makes a commit survive a power cut (sqlite.org/pragma).
_KEEPING = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",
    "PRAGMA cache_size = -32000",
    "PRAGMA temp_store = MEMORY",
    # Enough for `analyze`: some milliseconds, however large the file is.
    "PRAGMA analysis_limit = 400",
)


class RecordsError(Exception):
    """The database cannot be opened; the message says which and what to do."""


class Records:
    """The database of one installation; cheap to hand around, safe in several threads.

    `url` is a SQLAlchemy URL. Raises `RecordsError` when it cannot be opened.
    """

    @classmethod
    def kept(cls, path: Path) -> Records:
        """Open an SQLite file that nobody writes to, without changing a byte of it or beside it."""
        return cls(f"sqlite:///file:{quote(str(path))}?immutable=1&uri=true")

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _open(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writer = self.engine.execution_options(kiemtin_write=True)
        # SQLite's readers see one moment by themselves; PostgreSQL's would see a new one with each query.
        moment = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**moment)
        # SQLite lets waiting writers try again at odds, and some for ever in vain; a lock lets them queue.
        self._turn = Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one moment of the records and changes nothing."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose work is kept whole at the end of the block, or not at all if it raises."""
        with self._turn, Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
            outbox.settle(session)

    def check(self) -> None:
        """Raise `RecordsError` unless the database answers."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError as error:
            shown = make_url(self.url).render_as_string(hide_password=True)
            raise RecordsError(f"Không mở được cơ sở dữ liệu {shown}: {error.orig}") from error

    def analyze(self) -> None:
        """Let the database look at how its rows lie; by that it chooses with which to begin a query."""
        with self._turn, self._writer.begin() as connection:
            connection.exec_driver_sql("ANALYZE")

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def lock(session: Session, name: str) -> None:
    """Hold lock `name` until the transaction ends. On SQLite a writer already is alone."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"kiemtin/{name}"})


def with_password(url: str, password: str) -> str:
    """Return `url` with `password`, unless it has one. Raises `RecordsError` for what is no URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise RecordsError(f"KIEMTIN_DATABASE_URL không đọc được: {error}") from error
    return (parsed if parsed.password else parsed.set(password=password)).render_as_string(
        hide_password=False
    )


def _open(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise RecordsError(
                f"Cơ sở dữ liệu {parsed.drivername!r} không được hỗ trợ: dùng sqlite hoặc postgresql."
            )
        immutable = "immutable" in parsed.query
        if parsed.get_backend_name() == "sqlite" and parsed.database and not immutable:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
    except ArgumentError as error:
        raise RecordsError(f"KIEMTIN_DATABASE_URL không đọc được: {error}") from error
    except ModuleNotFoundError as error:
        raise RecordsError(
            f"Thiếu thư viện {error.name}: cài bằng pip install 'kiemtin[postgres]'."
        ) from error
    if engine.dialect.name == "sqlite":
        if not immutable:
            event.listen(engine, "connect", _keep_sqlite)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin transactions late and by its own rules; SQLAlchemy says BEGIN instead.
    driver: Any = connection
    driver.isolation_level = None
    for pragma in _PRAGMAS:
        driver.execute(pragma)


def _keep_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    driver: Any = connection
    for pragma in _KEEPING:
        driver.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: a reader that turned writer would fail with "database is locked".
    writes = connection.get_execution_options().get("kiemtin_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
