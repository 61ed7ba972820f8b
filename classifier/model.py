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
class Scores:
    """Probabilities of n texts: `about` (n,), `acts` (n, 11) with rows that sum to 1, `harms` (n, 9),
    `harmful` (n,). Columns are in the order of `models.labels()`."""

    about: Floats
    acts: Floats
    harms: Floats
    harmful: Floats


class Model(Protocol):
    """A trained model. `name` holds its version and is kept with every assessment."""

    @property
    def name(self) -> str: ...

    def score(self, texts: Sequence[str]) -> Scores:
        """Score normalised texts; a text's scores do not depend on the others in the batch."""

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        """Return the parts of a normalised text that moved `harmful` up most, in order of place."""
