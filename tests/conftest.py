"""Fixtures shared by all rooms: where the shared data lies, and which databases a test runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KIEMTIN_TEST_SHARED", ROOT.parent / "shared"))


def shared(relative: str) -> Path:
    """Return a file of the shared data folder, or skip the test with the reason."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"{path} is absent; set KIEMTIN_TEST_SHARED to the folder that holds it")
    return path
