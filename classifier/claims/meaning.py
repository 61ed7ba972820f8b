"""How alike texts and claims are by what they mean: vectors of an encoder, on a scale of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.claims.base import Known
from classifier.vectors import Floats, Kept
from store.text import normalise

Ints = NDArray[np.int64]


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
