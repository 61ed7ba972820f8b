"""The shipped linear model is what its card says; texts are taken apart rightly; its scores add up."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

import models
from classifier.features import KINDS, grams
from classifier.load import folder_of, load
from classifier.tfidf import TfidfModel, heads
from store.text import fold, normalise
from tests.factory import HARMFUL, HARMLESS

TEXTS = [*HARMFUL, HARMLESS]


def test_the_shipped_model_reaches_the_figures_of_its_card() -> None:
    folder = folder_of()
    figures = json.loads((folder / "metrics.json").read_text())
    card = (folder / "CARD.md").read_text()
    assert figures["posts"]["roc_auc"]["value"] >= 0.92
    assert figures["posts"]["calibration_error"]["value"] <= 0.05
    (written,) = figures["written"].values()
    assert written["roc_auc"]["value"] >= 0.92
    for part in (figures["posts"], written):
        assert f"{part['roc_auc']['value']:.3f}" in card
    assert load().name in card
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 70e6


def test_a_saved_model_scores_as_before(tmp_path: Path) -> None:
    shipped = TfidfModel.load(models.path("tfidf"))
    shipped.save(tmp_path)
    again = TfidfModel.load(tmp_path)
    assert np.array_equal(again.logits(TEXTS), shipped.logits(TEXTS))


@pytest.mark.parametrize("broken", ["model.json", "weights.npz"])
def test_a_broken_model_is_a_clear_error(tmp_path: Path, broken: str) -> None:
    TfidfModel.load(models.path("tfidf")).save(tmp_path)
    (tmp_path / broken).write_text("hỏng")
    with pytest.raises(models.DataError, match=str(tmp_path)):
        load(tmp_path)
    (tmp_path / broken).unlink()
    with pytest.raises(models.DataError):
        load(tmp_path)


def terms(text: str) -> Counter[str]:
    """Count the runs that a text is taken apart into, each with its kind."""
    found = grams([text])
    return Counter(
        f"{KINDS[kind]}:{text[a:b]}" for kind, a, b in zip(found.kinds, found.start, found.end, strict=True)
    )


def test_a_text_is_taken_apart_into_words_pairs_and_parts() -> None:
    assert terms("Đi  nha") == Counter(
        {
            "word:Đi": 1, "word:nha": 1, "word:Đi  nha": 1,
            "folded_word:Đi": 1, "folded_word:nha": 1, "folded_word:Đi  nha": 1,
            # Of " đi " and " nha ": what is 2 to 5 characters long, blanks included, shown without them.
            "folded_char:Đ": 1, "folded_char:i": 1, "folded_char:Đi": 4, "folded_char:n": 1,
            "folded_char:nh": 2, "folded_char:nha": 4, "folded_char:ha": 2, "folded_char:a": 1,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", [HARMFUL[0], "A  b\nc", "đi ĐI", "xin chào 🙏 nhé", "a", "Istanbul x", "", " "]
)
def test_words_are_those_that_scikit_learn_counts(text: str) -> None:
    found = grams([text])
    for kind in ("word", "folded_word"):
        mine = found.kinds == KINDS.index(kind)
        counter = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+")
        has_words = bool(re.search(r"\w", text))
        counts = counter.fit_transform([fold(text) if kind == "folded_word" else text]) if has_words else None
        expected = sorted(counts.data.tolist()) if counts is not None else []
        _, often = np.unique(found.hashes[mine], return_counts=True)
        assert sorted(often.tolist()) == expected


@given(st.lists(st.text(max_size=60), max_size=5))
def test_a_text_is_taken_apart_alike_alone_and_among_others(texts: list[str]) -> None:
    together = grams(texts)
    for number, text in enumerate(texts):
        alone, mine = grams([text]), together.texts == number
        assert Counter(alone.hashes.tolist()) == Counter(together.hashes[mine].tolist())
        assert (alone.start < alone.end).all()
        assert (alone.end <= len(text)).all()


@given(st.text(alphabet="aăâđeêoôuưáảấtnc ", max_size=40))
def test_without_marks_the_folded_features_are_the_same(text: str) -> None:
    text = normalise(text)
    plain, given_ = grams([fold(text)]), grams([text])
    word = KINDS.index("word")
    assert Counter(plain.hashes[plain.kinds != word].tolist()) == Counter(
        given_.hashes[given_.kinds != word].tolist()
    )


def test_tones_may_stand_on_either_vowel() -> None:
    assert set(grams(["hoà"]).hashes) == set(grams(["hòa"]).hashes)


def test_the_explanation_adds_up_to_the_score() -> None:
    shipped = TfidfModel.load(models.path("tfidf"))
    for text in TEXTS:
        (logits,) = shipped.logits([text])
        gained = shipped._gains(text).sum(axis=0) + shipped.intercepts
        assert gained[heads().index("harmful")] == pytest.approx(logits[-1], abs=0.05)
