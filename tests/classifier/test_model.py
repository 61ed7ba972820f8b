"""The shipped model is what its card says; training makes the same files; its explanation adds up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import models
from classifier.features import KINDS, counter, occurrences
from classifier.load import load
from classifier.tfidf import TfidfModel, heads
from classifier.train import read, run_training
from tests.factory import HARMFUL, HARMLESS

TEXTS = [*HARMFUL, HARMLESS]


def test_the_shipped_model_reaches_the_figures_of_its_card() -> None:
    folder = models.path("tfidf")
    figures = json.loads((folder / "metrics.json").read_text())
    card = (folder / "CARD.md").read_text()
    assert figures["posts"]["roc_auc"]["value"] >= 0.91
    assert figures["written"]["roc_auc"]["value"] >= 0.88
    for part in ("posts", "written"):
        assert f"{figures[part]['roc_auc']['value']:.3f}" in card
    assert load().name in card
    assert all(path.stat().st_size < 2_000_000 for path in folder.iterdir())


def test_a_saved_model_scores_as_before(tmp_path: Path) -> None:
    shipped = TfidfModel.load(models.path("tfidf"))
    shipped.save(tmp_path)
    again = TfidfModel.load(tmp_path)
    assert np.array_equal(again.logits(TEXTS), shipped.logits(TEXTS))


@pytest.mark.parametrize("broken", ["model.json", "weights.npz", "terms_word.txt"])
def test_a_broken_model_is_a_clear_error(tmp_path: Path, broken: str) -> None:
    TfidfModel.load(models.path("tfidf")).save(tmp_path)
    (tmp_path / broken).write_text("hỏng")
    with pytest.raises(models.DataError, match=str(tmp_path)):
        load(tmp_path)
    (tmp_path / broken).unlink()
    with pytest.raises(models.DataError):
        load(tmp_path)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("text", [HARMFUL[0], "A  b\nc", "đi ĐI", "xin chào 🙏 nhé", "a", "İstanbul ǅ x"])
def test_places_are_those_of_the_counted_features(kind: str, text: str) -> None:
    vectorizer = counter(kind)
    counts = vectorizer.fit_transform([text]) if any(c.isalnum() for c in text) else None
    expected = (
        dict(zip(vectorizer.get_feature_names_out(), counts.toarray()[0], strict=True))
        if counts is not None
        else {}
    )
    found: dict[str, int] = {}
    for start, end, term in occurrences(kind, text):
        assert 0 <= start < end <= len(text)
        found[term] = found.get(term, 0) + 1
    if text.isascii() or "İ" not in text:
        assert found == expected


def test_the_explanation_adds_up_to_the_score() -> None:
    shipped = TfidfModel.load(models.path("tfidf"))
    for text in TEXTS:
        (logits,) = shipped.logits([text])
        gained = shipped._gains(text).sum(axis=0) + shipped.intercepts
        assert gained[heads().index("harmful")] == pytest.approx(logits[-1], abs=0.05)


def rows(number: int) -> list[dict[str, object]]:
    """Make labelled rows by turning known texts: enough to see that training runs, not to learn from."""
    made = []
    for i in range(number):
        harmful = i % 2 == 0
        text = HARMFUL[i % len(HARMFUL)] if harmful else f"{HARMLESS} ngày {i}"
        made.append(
            {
                "id": f"r{i}", "text": f"{text} {i}", "about": 1, "act": "claim" if harmful else "news",
                "harm": [models.labels().harms[i % 9]] if harmful else [], "group": f"g{i // 3}",
            }
        )  # fmt: skip
    return made


def write(path: Path, number: int) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(number)))


def test_training_makes_a_model_a_card_and_figures(tmp_path: Path) -> None:
    for name, number in {
        "posts_train": 90,
        "functional_a": 20,
        **{f"contrast_{c}": 20 for c in "cdefgh"},
    }.items():
        write(tmp_path / f"{name}.jsonl", number)
    steps: list[tuple[int, int]] = []
    figures = run_training(tmp_path, tmp_path / "out", lambda done, total: steps.append((done, total)))
    assert steps[-1] == (7, 7)
    assert figures["posts"]["rows"] == 90
    made = load(tmp_path / "out")
    scores = made.score([HARMFUL[0], HARMLESS])
    assert scores.harmful[0] > scores.harmful[1]
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "CARD.md",
        "metrics.json",
        "model.json",
        "weights.npz",
    }


@pytest.mark.parametrize(
    "line", ["{hỏng", '{"text": "a"}', '{"text": "a", "id": 1, "about": 1, "act": "song", "harm": []}',
             '{"text": "a", "id": 1, "about": 1, "act": "claim", "harm": ["noise"]}'],
)  # fmt: skip
def test_a_wrong_label_names_its_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "posts_train.jsonl"
    write(path, 2)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(models.DataError, match=r"posts_train\.jsonl, dòng 3"):
        read(path, written=False)
