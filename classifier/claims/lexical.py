"""How alike texts and claims are by their words: TF-IDF of single words in one spelling, claims pooled.

The vector of a claim is the mean of the vectors of its wordings, so that an inner product is the mean
similarity to all of them: one that resembles only the slang of one wording is not drawn to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classifier.claims.base import Known
from classifier.claims.spelling import Said, said

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lexical:
    """The words of n claims with w wordings over a vocabulary of v words; all vectors have length 1.

    `wordings` (w, v), `owner` (w,) the claim of each, in order; `claims` (n, v) the mean of a claim's
    wordings, `corrections` (n, v).
    """

    vocabulary: dict[str, int]
    idf: NDArray[np.float64]
    wordings: sparse.csr_matrix
    owner: Ints
    claims: sparse.csr_matrix
    corrections: sparse.csr_matrix

    @classmethod
    def of(cls, known: Sequence[Known], cohort: Sequence[Known] | None = None) -> Lexical:
        """Return the index of some claims; how rare a word is, those of `cohort` say too.

        Rarity runs from nearly 0 to 1, that of a word nobody used, so that amounts mean the same in a base of
        three claims and in one of a hundred thousand.
        """
        wordings = [(i, said(text).words) for i, one in enumerate(known) for text in one.wordings]
        corrections = [said(one.facts.correction).words for one in known]
        mine = {text for one in known for text in one.wordings}
        others = [text for one in cohort or () for text in one.wordings if text not in mine]
        spoken = [words for _, words in wordings] + [said(text).words for text in dict.fromkeys(others)]
        often = Counter(word for words in spoken for word in set(words))
        # Words that only corrections use are words of the vocabulary too, as rare as a word can be.
        names = sorted({word for words in (*(w for _, w in wordings), *corrections) for word in words})
        vocabulary = {word: number for number, word in enumerate(names)}
        most = np.log(len(spoken) + 1) + 1
        idf = np.array([most - np.log(often[word] + 1) for word in names]) / most
        ids = [_ids(words, vocabulary) for _, words in wordings]
        owner = np.array([i for i, _ in wordings], np.int64)
        vectors = _weighed(_counts(ids, len(names)), idf, np.zeros(len(ids)))
        wide = np.bincount(owner, minlength=len(known)).astype(np.float64)
        pool = sparse.csr_matrix(
            (1 / wide[owner], (owner, np.arange(len(owner)))), (len(known), len(owner)), dtype=np.float32
        )
        put = _weighed(
            _counts([_ids(words, vocabulary) for words in corrections], len(names)), idf, np.zeros(len(known))
        )
        return cls(vocabulary, idf, vectors, owner, (pool @ vectors).tocsr(), put)

    def windows(self, texts: Sequence[Said], spans: Sequence[NDArray[np.int32]]) -> sparse.csr_matrix:
        """Return the vectors of spans (k, 2) of each text, one after another, (Σk, v).

        Words that no claim has count in the length: a long sentence with one word in common is little alike.
        """
        rows: list[Ints] = []
        strange: list[float] = []
        for text, places in zip(texts, spans, strict=True):
            ids = _ids(text.words, self.vocabulary)
            first = np.searchsorted(text.places[:, 0], places[:, 0])
            last = np.searchsorted(text.places[:, 0], places[:, 1])
            for a, b in zip(first, last, strict=True):
                inside = ids[a:b]
                rows.append(inside)
                strange.append(float((inside < 0).sum()))
        return _weighed(_counts(rows, len(self.idf)), self.idf, np.array(strange))


def _ids(words: Sequence[str], vocabulary: dict[str, int]) -> Ints:
    return np.array([vocabulary.get(word, -1) for word in words], np.int64)


def _counts(rows: Sequence[Ints], width: int) -> sparse.csr_matrix:
    lengths = [len(row) for row in rows]
    columns = np.concatenate([*rows, np.zeros(0, np.int64)])
    owners = np.repeat(np.arange(len(rows)), lengths)
    known = columns >= 0
    # Repeats add up.
    return sparse.csr_matrix((np.ones(int(known.sum())), (owners[known], columns[known])), (len(rows), width))


def _weighed(
    counts: sparse.csr_matrix, idf: NDArray[np.float64], strange: NDArray[np.float64]
) -> sparse.csr_matrix:
    """Return 1 + log of counts, times IDF, at length 1; `strange` (n,) is added to the squared length."""
    counts.sum_duplicates()
    values = (1 + np.log(counts.data)) * idf[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(row, values**2, counts.shape[0]) + strange)
    return sparse.csr_matrix(
        ((values / length[row]).astype(np.float32), counts.indices, counts.indptr), counts.shape
    )
