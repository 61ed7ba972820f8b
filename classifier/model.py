"""What a model is: texts in, probabilities out. Which model is behind it is nobody else's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a text that moved its score; `weight` is 1 for the strongest."""

    start: int
    end: int
    harm: str
    weight: float


@dataclass(frozen=True)
class Pieces:
    """Places and meanings of the pieces of one text: `spans` (k, 2) characters, `vectors` (k, d) of length 1.

    The first piece is the whole text, the others are its sentences. k is 0 where no encoder read the text.
    """

    spans: NDArray[np.int32]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """Probabilities of n texts: `about` (n,), `acts` (n, 11) with rows that sum to 1, `harms` (n, 9),
    `harmful` (n,). Columns are in the order of `models.labels()`.

    `pieces` is one a text, or empty for a model without an encoder.
    """

    about: Floats
    acts: Floats
    harms: Floats
    harmful: Floats
    pieces: tuple[Pieces, ...] = ()


class Model(Protocol):
    """A trained model. `name` holds its version and is kept with every assessment."""

    @property
    def name(self) -> str: ...

    def score(self, texts: Sequence[str]) -> Scores:
        """Score normalised texts; a text's scores do not depend on the others in the batch."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the meaning of each normalised text, (n, d), of length 1; d is 0 without an encoder."""

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        """Return the parts of a normalised text that moved `harmful` up most, in order of place."""
