"""Joins the encoder and the linear model head by head, on logits of posts that neither has learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from classifier import calibration
from classifier.calibration import Calibrator
from classifier.tfidf import heads, to_scores
from models import labels

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
_ACTS = slice(1, 1 + len(labels().acts))
LEAST = 15  # positives a head needs to be fitted by itself


@dataclass(frozen=True)
class Fusion:
    """`mix` (22, 3): logit = a encoder + b linear + c. Acts become probabilities together (softmax), the
    other heads each by its calibrator."""

    mix: Floats
    calibrators: dict[str, Calibrator]

    def apply(self, encoder: Floats, linear: Floats) -> Floats:
        """Return probabilities (n, 22) for the logits of both, each (n, 22)."""
        z = encoder * self.mix[:, 0] + linear * self.mix[:, 1] + self.mix[:, 2]
        p: Floats = expit(z)
        p[:, _ACTS] = softmax(z[:, _ACTS], axis=1)
        for name, calibrator in self.calibrators.items():
            column = heads().index(name)
            p[:, column] = calibrator.apply(z[:, column])
        return p

    def to_json(self) -> dict[str, Any]:
        """Return what `model.json` keeps: `fusion` and `calibration` by head."""
        names = heads()
        rounded = {name: [round(float(v), 6) for v in row] for name, row in zip(names, self.mix, strict=True)}
        curves = {name: one.to_json() for name, one in self.calibrators.items()}
        return {"fusion": rounded, "calibration": curves}


def fit(encoder: Floats, linear: Floats, targets: Bits, groups: list[str]) -> Fusion:
    """Fit the mix of every head and its calibration; a head with few positives takes those of `harmful`."""
    names = heads()
    mix = np.zeros((len(names), 3))
    calibrators: dict[str, Calibrator] = {}
    pairs = np.stack([encoder, linear], axis=-1)
    for column in reversed(range(len(names))):
        positives = int(targets[:, column].sum())
        few = min(positives, len(targets) - positives) < LEAST
        if few:
            mix[column] = mix[-1]
        else:
            found = LogisticRegression(C=1.0).fit(pairs[:, column], targets[:, column])
            # A negative part would mean to trust a model the less the surer it is.
            mix[column] = *np.maximum(found.coef_[0], 0), found.intercept_[0]
        if names[column] in labels().acts:
            continue
        fused = encoder[:, column] * mix[column, 0] + linear[:, column] * mix[column, 1] + mix[column, 2]
        if few:
            calibrators[names[column]] = calibrators[names[-1]]
        else:
            chosen = calibration.choose(fused, targets[:, column], groups, kinds=("temperature", "platt"))
            calibrators[names[column]] = chosen.calibrator
    return Fusion(mix, calibrators)


def crossed(encoder: Floats, linear: Floats, targets: Bits, groups: list[str], folds: int = 5) -> Floats:
    """Return probabilities (n, 22), those of each fold by a fusion fitted without it: these are reported."""
    result = np.zeros(encoder.shape)
    for train, test in GroupKFold(folds).split(encoder, groups=groups):
        fitted = fit(encoder[train], linear[train], targets[train], [groups[i] for i in train])
        result[test] = fitted.apply(encoder[test], linear[test])
    return result


def crossed_alone(linear: Floats, targets: Bits, groups: list[str], folds: int = 5) -> Floats:
    """Return probabilities (n, 22) of the linear model alone, those of each fold calibrated without it."""
    result = np.zeros(linear.shape)
    for train, test in GroupKFold(folds).split(linear, groups=groups):
        said = to_scores(linear[test], platt(linear[train], targets[train]))
        result[test] = np.column_stack([said.about, said.acts, said.harms, said.harmful])
    return result


def platt(logits: Floats, targets: Bits) -> NDArray[np.float32]:
    """Return a slope and an offset for each head, (22, 2), from held-out logits; a head with few positives
    takes those of `harmful`."""
    curves = np.zeros((len(heads()), 2), np.float32)
    for column in reversed(range(len(heads()))):
        positives = int(targets[:, column].sum())
        if min(positives, len(targets) - positives) < LEAST:
            curves[column] = curves[-1]
            continue
        found = calibration.fit("platt", logits[:, column], targets[:, column])
        curves[column] = found.slope, found.offset
    return curves
