"""The ways in which JSON is written in a bundle: one for people, one for lines and hashes."""

from __future__ import annotations

import json
from typing import Any


def pretty(value: Any) -> bytes:
    """Return JSON to be read: UTF-8, keys in the order given, two spaces, a line end."""
    return (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def line(value: Any) -> bytes:
    """Return JSON on one line, keys in order, with a line end."""
    said = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return said.encode() + b"\n"
