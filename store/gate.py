"""The gate of referrals in the database itself, and how a faithful copy of the records passes it.

Triggers of table `referral` (migrations 0006 and 0010) ask at each step towards a recipient what the latest
assessment of the case says, and what people found. A referral that was right when it was made may stand
beside a later finding that would not allow it, and most are no longer proposals; such rows are copied as
they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

_GUARDS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'referral'"


@contextmanager
def lowered(connection: Connection) -> Iterator[None]:
    """Let referrals be put in as they were elsewhere, until the end of the block, in one transaction.

    Nobody else sees the gate open: on either database it is closed again by the transaction that opened it,
    and if that fails it was never open.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE referral DISABLE TRIGGER USER"))
        yield
        connection.execute(text("ALTER TABLE referral ENABLE TRIGGER USER"))
        return
    guards = connection.execute(text(_GUARDS)).all()
    for guard in guards:
        connection.exec_driver_sql(f'DROP TRIGGER "{guard.name}"')
    yield
    for guard in guards:
        connection.exec_driver_sql(guard.sql)
