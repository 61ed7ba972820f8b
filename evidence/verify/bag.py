"""The parts of a bundle, whether it is still one file or was unpacked into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from evidence import container
from evidence.errors import NotABundle

_CHUNK = 1 << 20


class Bag(Protocol):
    """Names, and their contents in pieces. Both raise `NotABundle` for what no bundle has."""

    @property
    def names(self) -> Sequence[str]: ...

    def size(self, name: str) -> int: ...

    def chunks(self, name: str) -> Iterator[bytes]: ...


def content(bag: Bag, name: str, most: int = 64 << 20) -> bytes:
    """Return the whole of a part that is read at once; raises `NotABundle` over `most` bytes."""
    if bag.size(name) > most:
        raise NotABundle(f"{name}: lớn hơn {most >> 20} MiB, không phần nào như vậy được đọc trọn.")
    return b"".join(bag.chunks(name))


@contextmanager
def opened(path: Path) -> Iterator[Bag]:
    """Open a bundle, or the folder that one was unpacked into. Raises `NotABundle`."""
    if path.is_dir():
        yield Folder(path)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotABundle(f"Không mở được {path}: {error.strerror}") from error
    with file:
        yield Zip(file)


class Zip:
    """A file in the form of `evidence.container`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parts = {part.name: part for part in container.parts_of(file)}
        self.names: Sequence[str] = tuple(self._parts)

    def size(self, name: str) -> int:
        return self._parts[name].size

    def chunks(self, name: str) -> Iterator[bytes]:
        return container.chunks(self._file, self._parts[name])

    def start(self, name: str) -> int:
        """Return where a part begins in the file."""
        return self._parts[name].start


class Folder:
    """A folder: plain files alone, no links, nothing leading elsewhere."""

    def __init__(self, root: Path) -> None:
        self._root = root
        names: list[str] = []
        for place, folders, files in os.walk(root):
            for name in (*folders, *files):
                path = Path(place) / name
                shown = str(path.relative_to(root))
                if path.is_symlink() or not (path.is_dir() or path.is_file()):
                    raise NotABundle(f"{shown}: là một liên kết hoặc tệp lạ; không mở.")
            names += [str((Path(place) / name).relative_to(root)) for name in files]
        self.names: Sequence[str] = tuple(sorted(names))

    def size(self, name: str) -> int:
        return (self._root / name).stat().st_size

    def chunks(self, name: str) -> Iterator[bytes]:
        with (self._root / name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


@contextmanager
def inner(bag: Bag, name: str) -> Iterator[Zip]:
    """Open a container that is a part of another, aside on disk. Raises `NotABundle`."""
    import tempfile

    with tempfile.TemporaryFile() as file:
        for chunk in bag.chunks(name):
            file.write(chunk)
        try:
            yield Zip(file)
        except NotABundle as error:
            raise NotABundle(f"{name}: {error}") from error
