"""Bootstrap intervals from resampling whole groups: near copies never count as independent.

Percentile intervals (Efron & Tibshirani, 1993); two models are compared on the same resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evaluate.ranking import Bits, Floats, Statistic, plain, ratio
from store.shares import wilson

RESAMPLES = 1_000
_SEED = 7
_CELLS = 500_000  # of the weights that are worked on at a time: they fit a processor's cache


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval, and the rows it rests on; NaN where they do not say.

    `positives` are those of the rows that are what is looked for, where that means something.
    """

    value: float
    low: float
    high: float
    rows: int
    positives: int | None = None


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same rows, the first minus the second, with its paired 95 % interval.

    `p` is two-sided: twice the share of resamples in which the difference is on the other side of 0.
    """

    first: float
    second: float
    value: float
    low: float
    high: float
    p: float


class Resampler:
    """Draws groups with replacement, as many as there are; the same seed gives the same draws."""

    def __init__(
        self, groups: Sequence[Any] | NDArray[Any], resamples: int = RESAMPLES, seed: int = _SEED
    ) -> None:
        names, self.group = np.unique(np.asarray(groups, str), return_inverse=True)
        self.groups, self.resamples, self._seed = len(names), resamples, seed

    @cached_property
    def _drawn(self) -> NDArray[np.uint16]:
        """How often each group was drawn, (resamples, groups)."""
        random = np.random.default_rng(self._seed)
        number = self.groups
        return np.array(
            [
                np.bincount(random.integers(0, number, number), minlength=number)
                for _ in range(self.resamples)
            ],
            np.uint16,
        )

    def values(self, of: Statistic, rows: Bits | None = None) -> Floats:
        """Return the figure in each resample, (resamples,), over all rows or some of them."""
        group = self.group if rows is None else self.group[rows]
        step = max(1, _CELLS // max(1, len(group)))
        chunks = [
            of(self._drawn[i : i + step][:, group].astype(np.float64)) for i in range(0, self.resamples, step)
        ]
        return np.concatenate(chunks)

    def figure(
        self, of: Statistic, rows: Bits | None = None, positives: int | None = None, *, centred: bool = False
    ) -> Figure:
        """Return a figure of all rows or some of them; `of` takes the weights of those alone.

        `centred` moves the interval until the mean of the resamples lies at the value, and cuts it at 0: an
        expected error is larger in every resample than in the rows, by the noise that resampling adds.
        """
        number = len(self.group) if rows is None else int(rows.sum())
        value = plain(of, number) if number else float("nan")
        # One group drawn again and again is always the same: it cannot say how far it may be off.
        if not self._apart(rows):
            return Figure(value, float("nan"), float("nan"), number, positives)
        drawn = self.values(of, rows)
        low, high = _interval(drawn)
        if centred and np.isfinite(low):
            move = value - float(np.nanmean(drawn))
            low, high = max(0.0, low + move), max(0.0, high + move)
        return Figure(value, low, high, number, positives)

    def _apart(self, rows: Bits | None) -> bool:
        group = self.group if rows is None else self.group[rows]
        return bool(len(group)) and bool((group != group[0]).any())

    def share(self, part: Bits, whole: Bits) -> Figure:
        """Return the share of `part` in `whole`, both (n,); `rows` are those of `whole`.

        Of none or all no resample can say how rare the other is: there Wilson's interval stands, by groups.
        """
        asked = part[whole]
        found = self.figure(ratio(asked, np.ones_like(asked)), whole, int(asked.sum()))
        if found.rows and found.value in {0.0, 1.0}:
            trials = len(np.unique(self.group[whole]))
            low, high = wilson(found.value * trials, trials)
            return Figure(found.value, low, high, found.rows, found.positives)
        return found

    def compare(self, first: Statistic, second: Statistic, rows: Bits | None = None) -> Difference:
        """Return how the first model's figure differs from the second's, on the same resamples."""
        number = len(self.group) if rows is None else int(rows.sum())
        one, two = plain(first, number), plain(second, number)
        drawn = self.values(first, rows) - self.values(second, rows)
        drawn = drawn[~np.isnan(drawn)]
        low, high = _interval(drawn)
        if not len(drawn):
            return Difference(one, two, float("nan"), low, high, float("nan"))
        side = min((drawn <= 0).sum(), (drawn >= 0).sum())
        return Difference(one, two, one - two, low, high, min(1.0, 2 * (1 + int(side)) / (1 + len(drawn))))


def _interval(drawn: Floats) -> tuple[float, float]:
    said = drawn[~np.isnan(drawn)]
    # Where most resamples do not say, those that do are not a fair sample.
    if 2 * len(said) <= len(drawn) or not len(said):
        return float("nan"), float("nan")
    low, high = np.percentile(said, [2.5, 97.5])
    return float(low), float(high)
