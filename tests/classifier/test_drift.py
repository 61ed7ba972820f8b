"""Drift: the measures' laws, known cases, and that chance alone is not called a change."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import models
from classifier import drift
from classifier.drift import Level, jensen_shannon, psi, score_shift, tokens, training_scores, word_shift
from tests.scored import keep_held_out

histograms = (
    st.integers(1, 12)
    .flatmap(
        lambda bins: st.tuples(*(arrays(np.float64, bins, elements=st.integers(0, 500)) for _ in range(2)))
    )
    .filter(lambda pair: all(counts.sum() > 0 for counts in pair))
)


@given(histograms)
def test_both_measures_are_nought_for_equals_and_symmetric(pair: tuple[drift.Floats, drift.Floats]) -> None:
    one, other = pair
    assert psi(one, one) == psi(one, one * 3) == 0
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert jensen_shannon(one, one * 3) == pytest.approx(0, abs=1e-12)
    assert 0 <= jensen_shannon(one, other) <= 1
    assert jensen_shannon(one, other) == pytest.approx(jensen_shannon(other, one), abs=1e-12)


def test_known_values() -> None:
    one, other = np.array([50.0, 50.0]), np.array([90.0, 10.0])
    assert psi(one, other) == pytest.approx(-0.4 * math.log(0.5 / 0.9) + 0.4 * math.log(0.5 / 0.1))
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    # Table of the chi-squared distribution: 95 % at 9 degrees is 16.92.
    assert drift.psi_by_chance(200, 200, 10) == pytest.approx(0.01 * 16.919, rel=1e-4)


@pytest.mark.parametrize(
    ("index", "chance", "word"),
    [
        (0.05, 0.01, Level.STABLE),
        (0.1, 0.01, Level.WATCH),
        (0.25, 0.01, Level.CHANGED),
        (0.2, 0.21, Level.STABLE),
        (0.3, 0.31, Level.STABLE),
        (0.5, 0.3, Level.CHANGED),
        (0.24, 0.2, Level.WATCH),
    ],
)
def test_the_word_for_an_index(index: float, chance: float, word: Level) -> None:
    assert drift.level(index, chance) is word


def test_samples_of_one_source_are_stable_and_a_moved_source_is_not() -> None:
    rng = np.random.default_rng(3)
    reference = rng.beta(0.5, 6, 800)
    alike = [score_shift(rng.beta(0.5, 6, 300), reference) for _ in range(200)]
    assert sum(shift.level is not Level.STABLE for shift in alike) <= 0.05 * 200
    # The stated chance level holds: about one in twenty lies beyond it.
    assert 0.01 <= np.mean([shift.psi > shift.psi_by_chance for shift in alike]) <= 0.1
    moved = score_shift(rng.beta(1.5, 6, 300), reference)
    assert moved.level is Level.CHANGED
    assert moved.js > max(shift.js for shift in alike)


def test_scores_all_the_same_can_be_compared() -> None:
    assert score_shift([0.2] * 5, [0.2] * 9).psi == 0
    assert score_shift([0.9] * 5, [0.2] * 9).level is not Level.WATCH
    with pytest.raises(ValueError, match="no scores"):
        score_shift([], [0.1])


# ── words ───────────────────────────────────────────────────────────────────


def test_words_leave_out_what_reaches_a_person() -> None:
    said = "Thuốc F0 gọi 0912345678, @co_ba, fb.com/ai.do hay https://a.example/x.html, 100 liều"
    assert tokens(said) == [
        ("thuoc", "thuốc"), ("f0", "f0"), ("goi", "gọi"), ("fb", "fb"), ("com", "com"), ("hay", "hay"),
        ("lieu", "liều"),
    ]  # fmt: skip


def speech(rng: np.random.Generator, texts: int, words: int = 30, extra: str = "") -> list[list[drift.Token]]:
    vocabulary = [f"tu{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    weights = 1 / np.arange(1, 201)
    made = rng.choice(vocabulary, (texts, words), p=weights / weights.sum())
    return [[(word, word) for word in text] + ([(extra, extra)] if extra else []) for text in made.tolist()]


def test_texts_of_one_source_differ_by_chance_alone() -> None:
    rng = np.random.default_rng(5)
    beyond = 0
    for _ in range(20):
        shift = word_shift(speech(rng, 60), speech(rng, 120))
        assert shift is not None
        beyond += shift.beyond_chance
    assert beyond <= 4


def test_a_new_word_is_found_and_said_as_it_is_written() -> None:
    rng = np.random.default_rng(6)
    week = [[*text, ("vac", "vắc"), ("xin", "xin")] for text in speech(rng, 60)]
    week += [[("vac", "vac"), *speech(rng, 1)[0]]]
    shift = word_shift(week, speech(rng, 120))
    assert shift is not None
    assert shift.beyond_chance
    assert [risen.word for risen in shift.rose[:2]] == ["vắc", "xin"]
    assert shift.rose[0].before == 0 < shift.rose[0].share
    assert shift.unknown > shift.unknown_by_chance


def test_a_word_that_fewer_than_five_texts_have_is_never_shown() -> None:
    rng = np.random.default_rng(8)
    four = speech(rng, 4, extra="riengtoi")
    four[0] += [("riengtoi", "riengtoi")] * 50
    shift = word_shift(four + speech(rng, 60), speech(rng, 120))
    assert shift is not None
    assert "riengtoi" not in {risen.word for risen in shift.rose}
    shift = word_shift(speech(rng, 1, extra="riengtoi") + four + speech(rng, 60), speech(rng, 120))
    assert shift is not None
    assert shift.rose[0].word == "riengtoi"


def test_without_words_there_is_nothing_to_compare() -> None:
    some = [[("a", "a")]]
    assert word_shift([], some) is None
    assert word_shift([[]], some) is None
    assert word_shift(some, [[]]) is None
    same = word_shift(some, some)
    assert same is not None
    assert (same.js, same.unknown, same.rose) == (0, 0, ())


def test_training_scores_of_a_folder(tmp_path: Path) -> None:
    assert training_scores(tmp_path) is None
    keep_held_out(tmp_path, [0.1, 0.9])
    found = training_scores(tmp_path)
    assert found is not None
    assert found == pytest.approx([0.1, 0.9])
    (tmp_path / "oof.npz").write_bytes(b"not an archive")
    with pytest.raises(models.DataError, match=r"oof\.npz"):
        training_scores(tmp_path)
