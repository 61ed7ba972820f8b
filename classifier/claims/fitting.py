"""Fits the two formulas of the matcher: the order of claims, and the odds that a text is about the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from classifier.claims.weights import FEATURES

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

# One text against all claims: how alike each piece is to each claim by each term, (pieces, claims, TERMS).
Terms = NDArray[np.float32]

_ROUNDS = 4
_PENALTY = 1e-3
# More pieces are more chances to be alike by accident; all else speaks for a claim the more there is of it.
_NEVER_NEGATIVE = [name != "pieces" for name in FEATURES]


def fit_rank(texts: Sequence[Terms], claims: Sequence[int], counts: Bits) -> Floats:
    """Return weights of TERMS by which the claim of each text ranks first: a conditional logit.

    The rank of a claim is that of its best piece; which piece that is depends on the weights, so they are
    fitted in rounds. `counts` says which terms may count.
    """
    weights = np.where(counts, np.array([1.0, 0.3, 30.0, 10.0]), 0.0)
    truth = np.asarray(claims)
    for _ in range(_ROUNDS):
        best = np.stack([_best_pieces(terms, weights) for terms in texts])
        spread = best.std(axis=(0, 1)) + 1e-9
        scaled = best / spread
        right = scaled[np.arange(len(truth)), truth]

        def loss(w: Floats, scaled: Floats = scaled, right: Floats = right) -> tuple[float, Floats]:
            scores = scaled @ w
            total = logsumexp(scores, axis=1)
            share = np.exp(scores - total[:, None])
            slope = np.einsum("tc,tcf->f", share, scaled) - right.sum(axis=0)
            value = float((total - right @ w).mean() + _PENALTY * w @ w)
            return value, slope / len(truth) + 2 * _PENALTY * w

        start = weights * spread
        bounds = [(0.0, None if there else 0.0) for there in counts]
        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
        weights = np.asarray(fitted.x / spread)
    return weights


def fit_odds(
    features: Floats, truth: Bits, counts: Bits, weight: Floats | None = None
) -> tuple[float, Floats]:
    """Return intercept and weights of FEATURES by logistic regression, none speaking the wrong way."""
    spread = features.std(axis=0) + 1e-9
    centre = features.mean(axis=0)
    scaled = (features - centre) / spread
    sign = np.where(truth, 1.0, -1.0)
    weight = np.ones(len(truth)) if weight is None else weight

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = sign * (w[0] + scaled @ w[1:])
        slope = -(weight * sign * expit(-margin))
        value = float(weight @ np.logaddexp(0, -margin)) / weight.sum() + _PENALTY * float(w[1:] @ w[1:])
        return value, np.array([slope.sum(), *(slope @ scaled)]) / weight.sum() + 2 * _PENALTY * np.array(
            [0, *w[1:]]
        )

    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    for name, there in zip(_NEVER_NEGATIVE, counts, strict=True):
        bounds.append((0.0, None if there else 0.0) if name else ((None if there else 0.0), 0.0))
    fitted = minimize(loss, np.zeros(1 + len(FEATURES)), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = fitted[1:] / spread
    return float(fitted[0] - slopes @ centre), np.asarray(slopes)


def least(values: Floats, share: float) -> float:
    """Return the smallest threshold, in hundredths, that at most `share` of `values` reach."""
    steps = np.arange(1, 100) / 100
    reached = (values[:, None] >= steps).mean(axis=0)
    enough = steps[reached <= share]
    return float(enough[0]) if len(enough) else 0.99


def _best_pieces(terms: Terms, weights: Floats) -> Floats:
    """Return the terms (claims, TERMS) of each claim at the piece that ranks it highest."""
    at = (terms @ weights).argmax(axis=0)
    return np.asarray(terms[at, np.arange(terms.shape[1])], np.float64)
