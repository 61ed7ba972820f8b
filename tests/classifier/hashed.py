"""An encoder for tests of what stands on one: vectors of words hashed, as the index has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.encoder.pieces import sentences
from classifier.model import Pieces
from search.engine import VECTOR
from search.vectors import embed


class Hashed:
    """Gives texts vectors in which those that share words are alike. `turned` makes another model of it."""

    def __init__(self, name: str = "hashed", *, turned: bool = False) -> None:
        self.name = name
        self.turned = turned
        self.read: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        found = np.array([vector or (1.0, *[0.0] * (VECTOR - 1)) for vector in embed(texts)], np.float32)
        return (found[:, ::-1] if self.turned else found).reshape(len(texts), VECTOR)

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        result = []
        for text in texts:
            spans = [(0, len(text)), *sentences(text, [(0, len(text))])]
            vectors = self.embed([text[start:end] for start, end in spans])
            result.append(Pieces(np.array(spans, np.int32), vectors))
        return result
