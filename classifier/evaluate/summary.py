"""The figures that a model card shows, as plain JSON: of posts held out in folds, and of written posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import models
from classifier.calibration import expected_errors
from classifier.evaluate import ranking
from classifier.evaluate.figures import FEW
from classifier.evaluate.ranking import Bits, Statistic
from classifier.evaluate.resample import RESAMPLES, Resampler
from classifier.model import Scores

Figures = dict[str, Any]


def of_posts(
    targets: Bits, protected: Bits, groups: Sequence[str], scores: Scores, resamples: int = RESAMPLES
) -> Figures:
    """Return how well harm is found, what it costs speech, and each head by itself.

    `targets` is (n, 22) in the order of `tfidf.heads()`, `protected` (n,).
    """
    scheme = models.labels()
    first = 1 + len(scheme.acts)
    acts = targets[:, 1:first].argmax(axis=1)
    guessed = np.asarray(scores.acts.argmax(axis=1), np.int64)
    right = acts == guessed
    sample = Resampler(groups, resamples)
    return {
        **_of_harm(targets[:, -1], protected, scores, sample),
        "threshold_at_1pct_protected_flags": round(ranking.threshold_at(protected, scores.harmful), 4),
        "calibration_error": _figure(
            lambda weights: expected_errors(scores.harmful, targets[:, -1], weights), sample, centred=True
        ),
        "act_accuracy": _figure(ranking.ratio(right, np.ones_like(right)), sample),
        "act_macro_f1": _figure(ranking.macro_f1(acts, guessed, len(scheme.acts)), sample),
        "about_roc_auc": _figure(ranking.auc(targets[:, 0], scores.about), sample),
        "harm_roc_auc": {
            harm: {"positives": int(targets[:, first + k].sum())}
            | _figure(ranking.auc(targets[:, first + k], scores.harms[:, k]), sample)
            for k, harm in enumerate(scheme.harms)
            if targets[:, first + k].sum() >= FEW
        },
    }


def of_written(
    targets: Bits,
    protected: Bits,
    scores: Scores,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> Figures:
    """Return the figures of written posts held out of training; each is a group unless `groups` are given."""
    sample = Resampler(range(len(targets)) if groups is None else groups, resamples)
    return _of_harm(targets[:, -1], protected, scores, sample)


def _of_harm(harmful: Bits, protected: Bits, scores: Scores, sample: Resampler) -> Figures:
    p = scores.harmful
    return {
        "rows": len(harmful),
        "harmful": int(harmful.sum()),
        "protected": int(protected.sum()),
        "roc_auc": _figure(ranking.auc(harmful, p), sample),
        "average_precision": _figure(ranking.average_precision(harmful, p), sample),
        "recall_at_1pct_protected_flags": _figure(ranking.recall_at(harmful, protected, p), sample),
    }


def _figure(of: Statistic, sample: Resampler, *, centred: bool = False) -> dict[str, float]:
    found = sample.figure(of, centred=centred)
    return {name: round(getattr(found, name), 4) for name in ("value", "low", "high")}
