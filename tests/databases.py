"""Migrated databases in a moment: the migrations run once a process, and each test gets a copy of the result."""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, text

from store.migrate import migrate
from store.records import Records


def sqlite_at(path: Path) -> Records:
    """Return the records of a new, migrated SQLite database at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_sqlite_template(), path)
    return Records(f"sqlite:///{path}")


def postgres_like(server: Engine, name: str) -> Records:
    """Return the records of a new, migrated PostgreSQL database; raises `OperationalError` without a server."""
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_postgres_template(server.url)}"))
    return Records(_at(server.url, name))


def drop(connection: Connection, name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kiemtin-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    records = Records(f"sqlite:///{folder / 'template.db'}")
    migrate(records)
    records.close()  # the last connection leaves one whole file
    return folder / "template.db"


@cache
def _postgres_template(url: URL) -> str:
    name = f"kiemtin_test_{secrets.token_hex(6)}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    records = Records(_at(url, name))
    migrate(records)
    records.close()
    atexit.register(_forget, server, name)
    return name


def _forget(server: Engine, name: str) -> None:
    with server.connect() as connection:
        drop(connection, name)
    server.dispose()


def _at(url: URL, name: str) -> str:
    return url.set(database=name).render_as_string(hide_password=False)
