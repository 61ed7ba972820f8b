"""Turns a head's logits into probabilities that mean what they say, and measures how far they are off.

Three ways, from stiff to supple: temperature (one number), Platt (1999; slope and offset), isotonic (a rising
line through the means of pooled blocks). Fit them on logits of posts the model has not learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from store.shares import wilson

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
Kind = Literal["temperature", "platt", "isotonic"]
Bins = Literal["mass", "width"]

KINDS: tuple[Kind, ...] = get_args(Kind)
BINS = 15
FOLDS = 5
_STEPS = 100
_SEED = 7
_LEAST = 1e-6


@dataclass(frozen=True)
class Calibrator:
    """A rising curve from logits to probabilities.

    `temperature` and `platt` are sigmoid(slope x logit + offset); `isotonic` is the line through the knots
    (logits, probabilities), level beyond its ends.
    """

    kind: Kind
    slope: float = 1.0
    offset: float = 0.0
    logits: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def apply(self, logits: ArrayLike) -> Floats:
        """Return probabilities of logits, in their shape."""
        given = np.asarray(logits, np.float64)
        if self.kind == "isotonic":
            return np.asarray(np.interp(given, self.logits, self.probabilities), np.float64)
        return _sigmoid(self.slope * given + self.offset)

    def to_json(self) -> dict[str, Any]:
        """Return the curve as plain JSON."""
        if self.kind == "isotonic":
            return {"kind": self.kind, "logits": [*self.logits], "probabilities": [*self.probabilities]}
        return {"kind": self.kind, "slope": self.slope, "offset": self.offset}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Calibrator:
        """Return the curve that `to_json` gave; raises `ValueError` for one that does not rise."""
        try:
            kind: Kind = plain["kind"]
            if kind not in KINDS:
                raise ValueError(f"không có cách hiệu chỉnh {kind!r}")
            if kind != "isotonic":
                slope, offset = float(plain["slope"]), float(plain["offset"])
                if not (np.isfinite([slope, offset]).all() and slope >= 0):
                    raise ValueError("slope phải hữu hạn và không âm, offset phải hữu hạn")
                return cls(kind, slope, offset)
            knots = np.array([plain["logits"], plain["probabilities"]], np.float64)
        except (KeyError, TypeError) as error:
            raise ValueError(f"Bộ hiệu chỉnh không đúng dạng: {error}") from error
        x, y = knots
        if not (len(x) and np.isfinite(knots).all() and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()):
            raise ValueError("các nút của isotonic phải hữu hạn và tăng dần")
        if y[0] < 0 or y[-1] > 1:
            raise ValueError("xác suất của isotonic phải từ 0 đến 1")
        return cls("isotonic", logits=tuple(x.tolist()), probabilities=tuple(y.tolist()))


def log_odds(probabilities: ArrayLike) -> Floats:
    """Return the logits of probabilities, in their shape, none further out than those of a millionth."""
    inside = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


@dataclass(frozen=True)
class Choice:
    """The way that had the least log-loss on groups held out, fitted on everything.

    `losses` are the mean held-out log-losses of every way; `held_out` (n,) the probabilities of the chosen
    one, each from a fit without the row's group: measure the calibration on them.
    """

    calibrator: Calibrator
    losses: dict[Kind, float]
    held_out: Floats = field(repr=False)


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability curve: rows, their mean probability, and the share that is so, with its 95 %
    Wilson interval."""

    rows: int
    predicted: float
    observed: float
    low: float
    high: float


def fit(kind: Kind, logits: ArrayLike, truth: ArrayLike) -> Calibrator:
    """Return a calibrator fitted on logits (n,) and truth (n,).

    It never turns an order round: logits that say nothing, or the contrary, give the same probability to all.
    Raises `ValueError` where truth is all of one kind or a logit is not finite.
    """
    x, y = _checked(logits, truth)
    if kind == "isotonic":
        return _isotonic(x, y)
    positives = int(y.sum())
    # Platt's targets: without them a head that tells all posts apart perfectly gets an endless slope.
    soft = np.where(y, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    if kind == "temperature":
        (slope,) = _newton(x[:, None], soft)
        return Calibrator(kind, max(0.0, float(slope)))
    slope, offset = _newton(np.stack([x, np.ones_like(x)], axis=1), soft)
    if slope <= 0:
        slope, offset = 0.0, _logit(float(soft.mean()))
    return Calibrator(kind, float(slope), float(offset))


def choose(
    logits: ArrayLike,
    truth: ArrayLike,
    groups: Sequence[Any] | NDArray[Any],
    kinds: Sequence[Kind] = KINDS,
    folds: int = FOLDS,
) -> Choice:
    """Return the kind with the least log-loss on held-out groups, fitted on all rows; of equals the stiffer.

    `groups` (n,) are never split. Raises `ValueError` where all positives, or all negatives, are one group.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    x, y = _checked(logits, truth)
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    most = min(len({*number[y].tolist()}), len({*number[~y].tolist()}), folds)
    if most < 2:
        raise ValueError("Không đủ nhóm có và nhóm không có nhãn này để chọn cách hiệu chỉnh.")
    found = {kind: np.empty(len(y)) for kind in kinds}
    splitter = StratifiedGroupKFold(most, shuffle=True, random_state=_SEED)
    for train, test in splitter.split(x[:, None], y, number):
        for kind, p in found.items():
            p[test] = fit(kind, x[train], y[train]).apply(x[test])
    losses = {kind: log_loss(p, y) for kind, p in found.items()}
    best = min(kinds, key=lambda kind: (losses[kind], KINDS.index(kind)))
    return Choice(fit(best, x, y), losses, found[best])


def log_loss(p: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean negative log-likelihood, in nats, of probabilities (n,)."""
    given, y = np.asarray(p, np.float64), np.asarray(truth, bool)
    said = np.clip(np.where(y, given, 1 - given), 1e-15, 1)
    return float(-np.log(said).mean())


def expected_error(p: ArrayLike, truth: ArrayLike, bins: int = BINS, by: Bins = "mass") -> float:
    """Return the expected calibration error (Naeini et al., 2015): the mean over rows of how far the share of
    positives in a row's bin is from the mean probability there.

    `by` "mass" makes bins of equally many rows (equal probabilities stay together), "width" bins of equally
    wide probability.
    """
    given = np.asarray(p, np.float64)
    return float(expected_errors(given, truth, np.ones((1, len(given))), bins, by)[0])


def expected_errors(
    p: ArrayLike, truth: ArrayLike, weights: Floats, bins: int = BINS, by: Bins = "mass"
) -> Floats:
    """Return the expected calibration error under each row of `weights` (b, n), for resampling: (b,)."""
    given, y = np.asarray(p, np.float64), np.asarray(truth, bool)
    total, predicted, observed = _sums(given, y, weights, bins, by)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(predicted - observed).sum(axis=1) / total.sum(axis=1), np.float64)


def reliability(p: ArrayLike, truth: ArrayLike, bins: int = BINS, by: Bins = "mass") -> tuple[Bin, ...]:
    """Return the bins of a reliability curve that hold rows, in order of probability."""
    given, y = np.asarray(p, np.float64), np.asarray(truth, bool)
    total, predicted, observed = (s[0] for s in _sums(given, y, np.ones((1, len(y))), bins, by))
    return tuple(
        Bin(int(n), float(a / n), float(b / n), *wilson(float(b), float(n)))
        for n, a, b in zip(total, predicted, observed, strict=True)
        if n
    )


def _sums(p: Floats, truth: Bits, weights: Floats, bins: int, by: Bins) -> tuple[Floats, Floats, Floats]:
    """Return, for each row of weights and each bin, (b, bins): weight, weight x p, weight x truth."""
    values = np.stack([np.ones_like(p), p, truth])
    if by == "width":
        place = np.minimum((p * bins).astype(np.int64), bins - 1)
        inside = (place[:, None] == np.arange(bins)).astype(np.float64)
        first, second, third = (weights @ (inside * value[:, None]) for value in values)
        return first, second, third
    order = np.argsort(p, kind="stable")
    weights, values = weights[:, order], values[:, order]
    ends = np.flatnonzero(np.r_[values[1, 1:] != values[1, :-1], True])
    sums = np.zeros((3, len(weights), len(p) + 1))
    for running, value in zip(sums, values, strict=True):
        np.cumsum(weights * value, axis=1, out=running[:, 1:])
    # A bin by the middle of a tie's ranks: which of two equal rows comes first cannot matter.
    upto = sums[0][:, ends + 1]
    middle = (upto + np.pad(upto[:, :-1], ((0, 0), (1, 0)))) / 2
    limits = upto[:, -1:] * np.arange(1, bins) / bins
    cut = np.array([np.searchsorted(row, at, side="left") for row, at in zip(middle, limits, strict=True)])
    edges = np.r_[0, ends + 1][cut.reshape(len(weights), bins - 1)]
    edges = np.pad(edges, ((0, 0), (1, 1)), constant_values=((0, 0), (0, len(p))))
    first, second, third = (np.diff(np.take_along_axis(running, edges, axis=1)) for running in sums)
    return first, second, third


def _checked(logits: ArrayLike, truth: ArrayLike) -> tuple[Floats, Bits]:
    x, y = np.asarray(logits, np.float64), np.asarray(truth, bool)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"Cần logit và nhãn một chiều, cùng số: {x.shape} và {y.shape}.")
    if not np.isfinite(x).all():
        raise ValueError("Có logit không hữu hạn: không hiệu chỉnh được.")
    if not y.any() or y.all():
        raise ValueError("Mọi nhãn như nhau: không hiệu chỉnh được.")
    return x, y


def _isotonic(x: Floats, y: Bits) -> Calibrator:
    """Pool adjacent violators, then put each block's mean at the block's centre (Oron & Flournoy, 2017): the
    line between centres keeps the order of posts, where level blocks would tie them."""
    from sklearn.isotonic import IsotonicRegression

    pooled = IsotonicRegression().fit(x, y)
    ends, levels = pooled.X_thresholds_, pooled.y_thresholds_
    first = np.flatnonzero(np.r_[True, levels[1:] != levels[:-1]])
    block = np.maximum(np.searchsorted(ends[first], x, side="right") - 1, 0)
    centres = np.bincount(block, x) / np.bincount(block)
    centres = np.clip(centres, ends[first], ends[np.r_[first[1:] - 1, len(ends) - 1]])  # a mean may round out
    least = 1 / (len(x) + 2)  # no number of posts seen makes a thing certain
    levels = np.clip(levels[first], least, 1 - least)
    return Calibrator("isotonic", logits=tuple(centres.tolist()), probabilities=tuple(levels.tolist()))


def _newton(features: Floats, target: Floats) -> Floats:
    """Return the weights (k,) of least log-loss to soft targets (n,); damped as Lin, Lin and Weng (2007)."""
    weights = np.zeros(features.shape[1])
    loss = _loss(features @ weights, target)
    for _ in range(_STEPS):
        p = _sigmoid(features @ weights)
        slope = features.T @ (p - target)
        curve = (features * (p * (1 - p))[:, None]).T @ features + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        scale = 1.0
        while scale > 1e-10:
            tried = weights - scale * step
            reached = _loss(features @ tried, target)
            if reached <= loss - 1e-4 * scale * float(slope @ step):
                break
            scale /= 2
        else:
            break
        weights, gained, loss = tried, loss - reached, reached
        if gained <= 1e-12 * len(target):
            break
    return weights


def _loss(logits: Floats, target: Floats) -> float:
    return float((np.logaddexp(0, logits) - target * logits).sum())


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0, -x)), np.float64)


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
