"""Figures as functions of row weights, so that a thousand resamples are a few sums over sorted rows.

Each function here sorts once and returns a `Statistic`: weights (b, n), how often each row was drawn, to b
values, NaN where the drawn rows do not say. With weights of 1 they are the plain figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
Statistic = Callable[[Floats], Floats]

SHARE = 0.01


def plain(of: Statistic, rows: int) -> float:
    """Return the figure over `rows` rows, each once."""
    return float(of(np.ones((1, rows)))[0])


def auc(truth: Bits, scores: Floats) -> Statistic:
    """Return the area under the ROC curve: how often a positive scores above a negative, ties counting half
    (Mann & Whitney, 1947)."""
    positive, negative = _down(truth, scores), _down(~truth, scores)
    above = np.searchsorted(-scores[negative], -scores[positive], side="left")
    level = np.searchsorted(-scores[negative], -scores[positive], side="right")

    def of(weights: Floats) -> Floats:
        drawn, others = weights[:, positive], _running(weights[:, negative])
        total = others[:, -1]
        beaten = (drawn * (others[:, above] + others[:, level])).sum(axis=1) / 2
        found = drawn.sum(axis=1)
        return _over(found * total - beaten, found * total)

    return of


def average_precision(truth: Bits, scores: Floats) -> Statistic:
    """Return the mean precision at each positive, from the highest score down; ties come together."""
    positive, negative = _down(truth, scores), _down(~truth, scores)
    right = np.searchsorted(-scores[positive], -scores[positive], side="right")
    wrong = np.searchsorted(-scores[negative], -scores[positive], side="right")

    def of(weights: Floats) -> Floats:
        drawn = weights[:, positive]
        found = _running(drawn)
        hits, misses = found[:, right], _running(weights[:, negative])[:, wrong]
        precision = np.divide(hits, hits + misses, out=np.zeros_like(hits), where=hits > 0)
        return _over((drawn * precision).sum(axis=1), found[:, -1])

    return of


def recall_at(harmful: Bits, protected: Bits, scores: Floats, share: float = SHARE) -> Statistic:
    """Return the share of harmful rows flagged when at most `share` of the protected ones are.

    The threshold is the least that keeps to it on the same rows, as `threshold_at` gives it.
    """
    speech, harm = _down(protected, scores), _down(harmful, scores)
    if not (len(speech) and len(harm)):
        return lambda weights: np.full(len(weights), np.nan)
    # How many harmful rows score above each protected one.
    above = np.searchsorted(-scores[harm], -scores[speech], side="left")

    def of(weights: Floats) -> Floats:
        speaking = np.cumsum(weights[:, speech], axis=1)
        allowed = np.floor(share * speaking[:, -1:] + 1e-9)
        first_too_many = np.argmax(speaking > allowed, axis=1)
        found = _running(weights[:, harm])
        caught = found[np.arange(len(weights)), above[first_too_many]]
        caught[speaking[:, -1] == 0] = np.nan
        return _over(caught, found[:, -1])

    return of


def threshold_at(protected: Bits, scores: Floats, share: float = SHARE) -> float:
    """Return the least threshold at which at most `share` of protected rows are flagged."""
    ordered = np.sort(scores[protected])[::-1]
    allowed = int(np.floor(share * len(ordered) + 1e-9))
    return float(np.nextafter(ordered[allowed], np.inf)) if len(ordered) else 0.5


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Statistic:
    """Return the sum of `part` (n,) over the sum of `whole` (n,)."""
    both = np.stack([part, whole], axis=1).astype(np.float64)

    def of(weights: Floats) -> Floats:
        sums = weights @ both
        return _over(sums[:, 0], sums[:, 1])

    return of


def f1(truth: Bits, guess: Bits) -> Statistic:
    """Return the harmonic mean of precision and recall; 0 where nothing is found and something was there."""
    return ratio(2 * (truth & guess), truth.astype(int) + guess)


def macro_f1(truth: NDArray[np.int64], guess: NDArray[np.int64], kinds: int) -> Statistic:
    """Return the mean F1 over the kinds that are there or were guessed."""
    cells = np.zeros((len(truth), kinds * kinds))
    cells[np.arange(len(truth)), truth * kinds + guess] = 1

    def of(weights: Floats) -> Floats:
        confusion = (weights @ cells).reshape(-1, kinds, kinds)
        right = np.diagonal(confusion, axis1=1, axis2=2)
        size = confusion.sum(axis=1) + confusion.sum(axis=2)
        present = size > 0
        each = np.divide(2 * right, size, out=np.zeros_like(size), where=present)
        return _over(each.sum(axis=1), present.sum(axis=1))

    return of


def skippable(about: Bits, scores: Floats, recall: float = 0.995) -> Statistic:
    """Return the share of off-topic rows below the highest threshold that keeps `recall` of the others."""
    topic, other = _down(about, scores), _down(~about, scores)
    if not (len(topic) and len(other)):
        return lambda weights: np.full(len(weights), np.nan)
    # How many off-topic rows score at least as high as each of those about it.
    kept = np.searchsorted(-scores[other], -scores[topic], side="right")

    def of(weights: Floats) -> Floats:
        found = np.cumsum(weights[:, topic], axis=1)
        last = np.argmax(found >= recall * found[:, -1:] - 1e-9, axis=1)
        passed = _running(weights[:, other])
        through = passed[np.arange(len(weights)), kept[last]]
        through[found[:, -1] == 0] = np.nan
        return np.asarray(1 - _over(through, passed[:, -1]), np.float64)

    return of


def _down(rows: Bits, scores: Floats) -> NDArray[np.int64]:
    """Return the numbers of some rows, the highest score first."""
    return np.asarray(np.flatnonzero(rows)[np.argsort(-scores[rows], kind="stable")], np.int64)


def _running(weights: Floats) -> Floats:
    """Return running sums (b, k + 1) of weights (b, k), from 0."""
    sums = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _over(part: Floats, whole: NDArray[Any]) -> Floats:
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
