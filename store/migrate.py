"""Brings a database to the schema of this version."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from store.records import Records, RecordsError, lock


def config() -> Config:
    """Return Alembic's configuration: the migrations lie in this package."""
    made = Config()
    made.set_main_option("script_location", str(files("store") / "migrations"))
    return made


def migrate(records: Records) -> None:
    """Run the migrations that are missing, one process at a time. Does nothing when there are none."""
    settings = config()
    with records.engine.execution_options(kiemtin_write=True).begin() as connection:
        lock(Session(connection), "migrate")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def require_current(records: Records) -> None:
    """Raise `RecordsError` unless the schema is the one this version writes."""
    with records.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != ScriptDirectory.from_config(config()).get_current_head():
        raise RecordsError("Cơ sở dữ liệu chưa ở phiên bản này: chạy `kiemtin migrate` rồi thử lại.")
