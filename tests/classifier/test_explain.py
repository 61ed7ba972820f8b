"""Explanations: what is left out, what is named, and which examples are near."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

import models
from classifier.examples import SETS, Example, Examples, build, has_encoder, written
from classifier.explain import LONGEST, VARIANTS, Explanation, Moved, explain
from classifier.model import Scores, Span
from search.vectors import embed
from store.text import fold, normalise, words
from tests.conftest import shared
from tests.factory import HARMFUL, model

SCHEME = models.labels()


@dataclass
class Linear:
    """A model whose log-odds are sums of the weights of words: what occlusion should find is known."""

    harmful: Mapping[str, float] = field(default_factory=dict)
    cure: Mapping[str, float] = field(default_factory=dict)
    question: Mapping[str, float] = field(default_factory=dict)
    name: str = "linear-1"
    batches: list[int] = field(default_factory=list)

    def score(self, texts: Sequence[str]) -> Scores:
        self.batches.append(len(texts))

        def total(weights: Mapping[str, float]) -> NDArray[np.float64]:
            return expit(np.array([sum(weights.get(w, 0.0) for w in words(text)) - 0.5 for text in texts]))

        acts, harms = np.zeros((len(texts), len(SCHEME.acts))), np.full((len(texts), len(SCHEME.harms)), 0.01)
        acts[:, SCHEME.acts.index("question")] = total(self.question)
        acts[:, SCHEME.acts.index("claim")] = 1 - total(self.question)
        harms[:, SCHEME.harms.index("cure")] = total(self.cure)
        return Scores(np.ones(len(texts)), acts, harms, total(self.harmful))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 0), np.float32)

    def spans(self, text: str, limit: int = 8) -> tuple[Span, ...]:
        return ()


def said(text: str, spans: Sequence[Span]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def of_head(found: Explanation, head: str) -> Moved:
    return next(moved for moved in found.heads if moved.head == head)


def test_each_score_names_its_own_words_up_and_down() -> None:
    linear = Linear({"toi": 2.0, "sai": -1.0}, {"khoi": 3.0}, {"khong": 2.5})
    text = "Uống nước tỏi là khỏi hẳn, có thật không? Nghe đâu sai rồi."
    found = explain(text, linear)
    assert [(moved.head, moved.label) for moved in found.heads] == [
        ("harmful", "harmful"), ("harm", "cure"), ("protected", "question"),
    ]  # fmt: skip
    harmful = of_head(found, "harmful")
    assert (said(text, harmful.up), said(text, harmful.down)) == (["tỏi"], ["sai"])
    assert (harmful.up[0].weight, harmful.down[0].weight) == (1.0, 0.5)
    assert harmful.probability == pytest.approx(expit(0.5), abs=1e-6)
    assert said(text, of_head(found, "harm").up) == ["khỏi"]
    assert said(text, of_head(found, "protected").up) == ["không"]
    assert (found.start, found.end) == (0, len(text))


vocabulary = [f"từ{chr(97 + i)}" for i in range(20)]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(vocabulary), min_size=1, max_size=400),
    st.integers(0, 400),
    st.integers(3, 60),
    st.booleans(),
)
def test_the_word_that_decides_is_found_wherever_it_stands(
    around: list[str], place: int, sentence: int, up: bool
) -> None:
    linear = Linear({"mấuchốt": 4.0 if up else -4.0, fold("mấuchốt"): 4.0 if up else -4.0})
    order = [*around]
    order.insert(min(place, len(around)), "mấuchốt")
    text = " ".join(f"{word}." if i % sentence == sentence - 1 else word for i, word in enumerate(order))
    found = explain(text, linear)
    harmful = of_head(found, "harmful")
    named, other = (harmful.up, harmful.down) if up else (harmful.down, harmful.up)
    assert len(named) == 1
    assert "mấuchốt" in said(text, named)[0]
    # At most one neighbour comes along, where two words were left out together.
    assert len(said(text, named)[0].split()) <= 2
    assert not other
    assert found.variants == sum(linear.batches) <= VARIANTS
    assert len(linear.batches) <= 3


@settings(max_examples=40)
@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from(["tỏi. ", "😀 ", "\n\n"])), max_size=40))
def test_spans_lie_in_any_text_apart_and_in_order(parts: list[str]) -> None:
    text = normalise(" ".join(parts))
    linear = Linear({"toi": 1.0, "a": -1.0, "0": 2.0}, {"toi": 1.0}, {"b": 1.0})
    found = explain(text, linear)
    assert found == explain(text, linear)
    assert 0 <= found.start <= found.end <= len(text)
    for moved in found.heads:
        spans = sorted([*moved.up, *moved.down], key=lambda span: span.start)
        assert all(0 <= span.start < span.end <= len(text) for span in spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
        assert list(moved.up) == sorted(moved.up, key=lambda span: span.start)
        assert all(0 < span.weight <= 1 for span in spans)


def test_of_a_very_long_text_the_stretch_that_harms_most_is_taken_apart() -> None:
    filler = "hôm nay trời nắng đẹp cả nhà đi chợ. " * 3000
    text = filler + "Uống tỏi là khỏi hẳn. " + filler
    linear = Linear({"toi": 5.0})
    found = explain(text[: 30 * LONGEST], linear)
    assert found.start <= text.index("tỏi") < found.end
    assert found.end - found.start <= LONGEST
    (span,) = of_head(found, "harmful").up
    assert "tỏi" in text[span.start : span.end]
    assert len(text[span.start : span.end].split()) <= 3
    assert max(linear.batches) <= 60
    one_word = explain("a" * 50_000, linear)
    assert of_head(one_word, "harmful").up == ()


def test_nothing_moved_is_nothing_named() -> None:
    found = explain("", Linear())
    assert all(moved.up == moved.down == () for moved in found.heads)


def test_the_shipped_model_is_explained_by_what_it_reads() -> None:
    for text in HARMFUL[:3]:
        found = explain(text, model())
        harmful = of_head(found, "harmful")
        assert harmful.probability == pytest.approx(model().score([text]).harmful[0], abs=1e-6)
        assert harmful.up
        assert found.variants <= VARIANTS
        # Without all that is named, the score is lower.
        left = text
        for span in reversed(harmful.up):
            left = left[: span.start] + left[span.end :]
        assert model().score([left]).harmful[0] < harmful.probability


# ── examples ────────────────────────────────────────────────────────────────


def test_the_shipped_examples_are_the_written_sets() -> None:
    folder = shared("data/functional_a.jsonl").parent
    assert models.read_text("examples.jsonl") == build(folder)
    with pytest.raises(models.DataError, match="functional_a"):
        build(folder / "nowhere")


def test_every_shipped_example_is_labelled_by_the_scheme_and_names_nobody_else() -> None:
    assert len(written()) == 2200
    assert len({example.id for example in written()}) == 2200
    for example in written():
        assert example.act in SCHEME.acts
        assert {*example.harms} <= {*SCHEME.harms}
        assert example.text == normalise(example.text)
    for line in models.read_text("examples.jsonl").splitlines():
        assert {*json.loads(line)} == {"id", "text", "act", "harm", "function"}
    assert SETS[0] == "functional_a"


def test_the_nearest_of_either_kind_are_found_with_or_without_diacritics() -> None:
    examples = Examples.of(Linear())
    wanted = [written()[0], next(example for example in written() if not example.harmful)]
    for example in wanted:
        for text in (example.text, fold(example.text)):
            harmful, harmless = examples.nearest(text)
            first = (harmful if example.harmful else harmless)[0]
            assert first.example == example
            assert first.similarity == 1
            assert len(harmful) == len(harmless) == 3
            assert all(near.example.harmful for near in harmful)
            assert not any(near.example.harmful for near in harmless)
            similar = [near.similarity for near in harmful]
            assert similar == sorted(similar, reverse=True)
    assert examples.nearest("zzzz qqqq") == ([], [])
    assert Examples([], Linear()).nearest("tỏi") == ([], [])


def test_texts_decided_here_are_examples_too_but_not_of_themselves() -> None:
    text = "Chuyện lạ làng tôi: con trâu biết nói bảo ăn ngải cứu là hết dịch"
    own = Example("d7-x", text, "claim", ("cure",), case=7)
    examples = Examples.of(Linear(), decided=lambda: [own])
    assert examples.nearest(text)[0][0].example == own
    assert own not in [near.example for near in examples.nearest(text, without_case=7)[0]]


@dataclass
class Meaning(Linear):
    """A model with an encoder: hashed words."""

    name: str = "meaning/1"
    embedded: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.array(embed(texts), np.float32)


def test_vectors_of_examples_are_made_once_for_each_model_and_text(tmp_path: Path) -> None:
    some = [Example(str(i), text, "claim", ("cure",) if i % 2 else ()) for i, text in enumerate(HARMFUL)]
    first = Meaning()
    assert has_encoder(first)
    assert not has_encoder(Linear())
    first.embedded.clear()
    found = Examples(some, first, tmp_path).nearest(HARMFUL[3])
    assert found[0][0].example == some[3]
    assert found[0][0].similarity == pytest.approx(1, abs=1e-4)
    again = Meaning()
    assert Examples(some, again, tmp_path).nearest(HARMFUL[3]) == found
    assert not {*again.embedded} & {*HARMFUL} - {HARMFUL[3]}

    # One more is all that is made; what left is kept no longer.
    more, added = Meaning(), Example("new", "một lời mới toanh", "claim", ())
    Examples([*some[1:], added], more, tmp_path)
    assert HARMFUL[1] not in more.embedded
    assert added.text in more.embedded
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("examples-")
    with np.load(file) as stored:
        assert len(stored["names"]) == len(some) + 1  # the probe
    other = Meaning(name="meaning/2")
    Examples(some, other, tmp_path)
    assert {*HARMFUL} <= {*other.embedded}

    file.write_bytes(b"torn")
    torn = Meaning()
    assert Examples(some, torn, tmp_path).nearest(HARMFUL[3]) == found
    assert {*HARMFUL} <= {*torn.embedded}
