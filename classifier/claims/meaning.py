"""How alike texts and claims are by what they mean: vectors of an encoder, on a scale of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
import structlog
from numpy.typing import NDArray

from classifier.claims.base import Known
from store.text import normalise

log = structlog.get_logger("kiemtin.claims")

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# A text whose vector says whether vectors that were kept still are this model's.
_PROBE = "Uống nước tỏi nóng mỗi sáng là khỏi COVID-19, không cần đi viện."
_BATCH = 64


class Encoder(Protocol):
    """What gives a text its vector: a model, or what stands in for one."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return (n, d) vectors of length 1 of normalised texts; d is 0 where there is no encoder."""


class Kept:
    """Vectors of texts by one model, kept in a file so that a warm start need not read them again.

    The file is named after the model; it is not used when the model gives a probe another vector. Without a
    folder vectors are kept as long as this object is.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None) -> None:
        self._encoder = encoder
        digest = hashlib.sha256(encoder.name.encode()).hexdigest()[:16]
        self._file = folder / f"claims-{digest}.npz" if folder else None
        self._vectors: dict[bytes, Floats] = {}
        self._read = False

    def of(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Floats:
        """Return the vectors (n, d) of some texts; reads only those that are not kept."""
        if not self._read:
            self._load()
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
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
        self._vectors = {_padded(b"probe"): self._probe}
        if self._file is None or not self._file.exists():
            return
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                names, vectors = kept["names"], kept["vectors"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return  # half written or of another version: read anew
        found = dict(zip((bytes(name) for name in names), vectors, strict=True))
        old = found.pop(_padded(b"probe"), None)
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


def _padded(name: bytes) -> bytes:
    return name.ljust(16, b"\0")


@dataclass(frozen=True)
class Scale:
    """Where an encoder's vectors of claims lie, and how far apart: what makes its cosines comparable.

    Cosines of an encoder crowd together (0.75 to 0.95, say). With `centre` (d,) taken off and divided by
    `spread`, the standard deviation between claims that have nothing to do with each other, 0 is as alike as
    any two claims and 4 is rare, whichever encoder it is.
    """

    centre: Floats
    spread: float

    @classmethod
    def of(cls, vectors: Floats, owner: Ints) -> Scale:
        """Return the scale that vectors (w, d) of claims have; `owner` (w,) says whose each is."""
        centre = vectors.mean(axis=0)
        unit = _unit(vectors - centre)
        cosines = unit @ unit.T
        others = owner[:, None] != owner[None, :]
        return cls(centre, max(1e-6, float(cosines[others].std())))

    def centred(self, vectors: Floats) -> Floats:
        """Return vectors (n, d) with the centre taken off, at length 1."""
        return _unit(np.asarray(vectors, np.float32) - self.centre)


@dataclass(frozen=True)
class Meaning:
    """The vectors of n claims with w wordings (English ones too), centred: `wordings` (w, d) at length 1 and
    `owner` (w,); `claims` (n, d) the mean of each claim's; `corrections` (n, d)."""

    scale: Scale
    wordings: NDArray[np.float16]
    owner: Ints
    claims: Floats
    corrections: Floats

    @classmethod
    def of(cls, known: Sequence[Known], kept: Kept, cohort: Sequence[Known]) -> Meaning:
        """Return the vectors of some claims, on the scale of those of `cohort`."""
        scale = Scale.of(*_vectors(cohort, kept))
        vectors, owner = _vectors(known, kept)
        unit = scale.centred(vectors)
        wide = np.bincount(owner, minlength=len(known))
        pooled = np.zeros((len(known), unit.shape[1]), np.float32)
        np.add.at(pooled, owner, unit)
        return cls(
            scale,
            unit.astype(np.float16),
            owner,
            pooled / np.maximum(wide, 1).astype(np.float32)[:, None],
            scale.centred(kept.of([normalise(one.facts.correction) for one in known])),
        )


def _vectors(known: Sequence[Known], kept: Kept) -> tuple[Floats, Ints]:
    texts = [
        (number, text)
        for number, one in enumerate(known)
        for text in dict.fromkeys(filter(None, (*one.wordings, normalise(one.facts.english))))
    ]
    return kept.of([text for _, text in texts]), np.array([number for number, _ in texts], np.int64)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)
