"""Vectors of texts for finding what is alike: words and pairs of words, hashed. No model is needed.

A learned encoder would find what says the same in other words; this one finds what shares words and their
order, without diacritics. It is the index's own: `Document.vector` may come from any encoder of `VECTOR`
dimensions, as long as one index holds vectors of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from search.engine import VECTOR
from store.text import words


def _features(text: str) -> list[str]:
    found = words(text)
    return [*found, *(f"{a} {b}" for a, b in pairwise(found))]


# Signed hashing keeps inner products true on average (Weinberger et al., ICML 2009).
_HASHING = HashingVectorizer(n_features=VECTOR, analyzer=_features, norm="l2", alternate_sign=True)
_LONGEST = 4000


def embed(texts: Sequence[str]) -> list[tuple[float, ...]]:
    """Return a vector of length 1 for each text, () for one without words; of long ones the start."""
    if not texts:
        return []
    matrix = _HASHING.transform([text[:_LONGEST] for text in texts]).toarray().astype(np.float32)
    return [tuple(row.tolist()) if row.any() else () for row in matrix]
