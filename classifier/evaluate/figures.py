"""The figures of one model on one data set: of the whole, of each act, of each harm, of what it promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import models
from classifier.calibration import Bin, Bins, expected_errors, reliability
from classifier.evaluate import ranking
from classifier.evaluate.ranking import Bits, Floats, Statistic
from classifier.evaluate.resample import Figure, Resampler
from classifier.evaluate.rows import Rows
from classifier.evaluate.seen import Judged, speech
from classifier.model import Scores
from classifier.policy import Thresholds

FEW = 5  # positives, below which a harm is not ranked
ENOUGH = 20  # positives, and as many others, from which a reliability curve is drawn
ABOUT = 0.5


@dataclass(frozen=True)
class Question:
    """A figure that is asked of scores: what is shown, what is good, and how it is taken from row weights.

    `of` takes the weights of all rows. A plain share has its parts in `share`: (part, whole), both (n,).
    `percent` figures are shown so; `error` ones are expected errors, whose interval is centred.
    """

    label: str
    of: Statistic
    positives: int | None = None
    share: tuple[Bits, Bits] | None = None
    percent: bool = False
    error: bool = False

    def answer(self, sample: Resampler) -> Figure:
        """Return the figure with its interval."""
        if self.share is not None:
            return sample.share(*self.share)
        return sample.figure(self.of, positives=self.positives, centred=self.error)


@dataclass(frozen=True)
class ActFigures:
    """How one act is told from the others."""

    act: str
    precision: Figure
    recall: Figure
    f1: Figure


@dataclass(frozen=True)
class HarmFigures:
    """How one harm is found; F1 at the policy's `harm` threshold."""

    harm: str
    positives: int
    roc_auc: Figure | None
    average_precision: Figure | None
    f1: Figure | None


@dataclass(frozen=True)
class Promise:
    """How far the probabilities of one thing are from what they promise."""

    name: str
    label: str
    positives: int
    error: Figure
    error_by_width: Figure
    bins: tuple[Bin, ...]


def questions(rows: Rows, scores: Scores, limits: Thresholds) -> dict[str, Question]:
    """Return the headline figures of `scores`, by name, in the order of showing."""
    harmful, protected, about = rows.harmful, rows.protected, rows.about
    p, spoken = scores.harmful, speech(scores)
    judged = Judged.of(scores, limits)
    everything = np.ones(len(rows), bool)
    acts, guessed = rows.acts, _guessed(scores)
    speaks = np.isin(acts, _protected_acts())
    positives = int(harmful.sum())
    return {
        "roc_auc": Question("ROC-AUC, có hại", ranking.auc(harmful, p), positives),
        "average_precision": Question(
            "độ chính xác trung bình (AP), có hại", ranking.average_precision(harmful, p), positives
        ),
        "recall_at_1pct_protected_flags": Question(
            "tìm được, khi gắn cờ nhiều nhất 1 % phát ngôn được bảo vệ",
            ranking.recall_at(harmful, protected, p),
            positives,
            percent=True,
        ),
        "recall": _share("tìm được, ở ngưỡng của chính sách", judged.flagged & harmful, harmful),
        "precision": _share("đúng, trong các bài bị gắn cờ", judged.flagged & harmful, judged.flagged),
        "protected_flag_rate": _share(
            "phát ngôn được bảo vệ bị gắn cờ", judged.flagged & protected, protected
        ),
        "recall_by_a_person": _share(
            "tìm được, kể cả bài chưa chắc (người sẽ xem)", judged.looked_at & harmful, harmful
        ),
        "looked_at": _share("bài cần người xem (gắn cờ và chưa chắc)", judged.looked_at, everything),
        "about_roc_auc": Question(
            "ROC-AUC, nói về COVID", ranking.auc(about, scores.about), int(about.sum())
        ),
        "about_recall": _share(
            "bài nói về COVID được nhận ra (từ 0,5)", (scores.about >= ABOUT) & about, about
        ),
        "about_skippable": Question(
            "bài ngoài đề bỏ qua được khi giữ 99,5 % bài nói về COVID",
            ranking.skippable(about, scores.about),
            int(about.sum()),
            percent=True,
        ),
        "protected_act_roc_auc": Question(
            "ROC-AUC, hành vi được bảo vệ", ranking.auc(speaks, spoken), int(speaks.sum())
        ),
        "act_accuracy": _share("hành vi đoán đúng", acts == guessed, everything),
        "act_macro_f1": Question(
            "F1 trung bình của các hành vi", ranking.macro_f1(acts, guessed, len(models.labels().acts))
        ),
        "calibration_error": _error("sai lệch hiệu chỉnh (ECE), có hại, ô bằng số bài", p, harmful, "mass"),
        "calibration_error_by_width": _error(
            "sai lệch hiệu chỉnh (ECE), có hại, ô bằng bề rộng", p, harmful, "width"
        ),
    }


def of_acts(rows: Rows, scores: Scores, sample: Resampler) -> tuple[ActFigures, ...]:
    """Return the figures of each act that is there or was guessed."""
    acts, guessed = rows.acts, _guessed(scores)
    found = []
    for number, act in enumerate(models.labels().acts):
        truth, guess = acts == number, guessed == number
        if truth.any() or guess.any():
            f1 = sample.figure(ranking.f1(truth, guess), positives=int(truth.sum()))
            right = truth & guess
            found.append(ActFigures(act, sample.share(right, guess), sample.share(right, truth), f1))
    return tuple(found)


def confusion(rows: Rows, scores: Scores) -> NDArray[np.int64]:
    """Return how many rows of each act (first axis) were taken for which (second), (11, 11)."""
    size = len(models.labels().acts)
    flat = rows.acts * size + _guessed(scores)
    return np.asarray(np.bincount(flat, minlength=size * size).reshape(size, size), np.int64)


def of_harms(rows: Rows, scores: Scores, limits: Thresholds, sample: Resampler) -> tuple[HarmFigures, ...]:
    """Return the figures of each harm; those of a harm with few positives stay out."""
    found = []
    for number, harm in enumerate(models.labels().harms):
        truth, p = rows.harms[:, number], scores.harms[:, number]
        positives = int(truth.sum())
        if positives < FEW or positives == len(rows):
            found.append(HarmFigures(harm, positives, None, None, None))
            continue
        found.append(
            HarmFigures(
                harm,
                positives,
                sample.figure(ranking.auc(truth, p), positives=positives),
                sample.figure(ranking.average_precision(truth, p), positives=positives),
                sample.figure(ranking.f1(truth, p >= limits.harm), positives=positives),
            )
        )
    return tuple(found)


def promises(rows: Rows, scores: Scores, sample: Resampler) -> tuple[Promise, ...]:
    """Return the reliability of harmful, about, a protected act, and each harm with enough positives."""
    scheme = models.labels()
    asked: list[tuple[str, str, Floats, Bits]] = [
        ("harmful", "có hại", scores.harmful, rows.harmful),
        ("about", "nói về COVID", scores.about, rows.about),
        ("protected", "hành vi được bảo vệ", speech(scores), np.isin(rows.acts, _protected_acts())),
    ]
    asked += [
        (harm, scheme.name(harm), scores.harms[:, i], rows.harms[:, i]) for i, harm in enumerate(scheme.harms)
    ]
    found = []
    for name, label, p, truth in asked:
        positives = int(truth.sum())
        if min(positives, len(rows) - positives) >= ENOUGH:
            mass, width = (_error(label, p, truth, by).answer(sample) for by in ("mass", "width"))
            found.append(Promise(name, label, positives, mass, width, reliability(p, truth)))
    return tuple(found)


def _share(label: str, part: Bits, whole: Bits) -> Question:
    return Question(label, ranking.ratio(part, whole), int(part.sum()), (part, whole), percent=True)


def _error(label: str, p: Floats, truth: Bits, by: Bins) -> Question:
    return Question(
        label, lambda weights: expected_errors(p, truth, weights, by=by), int(truth.sum()), error=True
    )


def _guessed(scores: Scores) -> NDArray[np.int64]:
    return np.asarray(scores.acts.argmax(axis=1), np.int64)


def _protected_acts() -> list[int]:
    scheme = models.labels()
    return [i for i, act in enumerate(scheme.acts) if act in scheme.protected]
