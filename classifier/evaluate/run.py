"""Measures one or two models on data sets, and gives all figures as one piece that can be shown or kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evaluate import figures, ranking
from classifier.evaluate.behaviour import Behaviour, behaviour
from classifier.evaluate.figures import ActFigures, HarmFigures, Promise
from classifier.evaluate.ranking import Floats
from classifier.evaluate.resample import RESAMPLES, Difference, Figure, Resampler
from classifier.evaluate.rows import Refused, Rows
from classifier.evaluate.seen import Judged, Seen
from classifier.evaluate.slices import Change, Slice, changes, slices
from classifier.policy import Policy

_POINTS = 400  # of a curve that are drawn


@dataclass(frozen=True)
class Curves:
    """Of P(harmful), each (k, 2): ROC (others flagged, harmful found), precision over recall, and harmful
    found over protected flagged; then where the policy's thresholds lie in each."""

    roc: Floats
    precision: Floats
    speech: Floats
    roc_at: tuple[float, float]
    precision_at: tuple[float, float]
    speech_at: tuple[float, float]


@dataclass(frozen=True)
class Headline:
    """One figure of the whole set, and how it differs from that of the model it is measured against."""

    label: str
    percent: bool
    figure: Figure
    difference: Difference | None


@dataclass(frozen=True)
class SetFigures:
    """All figures of one model on one data set, and of the model `against` it the headline and the curves.

    `threshold_at_1pct` is the threshold on P(harmful) alone that the 1 % figure rests on.
    """

    name: str
    note: str
    files: tuple[tuple[str, str], ...]
    model: str
    fresh: bool | None
    rows: int
    groups: int
    harmful: int
    protected: int
    about: int
    headline: dict[str, Headline]
    threshold_at_1pct: float
    acts: tuple[ActFigures, ...]
    confusion: NDArray[np.int64]
    harms: tuple[HarmFigures, ...]
    promises: tuple[Promise, ...]
    behaviour: Behaviour | None
    slices: tuple[Slice, ...]
    changes: tuple[Change, ...]
    curves: Curves
    against: str = ""
    curves_against: Curves | None = None


@dataclass(frozen=True)
class Evaluation:
    """What is shown and kept: the figures of each data set, the policy they hold for, the rows refused."""

    policy: str
    thresholds: dict[str, float]
    resamples: int
    sets: tuple[SetFigures, ...]
    refused: tuple[Refused, ...]

    def to_json(self) -> str:
        """Return everything but the points of curves as JSON; what no row says is null."""
        return json.dumps(_plain(self), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def measure(
    rows: Rows,
    seen: Seen,
    policy: Policy,
    other: Seen | None = None,
    resamples: int = RESAMPLES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SetFigures:
    """Return all figures of the scores `seen` of rows, and how they differ from those of `other`."""
    limits = policy.thresholds
    sample = Resampler(rows.groups, resamples)
    steps = iter(range(1, 8))

    def step() -> None:
        progress(next(steps), 7)

    asked = figures.questions(rows, seen.scores, limits)
    theirs = figures.questions(rows, other.scores, limits) if other else None
    headline = {
        name: Headline(
            one.label,
            one.percent,
            one.answer(sample),
            sample.compare(one.of, theirs[name].of) if theirs else None,
        )
        for name, one in asked.items()
    }
    step()
    acts = figures.of_acts(rows, seen.scores, sample)
    step()
    harms = figures.of_harms(rows, seen.scores, limits, sample)
    step()
    promises = figures.promises(rows, seen.scores, sample)
    step()
    written = behaviour(rows, seen.scores, limits, sample)
    step()
    cut = slices(rows, seen.scores, limits, sample)
    step()
    changed = changes(rows, seen, limits, sample)
    step()
    return SetFigures(
        name=rows.name,
        note=rows.note,
        files=rows.files,
        model=seen.model,
        fresh=seen.fresh,
        rows=len(rows),
        groups=sample.groups,
        harmful=int(rows.harmful.sum()),
        protected=int(rows.protected.sum()),
        about=int(rows.about.sum()),
        headline=headline,
        threshold_at_1pct=ranking.threshold_at(rows.protected, seen.scores.harmful),
        acts=acts,
        confusion=figures.confusion(rows, seen.scores),
        harms=harms,
        promises=promises,
        behaviour=written,
        slices=cut,
        changes=changed,
        curves=_curves(rows, seen, policy),
        against=other.model if other else "",
        curves_against=_curves(rows, other, policy) if other else None,
    )


def limits_of(policy: Policy) -> dict[str, float]:
    """Return the thresholds of a policy as plain numbers; an act's own as `protected.ACT`."""
    limits = policy.thresholds
    return {
        "flag": limits.flag,
        "uncertain": limits.uncertain,
        "protected": limits.protected.any,
        **{f"protected.{act}": own for act, own in limits.protected.acts.items()},
        "harm": limits.harm,
    }


def _curves(rows: Rows, seen: Seen, policy: Policy) -> Curves:
    harmful, protected, p = rows.harmful, rows.protected, seen.scores.harmful
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.r_[p[order][1:] != p[order][:-1], True])  # equal scores are flagged together
    found = np.cumsum(harmful[order])[last]
    flagged = last + 1.0
    speaking = np.cumsum(protected[order])[last]
    recall = found / max(1, harmful.sum())
    others = (flagged - found) / max(1, (~harmful).sum())
    spoken = speaking / max(1, protected.sum())
    judged = Judged.of(seen.scores, policy.thresholds).flagged
    caught = float((judged & harmful).sum() / max(1, harmful.sum()))
    return Curves(
        roc=_thin(np.r_[0, others], np.r_[0, recall]),
        precision=_thin(recall, found / flagged),
        speech=_thin(np.r_[0, spoken], np.r_[0, recall]),
        roc_at=(float((judged & ~harmful).sum() / max(1, (~harmful).sum())), caught),
        precision_at=(caught, float((judged & harmful).sum() / max(1, judged.sum()))),
        speech_at=(float((judged & protected).sum() / max(1, protected.sum())), caught),
    )


def _thin(x: Floats, y: Floats) -> Floats:
    """Return the points of a curve, few enough to draw: those after which it turns first."""
    points = np.stack([x, y], axis=1)
    turns = np.ones(len(points), bool)
    step = np.diff(points, axis=0)
    turns[1:-1] = step[1:, 0] * step[:-1, 1] != step[1:, 1] * step[:-1, 0]
    points = points[turns]
    if len(points) <= _POINTS:
        return points
    chosen = np.unique(np.linspace(0, len(points) - 1, _POINTS).astype(int))
    thinned: Floats = points[chosen]
    return thinned


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in fields(value)
            if not isinstance(getattr(value, field.name), Curves)
        }
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 6)
    return value
