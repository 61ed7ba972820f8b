"""The archive: every capture as one gzip member of a WARC/1.1 file, on disk before anyone builds on it."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import structlog

from store.archived import (
    ArchiveAbsent,
    ArchiveError,
    Exchange,
    Original,
    Record,
    Shipment,
    Stored,
    Torn,
)
from store.disk import sound_length, sync
from store.warc import Piece, pieces_of, record_of, write

if TYPE_CHECKING:
    from store.remote import Remote

log = structlog.get_logger("kiemtin.archive")

ROTATE_AT = 1 << 30
# A file takes what a day brings at most, so that what lies together is due to be cut out together.
ROTATE_AFTER = timedelta(days=1)
_SEALED = ".warc.gz"
_OPEN = ".open"


class Archive:
    """A folder of WARC files with one writer each; open it as a context manager to write.

    A file being written is `NAME.warc.gz.open` and locked by its process; the lock goes with the
    process, so a later one takes the file up, cuts a torn last record off, says so in `torn`, and
    goes on. At `rotate_at` bytes, or a day after it was begun, the file loses `.open` and is never written to
    again; what is cut out of it later makes another file.

    With a `remote`, an fsspec URL such as `s3://bucket/prefix`, sealed files move there; then a file
    is also sealed when its writer ends, so that other hosts can read it. `options` are those of the
    file system, such as `key` and `secret`. Raises `ArchiveError` for a remote that cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        rotate_at: int = ROTATE_AT,
        remote: str = "",
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.folder = folder
        self.rotate_at = rotate_at
        self.torn: list[Torn] = []
        self._remote: Remote | None = None
        if remote:
            from store.remote import Remote

            self._remote = Remote(remote, options or {})
        self._file: BinaryIO | None = None
        self._path = folder

    def __enter__(self) -> Archive:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"Không mở được kho lưu trữ {self.folder}: {error}") from error
        for path in sorted(self.folder.glob(f"*{_SEALED}{_OPEN}")):
            self._adopt(path)
        self.ship()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._remote and self._file is not None and self._file.seek(0, os.SEEK_END):
            self._seal(self._file, self._path)
        self.close()
        self.ship()

    def close(self) -> None:
        """Let the file go; the next writer takes it up."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def ship(self) -> Shipment:
        """Move all sealed files to the remote, if there is one.

        What cannot go stays in the folder, is logged with the reason, and goes the next time: when the
        archive is opened, when a file is sealed, and at the end.
        """
        if self._remote is None:
            return Shipment()
        shipment = self._remote.ship(sorted(self.folder.glob(f"*{_SEALED}")))
        for name in shipment.sent:
            log.info("archive.sent", warc=name)
        for name, reason in shipment.kept.items():
            log.warning("archive.unsent", warc=name, reason=reason)
        return shipment

    def exchange(self, chain: Sequence[Exchange], same: Original | None = None) -> Stored:
        """Keep how a page came: each request with its answer, redirects and failed attempts first.

        Returns where the last answer lies. The bodies are kept as they were sent, compressed or not; one
        that is the `same` as before is not kept twice: its record refers to the original.
        """
        return self._append(pieces_of(chain, same))

    def resource(self, url: str, at: datetime, media_type: str, body: BinaryIO) -> Stored:
        """Keep what did not come by HTTP, such as an imported file; `body` is read from where it stands."""
        return self._append([Piece("resource", url, at, body, None, media_type)])

    def read(self, warc: str, offset: int) -> Record:
        """Return the capture at `offset` of `warc`; raises `ArchiveError` when there is none."""
        with self._open_to_read(warc) as file:
            file.seek(offset)
            try:
                record = record_of(file, check="raise")
                body = record.content_stream().read()
            except ArchiveError:
                raise
            except EOFError as error:
                raise ArchiveError(f"{warc}: không có bản chụp ở vị trí {offset}") from error
            except Exception as error:  # the reader raises whatever gzip and its parser meet
                raise ArchiveError(f"{warc}: bản chụp ở vị trí {offset} hỏng: {error}") from error
        http = record.http_headers
        return Record(
            url=record.rec_headers.get_header("WARC-Target-URI"),
            at=record.rec_headers.get_header("WARC-Date"),
            media_type=record.rec_headers.get_header("Content-Type"),
            status=int(http.get_statuscode()) if http else None,
            headers=tuple(http.headers) if http else (),
            body=body,
        )

    def raw(self, warc: str, offset: int, length: int) -> bytes:
        """Return a record as it lies in `warc`, compressed; raises `ArchiveError` when it is not whole."""
        with self._open_to_read(warc) as file:
            file.seek(offset)
            member = file.read(length)
        if len(member) != length or not member.startswith(b"\x1f\x8b"):
            raise ArchiveError(f"{warc}: không có bản chụp nguyên vẹn ở vị trí {offset}")
        return member

    @property
    def is_remote(self) -> bool:
        """Whether sealed files move to a remote."""
        return self._remote is not None

    def sealed(self, warc: str) -> bool:
        """Say whether `warc` is a file that nobody writes to any more; False for one that is not there."""
        if Path(warc).name != warc or (self.folder / (warc + _OPEN)).exists():
            return False
        return (self.folder / warc).exists() or (self._remote is not None and self._remote.has(warc))

    def written_at(self, warc: str) -> datetime:
        """Return when a sealed file was last written; raises `ArchiveAbsent`."""
        try:
            return datetime.fromtimestamp((self.folder / warc).stat().st_mtime, UTC)
        except FileNotFoundError:
            if self._remote is None:
                raise ArchiveAbsent(f"Không thấy tệp {warc} trong {self.folder}") from None
            return self._remote.written_at(warc)

    def open(self, warc: str) -> BinaryIO:
        """Open a file to read it; raises `ArchiveAbsent`."""
        return self._open_to_read(warc)

    def take_in(self, path: Path, warc: str) -> None:
        """Let a file that was written beside the archive be one of it, here or in the remote, for good.

        Raises `ArchiveError` when the remote does not take it; it is not in the archive then.
        """
        sync(path)
        if self._remote is not None:
            # Never here under its name: a later process would send what the records may not come to name.
            self._remote.put(path, warc)
            path.unlink()
        else:
            path.rename(self.folder / warc)
        sync(self.folder)

    def sealed_names(self) -> set[str]:
        """Return the names of all sealed files, here and in the remote."""
        here = {path.name for path in self.folder.glob(f"*{_SEALED}")}
        return here | (self._remote.names() if self._remote is not None else set())

    def remove(self, warc: str) -> None:
        """Remove a sealed file, here and in the remote with its versions; one that is not there is no error.

        Raises `ArchiveError` while another process sends it, and what `Remote.remove` raises.
        """
        if Path(warc).name != warc:
            raise ArchiveError(f"{warc!r} không phải tên tệp lưu trữ")
        with suppress(FileNotFoundError), (self.folder / warc).open("rb") as file:
            try:
                # Who sends it holds this lock; else it would be there again as soon as it was removed.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArchiveError(f"{warc}: một tiến trình khác đang gửi tệp này đi") from None
            (self.folder / warc).unlink()
            sync(self.folder)
        if self._remote is not None:
            self._remote.remove(warc)

    def size(self, warc: str) -> int:
        """Return the bytes of a file, here or in the remote; raises `ArchiveAbsent` when there is none."""
        with self._open_to_read(warc) as file:
            return file.seek(0, os.SEEK_END)

    def _append(self, pieces: Sequence[Piece]) -> Stored:
        """Write records, all or none, and return where the last one lies."""
        try:
            file = self._writable()
        except OSError as error:
            raise ArchiveError(f"Không mở được tệp để ghi trong {self.folder}: {error}") from error
        start = file.seek(0, os.SEEK_END)
        try:
            for piece in pieces:
                offset, payload = file.tell(), write(file, piece)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            self._drop(file, start)
            raise ArchiveError(f"Không ghi được vào {self._path.name}: {error}") from error
        stored = Stored(self._path.name.removesuffix(_OPEN), offset, file.tell() - offset, payload)
        if file.tell() >= self.rotate_at:
            self._seal(file, self._path)
            self._file = None
            self.ship()
        return stored

    def _drop(self, file: BinaryIO, start: int) -> None:
        """Cut a file back to where it was whole, and let it go with what is not yet written.

        Any other way to cut it would first write what is left in its buffer: half a record, once there is
        room again. The next writer takes the file up.
        """
        os.ftruncate(file.fileno(), start)
        file.raw.close()  # type: ignore[attr-defined]  # what open() returns with a buffer has it
        self._file = None

    def _writable(self) -> BinaryIO:
        if self._file is not None and _is_old(self._path):
            self._seal(self._file, self._path)
            self._file = None
            self.ship()
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
            path = self.folder / f"kiemtin-{stamp}-{secrets.token_hex(4)}{_SEALED}{_OPEN}"
            new = path.with_suffix(".new")
            file = new.open("xb+")
            # Locked before it has the name by which others take files up.
            fcntl.flock(file, fcntl.LOCK_EX)
            new.rename(path)
            sync(self.folder)
            self._file, self._path = file, path
        return self._file

    def _seal(self, file: BinaryIO, path: Path) -> None:
        # Renamed while locked: who gets the lock next finds the name gone and leaves the file alone.
        path.rename(path.with_name(path.name.removesuffix(_OPEN)))
        file.close()
        sync(self.folder)

    def _adopt(self, path: Path) -> None:
        try:
            file = path.open("rb+")
        except FileNotFoundError:
            return  # sealed by its writer since the folder was listed
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.stat()
        except (BlockingIOError, FileNotFoundError):
            file.close()
            return
        size = file.seek(0, os.SEEK_END)
        sound = sound_length(file, size)
        if sound < size:
            file.truncate(sound)
            os.fsync(file.fileno())
            self.torn.append(Torn(path.name.removesuffix(_OPEN), sound, size - sound))
        if sound and (self._remote or _is_old(path)):
            self._seal(file, path)
        elif self._file is None and sound < self.rotate_at:
            self._file, self._path = file, path
        else:
            file.close()

    def _open_to_read(self, warc: str) -> BinaryIO:
        if Path(warc).name != warc:
            raise ArchiveError(f"{warc!r} không phải tên tệp lưu trữ")
        for name in (warc, warc + _OPEN, warc):  # thrice: it may be sealed between two looks
            try:
                return (self.folder / name).open("rb")
            except FileNotFoundError:
                continue
        if self._remote is not None:
            return self._remote.open(warc)
        raise ArchiveAbsent(f"Không thấy tệp {warc} trong {self.folder}")


def _is_old(path: Path) -> bool:
    """Say whether a file was begun more than a day ago, by its name; one named otherwise never is."""
    try:
        begun = datetime.strptime(path.name.split("-")[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return False
    return datetime.now(UTC) - begun > ROTATE_AFTER
