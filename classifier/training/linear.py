"""Fits the linear model: one logistic regression a head over words, folded words and parts of words.

Each head has C = 64 and balanced classes. Written posts weigh 0.3 and carry a feature of their own, which
is 0 whenever the model scores: so they teach what harm says without teaching that harm sounds written. A
first fit of `harmful` over all features says which matter; the model keeps those and is fitted again. The
other heads keep the weights of their most telling features only, so that the file is small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from classifier.features import KINDS, LONGEST, Vocabulary, counted, grams
from classifier.tfidf import TfidfModel, heads
from classifier.training.data import Texts

KEPT = 150_000
KEPT_FOR_OTHERS = 36_000
C = 64.0
WRITTEN_WEIGHT = 0.3
_LEAST_TEXTS = {"word": 2, "folded_word": 3, "folded_char": 3}


def fit(data: Texts, name: str, seed: int, kept: int = KEPT) -> TfidfModel:
    """Fit a model, uncalibrated; the same data give the same model.

    Each head learns from the rows of which it is known; rows of which `harmful` is unknown are left out.
    """
    data = data.take(np.flatnonzero(~np.isnan(data.targets[:, len(heads()) - 1])))
    targets = data.targets[:, : len(heads())]
    vocabulary, counts = _counts(data.texts)
    features = vocabulary.weigh(counts)
    first, _ = _heads(features, targets[:, -1:], data.written, seed)
    chosen = np.sort(np.argsort(-np.abs(first[:, 0]), kind="stable")[:kept])
    vocabulary = Vocabulary(
        vocabulary.hashes[chosen],
        vocabulary.kinds[chosen],
        vocabulary.idf[chosen].astype(np.float16).astype(np.float32),
    )
    weights, intercepts = _heads(vocabulary.weigh(counts[:, chosen]), targets, data.written, seed)
    _keep_most_telling(weights[:, :-1], KEPT_FOR_OTHERS)
    neutral = np.tile(np.array([1, 0], np.float32), (len(heads()), 1))
    return TfidfModel(name, vocabulary, weights, intercepts, neutral)


def _counts(texts: list[str]) -> tuple[Vocabulary, sparse.csr_matrix]:
    found = grams([text[:LONGEST] for text in texts])
    hashes, column = np.unique(found.hashes, return_inverse=True)
    kinds = np.zeros(len(hashes), np.uint8)
    kinds[column] = found.kinds
    counts = counted(found.texts, column, (len(texts), len(hashes)))
    documents = np.bincount(counts.indices, minlength=len(hashes))
    least = np.array([_LEAST_TEXTS[kind] for kind in KINDS])
    kept = np.flatnonzero(documents >= least[kinds])
    idf = np.log((1 + len(texts)) / (1 + documents[kept])) + 1
    return Vocabulary(hashes[kept], kinds[kept], idf.astype(np.float32)), counts[:, kept]


def _heads(
    features: sparse.csr_matrix, targets: NDArray[np.float32], written: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    flagged = sparse.hstack([features, sparse.csr_matrix(written[:, None].astype(float))]).tocsr()
    importance = np.where(written, WRITTEN_WEIGHT, 1.0)
    weights = np.zeros((features.shape[1], targets.shape[1]), np.float32)
    intercepts = np.zeros(targets.shape[1], np.float32)
    for head in range(targets.shape[1]):
        known = np.flatnonzero(~np.isnan(targets[:, head]))
        truth = targets[known, head].astype(bool)
        positives = int(truth.sum())
        if positives in {0, len(truth)}:
            # Nothing to tell apart: the head answers what it always saw.
            intercepts[head] = 10.0 if positives else -10.0
            continue
        regression = LogisticRegression(
            C=C, class_weight="balanced", solver="liblinear", dual=True, max_iter=5000, random_state=seed
        ).fit(flagged[known], truth, sample_weight=importance[known])
        weights[:, head] = regression.coef_[0, :-1]
        intercepts[head] = regression.intercept_[0]
    return weights, intercepts


def _keep_most_telling(weights: NDArray[np.float32], kept: int) -> None:
    """Set to zero the rows of `weights` that are small, by their own head's scale, in every head."""
    scaled = np.abs(weights) / (np.abs(weights).max(axis=0) + 1e-9)
    weights[np.argsort(-scaled.max(axis=1), kind="stable")[kept:]] = 0
