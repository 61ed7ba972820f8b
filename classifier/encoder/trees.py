"""Boosted trees over what all heads say of a text: how likely harm is, given act, topic and harms together.

A head by itself cannot say that a sure cure in a question is less harmful than in a claim; trees over all
heads can. They share the word equally with the head `harmful`: a text unlike those they were fitted on is not
theirs alone to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

import models
from classifier.calibration import Calibrator, log_odds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """t trees of at most m nodes, and the curve that makes a probability of them.

    `feature` (t, m) is the head that a node looks at, -1 for a leaf; a logit of at most `threshold` (t, m)
    goes to node `left` (t, m), another to `right` (t, m). `value` (t, m) is what a leaf adds to `base`. The
    probability is sigmoid(slope x (trees + logit of `harmful`) / 2 + offset).
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.float32]
    base: float
    slope: float
    offset: float

    def harmful(self, probabilities: Floats) -> Floats:
        """Return P(harmful), (n,), for the probabilities of all heads, (n, 22), `harmful` last."""
        return Calibrator("platt", self.slope, self.offset).apply(self.joined(probabilities))

    def joined(self, probabilities: Floats) -> Floats:
        """Return the mean of the trees and the head `harmful`, (n,) logits, before the curve."""
        given = log_odds(probabilities)
        found = self.base + self._sum(given.astype(np.float32))
        return np.asarray((found + given[:, -1]) / 2)

    def _sum(self, given: NDArray[np.float32]) -> Floats:
        trees = np.arange(len(self.feature))
        at = np.zeros((len(given), len(trees)), np.int64)
        rows = np.arange(len(given))[:, None]
        while True:
            head = self.feature[trees, at]
            inner = head >= 0
            if not inner.any():
                return np.asarray(self.value[trees, at].sum(axis=1, dtype=np.float64))
            lower = given[rows, np.maximum(head, 0)] <= self.threshold[trees, at]
            onward = np.where(lower, self.left[trees, at], self.right[trees, at])
            at = np.where(inner, onward, at)

    def save(self, file: Path) -> None:
        """Write the trees to a .npz file."""
        np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, file: Path, heads: int) -> Trees:
        """Read trees over so many heads; raises `models.DataError` for a file that does not hold such."""
        try:
            with np.load(file, allow_pickle=False) as kept:
                numbers = {name: float(kept[name]) for name in ("base", "slope", "offset")}
                found = cls(
                    feature=kept["feature"].astype(np.int16),
                    threshold=kept["threshold"].astype(np.float32),
                    left=kept["left"].astype(np.int16),
                    right=kept["right"].astype(np.int16),
                    value=kept["value"].astype(np.float32),
                    **numbers,
                )
        except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
            raise models.DataError(f"Không đọc được {file}: {error}") from error
        if not found._holds(heads):
            raise models.DataError(
                f"{file}: các cây không khớp nhau hay không khớp labels.yaml; huấn luyện lại."
            )
        return found

    def _holds(self, heads: int) -> bool:
        shape = self.feature.shape
        if len(shape) != 2 or 0 in shape or any(getattr(self, name).shape != shape for name in _PARTS):
            return False
        inner = self.feature >= 0
        # A child lies behind its parent, so every way ends.
        after = np.arange(shape[1])
        onward = all(((one > after) & (one < shape[1]))[inner].all() for one in (self.left, self.right))
        finite = np.isfinite([self.base, self.slope, self.offset]).all() and np.isfinite(self.value).all()
        return bool(onward and finite and (self.feature < heads).all())


_PARTS = ("threshold", "left", "right", "value")
