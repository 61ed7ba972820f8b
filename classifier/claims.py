"""Finds the fact-checked claims that a post repeats, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

import models
from store.text import fold, words

# A window of this many words is compared with a claim; claims have 8 to 30 words.
_WINDOW = 28
_STEP = 14
_MOST_WINDOWS = 60
_SENTENCE = re.compile(r"[.!?…\n;]+")


@dataclass(frozen=True)
class ClaimMatch:
    """A claim that a post seems to repeat, with the correction to put beside it. `similarity` is 0 to 1."""

    claim_id: str
    similarity: float
    claim: str
    harm: str
    verdict: str
    correction: str
    source_name: str
    source_url: str | None


class ClaimMatcher:
    """Compares texts with claims by TF-IDF over parts of words (char_wb 3-5) of folded text.

    A post is compared sentence by sentence and window by window, so that a claim inside a long post is
    found; the best wording of a claim (the claim or one of its paraphrases) counts.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)
        wordings = [(i, text) for i, row in enumerate(rows) for text in (row["claim"], *row["paraphrases"])]
        self._owner = [owner for owner, _ in wordings]
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), preprocessor=fold, sublinear_tf=True
        )
        self._matrix = self._vectorizer.fit_transform([text for _, text in wordings]).T.tocsr()

    @classmethod
    @cache
    def shipped(cls) -> ClaimMatcher:
        """Return the matcher of the shipped claims."""
        return cls(models.claims())

    def match(self, texts: Sequence[str], threshold: float, limit: int = 3) -> list[tuple[ClaimMatch, ...]]:
        """Return for each text the claims whose similarity reaches `threshold`, best first."""
        pieces = [(i, piece) for i, text in enumerate(texts) for piece in windows(text)]
        best = np.zeros((len(texts), len(self._rows)))
        if pieces:
            similar = np.asarray(
                (self._vectorizer.transform([p for _, p in pieces]) @ self._matrix).todense()
            )
            by_claim = np.zeros((len(pieces), len(self._rows)))
            for column, owner in enumerate(self._owner):
                np.maximum(by_claim[:, owner], similar[:, column], out=by_claim[:, owner])
            np.maximum.at(best, np.array([i for i, _ in pieces]), by_claim)
        return [self._matches(row, threshold, limit) for row in best]

    def _matches(
        self, row: np.ndarray[Any, np.dtype[np.float64]], threshold: float, limit: int
    ) -> tuple[ClaimMatch, ...]:
        order = np.argsort(-row, kind="stable")[:limit]
        return tuple(self._match(int(i), float(row[i])) for i in order if row[i] >= threshold)

    def _match(self, index: int, similarity: float) -> ClaimMatch:
        row = self._rows[index]
        return ClaimMatch(
            claim_id=row["id"],
            similarity=round(min(1.0, similarity), 4),
            claim=row["claim"],
            harm=row["harm"],
            verdict=row["verdict"],
            correction=row["correction"],
            source_name=row["source"]["name"],
            source_url=row["source"].get("url"),
        )


def windows(text: str) -> list[str]:
    """Return the pieces of a text that are compared: its sentences, and windows over all its words."""
    pieces = [sentence for sentence in _SENTENCE.split(text) if len(words(sentence)) >= 4]
    said = text.split()
    pieces += [" ".join(said[i : i + _WINDOW]) for i in range(0, max(1, len(said) - _STEP), _STEP)]
    return [piece for piece in dict.fromkeys(pieces) if piece.strip()][:_MOST_WINDOWS]
