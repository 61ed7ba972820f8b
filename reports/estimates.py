"""Figures that are estimates, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from store.agreement import agreement
from store.shares import wilson


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
    """Return Cohen's kappa of two readers as the desk counts it; `pairs` are (first, second, how often)."""
    found = agreement((one, other) for one, other, number in pairs for _ in range(number))
    if found.kappa is None or found.low is None or found.high is None:
        return Estimate(value=None, low=-1.0, high=1.0, of=found.pairs)
    return Estimate(value=found.kappa, low=found.low, high=found.high, of=found.pairs)
