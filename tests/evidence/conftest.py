"""An authority of one's own, and a bundle built once for all tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence.build import Built, build
from evidence.sign import read_certificates
from evidence.verify import Anchors
from kiemtin.demo_authority import Authority, authority
from tests.databases import sqlite_at
from tests.evidence.made import BEGUN, Referred, confirmed, referred, tools


@dataclass(frozen=True)
class Ready:
    """A built bundle, what it was built from, and by whom it is to be known."""

    referred: Referred
    authority: Authority
    path: Path
    built: Built

    @property
    def anchors(self) -> Anchors:
        root = read_certificates(self.authority.of("root.pem"))
        return Anchors(root, root)


@pytest.fixture(scope="session")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory, own_authority: Authority) -> Iterator[Ready]:
    folder = tmp_path_factory.mktemp("bundle")
    records = sqlite_at(folder / "kiemtin.db")
    made = referred(records, folder)
    path = folder / "kiemtin-000001.zip"
    built = build(made.given(), confirmed(), tools(made.archive, own_authority), path, BEGUN)
    yield Ready(made, own_authority, path, built)
    records.close()
