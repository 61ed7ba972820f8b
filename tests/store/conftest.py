"""Fixtures of the store: an S3 server to send to, and an installation that ages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.open import open_engine
from store import remote
from store.keys import Keys
from store.records import Records
from tests.far import Store
from tests.kept import Kept


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(remote._S3["config_kwargs"], "retries", {"total_max_attempts": 1})  # type: ignore[arg-type]
    running = Store()
    yield running
    running.client.close()
    running.stop()


@pytest.fixture
def kept(records: Records, tmp_path: Path, keys: Keys) -> Kept:
    return Kept(records, tmp_path, keys, open_engine(f"tantivy:{tmp_path / 'search'}"))
