"""Turns texts into TF-IDF features: words and parts of words, with diacritics and without."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from store.text import fold

# Beyond this a post repeats itself; a bound keeps one giant post from holding up the rest.
LONGEST = 20_000


@dataclass(frozen=True)
class Block:
    """One kind of feature: how texts are split, and the terms kept with their IDF, (f,)."""

    kind: str
    terms: tuple[str, ...]
    idf: NDArray[np.float32] = field(repr=False)

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        return {term: index for index, term in enumerate(self.terms)}

    @cached_property
    def _counter(self) -> CountVectorizer:
        return counter(self.kind, vocabulary=self.vocabulary)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return (n, f) features: 1 + log of counts, times IDF, each row of length 1."""
        if not self.terms:
            return sparse.csr_matrix((len(texts), 0), dtype=np.float64)
        return weigh(self._counter.transform([text[:LONGEST] for text in texts]), self.idf)


KINDS: dict[str, dict[str, object]] = {
    "word": {"ngram_range": (1, 2), "token_pattern": r"\w+"},
    "folded_word": {"ngram_range": (1, 2), "token_pattern": r"\w+", "preprocessor": fold},
    "folded_char": {"analyzer": "char_wb", "ngram_range": (2, 5), "preprocessor": fold},
}


def counter(kind: str, **options: object) -> CountVectorizer:
    """Return the vectoriser that counts features of `kind`."""
    return CountVectorizer(**{"dtype": np.float64, **KINDS[kind], **options})


def weigh(counts: sparse.csr_matrix, idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """Return counts as TF-IDF rows of length 1, with sublinear term frequency."""
    counts = counts.astype(np.float64)
    counts.data = 1 + np.log(counts.data)
    return normalize(counts.multiply(idf).tocsr(), copy=False)


def occurrences(kind: str, text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, term) of every feature of `kind` in `text`, in characters of `text`.

    The same splitting as the vectoriser's, with places; a term that spans a gap covers it whole.
    """
    lowered = "".join(_lower(c) for c in text)
    change: Callable[[str], str] = fold if kind.startswith("folded") else str
    if kind.endswith("word"):
        yield from _words(lowered, change)
        return
    at = 0
    for token in lowered.split():
        at = lowered.index(token, at)
        padded = f" {change(token)} "
        last = at + len(token)
        for size in range(2, 6):
            for offset in range(max(1, len(padded) - size + 1)):
                term = padded[offset : offset + size]
                yield max(at, at + offset - 1), min(last, at + offset - 1 + len(term)), term
            if size >= len(padded):
                break
        at = last


def _words(lowered: str, change: Callable[[str], str]) -> Iterator[tuple[int, int, str]]:
    tokens = []
    start: int | None = None
    for index, character in enumerate(lowered + " "):
        inside = character.isalnum() or character == "_"
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            tokens.append((start, index, change(lowered[start:index])))
            start = None
    yield from tokens
    for one, other in itertools.pairwise(tokens):
        yield one[0], other[1], f"{one[2]} {other[2]}"


def _lower(character: str) -> str:
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character
