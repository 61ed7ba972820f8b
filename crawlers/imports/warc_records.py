"""Takes a WARC file apart into its records, in bounded memory whatever the file holds."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeaders

from crawlers.imports.rows import FileUnreadable
from crawlers.reading.page import LARGEST

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What is kept of a block: the largest page there may be, with its HTTP headers.
_LARGEST_BLOCK = LARGEST + 1_000_000
_LARGEST_HEAD = 1_000_000
_CHUNK = 1 << 20
_GZIP = 31  # zlib window bits that mean: a gzip header and trailer
_LENGTH = re.compile("[0-9]{1,15}")
_READ = frozenset({"response", "resource", "request", "revisit"})


@dataclass(frozen=True)
class Record:
    """A record: its number in the file from 1, where it begins there, its headers and its block.

    For gzip `offset` is that of the compressed member. A block longer than a page can be is cut; `length` is
    what it had.
    """

    number: int
    offset: int
    head: StatusAndHeaders
    length: int
    block: bytes

    @property
    def kind(self) -> str:
        return self.value("WARC-Type")

    def value(self, name: str) -> str:
        """Return a header; empty where there is none."""
        return next(iter(self.values(name)), "")

    def values(self, name: str) -> list[str]:
        """Return all headers of a name."""
        return [value for key, value in self.head.headers if key.lower() == name.lower() and value]


def records(path: Path, skip: int = 0) -> Iterator[Record | None]:
    """Yield the records that may have to do with a page after the first `skip`, then None: no more come.

    Raises `FileUnreadable` at what is torn or no WARC, after everything before it.
    """
    if not path.is_file():
        raise FileUnreadable(f"Không thấy tệp {path}.")
    number = 0
    with path.open("rb") as file:
        stream = _Stream(file)
        try:
            while (record := _next(stream, number + 1, read=number >= skip)) is not None:
                number += 1
                if number > skip and record.kind in _READ:
                    yield record
            if number == 0:
                raise _Broken("không có bản ghi nào", 0)
        except _Broken as error:
            yield None
            where = f"sau {number} bản ghi" if number else "nên không phải tệp WARC đọc được"
            raise FileUnreadable(f"{path.name}: {error} ở byte {error.offset}, {where}.") from error
    yield None


class _Broken(Exception):
    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.offset = offset


def _next(stream: _Stream, number: int, *, read: bool) -> Record | None:
    """Return the next record, wholly read and, where it is compressed, found sound; None at the end."""
    line = stream.first_line()
    if not line:
        return None
    offset = stream.offset
    try:
        found = _LOADER.parse_record_stream(stream, line, "warc", no_record_parse=True)
    except (ArchiveLoadFailed, EOFError) as error:
        raise _Broken("không phải đầu bản ghi WARC", offset) from error
    said = found.rec_headers.get_header("Content-Length") or ""
    if _LENGTH.fullmatch(said) is None:
        raise _Broken("bản ghi không có Content-Length", offset)
    length = int(said)
    kept = min(length, _LARGEST_BLOCK) if read and found.rec_type in _READ else 0
    block = stream.read(kept)
    if len(block) < kept or not stream.skip(length - kept):
        raise _Broken("tệp kết thúc giữa một bản ghi", offset)
    stream.settle(offset)
    return Record(number, offset, found.rec_headers, length, block)


_LOADER = ArcWarcRecordLoader(verify_http=False, arc2warc=False)


class _Stream:
    """The bytes of a WARC file, inflated. The head of a record does not go on without end."""

    def __init__(self, file: BinaryIO) -> None:
        self._inflating = _Inflating(file) if file.read(2) == b"\x1f\x8b" else None
        file.seek(0)
        self._file = io.BufferedReader(self._inflating, _CHUNK) if self._inflating else file
        self._head = 0
        self._place = self._next = self.offset = 0
        self._line = b""
        self._failed: _Broken | None = None

    def first_line(self) -> bytes:
        """Return the first line of the next record, whose place is `offset` then; empty at the end."""
        if self._failed is not None:
            raise self._failed
        line, self._line = self._line or self._line_after_blanks(), b""
        self.offset = self._next
        return line

    def readline(self) -> bytes:
        line = self._file.readline(_LARGEST_HEAD)
        self._place = self._inflating.member if self._inflating else self._file.tell() - len(line)
        self._head += len(line)
        if self._head >= _LARGEST_HEAD:
            raise _Broken(f"đầu bản ghi dài hơn {_LARGEST_HEAD} byte", self._place)
        return line

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def skip(self, size: int) -> bool:
        """Pass over bytes; return whether there were so many."""
        while size and (chunk := self._file.read(min(size, _CHUNK))):
            size -= len(chunk)
        return not size

    def settle(self, record: int) -> None:
        """Go on to the next record, for only then gzip tells that the one at `record` is sound.

        What is wrong with the next one is said when it is asked for.
        """
        try:
            self._line = self._line_after_blanks()
        except _Broken as error:
            if error.offset == record:
                raise
            self._failed = error

    def _line_after_blanks(self) -> bytes:
        self._head = 0
        while (line := self.readline()).isspace():
            pass
        self._next = self._place
        return line


class _Inflating(io.RawIOBase):
    """The bytes of a gzip file, one member after the other; `member` is where the present one begins."""

    def __init__(self, file: BinaryIO) -> None:
        self.member = 0
        self._file = file
        self._pending = b""
        self._inflate = zlib.decompressobj(_GZIP)
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        room = memoryview(into)
        while True:
            if self._inflate.eof:
                self._pending = self._inflate.unused_data
                self._inflate, self._begun = zlib.decompressobj(_GZIP), False
            if not self._pending:
                self._pending = self._file.read(_CHUNK)
                if not self._pending and not self._begun:
                    return 0
                if not self._pending:
                    raise _Broken("tệp kết thúc giữa một bản ghi", self.member)
            if not self._begun:
                self.member, self._begun = self._file.tell() - len(self._pending), True
            try:
                data = self._inflate.decompress(self._pending, len(room))
            except zlib.error as error:
                raise _Broken("phần nén gzip hỏng", self.member) from error
            self._pending = self._inflate.unconsumed_tail
            if data:
                room[: len(data)] = data
                return len(data)
