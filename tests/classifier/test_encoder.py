"""A model with an encoder: what it says of a post does not depend on its neighbours, however long the post is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from classifier.encoder.encode import Encoder
from classifier.encoder.folder import FirstStage
from classifier.encoder.model import ReaderModel
from classifier.encoder.pieces import MOST, sentences
from classifier.encoder.runtime import OnnxRunner, Serving
from classifier.encoder.segment import placed
from classifier.encoder.tokens import Shape, Tokens
from classifier.model import Scores
from classifier.tfidf import heads, to_scores
from store.text import normalise
from tests.classifier import tiny_reader
from tests.factory import HARMFUL, HARMLESS

ONE = Serving(threads=1)
LONG = normalise("\n".join([*HARMFUL, HARMLESS]))
TEXTS = [*HARMFUL, HARMLESS, LONG, "", "🙏", "\u200d", "a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reader.write(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def reader(folder: Path) -> ReaderModel:
    return ReaderModel.load(folder, ONE)


@given(order=st.permutations(range(len(TEXTS))), size=st.integers(1, len(TEXTS)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scores_are_those_of_the_text_whatever_is_beside_it(
    reader: ReaderModel, order: list[int], size: int
) -> None:
    alone = _alone(reader)
    chosen = order[:size]
    together = reader.score([TEXTS[i] for i in chosen])
    for row, i in enumerate(chosen):
        assert tiny_reader.rows(together)[row] == pytest.approx(tiny_reader.rows(alone[i])[0], abs=1e-6)
        assert together.pieces[row].spans.tolist() == alone[i].pieces[0].spans.tolist()
        assert together.pieces[row].vectors == pytest.approx(alone[i].pieces[0].vectors, abs=1e-5)


_KNOWN: dict[str, list[Scores]] = {}


def _alone(reader: ReaderModel) -> list[Scores]:
    if reader.name not in _KNOWN:
        _KNOWN[reader.name] = [reader.score([text]) for text in TEXTS]
    return _KNOWN[reader.name]


def test_a_post_of_a_megabyte_costs_a_bounded_number_of_windows(folder: Path) -> None:
    shape = Shape(24, 6, first=4, spread=3)
    tokens = Tokens(folder / "tokenizer.json", shape)
    middle = "cả làng đã khỏi hẳn"
    for text in (
        f"{LONG} " * 700, "a" * 1_000_000, "x " * 500_000, " " * 1_000_000, "🙏" * 250_000, "\u200b" * 1_000_000,
        f"{'lời dạo ' * 60_000} {middle} {'lời kết ' * 60_000}",
    ):  # fmt: skip
        windows = tokens.windows(text)
        assert 1 <= len(windows) <= 7
        assert all(len(window.ids) <= 24 for window in windows)
        ends = [window.characters for window in windows if window.characters[1]]
        assert ends == sorted(ends)
        assert not ends or ends[-1][1] <= len(text)
    long = tokens.windows(f"{LONG} " * 700)
    assert len(long) == 7
    # The first ones lie side by side, the others reach evenly to the end.
    reached = [window.characters for window in long]
    assert all(b[0] <= a[1] + 1 for a, b in pairwise(reached[:4]))
    assert reached[-1][1] >= len((f"{LONG} " * 700).rstrip())
    gaps = [b[0] - a[0] for a, b in pairwise(reached[4:])]
    assert max(gaps) < 1.2 * min(gaps)


def test_every_token_of_a_text_that_fits_belongs_to_one_window(folder: Path) -> None:
    tokens = Tokens(folder / "tokenizer.json", Shape(24, 6, first=100, spread=0))
    whole = Tokens(folder / "tokenizer.json", Shape(4096, 0, first=1, spread=0)).windows(LONG)[0]
    owned = [
        place
        for window in tokens.windows(LONG)
        for place in zip(window.starts[slice(*window.owned)], window.ends[slice(*window.owned)], strict=True)
    ]
    assert len(tokens.windows(LONG)) > 10
    assert owned == list(zip(whole.starts[1:-1], whole.ends[1:-1], strict=True))


@pytest.mark.parametrize(("max_length", "stride"), [(8, 6), (9, 7), (24, 22), (2, 0)])
def test_a_stride_that_leaves_no_room_is_refused(folder: Path, max_length: int, stride: int) -> None:
    with pytest.raises(models.DataError, match="stride"):
        Tokens(folder / "tokenizer.json", Shape(max_length, stride))


def test_a_prefix_stands_before_each_window_and_belongs_to_no_sentence(folder: Path) -> None:
    plain = Tokens(folder / "tokenizer.json", Shape(24, 6, 50, 0))
    led = Tokens(folder / "tokenizer.json", Shape(24, 6, 50, 0, prefix="tin: "))
    added = tiny_reader.tokenizer().encode("tin:", add_special_tokens=False).ids
    for window in led.windows(LONG):
        assert window.ids[1 : 1 + len(added)].tolist() == added
        assert (window.starts[: 1 + len(added)] == -1).all()
        assert len(window.ids) <= 24
    assert len(led.windows(LONG)) > len(plain.windows(LONG))
    short = led.windows("xin chào")[0]
    assert short.ids.tolist() == tiny_reader.tokenizer().encode("tin: xin chào").ids


def test_pieces_are_the_whole_text_and_its_sentences(reader: ReaderModel) -> None:
    text = (
        "Ăn tỏi là hết bệnh ngay. Ai cũng nói vậy! Bộ Y tế đã bác bỏ tin này rồi\nĐừng chia sẻ nữa nhé cả nhà"
    )
    (found,) = reader.score([text]).pieces
    assert [text[a:b] for a, b in found.spans.tolist()] == [
        text,
        "Ăn tỏi là hết bệnh ngay.",
        "Ai cũng nói vậy!",
        "Bộ Y tế đã bác bỏ tin này rồi",
        "Đừng chia sẻ nữa nhé cả nhà",
    ]
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert reader.embed([text])[0] == pytest.approx(found.vectors[0], abs=1e-6)
    # A sentence means something of its own: nearer to itself alone than to the others.
    alone = reader.embed([text[a:b] for a, b in found.spans.tolist()[1:]])
    assert np.argmax(alone @ found.vectors[1:].T, axis=1).tolist() == [0, 1, 2, 3]


@given(st.text(alphabet=st.sampled_from("ab ă.!?…\n;🙏"), max_size=400))
def test_sentences_cover_the_words_in_order_and_are_few(text: str) -> None:
    found = sentences(text, [(0, len(text))])
    assert len(found) <= MOST
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert "".join(text[a:b] for a, b in found).split() == [] or "".join(
        "".join(text[a:b].split()) for a, b in found
    ) == "".join(text.split())


def test_a_text_without_sentence_ends_is_cut_by_words() -> None:
    text = " ".join(f"từ{i}" for i in range(150))
    found = sentences(text, [(0, len(text))])
    assert len(found) == 6
    assert all(len(text[a:b].split()) <= 28 for a, b in found)
    assert len(sentences("đây là một câu dài. " * 1000, [(0, 20_000)])) <= MOST


@pytest.mark.parametrize("text", ["", "🙏🙏🙏", "\u200b\u200d\ufeff", "   \n ", "."])
def test_a_text_without_words_is_scored_too(reader: ReaderModel, text: str) -> None:
    (row,) = tiny_reader.rows(reader.score([text]))
    assert np.isfinite(row).all()
    (piece,) = reader.score([text]).pieces
    assert piece.spans[0].tolist() == [0, len(text)]
    assert np.linalg.norm(piece.vectors[0]) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_scores(reader: ReaderModel) -> None:
    scores = reader.score([])
    assert tiny_reader.rows(scores).shape == (0, len(heads()))
    assert scores.pieces == ()
    assert len(reader.embed([])) == 0


def test_harms_of_a_long_post_are_those_of_its_worst_part(tmp_path: Path) -> None:
    """Fillers around a post change its mean, never lower what its own window says."""
    encoder = Encoder.open(
        tiny_reader.write(tmp_path, quantised=False), Shape(24, 0, first=200, spread=0), ONE
    )
    tokens = Tokens(tmp_path / "tokenizer.json", Shape(24, 0, first=200, spread=0))
    (whole,) = encoder.read([LONG]).logits
    runner = OnnxRunner.open(tmp_path / "encoder.onnx", 1)
    each = np.array([runner.run(w.ids[None], np.ones_like(w.ids[None]))[0][0] for w in tokens.windows(LONG)])
    sizes = np.array([len(w.ids) for w in tokens.windows(LONG)])
    assert whole[12:] == pytest.approx(each[:, 12:].max(axis=0), abs=1e-5)
    assert whole[:12] == pytest.approx((each * sizes[:, None]).sum(axis=0)[:12] / sizes.sum(), abs=1e-5)


def test_what_is_off_topic_keeps_the_linear_scores_and_is_not_read(tmp_path: Path) -> None:
    linear = tiny_reader.linear()
    said = to_scores(linear.logits(TEXTS), linear.calibration)
    limit = float(np.median(said.about))
    stage = FirstStage(about=limit, harmful=1.0)
    reader = ReaderModel.load(tiny_reader.write(tmp_path, first_stage=stage), ONE)
    scores = reader.score(TEXTS)
    skipped = [not len(piece.spans) for piece in scores.pieces]
    assert skipped == (said.about < limit).tolist()
    assert 0 < sum(skipped) < len(TEXTS)
    plain = tiny_reader.rows(said)
    for row, skip in enumerate(skipped):
        assert np.allclose(tiny_reader.rows(scores)[row], plain[row]) == skip
    # A post that may be harmful is read, however far off topic it seems.
    never = tiny_reader.write(tmp_path / "never", first_stage=FirstStage(about=1.0, harmful=0.0))
    assert all(len(piece.spans) for piece in ReaderModel.load(never, ONE).score(TEXTS).pieces)


@pytest.mark.parametrize("acts", ["softmax", "sigmoid"])
def test_acts_sum_to_one_and_heads_are_mixed_as_the_folder_says(tmp_path: Path, acts: str) -> None:
    folder = tiny_reader.write(tmp_path, acts=acts)
    scores = ReaderModel.load(folder, ONE).score(TEXTS)
    assert scores.acts.sum(axis=1) == pytest.approx(1)
    shape = Shape(24, 6, first=4, spread=3)
    mixed = (
        Encoder.open(folder, shape, ONE).read(TEXTS).logits + 0.5 * tiny_reader.linear().logits(TEXTS) - 0.25
    )
    assert scores.harmful == pytest.approx(1 / (1 + np.exp(-(0.8 * mixed[:, -1] + 0.1))), abs=1e-3)


def test_the_linear_part_explains_and_without_it_the_sentences_do(
    reader: ReaderModel, tmp_path: Path
) -> None:
    for model in (reader, ReaderModel.load(tiny_reader.write(tmp_path, with_linear=False), ONE)):
        spans = model.spans(LONG)
        assert spans
        assert max(span.weight for span in spans) == 1
        assert all(0 <= span.start < span.end <= len(LONG) for span in spans)
        assert model.spans("") == ()


def test_the_places_of_segmented_characters_are_those_of_the_text() -> None:
    text = "Bộ  Y tế:  khử khuẩn\nngay"
    joined, places = placed(text, ["Bộ", "Y tế", ":", "khử khuẩn", "ngay"])
    assert joined == "Bộ Y_tế : khử_khuẩn ngay"
    for i, c in enumerate(joined):
        assert c in " _" or text[places[i]] == c
    # A segmenter that loses a letter is not followed.
    assert placed("ba", ["b"])[0] == "ba"


def test_windows_of_the_folder_are_those_that_are_read(tmp_path: Path) -> None:
    few = ReaderModel.load(tiny_reader.write(tmp_path / "few", first=1, spread=0), ONE)
    text = "Tin này là tin sai. " + LONG
    (piece,) = few.score([text]).pieces
    head = Tokens(tmp_path / "few/tokenizer.json", Shape(24, 6, 1, 0)).windows(text)[0].characters[1]
    assert 0 < piece.spans[1:].max() <= head < len(text)
