"""What a model and a policy say of rows: scored now, or read from the scores kept when it was trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

import models
from classifier.evaluate.disturb import CHANGES
from classifier.evaluate.ranking import Bits, Floats
from classifier.evaluate.rows import Rows
from classifier.model import Model, Scores
from classifier.policy import Thresholds

HELD_OUT = "oof.npz"
_BATCH = 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Seen:
    """The scores of n rows by one model; in `changed`, of the same texts as `disturb` changes them.

    `fresh` is False where the model is known to have learned from these rows, None where nobody knows.
    """

    model: str
    scores: Scores = field(repr=False)
    changed: dict[str, Scores] = field(default_factory=dict, repr=False)
    fresh: bool | None = None


@dataclass(frozen=True)
class HeldOut:
    """What a model said of labelled rows that it had not learned from.

    Of rows it was trained on, each was said by a fit without the row's group.
    """

    scores: Scores = field(repr=False)
    targets: Bits = field(repr=False)
    protected: Bits = field(repr=False)
    groups: NDArray[np.str_] = field(repr=False)

    @property
    def harmful(self) -> Bits:
        return self.targets[:, -1]

    @classmethod
    def of(cls, rows: Rows, scores: Scores) -> HeldOut:
        """Return the scores of rows that the model has not learned from."""
        return cls(scores, rows.targets, rows.protected, np.array(rows.groups))

    @classmethod
    def load(cls, folder: Path) -> HeldOut:
        """Read `oof.npz` of a model folder: `scores` (n, 22) calibrated, `targets`, `protected`, `groups`.

        Raises `models.DataError` when it is missing or its arrays do not fit.
        """
        file = folder / HELD_OUT
        scheme = models.labels()
        width = 2 + len(scheme.acts) + len(scheme.harms)
        try:
            with np.load(file, allow_pickle=False) as kept:
                scores = np.asarray(kept["scores"], np.float64)
                targets, protected = kept["targets"].astype(bool), kept["protected"].astype(bool)
                groups = kept["groups"].astype(str)
        except FileNotFoundError as error:
            raise models.DataError(
                f"Mô hình {folder} không giữ {HELD_OUT} (điểm trên phần chưa học): cho dữ liệu có nhãn bằng"
                " --data, hoặc huấn luyện lại."
            ) from error
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise models.DataError(f"Không đọc được {file}: {error}") from error
        number = len(targets)
        fits = scores.shape == targets.shape == (number, width)
        if not fits or {len(protected), len(groups)} != {number} or not number:
            raise models.DataError(f"{file}: các mảng không khớp nhau hay không khớp labels.yaml.")
        if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
            raise models.DataError(f"{file}: scores phải là xác suất từ 0 đến 1.")
        return cls(split(scores), targets, protected, groups)


@dataclass(frozen=True)
class Judged:
    """What the thresholds of a policy make of scores, for n rows; as `Policy.judge` does for one."""

    flagged: Bits
    shielded: Bits
    uncertain: Bits

    @classmethod
    def of(cls, scores: Scores, limits: Thresholds) -> Judged:
        places = {act: i for i, act in enumerate(models.labels().acts)}
        shielded = speech(scores) >= limits.protected.any
        for act, own in limits.protected.acts.items():
            shielded |= scores.acts[:, places[act]] >= own
        flagged = (scores.harmful >= limits.flag) & ~shielded
        return cls(flagged, shielded, (scores.harmful >= limits.uncertain) & ~flagged)

    @property
    def looked_at(self) -> Bits:
        return self.flagged | self.uncertain


def speech(scores: Scores) -> Floats:
    """Return the probability (n,) that a row's act is a protected one."""
    scheme = models.labels()
    columns = [i for i, act in enumerate(scheme.acts) if act in scheme.protected]
    return np.asarray(scores.acts[:, columns].sum(axis=1), np.float64)


def split(columns: Floats) -> Scores:
    """Return probabilities (n, 22), in the order of `heads()`, as scores; acts are made to sum to 1."""
    acts = 1 + len(models.labels().acts)
    total = columns[:, 1:acts].sum(axis=1, keepdims=True)
    return Scores(
        columns[:, 0], columns[:, 1:acts] / np.maximum(total, 1e-12), columns[:, acts:-1], columns[:, -1]
    )


def see(
    model: Model,
    rows: Rows,
    changes: Sequence[str] = (),
    progress: Progress = lambda done, total: None,
    fresh: bool | None = None,
) -> Seen:
    """Score the texts of rows, and again as each of `changes` (names of `disturb.CHANGES`) makes them."""
    variants = [rows.texts, *([CHANGES[name][1](text) for text in rows.texts] for name in changes)]
    total = len(rows) * len(variants)
    scored = []
    for round_, texts in enumerate(variants):
        parts = []
        for start in range(0, len(texts), _BATCH):
            parts.append(model.score(texts[start : start + _BATCH]))
            progress(round_ * len(rows) + min(start + _BATCH, len(texts)), total)
        scored.append(
            Scores(
                about=np.concatenate([part.about for part in parts]),
                acts=np.concatenate([part.acts for part in parts]),
                harms=np.concatenate([part.harms for part in parts]),
                harmful=np.concatenate([part.harmful for part in parts]),
            )
        )
    return Seen(model.name, scored[0], dict(zip(changes, scored[1:], strict=True)), fresh)


def see_held_out(folder: Path, name: str, rows: Rows) -> Seen:
    """Return the scores kept for `rows` when the model in `folder` was trained; raises `models.DataError`."""
    kept = HeldOut.load(folder)
    if kept.targets.shape != rows.targets.shape or not (
        np.array_equal(kept.targets, rows.targets) and np.array_equal(kept.protected, rows.protected)
    ):
        raise models.DataError(
            f"{folder / HELD_OUT} có {len(kept.targets)} dòng, không phải của {rows.name} ({len(rows)} dòng):"
            " cho đúng tệp đã dùng để huấn luyện, không thiếu dòng nào."
        )
    return Seen(name, kept.scores, fresh=True)


def is_fresh(folder: Path, rows: Rows) -> bool | None:
    """Say whether the model in `folder` has learned from no file of rows; None where that was not noted.

    `metrics.json` of the folder notes in `trained_on` the SHA-256 of each file, by name.
    """
    try:
        noted = json.loads((folder / "metrics.json").read_text(encoding="utf-8")).get("trained_on")
    except (OSError, ValueError, AttributeError):
        return None
    if not isinstance(noted, dict):
        return None
    return not any(digest in noted.values() for _, digest in rows.files)
