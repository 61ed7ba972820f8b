"""Vectors of texts, made once: whoever needs them again finds them in a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
import structlog
from numpy.typing import NDArray

log = structlog.get_logger("kiemtin.vectors")

Floats = NDArray[np.float32]

# A text whose vector says whether vectors that were kept still are this model's.
_PROBE = "Uống nước tỏi nóng mỗi sáng là khỏi COVID-19, không cần đi viện."
_PROBED = b"probe".ljust(16, b"\0")
_BATCH = 64


class Encoder(Protocol):
    """What gives a text its vector: a model, or what stands in for one."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return (n, d) vectors of length 1 of normalised texts; d is 0 where there is no encoder."""


class Kept:
    """Vectors of texts by one model, kept in a file so that a warm start need not read them again.

    The file is named after `what` the texts are and the model; it is not used when the model gives a probe
    another vector. Without a folder vectors are kept as long as this object is.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None, what: str = "claims") -> None:
        self._encoder = encoder
        digest = hashlib.sha256(encoder.name.encode()).hexdigest()[:16]
        self._file = folder / f"{what}-{digest}.npz" if folder else None
        self._vectors: dict[bytes, Floats] = {}
        self._read = False

    def of(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Floats:
        """Return the vectors (n, d) of some texts; reads only those that are not kept."""
        if not self._read:
            self._load()
        keys = [_name(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            wanted = list(missing.items())
            for start in range(0, len(wanted), _BATCH):
                part = wanted[start : start + _BATCH]
                vectors = self._encoder.embed([text for _, text in part])
                self._vectors.update(
                    zip((key for key, _ in part), np.asarray(vectors, np.float32), strict=True)
                )
                progress(start + len(part), len(wanted))
            self._save()
        return np.stack([self._vectors[key] for key in keys]) if keys else self._encoder.embed([])

    def only(self, texts: Sequence[str]) -> Floats:
        """Return the vectors (n, d) of some texts, and keep none of others: none outlives its text."""
        found = self.of(texts)
        names = {_name(text) for text in texts} | {_PROBED}
        if gone := self._vectors.keys() - names:
            for name in gone:
                del self._vectors[name]
            self._save()
        return found

    @property
    def width(self) -> int:
        """How many numbers a vector has; 0 where there is no encoder."""
        return int(self._probe.shape[0])

    @cached_property
    def _probe(self) -> Floats:
        probe: Floats = np.asarray(self._encoder.embed([_PROBE]), np.float32)[0]
        return probe

    def _load(self) -> None:
        self._read = True
        self._vectors = {_PROBED: self._probe}
        if self._file is None or not self._file.exists():
            return
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                names, vectors = kept["names"], kept["vectors"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return  # half written or of another version: read anew
        found = dict(zip((bytes(name) for name in names), vectors, strict=True))
        old = found.pop(_PROBED, None)
        if old is not None and old.shape == self._probe.shape and np.allclose(old, self._probe, atol=2e-2):
            self._vectors |= found

    def _save(self) -> None:
        if self._file is None:
            return
        unfinished = self._file.with_suffix(f".{os.getpid()}.part")
        names = np.array([list(name) for name in self._vectors], np.uint8)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as out:
                np.savez(out, names=names, vectors=np.stack(list(self._vectors.values())))
            unfinished.replace(self._file)
        except OSError as error:
            # What is kept only spares work: with a full disk the vectors are held here, and posts are scored.
            log.warning("cache.unwritten", file=str(self._file), error=str(error))
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
