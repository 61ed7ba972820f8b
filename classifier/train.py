"""Trains the TF-IDF model, measures it on posts it has not seen, and writes both down in a model card.

Design: each head is a logistic regression (C = 64, balanced) over words, folded words and parts of
folded words. Written posts weigh 0.3 and carry a feature of their own, which is 0 whenever the model
scores: so they teach what harm says without teaching that harm sounds written. A first fit of `harmful`
over all features says which matter; the model keeps those and is fitted again. The other heads then keep
the weights of their most telling features only, so that the file is small.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

import models
from classifier import card, measure
from classifier.features import KINDS, LONGEST, Block, counter, weigh
from classifier.tfidf import TfidfModel, heads, to_scores
from store.text import normalise

VERSION = "tfidf-2026.11-1"
KEPT = 150_000
KEPT_FOR_OTHERS = 36_000
FOLDS = 5
_C = 64.0
_WRITTEN_WEIGHT = 0.3
_SEED = 20_200_123
_LEAST_FOR_CALIBRATION = 15
_CONTRAST = "cdefgh"
_HELD_OUT = "h"

Progress = Callable[[int, int], None]
Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """Texts with what they are: `targets` (n, 22) in the order of `tfidf.heads()`, `groups` never split.

    `protected` marks posts whose act is protected and that carry no harm, `written` those made for the set.
    """

    texts: list[str]
    targets: Bits
    groups: list[str]
    protected: Bits
    written: Bits

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Labelled:
        """Return some of the rows."""
        return Labelled(
            [self.texts[i] for i in rows],
            self.targets[rows],
            [self.groups[i] for i in rows],
            self.protected[rows],
            self.written[rows],
        )

    def __add__(self, other: Labelled) -> Labelled:
        return Labelled(
            self.texts + other.texts,
            np.vstack([self.targets, other.targets]),
            self.groups + other.groups,
            np.concatenate([self.protected, other.protected]),
            np.concatenate([self.written, other.written]),
        )


def run_training(data: Path, target: Path, progress: Progress = lambda done, total: None) -> dict[str, Any]:
    """Train on `posts_train.jsonl`, `functional_a.jsonl` twice and the contrast sets of `data`.

    Measures first: grouped 5-fold over the posts (written sets always in training), and contrast set H
    held out whole. Then fits on everything and writes the model, `metrics.json` and `CARD.md` to `target`.
    Returns the figures. Raises `models.DataError` when a file is missing or a row cannot be read.
    """
    posts = read(data / "posts_train.jsonl", written=False)
    written = read(data / "functional_a.jsonl", written=True)
    contrast = {name: read(data / f"contrast_{name}.jsonl", written=True) for name in _CONTRAST}
    twice = written + written
    steps = FOLDS + 2
    out_of_fold = np.zeros(posts.targets.shape)
    everything = _joined(twice, *contrast.values())
    for fold, (train, test) in enumerate(GroupKFold(FOLDS).split(posts.texts, groups=posts.groups)):
        fitted = fit(posts.take(train) + everything)
        out_of_fold[test] = fitted.logits([posts.texts[i] for i in test])
        progress(fold + 1, steps)
    calibration = calibrate(out_of_fold, posts.targets)
    others = [one for name, one in contrast.items() if name != _HELD_OUT]
    held = fit(_joined(posts, twice, *others))
    held_out = contrast[_HELD_OUT]
    figures = {
        "posts": measure.of_posts(
            posts.targets, posts.protected, posts.groups, to_scores(out_of_fold, calibration)
        ),
        "written": measure.of_written(
            held_out.targets, held_out.protected, to_scores(held.logits(held_out.texts), calibration)
        ),
    }
    progress(FOLDS + 1, steps)
    final = fit(_joined(posts, everything))
    model = TfidfModel(VERSION, final.blocks, final.weights, final.intercepts, calibration)
    model.save(target)
    (target / "metrics.json").write_text(
        json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (target / "CARD.md").write_text(card.render(VERSION, figures, len(model.weights)), encoding="utf-8")
    progress(steps, steps)
    return figures


def read(file: Path, *, written: bool) -> Labelled:
    """Read labelled rows `{text, about, act, harm, …}`; raises `models.DataError` naming file and line."""
    scheme = models.labels()
    texts, targets, groups, protected = [], [], [], []
    try:
        lines = file.read_text(encoding="utf-8").rstrip("\n").split("\n")  # JSON may hold other line ends
    except (OSError, UnicodeDecodeError) as error:
        raise models.DataError(f"Không đọc được {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            harms, act = set(row["harm"]), row["act"]
            if act not in scheme.acts or harms - {*scheme.harms}:
                raise ValueError(f"nhãn lạ: {act} {harms}")
            texts.append(normalise(row["text"]))
            groups.append(str(row.get("group") or row["id"]))
        except (ValueError, KeyError, TypeError) as error:
            raise models.DataError(f"{file.name}, dòng {number}: {error}") from error
        named = {f"act:{act}", *(f"harm:{harm}" for harm in harms)}
        targets.append(
            [bool(row["about"])]
            + [f"act:{name}" in named for name in scheme.acts]
            + [f"harm:{name}" in named for name in scheme.harms]
            + [bool(harms)]
        )
        protected.append(act in scheme.protected and not harms)
    return Labelled(
        texts, np.array(targets, bool), groups, np.array(protected, bool), np.full(len(texts), written)
    )


def fit(data: Labelled, kept: int = KEPT) -> TfidfModel:
    """Fit a model, uncalibrated; the same data give the same model."""
    counts, names, idfs = [], [], []
    for kind in KINDS:
        vectorizer = counter(kind, min_df=2 if kind == "word" else 3)
        counted = vectorizer.fit_transform([text[:LONGEST] for text in data.texts])
        documents = np.asarray((counted > 0).sum(axis=0)).ravel()
        counts.append(counted)
        names.append(vectorizer.get_feature_names_out())
        idfs.append((np.log((1 + len(data.texts)) / (1 + documents)) + 1).astype(np.float32))
    features = sparse.hstack([weigh(c, idf) for c, idf in zip(counts, idfs, strict=True)]).tocsr()
    first, _ = _heads(features, data.targets[:, -1:], data.written)
    chosen = np.sort(np.argsort(-np.abs(first[:, 0]), kind="stable")[:kept])
    blocks, parts, base = [], [], 0
    for kind, terms, idf, counted in zip(KINDS, names, idfs, counts, strict=True):
        mine = chosen[(chosen >= base) & (chosen < base + len(terms))] - base
        blocks.append(
            Block(kind, tuple(terms[mine].tolist()), idf[mine].astype(np.float16).astype(np.float32))
        )
        parts.append(weigh(counted[:, mine], blocks[-1].idf))
        base += len(terms)
    weights, intercepts = _heads(sparse.hstack(parts).tocsr(), data.targets, data.written)
    _keep_most_telling(weights[:, :-1], KEPT_FOR_OTHERS)
    neutral = np.tile(np.array([1, 0], np.float32), (len(heads()), 1))
    return TfidfModel(VERSION, tuple(blocks), weights, intercepts, neutral)


def calibrate(logits: NDArray[np.float64], targets: Bits) -> NDArray[np.float32]:
    """Return a slope and an offset for each head from out-of-fold logits (Platt, 1999).

    A head with fewer than 15 positives takes those of `harmful`: it cannot be calibrated by itself.
    """
    result = np.zeros((logits.shape[1], 2), np.float32)
    for head in reversed(range(logits.shape[1])):
        positives = int(targets[:, head].sum())
        if min(positives, len(targets) - positives) < _LEAST_FOR_CALIBRATION:
            result[head] = result[-1]
            continue
        platt = LogisticRegression(C=1e6).fit(logits[:, [head]], targets[:, head])
        result[head] = platt.coef_[0, 0], platt.intercept_[0]
    return result


def _heads(
    features: sparse.csr_matrix, targets: Bits, written: Bits
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    flagged = sparse.hstack([features, sparse.csr_matrix(written[:, None].astype(float))]).tocsr()
    importance = np.where(written, _WRITTEN_WEIGHT, 1.0)
    weights = np.zeros((features.shape[1], targets.shape[1]), np.float32)
    intercepts = np.zeros(targets.shape[1], np.float32)
    for head in range(targets.shape[1]):
        positives = int(targets[:, head].sum())
        if positives in {0, len(targets)}:
            # Nothing to tell apart: the head answers what it always saw.
            intercepts[head] = 10.0 if positives else -10.0
            continue
        regression = LogisticRegression(
            C=_C, class_weight="balanced", solver="liblinear", dual=True, max_iter=5000, random_state=_SEED
        ).fit(flagged, targets[:, head], sample_weight=importance)
        weights[:, head] = regression.coef_[0, :-1]
        intercepts[head] = regression.intercept_[0]
    return weights, intercepts


def _keep_most_telling(weights: NDArray[np.float32], kept: int) -> None:
    """Set to zero the rows of `weights` that are small, by their own head's scale, in every head."""
    scaled = np.abs(weights) / (np.abs(weights).max(axis=0) + 1e-9)
    weights[np.argsort(-scaled.max(axis=1), kind="stable")[kept:]] = 0


def _joined(first: Labelled, *others: Labelled) -> Labelled:
    for other in others:
        first = first + other
    return first
