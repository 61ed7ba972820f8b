"""The folder of an embedded index: which index in it is in use, and whose turn it is to write."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import tantivy
from filelock import FileLock, Timeout

from search.engine import IndexBroken, IndexBusy, SearchError

_NAME = re.compile(r"index-\w+")
_REMEDY = "Chạy `kiemtin reindex` để dựng lại từ cơ sở dữ liệu."


@dataclass(frozen=True)
class Opened:
    """An index that is open, its name in the folder, and the mark of the commit that it shows."""

    name: str
    index: tantivy.Index
    commit: tuple[int, int]


class IndexFolder:
    """Holds `index-…` and a file `current` that names the one in use.

    A write holds the lock file, so processes take turns; the kernel lets go of it when its process dies.
    Every method may raise `SearchError`: `IndexBusy` after `wait` for a turn, `IndexBroken`, or the plain
    one where the folder itself cannot be used.
    """

    def __init__(self, path: Path, schema: tantivy.Schema, wait: timedelta) -> None:
        self.path = path
        self._schema = schema
        self._wait = wait

    def latest(self, held: Opened | None) -> Opened:
        """Return the index in use as last committed: `held` if it still is that one, else opened anew."""
        name = self._current()
        if name is None:
            with self._locked(self._wait):
                name = self._current() or self._make_first()
        if held is not None and held.name == name:
            # Where this fails the index was replaced just now, or is broken; opening it says which.
            with suppress(ValueError, OSError):
                commit = self._commit(name)
                if commit == held.commit:
                    return held
                held.index.reload()
                return Opened(name, held.index, commit)
        return self._open(name)

    @contextmanager
    def writing(self) -> Iterator[tantivy.Index]:
        """Give the index in use to write to; wait for a turn first."""
        with self._locked(self._wait):
            yield self._open(self._current() or self._make_first()).index

    @contextmanager
    def replacing(self) -> Iterator[tantivy.Index]:
        """Give a new index to fill, which takes the place of the one in use if all goes well.

        Waits for a turn as long as it takes, and keeps it to the end.
        """
        with self._locked(None):
            if self._current() is None:
                self._make_first()  # who searches meanwhile finds nothing, and need not wait
            name = _new_name()
            try:
                yield self._create(name)
            except BaseException:
                shutil.rmtree(self.path / name, ignore_errors=True)
                raise
            self._point_to(name)
            self._remove_all_but(name)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn tantivy's errors into an `IndexBroken` that says what to do."""
        try:
            yield
        except (ValueError, OSError) as error:
            raise IndexBroken(f"Chỉ mục {self.path} không dùng được: {error}. {_REMEDY}") from error

    @contextmanager
    def _locked(self, wait: timedelta | None) -> Iterator[None]:
        lock = FileLock(self.path / "write.lock", timeout=-1 if wait is None else wait.total_seconds())
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise IndexBusy(f"Chỉ mục {self.path} đang được ghi; sẽ thử lại.") from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _current(self) -> str | None:
        try:
            return (self.path / "current").read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> SearchError:
        return SearchError(
            f"Không dùng được thư mục chỉ mục {self.path}: {error.strerror}. "
            "Kiểm tra quyền của thư mục, hoặc KIEMTIN_SEARCH_URL."
        )

    def _open(self, name: str) -> Opened:
        while True:
            try:
                return self._read(name)
            except (ValueError, OSError) as error:
                now = self._current()
                if now is None or now == name:
                    raise IndexBroken(
                        f"Không mở được chỉ mục {self.path / name}: {error}. {_REMEDY}"
                    ) from error
                name = now  # replaced between the two looks

    def _read(self, name: str) -> Opened:
        path = str(self.path / name)
        # Without the first look tantivy would make an empty index of what has lost its list of segments.
        if not _NAME.fullmatch(name) or not tantivy.Index.exists(path):
            raise ValueError("không có chỉ mục ở đó")
        commit = self._commit(name)
        return Opened(name, _ready(tantivy.Index(self._schema, path=path, reuse=True)), commit)

    def _commit(self, name: str) -> tuple[int, int]:
        # Each commit puts a new file in the place of the last one. Looked at before the index is opened: a
        # commit in between is then opened twice, and never missed.
        found = (self.path / name / "meta.json").stat()
        return found.st_ino, found.st_mtime_ns

    def _make_first(self) -> str:
        name = _new_name()
        self._create(name)
        self._point_to(name)
        return name

    def _create(self, name: str) -> tantivy.Index:
        path = self.path / name
        try:
            path.mkdir()
            return _ready(tantivy.Index(self._schema, path=str(path)))
        except OSError as error:
            raise self._unusable(error) from error

    def _point_to(self, name: str) -> None:
        aside = self.path / "current.part"
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(name)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path / "current")
        except OSError as error:
            raise self._unusable(error) from error

    def _remove_all_but(self, name: str) -> None:
        for path in self.path.glob("index-*"):
            if path.name != name:
                # Renamed first, so that whoever opens it finds all of it or nothing.
                with suppress(OSError):
                    path.rename(path.with_name(f"old-{path.name}"))
        for path in self.path.glob("old-*"):
            shutil.rmtree(path, ignore_errors=True)


def _new_name() -> str:
    return f"index-{secrets.token_hex(6)}"


def _ready(index: tantivy.Index) -> tantivy.Index:
    # Words are split by `search.terms`, for the index and for what is typed alike.
    index.register_tokenizer("words", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    # `latest` reloads; without this tantivy would watch the folder from a thread of its own as well.
    index.config_reader("manual")
    return index
