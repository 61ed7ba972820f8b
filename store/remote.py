"""The far end of an archive: sealed files go there, count once they were read back, and are read by range."""

from __future__ import annotations

import fcntl
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from store.archived import ArchiveAbsent, ArchiveError, Shipment
from store.disk import sync

PART = 8 << 20  # bytes of one part of an upload, and of one request when a file is read back whole
RANGE = 256 << 10  # bytes asked for at a time when one record is read
_S3: dict[str, object] = {
    "config_kwargs": {
        "connect_timeout": 10,
        "read_timeout": 60,
        "retries": {"mode": "standard", "total_max_attempts": 3},
        # Checksums that not every S3-compatible store knows; the SHA-256 read back takes their place.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
}


class RemoteDown(ArchiveError):
    """The remote does not answer, or refuses us: no other file would fare better now."""


class Remote:
    """A place behind an fsspec URL, with one object for each sealed file. Nothing in it is overwritten.

    What retention cuts out makes another file, and the one before is removed.
    """

    def __init__(self, url: str, options: Mapping[str, object]) -> None:
        self.url = url.rstrip("/")
        self._s3 = url.startswith(("s3://", "s3a://"))
        given = {**(_S3 if self._s3 else {}), **options}
        try:
            self._fs, self._root = url_to_fs(url, use_listings_cache=False, **given)
        except ImportError as error:
            extra = "cài bằng pip install 'kiemtin[s3]'" if self._s3 else str(error)
            raise ArchiveError(
                f"KIEMTIN_ARCHIVE_URL={url}: thiếu thư viện cho loại kho này; {extra}."
            ) from error
        except ValueError as error:
            raise ArchiveError(
                f"KIEMTIN_ARCHIVE_URL={url} không đọc được ({error})."
                " Viết như s3://bucket/thư-mục hoặc file:///thư/mục."
            ) from error

    def ship(self, paths: Sequence[Path]) -> Shipment:
        """Move sealed files here; those that cannot go stay where they are."""
        sent, kept = [], {}
        for number, path in enumerate(paths):
            try:
                if self.take(path):
                    sent.append(path.name)
            except RemoteDown as error:
                kept.update(dict.fromkeys((late.name for late in paths[number:]), str(error)))
                break
            except (ArchiveError, OSError) as error:
                kept[path.name] = str(error)
        return Shipment(tuple(sent), kept)

    def take(self, path: Path) -> bool:
        """Move one sealed file here; return False when another process does so or has done so.

        The local file goes only after the one here was read back and has its SHA-256.
        """
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not path.exists():
                return False
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            with self._asking(path.name):
                found = self._digest(self._place(path.name))
                if found is None:
                    self._upload(path, path.name, digest)
                elif found != digest:
                    raise ArchiveError(
                        f"{self.url}/{path.name} đã có và khác {path}; không ghi đè."
                        " Đối chiếu hai tệp rồi đổi tên hoặc bỏ tệp sai."
                    )
            path.unlink()
            sync(path.parent)
        return True

    def put(self, path: Path, name: str) -> None:
        """Let a local file be `name` here, read back; nothing may have that name. The local one stays."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._asking(name):
            self._upload(path, name, digest)

    def open(self, name: str) -> BinaryIO:
        """Open a file here to read it by range; raises `ArchiveAbsent` when there is none."""
        with self._asking(name):
            try:
                file = self._fs.open(self._place(name), "rb", cache_type="none")
            except FileNotFoundError as error:
                raise ArchiveAbsent(
                    f"Không thấy tệp {name} trong thư mục lưu trữ của máy này và ở {self.url} ({error})."
                    " Máy khác có thể đang ghi tệp này; nếu không, xem KIEMTIN_ARCHIVE_URL."
                ) from error
        return io.BufferedReader(_Ranges(self, name, file), RANGE)

    def has(self, name: str) -> bool:
        """Say whether there is such a file here."""
        with self._asking(name):
            return bool(self._fs.exists(self._place(name)))

    def written_at(self, name: str) -> datetime:
        """Return when a file came here; raises `ArchiveAbsent`."""
        with self._asking(name):
            try:
                at: datetime = self._fs.modified(self._place(name))
            except FileNotFoundError as error:
                raise ArchiveAbsent(f"Không thấy tệp {name} ở {self.url}.") from error
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    def names(self) -> set[str]:
        """Return the names of all files here; one listing."""
        with self._asking("*"):
            try:
                return {one.rpartition("/")[2] for one in self._fs.ls(self._root, detail=False)}
            except FileNotFoundError:  # a prefix that nothing lies under is not there
                return set()

    def remove(self, name: str) -> None:
        """Remove a file, with every version of it that an S3 store keeps; one that is not there is no error.

        Raises `ArchiveError` when the store holds on to a version.
        """
        place = self._place(name)
        with self._asking(name):
            if self._s3:
                with suppress(FileNotFoundError):
                    self._remove_object(*self._fs.split_path(place)[:2])
                return
            for one in (place, f"{place}.part"):  # half a copy, where a process was killed while it sent it
                with suppress(FileNotFoundError):
                    self._fs.rm_file(one)

    def _remove_object(self, bucket: str, key: str) -> None:
        told = self._fs.call_s3("delete_object", Bucket=bucket, Key=key)
        # A bucket that keeps versions names the marker that it put where the object was.
        if not told.get("DeleteMarker") and not told.get("VersionId"):
            return
        try:
            for version in self._versions(bucket, key):
                self._fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=version)
        except PermissionError as error:
            raise ArchiveError(
                f"s3://{bucket}/{key} đã xóa nhưng kho còn giữ bản cũ ({error}). Cấp quyền"
                " s3:ListBucketVersions và s3:DeleteObjectVersion, hoặc đợi hết hạn khóa (Object Lock)."
            ) from error

    def _versions(self, bucket: str, key: str) -> list[str]:
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = self._fs.call_s3("list_object_versions", Bucket=bucket, Prefix=key, **after)
            rows = [*page.get("DeleteMarkers", ()), *page.get("Versions", ())]
            found += [one["VersionId"] for one in rows if one["Key"] == key]
            if not page.get("IsTruncated"):
                return found
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        try:
            yield
        except ArchiveError:
            raise
        except Exception as error:  # each file system raises errors of its own
            raise RemoteDown(f"Kho {self.url}, tệp {name}: {error}. {_advice(error)}") from error

    def _place(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _upload(self, path: Path, name: str, digest: str) -> None:
        # An S3 object appears whole or not at all; elsewhere half a file must not bear the name.
        place = self._place(name)
        written = place if self._s3 else f"{place}.part"
        on_disk = isinstance(self._fs, LocalFileSystem)
        pace = {"chunksize": PART, "max_concurrency": 4} if self._s3 else {}
        self._fs.put_file(str(path), written, **pace)
        if on_disk:
            sync(Path(written))
        if self._digest(written) != digest:
            with suppress(FileNotFoundError):
                self._fs.rm_file(written)
            raise ArchiveError(
                f"{name}: bản vừa gửi tới {self.url} đọc lại không giống bản ở {path}."
                " Bản ở đó đã bỏ; lần sau gửi lại."
            )
        if written != place:
            self._fs.mv(written, place)
        if on_disk:
            sync(Path(place).parent)

    def _digest(self, place: str) -> str | None:
        try:
            file = self._fs.open(place, "rb", cache_type="none")
        except FileNotFoundError:
            return None
        digest = hashlib.sha256()
        with file:
            while chunk := file.read(PART):
                digest.update(chunk)
        return digest.hexdigest()


class _Ranges(io.RawIOBase):
    """A file of the remote: each read asks for those bytes alone, and fails as `ArchiveError`."""

    def __init__(self, remote: Remote, name: str, file: Any) -> None:
        self._remote, self._name, self._file = remote, name, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        with self._remote._asking(self._name):
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _advice(error: Exception) -> str:
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        return "Kho không cho phép: xem KIEMTIN_ARCHIVE_KEY, KIEMTIN_ARCHIVE_SECRET và quyền trên kho."
    if isinstance(error, FileNotFoundError):
        return "Tạo bucket hoặc thư mục ấy trước, hoặc sửa KIEMTIN_ARCHIVE_URL."
    return "Xem kho có chạy không, mạng, và KIEMTIN_ARCHIVE_ENDPOINT."
