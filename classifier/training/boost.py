"""Fits the trees that say how likely harm is from what all heads say (`classifier.encoder.trees`).

Gradient boosting (Friedman 2001, with a share of rows a tree after Friedman 2002) on held-out probabilities:
few, small trees, for there are a few hundred harmful posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from classifier import calibration
from classifier.encoder.trees import Trees

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

LEAST = 50  # harmful posts without which there are no trees
_FOLDS = 5
_RATE = 0.05
_SHAPE = {
    "n_estimators": 150,
    "learning_rate": _RATE,
    "max_depth": None,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "subsample": 0.7,
    "max_features": 0.5,
}


def fit(probabilities: Floats, harmful: Bits, groups: Sequence[str], seed: int) -> Trees:
    """Return trees for held-out probabilities (n, 22) of all heads and the truth (n,).

    The curve is fitted on what trees say of groups that they were fitted without.
    """
    joined = np.zeros(len(harmful))
    for train, test in _parts(groups, seed):
        joined[test] = _grown(probabilities[train], harmful[train], seed).joined(probabilities[test])
    curve = calibration.fit("platt", joined, harmful)
    grown = _grown(probabilities, harmful, seed)
    return replace(grown, slope=curve.slope, offset=curve.offset)


def crossed(probabilities: Floats, harmful: Bits, groups: Sequence[str], seed: int) -> Floats:
    """Return P(harmful), (n,), those of each fold by trees fitted without it: these are reported."""
    result = np.zeros(len(harmful))
    for train, test in _parts(groups, seed + 1):
        fitted = fit(probabilities[train], harmful[train], [groups[i] for i in train], seed)
        result[test] = fitted.harmful(probabilities[test])
    return result


def _parts(groups: Sequence[str], seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    splitter = GroupKFold(_FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(groups)), groups=groups))


def _grown(probabilities: Floats, harmful: Bits, seed: int) -> Trees:
    given = calibration.log_odds(probabilities).astype(np.float32)
    found = GradientBoostingClassifier(**_SHAPE, random_state=seed).fit(given, harmful)
    trees = [one.tree_ for one in found.estimators_[:, 0]]
    most = max(tree.node_count for tree in trees)

    def table(name: str, fill: int = 0) -> Floats:
        made = np.full((len(trees), most), fill, np.float64)
        for row, tree in enumerate(trees):
            made[row, : tree.node_count] = np.asarray(getattr(tree, name)).reshape(tree.node_count)
        return made

    share = float(np.mean(harmful))
    return Trees(
        feature=np.maximum(table("feature", -1), -1).astype(np.int16),
        threshold=table("threshold").astype(np.float32),
        left=table("children_left", -1).astype(np.int16),
        right=table("children_right", -1).astype(np.int16),
        value=(table("value") * _RATE).astype(np.float32),
        base=float(np.log(share / (1 - share))),
        slope=1.0,
        offset=0.0,
    )
