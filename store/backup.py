"""Copies a whole installation while it works, and puts a copy back; both are proved by reading them again.

A copy is a folder that stands by itself: `records.db` (SQLite, whatever the installation runs on),
`archive/` with the WARC files, other files the caller names, `manifest.json`, and `SHA256SUMS`, which
`sha256sum --check` of coreutils reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select

from store.archive import Archive
from store.archived import ArchiveAbsent, ArchiveError
from store.disk import sound_length, sync
from store.records import Records, RecordsError
from store.retention_tables import GONE
from store.tables import Capture
from store.transfer import TransferError, Transferred, require_empty, transfer

_RECORDS = "records.db"
_MANIFEST = "manifest.json"
_SUMS = "SHA256SUMS"
_PART = ".part"
_OPEN = ".open"
_CHUNK = 1 << 20

Progress = Callable[[int, int], None]


class BackupError(Exception):
    """A copy was not made, is not whole, or cannot be put back; the message says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a copy holds: the rows of each table, and the end of its audit chain with its number.

    `remote`: WARC files that stay in the remote, with their bytes; `elsewhere`: those that another host was
    writing, and will send there when they are full or its crawl ends.
    """

    made_at: str
    counts: dict[str, int]
    events: int
    head: str
    remote: dict[str, int]
    elsewhere: list[str]


def make(
    records: Records,
    archive: Archive,
    folder: Path,
    files: Mapping[str, Path],
    progress: Progress = lambda done, total: None,
    now: datetime | None = None,
) -> tuple[Path, Manifest]:
    """Copy an installation into a new folder of `folder`; return that folder and what it holds.

    The records come first, as of one moment; the archive, which only grows, after them: it holds every
    capture that they name. Files that an earlier copy in `folder` has are linked, not copied. WARC files
    that went to a remote stay there; that it has them, and how long they are, is checked and noted.
    `files` are further files by the name they get. Raises `BackupError`; nothing half made stays.
    """
    now = now or datetime.now(UTC)
    place = folder / f"kiemtin-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if place.exists():
        raise BackupError(f"{place} đã có; đợi một giây rồi chạy lại.")
    part = place.with_name(place.name + _PART)
    earlier = _latest(folder)
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / "archive").mkdir(parents=True, mode=0o700)
        moved = _copy_records(records, part / _RECORDS, progress)
        sums = {_RECORDS: _digest(part / _RECORDS)}
        kept = Records.kept(part / _RECORDS)
        try:
            warcs = _copy_archive(_named(kept), archive, part / "archive", earlier)
        finally:
            kept.close()
        sums |= warcs.sums
        for name, source in files.items():
            shutil.copy2(source, part / name)
            sums[name] = _digest(part / name)
        manifest = Manifest(
            now.isoformat(), moved.counts, moved.events, moved.head, warcs.remote, warcs.elsewhere
        )
        (part / _MANIFEST).write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n")
        sums[_MANIFEST] = _digest(part / _MANIFEST)
        (part / _SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
        _sync_all(part)
        _check_sums(part)
        part.rename(place)
        sync(folder)
    except (OSError, TransferError, ArchiveError, sqlite3.Error) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise BackupError(f"Không sao lưu được vào {folder}: {error}") from error
    return place, manifest


def check(place: Path, progress: Progress = lambda done, total: None) -> Manifest:
    """Read a whole copy again; return what it holds. Raises `BackupError` for the first fault."""
    try:
        _check_sums(place, progress)
        manifest = Manifest(**json.loads((place / _MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{place} không phải một bản sao lưu nguyên vẹn: {error}") from error
    kept = Records.kept(place / _RECORDS)
    try:
        for warc, length in _named(kept).items():
            if warc in manifest.elsewhere:
                continue
            there = place / "archive" / warc
            size = there.stat().st_size if there.exists() else manifest.remote.get(warc, -1)
            if size < length:
                raise BackupError(f"{place}: thiếu {warc} (cần {length} byte, có {max(size, 0)}).")
    except RecordsError as error:
        raise BackupError(f"{place}: {error}") from error
    finally:
        kept.close()
    return manifest


def restore(
    place: Path,
    records: Records,
    archive_folder: Path,
    files: Mapping[str, Path],
    progress: Progress = lambda done, total: None,
) -> Manifest:
    """Put a copy back into an empty installation, on either database; return what it held.

    All is checked before anything is written; the records come last, in one transaction, so an attempt that
    was cut off is repeated as it was. A file that is there already must be the same. `files` says where
    the further files of the copy go. Raises `BackupError`.
    """
    manifest = check(place, progress)
    wanted = {place / "archive" / path.name: archive_folder / path.name for path in _warcs(place)}
    wanted |= {place / name: target for name, target in files.items() if (place / name).exists()}
    try:
        require_empty(records)
        for source, target in wanted.items():
            if target.exists() and _digest(target) != _digest(source):
                raise BackupError(f"{target} đã có và khác bản sao lưu; không ghi đè. Dời nó đi trước.")
        for source, target in wanted.items():
            _put(source, target)
        kept = Records.kept(place / _RECORDS)
        try:
            moved = transfer(kept, records, progress)
        finally:
            kept.close()
    except (OSError, TransferError, RecordsError) as error:
        raise BackupError(f"Không khôi phục được từ {place}: {error}") from error
    if moved.head != manifest.head:
        raise BackupError(f"{place}: đầu chuỗi kiểm toán không như {_MANIFEST} ghi.")
    return manifest


def _copy_records(records: Records, path: Path, progress: Progress) -> Transferred:
    target = Records(f"sqlite:///{path}")
    try:
        moved = transfer(records, target, progress)
    finally:
        target.close()
    # One file, that can be read where nothing can be written: no journal beside it.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return moved


@dataclass
class _Warcs:
    sums: dict[str, str] = field(default_factory=dict)
    remote: dict[str, int] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)


def _copy_archive(named: Mapping[str, int], archive: Archive, folder: Path, earlier: Path | None) -> _Warcs:
    found = _Warcs()
    known = _read_sums(earlier) if earlier else {}
    for warc, length in named.items():
        linked = earlier / "archive" / warc if earlier and f"archive/{warc}" in known else None
        copied = _copy_warc(archive, warc, folder / warc, linked, known.get(f"archive/{warc}", ""))
        if copied is not None:
            size, found.sums[f"archive/{warc}"] = copied
        else:
            try:
                size = found.remote[warc] = archive.size(warc)
            except ArchiveAbsent:
                if not archive.is_remote:
                    raise
                found.elsewhere.append(warc)
                continue
        if size < length:
            raise BackupError(f"{warc}: bản ghi nói có {length} byte, kho lưu trữ chỉ có {size}.")
    return found


def _copy_warc(
    archive: Archive, warc: str, target: Path, linked: Path | None, known: str
) -> tuple[int, str] | None:
    """Copy the whole records of a WARC file, return bytes and SHA-256; None when it is not in the folder."""
    for name in (warc, warc + _OPEN, warc):  # thrice: it may be sealed between two looks
        try:
            file = (archive.folder / name).open("rb")
        except FileNotFoundError:
            continue
        with file:
            size = os.fstat(file.fileno()).st_size
            if name.endswith(_OPEN):
                size = sound_length(file, size)
            elif linked and linked.stat().st_size == size and _digest_of(file) == known:
                with suppress(OSError):  # another disk, or one without links
                    os.link(linked, target)
                    return size, known
            file.seek(0)
            return size, _copy(file, target, size)
    return None


def _copy(source: BinaryIO, target: Path, size: int) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as to:
        while size and (chunk := source.read(min(size, _CHUNK))):
            to.write(chunk)
            digest.update(chunk)
            size -= len(chunk)
    return digest.hexdigest()


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    aside = target.with_name(target.name + _PART)
    shutil.copy2(source, aside)
    if _digest(aside) != _digest(source):
        aside.unlink()
        raise BackupError(f"{target} đọc lại không giống bản sao lưu: xem đĩa.")
    sync(aside)
    aside.rename(target)
    sync(target.parent)


def _named(records: Records) -> dict[str, int]:
    """Return the WARC files that the records name, with the length that they need."""
    with records.read() as session:
        rows = session.execute(
            select(Capture.warc, func.max(Capture.offset + Capture.length))
            .where(Capture.warc != GONE)
            .group_by(Capture.warc)
            .order_by(Capture.warc)
        ).all()
    return {row[0]: int(row[1]) for row in rows}


def _warcs(place: Path) -> list[Path]:
    return sorted((place / "archive").iterdir())


def _latest(folder: Path) -> Path | None:
    made = sorted(path for path in folder.glob("kiemtin-*Z") if (path / _SUMS).exists())
    return made[-1] if made else None


def _check_sums(place: Path, progress: Progress = lambda done, total: None) -> None:
    sums = _read_sums(place)
    there = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} - {_SUMS}
    if there != set(sums):
        odd = ", ".join(sorted(there ^ set(sums)))
        raise BackupError(f"{place}: {odd} không đúng như {_SUMS} ghi (thiếu hoặc thừa).")
    for number, (name, digest) in enumerate(sorted(sums.items()), 1):
        if _digest(place / name) != digest:
            raise BackupError(f"{place / name} đã đổi: SHA-256 không như {_SUMS} ghi.")
        progress(number, len(sums))


def _read_sums(place: Path) -> dict[str, str]:
    lines = (place / _SUMS).read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return _digest_of(file)


def _digest_of(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_all(part: Path) -> None:
    for path in [*part.rglob("*"), part]:
        sync(path)
