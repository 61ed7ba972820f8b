"""What speaks for a claim being said in a text: numbers a reader can follow, and the place they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classifier.claims.base import ClaimBase
from classifier.claims.lexical import Lexical
from classifier.claims.meaning import Meaning
from classifier.claims.spelling import said
from classifier.claims.weights import Ranking
from classifier.encoder.pieces import sentences
from classifier.model import Pieces

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Numbers = NDArray[np.intp]
Places = NDArray[np.int32]

# Claims that are looked at closely, the best by rank.
CLOSE = 6
# Numbers held at a time while all claims are compared with all pieces.
_AT_ONCE = 4_000_000
# Wordings this alike, by words, say the same: such claims do not stand in each other's way.
_SAME = 0.8
_MOST_PAIRS = 100_000
_FAR = 8.0


@dataclass(frozen=True)
class Evidence:
    """What was found of one claim in one text.

    `claim` is its number in the base; `features` are those of `weights.FEATURES`: its rank, and by how much
    that leads the next claim's; similarity of meaning to the claim (mean of its wordings) and to its best
    wording, both in spreads; similarity of words, the same two; the largest share of the words of a wording
    that is said, by IDF, and the log of how much that is; log2 of how many pieces were compared. `start` to
    `end` is the piece that speaks for it most.
    """

    claim: int
    rank: float
    features: tuple[float, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Read:
    """A text taken apart: places of its pieces (k, 2), their words (k, v), their vectors (k, d) or None.

    `length` is how many words it has.
    """

    places: Places
    words: sparse.csr_matrix
    vectors: Vectors | None
    length: int


def read(
    texts: Sequence[str], pieces: Sequence[Pieces], lexical: Lexical, meaning: Meaning | None
) -> list[Read]:
    """Take normalised texts apart into the whole, sentences, and pairs of neighbouring sentences.

    `pieces` are those of `classifier.model.Scores`, or empty; a text without vectors is cut by its own marks.
    """
    places = [_places(text, pieces[i] if pieces else None) for i, text in enumerate(texts)]
    spoken = [said(text) for text in texts]
    words = lexical.windows(spoken, places)
    ends = np.cumsum([len(one) for one in places])
    return [
        Read(
            one,
            words[end - len(one) : end],
            _vectors(pieces[i], meaning) if meaning and pieces and len(pieces[i].spans) else None,
            len(spoken[i].words),
        )
        for i, (one, end) in enumerate(zip(places, ends, strict=True))
    ]


def _places(text: str, pieces: Pieces | None) -> Places:
    if pieces is not None and len(pieces.spans):
        spans = pieces.spans
    else:
        whole = (0, len(text))
        spans = np.array([whole, *sentences(text, [whole])], np.int32)
    # Neighbours, for what is said in two breaths.
    pairs = np.stack([spans[1:-1, 0], spans[2:, 1]], axis=1) if len(spans) > 3 else spans[:0]
    return np.vstack([spans, pairs])


def _vectors(pieces: Pieces, meaning: Meaning) -> Vectors:
    alone = pieces.vectors
    if len(alone) > 3:
        size = (pieces.spans[:, 1] - pieces.spans[:, 0])[:, None].astype(np.float32)
        alone = np.vstack([alone, alone[1:-1] * size[1:-1] + alone[2:] * size[2:]])
        alone = alone / np.maximum(np.linalg.norm(alone, axis=1, keepdims=True), 1e-9)
    return meaning.scale.centred(alone)


@dataclass(frozen=True)
class Finder:
    """Compares texts with all claims of a base, exactly, by one ranking; without `meaning` by words alone."""

    base: ClaimBase
    ranking: Ranking
    lexical: Lexical
    meaning: Meaning | None = None
    # What the rank is made of, put together: one product a piece and claim. (n, v), (v, n), (n, d).
    _words: sparse.csr_matrix = field(init=False, repr=False)
    _by_word: sparse.csr_matrix = field(init=False, repr=False)
    _meant: Vectors | None = field(init=False, repr=False)
    _first: Numbers = field(init=False, repr=False)
    _first_meant: Numbers = field(init=False, repr=False)
    # Which pairs of claims say the same: found when first asked.
    _pairs: dict[tuple[int, int], bool] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        meaning, of_correction, words, words_of_correction = self.ranking.terms()
        put = (words * self.lexical.claims + words_of_correction * self.lexical.corrections).tocsr()
        number = np.arange(len(self.base.known) + 1)
        object.__setattr__(self, "_words", put)
        object.__setattr__(self, "_by_word", put.T.tocsr())
        object.__setattr__(self, "_first", np.searchsorted(self.lexical.owner, number))
        object.__setattr__(self, "_meant", None)
        if self.meaning is not None:
            both = meaning * self.meaning.claims + of_correction * self.meaning.corrections
            object.__setattr__(self, "_meant", (both / self.meaning.scale.spread).astype(np.float32))
            object.__setattr__(self, "_first_meant", np.searchsorted(self.meaning.owner, number))

    def find(self, texts: Sequence[Read], days: Sequence[date]) -> list[list[Evidence]]:
        """Return for each text the claims that stand out among those that count on its day, best first.

        What is found for a text does not depend on the others.
        """
        result: list[list[Evidence]] = []
        for part in self._parts(texts):
            given = [texts[i] for i in part]
            for text, claims in zip(given, self._stand_out(given, [days[i] for i in part]), strict=True):
                result.append(self._closely(text, claims) if len(claims) else [])
        return result

    def _parts(self, texts: Sequence[Read]) -> Iterator[range]:
        """Cut texts into parts small enough to be compared with all claims at once."""
        first = rows = 0
        for i, text in enumerate(texts):
            if i > first and (rows + len(text.places)) * len(self.base.known) > _AT_ONCE:
                yield range(first, i)
                first, rows = i, 0
            rows += len(text.places)
        if first < len(texts):
            yield range(first, len(texts))

    def _stand_out(self, texts: Sequence[Read], days: Sequence[date]) -> Iterator[Numbers]:
        """Return for each text the numbers of the claims with the highest ranks, if any is near the floor."""
        if not self.base.known:
            yield from (np.zeros(0, np.intp) for _ in texts)
            return
        ranks = (sparse.vstack([text.words for text in texts]) @ self._by_word).toarray()
        if self._meant is not None:
            # A text that no encoder read means nothing here; its words alone speak.
            nothing = [np.zeros((len(text.places), self._meant.shape[1]), np.float32) for text in texts]
            meant = [
                n if text.vectors is None else text.vectors for n, text in zip(nothing, texts, strict=True)
            ]
            ranks += np.vstack(meant) @ self._meant.T
        starts = np.cumsum([0, *(len(text.places) for text in texts[:-1])])
        best = np.maximum.reduceat(ranks, starts, axis=0)
        counting: dict[date, NDArray[np.bool_]] = {}
        for row, day in zip(best, days, strict=True):
            ranked = row
            if not self.base.always:
                if day not in counting:
                    counting[day] = np.array([one.counts_on(day) for one in self.base.known])
                ranked = np.where(counting[day], ranked, -np.inf)
            number = min(CLOSE, len(ranked))
            top = np.argpartition(-ranked, number - 1)[:number]
            # The exact rank decides; this one was summed in another order.
            near = ranked[top] > -np.inf
            yield np.sort(top[near]) if ranked.max() >= self.ranking.floor - 1e-3 else top[:0]

    def _closely(self, text: Read, claims: Numbers) -> list[Evidence]:
        """Weigh the evidence for some claims, each at the piece that speaks for it most."""
        words = text.words.toarray().astype(np.float64)
        # Summed a claim at a time, in one order: a product of matrices may round by how many rows it has.
        exact = np.stack([words[:, at] @ values for at, values in map(self._words_of, claims)], axis=1)
        if self._meant is not None and text.vectors is not None:
            exact += (text.vectors[:, None, :] * self._meant[claims][None]).sum(axis=2, dtype=np.float64)
        best = exact.argmax(axis=0)
        rank = exact[best, np.arange(len(claims))]
        order = np.argsort(-rank, kind="stable")
        pieces = float(np.log2(1 + len(text.places)))
        found = []
        for i in order:
            if rank[i] < self.ranking.floor:
                break
            piece = int(best[i])
            meant, alike = self._means(text, piece, claims[i]), self._said(words[piece], claims[i])
            lead = self._lead(claims, rank, order, int(i))
            start, end = text.places[piece].tolist()
            features = (float(rank[i]), lead, *meant, *alike, pieces)
            found.append(Evidence(int(claims[i]), float(rank[i]), features, start, end))
        return found

    def _words_of(self, claim: int) -> tuple[NDArray[np.int32], Floats]:
        return _row(self._words, claim)

    def _said(self, window: Floats, claim: int) -> tuple[float, float, float, float]:
        """Return the mean similarity of words, that to the best wording, the largest share said, how much."""
        alike, shares, amounts = [], [], []
        for wording in range(self._first[claim], self._first[claim + 1]):
            words, values = _row(self.lexical.wordings, wording)
            there = window[words]
            idf = self.lexical.idf[words]
            alike.append(float(values @ there))
            amounts.append(float(idf[there > 0].sum()))
            shares.append(amounts[-1] / max(float(idf.sum()), 1e-9))
        return sum(alike) / len(alike), max(alike), max(shares), float(np.log1p(max(amounts)))

    def _means(self, text: Read, piece: int, claim: int) -> tuple[float, float]:
        """Return the mean similarity of meaning to the wordings, and that to the best, in spreads."""
        if self.meaning is None or text.vectors is None:
            return 0.0, 0.0
        mine = slice(self._first_meant[claim], self._first_meant[claim + 1])
        wordings = self.meaning.wordings[mine].astype(np.float64)
        alike = (wordings * text.vectors[piece].astype(np.float64)).sum(axis=1) / self.meaning.scale.spread
        return float(alike.mean()), float(alike.max())

    def _lead(self, claims: Numbers, rank: Floats, order: Numbers, i: int) -> float:
        """Return by how much the rank of a claim leads the best other one that does not say the same."""
        for j in order:
            if j != i and not self._same(claims[i], claims[j]):
                return float(np.clip(rank[i] - rank[j], -_FAR, _FAR))
        return _FAR

    def _same(self, one: int, other: int) -> bool:
        pair = (min(one, other), max(one, other))
        known = self._pairs.get(pair)
        if known is None:
            if len(self._pairs) >= _MOST_PAIRS:
                self._pairs.clear()
            known = self._pairs[pair] = self._say_the_same(*pair)
        return known

    def _say_the_same(self, one: int, other: int) -> bool:
        ours = [_row(self.lexical.wordings, k) for k in range(self._first[one], self._first[one + 1])]
        window = np.zeros(len(self.lexical.idf))
        for k in range(self._first[other], self._first[other + 1]):
            words, values = _row(self.lexical.wordings, k)
            window[words] = values
            if any(float(mine @ window[at]) >= _SAME for at, mine in ours):
                return True
            window[words] = 0
        return False


def _row(matrix: sparse.csr_matrix, number: int) -> tuple[NDArray[np.int32], Floats]:
    """Return the columns and values of one row."""
    part = slice(matrix.indptr[number], matrix.indptr[number + 1])
    return matrix.indices[part], matrix.data[part].astype(np.float64)
