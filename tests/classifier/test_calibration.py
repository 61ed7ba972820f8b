"""Probabilities mean what they say: fits equal references, never turn an order round, and are kept as plain JSON."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss as reference_loss

from classifier.calibration import (
    KINDS,
    Calibrator,
    Kind,
    choose,
    expected_error,
    expected_errors,
    fit,
    log_loss,
    reliability,
)
from store.shares import wilson

Case = tuple[np.ndarray, np.ndarray]


def drawn(number: int = 3000, seed: int = 1) -> Case:
    """Logits of rare positives, and truths drawn by them."""
    random = np.random.default_rng(seed)
    logits = random.normal(-2, 2, number)
    return logits, random.random(number) < 1 / (1 + np.exp(-logits))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few logits with ties, and truths of both kinds."""
    size = draw(st.integers(2, 40))
    logits = draw(st.lists(st.integers(-40, 40).map(lambda x: x / 8), min_size=size, max_size=size))
    truth = draw(
        st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda t: any(t) and not all(t))
    )
    return np.array(logits), np.array(truth)


@pytest.mark.parametrize("kind", ["temperature", "platt"])
def test_a_sigmoid_has_the_least_loss_to_platts_targets(kind: Kind) -> None:
    logits, truth = drawn()
    logits = 3 * logits + 2
    found = fit(kind, logits, truth)
    positives, rows = truth.sum(), len(truth)
    soft = np.where(truth, (positives + 1) / (positives + 2), 1 / (rows - positives + 2))

    def loss(x: np.ndarray) -> float:
        z = x[0] * logits + (x[1] if len(x) > 1 else 0)
        return float((np.logaddexp(0, z) - soft * z).sum())

    best = minimize(loss, np.ones(1 if kind == "temperature" else 2), method="Nelder-Mead", tol=1e-12).x
    assert found.slope == pytest.approx(best[0], abs=1e-5)
    assert found.offset == pytest.approx(best[1] if kind == "platt" else 0, abs=1e-5)


def test_a_known_distortion_is_undone() -> None:
    logits, truth = drawn(20_000)
    platt = fit("platt", 4 * logits - 3, truth)
    assert (platt.slope, platt.offset) == pytest.approx((1 / 4, 3 / 4), abs=0.05)
    assert fit("temperature", 4 * logits, truth).slope == pytest.approx(1 / 4, abs=0.01)


@settings(max_examples=40)
@given(cases())
def test_isotonic_runs_through_the_blocks_of_the_reference(case: Case) -> None:
    logits, truth = case
    found = fit("isotonic", logits, truth)
    levels = IsotonicRegression().fit(logits, truth).predict(logits)
    least = 1 / (len(logits) + 2)
    expected = {}
    for level in np.unique(np.round(levels, 9)):
        inside = np.isclose(levels, level)
        expected[float(logits[inside].mean())] = float(np.clip(level, least, 1 - least))
    assert found.logits == pytest.approx(list(expected))
    assert found.probabilities == pytest.approx(list(expected.values()))


@settings(max_examples=40)
@given(cases(), st.sampled_from(KINDS))
def test_no_kind_turns_an_order_round_or_is_certain(case: Case, kind: Kind) -> None:
    logits, truth = case
    found = fit(kind, logits, truth)
    steps = found.apply(np.linspace(-30, 30, 200))
    assert (np.diff(steps) >= -1e-12).all()
    given_ = found.apply(logits)
    assert np.isfinite(given_).all()
    assert (given_ >= 0).all()
    assert (given_ <= 1).all()
    if kind == "isotonic":
        assert 0 < given_.min() <= given_.max() < 1


@settings(max_examples=40)
@given(cases(), st.sampled_from(KINDS))
def test_json_gives_the_same_curve_back(case: Case, kind: Kind) -> None:
    found = fit(kind, *case)
    assert Calibrator.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_kept_curve_is_applied_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, truth = drawn(200)
    kept = [fit(kind, logits, truth).to_json() for kind in KINDS]
    expected = [fit(kind, logits, truth).apply(logits) for kind in KINDS]
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    for plain, p in zip(kept, expected, strict=True):
        assert np.array_equal(Calibrator.from_json(plain).apply(logits), p)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"kind": "magic"},
        {"kind": "platt", "slope": -1.0, "offset": 0.0},
        {"kind": "platt", "slope": float("nan"), "offset": 0.0},
        {"kind": "temperature", "slope": "steep", "offset": 0},
        {"kind": "isotonic", "logits": [], "probabilities": []},
        {"kind": "isotonic", "logits": [0, 0], "probabilities": [0.1, 0.2]},
        {"kind": "isotonic", "logits": [0, 1], "probabilities": [0.2, 0.1]},
        {"kind": "isotonic", "logits": [0, 1], "probabilities": [0.2, 1.1]},
        {"kind": "isotonic", "logits": [0, 1, 2], "probabilities": [0.2, 0.3]},
    ],
)
def test_a_curve_that_does_not_rise_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Calibrator.from_json(plain)


@pytest.mark.parametrize(
    ("logits", "truth"),
    [
        ([0.0, 1.0], [True, True]),
        ([0.0, 1.0], [False, False]),
        ([0.0, np.nan], [True, False]),
        ([0.0, np.inf], [True, False]),
        ([0.0], [True, False]),
    ],
)
def test_what_cannot_be_fitted_is_refused(logits: list[float], truth: list[bool]) -> None:
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"hiệu chỉnh|Cần"):
            fit(kind, logits, truth)


def test_posts_told_apart_perfectly_get_no_endless_slope() -> None:
    found = fit("platt", [-2, -1, 1, 2], [False, False, True, True])
    assert 0 < found.slope < 10
    assert fit("platt", [2, 1, -1, -2], [False, False, True, True]).apply([5, -5]) == pytest.approx(
        [0.5, 0.5]
    )


def test_the_way_with_the_least_held_out_loss_is_chosen() -> None:
    logits, truth = drawn(4000)
    groups = np.arange(len(truth)) // 2
    shifted = choose(2 * logits + 3, truth, groups)
    assert shifted.calibrator.kind == "platt"
    assert shifted.losses["platt"] == pytest.approx(reference_loss(truth, shifted.held_out))
    bent = choose(np.where(logits > 0, 20 * logits, logits / 20), truth, groups)
    assert bent.calibrator.kind == "isotonic"
    assert expected_error(bent.held_out, truth) < 0.02
    again = choose(2 * logits + 3, truth, groups)
    assert again.calibrator == shifted.calibrator
    assert np.array_equal(again.held_out, shifted.held_out)


def test_copies_of_a_post_do_not_help_the_supple_way() -> None:
    random = np.random.default_rng(3)
    logits, truth = random.normal(size=40), random.random(40) < 0.5
    copies = np.repeat(np.arange(40), 15)
    together = choose(logits[copies], truth[copies], copies)
    apart = choose(logits[copies], truth[copies], np.arange(len(copies)))
    assert together.losses["isotonic"] > together.losses["platt"]
    # Where copies lie on both sides, noise is learned by heart and looks like knowledge.
    assert apart.losses["isotonic"] < together.losses["isotonic"] - 0.05


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="nhóm"):
        choose([0.0, 1.0, 2.0], [True, False, False], ["a", "b", "c"])


def slow_error(p: np.ndarray, truth: np.ndarray, weights: np.ndarray, bins: int, by: str) -> float:
    """The definition, row by row."""
    place = np.zeros(len(p), int)
    for i in range(len(p)):
        below, level = weights[p < p[i]].sum(), weights[p == p[i]].sum()
        at = (below + level / 2) / weights.sum() if by == "mass" else p[i]
        place[i] = min(bins - 1, int(at * bins))
    total = 0.0
    for one in range(bins):
        inside = place == one
        total += abs((weights * (p - truth))[inside].sum())
    return total / weights.sum()


@settings(max_examples=40)
@given(st.data())
def test_the_expected_error_is_its_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    # Sixteenths, so that no sum is rounded across the edge of a bin.
    p = np.array(data.draw(st.lists(st.integers(0, 16), min_size=size, max_size=size))) / 16
    truth = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), float)
    weights[0] += 1
    for by in ("mass", "width"):
        (found,) = expected_errors(p, truth, weights[None], bins=4, by=by)
        assert found == pytest.approx(slow_error(p, truth, weights, 4, by))
        order = np.random.default_rng(0).permutation(size)
        assert expected_error(p[order], truth[order], 4, by) == pytest.approx(expected_error(p, truth, 4, by))


def test_what_is_calibrated_has_no_error_and_what_is_not_has_its_own() -> None:
    random = np.random.default_rng(5)
    p = random.random(40_000) * 0.8
    truth = random.random(40_000) < p
    for by in ("mass", "width"):
        assert expected_error(p, truth, by=by) < 0.01
        assert expected_error(p + 0.1, truth, by=by) == pytest.approx(0.1, abs=0.01)


def test_a_reliability_curve_holds_every_row_and_its_interval() -> None:
    logits, truth = drawn(1000)
    p = fit("platt", logits, truth).apply(logits)
    bins = reliability(p, truth)
    assert len(bins) == 15
    assert sum(one.rows for one in bins) == 1000
    assert sum(one.rows * one.observed for one in bins) == pytest.approx(truth.sum())
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    assert all(one.low <= one.observed <= one.high for one in bins)
    assert sum(abs(b.predicted - b.observed) * b.rows for b in bins) / 1000 == pytest.approx(
        expected_error(p, truth)
    )


@settings(max_examples=40)
@given(st.integers(1, 200), st.data())
def test_wilsons_interval_is_that_of_scipy(rows: int, data: st.DataObject) -> None:
    positives = data.draw(st.integers(0, rows))
    low, high = binomtest(positives, rows).proportion_ci(method="wilson")
    assert wilson(positives, rows) == pytest.approx((low, high), abs=1e-6)
    assert wilson(0, 0) == (0, 1)


@settings(max_examples=40)
@given(cases())
def test_log_loss_is_that_of_scikit_learn(case: Case) -> None:
    logits, truth = case
    p = 1 / (1 + np.exp(-logits))
    assert log_loss(p, truth) == pytest.approx(reference_loss(truth, p))
