"""How much room a disk has, and whether a folder can be written to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

_MB = 1 << 20


def place_of(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def free(path: Path) -> int:
    """Return the bytes that may still be written where `path` is or would be made."""
    return shutil.disk_usage(place_of(path)).free


def short_of(paths: Iterable[Path], megabytes: int) -> list[str]:
    """Say (Vietnamese) which of some folders has less than `megabytes` free or cannot be written to."""
    said = []
    for path in dict.fromkeys(paths):
        there = place_of(path)
        try:
            left = free(path)
        except OSError as error:
            said.append(f"{path}: {error.strerror}")
            continue
        if not os.access(there, os.W_OK):
            said.append(f"{there}: không ghi được.")
        elif left < megabytes * _MB:
            said.append(f"{path}: còn {left // _MB} MB, cần ít nhất {megabytes} MB.")
    return said
