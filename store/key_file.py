"""The key file: what it holds, in both forms, and how it is written so that no crash loses a key.

The first form is one secret, 64 hex digits. The second, since keys can be changed, is JSON:
`{"form": 2, "base": HEX, "sealing": [{"secret": HEX, "since": TIME or null}, …]}`, the newest of
`sealing` first.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from store.disk import sync

SIZE = 32


class KeyFileError(Exception):
    """The key file cannot be used; the message says why."""


@dataclass(frozen=True)
class Sealing:
    """A secret that seals handles and second factors and makes pseudonyms, and since when it does."""

    secret: bytes
    since: datetime | None = None


@dataclass(frozen=True)
class Ring:
    """The secrets of an installation: `base` never changes; the first of `sealing` seals, all open."""

    base: bytes
    sealing: tuple[Sealing, ...]

    def __post_init__(self) -> None:
        for secret in (self.base, *(one.secret for one in self.sealing)):
            if len(secret) != SIZE:
                raise KeyFileError(f"Khóa phải dài {SIZE} byte, tệp này có {len(secret)}.")
        if not self.sealing:
            raise KeyFileError("Tệp khóa không có khóa niêm phong nào.")

    @classmethod
    def of(cls, secret: bytes) -> Ring:
        """Return the ring of a file of the first form."""
        return cls(secret, (Sealing(secret),))


def load(path: Path) -> Ring:
    """Read the file at `path`, making it with mode 0600 when there is none.

    Raises `KeyFileError` when others may read the file or it holds no key.
    """
    with suppress(FileExistsError):
        _create(path)
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"Người khác đọc được tệp khóa {path}: chạy chmod 600 {path} rồi thử lại.")
    try:
        return _parse(path.read_text().strip())
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"Tệp khóa {path} hỏng: hãy khôi phục từ bản sao lưu.") from error


def replace(path: Path, ring: Ring) -> None:
    """Put `ring` in the place of the file: whoever reads finds the old whole or the new whole."""
    sealing = [
        {"secret": one.secret.hex(), "since": one.since.isoformat() if one.since else None}
        for one in ring.sealing
    ]
    written = json.dumps({"form": 2, "base": ring.base.hex(), "sealing": sealing}, indent=1)
    aside = _written(path, written + "\n")
    try:
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)


def _parse(text: str) -> Ring:
    if not text.startswith("{"):
        return Ring.of(bytes.fromhex(text))
    held = json.loads(text)
    if held["form"] != 2:
        raise ValueError("unknown form")
    sealing = tuple(
        Sealing(bytes.fromhex(one["secret"]), datetime.fromisoformat(one["since"]) if one["since"] else None)
        for one in held["sealing"]
    )
    return Ring(bytes.fromhex(held["base"]), sealing)


def _create(path: Path) -> None:
    # Written aside and linked into place: a process killed midway leaves no half key,
    # and of two that start together one wins and both use its key.
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    aside = _written(path, secrets.token_hex(SIZE) + "\n")
    try:
        os.link(aside, path)
    finally:
        aside.unlink()


def _written(path: Path, text: str) -> Path:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return aside
