"""Trees over what all heads say: the same as the library that grew them, kept in a file, refused when broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

import models
from classifier.calibration import log_odds
from classifier.encoder.trees import Trees
from classifier.evaluate import ranking
from classifier.training import boost

SEED = 7
chance = np.random.default_rng(SEED)
# Harm is in a claim of a cure (1) that is no question (2); the head `harmful` (last) sees the cure alone.
GIVEN = chance.uniform(0.02, 0.98, (900, 4))
HARMFUL = (GIVEN[:, 1] > 0.6) & (GIVEN[:, 2] < 0.5)
GIVEN[:, -1] = np.clip(GIVEN[:, 1] * 0.8, 0.02, 0.98)
GROUPS = [f"g{i // 3}" for i in range(len(GIVEN))]


@pytest.fixture(scope="module")
def trees() -> Trees:
    return boost.fit(GIVEN, HARMFUL, GROUPS, SEED)


def auc(scores: NDArray[np.float64]) -> float:
    return float(ranking.auc(HARMFUL, scores)(np.ones((1, len(HARMFUL))))[0])


def test_they_say_what_the_library_says(trees: Trees) -> None:
    given = log_odds(GIVEN).astype(np.float32)
    library = GradientBoostingClassifier(**boost._SHAPE, random_state=SEED).fit(given, HARMFUL)
    ours = 2 * trees.joined(GIVEN) - log_odds(GIVEN)[:, -1]
    assert ours == pytest.approx(library.decision_function(given), abs=1e-4)


def test_held_out_they_find_what_no_head_says_by_itself() -> None:
    held_out = boost.crossed(GIVEN, HARMFUL, GROUPS, SEED)
    assert auc(held_out) > auc(GIVEN[:, -1]) + 0.1
    assert abs(float(held_out.mean()) - float(HARMFUL.mean())) < 0.02


def test_a_row_does_not_depend_on_the_others(trees: Trees) -> None:
    alone = [trees.harmful(row[None])[0] for row in GIVEN[:20]]
    assert alone == trees.harmful(GIVEN[:20]).tolist()


def test_a_file_gives_them_back_and_a_broken_one_is_refused(trees: Trees, tmp_path: Path) -> None:
    file = tmp_path / "trees.npz"
    trees.save(file)
    assert np.array_equal(Trees.load(file, 4).harmful(GIVEN), trees.harmful(GIVEN))
    with pytest.raises(models.DataError, match=r"labels\.yaml"):
        Trees.load(file, 2)
    root = trees.left[:, :1]
    wrong: dict[str, object] = {
        "left": np.where(trees.left == root, 0, trees.left),  # a way that leads back to where it began
        "right": np.where(trees.right >= 0, 10_000, trees.right),
        "value": trees.value[:, :-1],
        "base": np.nan,
    }
    for name, value in wrong.items():
        np.savez(file, **vars(trees) | {name: value})
        with pytest.raises(models.DataError):
            Trees.load(file, 4)
    file.write_bytes(b"PK")
    with pytest.raises(models.DataError):
        Trees.load(file, 4)
