"""Brings a database to the schema of this version."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.orm import Session

from store.records import Records, RecordsError, lock

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported by what runs migrations: every command asks whether there are any, and most find none.


def config() -> Config:
    """Return Alembic's configuration: the migrations lie in this package."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(files("store") / "migrations"))
    return made


def migrate(records: Records) -> None:
    """Run the migrations that are missing, one process at a time. Does nothing when there are none."""
    if _is_current(records):
        return
    from alembic import command

    settings = config()
    with records.engine.execution_options(kiemtin_write=True).begin() as connection:
        lock(Session(connection), "migrate")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def require_current(records: Records) -> None:
    """Raise `RecordsError` unless the schema is the one this version writes."""
    if not _is_current(records):
        raise RecordsError("Cơ sở dữ liệu chưa ở phiên bản này: chạy `kiemtin migrate` rồi thử lại.")


def _is_current(records: Records) -> bool:
    with records.engine.connect() as connection:
        return _current(connection) == head()


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@cache
def head() -> str:
    """Return the number of the last migration: they stand in a row, each file begins with its number."""
    found = (files("store") / "migrations" / "versions").iterdir()
    return max(
        one.name.partition("_")[0] for one in found if one.name.endswith(".py") and one.name[0].isdigit()
    )
