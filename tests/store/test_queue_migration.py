"""Cases that were there before the queue had its parts find their place in it."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import select

from store.migrate import config
from store.records import Records
from store.tables import Case
from tests.bulk import cases


def test_cases_of_before_are_ranked_as_new_ones_are(records: Records) -> None:
    cases(records, 3, harms=("scam", "cure"), severities=(1.0, 0.9))
    with records.read() as session:
        before = session.scalars(select(Case).order_by(Case.id)).all()
    settings = config()
    for move, to in ((command.downgrade, "0012-1"), (command.upgrade, "head")):
        with records.engine.execution_options(kiemtin_write=True).begin() as connection:
            settings.attributes["connection"] = connection
            move(settings, to)
    with records.read() as session:
        after = session.scalars(select(Case).order_by(Case.id)).all()
    assert [case.rank for case in after] == pytest.approx([case.rank for case in before])
    for name in ("priority", "severity", "copies", "fresh_from", "waits_from"):
        assert [getattr(case, name) for case in after] == [getattr(case, name) for case in before], name
