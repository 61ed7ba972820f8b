"""A model is trained end to end from a recipe on a tiny encoder made here; what was stopped goes on."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from classifier.load import load
from classifier.tfidf import heads
from store.text import fold, normalise
from tests.factory import HARMFUL, HARMLESS

pytest.importorskip("torch", reason="training needs torch: pip install 'kiemtin[train]'")
pytest.importorskip("transformers", reason="training needs transformers: pip install 'kiemtin[train]'")
pytest.importorskip("onnx", reason="training needs onnx: pip install 'kiemtin[train]'")

import torch

from classifier.evaluate.seen import HeldOut
from classifier.training import alone, augment, data, fuse, linear, loop, net
from classifier.training.material import Step
from classifier.training.publish import RECALL, RECALL_OF_HARM, first_stage, publish
from classifier.training.recipe import Recipe, Stage
from classifier.training.recipe import load as load_recipe
from classifier.training.run import Run

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
FILES = ("posts_train", "functional_a", "held")


def row(i: int) -> dict[str, object]:
    """A labelled row; two in three are harmful so that each fold has both."""
    harmful = i % 3 > 0
    text = f"{HARMFUL[i % len(HARMFUL)] if harmful else HARMLESS} {i} lần"
    return {
        "id": f"r{i}", "text": text, "about": i % 5 > 0, "act": "claim" if harmful else "news",
        "harm": [models.labels().harms[i % 9]] if harmful else [], "group": f"g{i // 2}", "topic": f"t{i % 3}",
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a tiny BERT whose vocabulary is the words of the rows."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("data")
    rows = [row(i) for i in range(90)]
    for name, part in zip(FILES, (rows[:60], rows[60:75], rows[75:]), strict=True):
        lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in part)
        (place / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    asked = {"question": "F0 cách ly mấy ngày ạ?", "answer": "Theo Bộ Y tế là bảy ngày."}
    (place / "asked.jsonl").write_text((json.dumps(asked, ensure_ascii=False) + "\n") * 8, encoding="utf-8")
    said = {"text": "Hôm nay trời đẹp quá, cả nhà tôi ra đồng gặt lúa từ sớm."}
    (place / "plain.jsonl").write_text((json.dumps(said, ensure_ascii=False) + "\n") * 8, encoding="utf-8")
    english = [{"text": "Garlic cures it", "label": "fake"}, {"text": "Wash your hands", "label": "real"}]
    (place / "english.jsonl").write_text("".join(json.dumps(one) + "\n" for one in english), encoding="utf-8")
    words = sorted({word for one in rows for word in str(one["text"]).split()})
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
    ).save_pretrained(place / "tiny")  # fmt: skip
    torch.manual_seed(1)
    BertModel(
        BertConfig(
            vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, pad_token_id=1,
        )
    ).save_pretrained(place / "tiny")  # fmt: skip
    return place


def recipe(**changed: object) -> Recipe:
    stage = {"epochs": 1, "rate": 1e-3, "tokens": 256}
    return Recipe.model_validate(
        {
            "name": "tiny-1",
            "encoder": "tiny",
            "max_length": 32,
            "stride": 8,
            "data": {
                "written": ["functional_a.jsonl"],
                "held_out": ["held.jsonl"],
                "questions": {"asked.jsonl": 4},
                "english": {"english.jsonl": 2},
                "plain": {"plain.jsonl": 4},
            },
            "warm": stage,
            "folds": {**stage, "frozen": 1, "off_topic": 3},
            "count": 2,
            "threads": 1,
            **changed,
        }
    )


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a whole run, with the model in `model`."""
    work = tmp_path_factory.mktemp("work")
    steps: list[Step] = []
    publish(Run(recipe(), folder, work, steps.append), work / "model")
    assert {step.name for step in steps} >= {
        "meanings",
        "warm",
        "fold 1/2",
        "fold 2/2",
        "linear",
        "held.jsonl",
    }
    assert all(0 <= step.done <= 1 for step in steps)
    return work


def test_a_trained_folder_is_served_measured_and_described(made: Path) -> None:
    folder = made / "model"
    model = load(folder)
    assert model.name == "tiny-1"
    scores = model.score([*HARMFUL, HARMLESS])
    assert scores.acts.sum(axis=1) == pytest.approx(1)
    assert model.embed([HARMLESS]).shape == (1, 32)
    figures = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert figures["posts"]["rows"] == 60
    assert figures["written"]["held.jsonl"]["rows"] == 15
    assert "held.jsonl" not in figures["trained_on"]
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    for part in (figures["posts"]["roc_auc"], figures["written"]["held.jsonl"]["average_precision"]):
        assert f"{part['value']:.3f}" in card
    held = HeldOut.load(folder)
    assert held.targets.shape == (60, len(heads()))


def test_without_an_encoder_the_linear_model_is_trained_by_itself(folder: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    figures = alone.publish(recipe(encoder=""), folder, tmp_path, steps.append)
    model = load(tmp_path)
    assert model.name == "tiny-1"
    scores = model.score([HARMFUL[0], HARMLESS])
    assert scores.harmful[0] > scores.harmful[1]
    assert steps[-1].done == 1
    assert figures["posts"]["rows"] == len(HeldOut.load(tmp_path).targets) == 60
    assert f"{figures['posts']['roc_auc']['value']:.3f}" in (tmp_path / "CARD.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == figures


def test_a_run_that_was_stopped_goes_on_and_comes_to_the_same(
    folder: Path, made: Path, tmp_path: Path
) -> None:
    for name in ("run.json", "warm.pt", "meanings.npy", "fold_0.npz", "fold_0.pt"):
        shutil.copy(made / name, tmp_path / name)
    steps: list[Step] = []
    run = Run(recipe(), folder, tmp_path, steps.append)
    run.warm()
    encoder, linear = run.folds()
    assert {step.name for step in steps} == {"fold 2/2"}
    with np.load(made / "fold_1.npz") as before, np.load(tmp_path / "fold_1.npz") as after:
        assert before["encoder"] == pytest.approx(after["encoder"], abs=1e-5)
        assert before["linear"] == pytest.approx(after["linear"], abs=1e-6)
    assert np.isfinite(encoder).all()
    assert np.isfinite(linear).all()


def test_an_epoch_that_was_finished_is_not_learned_again(folder: Path, tmp_path: Path) -> None:
    run = Run(recipe(warm={"epochs": 2, "rate": 1e-3, "tokens": 256}), folder, tmp_path, lambda step: None)
    whole = run.recipe.warm.plan(run.recipe.seed)
    texts = run.material.written
    given = (texts, np.full((len(texts), 32), np.nan, np.float32), np.full(len(texts), -1))
    weigh = lambda some: np.ones(len(some), np.float32)  # noqa: E731
    start = {key: value.clone() for key, value in run.reader.state_dict().items()}

    class Stopped(Exception):
        pass

    def stop_in_the_second(done: int, total: int) -> None:
        if done > total / 2:
            raise Stopped

    with pytest.raises(Stopped):
        loop.train(run.reader, run.batches, whole, lambda e: given, weigh, tmp_path / "c", stop_in_the_second)
    losses = loop.train(run.reader, run.batches, whole, lambda e: given, weigh, tmp_path / "c")
    stopped = {key: value.clone() for key, value in run.reader.state_dict().items()}
    run.reader.load_state_dict(start)
    assert losses == pytest.approx(
        loop.train(run.reader, run.batches, whole, lambda e: given, weigh), rel=1e-3
    )
    for key, value in run.reader.state_dict().items():
        assert torch.allclose(value, stopped[key], atol=1e-4), key


def test_a_work_folder_belongs_to_one_recipe(folder: Path, made: Path) -> None:
    with pytest.raises(models.DataError, match="lần huấn luyện khác"):
        Run(recipe(seed=5), folder, made, lambda step: None)


def test_one_more_run_over_everything_is_another_way_to_end(folder: Path, made: Path, tmp_path: Path) -> None:
    for name in ("warm.pt", "meanings.npy"):
        shutil.copy(made / name, tmp_path / name)
    run = Run(recipe(final="again"), folder, tmp_path, lambda step: None)
    run.warm()
    before = run.reader.heads.weight.detach().clone()
    assert not torch.equal(run.final().heads.weight, before)
    assert (tmp_path / "again.pt").exists()


@pytest.fixture
def phobert(tmp_path: Path) -> Path:
    """A tiny PhoBERT: its own kind of tokeniser, some merges, and pieces that its vocabulary lacks."""
    from transformers import PhobertTokenizer, RobertaConfig, RobertaModel

    place = tmp_path / "phobert"
    place.mkdir()
    (place / "vocab.txt").write_text(
        "Bộ 9\nco@@ 9\nvid 9\ncovid 9\nc@@ 9\nô@@ 9\nng_bố 9\na 9\n", encoding="utf-8"
    )
    (place / "bpe.codes").write_text(
        "B ộ</w> 9\nc o 9\nv i 9\nvi d</w> 9\nco vid</w> 9\nn g 9\nng _ 9\nng_ b 9\nng_b ố</w> 9\n",
        encoding="utf-8",
    )
    PhobertTokenizer(str(place / "vocab.txt"), str(place / "bpe.codes")).save_pretrained(place)
    torch.manual_seed(1)
    RobertaModel(
        RobertaConfig(
            vocab_size=13, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=64, pad_token_id=1,
        )
    ).save_pretrained(place)  # fmt: skip
    return place


@pytest.mark.parametrize(
    "text", ["Bộ covid", "công_bố covid", "co vid vi d", "xyz Bộ", "a", "", "b", "ng_b cong", "Bộ\tcovid"]
)
def test_phobert_is_given_the_pieces_it_knows(phobert: Path, text: str) -> None:
    from transformers import AutoTokenizer

    slow = AutoTokenizer.from_pretrained(phobert)
    encoder, fast = net.load(str(phobert))
    size = len(slow.get_vocab())
    known = [piece if piece < size else slow.unk_token_id for piece in fast(text)["input_ids"]]
    assert known == slow(text)["input_ids"]
    table = encoder.get_input_embeddings().weight
    assert len(table) == len(fast) > size
    assert torch.equal(table[size], table[slow.unk_token_id])


def test_a_phobert_is_trained_and_served_with_words_segmented(
    folder: Path, phobert: Path, tmp_path: Path
) -> None:
    pytest.importorskip("underthesea", reason="needs underthesea: pip install 'kiemtin[train]'")
    run = Run(
        recipe(encoder=str(phobert), segment="underthesea"), folder, tmp_path / "work", lambda step: None
    )
    publish(run, tmp_path / "model")
    assert np.isfinite(load(tmp_path / "model").score(["Bộ Y tế công bố covid"]).harmful).all()


def test_an_encoder_that_is_nowhere_is_a_clear_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(models.DataError, match="không có thư mục này"):
        Run(recipe(encoder=str(tmp_path / "nowhere")), folder, tmp_path, lambda step: None)


def test_the_shipped_recipe_can_be_read_and_its_written_sets_are_there() -> None:
    shipped = load_recipe(models.path("recipes") / "reader.yaml")
    for name in shipped.data.written:
        if name.startswith("written/"):
            texts = data.labelled(models.path(name), written=True)
            assert 0.3 < texts.known("harmful").mean() < 0.7
            assert len({*texts.texts}) == len(texts)
    assert not {*shipped.data.written} & {*shipped.data.held_out}


@pytest.mark.parametrize(
    ("broken", "named"),
    [("name: x", "data"), ("warm: 3", "warm"), ("- a", "dictionary"), ("a: [", "reader")],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, broken: str, named: str) -> None:
    file = tmp_path / "reader.yaml"
    file.write_text(broken, encoding="utf-8")
    with pytest.raises(models.DataError, match=named):
        load_recipe(file)


@pytest.mark.parametrize(
    "line", ["{hỏng", '{"text": "a"}', '{"text": "a", "id": 1, "about": 1, "act": "song", "harm": []}',
             '{"text": "a", "id": 1, "about": 1, "act": "claim", "harm": ["noise"]}'],
)  # fmt: skip
def test_a_wrong_label_names_its_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "posts_train.jsonl"
    path.write_text(f"{json.dumps(row(1))}\n{json.dumps(row(2))}\n{line}\n", encoding="utf-8")
    with pytest.raises(models.DataError, match=r"posts_train\.jsonl, dòng 3"):
        data.labelled(path, written=False)


def test_a_decision_teaches_what_people_said_and_no_guess(tmp_path: Path) -> None:
    said = {"text": "Uống nước tỏi khỏi hẳn", "about": 1, "act": "claim", "harm": ["cure"], "id": "d1"}
    rows = [{**said, "judged": ["harmful"]}, {**said, "judged": ["harmful", "act", "harm"]}, said]
    path = tmp_path / "decided.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    texts = data.labelled(path, written=False)
    known = [{n for n, v in zip(heads(), row, strict=False) if v == v} for row in texts.targets]
    scheme = models.labels()
    assert known == [{"harmful"}, {"harmful", *scheme.acts, *scheme.harms}, {*heads()}]
    mixed = data.joined(texts, data.partly(["trời đẹp"] * 3, "x", dict.fromkeys(heads()[1:], 0.0)))
    fitted = linear.fit(mixed, "thử", 1)
    assert fitted.score(["bài"]).about[0] > 0.99  # of the only row that says so
    assert len(data.without(texts, frozenset({fold(said["text"])}))) == 0


def test_what_is_unknown_adds_nothing_to_the_loss() -> None:
    logits = torch.randn(2, len(heads()) + len(data.EXTRA))
    targets = torch.full_like(logits, float("nan"))
    balance = torch.ones(logits.shape[1])
    assert float(loop.loss_of(logits, targets, torch.ones(2), balance, 0.0)) == 0
    targets[0, -2] = 1.0
    known = loop.loss_of(logits, targets, torch.ones(2), balance, 0.0)
    logits[:, 3] += 5
    assert float(loop.loss_of(logits, targets, torch.ones(2), balance, 0.0)) == pytest.approx(float(known))


def test_a_meaning_in_its_place_loses_least() -> None:
    wanted = torch.nn.functional.normalize(torch.randn(6, 8), dim=-1)
    none = torch.full((6,), -1)
    places = torch.zeros(0, 8)
    right = loop.meaning_loss(wanted, wanted, places, none)
    assert float(right) < float(loop.meaning_loss(wanted.flip(0), wanted, places, none))
    unknown = torch.full_like(wanted, float("nan"))
    assert float(loop.meaning_loss(wanted, unknown, places, none)) == 0
    topics = torch.arange(6)
    near = loop.meaning_loss(wanted, unknown, wanted, topics)
    assert float(near) < float(loop.meaning_loss(wanted, unknown, wanted.flip(0), topics))


def test_fusion_trusts_the_part_that_knows() -> None:
    chance = np.random.default_rng(3)
    truth = chance.random((400, len(heads()))) < 0.4
    knows = np.where(truth, 2.0, -2.0) + chance.normal(size=truth.shape)
    guesses = chance.normal(size=truth.shape)
    groups = [str(i // 2) for i in range(400)]
    fused = fuse.fit(knows, guesses, truth, groups)
    assert (fused.mix[:, 0] > 3 * fused.mix[:, 1]).all()
    p = fuse.crossed(knows, guesses, truth, groups)
    assert np.abs(p[:, -1].mean() - truth[:, -1].mean()) < 0.05
    assert p[:, 1 : 1 + len(models.labels().acts)].sum(axis=1) == pytest.approx(1)


def test_the_first_stage_keeps_what_it_must(made: Path) -> None:
    from classifier.tfidf import TfidfModel, to_scores

    chance = np.random.default_rng(5)
    targets = chance.random((2000, len(heads()))) < 0.3
    logits = np.where(targets, 1.0, -1.0) + chance.normal(size=targets.shape)
    model = TfidfModel.load(made / "model" / "tfidf")
    stage = first_stage(model, logits, targets)
    said = to_scores(logits, model.calibration)
    skipped = (said.about < stage.about) & (said.harmful < stage.harmful)
    assert skipped[targets[:, 0]].mean() <= 1 - RECALL + 1e-3
    assert skipped[targets[:, -1]].mean() <= 1 - RECALL_OF_HARM + 1e-3
    assert skipped.any()


@given(st.text(min_size=1, max_size=200), st.integers(0, 2**32))
def test_what_is_disturbed_is_still_a_text(text: str, seed: int) -> None:
    changed = augment.disturbed(text, random.Random(seed), share=1.0)
    assert changed.strip() or not text.strip()
    assert len(changed) <= 6 * len(text) + 80


@given(st.text(alphabet="aăâđeêioôơuưyáàảãạấầẩẫậ nghtcĐẤ", max_size=60))
def test_marks_that_are_stripped_fold_to_the_same(text: str) -> None:
    assert fold(augment.strip_marks(normalise(text))) == fold(normalise(text))


def test_a_long_text_is_cut_and_keeps_its_ends() -> None:
    batches = loop.Batches(lambda texts: [[0, *range(10, 10 + len(t)), 2] for t in texts], 16, 1, 64)
    for rows, ids, mask in batches.draw(["a" * 50, "b" * 3, "c" * 14], random.Random(1), 0.0):
        for i, _ in enumerate(rows):
            kept = ids[i][mask[i].bool()].tolist()
            assert kept[0] == 0
            assert kept[-1] == 2
            assert len(kept) <= 16
        assert ids.numel() <= 64 or len(rows) == 1


def test_frozen_layers_stay_as_they_were(folder: Path) -> None:
    encoder, _ = net.load(str(folder / "tiny"))
    reader = net.Reader(encoder)
    reader.freeze(1)
    frozen = {name for name, p in reader.named_parameters() if not p.requires_grad}
    assert all("embeddings" in name or "layer.0." in name for name in frozen)
    assert any("layer.0." in name for name in frozen)
    reader.freeze(0)
    assert all(p.requires_grad for p in reader.parameters())


def test_a_stage_says_what_its_plan_is() -> None:
    plan = Stage(epochs=2, rate=1e-4, frozen=3).plan(7)
    assert (plan.epochs, plan.frozen, plan.seed) == (2, 3, 7)
