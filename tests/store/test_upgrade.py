"""Records of the release before come forward unchanged, and survive the loss of everything but the backup."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bench.installation import empty_postgres
from bench.upgrade import drill, empty_sqlite


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_records_of_the_release_before_come_forward_and_back_from_a_backup(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(database)  # says what is missing where there is no server
    fresh = empty_postgres if database == "postgres" else partial(empty_sqlite, tmp_path / "before.db")
    said = (f"Uống nước tỏi khỏi bệnh, lần thứ {n}" for n in range(300))
    drilled = drill(tmp_path / "drill", said, fresh)
    assert (drilled.posts, drilled.cases) == (300, 30)
