"""What the archive answers: where a capture lies, what it holds, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


class ArchiveError(Exception):
    """A record cannot be written or found; the message says which file and where."""


class ArchiveAbsent(ArchiveError):
    """There is no such file, here or in the remote."""


@dataclass(frozen=True)
class Exchange:
    """One HTTP request and its answer.

    `body` is as it was sent but for chunks: its content coding stays. `request_headers` are those that were
    asked for; the client adds Host and Connection. `ip` and `certificate` (SHA-256 of the server's, in
    hex) are "" where they are not known.
    """

    at: datetime
    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    method: str = "GET"
    request_headers: tuple[tuple[str, str], ...] = ()
    ip: str = ""
    certificate: str = ""


@dataclass(frozen=True)
class Stored:
    """Where a capture lies: file name, byte offset and length in it, SHA-256 of the payload as it is kept."""

    warc: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True)
class Original:
    """The capture whose bytes were found again: its address, when it was asked, SHA-256 of its payload."""

    url: str
    at: datetime
    payload: str


@dataclass(frozen=True)
class Record:
    """A capture read back."""

    url: str
    at: str
    media_type: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Torn:
    """The tail that a killed process left: it was cut off; nothing in it had been acknowledged."""

    warc: str
    offset: int
    length: int


@dataclass(frozen=True)
class Shipment:
    """What went to the remote, by file name, and what stayed in the folder, with the reason."""

    sent: tuple[str, ...] = ()
    kept: dict[str, str] = field(default_factory=dict)
