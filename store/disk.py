"""What the archive asks of the disk: to keep what was written, and how much of a file is whole records."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20
_GZIP = 31  # zlib window bits that mean: a gzip header and trailer


def sync(path: Path) -> None:
    """Return once a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sound_length(file: BinaryIO, size: int) -> int:
    """Return how many bytes from the start are whole gzip members."""
    # Nearly always the last member is whole and near the end: look there before reading it all.
    window = min(size, 4 * _CHUNK)
    file.seek(size - window)
    tail = file.read(window)
    at = tail.rfind(b"\x1f\x8b\x08")
    while at != -1:
        inflate = zlib.decompressobj(_GZIP)
        try:
            if inflate.decompress(tail[at:], 8) == b"WARC/1.1" and _ends_at(file, size - window + at) == size:
                return size
        except zlib.error:
            pass
        at = tail.rfind(b"\x1f\x8b\x08", 0, at)
    sound = 0
    while sound < size:
        end = _ends_at(file, sound)
        if end is None:
            break
        sound = end
    return sound


def _ends_at(file: BinaryIO, start: int) -> int | None:
    """Return where the gzip member that begins at `start` ends, or None when it is torn."""
    file.seek(start)
    inflate = zlib.decompressobj(_GZIP)
    consumed = 0
    for chunk in _chunks(file):
        try:
            pending = chunk
            while not inflate.eof and pending:
                inflate.decompress(pending, _CHUNK)
                pending = inflate.unconsumed_tail
        except zlib.error:
            return None
        consumed += len(chunk)
        if inflate.eof:
            return start + consumed - len(inflate.unused_data)
    return None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
