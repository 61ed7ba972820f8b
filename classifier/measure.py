"""Measures scores against labels, each figure with a 95 % interval from resampling whole groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import models
from classifier.model import Scores

RESAMPLES = 300
_SEED = 7

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Figure = dict[str, Any]


def of_posts(targets: Bits, protected: Bits, groups: Sequence[str], scores: Scores) -> dict[str, Any]:
    """Return the figures of real posts: how well harm is found, what it costs speech, each head by itself.

    `targets` is (n, 22) in the order of `tfidf.heads()`, `protected` (n,).
    """
    scheme = models.labels()
    harmful = targets[:, -1]
    acts = targets[:, 1 : 1 + len(scheme.acts)].argmax(axis=1)
    guessed = scores.acts.argmax(axis=1)
    sample = _Sampler(groups)
    figures: dict[str, Any] = {
        "rows": len(targets),
        "harmful": int(harmful.sum()),
        "protected": int(protected.sum()),
        "roc_auc": sample.figure(_auc_of(harmful, scores.harmful)),
        "average_precision": sample.figure(lambda i: average_precision_score(harmful[i], scores.harmful[i])),
        "recall_at_1pct_protected_flags": sample.figure(
            lambda i: recall_at(harmful[i], protected[i], scores.harmful[i])
        ),
        "threshold_at_1pct_protected_flags": round(threshold_at(protected, scores.harmful), 4),
        "act_accuracy": sample.figure(lambda i: (acts[i] == guessed[i]).mean()),
        "act_macro_f1": sample.figure(
            lambda i: f1_score(acts[i], guessed[i], average="macro", zero_division=0)
        ),
        "about_roc_auc": sample.figure(_auc_of(targets[:, 0], scores.about)),
    }
    first = 1 + len(scheme.acts)
    figures["harm_roc_auc"] = {
        harm: {"positives": int(targets[:, first + k].sum())}
        | sample.figure(_auc_of(targets[:, first + k], scores.harms[:, k]))
        for k, harm in enumerate(scheme.harms)
        if targets[:, first + k].sum() >= 5
    }
    return figures


def of_written(targets: Bits, protected: Bits, scores: Scores) -> dict[str, Any]:
    """Return the figures of written posts held out of training."""
    harmful = targets[:, -1]
    sample = _Sampler([str(i) for i in range(len(targets))])
    return {
        "rows": len(targets),
        "harmful": int(harmful.sum()),
        "protected": int(protected.sum()),
        "roc_auc": sample.figure(_auc_of(harmful, scores.harmful)),
        "average_precision": sample.figure(lambda i: average_precision_score(harmful[i], scores.harmful[i])),
        "recall_at_1pct_protected_flags": sample.figure(
            lambda i: recall_at(harmful[i], protected[i], scores.harmful[i])
        ),
    }


def threshold_at(protected: Bits, scores: Floats, share: float = 0.01) -> float:
    """Return the least threshold at which at most `share` of protected posts are flagged."""
    ordered = np.sort(scores[protected])[::-1]
    allowed = int(share * len(ordered))
    return float(np.nextafter(ordered[allowed], 2.0)) if len(ordered) else 0.5


def recall_at(harmful: Bits, protected: Bits, scores: Floats, share: float = 0.01) -> float:
    """Return the share of harmful posts flagged when at most `share` of protected posts are."""
    return float((scores[harmful] >= threshold_at(protected, scores, share)).mean())


def _auc_of(truth: Bits, scores: Floats) -> Callable[[NDArray[np.int64]], float]:
    def auc(rows: NDArray[np.int64]) -> float:
        # Where all are of one kind there is nothing to rank.
        one_kind = truth[rows].all() or not truth[rows].any()
        return float("nan") if one_kind else float(roc_auc_score(truth[rows], scores[rows]))

    return auc


class _Sampler:
    """Resamples whole groups, so that near copies never count as independent."""

    def __init__(self, groups: Sequence[str]) -> None:
        members: dict[str, list[int]] = {}
        for index, group in enumerate(groups):
            members.setdefault(group, []).append(index)
        self._members = [np.array(rows) for rows in members.values()]
        self._all = np.arange(len(groups))

    def figure(self, of: Callable[[NDArray[np.int64]], float]) -> Figure:
        """Return the value over all rows and its bootstrap percentile interval."""
        random = np.random.default_rng(_SEED)
        values = []
        for _ in range(RESAMPLES):
            picked = random.integers(0, len(self._members), len(self._members))
            value = float(of(np.concatenate([self._members[i] for i in picked])))
            if not np.isnan(value):
                values.append(value)
        low, high = np.percentile(values, [2.5, 97.5]) if values else (np.nan, np.nan)
        return {
            "value": round(float(of(self._all)), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        }
