"""The file of a bundle: a ZIP in the one form that these names and contents have.

Nothing is compressed, no date, no comment, no extra field: the same parts always make the same bytes, and a
reader can demand each byte of it. So nothing can hide between the parts, and nothing can unpack to more than
is there. Layout: PKWARE APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16; without ZIP64.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evidence.errors import BundleError, NotABundle
from store.disk import sync

LARGEST = (1 << 32) - 1
MOST_PARTS = 5_000
_CHUNK = 1 << 20
# 1 January 1980, 00:00: the earliest that ZIP can say, for the parts carry their own times.
_TIME, _DATE = 0, 0x21
_UTF8 = 0x800
_UNIX = 3 << 8 | 20
_MODE = (stat.S_IFREG | 0o644) << 16
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")


@dataclass(frozen=True)
class Part:
    """One file in a container: its name, CRC-32, size, and where its local header begins."""

    name: str
    crc: int
    size: int
    offset: int

    @property
    def start(self) -> int:
        """Where its bytes begin."""
        return self.offset + _LOCAL.size + len(self.name.encode())


def write(target: Path, parts: Iterable[tuple[str, Path]]) -> None:
    """Write `parts` (name, file) in the order given; `target` is there whole or not at all.

    Raises `BundleError` where it would not fit into a ZIP without ZIP64 (4 GiB).
    """
    aside = target.with_name(f".{target.name}.part")
    try:
        with aside.open("wb") as out:
            done = [_put(out, name, path) for name, path in parts]
            out.write(_directory(done, out.tell()))
            out.flush()
            os.fsync(out.fileno())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    sync(target.parent)


def parts_of(file: BinaryIO) -> list[Part]:
    """Return the parts of a container, having demanded every byte that is not content.

    Raises `NotABundle`, naming the part, for anything that `write` does not make: a name that leads
    elsewhere, twice the same name, a link, compression, a date, bytes before, between or after.
    """
    try:
        # The lenient reader only says what there is; what follows holds it against the one form.
        with zipfile.ZipFile(file) as lenient:
            infos = lenient.infolist()
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, ValueError, OSError) as error:
        raise NotABundle(f"Tệp không phải một gói ZIP đọc được, hoặc đã bị cắt: {error}") from error
    if len(infos) > MOST_PARTS:
        raise NotABundle(f"Gói có {len(infos)} phần; nhiều nhất là {MOST_PARTS}.")
    seen: set[str] = set()
    offset, parts = 0, []
    for info in infos:
        require_plain(info.filename, info.orig_filename)
        if info.filename.casefold() in seen:
            raise NotABundle(f"{info.filename}: tên phần xuất hiện hai lần trong gói.")
        seen.add(info.filename.casefold())
        _require_form(info)
        part = Part(info.filename, info.CRC, info.file_size, offset)
        if info.header_offset != offset or _at(file, offset, part.start - offset) != _local(part):
            raise NotABundle(f"{part.name}: đầu mục trong gói ZIP không đúng chỗ hoặc đã bị sửa.")
        offset = part.start + part.size
        parts.append(part)
    end = _directory(parts, offset)
    file.seek(0, os.SEEK_END)
    if file.tell() != offset + len(end) or _at(file, offset, len(end)) != end:
        raise NotABundle("Mục lục của gói ZIP đã bị sửa (ngày, thuộc tính, chú thích hoặc byte thừa).")
    return parts


def require_plain(name: str, written: str | None = None) -> None:
    """Raise `NotABundle` for a name that is not a plain path below the folder it is unpacked to."""
    pieces = name.split("/")
    odd = any(ord(letter) < 32 or ord(letter) == 127 for letter in written or name) or "\\" in name
    if odd or ":" in name or any(piece in {"", ".", ".."} for piece in pieces):
        raise NotABundle(f"{name!r}: tên phần dẫn ra ngoài gói hoặc có ký tự lạ; không mở.")


def chunks(file: BinaryIO, part: Part) -> Iterator[bytes]:
    """Give the content of a part in pieces; raises `NotABundle` where it has not its CRC-32."""
    crc, left = 0, part.size
    file.seek(part.start)
    while left and (chunk := file.read(min(_CHUNK, left))):
        crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        yield chunk
    if crc != part.crc:
        raise NotABundle(f"{part.name}: nội dung không khớp mã CRC-32 của gói ZIP.")


def _require_form(info: zipfile.ZipInfo) -> None:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise NotABundle(f"{info.filename}: là một liên kết (symlink); không mở.")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise NotABundle(
            f"{info.filename}: bị nén, mà gói chứng cứ không nén phần nào (có thể là bom nén); không mở."
        )
    if info.date_time != (1980, 1, 1, 0, 0, 0):
        raise NotABundle(f"{info.filename}: có ngày trong gói ZIP, mà gói chứng cứ không ghi ngày ở đó.")


def _put(out: BinaryIO, name: str, path: Path) -> Part:
    require_plain(name)
    crc, size, offset = 0, path.stat().st_size, out.tell()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
        if content.tell() != size or offset + size > LARGEST:
            raise BundleError(f"{name}: gói lớn hơn 4 GiB, hoặc tệp đổi trong khi đóng gói.")
        part = Part(name, crc, size, offset)
        out.write(_local(part))
        content.seek(0)
        while chunk := content.read(_CHUNK):
            out.write(chunk)
    return part


def _flags(name: bytes) -> int:
    return 0 if name.isascii() else _UTF8


def _local(part: Part) -> bytes:
    name = part.name.encode()
    head = (b"PK\x03\x04", 20, _flags(name), 0, _TIME, _DATE, part.crc, part.size, part.size, len(name), 0)
    return _LOCAL.pack(*head) + name


def _directory(parts: Sequence[Part], at: int) -> bytes:
    entries, number = bytearray(), len(parts)
    for part in parts:
        name = part.name.encode()
        entries += _CENTRAL.pack(
            b"PK\x01\x02", _UNIX, 20, _flags(name), 0, _TIME, _DATE, part.crc, part.size, part.size,
            len(name), 0, 0, 0, 0, _MODE, part.offset,
        ) + name  # fmt: skip
    return bytes(entries) + _END.pack(b"PK\x05\x06", 0, 0, number, number, len(entries), at, 0)


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
