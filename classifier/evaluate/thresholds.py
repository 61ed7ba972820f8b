"""What thresholds would do, by held-out scores; and those that keep a bound on protected speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

import models
from classifier import policy_text
from classifier.evaluate import ranking
from classifier.evaluate.ranking import Bits, Floats
from classifier.evaluate.resample import RESAMPLES, Figure, Resampler
from classifier.evaluate.seen import HeldOut, Judged
from classifier.policy import Protection, Thresholds
from store.shares import wilson

GRID = tuple(round(0.05 * step, 2) for step in range(1, 20))
PROTECTED = tuple(
    round(0.3 + 0.05 * step, 2) for step in range(13)
)  # to 0.9: some speech is always protected
SHARE = ranking.SHARE
_FOLDS = 5
_SEED = 7
_FINE = 10_000  # thresholds are chosen to four digits


@dataclass(frozen=True)
class Effect:
    """What thresholds do to held-out rows: the share of harmful rows flagged, of protected rows flagged, of
    flags that are right, of harmful rows that a person sees, and of all rows that a person sees."""

    thresholds: Thresholds
    found: Figure
    speech: Figure
    precision: Figure
    reached: Figure
    seen: Figure


@dataclass(frozen=True)
class Choice:
    """Thresholds that flag the most harmful rows while at most `share` of the protected ones are flagged.

    `effect` is measured on the rows that they were chosen on, and so flatters; `found` and `speech` are of
    thresholds chosen on four fifths of the groups and measured on the fifth left, for each fifth.
    """

    thresholds: Thresholds
    effect: Effect
    found: Figure
    speech: Figure


def effects(
    held: HeldOut,
    asked: Sequence[Thresholds],
    prevalence: float | None = None,
    resamples: int = RESAMPLES,
) -> tuple[Effect, ...]:
    """Return what each of the thresholds does.

    `prevalence` is the share of harmful posts where the thresholds are to be used; rows are weighed to it for
    what depends on it: how many rows a person sees, and how many flags are right.
    """
    sample = Resampler(held.groups, resamples)
    importance = _importance(held.harmful, prevalence)
    return tuple(_effect(held, limits, sample, importance) for limits in asked)


def choose(
    held: HeldOut,
    current: Thresholds,
    share: float = SHARE,
    protected: float | None = None,
    prevalence: float | None = None,
    resamples: int = RESAMPLES,
) -> Choice:
    """Choose `flag`, and `protected` unless it is given; what else `current` says stays.

    `uncertain` follows `flag` down where it would lie above it. Raises `models.DataError` where the rows hold
    no harmful or no protected ones, or too few groups.
    """
    if not held.harmful.any() or not held.protected.any():
        raise models.DataError("Cần cả bài có hại và phát ngôn được bảo vệ để chọn ngưỡng.")
    limits = _best(held, np.ones(len(held.harmful), bool), current, share, protected)
    sample = Resampler(held.groups, resamples)
    if sample.groups < _FOLDS:
        raise models.DataError(f"Chỉ có {sample.groups} nhóm bài: quá ít để chọn ngưỡng.")
    fold = np.random.default_rng(_SEED).permutation(sample.groups)[sample.group] % _FOLDS
    flagged = np.zeros(len(held.harmful), bool)
    for number in range(_FOLDS):
        inside = fold != number
        if held.harmful[inside].any() and held.protected[inside].any():
            chosen = _best(held, inside, current, share, protected)
            flagged |= ~inside & Judged.of(held.scores, chosen).flagged
    return Choice(
        limits,
        _effect(held, limits, sample, _importance(held.harmful, prevalence)),
        sample.share(flagged & held.harmful, held.harmful),
        sample.share(flagged & held.protected, held.protected),
    )


def with_(
    current: Thresholds,
    flag: float | None = None,
    protected: float | None = None,
    uncertain: float | None = None,
) -> Thresholds:
    """Return thresholds with some replaced; `uncertain`, unless given, follows `flag` down. Acts that have a
    number of their own keep it. Raises `models.DataError` for thresholds that cannot be."""
    new_flag = current.flag if flag is None else flag
    kept = current.protected
    try:
        return Thresholds(
            flag=new_flag,
            uncertain=min(current.uncertain, new_flag) if uncertain is None else uncertain,
            protected=kept if protected is None else Protection(any=protected, acts=kept.acts),
            harm=current.harm,
            claim=current.claim,
        )
    except ValidationError as error:
        raise models.DataError(f"Ngưỡng sai:\n{policy_text.mistakes(error)}") from error


def grid(current: Thresholds) -> tuple[Thresholds, ...]:
    """Return thresholds with `flag` from 0.05 to 0.95, the current one among them."""
    return tuple(with_(current, flag) for flag in sorted({*GRID, current.flag}))


def _best(
    held: HeldOut, rows: Bits, current: Thresholds, share: float, protected: float | None
) -> Thresholds:
    """Return the thresholds with the best recall of `rows`; of equals those that protect more.

    `flag` is never below `uncertain`: what is not worth a look is not worth a flag.
    """
    found = []
    for shield in PROTECTED if protected is None else (protected,):
        limits = with_(current, flag=1.0, protected=shield)
        open_ = ~Judged.of(held.scores, limits).shielded & rows
        flag = max(current.uncertain, _least_flag(held, open_, int((held.protected & rows).sum()), share))
        caught = float((held.scores.harmful[open_ & held.harmful] >= flag).sum())
        found.append((caught, with_(current, flag=flag, protected=shield)))
    # Of equals, the first.
    return max(found, key=itemgetter(0))[1]


def _least_flag(held: HeldOut, open_: Bits, speaking: int, share: float) -> float:
    """Return the least flag, in round numbers, that keeps to the share; 1 where none below does."""
    allowed = int(np.floor(share * speaking + 1e-9))
    ordered = np.sort(held.scores.harmful[open_ & held.protected])[::-1]
    if len(ordered) <= allowed:
        return 1 / _FINE
    return min(1.0, (int(ordered[allowed] * _FINE) + 1) / _FINE)


def _effect(held: HeldOut, limits: Thresholds, sample: Resampler, importance: Floats) -> Effect:
    judged = Judged.of(held.scores, limits)
    return Effect(
        limits,
        sample.share(judged.flagged & held.harmful, held.harmful),
        sample.share(judged.flagged & held.protected, held.protected),
        _weighed(judged.flagged & held.harmful, judged.flagged, sample, importance),
        sample.share(judged.looked_at & held.harmful, held.harmful),
        _weighed(judged.looked_at, np.ones(len(held.harmful), bool), sample, importance),
    )


def _weighed(part: Bits, whole: Bits, sample: Resampler, importance: Floats) -> Figure:
    if (importance == 1).all():
        return sample.share(part, whole)
    found = sample.figure(ranking.ratio(part * importance, whole * importance), positives=int(part.sum()))
    low, high = found.low, found.high
    if found.value in {0.0, 1.0}:
        trials = len(np.unique(sample.group[whole]))
        low, high = wilson(found.value * trials, trials)
    return Figure(found.value, low, high, int(whole.sum()), found.positives)


def _importance(harmful: Bits, prevalence: float | None) -> NDArray[np.float64]:
    found = float(harmful.mean())
    if prevalence is None or found in {0.0, 1.0}:
        return np.ones(len(harmful))
    return np.where(harmful, prevalence / found, (1 - prevalence) / (1 - found))
