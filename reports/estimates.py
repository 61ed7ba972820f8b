"""Figures that are estimates, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel

from store.shares import wilson

_Z = 1.959964  # of 95 %
# With fewer pairs a kappa says nothing.
LEAST = 10


class Estimate(BaseModel):
    """A figure with its 95 % interval, and the number of observations that it rests on.

    `value` is None where nothing was observed; nothing then speaks against any value.
    """

    value: float | None
    low: float
    high: float
    of: int
    found: int | None = None


def share(found: int, of: int) -> Estimate:
    """Return a share with its Wilson interval."""
    low, high = wilson(found, of)
    return Estimate(value=found / of if of else None, low=low, high=high, of=of, found=found)


def false_flags(protected: int, decided: int, flagged: int, spared: int) -> Estimate:
    """Return the share of protected speech that was wrongly flagged.

    `protected` of `decided` flagged clusters proved to be protected speech; `flagged` is how many there are
    in all, `spared` how many the machine took for protected speech and did not flag. The share among the
    decided stands for all flagged ones, and what was spared is taken at the machine's word: the interval is
    that of the decided share alone.
    """
    among = share(protected, decided)

    def rate(part: float) -> float:
        wrong = part * flagged
        return wrong / (wrong + spared) if wrong + spared else 0.0

    if among.value is None or flagged + spared == 0:
        return Estimate(value=None, low=0.0, high=1.0, of=0, found=0)
    return Estimate(
        value=rate(among.value), low=rate(among.low), high=rate(among.high), of=decided, found=protected
    )


def kappa(pairs: Sequence[tuple[str, str, int]]) -> Estimate:
    """Return Cohen's kappa of two readers; `pairs` are (first, second, how often).

    The interval is that of Fleiss, Cohen and Everitt (Psychological Bulletin 72, 1969), cut at -1 and 1. None
    for fewer than ten readings, and where all are of one word: chance alone then explains all.
    """
    total = sum(number for _, _, number in pairs)
    words = sorted({word for one, other, _ in pairs for word in (one, other)})
    nothing = Estimate(value=None, low=-1.0, high=1.0, of=total)
    if total < LEAST:
        return nothing
    cell = {(a, b): 0.0 for a in words for b in words}
    for one, other, number in pairs:
        cell[one, other] += number / total
    row = {a: sum(cell[a, b] for b in words) for a in words}
    column = {b: sum(cell[a, b] for a in words) for b in words}
    observed = sum(cell[a, a] for a in words)
    chance = sum(row[a] * column[a] for a in words)
    if chance >= 1:
        return nothing
    value = (observed - chance) / (1 - chance)
    agree = sum(cell[a, a] * ((1 - chance) - (column[a] + row[a]) * (1 - observed)) ** 2 for a in words)
    differ = (1 - observed) ** 2 * sum(
        cell[a, b] * (column[a] + row[b]) ** 2 for a in words for b in words if a != b
    )
    spread = agree + differ - (observed * chance - 2 * chance + observed) ** 2
    half = _Z * math.sqrt(max(0.0, spread) / total) / (1 - chance) ** 2
    return Estimate(value=value, low=max(-1.0, value - half), high=min(1.0, value + half), of=total)
