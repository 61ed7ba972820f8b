"""A demo of its own for pictures and recordings: its own folder and ports, gone afterwards."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
PROGRAM = [sys.executable, "-m", "kiemtin"]


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Give the environment of a new installation; what it wrote goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"KIEMTIN_DATA_DIR": folder, "KIEMTIN_DEMO_PORT": str(free_port())}
        yield {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **own}


def wait(url: str, seconds: float = 300) -> None:
    """Wait until a server answers; raises `SystemExit` when it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer within {seconds:.0f} seconds")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
